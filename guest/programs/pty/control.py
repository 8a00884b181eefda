"""What a client may say beside its input, in text messages: `resize:COLUMNS,ROWS`, `pause` and `resume`."""

from guest.lang import i64, pure
from guest.rt.text import parse_decimal

LONGEST = 64  # bytes of a control message
MOST_COLUMNS = 1000  # and rows: what no screen has, and no program chokes on
RESIZE = b"resize:"
PAUSE = b"pause"  # send no output: the client has not shown yet what it got
RESUME = b"resume"


@pure
def parse_resize(text: bytes) -> tuple[i64, i64]:
    """Columns and rows of `resize:COLUMNS,ROWS`, 1 to 1000 each; 0, 0 for anything else."""
    start = len(RESIZE)
    if len(text) <= start or text[:start] != RESIZE:
        return 0, 0
    comma = start
    while comma < len(text) and text[comma] != 0x2C:
        comma += 1
    columns = parse_decimal(text[start:comma], MOST_COLUMNS)
    rows = parse_decimal(text[comma + 1 :], MOST_COLUMNS)
    if columns < 1 or rows < 1:
        return 0, 0
    return columns, rows
