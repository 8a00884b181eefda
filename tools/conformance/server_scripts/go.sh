# gojq, a statically linked Go program: JSON through filters, many goroutines and collections of garbage, an error, a closed pipe
# needs: gojq
gojq -n '[range(5)] | map(. * .)' -c
echo '{"a":[1,2,{"b":null}],"c":"text \u00e9"}' | gojq .
gojq -n '[range(20000)] | map(tostring) | join("") | length'
gojq -n -r '[range(2000)] | sort_by(-.) | group_by(. % 7) | map(length) | @csv'
gojq -n 'reduce range(20000) as $i (0; . + $i)'
seq 1 20000 | gojq -s 'add'
echo '{"broken"' | gojq . 2>&1
echo "status $?"
gojq -n 'error("own")' 2>&1
echo "status $?"
gojq --arg name value -n '$name, (env | type), ("2015-03-05T23:51:47Z" | fromdate)'
gojq -n 'range(100000)' | head -3
gojq -n '"a,b" | test("A"; "i"), [match("[a-z]"; "g").string]' -c
GOMAXPROCS=8 GOGC=10 gojq -n '[range(10000) | {key: "k\(.)", value: .}] | from_entries | length'
GODEBUG=asyncpreemptoff=0 gojq -n 'last(range(50000))'
