"""What ended the wait of a call when no other call of the guest did, in words."""

from collections.abc import Collection, Iterator
from typing import Any, Final

_SLEEPS: Final = frozenset({"nanosleep", "clock_nanosleep"})
_POLLS: Final = frozenset(
    {"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"}
)
_GIVES = ("connect", "write", "send", "pwrite")
_SHOWN = 3


def origin(record: dict[str, Any], inside: Collection[int] = frozenset()) -> str:
    """Of a call that waited: "a signal", "its deadline", "a timer", "outside: TCP 127.0.0.1:80<-127.0.0.1:50312".

    "" where nothing tells. `inside` are the objects that nobody outside the guest can write to.
    """
    if record.get("unfinished") or record["name"].startswith(_GIVES):
        return ""  # nobody says who has made room
    error, result = record.get("error"), record["result"]
    if error in ("EINTR", "ERESTARTSYS"):
        return "a signal"
    if error in ("ETIMEDOUT", "EAGAIN") or record["name"] in _SLEEPS:  # EAGAIN: SO_RCVTIMEO
        return "its deadline"
    if record["name"] in _POLLS and result == 0:
        return "its deadline"
    texts = list(dict.fromkeys(_reported(record, inside)))
    if texts and all(text == "timerfd" for text in texts):
        return "a timer"
    more = ", ..." if len(texts) > _SHOWN else ""
    return f"outside: {', '.join(texts[:_SHOWN])}{more}" if texts else ""


def _reported(record: dict[str, Any], inside: Collection[int]) -> Iterator[str]:
    """What the descriptors are that a call waited for and got something from, but for those inside."""
    fds, objects = record.get("fds") or {}, record.get("objects") or {}
    if isinstance(fds.get("result"), str):
        yield fds["result"]
        return
    polled = record["args"].get("fds")
    ready = None
    if isinstance(polled, list):
        ready = {str(one.get("fd")) for one in polled if isinstance(one, dict) and one.get("revents") != "0"}
    for argument, text in fds.items():
        object = objects.get(argument)
        if isinstance(text, str) and _is_outside(object, inside):
            yield text
        elif isinstance(text, dict):
            for fd, one in text.items():
                known = object.get(fd) if isinstance(object, dict) else None
                if isinstance(one, str) and _is_outside(known, inside) and (ready is None or fd in ready):
                    yield one


def _is_outside(object: Any, inside: Collection[int]) -> bool:
    return type(object) is not int or object not in inside
