"""Reads the part of DWARF 2 to 5 that maps a program counter to functions and source lines.

Written for files that may be broken or hostile: every loop consumes input or a budget, and the only exception is `DwarfError`.
"""

from emu.dwarf.info import DebugInfo
from emu.dwarf.reader import DwarfError

__all__ = ["DebugInfo", "DwarfError"]
