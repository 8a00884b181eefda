# redis-benchmark against redis-server: SET, GET, LPUSH, INCR, pipelined and not; client and server in one run
# needs: redis-server redis-cli redis-benchmark
redis-server --port "$PORT" --bind 127.0.0.1 --dir "$PWD" --logfile redis.log --save "" --maxclients 100 &
server=$!
until [ "$(redis-cli -p "$PORT" ping 2>&1)" = PONG ]; do sleep 0.05; done
redis-benchmark -p "$PORT" -n 400 -c 10 -t set,get,lpush,incr --csv | cut -d, -f1
echo "status $?"
redis-benchmark -p "$PORT" -n 2000 -c 5 -P 16 -r 100 -t set,get --csv | cut -d, -f1
redis-cli -p "$PORT" info commandstats | grep -E 'cmdstat_(set|get|lpush|incr):' | sed 's/,usec.*//' | sort
redis-cli -p "$PORT" shutdown nosave
wait "$server"
echo "the server ended: $?"
