# redis-server: keys of all types, Lua, transactions, blocked clients, BGSAVE (fork), AOF and its rewrite, restart with the data still there
# needs: redis-server redis-cli
cli="redis-cli -p $PORT"
start() {
  redis-server --port "$PORT" --bind 127.0.0.1 --dir "$PWD" --logfile redis.log --save "" --maxclients 100 "$@" &
  server=$!
  until [ "$($cli ping 2>&1)" = PONG ]; do sleep 0.05; done
}
stop() {
  $cli shutdown save
  wait "$server"
  echo "the server ended: $?"
}
finished() {
  until $cli info persistence | grep -q "$1_in_progress:0"; do sleep 0.05; done
}
start --appendonly no
$cli <<'REQUESTS'
set greeting hello
get greeting
append greeting ", world"
strlen greeting
incrby counter 41
incr counter
rpush list a b c d
lrange list 0 -1
lpop list 2
hset hash one 1 two 2
hgetall hash
zadd scores 3 three 1 one 2 two
zrange scores 0 -1 withscores
sadd set x
sismember set y
setex passing 100 soon
ttl passing
type hash
exists nothing
xadd stream 1-1 field value
xrange stream - +
pfadd log a b c
pfcount log
setbit bits 7 1
bitcount bits
multi
incr counter
incr greeting
exec
eval "local t = {} for i = 1, 5 do t[i] = redis.call('incr', KEYS[1]) end return t" 1 counter
eval "return redis.sha1hex(ARGV[1])" 0 text
debug sleep 0
unknown command
config get maxclients
dbsize
REQUESTS
$cli blpop queue 20 > blocked.txt &
blocked=$!
until $cli client list | grep -q 'cmd=blpop'; do sleep 0.05; done
$cli rpush queue job
wait "$blocked"
cat blocked.txt
i=0
while [ $i -lt 500 ]; do echo "set key:$i value-$i"; i=$((i + 1)); done | $cli --pipe | tail -1
$cli bgsave
finished rdb_bgsave
$cli info persistence | grep -E 'rdb_last_bgsave_status|rdb_changes'
redis-check-rdb dump.rdb | grep -cE 'Checksum OK|RDB looks OK'
stop
start --appendonly no
$cli <<'REQUESTS'
dbsize
get greeting
get key:499
config set appendonly yes
REQUESTS
finished aof_rewrite
$cli <<'REQUESTS'
set later "after the restart"
REQUESTS
$cli bgrewriteaof
finished aof_rewrite
$cli info persistence | grep -E 'aof_last_bgrewrite_status|aof_last_write_status'
$cli set last "in the log"
kill -TERM "$server"
wait "$server"
echo "the server ended: $?"
start --appendonly yes --appendfsync always
$cli <<'REQUESTS'
get later
get last
dbsize
REQUESTS
stop
sed -n 's/.*[*#] //p' redis.log | grep -E '^(Background saving terminated|DB loaded from|User requested|DB saved|Received|Redis is now)' | sed 's/[0-9.]* seconds/N seconds/; s/ from .* aof/ aof/'
