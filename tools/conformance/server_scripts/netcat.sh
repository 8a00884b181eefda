# netcat-openbsd: TCP, UDP and UNIX sockets, listening and connecting, port scan, time-outs
# needs: nc.openbsd
open() { until nc.openbsd -z 127.0.0.1 "$1" 2>/dev/null; do sleep 0.05; done; }
(echo "from the server" | nc.openbsd -l -N 127.0.0.1 "$PORT" > received.txt; echo "server $?" > server.txt) &
server=$!
until echo "from the client" | nc.openbsd -N 127.0.0.1 "$PORT" 2>/dev/null; do sleep 0.05; done
wait $server
cat received.txt server.txt
seq 1 50000 > numbers.txt
nc.openbsd -l -N 127.0.0.1 "$PORT2" > copy.txt &
server=$!
until nc.openbsd -N 127.0.0.1 "$PORT2" < numbers.txt 2>/dev/null; do sleep 0.05; done
wait $server
echo "server $?"
cmp numbers.txt copy.txt && echo equal
nc.openbsd -kl 127.0.0.1 "$PORT" > many.txt &
server=$!
open "$PORT"
for i in 1 2 3; do echo "client $i" | nc.openbsd -N 127.0.0.1 "$PORT"; done
until [ "$(wc -l < many.txt)" = 3 ]; do sleep 0.05; done
sort many.txt
nc.openbsd -zv 127.0.0.1 "$PORT" 2>&1 | sed "s/$PORT/PORT/"
kill $server
wait $server
echo "server $?"
nc.openbsd -z 127.0.0.1 "$PORT"
echo "closed: $?"
nc.openbsd -lU stream.sock > unix.txt &
server=$!
until [ -S stream.sock ]; do sleep 0.05; done
echo "over unix" | nc.openbsd -NU stream.sock
wait $server
cat unix.txt
nc.openbsd -u -l -W 1 127.0.0.1 "$PORT" > udp.txt &
server=$!
while kill -0 $server 2>/dev/null; do echo "a datagram" | nc.openbsd -u -w 1 127.0.0.1 "$PORT"; done
cat udp.txt
nc.openbsd -w 1 127.0.0.1 1
echo "refused: $?"
