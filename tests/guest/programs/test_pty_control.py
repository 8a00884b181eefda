"""guest.programs.pty.control: the control messages."""

import pytest

from guest.programs.pty.control import parse_resize


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"resize:80,24", (80, 24)),
        (b"resize:1,1", (1, 1)),
        (b"resize:1000,1000", (1000, 1000)),
        (b"resize:1001,24", (0, 0)),
        (b"resize:80,0", (0, 0)),
        (b"resize:80", (0, 0)),
        (b"resize:80,", (0, 0)),
        (b"resize:,24", (0, 0)),
        (b"resize:80,24,1", (0, 0)),
        (b"resize:80, 24", (0, 0)),
        (b"resize:", (0, 0)),
        (b"resized:80,24", (0, 0)),
        (b"", (0, 0)),
    ],
)
def test_a_size_is_two_numbers(text: bytes, size: tuple[int, int]) -> None:
    assert parse_resize(text) == size
