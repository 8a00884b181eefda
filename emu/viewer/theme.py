"""The colours of the terminal viewer, in one place: calm on dark, a thread keeps its own."""

from functools import cache
from typing import Final

from rich.style import Style
from textual.theme import Theme

THREADS: Final = (
    "#7fb4ca", "#98bb6c", "#e0af68", "#b48ead", "#7e9cd8", "#6fb3a8", "#c8c093", "#d27e99",
)  # fmt: skip
"""The colours of threads, by tid modulo their number, in the order of hues that the live trace uses, too."""

GROUND: Final = "#15171c"
PANEL: Final = "#1b1e25"
RAISED: Final = "#2a3040"
TEXT: Final = "#c9cdd6"
DIM: Final = "#6d7482"
FAINT: Final = "#3a404c"
ERROR: Final = "#e8707c"
WAIT: Final = "#d3a25c"
ACCENT: Final = "#8aa9e0"
GOOD: Final = "#98bb6c"
FOUND: Final = "#5a4a1e"

THEME: Final = Theme(
    name="emu",
    primary=ACCENT,
    secondary="#6fb3a8",
    accent=ACCENT,
    foreground=TEXT,
    background=GROUND,
    surface=PANEL,
    panel=RAISED,
    error=ERROR,
    warning=WAIT,
    success=GOOD,
    dark=True,
)


def colour_of(tid: int) -> str:
    """The colour of a thread."""
    return THREADS[tid % len(THREADS)]


@cache
def darker(colour: str, part: float = 0.35) -> str:
    """A colour mixed into the ground: `part` of it is left."""
    red, green, blue = (
        round(int(colour[at : at + 2], 16) * part + int(GROUND[at : at + 2], 16) * (1 - part))
        for at in (1, 3, 5)
    )
    return f"#{red:02x}{green:02x}{blue:02x}"


class _Styles(dict[str, Style]):
    """Styles by their words, made once."""

    def __missing__(self, words: str) -> Style:
        self[words] = style = Style.parse(words)
        return style


STYLES: Final = _Styles()
