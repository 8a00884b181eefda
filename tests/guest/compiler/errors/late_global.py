from guest.lang import u32

count: u32


def f() -> u32:
    before = count
    global count
    count = 5
    return before
