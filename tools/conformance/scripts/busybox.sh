# One line an applet: its name, the first 300 bytes that it says, what it returns. Arguments are chosen to say the same on any machine at any time.
n=0
try() {
  name=$1; n=$((n + 1)); printf '%s: ' "$name"
  busybox "$@" > said 2>&1 < in; status=$?
  head -c 300 said; echo " = $status"
}
printf 'one 1\ntwo 2\nthree 3\ntwo 2\n' > in; cp in other; echo four >> other; mkdir dir; echo x > dir/x; ln -s in link
try arch; try ascii; try ash -c 'echo ash $0'; try awk '{ s += $2 } END { print s, NR }'; try base64 in
try basename /a/b.c .c; try bc -q -e '2^10'; try bunzip2 -t none; try bzcat none; try bzip2 -k -c in; try cal 2 2024; try cat in
try chgrp 0 in; try chmod 640 in; try chown 0:0 in; try clear; try cmp in other; try cp in copy
try cpio -t; try crc32 in; try cut -d' ' -f2 in; try date -u -d @86400 +%F; try dc -e '3 4 * p'; try dd if=in bs=4 count=2 status=none
try df none; try diff in other; try dirname /a/b/c; try dos2unix -u copy; try du -a dir/x none; try echo a b; try ed none; try egrep 'o|h' in
try env -i A=1; try expand in; try expr 6 '*' 7; try factor 360 97; try fallocate -l 100 allocated; try false; try fgrep two in; try find dir
try flock in true; try fold -w 3 in; try ftpget; try getopt ab: -a -b c d; try grep -c two in; try groups; try gunzip none; try gzip -c none
try hd in; try head -n 1 in; try hexdump -C in; try hostid none; try id -u
try ionice true; try ipcalc -n 10.1.2.3/8; try kill -l 9; try killall none-at-all; try ln in hard; try logname none; try ls dir
try lzcat none; try lzop none; try md5sum in; try mkdir new; try mkfifo fifo; try mknod p p; try mktemp -u -p dir XX; try more in; try mv copy moved
try mt; try nl in; try nologin; try nproc --ignore=99; try nsenter true; try od -c in; try paste in other; try patch none
try pidof none-at-all; try ping -c; try printf '%05d|%-4s|\n' 42 ab; try pwd none; try readlink link; try realpath /usr/../usr; try renice
try reset none; try rev in; try rm inst; try rmdir new; try run-parts dir; try sed -n 's/o/0/gp' in; try seq 1 3 10; try setpriv true; try setsid true
try sh -c 'exit 5'; try sha1sum in; try sha256sum in; try sha3sum in; try sha512sum in; try shred none; try shuf -i 1-1; try sleep 0; try sort -u in; try ssl_client; try start-stop-daemon
try stat -c %s:%F in; try strings in; try stty none; try sync; try tac in; try tail -n 1 in; try tar -cf a.tar dir; try tar -tf a.tar; try taskset none; try tee tee; try test -f in; try time -f t true
try timeout 5 true; try timeout 0.1 sleep 5; try touch touched; try tr a-z A-Z; try true; try truncate -s 10 touched; try ts none; try tty; try uname -s; try uncompress none
try unexpand in; try uniq -c in; try unix2dos in; try unlink moved; try unlzma none; try unshare; try unxz none; try unzip none; try usleep 1; try uudecode in; try uuencode in name; try vi -h; try wc in
try wget; try which sh; try who none; try whoami; try xargs echo; try xxd in; try xz none; try xzcat none; try zcat none; try nslookup
echo "$n applets"
