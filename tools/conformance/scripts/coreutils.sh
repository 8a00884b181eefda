# GNU coreutils: each with what it says and returns.
set -u
try() { printf '%s: ' "$1"; "$@" > said 2>&1 < in; status=$?; head -c 400 said; echo " = $status"; }
printf 'pear 3\napple 1\nfig 2\napple 1\n' > in; seq 40 > numbers; mkdir dir dir/deep; echo x > dir/x; ln -s in link; sort in > sorted
try b2sum in; try base32 in; try base64 -w 20 in; try basenc --base16 in; try basename a/b.c .c; try cat -A in; try chgrp 0 in; try chmod -v u=rw,go= in; try chown -v 0:0 in; try cksum in
try comm sorted sorted; try cp -av dir copy; try csplit -s numbers 10 20; try cut -c1-3 in; try date -u -d @0 +%c; try dd if=numbers bs=10 skip=1 count=2 status=none; try df none; try dir dir; try dircolors -b none; try dirname a/b
try du -ab dir/x; try echo -e 'a\tb'; try env -i A=b env; try expand -t 4 in; try expr length abc; try factor 1234567890123; try false; try fmt -w 10 in; try fold -w 4 in; try groups root; try head -c 5 in; try hostid none; try id -u
try install -D -m 700 in inst/a; try join sorted sorted; try link in hard; try ln -sv in soft; try logname none; try ls -lR --time-style=+ -G -g --color=never dir; try md5sum in; try mkdir -pv p/q; try mkfifo fifo; try mknod p2 p; try mktemp -u XXXX --suffix=/; try mv -v copy moved
try nice -n 3 nice; try nl in; try nohup true; try nproc --ignore=999; try numfmt --to=iec 123456789; try od -An -tx1 in; try paste -sd, in; try pathchk -p 'a b'; try pinky none; try pr -l 5 -t in; try printenv HOME-none; try printf '%s-%q\n' a 'b c'; try ptx none; try pwd none
try readlink -f link; try realpath --relative-to=dir in; try rm -rv moved; try rmdir -v p/q; try seq -s, 1 .5 3; try sha1sum in; try sha224sum in; try sha256sum in; try sha384sum in; try sha512sum in; try shred -u soft; try shuf -i 5-5; try sleep .01; try sort -k2n in; try split -n 3 numbers
try stat -c '%A %s %F %h' in; try stdbuf -oL cat in; try stty; try sum in; try sync in; try tac in; try tail -n 2 in; try tee copy2; try test 1 -lt 2; try timeout .1 sleep 5; try timeout -s KILL .1 sleep 5; try touch -d @1000 t; try stat -c %Y t; try tr -s a-z X; try true; try truncate -s 5K big; try tsort dir/x; try tty; try uname -sm
try unexpand -a in; try uniq -c in; try unlink hard; try users none; try vdir --time-style=+ -g -G dir; try wc in; try who none; try whoami; try [ a = a ]
cp --sparse=always big sparse; cmp big sparse; cp --reflink=auto in ref; cmp in ref && echo copied; tail -n 1 -f in --pid=$$ -s .05 & tail_pid=$!; sleep .2; kill $tail_pid; wait $tail_pid; echo "tail $?"
seq 100000 | sort -R --random-source=numbers 2>/dev/null | sort -n --parallel=2 -S 200k | md5sum; head -c 1000000 /dev/zero | sha256sum
