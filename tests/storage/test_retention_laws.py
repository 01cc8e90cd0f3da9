"""Whatever is committed, dropped, decided anew and cut off in between: edges never lie.

A real ledger with its state tree, on a disk that loses power. What was true of every height is
noted when it is decided; later everything at or above an edge must still be so and provable,
everything below must be refused, and the retention log must tell of every edge that moved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.alone import CHAIN, VALIDATOR, Alone, genesis
from kit.disks import MortalDatabase, PowerLoss
from kit.ledger import account_id, key
from ledger.tree import StateTree, key_hash, replaced, value_hash
from node.retention import Policy, Stride, at_once, retire_due
from node.retention_log import LogCheck
from node.signer import Signer
from primitives.crypto import ED25519
from primitives.errors import Rejected, StorageFault
from primitives.ids import Digest, Height, TransactionId
from services.table import TABLES
from sim.disk import Fuse, power_loss
from storage.chain import ChainStore, install_genesis
from storage.decision import TransactionPlace
from storage.durable_file import MemoryFile
from storage.edges import HISTORY_PRUNED, Edges, Part
from storage.opening import check_database
from storage.schema import Region

ACCOUNTS = next(table for table in TABLES if table.name == "accounts")
NODE_KEY = key("node 0")
KEPT = st.sampled_from(["all", 1, 1, 2, 3, 5, 8])
POLICIES = st.tuples(KEPT, KEPT, KEPT, KEPT)
DANGER = st.sampled_from([0, 0, 0, 1, 2, 3, 5, 9])
"""The power goes before or after one of the next writes, or not at all (0)."""


@dataclass(frozen=True)
class Told:
    """What was true of a height when it was decided."""

    block: bytes
    receipts: tuple[bytes, ...]
    places: dict[TransactionId, TransactionPlace]
    root: Digest
    balance: bytes


def is_missing(read: Callable[[bytes], bytes | None], height: int) -> bool:
    """No tree of this height can be read."""
    try:
        _ = StateTree(read, Height(height)).root
    except StorageFault:
        return True
    return False


def by_threes(_part: Part, _kept: int) -> int:
    """A shorter stride than that of a node, for shorter chains."""
    return 3


class Retention(RuleBasedStateMachine):
    """One validator alone, whose operator cannot make up his mind, and whose power goes."""

    def __init__(self) -> None:
        super().__init__()
        self.database = MortalDatabase()
        self.memory = MemoryFile()
        Signer.create_memory(VALIDATOR, self.memory)
        self.node = Alone(install_genesis(self.database, genesis()), self.memory)
        self.told: dict[int, Told] = {}
        self.edges = self.store.edges()

    @property
    def store(self) -> ChainStore:
        return self.node.store

    def restart(self) -> None:
        self.database = MortalDatabase(self.database.contents())
        store = check_database(self.database, Path("data"), CHAIN)
        self.node = Alone(store, self.memory)

    def dangerously(self, writes: int, act: Callable[[], object]) -> None:
        if writes:
            self.database.danger = Fuse(writes, power_loss)
        try:
            act()
        except PowerLoss:
            self.restart()
        else:
            self.database.danger = lambda _: None
        self.note()

    def note(self) -> None:
        """What the newest heights say."""
        head = self.store.head().height
        for number in range(len(self.told) + 1, head + 1):
            height = Height(number)
            decided = self.store.receipts(height)
            with self.store.state() as state:
                tree = StateTree(state.node, height)
                balance = tree.get(ACCOUNTS.number, account_id("treasury"))
            assert balance is not None
            self.told[number] = Told(
                block=self.store.block_bytes(height),
                receipts=decided,
                places=self._places(height),
                root=self.store.header(height).state_root,
                balance=balance,
            )

    def _places(self, height: Height) -> dict[TransactionId, TransactionPlace]:
        with self.store.state() as state:
            ids = [identifier for _, identifier, at in state.window() if at == height]
        found = {identifier: self.store.find_transaction(identifier) for identifier in ids}
        return {name: place for name, place in found.items() if place is not None}

    @initialize()
    def begin(self) -> None:
        self.decide(blocks=6, writes=0)

    @rule(blocks=st.integers(1, 4), writes=DANGER)
    def decide(self, blocks: int, writes: int) -> None:
        def act() -> None:
            for _ in range(blocks):
                self.node.decide()

        self.dangerously(writes, act)

    @rule(
        policy=POLICIES,
        stride=st.sampled_from([at_once, by_threes]),
        rows=st.sampled_from([1, 7, 60]),
        steps=st.sampled_from([0, 1, 3, 10, 1_000]),
        writes=DANGER,
    )
    def prune(
        self,
        policy: tuple[Any, Any, Any, Any],
        stride: Stride,
        rows: int,
        steps: int,
        writes: int,
    ) -> None:
        bodies, receipts, index, state = policy
        wanted = Policy(bodies=bodies, receipts=receipts, index=index, state=state)

        def act() -> None:
            retire_due(self.store, wanted, NODE_KEY, stride)
            for _ in range(steps):
                if not self.store.sweep(rows_max=rows, replaced=replaced):
                    self._nothing_is_left_below()
                    return

        self.dangerously(writes, act)

    @rule()
    def sweep_all(self) -> None:
        while self.store.sweep(rows_max=1_000, replaced=replaced):
            pass
        self._nothing_is_left_below()

    @rule()
    def go_on_after_a_stop(self) -> None:
        self.restart()

    def _nothing_is_left_below(self) -> None:
        edges, contents = self.store.edges(), self.database.contents()
        for part, region in ((Part.BODIES, Region.BODY), (Part.RECEIPTS, Region.RECEIPTS)):
            heights = {int.from_bytes(name[1:9], "big") for name in contents if name[0] == region}
            assert heights == {0, *range(edges.of(part), self.node.height + 1)}
        indexed = {
            int.from_bytes(value[:8], "big")
            for name, value in contents.items()
            if name[0] == Region.TRANSACTION
        } | {
            int.from_bytes(name[33:41], "big") for name in contents if name[0] == Region.ACCOUNT_TX
        }
        assert indexed == set(range(edges.index, self.node.height + 1))
        with self.store.state() as state:
            assert all(is_missing(state.node, height) for height in range(edges.state))

    @invariant()
    def edges_only_move_up(self) -> None:
        edges = self.store.edges()
        assert all(edges.of(part) >= self.edges.of(part) for part in Part)
        assert edges.headers == 0
        assert edges.state <= self.node.height
        self.edges = edges

    @invariant()
    def edges_never_lie(self) -> None:
        edges = self.store.edges()
        with self.store.state() as state:
            assert state.edges == edges
        for number, told in self.told.items():
            height = Height(number)
            self._reads(edges, Part.BODIES, height, told.block, self.store.block_bytes)
            self._reads(edges, Part.RECEIPTS, height, told.receipts, self.store.receipts)
            assert self.store.header(height).state_root == told.root
            assert self.store.certificate(height) is not None
            for identifier, place in told.places.items():
                found = self.store.find_transaction(identifier)
                assert found == (place if edges.keeps(Part.INDEX, height) else None)

    def _reads(
        self, edges: Edges, part: Part, height: Height, told: object, read: Callable[[Height], Any]
    ) -> None:
        if edges.keeps(part, height):
            assert read(height) == told
            return
        with pytest.raises(Rejected) as refused:
            read(height)
        assert refused.value.code == HISTORY_PRUNED

    @invariant()
    def every_kept_state_is_provable(self) -> None:
        edges = self.store.edges()
        name = account_id("treasury")
        with self.store.state() as state:
            for number, told in self.told.items():
                if number < edges.state:
                    continue
                tree = StateTree(state.node, Height(number))
                assert tree.root == told.root
                path = tree.prove(ACCOUNTS.number, name)
                hashed = key_hash(ACCOUNTS.number, name)
                assert path.proves(hashed, value_hash(told.balance), told.root)

    @invariant()
    def the_log_tells_of_every_edge(self) -> None:
        check = LogCheck(CHAIN, ED25519)
        for sequence, data in self.store.retention_log():
            assert check.read(data).record.sequence == sequence
        check.check_edges(self.store.edges())
        assert check.count == self.store.records()
        assert check.keys <= {NODE_KEY.public}

    def teardown(self) -> None:
        self.restart()
        self.edges_never_lie()
        self.sweep_all()
        self.every_kept_state_is_provable()


TestRetention = Retention.TestCase
TestRetention.settings = settings(max_examples=50, stateful_step_count=15)
