"""Names of peers, against libp2p's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

from p2p.peers import node_key_of, parse_address, peer_id_of
from primitives.errors import OperatorFault


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_a_peer_id_is_what_libp2p_computes(seed: bytes) -> None:
    """The same base58 text, for any node key."""
    public = create_new_key_pair(seed).public_key

    assert node_key_of(seed) == public.to_bytes()
    assert peer_id_of(node_key_of(seed)) == ID.from_pubkey(public).to_base58()


def test_naming_a_peer_loads_no_network() -> None:
    """The command line names peers without paying for libp2p or trio."""
    code = "import sys, p2p.peers; sys.exit('libp2p' in sys.modules or 'trio' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("127.0.0.1:17000", ("127.0.0.1", 17000)),
        ("node.moj.example:1", ("node.moj.example", 1)),
        ("[::1]:17000", ("::1", 17000)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, pair: tuple[str, int]) -> None:
    """Names and both families of addresses."""
    assert parse_address(text) == pair


@pytest.mark.parametrize("text", ["", "17000", "host:", ":17000", "host:65536", "::1:17", "h:1x"])
def test_anything_else_is_the_operators_fault(text: str) -> None:
    """The message shows what was given and what would do."""
    with pytest.raises(OperatorFault, match=r"is not host:port, e\.g\. 127"):
        parse_address(text)
