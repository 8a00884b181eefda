"""The page table: rights by page, runs of a right, sparse tables."""

from collections.abc import Iterator

import pytest

from emu.chunks import ChunkPool
from emu.pages import BEYOND_FILE, CHUNK, EXEC, PAGE, READ, USER_END, WRITE, PageTable


@pytest.fixture
def pages() -> Iterator[PageTable]:
    pool = ChunkPool()
    chunks = [pool.take(), pool.take()]
    pages = PageTable()
    for index, chunk in enumerate(chunks):
        pages.add_chunk(index, chunk)
    yield pages
    pages.clear()
    for chunk in chunks:
        pool.retire(chunk)
    pool.finish()


def test_nothing_is_allowed_at_first(pages: PageTable) -> None:
    for address in (0, PAGE, CHUNK, 2 * CHUNK, USER_END, 1 << 63, (1 << 64) - 1):
        assert pages.get(address) == 0
        assert pages.run(address, 10, READ) == 0


def test_a_run_ends_where_the_right_ends(pages: PageTable) -> None:
    pages.set(PAGE, 5 * PAGE, READ | WRITE)
    pages.set(3 * PAGE, 4 * PAGE, READ)
    assert pages.run(PAGE + 100, 10, WRITE) == 10
    assert pages.run(PAGE + 100, 8 * PAGE, READ) == 4 * PAGE - 100
    assert pages.run(PAGE + 100, 8 * PAGE, WRITE) == 2 * PAGE - 100
    assert pages.run(3 * PAGE, 1, WRITE) == 0
    assert pages.run(PAGE, 1, EXEC) == 0
    assert pages.run(PAGE, 0, READ) == 0


def test_a_run_goes_on_over_the_border_of_a_chunk(pages: PageTable) -> None:
    pages.set(CHUNK - 2 * PAGE, CHUNK + 3 * PAGE, READ)
    assert pages.run(CHUNK - PAGE - 7, 100 * PAGE, READ) == 4 * PAGE + 7
    pages.set(2 * CHUNK - PAGE, 2 * CHUNK, READ)
    assert pages.run(2 * CHUNK - 5, 100, READ) == 5  # the next chunk has no table


def test_beyond_the_file_is_no_right(pages: PageTable) -> None:
    pages.set(PAGE, 2 * PAGE, BEYOND_FILE)
    assert pages.get(PAGE) == BEYOND_FILE
    assert not any(pages.run(PAGE, 1, right) for right in (READ, WRITE, EXEC))


def test_taking_much_away_frees_the_table(pages: PageTable) -> None:
    size = 8 << 30
    pages.set(PAGE, PAGE + size, READ)
    assert pages.run(PAGE, size, READ) == size
    pages.set(2 * PAGE, PAGE + size, 0)
    assert pages.run(PAGE, size, READ) == PAGE
    assert pages.get(size) == 0


def test_where_there_is_no_chunk_there_is_nothing_to_take_away(pages: PageTable) -> None:
    pages.set(PAGE, 40 * CHUNK, 0)
    assert pages.get(5 * CHUNK) == 0


def test_rights_are_copied_for_a_fork(pages: PageTable) -> None:
    pool = ChunkPool()
    other = PageTable()
    chunk = pool.take()
    other.add_chunk(0, chunk)
    pages.set(PAGE, 5 * PAGE, READ | WRITE)
    pages.set(4 * PAGE, 5 * PAGE, BEYOND_FILE)
    other.copy(pages, 2 * PAGE, 5 * PAGE)
    assert [other.get(number * PAGE) for number in range(1, 6)] == [0, 3, 3, BEYOND_FILE, 0]
    pool.retire(chunk)
    pool.finish()


def test_text_lies_elsewhere(pages: PageTable) -> None:
    pool = ChunkPool()
    other = PageTable()
    chunks = [pool.take(), pool.take()]
    for index, chunk in enumerate(chunks):
        other.add_chunk(index, chunk)
    start, end = CHUNK - 3 * PAGE, CHUNK + 2 * PAGE
    pages.share(start, end, READ | EXEC, 1000)
    assert pages.get(start) == pages.get(CHUNK + PAGE) == READ | EXEC
    assert pages.run(start, 5 * PAGE, EXEC) == 5 * PAGE
    assert list(pages.own_code(start, end)) == []
    pages.set(start + PAGE, start + 2 * PAGE, READ | EXEC)
    pages.set(CHUNK, CHUNK + PAGE, READ)
    assert list(pages.own_code(start, end)) == [(start + PAGE, start + 2 * PAGE)]
    assert list(pages.own_code(start + PAGE + 5, start + PAGE + 9)) == [(start + PAGE + 5, start + PAGE + 9)]
    other.copy(pages, start, end)
    pages.unshare(start, end)
    assert list(pages.own_code(start, end)) == [(start, CHUNK), (CHUNK + PAGE, end)]
    assert list(other.own_code(start, end)) == [(start + PAGE, start + 2 * PAGE)]
    assert [chunk.has_code for chunk in chunks] == [True, False]
    for chunk in chunks:
        pool.retire(chunk)
    assert pool.take() is chunks[1]  # never held code: serves again at once
    pool.retire(chunks[1])
    pool.finish()
