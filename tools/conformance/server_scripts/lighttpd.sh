# lighttpd: static files, ranges, a listing, CGI (fork and exec with pipes), a graceful restart (SIGUSR1) and stop (SIGINT)
# needs: lighttpd curl
mkdir www www/cgi www/list
echo '<h1>hello</h1>' > www/index.html
i=0
while [ $i -lt 2000 ]; do echo "line $i"; i=$((i + 1)); done > www/large.txt
touch -d '2001-02-03 04:05:06 UTC' www/list/one www/list/two
cat > www/cgi/echo.sh <<'CGI'
#!/bin/sh
printf 'Content-Type: text/plain\r\nX-From: cgi\r\n\r\n'
echo "$REQUEST_METHOD $QUERY_STRING $SERVER_PROTOCOL"
[ "$REQUEST_METHOD" = POST ] && cksum
exit 0
CGI
cat > lighttpd.conf <<CONF
server.modules = ( "mod_access", "mod_dirlisting", "mod_cgi", "mod_redirect", "mod_setenv", "mod_staticfile" )
server.document-root = "$PWD/www"
server.port = $PORT
server.bind = "127.0.0.1"
server.pid-file = "$PWD/lighttpd.pid"
server.errorlog = "$PWD/error.log"
server.upload-dirs = ( "$PWD" )
server.tag = "lighttpd"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".txt" => "text/plain" )
cgi.assign = ( ".sh" => "/bin/sh" )
dir-listing.activate = "enable"
url.redirect = ( "^/away" => "/index.html" )
url.access-deny = ( "~" )
CONF
lighttpd -tt -f lighttpd.conf && echo "the configuration is right"
lighttpd -D -f lighttpd.conf &
server=$!
url=http://127.0.0.1:$PORT
until curl -s -o /dev/null "$url/"; do sleep 0.05; done
get() {
  : > body.txt
  curl -s -o body.txt -D head.txt "$@"
  echo "status $?" "$(echo "$*" | sed "s/:$PORT//")"
  grep -vE '^(Date|Last-Modified|ETag)' head.txt | tr -d '\r' | sed "s/:$PORT//"
  cksum < body.txt
}
get $url/
get $url/large.txt
get -r 5-25 $url/large.txt
get $url/nothing
get $url/away
get "$url/index.html~"
get $url/cgi/echo.sh?a=b
get --data-binary @www/large.txt $url/cgi/echo.sh
cat body.txt
get -X OPTIONS $url/
curl -s $url/list/ | grep -o 'href="[^"]*"'
curl -s -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} %{http_code} %{size_download}\n' $url/ $url/large.txt $url/
kill -USR1 $server
until grep -q 'Graceful\|graceful' error.log; do sleep 0.05; done
until curl -s -o /dev/null $url/; do sleep 0.05; done
get $url/
kill -INT $server
wait $server
echo "the server ended: $?"
grep -oE '\) [a-z].*' error.log | grep -oE '(server started|server stopped|graceful shutdown started|logfiles cycled)' 
