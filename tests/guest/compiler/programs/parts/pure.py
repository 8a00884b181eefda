"""Pure functions, which tests run compiled and under CPython."""

from guest.lang import array, buffer, i64, pure, struct, u8, u16, u32, u64

TABLE = array[u32, 4]([1, 256, 65536, 16777216])


@pure
def checksum(data: bytes) -> u32:
    """Adler-32 (RFC 1950 section 9), with a twist that makes it wrap."""
    a: u32 = 1
    b: u32 = 0
    for byte in data:
        a = (a + byte) % 65521
        b += a * 77777
    return (b << 16) | a


@pure
def parse_number(text: bytes) -> i64:
    """Decimal digits up to the first other byte; -1 when there is none."""
    value = 0
    count: u8 = 0
    for i in range(len(text)):
        digit = text[i] - 0x30
        if digit > 9:
            break
        value = value * 10 + digit
        count += 1
    return -1 if count == 0 else value


@pure
def collatz(n: u32) -> u32:
    steps = u32(0)
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = n * 3 + 1
        steps += 1
    return steps


@pure
def sort(data: buffer) -> None:
    for i in range(1, len(data)):
        j = i
        while j > 0 and data[j - 1] > data[j]:
            data[j], data[j - 1] = data[j - 1], data[j]
            j -= 1


@pure
def copy_up(data: buffer) -> None:
    room = array[u8, 64]()
    half = len(data) // 2
    room[0:half] = data[0:half]
    data[len(data) - half :] = room[:half]
    for i in range(0, half, 3):
        data[i] += 200
        data[i] ^= u8(len(data))


@pure
@struct
class Point:
    x: i64
    y: i64 = 5
    weight: u16

    def add(self, dx: i64, dy: i64) -> i64:
        self.x += dx
        self.y -= dy
        self.weight += 65000
        return self.x * self.y

    def total(self) -> i64:
        return self.x ^ self.y ^ self.weight


@pure
def points(x: i64, y: i64) -> i64:
    p = Point(x)
    result = p.add(y, x)
    result += p.add(dx=result, dy=-y)
    q = p
    q.x += 1
    return result + p.total()


@pure
def match(text: bytes, piece: bytes) -> i64:
    for i in range(len(text) - len(piece) + 1):
        if text[i : i + len(piece)] == piece:
            return i
    return -1


@pure
def split(n: u32) -> tuple[u32, u8]:
    return n // 10, u8(n % 10)


@pure
def digits(room: buffer, n: u32) -> i64:
    end = len(room)
    while True:
        end -= 1
        n, digit = split(n)
        room[end] = digit + 0x30
        if n == 0:
            return end


@pure
def mixed(small: u8, large: u32) -> u64:
    total: u64 = 0
    for i in range(4):
        total += TABLE[i] * large
        total ^= u64(small << i) >> 1
    for k in range(u8(3), small, 50):
        total += k
    words = array[u16, 3]([1, 2, 3])
    words[1] -= 3
    for w in words:
        total = (total << 3) | w
    flag = total > 1000 and not small == 3
    return total + u64(flag)
