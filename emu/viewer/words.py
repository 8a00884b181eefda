"""Times and sizes as short texts of a steady width."""


def lasting(nanoseconds: float) -> str:
    """How long something took, in at most seven columns: `54.6 µs`, `1.32 s`, `12:03.5`."""
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < 999.5 * size:
            value = nanoseconds / size
            digits = 0 if size == 1 or value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f} {unit}"
    seconds = nanoseconds / 1e9
    if seconds < 99.95:
        return f"{seconds:.{1 if seconds >= 9.995 else 2}f} s"
    if seconds < 6000:
        minutes, rest = divmod(seconds, 60)
        return f"{minutes:.0f}:{rest:04.1f}"
    return f"{seconds / 3600:.1f} h" if seconds < 3.6e7 else "long"


def plural(count: int, word: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{count:,} {word}{'' if count == 1 else 'es' if word.endswith('s') else 's'}"
