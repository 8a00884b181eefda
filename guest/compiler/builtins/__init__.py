"""Guest code that every program may get: memory functions that LLVM calls, and the report of traps."""
