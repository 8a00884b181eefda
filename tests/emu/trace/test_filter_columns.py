"""Filters over the columns of an index choose what they choose of the records."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.machine import Machine
from emu.trace.filter import Filter
from emu.trace.filter_columns import on_columns
from emu.trace.index import Index


@pytest.fixture(scope="module")
def index(elf: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Index:
    path = tmp_path_factory.mktemp("index") / "calls.jsonl"
    null = os.open(os.devnull, os.O_RDWR)
    with Machine(
        elf("futex_threads"), stdin=null, stdout=null, stderr=null, say=lambda text: None
    ) as machine:
        machine.trace_to_file(str(path))
        machine.run()
    os.close(null)
    with open(path) as file:
        lines = file.readlines()
    unknown = (
        lines[1]
        .replace('"number":', '"number":500,"was":')
        .replace('"name":"', '"name":"syscall_0x1f4","was":"')
    )
    path.write_text("".join([*lines, unknown]))
    found = Index(path)
    while found.advance(1):
        pass
    assert len(found) > 100
    return found


@pytest.mark.parametrize(
    "words",
    [
        "", "futex", "!futex", "%desc", "!%desc status=successful", "status=failed", "status=!EAGAIN", "status=unfinished",
        "thread=2", "thread=!1", "thread=2..3 time=..2ms", "time=1ms..", "duration=50us..", "blocked=10us..", "none", "500",
        "where=\"name == 'futex' and ret < 0\"", "where=\"error == 'EAGAIN' or ret is None\"",
        "where=\"duration > blocked * 2\"", "where=\"tid > 1001 and sequence % 3 == 0 and number != 202\"",
        "where=\"name.contains('0x')\"",
    ],
)  # fmt: skip
def test_columns_are_enough(index: Index, words: str) -> None:
    chosen = Filter.parse(words)
    quick = on_columns(chosen, index)
    assert quick is not None
    expected = [chosen.matches(index[at]) for at in range(len(index))]
    assert [quick(at) for at in range(len(index))] == expected


@pytest.mark.parametrize(
    "words", ["fd=1", "path=/tmp/", "object=1", "signal=none", "where='args.fd == 1'", "where='line > 3'"]
)
def test_where_they_are_not_the_records_are_to_be_asked(index: Index, words: str) -> None:
    assert on_columns(Filter.parse(words), index) is None
