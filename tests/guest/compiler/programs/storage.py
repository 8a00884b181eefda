"""Initial values of globals, tables of structs, defaults inside arrays, storage that is filled again."""

from prelude import _start, say, show, show_bool

from guest.lang import addr, array, bytes_at, copy, fn, i32, i64, null, ptr, sizeof, struct, u8, u16, u32, u64


@struct
class Cell:
    tag: u8
    weight: i32 = -5
    flag: bool = True


@struct
class Box:
    cells: array[Cell, 2]
    name: bytes
    run: fn[[i64], i64]


def negate(x: i64) -> i64:
    return -x


TABLE = array[Box, 2]([Box(name=b"first", run=negate), Box(name=b"second")])
CELLS = array[Cell, 3]([Cell(1), Cell(2, 7), Cell(flag=False)])

numbers: array[u16, 4] = array[u16, 4]([1, 2, 3, 4])
sparse: array[Cell, 100]
boxes: array[Box, 2] = TABLE
handler: fn[[i64], i64] = negate
text: bytes = b"text"
where: ptr[u8] = null
flags: array[bool, 3] = array[bool, 3]([True, False, True])
names: array[bytes, 2] = array[bytes, 2]([b"a", b"bc"])
nothing: array[u8, 0]


def total(cells: ptr[Cell], n: i64) -> i64:
    sum = 0
    for i in range(n):
        sum += cells[i].weight
    return sum


def main() -> i64:
    global handler, text
    say(TABLE[1].name)  # => second
    show(TABLE[0].run(4))  # => -4
    show_bool(TABLE[1].run == null)  # => true
    show(TABLE[1].cells[1].weight)  # => -5
    show(CELLS[1].weight)  # => 7
    show_bool(CELLS[2].flag)  # => false
    show(total(addr(CELLS[0]), 3))  # => -3
    numbers[2] += 40
    show(numbers[2] + numbers[3])  # => 47
    show(sparse[99].weight)  # => 0
    boxes[1].cells[0].weight = 9
    show(boxes[1].cells[0].weight + TABLE[1].cells[0].weight)  # => 4
    say(boxes[0].name)  # => first
    show(handler(3))  # => -3
    handler = null
    show_bool(handler == null)  # => true
    text = text[1:]
    say(text)  # => ext
    show_bool(where == null)  # => true
    show_bool(flags[0] and not flags[1] and flags[2])  # => true
    flags[1] = flags[0]
    show_bool(flags[1])  # => true
    say(names[1])  # => bc
    show(len(nothing))  # => 0
    show(sizeof(Cell))  # => 12
    show(sizeof(Box))  # => 48
    box = Box()
    show(box.cells[0].weight + box.cells[1].weight)  # => -10
    show_bool(box.cells[1].flag)  # => true
    show(len(box.name))  # => 0
    cells = array[Cell, 3]()
    show(total(cells.ptr, 3))  # => -15
    for i in range(2):
        fresh = array[u8, 4]()
        fresh[i] += 1
        if i == 1:
            show(fresh[0])  # => 0
    copy(cells[0], CELLS[1])
    show(cells[0].weight)  # => 7
    pair = array[u64, 2]([1, 2])
    pair[0], pair[1] = pair[1], pair[0]
    show(i64(pair[0] * 10 + pair[1]))  # => 21
    pointers = array[ptr[u64], 2]()
    show_bool(pointers[1] == null)  # => true
    pointers[1] = pair.ptr
    pointers[1][1] = 5
    show(i64(pair[1]))  # => 5
    words = ptr[u32](addr(pair[0]))
    words[3] = 1
    show_bool(pair[1] == (u64(1) << 32) + 5)  # => true
    say(bytes_at(b"abc".ptr, 2))  # => ab
    return 0
