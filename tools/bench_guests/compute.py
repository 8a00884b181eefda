"""Works ROUNDS times without a system call: `compute ROUNDS`; a sieve (memory) and SHA-1's mixing (integers, rotations).

The checksum of all rounds is printed at the end, so that whoever runs this can be seen to have done the work.
"""

from guest.lang import array, i64, ptr, u8, u32
from guest.rt import sys
from guest.rt.cstring import cstring
from guest.rt.start import _start  # noqa: F401  where the kernel enters
from guest.rt.text import parse_decimal

NUMBERS = 32768
HEX = b"0123456789abcdef"

composite: array[u8, 32768]
schedule: array[u32, 80]


def sieve() -> u32:
    """How many primes lie below NUMBERS (Eratosthenes)."""
    for i in range(NUMBERS):
        composite[i] = 0
    primes = u32(0)
    for n in range(2, NUMBERS):
        if composite[n] == 0:
            primes += 1
            multiple = n + n
            while multiple < NUMBERS:
                composite[multiple] = 1
                multiple += n
    return primes


def rotate(x: u32, count: u32) -> u32:
    """`x` rotated left by `count` bits, 1 to 31."""
    return (x << count) | (x >> (32 - count))


def mix(seed: u32) -> u32:
    """Eighty rounds in the manner of SHA-1's compression (FIPS 180-4 section 6.1.2) over words made from `seed`."""
    word = seed
    for i in range(16):
        word = word * 1664525 + 1013904223
        schedule[i] = word
    for i in range(16, 80):
        schedule[i] = rotate(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1)
    a = u32(0x67452301)
    b = u32(0xEFCDAB89)
    c = u32(0x98BADCFE)
    d = u32(0x10325476)
    e = u32(0xC3D2E1F0)
    for i in range(80):
        f = b ^ c ^ d
        k = u32(0x6ED9EBA1)
        if i < 20:
            f = (b & c) | (~b & d)
            k = 0x5A827999
        elif i >= 40 and i < 60:
            f = (b & c) | (b & d) | (c & d)
            k = 0x8F1BBCDC
        elif i >= 60:
            k = 0xCA62C1D6
        t = rotate(a, 5) + f + e + k + schedule[i]
        e = d
        d = c
        c = rotate(b, 30)
        b = a
        a = t
    return a ^ b ^ c ^ d ^ e


def main(argc: i64, argv: ptr[ptr[u8]], envp: ptr[ptr[u8]]) -> i64:
    """Print the checksum; 2 when ROUNDS is no number."""
    if argc != 2:
        return 2
    left = parse_decimal(cstring(argv[1]), 1 << 40)
    if left < 0:
        return 2
    total = u32(1)
    while left > 0:
        total = total * 31 + sieve()
        for _ in range(200):
            total = mix(total)
        left -= 1
    text = array[u8, 9]()
    for i in range(8):
        text[i] = HEX[(total >> (28 - u32(i) * 4)) & 15]
    text[8] = 0x0A
    if sys.write(1, text[0:9]) != 9:
        return 1
    return 0
