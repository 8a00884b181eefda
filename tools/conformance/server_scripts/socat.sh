# socat: a TCP relay, a forking echo server, exec with a pseudo-terminal, UNIX and UDP sockets, a pair of ptys
# needs: socat
waiting() { until [ -e "$1" ]; do sleep 0.05; done; }
connected() { until socat -u OPEN:/dev/null "$1" 2>/dev/null; do sleep 0.05; done; }
socat -t 10 "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" EXEC:cat &
echoer=$!
connected "TCP:127.0.0.1:$PORT"
printf 'one\ntwo\n' | socat -t 10 - "TCP:127.0.0.1:$PORT"
socat -t 10 "TCP-LISTEN:$PORT2,bind=127.0.0.1,reuseaddr,fork" "TCP:127.0.0.1:$PORT" &
relay=$!
connected "TCP:127.0.0.1:$PORT2"
i=0
while [ $i -lt 20000 ]; do echo "line $i through the relay"; i=$((i + 1)); done > large.txt
socat -t 10 - "TCP:127.0.0.1:$PORT2" < large.txt | cksum
cksum < large.txt
for i in 1 2 3 4 5; do (echo "client $i" | socat -t 10 - "TCP:127.0.0.1:$PORT2" > "client$i.txt") & clients="$clients $!"; done
wait $clients
cat client?.txt
kill $relay $echoer
wait $relay
echo "the relay ended: $?"
wait $echoer
echo "the echo server ended: $?"
cat > terminal.sh <<'CHILD'
{
  stty size
  tty | sed 's/[0-9]*$/N/'
  ps -o tty= -p $$ | sed 's/[0-9]*$/N/'
  read -r line
  echo "heard $line"
} > seen.txt
CHILD
echo 'a line' | socat -t 10 - EXEC:'sh terminal.sh',pty,setsid,ctty,stderr,raw,echo=0
echo "status $?"
cat seen.txt
socat - EXEC:'sh -c "exit 3"'
echo "status $?"
echo 'tr a-z A-Z' > upper.sh
echo 'loud' | socat -t 10 - EXEC:'sh upper.sh',pipes
echo 'system' | socat -t 10 - SYSTEM:'read word; echo $word of the shell'
socat -t 10 UNIX-LISTEN:unix.sock,fork SYSTEM:'read word; echo unix $word' &
server=$!
waiting unix.sock
echo name | socat -t 10 - UNIX-CONNECT:unix.sock
kill $server
wait $server
echo "status $?"
socat -t 10 ABSTRACT-LISTEN:conformance-$PORT SYSTEM:'cat >&2; echo bye' 2> abstract.txt &
server=$!
until echo abstract | socat -t 10 - ABSTRACT-CONNECT:conformance-$PORT 2>/dev/null; do sleep 0.05; done
wait $server
cat abstract.txt
socat -u UDP-RECV:$PORT,bind=127.0.0.1 CREATE:datagrams.txt &
server=$!
until [ -s datagrams.txt ]; do echo datagram | socat -u - UDP-SENDTO:127.0.0.1:$PORT; sleep 0.1; done
head -1 datagrams.txt
kill $server
wait $server
echo "status $?"
socat PTY,link=a,raw,echo=0 PTY,link=b,raw,echo=0 &
pair=$!
waiting a; waiting b
(head -n 1 < b > heard.txt) &
listener=$!
echo 'from one terminal to the other' > a
wait $listener
cat heard.txt
stty -F a -a | grep -oE '\-?(icanon|echo|opost|isig)\b'
kill $pair
wait $pair
echo "status $?"
ls a b 2>&1 | wc -l
socat -d TCP:127.0.0.1:1 - 2>&1 | grep -c refused
echo "no server: $?"
seq 1 2000 | socat -u - OPEN:file.txt,creat,append && tail -1 file.txt
socat -u OPEN:file.txt,seek=8000 - | wc -c
