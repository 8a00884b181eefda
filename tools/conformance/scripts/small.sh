# Small languages and tools: jq, bc, dc, file, m4, openssl, tput, tic, less, hexdump.
set -u
try() { command -v "$1" > /dev/null || { echo "$1: not installed"; return; }; printf '%s: ' "$1"; "$@" < in 2>&1; echo " = $?"; }
echo '{"a": [1, 2.5, {"b": null}], "s": "tést", "n": 12345678901234567890}' > in
try jq -S .; try jq -c '[.a[0:2][] * 2] | add, length'; try jq '.s | test("t.st"), ascii_downcase, @base64'; try jq -e '.missing'; try jq '.['; echo 'scale=40; 4*a(1); 2^200; define f(n) { if (n < 2) return 1; return n * f(n - 1); } f(25); sqrt(2)' > in; try bc -lq
echo '[1, 2, 3]' > in; try dc -e '5k 2v p 16o 255p'; try file /bin/sh in /dev/null /usr/bin . ; try file -b --mime in; try m4 -DX=5; try openssl dgst -sha256 in; try openssl enc -aes-128-cbc -K 00 -iv 00 -a -in in; try openssl base64 -in in; openssl genpkey -algorithm ed25519 -out key 2>&1; openssl pkey -in key -pubout 2> /dev/null | wc -l; openssl rand -hex 16 | wc -c; openssl req -x509 -key key -subj /CN=a -days 1 2> /dev/null | openssl x509 -noout -subject
try tput -T xterm cols; try tput -T xterm bold; try tput -T vt100 cup 3 4; try infocmp -1 vt100; try less in; try less -F missing; try hexdump -C in; try xxd in; try column -t in; try rev in; try look a in; try getopt -o ab: -- -a -b x y; try envsubst; try m4 missing; try tclsh missing; try od -c in; try strings in; try ed -s missing; try expect -c 'exit 3'
