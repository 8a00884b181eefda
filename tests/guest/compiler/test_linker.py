"""The linker: objects that LLVM makes become programs that Linux runs, or a LinkError that says why not."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import llvmlite.binding as llvm
import pytest
from elftools.elf.elffile import ELFFile

from guest.compiler import elfobject
from guest.compiler.linker import LinkError, link

EXIT = """
target triple = "x86_64-unknown-none-elf"
define void @exit(i64 %code) noreturn noinline {
  call i64 asm sideeffect "syscall", "={rax},{rax},{rdi},~{rcx},~{r11},~{memory}"(i64 60, i64 %code)
  unreachable
}
define void @say(ptr %text, i64 %size) noinline {
  call i64 asm sideeffect "syscall", "={rax},{rax},{rdi},{rsi},{rdx},~{rcx},~{r11},~{memory}"(i64 1, i64 1, ptr %text, i64 %size)
  ret void
}
"""
HELLO = (
    EXIT
    + """
@text = private constant [6 x i8] c"hello\\0A"
@pointer = global ptr @text
@zeros = global [1000 x i64] zeroinitializer, align 64
define void @_start() {
  %p = load volatile ptr, ptr @pointer
  call void @say(ptr %p, i64 6)
  %z = getelementptr i64, ptr @zeros, i64 999
  %old = load volatile i64, ptr %z
  store volatile i64 7, ptr %z
  %new = load volatile i64, ptr %z
  %sum = add i64 %old, %new
  call void @exit(i64 %sum)
  unreachable
}
"""
)


def compile_ir(text: str, *, opt: int = 2, reloc: str = "static") -> bytes:
    """The object that LLVM makes of this IR."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(text)
    module.verify()
    target = llvm.Target.from_triple("x86_64-unknown-none-elf")
    machine = target.create_target_machine(cpu="x86-64", opt=opt, reloc=reloc, codemodel="small")
    return bytes(machine.emit_object(module))


