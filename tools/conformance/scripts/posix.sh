# What each shell is asked: words, redirections, jobs, signals, functions, here-documents, children and what they return.
set -u
echo "one two" three; printf '%s|%d|%x\n' word 42 255
x=5; y=$((x * 7 - 3)); echo "$y ${x:-no} ${z:-default} ${x:+set}"
name=path/to/file.tar.gz; echo "${name##*/} ${name%%.*} ${name#*/} ${name%.*} ${#name}"
for i in 1 2 3; do case $i in 2) echo two ;; [13]) echo odd ;; esac; done
i=0; while [ $i -lt 50 ]; do i=$((i + 1)); done; echo $i
until [ $i -le 45 ]; do i=$((i - 1)); done; echo $i
f() { echo "f: $# $*"; return 7; }
f a "b c" d; echo "status $?"
(exit 3); echo "subshell $?"
false || echo or; true && echo and; ! false && echo not
echo "to a file" > out; echo more >> out; cat < out; cat <<HERE
here $x $(echo command)
HERE
cat <<'HERE'
quoted $x
HERE
echo err 2>&1 1>/dev/null; { echo both; echo err >&2; } 2>&1 | sort
seq 5 | while read -r n; do printf '%s ' "$n"; done; echo
echo a b c | { read -r first rest; echo "$rest/$first"; }
exec 3> third; echo "on three" >&3; exec 3>&-; cat third
exec 4< third; read -r line <&4; echo "$line"; exec 4<&-
mkdir -p d/e; cd d/e && pwd | sed 's/.*\/d/d/'; cd ../..
touch a1 a2 b1; echo a* [!a]1 none*; set -- a?; echo "$# $1"; shift; echo "$1"
sleep 0.05 & wait $!; echo "waited $?"
(exit 9) & wait $!; echo "waited $?"
trap 'echo got USR1' USR1; kill -s USR1 $$; trap - USR1
(trap 'echo leaving' EXIT; echo inside; exit 4); echo "exit $?"
sh -c 'kill -TERM $$'; echo "killed $?"
sh -c 'kill -9 $$'; echo "killed $?"
nosuchcommand-at-all 2>/dev/null; echo "not found $?"
./out 2>/dev/null; echo "not executable $?"
printf '#!/bin/sh\necho "script $0 $1"\n' > script; chmod +x script; ./script argument
umask 027; umask; : > masked; ls -l masked | cut -c1-10
echo one | cat | cat | cat | tr a-z A-Z
echo "$(echo nested $(echo deeper))" `echo back`
eval 'echo evaluated $x'; unset x; echo "${x-unset}"
IFS=:; set -- $(echo a:b:c); echo "$2"; unset IFS
export EXPORTED=yes; sh -c 'echo $EXPORTED'; VAR=once sh -c 'echo $VAR'
set -e; (false; echo never) || echo "errexit"; set +e
type echo > /dev/null && echo "type"; command -v nothing-here || echo "no such"
test -d d && test -f out && test ! -e missing && [ out -nt missing ] && echo tests
echo "12 * 3" | bc 2>/dev/null || echo 36
ulimit -n > /dev/null && echo limits
yes | head -3; echo "head done"
dd if=/dev/zero bs=1024 count=64 2>/dev/null | wc -c
(sleep 5 & echo $! > pid; kill $(cat pid); wait $(cat pid); echo "child $?")
for n in 1 2 3 4 5 6 7 8; do (echo $n > out$n) & done; wait; cat out[1-8]
echo done; exit 6
