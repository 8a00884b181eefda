# The programs of klibc: a C library of its own, linked to its shell in a way of its own.
PATH=/usr/lib/klibc/bin; export PATH
echo "hello from $0" | cat > out; cat out; mkdir -p d/e; ln -s ../out d/link; readlink d/link; mkfifo f; ls d; mv out moved; cat moved | gzip -c | zcat; dd if=/dev/zero of=z bs=100 count=3
sleep 0; true; echo $?; false; echo $?; uname -s; mknod p p; (sleep 5 & kill $!; wait $!; echo $?); kill -0 $$; echo $?; for i in 1 2 3; do echo $i; done | while read n; do echo "n $n"; done; cat missing; echo $?; minips > ps; echo $?; exit 3
