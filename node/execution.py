"""Executing a block on the state below it, and judging its header (rules R16, R17).

Every validator executes a block before it prepares it, so that one certificate proves the result
itself. A block is good if its header follows from its parent, its transactions may stand in it, and
execution gives exactly the roots that it claims.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from ledger.agenda import next_due
from ledger.block import BlockRun, Execution
from ledger.membership import validator_records
from ledger.parameters import Parameters, parameters
from ledger.receipt import Receipt
from ledger.validators import ValidatorRecord
from node.bodies import CheckedBlock
from primitives.block import Header
from primitives.certificate import Certificate
from primitives.errors import BadBlock, MithaqError, StorageFault
from primitives.ids import BlockId, ChainId, Height, TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet
from services.table import LAW
from storage.decision import Decision
from storage.state import StateSnapshot


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What the state below a height says about the block of that height."""

    chain: ChainId
    height: Height
    """Of the block to come."""
    block_id: BlockId
    time_ms: TimeMs
    records: tuple[ValidatorRecord, ...]
    next_records: tuple[ValidatorRecord, ...]
    validators: ValidatorSet
    next_validators: ValidatorSet
    parameters: Parameters
    next_due_ms: TimeMs | None
    """When the agenda has something to do."""


def read_parent(state: StateSnapshot, chain: ChainId, head: Header, head_id: BlockId) -> Parent:
    """The parent's view of the next height."""
    height = Height(head.height + 1)
    records = validator_records(state, height)
    next_records = validator_records(state, Height(height + 1))
    return Parent(
        chain=chain,
        height=height,
        block_id=head_id,
        time_ms=head.time_ms,
        records=records,
        next_records=next_records,
        validators=ValidatorSet(tuple(record.key for record in records)),
        next_validators=ValidatorSet(tuple(record.key for record in next_records)),
        parameters=parameters(state),
        next_due_ms=next_due(state),
    )


def open_run(state: StateSnapshot, parent: Parent, time_ms: TimeMs) -> BlockRun:
    """An empty block on this parent."""
    return BlockRun(state, LAW, chain=parent.chain, height=parent.height, time_ms=time_ms)


def execute(state: StateSnapshot, parent: Parent, body: CheckedBlock) -> Execution:
    """Execute a block of the next height.

    Raises:
        BadBlock: it does not follow from its parent, or its roots are not those of its execution.
    """
    header = body.block.header
    execution = perform(state, parent, body)
    for name, claimed, actual in (
        ("state root", header.state_root, execution.state_root),
        ("receipts root", header.receipts_root, execution.receipts_root),
    ):
        if claimed != actual:
            raise BadBlock(f"{name} {claimed.hex()}, execution gives {actual.hex()}")
    return execution


Hear = Callable[[BlockRun, Receipt[Any, Any]], None]
"""Told of each transaction that was applied, right after it."""


def perform(
    state: StateSnapshot, parent: Parent, body: CheckedBlock, hear: Hear | None = None
) -> Execution:
    """What a block of the next height does, whatever roots its header claims.

    Raises:
        BadBlock: it does not follow from its parent, or a transaction can stand in no block.
    """
    if body.fault is not None:
        raise BadBlock(body.fault)
    header = body.block.header
    check_follows(header, parent)
    at = 0
    try:
        run = open_run(state, parent, header.time_ms)
        for at, tx in enumerate(body.transactions):  # noqa: B007 - read where one fails
            run.admit(tx)
            receipt = run.apply(tx)
            if hear is not None:
                hear(run, receipt)
        return run.finish()
    except StorageFault:
        raise  # our disk says nothing about the block
    except MithaqError as error:
        raise BadBlock(f"block {body.id.hex()}, transaction {at}: {error}") from error
    except Exception as error:  # an exception in a rule is a bad block (consensus.md §5)
        raise BadBlock(f"block {body.id.hex()} cannot be executed: {error!r}") from error


def check_follows(header: Header, parent: Parent) -> None:
    """Whether a header says of its parent what the parent's state says.

    Raises:
        BadBlock: it does not; says in what.
    """
    for name, actual, expected in (
        ("chain", header.chain, parent.chain),
        ("parent", header.parent, parent.block_id),
        ("validators hash", header.validators_hash, parent.validators.hash),
        ("next validators hash", header.next_validators_hash, parent.next_validators.hash),
    ):
        if actual != expected:
            raise BadBlock(f"{name} {actual.hex()}, expected {expected.hex()}")
    if header.height != parent.height:
        raise BadBlock(f"height {header.height}, expected {parent.height}")
    if header.time_ms <= parent.time_ms:
        raise BadBlock(f"time {header.time_ms}, the parent's is {parent.time_ms}")


def check_fresh(header: Header, parent: Parent, view: View) -> None:
    """The proposer of a fresh block is the primary of its view (rule R16).

    Raises:
        BadBlock: it is somebody else.
    """
    primary = parent.validators.primary(parent.height, view)
    if header.proposer != primary:
        raise BadBlock(f"proposer {header.proposer.hex()}, the primary is {primary.hex()}")


def heartbeat_delay_ms(parent: Parent, own: ValidatorKey, now_ms: TimeMs) -> int:
    """When an empty block is due: at once at height 1, else a heartbeat after the last (R44).

    Or earlier, when the agenda has something to do. Never later than a heartbeat from now, whatever
    our clock says about the parent's time.
    """
    delay_ms = 0
    if parent.height > 1:
        heartbeat_ms = parent.parameters.heartbeat_ms
        at_ms = parent.time_ms + heartbeat_ms
        if parent.next_due_ms is not None:
            at_ms = min(at_ms, parent.next_due_ms)
        delay_ms = min(max(0, at_ms - now_ms), heartbeat_ms)
    if parent.validators.primary(parent.height, View(0)) != own:
        delay_ms += parent.parameters.drift_ms
    return delay_ms


def is_early(header: Header, parent: Parent, now_ms: TimeMs) -> bool:
    """Whether a fresh block's time lies ahead of what our clock allows (rule R16)."""
    by_clock = now_ms + parent.parameters.drift_ms
    by_parent = parent.time_ms + parent.parameters.minimum_interval_ms
    return header.time_ms > max(by_clock, by_parent)


def decision_of(body: CheckedBlock, certificate: Certificate, execution: Execution) -> Decision:
    """What is written for an executed block."""
    return Decision(
        block=body.block,
        block_id=body.id,
        certificate=certificate,
        receipts=execution.receipts,
        state_writes=execution.state_writes,
        node_writes=execution.node_writes,
        committed=execution.committed,
        done=execution.done,
        touched=execution.touched,
        moved=execution.moved,
        forget_before=execution.forget_before,
    )
