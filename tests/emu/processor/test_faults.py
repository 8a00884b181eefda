"""Faults: what a handler is told of each, by this machine's processor and kernel and by the bench.

Only what is the same on all processors of the last ten years; what differs is listed in docs/engine-notes.md.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

FAULTS: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("null read", "mov eax,[0]", {}),
    ("null write", "mov [0],eax", {}),
    ("read unmapped", "mov eax,[rcx]", {"rcx": 0x70000000}),
    ("exec data", "jmp rcx", {"rcx": 0x20000800}),
    ("exec null", "xor eax,eax; call rax", {}),
    ("exec ro", "call rcx", {"rcx": 0x21000010}),
    ("exec odd unmapped", "jmp rcx", {"rcx": 0x70000123}),
    ("prot none read", "mov eax,[rcx]", {"rcx": 0x23000010}),
    ("prot none write", "mov [rcx],eax", {"rcx": 0x23000010}),
    ("prot none exec", "jmp rcx", {"rcx": 0x23000010}),
    ("kernel read", "mov rax,[rcx]", {"rcx": 0xffffffff81000000}),
    ("kernel write", "mov [rcx],eax", {"rcx": 0xffffffff81000000}),
    ("kernel exec", "jmp rcx", {"rcx": 0xffffffff81000000}),
    ("vsyscall read", "mov eax,[rcx]", {"rcx": 0xffffffffff600000}),
    ("noncanon read", "mov rax,[rcx]", {"rcx": 0x8000000000000}),
    ("noncanon write", "mov [rcx],eax", {"rcx": 0x1234567890abcdef}),
    ("noncanon stack push", "push rax", {"rsp": 0x1234567890abcdef}),
    ("noncanon stack pop", "pop rax", {"rsp": 0x1234567890abcdef}),
    ("noncanon rbp", "mov rax,[rbp]", {"rbp": 0x1234567890abcdef}),
    ("noncanon rsp pop mem", "mov rax,[rsp+8]", {"rsp": 0x1234567890abcdef}),
    ("first noncanon", "mov rax,[rcx]", {"rcx": 0x800000000000}),
    ("top of user", "mov rax,[rcx]", {"rcx": 0x7ffffffff000}),
    ("sigbus read", "mov eax,[rcx]", {"rcx": 0x22000010}),
    ("sigbus write", "mov [rcx],eax", {"rcx": 0x22000010}),
    ("cross page read end", "mov rax,[rcx]", {"rcx": 0x20001ffc}),
    ("cross page write end", "mov [rcx],rax", {"rcx": 0x20001ffc}),
    ("cross ro", "mov [rcx],rax", {"rcx": 0x20ffffffc}),
    ("movups cross", "movups xmm0,[rcx]", {"rcx": 0x20001ff8}),
    ("movups store cross", "movups [rcx],xmm0", {"rcx": 0x20001ff8}),
    ("rep movs into end", "rep movsb", {"rcx": 0x20, "rsi": 0x20000800, "rdi": 0x20001ff0}),
    ("rep stosq end", "rep stosq", {"rcx": 0x20, "rdi": 0x20001ff0}),
    ("rep movs from end", "rep movsb", {"rcx": 0x20, "rdi": 0x20000800, "rsi": 0x20001ff0}),
    ("div0", "xor ecx,ecx; div ecx", {}),
    ("div overflow", "div rcx", {"rdx": 0x5, "rcx": 0x3}),
    ("idiv overflow", "idiv ecx", {"rax": 0x80000000, "rdx": 0xffffffff, "rcx": 0xffffffff}),
    ("idiv8", "idiv cl", {"rax": 0x8000, "rcx": 0xff}),
    ("div8 zero", "div cl", {"rcx": 0x0}),
    ("div16", "div cx", {"rcx": 0x0}),
    ("idiv64 ovf", "idiv rcx", {"rax": 0x8000000000000000, "rdx": -1, "rcx": -1}),
    ("ud2", "ud2", {}),
    ("ud1", "ud1 eax,ecx", {}),
    ("ud0", ".byte 0x0f,0xff,0xc0", {}),
    ("bad 06", ".byte 0x06", {}),
    ("bad d6", ".byte 0xd6", {}),
    ("into", ".byte 0xce", {}),
    ("bound evex", ".byte 0x62,0,0,0", {}),
    ("aas", ".byte 0x3f", {}),
    ("int3", "int3", {}),
    ("int 3 long", ".byte 0xcd,3", {}),
    ("int 1", ".byte 0xcd,1", {}),
    ("int 4", ".byte 0xcd,4", {}),
    ("int 0", ".byte 0xcd,0", {}),
    ("int 0x21", "int 0x21", {}),
    ("int 0xd", "int 0xd", {}),
    ("int 0xe", "int 0xe", {}),
    ("int 6", ".byte 0xcd,6", {}),
    ("int 0xff", "int 0xff", {}),
    ("hlt", "hlt", {}),
    ("cli", "cli", {}),
    ("sti", "sti", {}),
    ("in", "in al,0x80", {}),
    ("in dx", "in eax,dx", {}),
    ("out", "out 0x80,al", {}),
    ("mov cr0", "mov rax,cr0", {}),
    ("mov to cr3", "mov cr3,rax", {}),
    ("mov dr7", "mov rax,dr7", {}),
    ("rdmsr", "rdmsr", {}),
    ("wrmsr", "wrmsr", {}),
    ("invd", "invd", {}),
    ("wbinvd", "wbinvd", {}),
    ("invlpg", "invlpg [rax]", {}),
    ("lgdt", "lgdt [rdi]", {}),
    ("lidt", "lidt [rdi]", {}),
    ("lldt", "lldt ax", {}),
    ("ltr", "ltr ax", {}),
    ("lmsw", "lmsw ax", {}),
    ("clts", "clts", {}),
    ("swapgs", "swapgs", {}),
    ("iretq bad", "iretq", {}),
    ("lock nop", ".byte 0xf0,0x90", {}),
    ("lock add reg", ".byte 0xf0,0x01,0xc0", {}),
    ("lock cmp", ".byte 0xf0,0x39,0x07", {}),
    ("lock inc reg", ".byte 0xf0,0xff,0xc0", {}),
    ("lock add mem", ".byte 0xf0,0x01,0x07", {}),
    ("long16", ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90", {}),
    ("mov cs", "mov es,eax; .byte 0x8e,0xc8", {"rax": 0x0}),
    ("syscall with upper bits", "mov rax,0x1000000ff; syscall", {}),
    ("syscall bad", "syscall", {"rax": 0x270f}),
    ("syscall -1", "syscall", {"rax": -1}),
    ("tf", "pushfq; or qword ptr [rsp],0x100; popfq; nop; nop", {}),
    ("tf jmp", "pushfq; or qword ptr [rsp],0x100; popfq; jmp 1f; nop; 1: nop", {}),
    ("tf rep", "pushfq; or qword ptr [rsp],0x100; popfq; rep stosb", {"rcx": 0x3}),
    ("ac ok", "pushfq; or qword ptr [rsp],0x40000; popfq; mov eax,[rdi+4]; pushfq; and qword ptr [rsp],~0x40000; popfq", {}),
    ("iopl nt", "pushfq; or qword ptr [rsp],0x7000; popfq", {}),
    ("movaps", "movaps xmm0,[rdi+8]", {}),
    ("cmpxchg16b mis", "lock cmpxchg16b [rdi+8]", {}),
    ("fxsave mis", "fxsave [rdi+8]", {}),
    ("fxrstor mis", "fxrstor [rdi+8]", {}),
    ("code at page end", "mov word ptr [0x24000ffe],0x9090; mov eax,0x24000ffe; jmp rax", {}),
    ("insn over page end", "mov word ptr [0x24000ffe],0xb890; mov eax,0x24000ffe; jmp rax", {}),
    ("insn over page end nx", "mov word ptr [0x25000ffe],0xb890; mov eax,0x25000ffe; jmp rax", {}),
    ("flow over page end nx", "mov word ptr [0x25000ffe],0xc0ff; mov eax,0x25000ffe; jmp rax", {}),
    ("one byte at end", "mov byte ptr [0x24000fff],0x48; mov eax,0x24000fff; jmp rax", {}),
    ("stack none push", "push rax", {"rsp": 0x20000000}),
    ("call none", "call rcx", {"rsp": 0x20000000, "rcx": 0x401010}),
    ("ret unmapped", "ret", {"rsp": 0x70000000}),
    ("enter nested", "enter 16,3", {"rbp": 0x20001000}),
    ("leave bad", "leave", {"rbp": 0x70000000}),
    ("prefetch bad", "prefetcht0 [rcx]", {"rcx": 0x1234567890abcdef}),
    ("nop mem", "nop dword ptr [rcx]", {"rcx": 0x70000000}),
    ("xlat bad", "xlatb", {"rbx": 0x70000000, "rax": 0x5}),
    ("cmov bad false", "cmp eax,eax; cmovne eax,[rcx]", {"rcx": 0x70000000}),
    ("bt mem far", "bt [rcx],rax", {"rcx": 0x20000800, "rax": 0x10000000000}),
    ("xadd unmapped", "xadd [rcx],rax", {"rcx": 0x70000000}),
    ("cmpxchg ro", "cmpxchg [rcx],edx", {"rcx": 0x21000000, "rax": 0x7}),
    ("inc ro", "inc dword ptr [rcx]", {"rcx": 0x21000000}),
    ("xchg ro", "xchg [rcx],eax", {"rcx": 0x21000000}),
    ("inc prot none", "inc dword ptr [rcx]", {"rcx": 0x23000000}),
    ("inc unmapped", "inc dword ptr [rcx]", {"rcx": 0x70000000}),
    ("push mem unmapped", "push [rcx]", {"rcx": 0x70000000}),
    ("call mem unmapped", "call [rcx]", {"rcx": 0x70000000}),
    ("jmp mem null", "jmp [rcx]", {"rcx": 0x0}),
)  # fmt: skip


@pytest.fixture(scope="module")
def results(
    both: Callable[..., Any], assemble: Callable[..., Any], case: Callable[..., bytes]
) -> dict[str, Any]:
    codes: Sequence[bytes] = assemble([text for _, text, _ in FAULTS])
    pairs = both([case(code, registers) for code, (_, _, registers) in zip(codes, FAULTS, strict=True)])
    return dict(zip((name for name, _, _ in FAULTS), pairs, strict=True))


@pytest.mark.parametrize("name", [name for name, _, _ in FAULTS])
def test_a_fault_is_told_as_on_linux(results: dict[str, Any], name: str) -> None:
    native, emulated = (found._replace(fpu=b"") for found in results[name])
    assert emulated == native


X87 = (
    ("division by zero", "fldz; fld1; fdivrp; fwait; nop", 0x37B, 3),
    ("division by zero that is masked", "fldz; fld1; fdivrp; fwait; nop", 0x37F, 0),
)
"""Name, code, control word, si_code. The engine notices no other exceptions of the x87, and none of SSE."""


@pytest.mark.parametrize(
    ("code", "fcw", "wanted"), [entry[1:] for entry in X87], ids=[entry[0] for entry in X87]
)
def test_an_x87_error_that_is_not_masked(
    both: Callable[..., Any],
    assemble: Callable[..., Any],
    case: Callable[..., bytes],
    code: str,
    fcw: int,
    wanted: int,
) -> None:
    (native, emulated), *_ = both([case(assemble([code])[0], fcw=fcw)])
    for field in ("signal", "code", "address", "vector", "error", "pc"):
        assert getattr(emulated, field) == getattr(native, field), field
    assert emulated.code == wanted
