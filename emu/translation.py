"""Corrects how the engine translates: SSE operands that must be multiples of 16 are checked, and there are no VEX instructions.

The engine translates such an access into two of 8 bytes. Its code generator knows loads and stores that demand an alignment, which other
processors need; the demand is part of the comparison with the software TLB, so it costs nothing. Here its two functions
`tcg_gen_qemu_ld_i64` and `tcg_gen_qemu_st_i64` are replaced by ones in machine code (through libunicorn's table of procedure
addresses), which look at the instruction being translated and add the demand where it belongs; and what the engine calls when
an operand is misaligned becomes #GP.

Instructions with a VEX prefix (AVX, BMI) are what no processor with this CPUID has. The engine executes those of 128 bits, as if they were the old ones with two
operands. `cpu_ldub_code`, by which the translator reads, is replaced, too: the prefix reads as an opcode that there is not.

Only instances for which `correct` was called take part. The private layout is that of
Unicorn 2.1.4, and is proved as far as it can be before anything is changed.

Source: Intel SDM volume 1, 4.1.1 and volume 2 (which instructions), AMD64 APM volume 4; tcg/tcg-op.c and accel/tcg/cputlb.c of Unicorn.
"""

import ctypes
import mmap
import re
import struct
from collections.abc import Iterable
from typing import Any

from emu import cpu_native as native
from syscalls import kernel, numbers

ALIGNMENT = 16

_ANY = (*range(0x54, 0x5A), *range(0x5C, 0x60))  # logic, add, mul, sub, min, div, max
_NO_PREFIX = (0x14, 0x15, 0x28, 0x29, 0x2B, 0x51, 0x52, 0x53, *_ANY, 0x5B, 0xC2, 0xC6)
_OPERAND_SIZE = (
    0x14, 0x15, 0x28, 0x29, 0x2B, 0x2C, 0x2D, 0x51, *_ANY, 0x5A, 0x5B,
    *range(0x60, 0x6E), 0x6F, 0x70, 0x74, 0x75, 0x76, 0x7C, 0x7D, 0x7F, 0xC2, 0xC6,
    *range(0xD0, 0xD6), *range(0xD8, 0xF0), *range(0xF1, 0xF7), *range(0xF8, 0xFF),
)  # fmt: skip
_REP = (0x12, 0x16, 0x5B, 0x70)
_REPNE = (0x70, 0x7C, 0x7D, 0xD0, 0xE6)
_MAP_38 = (
    *range(0x0C), 0x10, 0x14, 0x15, 0x17, 0x1C, 0x1D, 0x1E, *range(0x28, 0x2C), *range(0x37, 0x42), *range(0xDB, 0xE0),
)  # fmt: skip
_MAP_3A = (0x08, 0x09, 0x0C, 0x0D, 0x0E, 0x0F, 0x40, 0x41, 0x42, 0x44, 0xDF)
# By mandatory prefix: none, 66, F3, 66 and F3, F2, 66 and F2; then 0F 38 and 0F 3A behind 66. What is not named works with
# 8 bytes or fewer, or is one of those that take any address (MOVUPS, MOVDQU, LDDQU, MASKMOVDQU, PCMPESTRI and its like).
_TABLES: tuple[Iterable[int], ...] = (
    _NO_PREFIX, _OPERAND_SIZE, _REP, _REP, _REPNE, _REPNE, (), (), _MAP_38, _MAP_3A,
)  # fmt: skip

