"""The compiler passes: typed Python to a linked, freestanding ELF."""
