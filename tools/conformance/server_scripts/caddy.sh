# caddy, a server in Go: files, a template of answers, compression, a reverse proxy, configuration over its API, stop by SIGTERM
# needs: caddy curl ab
mkdir www
seq 1 20000 > www/numbers.txt
echo '<h1>hello</h1>' > www/index.html
cat > Caddyfile <<CONF
{
  admin unix/$PWD/admin.sock
  auto_https off
  storage file_system $PWD/storage
}
http://127.0.0.1:$PORT {
  root * $PWD/www
  encode gzip
  respond /fixed "fixed answer" 201
  reverse_proxy /through/* 127.0.0.1:$PORT2
  redir /away /index.html
  file_server browse
}
http://127.0.0.1:$PORT2 {
  respond "behind {path}"
}
CONF
caddy validate --config Caddyfile --adapter caddyfile 2>&1 | tail -1
caddy run --config Caddyfile --adapter caddyfile > log.txt 2>&1 &
server=$!
url=http://127.0.0.1:$PORT
until curl -s -o /dev/null $url/; do sleep 0.1; done
get() {
  : > body.txt
  curl -s -o body.txt -D head.txt "$@"
  echo "status $?" "$(echo "$*" | sed "s/:$PORT//")"
  grep -viE '^(Date|Last-Modified|ETag)' head.txt | tr -d '\r' | sort
  cksum < body.txt
}
get $url/
get $url/numbers.txt
get --compressed $url/numbers.txt
get -r 10-30 $url/numbers.txt
get $url/fixed
get $url/through/it
get $url/away
get $url/nothing
ab -q -n 200 -c 20 -k $url/ 2>&1 | grep -E '^(Complete|Failed|Non-2xx|Keep-Alive|HTML)'
curl -s --unix-socket admin.sock http://localhost/config/admin/listen | sed "s:$PWD::"
kill -TERM $server
wait $server
echo "the server ended: $?"
