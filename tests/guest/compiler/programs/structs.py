"""Structs: layout, defaults, methods, references, arrays of them, copying."""

from prelude import _start, say, show, show_bool

from guest.lang import (
    addr,
    alignof,
    array,
    copy,
    i64,
    null,
    offsetof,
    ptr,
    pure,
    sizeof,
    struct,
    u8,
    u16,
    u32,
    u64,
)


@struct
class Mixed:
    a: u8
    b: u64
    c: u16
    d: u8


@struct
class Point:
    x: i64
    y: i64 = 7
    on: bool = True

    def move(self, dx: i64, dy: i64 = 1) -> None:
        self.x += dx
        self.y += dy

    def sum(self) -> i64:
        return self.x + self.y


@struct
class Node:
    value: u32
    next: ptr["Node"]


@struct
class Line:
    start: Point
    end: Point
    name: bytes = b"line"
    marks: array[u8, 3]

    def length(self) -> i64:
        return self.end.sum() - self.start.sum()


@pure
@struct
class Counter:
    count: u32

    def bump(self, by: u32) -> u32:
        self.count += by
        return self.count


origin: Point
home: Point = Point(x=3, y=4)
lines: array[Line, 2]


def shift(p: Point) -> None:
    p.x = 100


def first(nodes: ptr[Node]) -> Node:
    return nodes[0]


def main() -> i64:
    show(sizeof(Mixed))  # => 24
    show(alignof(Mixed))  # => 8
    show(offsetof(Mixed, "c"))  # => 16
    show(sizeof(Line))  # => 72
    p = Point()
    show(p.sum())  # => 7
    show_bool(p.on)  # => true
    p.move(5)
    p.move(dy=10, dx=1)
    show(p.x)  # => 6
    show(p.y)  # => 18
    q = p
    q.x = 1
    show(p.x)  # => 1
    shift(p)
    show(q.x)  # => 100
    r = Point(2, on=False)
    show(r.y)  # => 7
    show_bool(r.on)  # => false
    copy(r, p)
    r.x += 1
    show(r.x)  # => 101
    show(p.x)  # => 100
    # globals
    show(origin.y)  # => 0
    show(home.sum())  # => 7
    origin.x = 9
    show(origin.sum())  # => 9
    # inline structs, defaults inside
    line = Line()
    show(line.start.y)  # => 7
    say(line.name)  # => line
    line.end.move(40, 2)
    show(line.length())  # => 42
    line.marks[2] = 5
    copy(lines[1], line)
    show(lines[1].end.y + i64(lines[1].marks[2]))  # => 14
    end = lines[1].end
    end.y = 1
    show(lines[1].end.y)  # => 1
    # pointers to structs
    tail = Node(2, null)
    head = Node(1, tail)
    show(head.next.value)  # => 2
    show_bool(head.next.next == null)  # => true
    total: u32 = 0
    cursor = addr(head)
    while cursor != null:
        total += cursor.value
        cursor = cursor.next
    show(total)  # => 3
    show(first(tail).value)  # => 2
    show_bool(first(tail) == tail)  # => true
    # a struct constructed in a loop is fresh each time
    for i in range(3):
        fresh = Counter()
        fresh.bump(u32(i))
        if i == 2:
            show(fresh.bump(1))  # => 3
    return 0
