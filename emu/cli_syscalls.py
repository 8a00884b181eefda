"""`emu syscalls`: the support table, made from the declarations."""

import argparse
import errno
import json
from typing import Any

from emu.streams import put
from syscalls import calls, numbers
from syscalls.refused import REFUSED
from syscalls.table import TABLE

FAMILIES = calls.__all__
"""The families of calls; importing them fills TABLE."""


def support() -> list[dict[str, Any]]:
    """Every call of the architecture by number: name, family, support ("full", "partial", "refused", "missing"), remark."""
    rows: list[dict[str, Any]] = []
    for number, name in sorted(numbers.NAMES.items()):
        entry = TABLE.get(number)
        refusal = REFUSED.get(name) if entry is None else None
        if entry is None:
            level = "refused" if refusal else "missing"
            remark = f"{errno.errorcode[refusal.error]}: {refusal.why}" if refusal else ""
        else:
            level = "full" if entry.support == "full" else "partial"
            remark = "" if level == "full" else entry.support
        family = entry.family if entry else ""
        rows.append({"number": number, "name": name, "family": family, "support": level, "remark": remark})
    return rows


def as_text(rows: list[dict[str, Any]]) -> str:
    """The supported calls by family, one a line, and how many are missing."""
    out: list[str] = []
    supported = [row for row in rows if row["support"] in ("full", "partial")]
    for family in FAMILIES:
        out.append(f"{family}:")
        for row in supported:
            if row["family"] == family:
                remark = f" ({row['remark']})" if row["remark"] else ""
                out.append(f"  {row['number']:>3} {row['name']:<20} {row['support']}{remark}")
    refused = [row for row in rows if row["support"] == "refused"]
    out.append("refused:")
    out += [f"  {row['number']:>3} {row['name']:<20} {row['remark']}" for row in refused]
    missing = [row["name"] for row in rows if row["support"] == "missing"]
    out.append(
        f"{len(supported)} supported, {len(refused)} refused; each of these is reported once when called"
    )
    if missing:
        out.append(f"{len(missing)} not implemented (ENOSYS): {', '.join(missing)}")
    return "\n".join(out)


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """All calls as the Markdown document docs/syscalls.md."""
    levels = ("full", "partial", "refused", "missing")
    count = {level: sum(row["support"] == level for row in rows) for level in levels}
    missing = [f"`{row['name']}`" for row in rows if row["support"] == "missing"]
    out = [
        "# System calls",
        "",
        "Written by `emu syscalls --markdown`: do not edit.",
        "",
        f"{count['full']} full, {count['partial']} partial, {count['refused']} refused, {count['missing']} missing, of {len(rows)}. A call"
        " that is refused or missing is reported once.",
        "",
        "| number | name | family | support | remark |",
        "|---:|---|---|---|---|",
    ]
    out += [
        f"| {row['number']} | `{row['name']}` | {row['family']} | {row['support']} | {row['remark']} |"
        for row in rows
        if row["support"] in ("full", "partial")
    ]
    out += [
        "",
        "## Refused",
        "",
        "As by the kernel for an unprivileged process in a container with the usual seccomp filter.",
        "",
        "| number | name | answer |",
        "|---:|---|---|",
    ]
    out += [
        f"| {row['number']} | `{row['name']}` | {row['remark']} |"
        for row in rows
        if row["support"] == "refused"
    ]
    if missing:
        out += ["", "## Missing", "", "They answer `ENOSYS`.", "", ", ".join(missing)]
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
