"""What every set of constants can do: turn a value into the C names, as strace writes them."""

from typing import ClassVar


def _constants(owner: type) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for base in reversed(owner.__mro__):
        found.update(
            (name, value) for name, value in vars(base).items() if type(value) is int and _is_c_name(name)
        )
    return list(found.items())


def _is_c_name(name: str) -> bool:
    """Not what Python keeps in a class; `__WALL` is one."""
    return name[0] != "_" or name[2:3].isupper()


class FlagSet:
    """Bits that can be combined. A subclass lists the C names as integer class attributes, and nothing else.

    `_fields` holds masks of several bits that are one enumeration (`O_ACCMODE`): every constant that lies within such a
    mask is one of its values, zero included. A constant of several bits outside any field (`O_SYNC`) has to
    stand before those that it contains; the text follows the order of declaration. A constant that is zero, where no field takes it, is the name of the empty word (`PROT_NONE`). Of
    two names for one value the first is shown.
    """

    _fields: ClassVar[tuple[int, ...]] = ()
    _tables: ClassVar[
        tuple[tuple[tuple[int, dict[int, str]], ...], tuple[tuple[int, str], ...], str] | None
    ] = None

    @classmethod
    def _table(cls) -> tuple[tuple[tuple[int, dict[int, str]], ...], tuple[tuple[int, str], ...], str]:
        # Made at the first use: importing a set of constants costs nothing but its class body.
        if "_tables" in cls.__dict__ and cls._tables is not None:
            return cls._tables
        fields: list[tuple[int, dict[int, str]]] = [(mask, {}) for mask in cls._fields]
        flags: dict[int, str] = {}
        empty = "0"
        for name, value in _constants(cls):
            values = next((names for mask, names in fields if not value & ~mask), None)
            if values is not None:
                values.setdefault(value, name)
            elif value > 0:  # AT_FDCWD is a number among flags
                flags.setdefault(value, name)
            elif value == 0 and empty == "0":
                empty = name
        cls._tables = (tuple(fields), tuple(flags.items()), empty)
        return cls._tables

    @classmethod
    def text(cls, value: int) -> str:
        """The names joined by `|`, fields first, what has no name in hexadecimal: `O_WRONLY|O_CREAT|0x80000000`."""
        fields, flags, empty = cls._table()
        if value < 0:
            value &= 0xFFFFFFFF
        parts: list[str] = []
        for mask, names in fields:
            name = names.get(value & mask)
            if name is not None:
                parts.append(name)
                value &= ~mask
        for flag, name in flags:
            if value & flag == flag:
                parts.append(name)
                value &= ~flag
        if value:
            parts.append(hex(value))
        return "|".join(parts) or empty


class EnumSet:
    """Values of which a word holds exactly one. A subclass lists the C names as integer class attributes."""

    _names: ClassVar[dict[int, str] | None] = None

    @classmethod
    def text(cls, value: int) -> str:
        """The name of the value (the first that was given to it), or the number in hexadecimal."""
        names = cls.__dict__.get("_names")
        if names is None:
            names = {}
            for name, constant in _constants(cls):
                names.setdefault(constant, name)
            cls._names = names
        known: str | None = names.get(value)
        if known is not None:
            return known
        return hex(value if value >= 0 else value & 0xFFFFFFFF)
