"""guest.rt.text: numbers, addresses and tokens, against Python's own."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from guest.rt import text

U64 = st.integers(0, 2**64 - 1)


@given(U64)
def test_put_decimal_writes_what_str_does(value: int) -> None:
    out = bytearray(24)
    end = text.put_decimal(out, 2, value)
    assert bytes(out[2:end]) == str(value).encode()


@given(st.integers(0, 2**32 - 1))
def test_addresses_survive_both_ways(value: int) -> None:
    out = bytearray(16)
    end = text.put_ipv4(out, 0, value)
    assert bytes(out[:end]).decode() == str(ipaddress.IPv4Address(value))
    assert text.parse_ipv4(bytes(out[:end])) == value


@given(st.text("0123456789. x", max_size=18))
def test_only_dotted_quads_are_addresses(candidate: str) -> None:
    parts = candidate.split(".")
    good = len(parts) == 4 and all(p.isdecimal() and len(p) <= 3 and int(p) < 256 for p in parts)
    assert (text.parse_ipv4(candidate.encode()) >= 0) == good


@given(st.text("0123456789+- ", max_size=25), st.integers(0, 10**6))
def test_parse_decimal_takes_digits_up_to_its_limit(candidate: str, limit: int) -> None:
    expected = int(candidate) if candidate.isdecimal() and int(candidate) <= limit else -1
    assert text.parse_decimal(candidate.encode(), limit) == expected


def test_parse_decimal_does_not_overflow() -> None:
    assert text.parse_decimal(b"9" * 400, 2**62) == -1


@given(st.lists(st.sampled_from(["close", "Upgrade", "keep-alive", "x", "", " upgrade\t", "upgraded"])))
def test_has_token_splits_at_commas_and_ignores_case(items: list[str]) -> None:
    values = ",".join(items).encode()
    assert text.has_token(values, b"upgrade") == any(i.strip(" \t").lower() == "upgrade" for i in items)


@given(st.binary(max_size=12))
def test_strip_takes_spaces_and_tabs_off(data: bytes) -> None:
    assert bytes(text.strip(data)) == data.strip(b" \t")
