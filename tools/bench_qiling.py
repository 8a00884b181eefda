"""Runs a guest under Qiling, in whatever interpreter has it; no part of the bench imports this file.

PYTHON bench_qiling.py ELF ARGUMENTS
"""

from __future__ import annotations

import sys

from qiling import Qiling  # type: ignore[import-not-found]
from qiling.const import QL_VERBOSE  # type: ignore[import-not-found]


def main() -> int:
    """Runs the guest to its end, quietly; returns its exit status."""
    machine = Qiling(sys.argv[1:], "/", verbose=QL_VERBOSE.DISABLED)
    machine.run()
    return int(machine.os.exit_code or 0)


if __name__ == "__main__":
    sys.exit(main())
