"""The door of the mempool: what clients of this node submit, and what other validators relay.

A client's transaction is tried on the last state at its first node, so that what fails there costs
nobody else anything and the client hears at once why. Other validators did the same at their door.
"""

from collections.abc import Sequence
from typing import final

from ledger.block import BlockRun
from ledger.operation import code, sentence
from ledger.transaction import CheckedTransaction
from node.execution import Parent
from node.mempool import Mempool
from primitives.errors import Rejected
from primitives.ids import TimeMs
from primitives.named import to_named
from storage.chain import ChainStore


@final
class Door:
    """Judges transactions against the head. Writes the mempool for the engine."""

    def __init__(self, store: ChainStore, mempool: Mempool) -> None:
        self._store, self._mempool = store, mempool

    def submit(
        self, transactions: Sequence[CheckedTransaction], parent: Parent, now_ms: TimeMs
    ) -> list[Rejected | None]:
        """Try each on the last state; let it wait (None), or say why not."""
        answers: list[Rejected | None] = []
        with self._store.state() as state:
            time_ms = TimeMs(max(now_ms, parent.time_ms + 1))
            run = BlockRun(state, chain=parent.chain, height=parent.height, time_ms=time_ms)
            for tx in transactions:
                try:
                    _preview(run, tx)
                    self._mempool.add(tx)
                    answers.append(None)
                except Rejected as rejected:
                    answers.append(rejected)
        return answers

    def take(self, transactions: Sequence[CheckedTransaction]) -> None:
        """Let relayed ones wait; what is committed, expired or over a quota is left out."""
        with self._store.state() as state:
            for tx in transactions:
                known = tx.id in self._mempool or state.is_committed(tx.valid_until, tx.id)
                if known or tx.valid_until <= state.header.time_ms:
                    continue
                try:
                    self._mempool.add(tx)
                except Rejected:
                    continue  # no room: it waits elsewhere and is offered again


def _preview(run: BlockRun, tx: CheckedTransaction) -> None:
    refusal = run.preview(tx).refusal
    if refusal is not None:
        raise Rejected(code(refusal), sentence(refusal), to_named(refusal))
