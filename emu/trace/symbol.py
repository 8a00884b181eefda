"""A value that differs from run to run, as it stands in a renamed record; and texts that contain such."""

from collections.abc import Hashable
from typing import Any, NamedTuple


class Symbol(NamedTuple):
    """`value` is what the same thing has in common in one trace; None: nothing is known but the kind. `shown` was recorded."""

    kind: str
    value: Hashable
    shown: Any


class Text(NamedTuple):
    """A text in parts, some of which are symbols."""

    parts: tuple[str | Symbol, ...]
