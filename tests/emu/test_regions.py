"""The region map: cutting, merging, and the search for room; held against a plain model of pages."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emu.regions import PAGE, Region, RegionMap

TOP, BOTTOM = 64 * PAGE, 4 * PAGE


def region(start: int, end: int, prot: int = 3, **more: object) -> Region:
    return Region(start * PAGE, end * PAGE, prot, **more)  # type: ignore[arg-type]


def shape(regions: RegionMap) -> list[tuple[int, int, int]]:
    return [(r.start // PAGE, r.end // PAGE, r.prot) for r in regions]


def test_neighbours_that_are_alike_become_one() -> None:
    regions = RegionMap()
    regions.add(region(10, 12))
    regions.add(region(14, 16))
    regions.add(region(12, 14))
    assert shape(regions) == [(10, 16, 3)]


def test_neighbours_that_differ_stay_apart() -> None:
    regions = RegionMap()
    regions.add(region(10, 12))
    regions.add(region(12, 14, 1))
    regions.add(region(14, 16, 1, name="[heap]"))
    regions.add(region(16, 18, 1, shared=True))
    regions.add(region(18, 20, 1, shared=True))
    assert len(regions) == 5


def test_parts_of_a_file_merge_only_in_order() -> None:
    regions = RegionMap()
    regions.add(region(10, 12, 1, file=(1, 2), offset=0))
    regions.add(region(12, 14, 1, file=(1, 2), offset=2 * PAGE))
    regions.add(region(14, 16, 1, file=(1, 2), offset=0))
    assert shape(regions) == [(10, 14, 1), (14, 16, 1)]


def test_removing_the_middle_leaves_both_ends() -> None:
    regions = RegionMap()
    regions.add(region(10, 20, 1, file=(1, 2), offset=0))
    removed = regions.remove(13 * PAGE, 15 * PAGE)
    assert [(r.start // PAGE, r.end // PAGE, r.offset // PAGE) for r in removed] == [(13, 15, 3)]
    assert [(r.start // PAGE, r.end // PAGE, r.offset // PAGE) for r in regions] == [(10, 13, 0), (15, 20, 5)]


def test_finding() -> None:
    regions = RegionMap()
    regions.add(region(10, 12))
    regions.add(region(20, 22, 1))
    assert regions.find(12 * PAGE) is None
    assert regions.find(12 * PAGE - 1) == region(10, 12)
    assert regions.neighbours(15 * PAGE) == (region(10, 12), region(20, 22, 1))
    assert regions.covered(10 * PAGE, 12 * PAGE)
    assert not regions.covered(10 * PAGE, 13 * PAGE)


def test_room_is_found_from_the_top_and_touching() -> None:
    regions = RegionMap()
    first = regions.free_below(TOP, 2 * PAGE, BOTTOM, 0)
    assert first == TOP - 2 * PAGE
    regions.add(Region(first, TOP, 3))
    assert regions.free_below(TOP, PAGE, BOTTOM, 0) == first - PAGE


def test_a_growing_stack_keeps_its_gap() -> None:
    regions = RegionMap()
    regions.add(region(40, 50, growsdown=True))
    regions.add(region(50, 64))
    assert regions.free_below(TOP, PAGE, BOTTOM, 8 * PAGE) == 31 * PAGE


def test_a_line_of_the_map() -> None:
    text = str(Region(0x400000, 0x401000, 5, name="/bin/a", file=(1, 2), offset=0x1000))
    assert text == "00400000-00401000 r-xp 00001000 /bin/a"


steps = st.lists(
    st.tuples(
        st.sampled_from(["map", "unmap", "find"]), st.integers(4, 63), st.integers(1, 12), st.integers(0, 3)
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(steps)
def test_it_agrees_with_a_model_of_pages(commands: list[tuple[str, int, int, int]]) -> None:
    regions = RegionMap()
    pages: dict[int, int] = {}
    for command, start, size, prot in commands:
        end = min(start + size, 64)
        if command == "find":
            free = [
                at
                for at in range(4, 64 - size + 1)
                if not any(page in pages for page in range(at, at + size))
            ]
            found = regions.free_below(TOP, size * PAGE, BOTTOM, 0)
            assert found == (max(free) * PAGE if free else None)
            continue
        removed = regions.remove(start * PAGE, end * PAGE)
        assert {(page, r.prot) for r in removed for page in range(r.start // PAGE, r.end // PAGE)} == {
            (page, pages[page]) for page in range(start, end) if page in pages
        }
        for page in range(start, end):
            pages.pop(page, None)
            if command == "map":
                pages[page] = prot
        if command == "map":
            regions.add(region(start, end, prot))
    assert {page: r.prot for r in regions for page in range(r.start // PAGE, r.end // PAGE)} == pages
    for before, after in zip(list(regions), list(regions)[1:], strict=False):
        assert before.end <= after.start
        assert not after.continues(before)
