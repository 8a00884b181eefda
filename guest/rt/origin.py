"""Who may open a WebSocket that commands this machine: programs, and pages that this very server has sent.

A browser lets any page connect to any address, and says in Origin whose page it is (RFC 6455 section 10.2). A page whose name was
made to resolve to 127.0.0.1 has an Origin like its Host, so the Host has to be a name of this machine as well.
"""

from guest.lang import pure
from guest.rt.text import equals_ignoring_case

SCHEME = b"http://"


@pure
def host_name(authority: bytes) -> bytes:
    """The host of `host[:port]` (RFC 3986 section 3.2), without its port; the brackets of an IPv6 address stay."""
    for i in range(len(authority)):
        if authority[i] == 0x3A and (authority[0] != 0x5B or authority[i - 1] == 0x5D):
            return authority[:i]
    return authority


@pure
def is_local(authority: bytes) -> bool:
    """Whether `host[:port]` names this machine."""
    name = host_name(authority)
    return name == b"127.0.0.1" or name == b"[::1]" or equals_ignoring_case(name, b"localhost")


@pure
def may_connect(authority: bytes, origin: bytes) -> bool:
    """Whether a request with this Host and Origin (empty: it has none, so that it comes from no page) is to be trusted."""
    if not is_local(authority):
        return False
    if len(origin) == 0:
        return True
    size = len(SCHEME)
    return len(origin) > size and origin[:size] == SCHEME and origin[size:] == authority
