"""Judging a block: what is its fault, what is our disk's, and when an empty one is due."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from kit.crafted import built
from kit.engines import Network, begun
from kit.ledger import account_id, pay
from ledger.accounts import ACCOUNTS
from ledger.parameters import DEFAULTS
from node.bodies import CheckedBlock
from node.execution import Parent, execute, heartbeat_delay_ms, read_parent
from primitives.block import block_id
from primitives.errors import BadBlock, StorageFault
from primitives.ids import Height, TimeMs, View
from storage.chain import ChainStore
from storage.edges import EVERYTHING
from storage.memory import MemorySnapshot
from storage.schema import state_key
from storage.state import StateSnapshot


class FailingSnapshot:
    """A database that fails to read one key."""

    def __init__(self, inner: MemorySnapshot, key: bytes, error: Exception) -> None:
        self._inner, self._key, self._error = inner, key, error
        self.iterate, self.close = inner.iterate, inner.close

    def get(self, key: bytes) -> bytes | None:
        if key == self._key:
            raise self._error
        return self._inner.get(key)


def parent_of(store: ChainStore, network: Network) -> Parent:
    head = store.head()
    with store.state() as state:
        return read_parent(state, network.chain, head.header, head.block_id)


@pytest.mark.parametrize(
    ("error", "raised"), [(StorageFault("damaged"), StorageFault), (KeyError("a bug"), BadBlock)]
)
def test_a_damaged_database_is_no_fault_of_the_block(
    error: Exception, raised: type[Exception]
) -> None:
    """A rule that fails makes the block bad; a disk that fails must stop the node."""
    network = begun()
    node = network.validators()[0]
    tx = network.transaction("treasury", pay("works", 1, "x"))
    block = built(network, tx)
    body = CheckedBlock(block, block_id(block.header), (tx,))
    key = state_key(ACCOUNTS.number, account_id("treasury"))
    snapshot = FailingSnapshot(node.database.snapshot(), key, error)
    state = StateSnapshot(snapshot, node.store.head().header, EVERYTHING)

    with pytest.raises(raised):
        execute(state, parent_of(node.store, network), body)


@pytest.mark.parametrize(
    ("height", "since_ms", "expected_ms"),
    [
        (1, 0, 0),
        (1, 10**9, 0),
        (2, 0, 60_000),
        (2, 59_999, 1),
        (2, 60_000, 0),
        (2, 90_000, 0),
        (2, -1_000, 60_000),
        (2, -(10**9), 60_000),
    ],
)
def test_a_heartbeat_is_due_a_minute_after_the_last_block(
    height: int, since_ms: int, expected_ms: int
) -> None:
    """At once at height 1; for all but the primary a drift later; never later than a heartbeat."""
    network = begun()
    known = parent_of(network.validators()[0].store, network)
    parent = dataclasses.replace(
        known, height=Height(height), parameters=replace(DEFAULTS, heartbeat_ms=60_000)
    )
    primary = parent.validators.primary(parent.height, View(0))
    now = TimeMs(parent.time_ms + since_ms)

    delays = {key: heartbeat_delay_ms(parent, key, now) for key in parent.validators.keys}

    assert delays.pop(primary) == expected_ms
    assert set(delays.values()) == {expected_ms + DEFAULTS.drift_ms}


@pytest.mark.parametrize(
    ("due_in_ms", "since_ms", "expected_ms"),
    [
        (5_000, 0, 5_000),
        (5_000, 4_000, 1_000),
        (5_000, 5_000, 0),
        (-1_000, 0, 0),
        (90_000, 0, 60_000),
    ],
)
def test_a_block_is_due_when_the_agenda_has_something_to_do(
    due_in_ms: int, since_ms: int, expected_ms: int
) -> None:
    """Without waiting for the heartbeat; what was left over is done at once."""
    network = begun()
    known = parent_of(network.validators()[0].store, network)
    parent = dataclasses.replace(
        known, height=Height(2), next_due_ms=TimeMs(known.time_ms + due_in_ms)
    )
    primary = parent.validators.primary(parent.height, View(0))

    delay_ms = heartbeat_delay_ms(parent, primary, TimeMs(parent.time_ms + since_ms))

    assert delay_ms == expected_ms
