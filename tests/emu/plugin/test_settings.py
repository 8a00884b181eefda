"""Marks, options and ini values."""

from collections.abc import Callable

import pytest

from emu.plugin.settings import understood


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("sead=1", "it has no 'sead': did you mean 'seed'?"),
        (
            "x=1",
            "it has no 'x'; it knows seed, timeout, net, allow_leaks, allow_faults, allow_unknown",
        ),
        ("5", "it takes keywords only, such as seed=1, not 5"),
        ("seed='1'", "seed is a whole number, not '1'"),
        ("timeout=0", "timeout is a number of seconds above 0, not 0"),
        ("timeout=True", "timeout is a number of seconds above 0, not True"),
        ("net='all'", "net is one of loopback, host, none, not 'all'"),
        ("allow_faults=1", "allow_faults is True or False, not 1"),
        (
            "allow_leaks='memory'",
            'allow_leaks is True, False, "descriptors", "threads" or "processes", not \'memory\'',
        ),
        ("allow_unknown=5", "allow_unknown is True, False, a name or several, not 5"),
    ],
)
def test_wrong_marks(mark: str, message: str) -> None:
    arguments: tuple = ()
    keywords: dict = {}
    if "=" in mark:
        name, _, value = mark.partition("=")
        keywords = {name: eval(value)}
    else:
        arguments = (eval(mark),)
    assert understood([(arguments, keywords)])[1] == message


def test_a_wrong_mark_fails_its_test(tests: Callable) -> None:
    run = tests(
        """
@pytest.mark.emu(sead=1)
def test_it(emu):
    pass


def test_other(emu):
    pass
"""
    )
    run.outcomes(passed=1, errors=1)
    assert "\n@pytest.mark.emu: it has no 'sead': did you mean 'seed'?\n" in run.text


def test_the_nearest_mark_counts(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nemu_timeout = 7\n")
    tests(
        """
pytestmark = pytest.mark.emu(seed=1, timeout=5)


@pytest.mark.emu(seed=2)
class TestIt:
    def test_class(self, emu):
        assert (emu.settings.seed, emu.settings.timeout) == (2, 5)

    @pytest.mark.emu(seed=3)
    def test_own(self, emu):
        assert (emu.settings.seed, emu.settings.timeout) == (3, 5)
        guest = emu.load("server.elf", seed=4)
        assert (guest.machine.seed, guest.settings.timeout) == (4, 5)


def test_module(emu):
    assert (emu.settings.seed, emu.settings.timeout) == (1, 5)
"""
    ).outcomes(passed=3)


def test_ini_and_options(tests: Callable, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nemu_timeout = 7\n")
    tests(
        """
def test_it(emu):
    assert (emu.settings.seed, emu.settings.timeout) == (9, 7)
""",
        "--emu-seed=9",
    ).outcomes(passed=1)
    pytester.makeini("[pytest]\nemu_timeout = long\n")
    assert "emu_timeout is a number of seconds, not 'long'" in tests("def test_it(emu): pass").text


def test_the_mark_is_known(tests: Callable) -> None:
    tests("@pytest.mark.emu(seed=1)\ndef test_it(emu): pass", "--strict-markers").outcomes(passed=1)
