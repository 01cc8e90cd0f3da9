"""Building a fresh block: which of the waiting transactions, and when to stop.

This is the primary's policy, not a rule of validity (consensus.md §6, rule R34): stop after T(v)/8
of execution, and take at most `room >> (v // (f + 1))` transactions, in the end none, so that slow
or poisonous transactions cannot stop the chain. How much room there is says node/pace.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from ledger.act import BLOCK_FULL
from ledger.block import BlockRun, Execution
from ledger.transaction import TOO_FAR_AHEAD, CheckedTransaction
from node.bodies import CheckedBlock
from node.execution import Parent, open_run
from node.mempool import Mempool
from primitives import limits
from primitives.block import Block, Header, block_id, transactions_root
from primitives.errors import Rejected, StorageFault
from primitives.ids import TimeMs, ValidatorKey, View
from primitives.validators import faults_tolerated
from storage.state import StateSnapshot

_LATER: Final = frozenset({TOO_FAR_AHEAD, BLOCK_FULL})
"""What may stand in a later block."""


@final
@dataclass(frozen=True, slots=True)
class Built:
    """A fresh block with what it does."""

    body: CheckedBlock
    execution: Execution


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to build: on which parent, when, by whom, within which bounds."""

    parent: Parent
    time_ms: TimeMs
    proposer: ValidatorKey
    transactions_max: int
    budget_ms: int


def transactions_limit(view: View, validators: int, room: int) -> int:
    """How many transactions a fresh block of this view takes at most (rule R34)."""
    return room >> (view // (faults_tolerated(validators) + 1))


def build(state: StateSnapshot, mempool: Mempool, task: Task, clock: Callable[[], float]) -> Built:
    """A block of what waits, as far as the bounds allow; empty if nothing can be taken.

    `clock` gives seconds and only measures the execution. What can stand in no block any more
    leaves the mempool; so does a transaction whose execution fails by a bug of ours, which is a
    reason to build again without it. If the block fails as a whole, half of it may not: the next
    ones come closer, and the culprit leaves when it stands alone.
    """
    deadline = clock() + task.budget_ms / 1000
    room = task.transactions_max
    while True:
        run = open_run(state, task.parent, task.time_ms)
        taken: list[CheckedTransaction] = []
        poison = _fill(run, mempool, room, lambda: clock() >= deadline, taken)
        if poison is not None:
            mempool.drop([poison.id])
            continue
        try:
            return _finish(run, task, taken)
        except StorageFault:
            raise
        except Exception:
            if not taken:
                raise  # an empty block fails: that is no transaction's fault
            if len(taken) == 1:
                mempool.drop([taken[0].id])
            room = len(taken) // 2


def _fill(
    run: BlockRun,
    mempool: Mempool,
    transactions_max: int,
    is_late: Callable[[], bool],
    taken: list[CheckedTransaction],
) -> CheckedTransaction | None:
    """Apply what fits; returns the transaction that must not be tried again, if one failed."""
    room = limits.BLOCK_BYTES_MAX
    for tx in mempool:
        if len(taken) >= transactions_max or is_late():
            break
        if len(tx.data) > room:
            break  # in order: the next block begins with it
        try:
            run.admit(tx)
            run.apply(tx)
        except Rejected as rejected:
            if rejected.code not in _LATER:
                mempool.drop([tx.id])
            continue
        except StorageFault:
            raise
        except Exception:  # noqa: BLE001 - any failure of a rule's own code must not stop the chain
            return tx
        taken.append(tx)
        room -= len(tx.data)
    return None


def _finish(run: BlockRun, task: Task, taken: list[CheckedTransaction]) -> Built:
    execution = run.finish()
    parent = task.parent
    header = Header(
        chain=parent.chain,
        height=parent.height,
        parent=parent.block_id,
        time_ms=task.time_ms,
        proposer=task.proposer,
        transactions_root=transactions_root([tx.hash for tx in taken]),
        state_root=execution.state_root,
        receipts_root=execution.receipts_root,
        validators_hash=parent.validators.hash,
        next_validators_hash=parent.next_validators.hash,
    )
    block = Block(header, tuple(tx.data for tx in taken))
    return Built(CheckedBlock(block, block_id(header), tuple(taken)), execution)
