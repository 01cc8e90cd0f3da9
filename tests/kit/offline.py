"""No way out: other people's validators run here without the network.

A schema that a validator fetches would make a test depend on the world's mood, and would tell the
world what a ministry publishes. Python itself reports every connection before it is made (PEP 578,
audit events), whatever library makes it; loopback and UNIX sockets stay, which event loops need.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import sys
from collections.abc import Iterator


class WentOutside(AssertionError):
    """Something tried to reach the world; nothing was sent."""


_LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_depth = 0
"""How many `offline` are open: a hook cannot be taken away again, so it is asked to look away."""
_hooked = False


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Refuse every connection, datagram and look-up of a name that would leave this machine."""
    global _depth, _hooked  # noqa: PLW0603 - the interpreter has one list of hooks
    if not _hooked:
        sys.addaudithook(_judge)
        _hooked = True
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


def _judge(event: str, facts: tuple[object, ...]) -> None:
    if not _depth:
        return
    if event in _LOOKS_UP and not _is_here(facts[0]):
        raise WentOutside(f"tried to look up {facts[0]!r}")
    if event in _SENDS:
        sock, address = facts[0], facts[1]
        assert isinstance(sock, socket.SocketType)
        here = sock.family == socket.AF_UNIX or address is None
        if not here and not _is_here(address[0] if isinstance(address, tuple) else address):
            raise WentOutside(f"tried to reach {address!r}")


def _is_here(host: object) -> bool:
    name = host.decode("ascii") if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:  # a name: to look it up is to go outside already
        return False
