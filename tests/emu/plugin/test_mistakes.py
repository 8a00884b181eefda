"""Mistakes that tests make with the plugin: what is told is what to do, without a word of emu's own insides."""

from collections.abc import Callable

import pytest

MISTAKES = {
    "emu.start('sever.elf')": "no program 'sever.elf': did you mean 'server.elf'? (",
    "emu.start('/tmp')": "no program '/tmp': /tmp is a folder",
    "emu.start(__file__ + 'x')": "x is no file, and the bundled programs are pty_server, server)",
    "emu.start('empty')": "empty: not an ELF program: the file is empty",
    "emu.start('server', sed=3)": "TypeError: a guest has no option 'sed': did you mean 'seed'?",
    "emu.start('server', colour=3)": "TypeError: a guest has no option 'colour': it has root, writable,",
    "emu.start('server', seed='x')": "ValueError: seed is a whole number, not 'x'",
    "emu.start('server', '1', '127.0.0.1', '0').start()": "it has been started already; emu.load(...) makes another",
    "emu.start('server').signal('SIGTERM')": "'SIGTERM' is not a signal: write signal.SIGTERM, or a number",
    "emu.start('server').signal(99)": "99 is not a signal",
    "emu.load('server').signal(9)": "start it first",
    "emu.start('server').stdin": "start it with stdin=None to write later",
}


def test_each_mistake_is_told_in_the_test_itself(tests: Callable, pytester: pytest.Pytester) -> None:
    (pytester.path / "empty").write_bytes(b"")
    text = "".join(f"def test_{at}(emu):\n    {line}\n\n\n" for at, line in enumerate(MISTAKES))
    run = tests(text)
    run.outcomes(failed=len(MISTAKES))
    parts = run.text.split("\n____")[1:]
    for line, part in zip(MISTAKES, parts, strict=True):
        assert MISTAKES[line] in part, part
        assert "def __init__" not in part, part
        assert "emu/machine.py" not in part, part


def test_a_mark_that_allows_a_call_that_there_is_not(tests: Callable) -> None:
    run = tests("@pytest.mark.emu(allow_unknown=['fork', 'getpidd'])\ndef test_it(emu):\n    pass\n")
    run.outcomes(errors=1)
    assert "allow_unknown: 'getpidd' is not a system call: did you mean 'getpid'?" in run.text


def test_a_never_without_a_further_word_is_told_plainly(tests: Callable) -> None:
    run = tests("def test_it(emu):\n    emu.run(source=body('return 0')).trace.never('exit_group')\n")
    run.outcomes(failed=1)
    assert "expected never exit_group\n\nIt happened once:" in run.text
    assert "complaint" not in run.text


def test_a_crash_report_is_told_once(tests: Callable) -> None:
    run = tests("def test_it(emu):\n    emu.run(source=body('ptr[u8](0)[5] = u8(1)\\nreturn 0'))\n")
    run.outcomes(failed=1)
    assert run.text.count("null pointer") == 1, run.text


def test_a_hang_is_told_once(tests: Callable) -> None:
    text = "syscall(numbers.pause)\\nreturn 0"
    run = tests(f"@pytest.mark.emu(timeout=1)\ndef test_it(emu):\n    emu.run(source=body('{text}'))\n")
    run.outcomes(failed=1)
    assert run.text.count("Its threads:") == 1, run.text


def test_a_connection_that_recvmsg_saw_the_end_of_leaks(tests: Callable) -> None:
    """Its third argument are flags, not the room: that is in the message."""
    run = tests(
        """
SERVER = body('''
address = array[u8, 16]()
address[0] = 2
address[4] = 127
address[7] = 1
listener = syscall(numbers.socket, 2, 1, 0)
syscall(numbers.bind, listener, address.ptr, 16)
syscall(numbers.listen, listener, 16)
client = syscall(numbers.accept, listener, 0, 0)
room = array[u64, 8]()
vector = array[u64, 2]()
vector[0] = u64(room.ptr)
vector[1] = 64
message = array[u64, 7]()
message[2] = u64(vector.ptr)
message[3] = 1
while syscall(numbers.recvmsg, client, message.ptr, 0) > 0:
    pass
return syscall(numbers.accept, listener, 0, 0)
''')


def test_it(emu):
    guest = emu.start(source=SERVER)
    with guest.connect() as client:
        client.sendall(b"hello")
    guest.trace.expect("recvmsg > 0 -> recvmsg = 0")
"""
    )
    run.outcomes(failed=1)
    assert "guest leaked 1 descriptor:\n  descriptor 4 (TCP " in run.text, run.text
