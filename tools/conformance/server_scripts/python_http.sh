# python3 -m http.server: threads, files, a listing, HEAD, errors, 20 at once, stop by SIGTERM
# needs: python3 curl ab
mkdir www www/folder
seq 1 20000 > www/numbers.txt
echo '<p>hello' > www/folder/index.html
touch www/one www/two
python3 -u -m http.server --bind 127.0.0.1 --directory www "$PORT" > log.txt 2>&1 &
server=$!
url=http://127.0.0.1:$PORT
until curl -s -o /dev/null $url/; do sleep 0.1; done
get() {
  : > body.txt
  curl -s -o body.txt -D head.txt "$@"
  echo "status $?" "$(echo "$*" | sed "s/:$PORT//")"
  grep -vE '^(Date|Last-Modified)' head.txt | tr -d '\r'
  case $1 in --head) ;; *) cksum < body.txt ;; esac
}
get $url/
get $url/numbers.txt
get $url/folder
get $url/folder/
get $url/nothing
get --head $url/numbers.txt
get -d data $url/
get --path-as-is $url/../../../etc/passwd
ab -q -n 100 -c 20 $url/folder/ 2>&1 | grep -E '^(Complete|Failed|Non-2xx|Total t|HTML)'
kill -TERM $server
wait $server
echo "the server ended: $?"
grep -oE '"[A-Z]+ [^"]*" [0-9]+' log.txt | sort | uniq -c | sort -rn | head -12
