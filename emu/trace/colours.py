"""Colours for the trace on a terminal, by rich. Slow to import: only for a terminal that will show them."""

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from emu.trace.text import Paint, Palette

_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}
_THREADS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")


def coloured(system: str) -> Palette:
    """The palette for one of rich's colour systems: "standard", "256" or "truecolor"; else without colours."""
    colours = _SYSTEMS.get(system)
    if colours is None:
        return Palette()

    def paint(style: str) -> Paint:
        before, after = Style.parse(style).render("\0", color_system=colours).split("\0")
        return lambda text: f"{before}{text}{after}"

    return Palette(
        name=paint("bold"),
        error=paint("bold red"),
        dim=paint("dim"),
        event=paint("bold yellow"),
        threads=tuple(paint(colour) for colour in _THREADS),
    )


def terminal_palette(fd: int) -> Palette:
    """The palette for a terminal by rich's judgement of TERM, COLORTERM and NO_COLOR."""
    with open(fd, "w", closefd=False) as stream:
        console = Console(file=stream)
    return Palette() if console.no_color else coloured(console.color_system or "")
