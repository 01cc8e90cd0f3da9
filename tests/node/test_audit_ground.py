"""What an audit executes blocks on: as large as the state, however long the chain."""

from __future__ import annotations

from kit.exports import Held, records
from kit.other_ledger import OtherChain
from node.audit import Audit
from node.audit_ground import FORGET_EVERY, AuditGround
from node.replay import checked
from primitives.crypto import ED25519
from services.table import TRANSACTION
from storage.memory import MemoryKeyValue
from storage.schema import Region

BLOCKS = FORGET_EVERY + 3


def audited(other: OtherChain, floor: MemoryKeyValue, memory_bytes: int) -> AuditGround:
    chain = other.chain
    ground = AuditGround.begin(floor, chain.begun, memory_bytes=memory_bytes)
    audit = Audit(ground, chain=chain.chain, scheme=ED25519, every=10)
    for found in records(Held(chain.store, chain.genesis)):
        assert audit.take(found, checked(found, chain.chain, TRANSACTION))
        assert ground.memory_bytes <= memory_bytes
    return ground


def test_what_no_later_block_can_ask_for_is_let_go() -> None:
    """Trees of heights below, and ids that are past: only entries and their tree remain."""
    other = OtherChain.begin()
    for _ in range(BLOCKS):
        other.block(payments=1)
    floor = MemoryKeyValue()
    ground = audited(other, floor, 10**8)

    with ground.state() as state:
        remembered = list(state.window())
        entries = len(list(state.entries()))
    assert floor.contents() == {}  # all of it fitted into memory
    # A payment is valid for a minute, and blocks are a second apart.
    assert 60 <= len(remembered) < BLOCKS
    # A thousand bytes for each entry with its place in the tree: no trace of older trees.
    assert ground.memory_bytes < 1_000 * entries + 300 * len(remembered)


def test_a_state_that_does_not_fit_goes_to_the_floor() -> None:
    """And is read from there: the roots are the same."""
    other = OtherChain.begin()
    for _ in range(5):
        other.block(payments=3)
    floor = MemoryKeyValue()
    ground = audited(other, floor, 1)

    assert ground.memory_bytes == 0
    assert ground.head().header.state_root == other.chain.store.head().header.state_root
    nodes = [key for key in floor.contents() if key[0] == Region.NODE]
    assert {int.from_bytes(key[1:9], "big") for key in nodes} <= set(range(6))
    assert len(nodes) < 200
