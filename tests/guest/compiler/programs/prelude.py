"""What the little programs share: the entry, and printing on stdout."""

from guest.lang import array, asm, bytes_at, extern, i64, naked, ptr, syscall, u8, u64, unreachable


@extern
def main() -> i64: ...


@naked
def _start() -> None:
    asm("""
        xor ebp, ebp
        and rsp, -16
        call {begin}
        ud2
    """)


def begin() -> None:
    exit(main())


def exit(status: i64) -> None:
    syscall(231, status)
    unreachable()


def write(text: bytes) -> None:
    syscall(1, 1, text.ptr, len(text))


def say(text: bytes) -> None:
    write(text)
    write(b"\n")


def show_unsigned(value: u64) -> None:
    digits = array[u8, 24]()
    place = i64(23)
    digits[place] = 0x0A
    while True:
        place -= 1
        digits[place] = u8(0x30 + value % 10)
        value = value // 10
        if value == 0:
            break
    write(bytes_at(digits.ptr + place, 24 - place))


def show(value: i64) -> None:
    if value < 0:
        write(b"-")
        show_unsigned(0 - u64(value))
    else:
        show_unsigned(u64(value))


def show_bool(value: bool) -> None:
    say(b"true" if value else b"false")


def show_address(value: ptr[u8]) -> None:
    show_unsigned(u64(value))
