# nginx as a daemon: it leaves the shell, is reloaded with `-s reload`, serves over a UNIX socket, and is ended with `-s quit`
# needs: nginx curl
mkdir www logs
echo hello > www/index.html
configure() {
  cat > nginx.conf <<CONF
user root;
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/logs/error.log notice;
events { worker_connections 64; multi_accept on; accept_mutex on; }
http {
  access_log off;
  client_body_temp_path $PWD/body;
  proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/fastcgi;
  scgi_temp_path $PWD/scgi;
  uwsgi_temp_path $PWD/uwsgi;
  server {
    listen unix:$PWD/socket;
    listen 127.0.0.1:$PORT reuseport;
    root $PWD/www;
    location / { add_header X-Version $1; aio threads; }
  }
}
CONF
}
nginx="nginx -p $PWD -c $PWD/nginx.conf"
configure 1
$nginx
echo "started: $?"
master=$(cat nginx.pid)
[ "$(ps -o sid= -p "$master" | tr -d ' ')" = "$master" ] && echo "the master leads a session"
ps -o tty= -p "$master"
ps -o comm= --ppid "$master"
curl -s "http://127.0.0.1:$PORT/" --unix-socket socket -w '%{http_code}\n'
curl -s "http://127.0.0.1:$PORT/" -w '%{http_code}\n'
configure 2
$nginx -s reload
echo "reloaded: $?"
until curl -s -D - "http://127.0.0.1:$PORT/" | grep -q 'X-Version: 2'; do sleep 0.05; done
$nginx -s reopen
echo "reopened: $?"
$nginx 2>&1 | grep -c 'Address already in use' | sed 's/[1-9][0-9]*/more than none/'
$nginx -s quit
echo "quit: $?"
while [ -e nginx.pid ]; do sleep 0.05; done
curl -s "http://127.0.0.1:$PORT/"
echo "afterwards: $?"
$nginx -s stop 2>&1 | sed 's/.*: //'
