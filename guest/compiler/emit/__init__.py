"""The emitting passes: from the typed tree to LLVM IR text."""
