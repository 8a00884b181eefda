"""The machine code and the private layout that the CPU module builds on: hook stubs, offsets into Unicorn 2.1.4.

Nothing here imports Unicorn. The stubs are called by the engine with the interpreter lock held (the engine runs under
`PyDLL`), so they may use the C API of Python directly: a system call of the guest becomes one vectorcall, without the
price of a ctypes callback. Each stub is position-independent; `{names}` are replaced by 8-byte little-endian values.
"""

import ctypes
import mmap
import struct

# Private layout of Unicorn 2.1.4 (include/uc_priv.h, qemu/target/i386/cpu.h), proved by `emu.engine` at each start.
UC_CPU = 440  # uc_struct.cpu: pointer to the X86CPU
CPU_ENV = 35408  # X86CPU.env, the CPUX86State that everything below is relative to
UC_INVALID_ADDRESS = 1416  # uc_struct.invalid_addr: the exact address of the last denied access
STATE_BYTES = 5600
OLD_EXCEPTION = 5496 // 4  # 4-byte words: the exception being delivered; the engine never clears it
ERROR_CODE, IS_SOFTWARE = (
    0x1508 // 4,
    0x150C // 4,
)  # of the last exception: what it pushes, whether an INT instruction raised it
CONTEXT_WORDS = 231  # up to and with xmm15: the rest of the state never changes in user mode

REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))
"""The general registers in the order in which the state holds them, 8 bytes each from offset 0."""
RIP = 16  # the offsets in capitals without a unit are 8-byte words
EFLAGS = 17  # without the arithmetic flags, which the engine keeps apart
HFLAGS_BYTES = 176
SEGMENT_BYTES = 184  # six of 24 bytes: selector, base (+8), limit, flags
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
FS_BASE = (SEGMENT_BYTES + 4 * 24 + 8) // 8
GS_BASE = (SEGMENT_BYTES + 5 * 24 + 8) // 8

# Cells: 8-byte words shared between the stubs and Python.
BUDGET, RING, CALLS, CALLBACK, FAULT_PAGE, FAULT_ACCESS, DIRECTORY, BUS_ERROR = range(8)
CELLS = 8

RING_ENTRIES = 8
RING_WORDS = 8 + RING_ENTRIES * 8
"""A ring of a thread's last system calls: word 0 is the byte offset of the next entry; entries start at word 8 and hold
number, six arguments and the result (`RING_OPEN` while the call has none)."""
RING_OPEN = 1 << 63

# Serves the SYSCALL instruction: sets rcx and r11 as the processor does, notes the call in the thread's ring, calls
# the Python callback with (number, six arguments) and stores the int that it returns in rax. None leaves rax alone (the
# callback may have switched to another context). On an exception the engine is stopped, and PyDLL raises it from
# uc_emu_start. While Python runs, rip is already past the instruction; the engine adds the 2 bytes after the hook.
_SYSCALL = (
    "53"  # push rbx
    "4154"  # push r12
    "4155"  # push r13
    "4883ec50"  # sub rsp,0x50
    "48bb{env}"  # movabs rbx,env
    "49bd{engine}"  # movabs r13,engine
    "488b8380000000"  # mov rax,[rbx+0x80]
    "4883c002"  # add rax,0x2
    "48898380000000"  # mov [rbx+0x80],rax
    "48894308"  # mov [rbx+0x8],rax
    "4c89ef"  # mov rdi,r13
    "befd000000"  # mov esi,0xfd
    "488d5358"  # lea rdx,[rbx+0x58]
    "48b8{uc_reg_read}"  # movabs rax,uc_reg_read
    "ffd0"  # call rax
    "48b8{cells}"  # movabs rax,cells
    "48ff4010"  # inc [rax+0x10]
    "488b5008"  # mov rdx,[rax+0x8]
    "8b0a"  # mov ecx,[rdx]
    "448d4140"  # lea r8d,[rcx+0x40]
    "4181e0ff010000"  # and r8d,0x1ff
    "448902"  # mov [rdx],r8d
    "488d540a40"  # lea rdx,[rdx+rcx*1+0x40]
    "4889542448"  # mov [rsp+0x48],rdx
    "488b03"  # mov rax,[rbx]
    "488902"  # mov [rdx],rax
    "488b4338"  # mov rax,[rbx+0x38]
    "48894208"  # mov [rdx+0x8],rax
    "488b4330"  # mov rax,[rbx+0x30]
    "48894210"  # mov [rdx+0x10],rax
    "488b4310"  # mov rax,[rbx+0x10]
    "48894218"  # mov [rdx+0x18],rax
    "488b4350"  # mov rax,[rbx+0x50]
    "48894220"  # mov [rdx+0x20],rax
    "488b4340"  # mov rax,[rbx+0x40]
    "48894228"  # mov [rdx+0x28],rax
    "488b4348"  # mov rax,[rbx+0x48]
    "48894230"  # mov [rdx+0x30],rax
    "48b80000000000000080"  # movabs rax,0x8000000000000000
    "48894238"  # mov [rdx+0x38],rax
    "49bc{from_u64}"  # movabs r12,from_u64
    "8b3b"  # mov edi,[rbx]: of the number Linux looks at 32 bits
    "41ffd4"  # call r12
    "4889442408"  # mov [rsp+0x8],rax
    "488b7b38"  # mov rdi,[rbx+0x38]
    "41ffd4"  # call r12
    "4889442410"  # mov [rsp+0x10],rax
    "488b7b30"  # mov rdi,[rbx+0x30]
    "41ffd4"  # call r12
    "4889442418"  # mov [rsp+0x18],rax
    "488b7b10"  # mov rdi,[rbx+0x10]
    "41ffd4"  # call r12
    "4889442420"  # mov [rsp+0x20],rax
    "488b7b50"  # mov rdi,[rbx+0x50]
    "41ffd4"  # call r12
    "4889442428"  # mov [rsp+0x28],rax
    "488b7b40"  # mov rdi,[rbx+0x40]
    "41ffd4"  # call r12
    "4889442430"  # mov [rsp+0x30],rax
    "488b7b48"  # mov rdi,[rbx+0x48]
    "41ffd4"  # call r12
    "4889442438"  # mov [rsp+0x38],rax
    "48bf{cells}"  # movabs rdi,cells
    "488b7f18"  # mov rdi,[rdi+0x18]
    "488d742408"  # lea rsi,[rsp+0x8]
    "48ba0700000000000080"  # movabs rdx,0x8000000000000007
    "31c9"  # xor ecx,ecx
    "48b8{vectorcall}"  # movabs rax,vectorcall
    "ffd0"  # call rax
    "48890424"  # mov [rsp],rax
    "49bc{decref}"  # movabs r12,decref
    "488b7c2408"  # mov rdi,[rsp+0x8]
    "41ffd4"  # call r12
    "488b7c2410"  # mov rdi,[rsp+0x10]
    "41ffd4"  # call r12
    "488b7c2418"  # mov rdi,[rsp+0x18]
    "41ffd4"  # call r12
    "488b7c2420"  # mov rdi,[rsp+0x20]
    "41ffd4"  # call r12
    "488b7c2428"  # mov rdi,[rsp+0x28]
    "41ffd4"  # call r12
    "488b7c2430"  # mov rdi,[rsp+0x30]
    "41ffd4"  # call r12
    "488b7c2438"  # mov rdi,[rsp+0x38]
    "41ffd4"  # call r12
    "488b3c24"  # mov rdi,[rsp]
    "4885ff"  # test rdi,rdi
    "7430"  # je failed
    "48b8{none}"  # movabs rax,none
    "4839c7"  # cmp rdi,rax
    "741c"  # je elsewhere
    "48b8{as_u64}"  # movabs rax,as_u64
    "ffd0"  # call rax
    "488903"  # mov [rbx],rax
    "488b542448"  # mov rdx,[rsp+0x48]
    "48894238"  # mov [rdx+0x38],rax
    "488b3c24"  # mov rdi,[rsp]
    # elsewhere:
    "41ffd4"  # call r12
    "eb0f"  # jmp done
    # failed:
    "4c89ef"  # mov rdi,r13
    "48b8{uc_emu_stop}"  # movabs rax,uc_emu_stop
    "ffd0"  # call rax
    # done:
    "4883ab8000000002"  # sub [rbx+0x80],0x2
    "4883c450"  # add rsp,0x50
    "415d"  # pop r13
    "415c"  # pop r12
    "5b"  # pop rbx
    "c3"  # ret
)

