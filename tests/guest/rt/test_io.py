"""guest.rt.io: waits that end by readiness, by deadline and by close."""

from collections.abc import Callable


def test_a_close_strands_nobody(same: Callable) -> None:
    lines = same("registry_close").stdout.decode().splitlines()
    assert len(lines) == 5
    assert all(line.startswith("ok: ") for line in lines)
