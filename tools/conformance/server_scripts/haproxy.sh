# haproxy in front of two servers: threads, balancing, health checks, statistics over a UNIX socket, a server that goes down, soft stop
# needs: haproxy socat curl python3
mkdir one two
echo one > one/name
echo two > two/name
cat > back.py <<'BACK'
import http.server, os, socketserver, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *words): pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)
os.chdir(sys.argv[1])
Server(sys.argv[2], Handler).serve_forever()
BACK
python3 back.py one "$PWD/one.sock" &
one=$!
python3 back.py two "$PWD/two.sock" &
two=$!
cat > haproxy.cfg <<CONF
global
  nbthread 2
  maxconn 200
  stats socket $PWD/stats.sock mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend front
  bind 127.0.0.1:$PORT
  http-request deny deny_status 403 if { path_beg /secret }
  http-response set-header X-Through haproxy
  default_backend back
backend back
  balance roundrobin
  server one unix@$PWD/one.sock check inter 200
  server two unix@$PWD/two.sock check inter 200
CONF
until [ -S one.sock ] && [ -S two.sock ]; do sleep 0.05; done
haproxy -c -f haproxy.cfg
haproxy -W -f haproxy.cfg > log.txt 2>&1 &
server=$!
url=http://127.0.0.1:$PORT
until curl -s -o /dev/null $url/name; do sleep 0.05; done
stats() { echo "$1" | socat -t 10 - UNIX-CONNECT:stats.sock; }
until [ "$(stats 'show stat' | grep -cE '^back,(one|two),.*,UP,')" = 2 ]; do sleep 0.05; done
for i in 1 2 3 4 5 6; do curl -s $url/name; done | sort | uniq -c
curl -s -o /dev/null -w '%{http_code}\n' $url/secret/x
curl -s -o /dev/null -D - $url/name | grep -i x-through
curl -s -o /dev/null -w '%{http_code}\n' $url/nothing
kill $two
wait $two 2>/dev/null
rm two.sock
until stats 'show stat' | grep -qE '^back,two,.*,DOWN'; do sleep 0.05; done
for i in 1 2 3; do curl -s $url/name; done
stats 'disable server back/one' > /dev/null
curl -s -o /dev/null -w '%{http_code}\n' $url/name
stats 'enable server back/one' > /dev/null
curl -s $url/name
kill -USR1 $server
wait $server
echo "the server ended: $?"
kill $one
wait $one
echo "status $?"
