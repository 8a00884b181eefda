"""The proof that a guest cannot tell the bench from Linux: programs run natively and emulated, side by side, and are compared.

Each part is a module with `rows(effort)`; `python3 tools/dev.py conformance` runs them and prints one table (docs/conformance.md).
"""
