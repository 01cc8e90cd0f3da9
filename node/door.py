"""The door of the mempool: what clients of this node submit, and what other validators relay.

A client's transaction is tried on the last state at its first node, so that what fails there costs
nobody else anything and the client hears at once why. What other validators relay is tried again,
at 20 µs each: otherwise one faulty validator could fill every mempool, and the quotas of accounts
that signed nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from ledger.block import BlockRun
from ledger.operation import code, sentence
from ledger.transaction import CheckedTransaction
from node.execution import Parent, open_run
from node.mempool import Mempool
from node.outbox import Note
from node.shares import Source
from primitives.errors import Rejected, StorageFault
from primitives.ids import TimeMs
from primitives.named import to_named
from storage.chain import ChainStore

CANNOT_BE_EXECUTED: Final = "transaction.cannot_be_executed"


@final
class Door:
    """Judges transactions against the head. Writes the mempool for the engine."""

    def __init__(self, store: ChainStore, mempool: Mempool, put: Callable[[Note], None]) -> None:
        self._store, self._mempool, self._put = store, mempool, put

    def submit(
        self,
        transactions: Sequence[CheckedTransaction],
        parent: Parent,
        now_ms: TimeMs,
        source: Source | None = None,
    ) -> list[Rejected | None]:
        """Try each on the last state; let it wait (None), or say why not.

        `source` is the peer that brought them; None for clients of this node.
        """
        answers: list[Rejected | None] = []
        with self._store.state() as state:
            run = open_run(state, parent, TimeMs(max(now_ms, parent.time_ms + 1)))
            for tx in transactions:
                if self._mempool.find(tx.hash) is not None:
                    answers.append(None)  # handed over again: it was judged, and waits
                    continue
                try:
                    _preview(run, tx)
                    self._mempool.add(tx, source=source, now_ms=now_ms)
                    answers.append(None)
                except Rejected as rejected:
                    answers.append(rejected)
                    if rejected.code == CANNOT_BE_EXECUTED:
                        self._put(Note("transaction.poisonous", rejected.facts, alarming=True))
        return answers


def _preview(run: BlockRun, tx: CheckedTransaction) -> None:
    try:
        refusal = run.preview(tx).refusal
    except (Rejected, StorageFault):
        raise
    except Exception as error:  # a rule's own code failed: that must not end the node
        raise Rejected(
            CANNOT_BE_EXECUTED,
            f"the transaction cannot be executed: {error!r}",
            {"transaction": tx.id.hex(), "error": repr(error)},
        ) from error
    if refusal is not None:
        raise Rejected(code(refusal), sentence(refusal), to_named(refusal))
