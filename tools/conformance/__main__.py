"""The command line of `python3 tools/dev.py conformance`: runs parts, prints the one table; exit status 1 when something differs.

python3 tools/dev.py conformance                    all parts
python3 tools/dev.py conformance transcripts errnos these
python3 tools/dev.py conformance --short            a sample of each, under three minutes together
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator

from rich.console import Console

from .report import DIFFERS, Effort, Row, columns, markdown, verdict

PARTS = ("transcripts", "errnos", "programs", "servers", "soak", "fuzz")
"""Each is a module of this package; the order is the table's."""
WIDTH = 150  # columns of the table where there is no terminal to ask


def parts() -> list[str]:
    """The parts that are there."""
    return [name for name in PARTS if importlib.util.find_spec(f".{name}", __package__)]


def rows_of(name: str, effort: Effort) -> Iterator[Row]:
    """The rows of a part. A part that breaks has a row, too: the others still run."""
    try:
        for row in importlib.import_module(f".{name}", __package__).rows(effort):
            yield row.of(name)
    except Exception as error:
        traceback.print_exc()
        yield Row(name, "the part itself", DIFFERS, note=f"{type(error).__name__}: {error}", part=name)


def main(words: list[str] | None = None) -> int:
    """Runs the parts that are named; says each row as it is known."""
    parser = argparse.ArgumentParser(prog="dev.py conformance", description="native against emulated")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(parts())}")
    parser.add_argument("--short", action="store_true", help="a sample of each part: what CI runs")
    parser.add_argument("--seed", type=int, default=0, help="what the samples follow from (default 0)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    chosen = parser.parse_args(words)
    for name in chosen.parts:
        if name not in parts():
            parser.error(f"no such part: {name} (there are: {', '.join(parts())})")
    effort = Effort(chosen.short, chosen.seed)
    found: list[Row] = []
    for name in chosen.parts or parts():
        for row in rows_of(name, effort):
            found.append(row)
            print(
                f"{row.part}: {row.name}: {row.result} {row.note[:300]}".rstrip(), file=sys.stderr, flush=True
            )
    if chosen.markdown:
        print(markdown(found))
    else:
        width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH
        Console(width=width).print(columns(found))
    print(verdict(found))
    return int(any(row.result == DIFFERS for row in found))


if __name__ == "__main__":
    sys.exit(main())
