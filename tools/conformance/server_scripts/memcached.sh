# memcached: threads, the text protocol over TCP and a UNIX socket, evictions, expiry, stop by SIGTERM
# needs: memcached nc.openbsd
memcached -u root -l 127.0.0.1 -p "$PORT" -t 4 -m 8 -v > log.txt 2>&1 &
server=$!
ask() { nc.openbsd -N 127.0.0.1 "$PORT" | tr -d '\r'; }
until echo version | ask | grep -q VERSION; do sleep 0.05; done
printf 'set greeting 5 0 5\r\nhello\r\nget greeting\r\nadd greeting 0 0 1\r\nx\r\nappend greeting 0 0 6\r\n world\r\nget greeting\r\nquit\r\n' | ask
printf 'set n 0 0 1\r\n9\r\nincr n 5\r\ndecr n 100\r\nincr nothing 1\r\nget n\r\nquit\r\n' | ask
printf 'set brief 0 -1 1\r\nx\r\nget brief\r\ntouch n 100\r\ngat 100 n\r\ndelete n\r\ndelete n\r\nnonsense\r\nquit\r\n' | ask
printf 'gets greeting\r\ncas greeting 0 0 3 99\r\nnew\r\nmg greeting v f\r\nquit\r\n' | ask
i=0
while [ $i -lt 1000 ]; do printf 'set key:%d 0 0 9\r\nvalue-%03d\r\n' $i $((i % 1000)); i=$((i + 1)); done | ask | sort | uniq -c
for client in 1 2 3 4 5 6 7 8; do
  (printf 'get key:%d\r\nincr count:%d 1\r\nquit\r\n' $((client * 100)) $client | ask > "client$client.txt") &
  clients="$clients $!"
done
wait $clients
cat client?.txt
printf 'stats\r\nquit\r\n' | ask | grep -E 'STAT (threads|curr_items|cmd_set|get_hits|get_misses|limit_maxbytes|evictions) '
printf 'set big 0 0 2000000\r\n' | ask
ls /proc/$server/task | wc -l
printf 'flush_all\r\nget greeting\r\nquit\r\n' | ask
kill -TERM $server
wait $server
echo "the server ended: $?"
grep -i signal log.txt