# rdi is the TCGContext, r8d the kind of access. The pc of the instruction is the argument of the last `insn_start`
# operation; its bytes are read as the translator reads them. Of the two halves the first gets the demand: `state` holds
# the pc between them. The stub for fetching knows the first byte of an instruction by the `insn_start` that was just emitted.
_CODE = (
    # load:
    "48b8{load}"  # movabs rax,load
    "eb0a"  # jmp common
    # store:
    "48b8{store}"  # movabs rax,store
    # common:
    "4183f803"  # cmp r8d,0x3
    "0f853b010000"  # jne out
    "4c8b9770990000"  # mov r10,[rdi+0x9970]
    "4d8b92b8010000"  # mov r10,[r10+0x1b8]
    "4d8b8ab0810000"  # mov r9,[r10+0x81b0]
    "4983791800"  # cmp [r9+0x18],0x0
    "0f841b010000"  # je out
    "4c8d9f88730000"  # lea r11,[rdi+0x7388]
    "4d8b4b08"  # mov r9,[r11+0x8]
    # walk:
    "4d39d9"  # cmp r9,r11
    "0f8407010000"  # je out
    "418079f881"  # cmp byte [r9-0x8],0x81
    "7406"  # je found
    "4d8b4908"  # mov r9,[r9+0x8]
    "ebea"  # jmp walk
    # found:
    "50"  # push rax
    "57"  # push rdi
    "56"  # push rsi
    "52"  # push rdx
    "51"  # push rcx
    "4150"  # push r8
    "53"  # push rbx
    "55"  # push rbp
    "4154"  # push r12
    "4155"  # push r13
    "4156"  # push r14
    "498d9a508a0000"  # lea rbx,[r10+0x8a50]
    "498b6910"  # mov rbp,[r9+0x10]
    "4989ee"  # mov r14,rbp
    "4531e4"  # xor r12d,r12d
    "49bd{fetch}"  # movabs r13,fetch
    # prefix:
    "4889df"  # mov rdi,rbx
    "4889ee"  # mov rsi,rbp
    "48ffc5"  # inc rbp
    "41ffd5"  # call r13
    "3c66"  # cmp al,0x66
    "7435"  # je data
    "3cf3"  # cmp al,0xf3
    "7437"  # je rep
    "3cf2"  # cmp al,0xf2
    "743d"  # je repne
    "3c0f"  # cmp al,0xf
    "7443"  # je escape
    "89c1"  # mov ecx,eax
    "81e1f0000000"  # and ecx,0xf0
    "83f940"  # cmp ecx,0x40
    "74d7"  # je prefix
    "89c1"  # mov ecx,eax
    "81e1e7000000"  # and ecx,0xe7
    "83f926"  # cmp ecx,0x26
    "74ca"  # je prefix
    "89c1"  # mov ecx,eax
    "81e1fc000000"  # and ecx,0xfc
    "83f964"  # cmp ecx,0x64
    "74bd"  # je prefix
    "eb7c"  # jmp plain
    # data:
    "4183cc01"  # or r12d,0x1
    "ebb5"  # jmp prefix
    # rep:
    "4183e401"  # and r12d,0x1
    "4183cc02"  # or r12d,0x2
    "ebab"  # jmp prefix
    # repne:
    "4183e401"  # and r12d,0x1
    "4183cc04"  # or r12d,0x4
    "eba1"  # jmp prefix
    # escape:
    "4889df"  # mov rdi,rbx
    "4889ee"  # mov rsi,rbp
    "48ffc5"  # inc rbp
    "41ffd5"  # call r13
    "0fb6c0"  # movzx eax,al
    "83f838"  # cmp eax,0x38
    "7405"  # je second
    "83f83a"  # cmp eax,0x3a
    "751b"  # jne look
    # second:
    "4183fc01"  # cmp r12d,0x1
    "7543"  # jne plain
    "d1e8"  # shr eax,1
    "83e001"  # and eax,0x1
    "448d6008"  # lea r12d,[rax+0x8]
    "4889df"  # mov rdi,rbx
    "4889ee"  # mov rsi,rbp
    "41ffd5"  # call r13
    "0fb6c0"  # movzx eax,al
    # look:
    "41c1e408"  # shl r12d,0x8
    "4401e0"  # add eax,r12d
    "48b9{state}"  # movabs rcx,state
    "480fa34110"  # bt [rcx+0x10],rax
    "7316"  # jae plain
    "4c3931"  # cmp [rcx],r14
    "740a"  # je last
    "4c8931"  # mov [rcx],r14
    "834c242840"  # or dword [rsp+0x28],0x40
    "eb07"  # jmp plain
    # last:
    "48c70100000000"  # mov [rcx],0x0
    # plain:
    "415e"  # pop r14
    "415d"  # pop r13
    "415c"  # pop r12
    "5d"  # pop rbp
    "5b"  # pop rbx
    "4158"  # pop r8
    "59"  # pop rcx
    "5a"  # pop rdx
    "5e"  # pop rsi
    "5f"  # pop rdi
    "58"  # pop rax
    # out:
    "ffe0"  # jmp rax
    # fault:
    "48b8{state}"  # movabs rax,state
    "48897008"  # mov [rax+0x8],rsi
    "4881c7508a0000"  # add rdi,0x8a50
    "be0d000000"  # mov esi,0xd
    "31d2"  # xor edx,edx
    "4c89c1"  # mov rcx,r8
    "48b8{raise_exception}"  # movabs rax,raise_exception
    "ffe0"  # jmp rax
    # vex:
    "488b87581b0000"  # mov rax,[rdi+0x1b58]
    "488b8000030000"  # mov rax,[rax+0x300]
    "488b8090730000"  # mov rax,[rax+0x7390]
    "8078f881"  # cmp byte [rax-0x8],0x81
    "753e"  # jne any
    "48397010"  # cmp [rax+0x10],rsi
    "7538"  # jne any
    "488b8760f7ffff"  # mov rax,[rdi-0x8a0]
    "4883781800"  # cmp [rax+0x18],0x0
    "742a"  # je any
    "4883ec08"  # sub rsp,0x8
    "48b8{fetch}"  # movabs rax,fetch
    "ffd0"  # call rax
    "4883c408"  # add rsp,0x8
    "89c1"  # mov ecx,eax
    "81e1fe000000"  # and ecx,0xfe
    "81f9c4000000"  # cmp ecx,0xc4
    "7505"  # jne known
    "b806000000"  # mov eax,0x6
    # known:
    "c3"  # ret
    # any:
    "48b8{fetch}"  # movabs rax,fetch
    "ffe0"  # jmp rax
)

