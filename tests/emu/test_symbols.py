"""Symbols and lines: equal to what pyelftools and addr2line read, and never an exception for a broken file."""

from __future__ import annotations

import io
import itertools
import random
import shutil
import struct
import subprocess
import time

import llvmlite.binding as llvm
import pytest
from elftools.elf.elffile import ELFFile

from emu.dwarf import DwarfError
from emu.dwarf.line import read_line_table
from emu.dwarf.reader import Budget, Cursor
from emu.places import Place, Places
from emu.symbols import Frame, Symbols
from guest.compiler.linker import link

SOURCE = """
target triple = "x86_64-unknown-none-elf"
@sink = global i64 0
define void @outer() noinline !dbg !10 {
  call void asm sideeffect "nop", ""(), !dbg !20
  call void asm sideeffect "nop; nop", ""(), !dbg !22
  call void asm sideeffect "nop; nop; nop", ""(), !dbg !23
  store volatile i64 1, ptr @sink, !dbg !24
  ret void, !dbg !21
}
define void @_start() !dbg !11 {
  call void @outer(), !dbg !25
  unreachable, !dbg !25
}
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2, !3}
!0 = distinct !DICompileUnit(language: DW_LANG_C99, file: !1, producer: "t", isOptimized: true, emissionKind: FullDebug)
!1 = !DIFile(filename: "main.py", directory: "/src")
!2 = !{i32 7, !"Dwarf Version", i32 VERSION}
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = !DIFile(filename: "lib/inner.py", directory: "/src")
!7 = !DISubroutineType(types: !8)
!8 = !{null}
!10 = distinct !DISubprogram(name: "outer_name", linkageName: "outer", scope: !1, file: !1, line: 4, type: !7, scopeLine: 4, unit: !0, spFlags: DISPFlagDefinition)
!11 = distinct !DISubprogram(name: "_start", scope: !1, file: !1, line: 30, type: !7, scopeLine: 30, unit: !0, spFlags: DISPFlagDefinition)
!12 = distinct !DISubprogram(name: "middle", scope: !4, file: !4, line: 100, type: !7, scopeLine: 100, unit: !0, spFlags: DISPFlagDefinition)
!13 = distinct !DISubprogram(name: "inner", scope: !4, file: !4, line: 200, type: !7, scopeLine: 200, unit: !0, spFlags: DISPFlagDefinition)
!14 = distinct !DILexicalBlock(scope: !12, file: !4, line: 102)
!20 = !DILocation(line: 5, column: 1, scope: !10)
!21 = !DILocation(line: 9, column: 1, scope: !10)
!22 = !DILocation(line: 101, column: 1, scope: !12, inlinedAt: !30)
!23 = !DILocation(line: 201, column: 1, scope: !13, inlinedAt: !31)
!24 = !DILocation(line: 0, column: 1, scope: !10)
!25 = !DILocation(line: 31, column: 1, scope: !11)
!30 = distinct !DILocation(line: 7, column: 1, scope: !10)
!31 = distinct !DILocation(line: 103, column: 1, scope: !14, inlinedAt: !30)
"""


def program(version=4, **options):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(SOURCE.replace("VERSION", str(version)))
    module.verify()
    target = llvm.Target.from_triple("x86_64-unknown-none-elf")
    machine = target.create_target_machine(reloc="static", codemodel="small")
    return link(machine.emit_object(module), **options)


def address_of(elf, name):
    table = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    return table.get_symbol_by_name(name)[0]["st_value"]


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_lines_and_inlined_calls(version):
    elf = program(version)
    symbols = Symbols(elf)
    outer = address_of(elf, "outer")
    assert symbols.chain(outer) == (Frame("outer", "main.py", 5),)
    assert symbols.chain(outer + 1) == (Frame("middle", "lib/inner.py", 101), Frame("outer", "main.py", 7))
    for pc in (outer + 3, outer + 5):
        assert symbols.chain(pc) == (
            Frame("inner", "lib/inner.py", 201),
            Frame("middle", "lib/inner.py", 103),
            Frame("outer", "main.py", 7),
        )
    assert symbols.line(outer + 6) == ("", 0), "line 0: code that no line has asked for"
    assert symbols.function(outer + 6) == ("outer", 6)
    assert symbols.chain(address_of(elf, "_start") + 1) == (Frame("_start", "main.py", 31),)