def run(program: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    path = folder / "program.elf"
    path.write_bytes(program)
    path.chmod(0o755)
    return subprocess.run([path], capture_output=True, timeout=10)


def read(program: bytes) -> ELFFile:
    return ELFFile(io.BytesIO(program))


@pytest.mark.parametrize("kept", [True, False])
def test_a_program_runs(tmp_path, kept):
    done = run(link(compile_ir(HELLO), symbols=kept, debug=kept), tmp_path)
    assert (done.stdout, done.returncode) == (b"hello\n", 7)


def test_segments_are_separate_and_tightly_packed():
    program = link(compile_ir(HELLO), symbols=False, debug=False)
    elf = read(program)
    assert (elf["e_type"], elf["e_machine"], elf["e_shnum"], elf["e_shoff"]) == ("ET_EXEC", "EM_X86_64", 0, 0)
    loads = [s.header for s in elf.iter_segments("PT_LOAD")]
    assert [load["p_flags"] for load in loads] == [4, 5, 6]
    assert loads[0]["p_vaddr"] == 0x400000
    assert loads[0]["p_offset"] == 0
    pages = [
        set(range(load["p_vaddr"] >> 12, (load["p_vaddr"] + load["p_memsz"] + 4095) >> 12)) for load in loads
    ]
    assert not pages[0] & pages[1]
    assert not pages[1] & pages[2]
    for load in loads:
        assert load["p_offset"] % 4096 == load["p_vaddr"] % 4096
    assert len(program) == loads[-1]["p_offset"] + loads[-1]["p_filesz"] < 600
    assert [s["p_flags"] for s in elf.iter_segments("PT_GNU_STACK")] == [6]
    assert not list(elf.iter_segments("PT_INTERP"))


def test_symbols_have_final_addresses():
    elf = read(link(compile_ir(HELLO)))
    symbols = {s.name: s for s in elf.get_section_by_name(".symtab").iter_symbols()}
    assert symbols["_start"]["st_value"] == elf["e_entry"]
    assert symbols["_start"]["st_info"]["type"] == "STT_FUNC"
    assert symbols["zeros"]["st_size"] == 8000
    assert elf.get_section(symbols["zeros"]["st_shndx"]).name == ".bss"
    table = elf.get_section_by_name(".symtab")
    bindings = [s["st_info"]["bind"] for s in table.iter_symbols()]
    assert set(bindings[: table["sh_info"]]) == {"STB_LOCAL"}
    assert "STB_LOCAL" not in bindings[table["sh_info"] :]


def test_same_object_same_bytes():
    obj = compile_ir(HELLO)
    assert link(obj) == link(obj)


DEBUG = (
    HELLO.replace("define void @_start() {", "define void @_start() !dbg !6 {").replace(
        "  call void @exit(i64 %sum)", "  call void @exit(i64 %sum), !dbg !9"
    )
    + """
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, producer: "test", isOptimized: true, emissionKind: FullDebug)
!1 = !DIFile(filename: "hello.py", directory: "/src")
!2 = !{i32 7, !"Dwarf Version", i32 VERSION}
!3 = !{i32 2, !"Debug Info Version", i32 3}
!6 = distinct !DISubprogram(name: "start", scope: !1, file: !1, line: 4, type: !7, scopeLine: 4, unit: !0, spFlags: DISPFlagDefinition)
!7 = !DISubroutineType(types: !8)
!8 = !{null}
!9 = !DILocation(line: 42, column: 5, scope: !6)
"""
)


@pytest.mark.parametrize("version", ["4", "5"])
def test_debug_sections_are_relocated(tmp_path, version):
    obj = compile_ir(DEBUG.replace("VERSION", version))
    program = link(obj)
    elf = read(program)
    info = elf.get_dwarf_info()
    (unit,) = info.iter_CUs()
    subprogram = next(die for die in unit.iter_DIEs() if die.tag == "DW_TAG_subprogram")
    assert subprogram.attributes["DW_AT_name"].value == b"start"
    start = next(s for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name == "_start")
    assert unit.get_top_DIE().get_full_path() == "/src/hello.py"
    states = [entry.state for entry in info.line_program_for_CU(unit).get_entries() if entry.state]
    assert {s.line for s in states} >= {4, 42}
    for state in states:
        assert start["st_value"] <= state.address <= start["st_value"] + start["st_size"]
    assert run(program, tmp_path).returncode == 7
    assert not read(link(obj, debug=False)).has_dwarf_info()
    assert len(link(obj, debug=False, symbols=False)) < 600


TABLES = (
    EXIT
    + """
@small = private constant [2 x i32] [i32 40, i32 2], align 4
@aligned = internal global [3 x i8] c"abc", align 4096
@far = internal global [5 x i8] zeroinitializer, align 8192
@pointers = private constant [2 x ptr] [ptr @small, ptr getelementptr (i8, ptr @small, i64 4)]
@functions = private constant [2 x ptr] [ptr @one, ptr @two]
@_end = external global i8
@__ehdr_start = external global i8
@absent = extern_weak global i8
define internal i64 @one() noinline { ret i64 1 }
define internal i64 @two() noinline { ret i64 2 }
define void @_start() {
  %slot = getelementptr [2 x ptr], ptr @pointers, i64 0, i64 1
  %p = load volatile ptr, ptr %slot
  %two = load volatile i32, ptr %p
  %w = zext i32 %two to i64
  %f = getelementptr [2 x ptr], ptr @functions, i64 0, i64 %w
  %g = getelementptr ptr, ptr %f, i64 -1
  %h = load volatile ptr, ptr %g
  %r = call i64 %h()
  %a = ptrtoint ptr @aligned to i64
  %b = and i64 %a, 4095
  %c = ptrtoint ptr @far to i64
  %d = and i64 %c, 8191
  %bad = or i64 %b, %d
  %magic = load volatile i32, ptr @__ehdr_start
  %ok = icmp eq i32 %magic, 1179403647
  %okn = zext i1 %ok to i64
  %weak = ptrtoint ptr @absent to i64
  %end = ptrtoint ptr @_end to i64
  %after = icmp ugt i64 %end, %c
  %aftern = zext i1 %after to i64
  %s1 = mul i64 %bad, 64
  %s2 = add i64 %r, %s1
  %s3 = shl i64 %okn, 3
  %s4 = shl i64 %aftern, 4
  %s5 = add i64 %s2, %s3
  %s6 = add i64 %s5, %s4
  %s7 = add i64 %s6, %weak
  call void @exit(i64 %s7)
  unreachable
}
"""
)


@pytest.mark.parametrize("reloc", ["static", "pic"])
@pytest.mark.parametrize("opt", [0, 2])
def test_pointer_tables_alignment_weak_and_provided_symbols(tmp_path, reloc, opt):
    program = link(compile_ir(TABLES, opt=opt, reloc=reloc), symbols=False, debug=False)
    assert run(program, tmp_path).returncode == 2 + 8 + 16


GOT = (
    EXIT
    + """
@value = global i64 21
define void @_start() {
  %a = call ptr asm "movq value@GOTPCREL(%rip), $0", "=r"()
  %b = call ptr asm "xorl %eax, %eax; addq value@GOTPCREL(%rip), %rax", "={rax},~{flags}"()
  %x = load volatile i64, ptr %a
  %y = load volatile i64, ptr %b
  %s = add i64 %x, %y
  call void asm sideeffect "pushq $0; popq %rdi; call *exit@GOTPCREL(%rip)", "r,~{rdi},~{memory}"(i64 %s)
  unreachable
}
define void @other() {
  call void asm sideeffect "jmp *exit@GOTPCREL(%rip)", ""()
  unreachable
}
"""
)


def test_got_references_are_relaxed_or_given_a_slot(tmp_path):
    program = link(compile_ir(GOT))
    assert run(program, tmp_path).returncode == 42
    elf = read(program)
    assert elf.get_section_by_name(".got").data_size == 8, "only the add needs a slot"
    symbols = {s.name: s for s in elf.get_section_by_name(".symtab").iter_symbols()}
    text = elf.get_section_by_name(".text")
    start = symbols["other"]["st_value"] - text["sh_addr"]
    code = text.data()[start : start + 6]
    (distance,) = struct.unpack_from("<i", code, 1)
    assert (code[0], code[5]) == (0xE9, 0x90)
    assert symbols["other"]["st_value"] + 5 + distance == symbols["exit"]["st_value"]


START = EXIT + "define void @_start() { call void @exit(i64 0) unreachable }\n"
REFUSED = {
    "undefined": (
        EXIT + "declare void @missing() define void @_start() { call void @missing() unreachable }",
        r"^undefined symbol: missing \(used in _start\+0x",
    ),
    "undefined, several": (
        "declare void @a() declare void @b() define void @_start() { call void @a() call void @b() ret void }",
        r"^undefined symbols: a \(used in _start\+0x\w+\), b \(used in _start\+0x\w+\)$",
    ),
    "no entry": (EXIT, r"^undefined symbol: _start \(the program's entry\)$"),
    "entry is data": ("@_start = global i64 1", r"^entry _start is not in executable code$"),
    "thread-local": (START + "@t = thread_local global i64 1", "thread-local variables are not supported"),
    "constructor": (
        START
        + "@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 1, ptr @_start, ptr null }]",
        "constructors and destructors are not supported",
    ),
    "does not fit in 32 bits": (
        START + """module asm ".data; .long exit + 0xffffffff"\n""",
        r"^\.data\+0x0 \(against .*\): R_X86_64_32 does not fit",
    ),
    "too far for a call": (
        EXIT + 'define void @_start() { call void asm sideeffect "call exit+0x90000000", ""() unreachable }',
        r"^_start\+0x\w+ \(against exit\): R_X86_64_(PC|PLT)32 does not fit",
    ),
    "unknown relocation": (
        EXIT
        + 'define void @_start() { call void asm sideeffect "movl $$exit@SIZE, %eax", ""() unreachable }',
        r"^_start\+0x\w+ \(against exit\): relocation type \d+ is not supported$",
    ),
    "writable code": (
        START + r'module asm ".section .both,\22awx\22,@progbits; .long 1"',
        r"cannot be both writable and executable",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason(case):
    text, message = REFUSED[case]
    with pytest.raises(LinkError, match=message):
        link(compile_ir(text))


def test_not_an_object():
    for data in (b"", b"#!/bin/sh\n", b"\x7fELF", link(compile_ir(START))):
        with pytest.raises(LinkError):
            link(data)


def test_broken_objects_raise_nothing_but_linkerror():
    obj = compile_ir(HELLO)
    for cut in range(0, len(obj), 7):
        with pytest.raises(LinkError):
            link(obj[:cut])
    for at in range(elfobject.HEADER.size):
        for value in (0, 0x7F, 0xFF):
            try:
                link(obj[:at] + bytes([value]) + obj[at + 1 :])
            except LinkError:
                pass