_STORE, _FAULT, _FETCH = 12, 349, 392  # places in it
_ADDRESS = struct.Struct("<Q")
_SYMBOL = struct.Struct("<IBBHQQ")  # Elf64_Sym
_RELOCATION = struct.Struct("<QQq")  # Elf64_Rela
_JUMP_SLOT = 7
_STRTAB, _SYMTAB, _JMPREL, _PLTRELSZ = 5, 6, 23, 2  # of the dynamic section

# Private layout of Unicorn 2.1.4.
_UC_TCG_CONTEXT = 0x300
_TCG_UC = 0x9970
_CPU_CLASS = 0x81B0  # CPUState.cc
_DO_UNALIGNED_ACCESS = 0x18  # in the CPUClass
_OPERATIONS = bytes.fromhex("488b9790730000")  # mov rdx,[rdi+0x7390]: tcg_emit_op appends to TCGContext.ops

_LIMIT = re.compile(rb"[\x44\x45]\x0f[\x4e\x4f][\xc0\xc8]")  # cmovle, cmovg into r8d or r9d
_LIMITS = 4  # two lengths, of bytes or of words
_HELPER_BYTES = 176  # where they are
_CONDITION_AT, _SIGNED = 2, 8  # without that bit: cmovbe, cmova


class Translation:
    """The corrections in one process's libunicorn, `library`. To be made once. Raises LookupError where it is not as expected."""

    def __init__(self, library: ctypes.CDLL) -> None:
        emit = _address(library.tcg_emit_op_x86_64)
        if _OPERATIONS not in ctypes.string_at(emit, 128):
            raise LookupError("tcg_emit_op")
        load, store = (_address(getattr(library, f"tcg_gen_qemu_{kind}_i64_x86_64")) for kind in ("ld", "st"))
        fetch = _address(library.cpu_ldub_code_x86_64)
        slots = _slots(library, (load, store, fetch))
        self._page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._state = mmap.PAGESIZE // 2
        values = {
            "load": load,
            "store": store,
            "fetch": fetch,
            "state": base + self._state,
            "raise_exception": _address(library.raise_exception_err_ra_x86_64),
        }
        words = {name: _ADDRESS.pack(value).hex() for name, value in values.items()}
        self._page.write(bytes.fromhex(_CODE.format(**words)))
        self._page.seek(self._state + 16)
        self._page.write(b"".join(_bits(table) for table in _TABLES))
        self._fault = base + _FAULT
        for name in ("helper_pcmpestri_xmm_x86_64", "helper_pcmpestrm_xmm_x86_64"):
            _compare_lengths_unsigned(_address(getattr(library, name)))
        for slot, stub in zip(slots, (base, base + _STORE, base + _FETCH), strict=True):
            ctypes.c_uint64.from_address(slot).value = stub

    def correct(self, engine: int) -> None:
        """Corrects the engine at this address (a uc_struct). Raises LookupError when its layout is not the known one."""
        tcg = _word(engine + _UC_TCG_CONTEXT)
        kind = _word(_word(engine + native.UC_CPU) + _CPU_CLASS)
        if _word(tcg + _TCG_UC) != engine or _word(kind + _DO_UNALIGNED_ACCESS):
            raise LookupError("uc_struct")
        ctypes.c_uint64.from_address(kind + _DO_UNALIGNED_ACCESS).value = self._fault

    def take(self) -> int:
        """The address of the misaligned operand that the last #GP was for; 0 when it was for something else."""
        at = self._state + 8
        (address,) = _ADDRESS.unpack_from(self._page, at)
        if address:
            _ADDRESS.pack_into(self._page, at, 0)
        return int(address)


