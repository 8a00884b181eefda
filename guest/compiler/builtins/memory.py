"""The memory functions that LLVM may call (C11 7.24): copied by eights, without recursion into themselves."""

from guest.lang import export, i32, ptr, u8, u64


@export("memcpy")
def memcpy(target: ptr[u8], source: ptr[u8], count: u64) -> ptr[u8]:
    done: u64 = 0
    while count - done >= 8:
        ptr[u64](target + done)[0] = ptr[u64](source + done)[0]
        done += 8
    while done < count:
        target[done] = source[done]
        done += 1
    return target


@export("memmove")
def memmove(target: ptr[u8], source: ptr[u8], count: u64) -> ptr[u8]:
    # Unsigned: also true where the target lies below the source.
    if u64(target) - u64(source) >= count:
        done: u64 = 0
        while count - done >= 8:
            ptr[u64](target + done)[0] = ptr[u64](source + done)[0]
            done += 8
        while done < count:
            target[done] = source[done]
            done += 1
        return target
    left = count
    while left >= 8:
        left -= 8
        ptr[u64](target + left)[0] = ptr[u64](source + left)[0]
    while left != 0:
        left -= 1
        target[left] = source[left]
    return target


@export("memset")
def memset(target: ptr[u8], byte: i32, count: u64) -> ptr[u8]:
    pattern = u64(u8(byte)) * 0x0101010101010101
    done: u64 = 0
    while count - done >= 8:
        ptr[u64](target + done)[0] = pattern
        done += 8
    while done < count:
        target[done] = u8(byte)
        done += 1
    return target


@export("memcmp")
def memcmp(left: ptr[u8], right: ptr[u8], count: u64) -> i32:
    done: u64 = 0
    while done < count:
        difference = i32(left[done]) - i32(right[done])
        if difference != 0:
            return difference
        done += 1
    return 0


@export("bcmp")
def bcmp(left: ptr[u8], right: ptr[u8], count: u64) -> i32:
    done: u64 = 0
    while count - done >= 8:
        if ptr[u64](left + done)[0] != ptr[u64](right + done)[0]:
            return 1
        done += 8
    while done < count:
        if left[done] != right[done]:
            return 1
        done += 1
    return 0
