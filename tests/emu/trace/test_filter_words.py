"""The words of filters: sets of calls, and classes that follow from how calls are declared."""

from hypothesis import given
from hypothesis import strategies as st

from emu.trace.filter_words import CLASSES, Calls, members, span
from syscalls.args import CString, FdNumber
from syscalls.table import TABLE

sets = st.builds(Calls, st.frozensets(st.integers(0, 9)), st.booleans())


@given(sets, sets, st.integers(0, 12))
def test_sets_of_calls_behave_as_sets(one: Calls, other: Calls, number: int) -> None:
    assert (number in (one | other)) == (number in one or number in other)
    assert (number in (one - other)) == (number in one and number not in other)
    assert (number in ~one) == (number not in one)


def test_a_call_with_a_path_is_of_file_and_one_with_a_descriptor_of_desc_or_network() -> None:
    for number, entry in TABLE.items():
        kinds = [type(arg) for arg in entry.args.values()]
        if CString in kinds and entry.name != "memfd_create":
            assert number in members("file"), entry.name
        if any(issubclass(kind, FdNumber) for kind in kinds):
            assert number in members("desc") or number in members("network"), entry.name


def test_no_class_is_empty() -> None:
    for name in CLASSES:
        assert members(name).numbers, name


def test_ranges_of_time() -> None:
    assert span("0.5..2s", "") == (500_000_000, 2_000_000_000)
    assert span("1..2ms", "") == (1_000_000, 2_000_000)
    assert span("10us..", "") == (10_000, None)
    assert span("..3", "") == (0, 3_000_000_000)
    assert span(" 5ns .. 7ns ", "") == (5, 7)
