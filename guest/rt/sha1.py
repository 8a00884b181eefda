"""SHA-1 (FIPS 180-4), which the WebSocket handshake needs; not for anything secret."""

from guest.lang import array, buffer, i64, pure, u8, u32, u64

DIGEST_SIZE = 20
BLOCK_SIZE = 64


@pure
def rotate_left(x: u32, count: u32) -> u32:
    """`x` with its bits rotated left by `count`, 1 to 31."""
    return (x << count) | (x >> (32 - count))


@pure
def padded_byte(message: bytes, total: i64, index: i64) -> u32:
    """Byte `index` of `message` padded to `total` bytes: 0x80, zeros, the bit length (FIPS 180-4 section 5.1.1)."""
    if index < len(message):
        return u32(message[index])
    if index == len(message):
        return 0x80
    if index < total - 8:
        return 0
    bits = u64(len(message)) * 8
    return u32((bits >> u64((total - 1 - index) * 8)) & 255)


@pure
def sha1(message: bytes, digest: buffer) -> None:
    """Write the 20 bytes of the SHA-1 digest of `message` to the start of `digest`."""
    total = (len(message) + 9 + BLOCK_SIZE - 1) // BLOCK_SIZE * BLOCK_SIZE
    state = array[u32, 5]()
    state[0] = 0x67452301
    state[1] = 0xEFCDAB89
    state[2] = 0x98BADCFE
    state[3] = 0x10325476
    state[4] = 0xC3D2E1F0
    words = array[u32, 80]()
    for block in range(total // BLOCK_SIZE):
        for t in range(16):
            word = u32(0)
            for i in range(4):
                word = (word << 8) | padded_byte(message, total, block * BLOCK_SIZE + t * 4 + i)
            words[t] = word
        for t in range(16, 80):
            words[t] = rotate_left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1)
        a = u32(state[0])
        b = u32(state[1])
        c = u32(state[2])
        d = u32(state[3])
        e = u32(state[4])
        for t in range(80):
            f = u32(0)
            k = u32(0)
            if t < 20:
                f = (b & c) | (~b & d)
                k = 0x5A827999
            elif t < 40:
                f = b ^ c ^ d
                k = 0x6ED9EBA1
            elif t < 60:
                f = (b & c) | (b & d) | (c & d)
                k = 0x8F1BBCDC
            else:
                f = b ^ c ^ d
                k = 0xCA62C1D6
            mixed = rotate_left(a, 5) + f + e + k + words[t]
            e = d
            d = c
            c = rotate_left(b, 30)
            b = a
            a = mixed
        state[0] = state[0] + a
        state[1] = state[1] + b
        state[2] = state[2] + c
        state[3] = state[3] + d
        state[4] = state[4] + e
    for i in range(DIGEST_SIZE):
        digest[i] = u8((state[i // 4] >> u32((3 - i % 4) * 8)) & 255)
