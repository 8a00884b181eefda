# nginx in the foreground: a master and two workers, static files by sendfile, keep-alive, ranges, ab with 20 at once, reload (SIGHUP), quit (SIGQUIT)
# needs: nginx curl ab
mkdir www logs
i=0
while [ $i -lt 2000 ]; do echo "line $i of a file that is served"; i=$((i + 1)); done > www/large.txt
echo '<h1>hello</h1>' > www/index.html
configure() {
  cat > nginx.conf <<CONF
user root;
daemon off;
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/logs/error.log notice;
events { worker_connections 128; }
http {
  access_log $PWD/logs/access.log;
  client_body_temp_path $PWD/body;
  proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/fastcgi;
  scgi_temp_path $PWD/scgi;
  uwsgi_temp_path $PWD/uwsgi;
  types { text/html html; text/plain txt; }
  sendfile on;
  tcp_nopush on;
  gzip on;
  gzip_types text/plain;
  server {
    listen 127.0.0.1:$PORT;
    root $PWD/www;
    location / { add_header X-Version $1; }
    location /away { return 302 /index.html; }
    location /list/ { alias $PWD/www/; autoindex on; autoindex_format json; }
    location /through/ { proxy_pass http://127.0.0.1:$PORT/; proxy_http_version 1.1; }
    location /upload/ { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
CONF
}
get() {
  rm -f body.txt
  : > body.txt
  curl -s -o body.txt -D head.txt "$@"
  echo "$* : status $?"
  grep -vE '^(Date|Last-Modified|ETag)' head.txt | tr -d '\r'
  case $1 in -I) ;; *) cksum < body.txt ;; esac
}
configure 1
nginx -p "$PWD" -c "$PWD/nginx.conf" -t 2>&1 | grep -c successful
nginx -p "$PWD" -c "$PWD/nginx.conf" &
master=$!
url=http://127.0.0.1:$PORT
until curl -s -o /dev/null "$url"/; do sleep 0.05; done
get $url/ 2>&1 | sed "s/:$PORT//"
for path in /large.txt /nothing /away /through/large.txt /../../etc/passwd; do get --path-as-is $url$path | sed "s/:$PORT//"; done
get -r 100-299 $url/large.txt | sed "s/:$PORT//"
get --compressed $url/large.txt | sed "s/:$PORT//"
get -I $url/large.txt | sed "s/:$PORT//"
get -H 'If-None-Match: *' $url/large.txt | sed "s/:$PORT//"
get -X PUT -d 'put there' $url/upload/note.txt | sed "s/:$PORT//"
get -X DELETE $url/upload/note.txt | sed "s/:$PORT//"
get -X NONSENSE $url/ | sed "s/:$PORT//"
curl -s $url/list/ | grep -o '"name":"[^"]*"'
curl -s -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} %{http_code} %{size_download}\n' $url/ $url/large.txt $url/
load() {
  ab -q -c 20 "$@" 2>&1 | grep -E '^(Complete|Failed|Non-2xx|Keep-Alive|Total t|HTML)'
}
load -n 400 $url/
load -n 400 -k $url/large.txt
pgrep -P $master | wc -l
pgrep -P $master | sort > before.txt
configure 2
kill -HUP $master
until curl -s -o /dev/null -D - $url/ | grep -q 'X-Version: 2'; do sleep 0.05; done
until [ "$(pgrep -P $master | sort | comm -12 - before.txt | wc -l)" = 0 ]; do sleep 0.05; done
pgrep -P $master | wc -l
load -n 200 -k $url/
mv logs/access.log logs/old.log
kill -USR1 $master
until [ -s logs/access.log ]; do curl -s -o /dev/null $url/; sleep 0.05; done
echo "a new log"
curl -s $url/large.txt --limit-rate 200K -o slow.txt &
slow=$!
until [ -s slow.txt ]; do sleep 0.05; done
kill -QUIT $master
wait $master
echo "the master ended: $?"
wait $slow
cksum < slow.txt
curl -s $url/
echo "afterwards: $?"
ls
grep -oE '(gracefully shutting down|exiting|signal 1 \(SIGHUP\) received|signal 3 \(SIGQUIT\) received|reconfiguring|reopening logs|exited with code 0)' logs/error.log | sort | uniq -c | sed 's/^ *//' | grep -v exiting
