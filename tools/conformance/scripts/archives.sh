# tar with each compressor, cpio, and files that are damaged.
set -u
mkdir -p in/deep; seq 5000 > in/numbers; head -c 200000 /dev/zero > in/zeros; ln -s numbers in/link; ln in/numbers in/hard; touch -d @1000000 in/deep/old; chmod 600 in/deep/old; : > "in/name with blanks"
for way in "gz gzip" "bz2 bzip2" "xz xz" "zst zstd"; do set -- $way; command -v $2 > /dev/null || continue; tar -c --sort=name --mtime=@0 --owner=0 --group=0 -f a.tar.$1 -I $2 in; tar -tvf a.tar.$1 -I $2 --utc | sed 's/  */ /g'; rm -rf out; mkdir out; tar -xf a.tar.$1 -C out -I $2; diff -r in out/in && echo "$1 same"; done
for tool in gzip bzip2 xz zstd lzma; do command -v $tool > /dev/null || continue; $tool -c -9 < in/numbers > n.$tool; $tool -dc < n.$tool | md5sum; head -c 500 n.$tool > broken; $tool -dc < broken 2> /dev/null | md5sum; done
xz -T2 -k -c in/zeros | xz -l - 2>/dev/null | wc -l; xz -T2 -kf in/numbers; xz -t in/numbers.xz && echo tested; gzip -l n.gzip 2>/dev/null | tail -1 | sed 's/  */ /g'; cp in/numbers x; gzip -9n x; gzip -d x.gz; cmp x in/numbers && echo unpacked
tar -cf plain.tar --format=posix --mtime=@0 -C in deep numbers; tar -rf plain.tar --mtime=@0 -C in zeros; tar -tf plain.tar; tar --delete -f plain.tar numbers; tar -tf plain.tar; tar -xOf plain.tar zeros | wc -c; tar -df plain.tar -C in 2>&1 | sed 's/differ.*/differ/' | sort -u
tar -cSf sparse.tar in/zeros; mkdir inc; tar -cf inc/0.tar -g inc/snar in 2>/dev/null; echo new > in/new; tar -cf inc/1.tar -g inc/snar in 2> /dev/null; tar -tf inc/1.tar | grep -c new
command -v cpio > /dev/null && { find in | sort | cpio -o -H newc --quiet | cpio -t --quiet; }; head -c 700 plain.tar | tar -tf - ; echo "tar $?"
