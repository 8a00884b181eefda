"""What a guest program imports: the types and operations of the guest language, importable under CPython too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from guest.lang_pure import pure
from guest.lang_types import (
    OnlyCompiled,
    Struct,
    array,
    buffer,
    copy,
    coro,
    fields,
    fn,
    i8,
    i16,
    i32,
    i64,
    is_struct,
    layout,
    ptr,
    u8,
    u16,
    u32,
    u64,
)

T = TypeVar("T")
PROJECT_ROOT = Path(__file__).resolve().parents[1]
null = None


def struct(cls: type) -> Any:
    """Makes a class with annotated fields a struct of C layout."""
    own = {name: item for name, item in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(cls.__name__, (Struct,), own)


# Decorators that only the compiler acts on


def _mark(target: T) -> T:
    return target


naked = inline = noinline = extern = coroutine_allocator = coroutine_deallocator = _mark


def export(name: str) -> Callable[[T], T]:
    """Fixes the ELF symbol of a function."""
    return _mark


# Constant expressions


def sizeof(kind: Any) -> int:
    """Bytes of inline storage of a type."""
    return layout(kind)[0]


def alignof(kind: Any) -> int:
    """Alignment in bytes of a type."""
    return layout(kind)[1]


def offsetof(kind: Any, name: str) -> int:
    """Where a field lies in its struct, in bytes."""
    if not is_struct(kind) or name not in fields(kind):
        raise TypeError(f"{kind!r} has no field {name}")
    offset = 0
    for item, type_of_item in fields(kind).items():
        size, align = layout(type_of_item)
        offset = -(-offset // align) * align
        if item == name:
            break
        offset += size
    return offset


def embed(name: str) -> bytes:
    """The content of a file beside the calling module, or in the project root. Raises FileNotFoundError."""
    beside = Path(sys._getframe(1).f_globals["__file__"]).parent / name
    return (beside if beside.is_file() else PROJECT_ROOT / name).read_bytes()


# Operations that exist only in compiled programs


def _only_compiled(name: str) -> Any:
    def refuse(*arguments: object) -> NoReturn:
        raise OnlyCompiled(name)

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


class _Atomic:
    """Atomic operations on memory: `atomic.add(p, 1, relaxed)`."""

    load = staticmethod(_only_compiled("atomic.load"))
    store = staticmethod(_only_compiled("atomic.store"))
    exchange = staticmethod(_only_compiled("atomic.exchange"))
    compare_exchange = staticmethod(_only_compiled("atomic.compare_exchange"))
    add = staticmethod(_only_compiled("atomic.add"))
    sub = staticmethod(_only_compiled("atomic.sub"))
    or_ = staticmethod(_only_compiled("atomic.or_"))
    and_ = staticmethod(_only_compiled("atomic.and_"))
    xor = staticmethod(_only_compiled("atomic.xor"))


class _Asm:
    """Inline assembly, Intel syntax: `asm("...")`, `asm[T]("...", "constraints", ...)`."""

    def __getitem__(self, kind: object) -> Any:
        return _only_compiled("asm")

    def __call__(self, *arguments: object) -> NoReturn:
        raise OnlyCompiled("asm")


atomic = _Atomic()
asm = _Asm()
relaxed, acquire, release, acq_rel, seq_cst = "relaxed", "acquire", "release", "acq_rel", "seq_cst"

syscall = _only_compiled("syscall")
fence = _only_compiled("fence")
pause = _only_compiled("pause")
volatile_load = _only_compiled("volatile_load")
volatile_store = _only_compiled("volatile_store")
addr = _only_compiled("addr")
bytes_at = _only_compiled("bytes_at")
memory_copy = _only_compiled("memory_copy")
memory_fill = _only_compiled("memory_fill")
trap = _only_compiled("trap")
unreachable = _only_compiled("unreachable")
thread_pointer = _only_compiled("thread_pointer")
return_address = _only_compiled("return_address")
frame_address = _only_compiled("frame_address")
trap_table = _only_compiled("trap_table")
trap_text = _only_compiled("trap_text")
resume = _only_compiled("resume")
done = _only_compiled("done")
result = _only_compiled("result")
destroy = _only_compiled("destroy")
suspend = _only_compiled("suspend")

__all__ = [
    "acq_rel",
    "acquire",
    "addr",
    "alignof",
    "array",
    "asm",
    "atomic",
    "buffer",
    "bytes_at",
    "copy",
    "coro",
    "coroutine_allocator",
    "coroutine_deallocator",
    "destroy",
    "done",
    "embed",
    "export",
    "extern",
    "fence",
    "fn",
    "frame_address",
    "i8",
    "i16",
    "i32",
    "i64",
    "inline",
    "memory_copy",
    "memory_fill",
    "naked",
    "noinline",
    "null",
    "offsetof",
    "pause",
    "ptr",
    "pure",
    "relaxed",
    "release",
    "result",
    "resume",
    "return_address",
    "seq_cst",
    "sizeof",
    "struct",
    "suspend",
    "syscall",
    "thread_pointer",
    "trap",
    "trap_table",
    "trap_text",
    "u8",
    "u16",
    "u32",
    "u64",
    "unreachable",
    "volatile_load",
    "volatile_store",
]
