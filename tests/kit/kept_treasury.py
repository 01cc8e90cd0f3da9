"""A treasury's books on a node, at the desk of the ministry.

What a `World` did on its chain is kept, and done again on a chain of one with a real store behind
the API's real server; so months pass here as they pass there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.api import ChainOfOne
from kit.desk import Desk, served
from kit.ledger import Chain
from kit.treasury import World, treasury_document
from ledger.receipt import Receipt
from ledger.transaction import CheckedTransaction
from primitives.ids import TimeMs


@dataclass
class Remembered(Chain):
    """A chain that remembers its blocks: when, and of which transactions."""

    past: list[tuple[TimeMs, tuple[CheckedTransaction, ...]]] = field(default_factory=list)

    def block(self, *transactions: CheckedTransaction) -> list[Receipt[Any, Any]]:
        receipts = super().block(*transactions)
        self.past.append((self.time_ms, transactions))
        return receipts


class KeptWorld(World):
    """A world whose blocks a node can serve."""

    chain: Remembered

    @classmethod
    def founded(cls) -> World:
        return cls(Remembered.begin(treasury_document()))

    def on_a_node(self) -> ChainOfOne:
        """The same blocks on a chain with a store."""
        node = ChainOfOne(document=treasury_document())
        node.holding = True
        for time_ms, transactions in self.chain.past:
            node.waiting = {each.id: each for each in transactions}
            node.make_block(time_ms - node.store.head().header.time_ms)
        assert node.store.head().header.state_root == self.chain.root
        return node


@contextmanager
def kept_desk(home: Path, world: World) -> Iterator[Desk]:
    """The ministry's home, and a node with the books."""
    assert isinstance(world, KeptWorld)
    with served(home, world.on_a_node()) as desk:
        yield desk
