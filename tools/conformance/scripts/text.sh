# grep, sed, the awks, diff, find, xargs, patch.
set -u
mkdir -p tree/a/b tree/c; for i in 1 2 3 4 5 6; do echo "line $i of file $((i % 3))" >> tree/f$((i % 3)).txt; cp tree/f$((i % 3)).txt tree/a/b/g$i; done; ln -s ../f0.txt tree/c/link; : > tree/c/empty
grep -rn 'line [45]' tree | sort; grep -c line tree/f0.txt; grep -oP '\d(?= of)' tree/f1.txt; grep -E -v '1|2' tree/a/b/*; grep -i LINE -m1 tree/f2.txt; grep -q none tree/f0.txt; echo "grep $?"; grep x missing; echo "grep $?"
sed -e 's/line \([0-9]\)/<\1>/; 2q' tree/f1.txt; sed -n '$p' tree/f1.txt; sed -i.bak 's/of/OF/' tree/f0.txt; cat tree/f0.txt tree/f0.txt.bak; printf 'a\nb\nc\n' | sed '1!G;h;$!d'; sed 'y/abc/xyz/;w written' < tree/f2.txt; cat written
for awk in gawk mawk original-awk; do
  command -v $awk > /dev/null || continue
  $awk '{ n[$5] += $2 } END { for (k in n) print k, n[k] | "sort"; close("sort"); printf "%.3f %s %d\n", atan2(0, -1), toupper("abc"), length("hello") }' tree/f*.txt
  $awk 'BEGIN { "echo from a command" | getline x; print x; while ((getline line < "tree/f1.txt") > 0) print "got " line; system("echo system"); exit 3 }'; echo "$awk $?"
  seq 20000 | $awk '{ s += $1 * $1; a[$1 % 97]++ } END { print s, a[5] }'
done
diff -u tree/f0.txt tree/f0.txt.bak | tail -n +3 > change; cat change; diff -r tree/a tree/c; echo "diff $?"; diff -y -W 40 tree/f1.txt tree/f2.txt; cmp tree/f1.txt tree/f2.txt; diff3 tree/f0.txt tree/f1.txt tree/f2.txt; sdiff -s -w 60 tree/f1.txt tree/f2.txt
find tree -type f | sort; find tree -name '*.txt' -size -1k -exec wc -c {} + | tail -1; find tree -empty -o -type l | sort; find tree -name 'g[12]' -delete; find tree -name 'g*' -print0 | sort -z | xargs -0 -n 2 echo; find tree -path '*/b/*' -ok true \; < /dev/null 2>/dev/null; echo "find $?"
seq 10 | xargs -P 3 -n 1 -I{} sh -c 'echo {}' | sort -n | paste -sd' '; echo a b | xargs -t echo 2>&1; seq 3 | xargs false; echo "xargs $?"