# Takes one from the budget of blocks; stops the engine when it is used up.
_BLOCK = (
    "48b8{cells}"  # movabs rax,cells
    "48ff08"  # dec [rax]
    "7801"  # js out
    "c3"  # ret
    # out:
    "48b8{uc_emu_stop}"  # movabs rax,uc_emu_stop
    "ffe0"  # jmp rax
)

# Answers a miss of the software TLB from the page table of the current address space: a directory of 2,048 tables (one
# per 64 GiB) of one byte per page, the protection bits; 16 KiB behind each pointer stands what makes a virtual address of
# that chunk a physical one. Shared text (`emu.texts`) lies elsewhere: behind the bytes of a table stand the numbers of its
# physical pages. Unicorn itself compares the bits with the access.
_TLB = (
    "49b8{cells}"  # movabs r8,cells
    "49897020"  # mov [r8+0x20],rsi
    "41895028"  # mov [r8+0x28],edx
    "4889f0"  # mov rax,rsi
    "48c1e82f"  # shr rax,0x2f
    "754f"  # jne deny
    "4889f0"  # mov rax,rsi
    "48c1e824"  # shr rax,0x24
    "4d8b4830"  # mov r9,[r8+0x30]
    "4d8b14c1"  # mov r10,[r9+rax*8]
    "4d85d2"  # test r10,r10
    "743b"  # je deny
    "498b94c100400000"  # mov rdx,[r9+rax*8+0x4000]
    "4801f2"  # add rdx,rsi
    "48c1ee0c"  # shr rsi,0xc
    "81e6ffffff00"  # and esi,0xffffff
    "410fb60432"  # movzx eax,[r10+rsi*1]
    "a840"  # test al,0x40
    "750c"  # jne text
    # found:
    "488911"  # mov [rcx],rdx
    "894108"  # mov [rcx+0x8],eax
    "b801000000"  # mov eax,0x1
    "c3"  # ret
    # text:
    "83e007"  # and eax,0x7
    "418b94b200000001"  # mov edx,[r10+rsi*4+0x1000000]
    "48c1e20c"  # shl rdx,0xc
    "ebe3"  # jmp found
    # deny:
    "31c0"  # xor eax,eax
    "c3"  # ret
)


def assemble(**values: int) -> tuple[mmap.mmap, dict[str, int]]:
    """An executable page with the stubs for one engine; returns the page and the address of each stub by name."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    base = ctypes.addressof(ctypes.c_char.from_buffer(page))
    words = {name: struct.pack("<Q", value).hex() for name, value in values.items()}
    addresses = {}
    for name, text in (("syscall", _SYSCALL), ("block", _BLOCK), ("tlb", _TLB)):
        page.seek((page.tell() + 15) & ~15)
        addresses[name] = base + page.tell()
        page.write(bytes.fromhex(text.format(**words)))
    return page, addresses
