"""A validator that censors: its own blocks never hold what somebody told it to leave out.

    PYTHONPATH=.:tests python -m kit.censor NODE_FOLDER

It is the node as it is, with another taste: what names HATED waits for ever at its builder, and it
pushes none of it to others. In everything else it follows the rules, and votes for others' blocks.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.transaction import CheckedTransaction
from node import blocks, relay
from node.app import run
from node.builder import Built, Task, build
from node.mempool import Mempool
from node.outbox import Outbox
from storage.state import StateSnapshot

HATED = "hated"
push = relay.Relay.push


def is_hated(tx: CheckedTransaction) -> bool:
    """Whether it names what is hated."""
    return HATED.encode() in tx.data


def build_without(
    state: StateSnapshot, mempool: Mempool, task: Task, clock: Callable[[], float]
) -> Built:
    """A block of the rest."""
    liked = Mempool()
    for tx in mempool:
        if not is_hated(tx):
            liked.add(tx)
    return build(state, liked, task, clock)


def push_without(self: relay.Relay, transactions: Sequence[CheckedTransaction]) -> Outbox:
    """The rest goes to the others."""
    return push(self, [tx for tx in transactions if not is_hated(tx)])


if __name__ == "__main__":
    blocks.build = build_without  # type: ignore[attr-defined]  # imported there, and not for others
    relay.Relay.push = push_without  # type: ignore[method-assign]  # that is the point
    run(Path(sys.argv[1]))
