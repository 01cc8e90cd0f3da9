"""What a test means by offline."""

from __future__ import annotations

import socket

import pytest
import requests

from kit.offline import WentOutside, offline


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_of_the_world_is_not_connected_to(host: str) -> None:
    """Addresses for documentation (RFC 5737, RFC 3849): nobody is there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried, offline(), pytest.raises(WentOutside):
        tried.connect((host, 9))
    with socket.socket(family, socket.SOCK_DGRAM) as tried, offline(), pytest.raises(WentOutside):
        tried.sendto(b"?", (host, 9))


def test_a_name_is_not_even_looked_up() -> None:
    """Asking for an address tells the world already."""
    with offline(), pytest.raises(WentOutside, match="look up"):
        socket.getaddrinfo("schema.invalid", 443)
    with offline(), pytest.raises(WentOutside, match="look up"):
        requests.get("https://schema.invalid/release-schema.json", timeout=1)


def test_this_machine_stays_within_reach() -> None:
    """Two sockets of one machine find each other, and so they do by name."""
    with offline(), socket.create_server(("127.0.0.1", 0)) as here:
        port = here.getsockname()[1]
        socket.create_connection(("localhost", port), timeout=5).close()
    near, far = socket.socketpair()
    with offline(), near, far:
        near.sendall(b"!")
        assert far.recv(1) == b"!"


def test_what_comes_after_is_online_again() -> None:
    """Nothing is left behind: a connection to a closed port is refused by that port alone."""
    with offline():
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.connect(("192.0.2.1", 9))  # a datagram socket notes the address and sends nothing
