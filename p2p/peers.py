"""Who we talk to: names of peers, computed without libp2p.

A peer id is the base58 text of libp2p's identity multihash over the protobuf of an Ed25519 public
key. Thirty-eight bytes and an alphabet need no library, and so the CLI can name a peer without
loading one; a test holds this against libp2p's own answer.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NewType

from primitives.crypto import SigningKey
from primitives.errors import OperatorFault
from primitives.ids import NodeKey

PeerId = NewType("PeerId", str)
"""libp2p's name of a node key, in base58 (`12D3Koo…`)."""

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519_IDENTITY: Final = bytes.fromhex("002408011220")
"""Multihash `identity` over 36 bytes, then the protobuf header of an Ed25519 key of 32 bytes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that may have a connection with us; there are no others."""

    id: PeerId
    name: str
    votes: bool
    """Whether it is a validator; who only follows has a small share of what we read."""
    addresses: tuple[str, ...] = ()
    """Each `host:port`, dialled in turn; empty when we never dial this peer and it dials us."""


def node_key_of(seed: bytes) -> NodeKey:
    """The public node key of a 32-byte secret seed."""
    return NodeKey(SigningKey(seed).public)


@lru_cache(maxsize=4_096)
def peer_id_of(key: NodeKey) -> PeerId:
    """libp2p's name of this node key. Each height asks for the validators' again."""
    assert len(key) == 32, f"a node key has 32 bytes, not {len(key)}"
    number, text = int.from_bytes(_ED25519_IDENTITY + key), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return PeerId("1" + text)  # the one leading zero byte


def parse_address(address: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` as a pair.

    Raises:
        OperatorFault: the text is neither.
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise OperatorFault(f"address {address!r} is not host:port, e.g. 127.0.0.1:17000")
    return host, int(port)
