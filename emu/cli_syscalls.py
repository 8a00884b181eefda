"""`emu syscalls`: the support table, made from the declarations."""

import argparse
import json
from typing import Any

from emu.streams import put
from syscalls import calls, numbers
from syscalls.table import TABLE

FAMILIES = calls.__all__
"""The families of calls; importing them fills TABLE."""


def support() -> list[dict[str, Any]]:
    """Every call of the architecture by number: name, family, support ("full", "partial", "missing"), remark."""
    rows: list[dict[str, Any]] = []
    for number, name in sorted(numbers.NAMES.items()):
        entry = TABLE.get(number)
        remark = "" if entry is None or entry.support == "full" else entry.support
        level = "missing" if entry is None else "partial" if remark else "full"
        family = entry.family if entry else ""
        rows.append({"number": number, "name": name, "family": family, "support": level, "remark": remark})
    return rows


def as_text(rows: list[dict[str, Any]]) -> str:
    """The supported calls by family, one a line, and how many are missing."""
    out: list[str] = []
    supported = [row for row in rows if row["support"] != "missing"]
    for family in FAMILIES:
        out.append(f"{family}:")
        for row in supported:
            if row["family"] == family:
                remark = f" ({row['remark']})" if row["remark"] else ""
                out.append(f"  {row['number']:>3} {row['name']:<20} {row['support']}{remark}")
    missing = len(rows) - len(supported)
    out.append(f"{len(supported)} supported; {missing} answer ENOSYS, and each is reported once when called")
    return "\n".join(out)


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """All calls as the Markdown document docs/syscalls.md."""
    count = {level: sum(row["support"] == level for row in rows) for level in ("full", "partial", "missing")}
    out = [
        "# System calls",
        "",
        "Written by `emu syscalls --markdown`: do not edit.",
        "",
        f"{count['full']} full, {count['partial']} partial, {count['missing']} missing. A missing call answers "
        "`ENOSYS` and is reported once.",
        "",
        "| number | name | family | support | remark |",
        "|---:|---|---|---|---|",
    ]
    out += [
        f"| {row['number']} | `{row['name']}` | {row['family']} | {row['support']} | {row['remark']} |"
        for row in rows
        if row["support"] != "missing"
    ]
    out += [
        "",
        "## Missing",
        "",
        ", ".join(f"`{row['name']}`" for row in rows if row["support"] == "missing"),
    ]
    return "\n".join(out)


def show(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    rows = support()
    if arguments.json:
        put("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
    elif arguments.markdown:
        put(as_markdown(rows))
    else:
        put(as_text(rows))
    return 0