def test_places_are_words():
    elf = program()
    outer = address_of(elf, "outer")
    places = Places(elf)
    assert places(outer) == Place("outer", "main.py", 5)
    assert places(outer + 1) == Place("middle", "lib/inner.py", 101)
    assert places.text(outer + 1) == "middle inner.py:101, inlined into outer+0x1 main.py:7"
    assert Places(elf, base=0x5000)(outer + 0x5000) == places(outer)
    assert places(0x1234) == Place()
    assert places.text(0x1234) == ""


def test_without_debug_information_or_symbols():
    elf = program()
    outer = address_of(elf, "outer")
    assert Symbols(program(debug=False)).chain(outer + 1) == (Frame("outer", "", 0),)
    assert Symbols(program(symbols=False)).chain(outer) == (Frame("outer_name", "main.py", 5),)
    stripped = Symbols(program(symbols=False, debug=False))
    assert (stripped.chain(outer), stripped.function(outer), stripped.line(outer)) == ((), ("", 0), ("", 0))


@pytest.mark.parametrize("version", [4, 5])
def test_every_line_is_what_pyelftools_reads(version):
    elf = program(version)
    symbols = Symbols(elf)
    info = ELFFile(io.BytesIO(elf)).get_dwarf_info()
    compared = 0
    for unit in info.iter_CUs():
        rows = [entry.state for entry in info.line_program_for_CU(unit).get_entries() if entry.state]
        for row, following in itertools.pairwise(rows):
            if not row.end_sequence:
                for pc in range(row.address, following.address):
                    assert symbols.line(pc)[1] == row.line
                    compared += 1
    assert compared > 10


C_SOURCE = """
static volatile int sink;
static inline __attribute__((always_inline)) void leaf(int n) {
  sink = n;
  sink += n;
}
static inline __attribute__((always_inline)) void middle(int n) {
  for (int i = 0; i < n; i++) {
    leaf(i);
  }
}
__attribute__((noinline)) int work(int n) {
  if (n > 3) { middle(n); return 1; }
  leaf(n);
  return sink;
}
__asm__(".globl by_hand\\nby_hand: nop\\n ret\\n");
void _start(void) { work(7); __builtin_trap(); }
"""


needs_gcc = pytest.mark.skipif(
    not (shutil.which("gcc") and shutil.which("addr2line")), reason="needs gcc and binutils"
)


def compile_c(folder, flags):
    (folder / "prog.c").write_text(C_SOURCE)
    command = [
        "gcc",
        "-O2",
        "-static",
        "-nostdlib",
        "-fno-pie",
        "-no-pie",
        *flags.split(),
        "-o",
        "prog",
        "prog.c",
    ]
    subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True)
    return (folder / "prog").read_bytes()


@needs_gcc
def test_64_bit_dwarf_says_the_same(tmp_path):
    """addr2line of binutils 2.40 cannot read it."""
    narrow, wide = (Symbols(compile_c(tmp_path, f"-gdwarf-5 {flag}")) for flag in ("-gdwarf32", "-gdwarf64"))
    chains = [wide.chain(pc) for pc in range(0x401000, 0x401080)]
    assert chains == [narrow.chain(pc) for pc in range(0x401000, 0x401080)]
    assert any(len(chain) == 3 for chain in chains)


@needs_gcc
@pytest.mark.parametrize("flags", ["-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gz=zlib", "-gdwarf-3 -O0"])
def test_agrees_with_addr2line_on_c(tmp_path, flags):
    elf = compile_c(tmp_path, flags)
    text = ELFFile(io.BytesIO(elf)).get_section_by_name(".text")
    pcs = range(text["sh_addr"], text["sh_addr"] + text["sh_size"])
    symbols = Symbols(elf)
    out = subprocess.run(
        ["addr2line", "-f", "-i", "-a", "-s", "-e", "prog", *map(hex, pcs)],
        cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True,
    ).stdout  # fmt: skip
    theirs = {}
    for line in out.splitlines():
        if line.startswith("0x"):
            chain = theirs[int(line, 16)] = []
        else:
            chain.append(line.split(" (disc")[0])
    assert len(theirs) == len(pcs)
    inlined = 0
    for pc, lines in theirs.items():
        ours = []
        for function, file, line in symbols.chain(pc):
            ours += [function or "??", f"{file.rpartition('/')[2] or '??'}:{line or '?'}"]
        # addr2line names the symbol before a pc, also in the padding behind its end.
        if lines[-1] not in ("??:0", "??:?", "prog.c:?") and symbols.function(pc)[0]:
            assert ours == lines, hex(pc)
            inlined += len(lines) > 2
    assert inlined > 20
    assert symbols.function(address_of(elf, "by_hand") + 1) == ("by_hand", 1)


