# A C compiler, make, and what they made, run here.
set -u
cat > hello.c <<'C'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static __thread int local = 1;
static void *work(void *arg) { local += (int)(long)arg; return (void *)(long)local; }
int main(int argc, char **argv) {
    pthread_t t[4]; long sum = 0;
    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, work, (void *)i);
    for (int i = 0; i < 4; i++) { void *r; pthread_join(t[i], &r); sum += (long)r; }
    char buffer[64]; memset(buffer, 'x', 63); buffer[63] = 0;
    printf("hello %d %ld %.6f %zu %s\n", argc, sum, sqrt(2.0), strlen(buffer), strchr(buffer, 'y') ? "y" : "none");
    FILE *f = fopen("made", "w"); fprintf(f, "%s", buffer); fclose(f);
    return atoi(argv[1]);
}
C
printf 'all: a b c\na:\n\techo make a > $@\nb: a\n\tcat a a > $@\nc: b\n\twc -l b\nfail:\n\tfalse\n' > Makefile
gcc -O1 -c hello.c && gcc -static -o static hello.o -lm -pthread && gcc -o dynamic hello.o -lm -pthread && gcc -static-pie -fPIE -o static-pie hello.c -lm -pthread
for program in static dynamic static-pie; do ./$program 3; echo "$program $?"; done; ls -s made | cut -d' ' -f2
nm static | grep -c ' i '; readelf -h static-pie | grep Type; objdump -d hello.o | grep -c call; size hello.o | tail -1 | cut -f1; strip static; ./static 1; ar rc lib.a hello.o; ar t lib.a
if command -v musl-gcc > /dev/null; then musl-gcc -static -o musl-static hello.c -lm; musl-gcc -o musl-dynamic hello.c -lm; ./musl-static 4; echo $?; ./musl-dynamic 5; echo $?; fi
echo 'int main( { return 0; }' > bad.c; gcc bad.c 2>&1 | head -2; make -j2; echo "make $?"; make fail; echo "make $?"; make -n -B
