"""Functions: defaults, keywords, tuples, recursion, function pointers, locals of all kinds."""

from prelude import _start, say, show, show_bool

from guest.lang import array, fn, i64, inline, noinline, null, ptr, struct, u8, u32, u64

Handler = fn[[u32, u32], u32]


@noinline
def add(a: u32, b: u32) -> u32:
    return a + b


def mul(a: u32, b: u32 = 10) -> u32:
    return a * b


@inline
def twice(f: Handler, a: u32) -> u32:
    return f(f(a, a), a)


@noinline
def divmod(a: i64, b: i64) -> tuple[i64, i64]:
    return a // b, a % b


@noinline
def many(a: u32) -> tuple[u8, u32, bool, bytes, ptr[u8]]:
    return u8(a), a, a > 5, b"text", null


def fibonacci(n: u32) -> u64:
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


def even(n: u32) -> bool:
    return True if n == 0 else odd(n - 1)


def odd(n: u32) -> bool:
    return False if n == 0 else even(n - 1)


def classify(n: i64) -> bytes:
    if n < 0:
        return b"negative"
    elif n == 0:
        return b"zero"
    else:
        return b"positive"


def endless(n: i64) -> i64:
    while True:
        n += 3
        if n > 20:
            return n


@struct
class Command:
    name: bytes
    run: Handler


HANDLERS = array[Handler, 2]([add, mul])
COMMANDS = array[Command, 2]([Command(b"add", add), Command(name=b"mul", run=mul)])


def find(name: bytes) -> Handler:
    for command in COMMANDS:
        if command.name == name:
            return command.run
    return null


def main() -> i64:
    show(mul(4))  # => 40
    show(mul(b=3, a=4))  # => 12
    show(twice(add, 5))  # => 15
    show(twice(mul, 5))  # => 125
    q, r = divmod(-7, 2)
    show(q)  # => -4
    show(r)  # => 1
    q, r = r, q
    show(q * 10 + r)  # => 6
    a, b, c, d, e = many(300)
    show(a)  # => 44
    show(b)  # => 300
    show_bool(c)  # => true
    say(d)  # => text
    show_bool(e == null)  # => true
    show(i64(fibonacci(20)))  # => 6765
    show_bool(even(10))  # => true
    say(classify(-5))  # => negative
    say(classify(0))  # => zero
    say(classify(5))  # => positive
    show(endless(0))  # => 21
    show(HANDLERS[1](6, 7))  # => 42
    handler = find(b"add")
    show(handler(1, 2))  # => 3
    show_bool(find(b"none") == null)  # => true
    show_bool(find(b"mul") == mul)  # => true
    f: Handler = null
    show_bool(f != null)  # => false
    f = add
    show(f(20, 3))  # => 23
    show(COMMANDS[0].run(2, 2))  # => 4
    return 0