def _compare_lengths_unsigned(helper: int) -> None:
    """Mends a helper of PCMPESTRI and PCMPESTRM. It takes the absolute value of a length, which of the smallest number stays negative, and then reads
    far away from its operands, so that a guest could end the bench. `cmp r, 16; cmovg r, limit` becomes `cmova`."""
    found = [match.start() for match in _LIMIT.finditer(ctypes.string_at(helper, _HELPER_BYTES))]
    if len(found) != _LIMITS:
        raise LookupError("helper_pcmpestri")
    start = helper & -mmap.PAGESIZE
    size = helper + _HELPER_BYTES - start
    if kernel.call3(numbers.mprotect, start, size, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC):
        return  # this host forbids it
    for at in found:
        condition = ctypes.c_ubyte.from_address(helper + at + _CONDITION_AT)
        condition.value &= ~_SIGNED
    kernel.call3(numbers.mprotect, start, size, mmap.PROT_READ | mmap.PROT_EXEC)


def _bits(members: Iterable[int]) -> bytes:
    return sum(1 << member for member in members).to_bytes(32, "little")


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


def _slots(library: ctypes.CDLL, functions: Iterable[int]) -> list[int]:
    """Where the library keeps the addresses of functions that it calls through its procedure linkage table.

    A handle of dlopen(3) points to struct link_map of <link.h>: base, name, dynamic section.
    """
    base, _, dynamic = struct.unpack("<QQQ", ctypes.string_at(library._handle, 24))
    tags: dict[int, int] = {}
    while (tag := _word(dynamic)) != 0:
        tags[tag] = _word(dynamic + 8)
        dynamic += 16
    symtab, strtab, jmprel = (
        tags[tag] + (base if tags[tag] < base else 0) for tag in (_SYMTAB, _STRTAB, _JMPREL)
    )  # glibc has added the base, musl has not
    symbols = ctypes.string_at(symtab, strtab - symtab)
    relocations = ctypes.string_at(jmprel, tags[_PLTRELSZ])
    return [base + _slot(symbols, relocations, address - base) for address in functions]


def _slot(symbols: bytes, relocations: bytes, value: int) -> int:
    at = _aligned_find(symbols, _ADDRESS.pack(value), 8, _SYMBOL.size)
    number = at // _SYMBOL.size
    at = _aligned_find(relocations, _ADDRESS.pack(number << 32 | _JUMP_SLOT), 8, _RELOCATION.size)
    return int(_RELOCATION.unpack_from(relocations, at)[0])


def _aligned_find(table: bytes, word: bytes, offset: int, size: int) -> int:
    """Where the entry of `size` bytes begins that has `word` at `offset`."""
    at = table.find(word)
    while at >= 0 and at % size != offset:
        at = table.find(word, at + 1)
    if at < 0:
        raise LookupError("the procedure linkage table of libunicorn")
    return at - offset