# Broken files


def walk(elf):
    """Ask for everything; returns the seconds that it took."""
    began = time.monotonic()
    symbols = Symbols(elf)
    for pc in [*range(0x401100, 0x401180, 3), 0, (1 << 64) - 1, -5]:
        symbols.chain(pc)
        symbols.function(pc)
        symbols.line(pc)
    return time.monotonic() - began


def test_truncated_files_never_raise():
    elf = program(5)
    assert 0x401100 <= address_of(elf, "outer") < 0x401160, "what walk() asks for"
    for size in range(0, len(elf), 23):
        walk(elf[:size])


@pytest.mark.parametrize("version", [4, 5])
def test_mutated_files_never_raise_and_end(version):
    elf = program(version)
    sections = ELFFile(io.BytesIO(elf))
    regions = [
        (s["sh_offset"], s["sh_offset"] + s["sh_size"])
        for s in sections.iter_sections()
        if s.name.startswith((".debug", ".symtab", ".str")) and s["sh_size"]
    ]
    regions.append((sections["e_shoff"], len(elf)))
    source = random.Random(version)
    slowest = 0.0
    for _ in range(600):
        data = bytearray(elf)
        low, high = source.choice(regions)
        for _ in range(source.choice((1, 1, 3, 10))):
            data[source.randrange(low, high)] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        slowest = max(slowest, walk(bytes(data)))
    assert slowest < 5


def test_random_bytes_are_no_program():
    source = random.Random(1)
    for size in (0, 1, 63, 64, 65, 1000):
        walk(source.randbytes(size))
        walk(b"\x7fELF" + source.randbytes(size))


def test_bombs_end_by_the_budget():
    budget = Budget(100)
    budget.spend(100)
    with pytest.raises(DwarfError):
        budget.spend(1)
    for text in (b"\x80" * 20, b"\xff" * 11):
        with pytest.raises(DwarfError):
            Cursor(text).uleb()
        with pytest.raises(DwarfError):
            Cursor(text).sleb()
    # 4 GiB said to be in a compressed section of a few bytes.
    header = struct.pack("<IIQQ", 1, 0, 1 << 32, 1)
    elf = bytearray(program(4))
    sections = ELFFile(io.BytesIO(bytes(elf)))
    for number, section in enumerate(sections.iter_sections()):
        if section.name == ".debug_info":
            entry = sections["e_shoff"] + number * 64
            struct.pack_into("<Q", elf, entry + 8, 0x800)
            elf[section["sh_offset"] : section["sh_offset"] + len(header)] = header
    assert walk(bytes(elf)) < 1


def test_a_long_string_named_often():
    """A version 5 file table of 60,000 entries that all name one string of 10 MB."""
    formats = bytes([1, 1, 0x1F, 1])  # one field: DW_LNCT_path as DW_FORM_line_strp; then one directory
    count = 60_000
    tables = formats + bytes(4) + bytes([1, 1, 0x1F, 0xE0, 0xD4, 0x03]) + bytes(4 * count)
    rest = bytes([1, 1, 1, 0xFB, 14, 13]) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + tables
    body = struct.pack("<HBBI", 5, 8, 0, len(rest)) + rest
    sections = {"line": struct.pack("<I", len(body)) + body, "line_str": b"x" * 10_000_000 + b"\0"}
    began = time.monotonic()
    table = read_line_table(sections, 0, Budget(1_000_000))
    assert time.monotonic() - began < 5
    assert len(table.files) == count
    assert len(table.files[7]) == 4096


@pytest.mark.parametrize(
    ("data", "unsigned", "signed"),
    [
        (b"\x00", 0, 0),
        (b"\x7f", 127, -1),
        (b"\x80\x01", 128, 128),
        (b"\xe5\x8e\x26", 624485, 624485),
        (b"\x40", 64, -64),
    ],
)
def test_leb128(data, unsigned, signed):
    assert Cursor(data).uleb() == unsigned
    assert Cursor(data).sleb() == signed
