"""Where a chain and our execution of it part: height, transaction, table.

An export holds every receipt, so a receipt that differs names its transaction. It does not hold the
state, whose root alone differs then; which entry it is can be said where somebody shows the chain's
entries with proofs under that root. What our execution read or wrote in the block is asked for; an
entry that it never looked at can be found only where all entries are at hand.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from ledger.block import BlockRun, Execution
from ledger.genesis import KERNEL_TABLES
from ledger.operation import Event, code, sentence
from ledger.receipt import Receipt, read_receipt
from ledger.state import Slot
from node.audit_report import Divergence, DivergenceKind, Entry, Touched
from node.bodies import CheckedBlock
from node.execution import Parent, check_follows, perform
from primitives import limits
from primitives.block import Header, transaction_hash
from primitives.errors import BadBlock, Malformed
from primitives.named import to_named
from services.table import RECEIPT, TABLES
from storage.state import StateSnapshot

TABLE_NAMES: Final[Mapping[int, str]] = {
    table.number: table.name for table in (*KERNEL_TABLES, *TABLES)
}


class EntriesOf(Protocol):
    """Somebody who knows the chain's entries after a block, and proves what he says of them."""

    @property
    def name(self) -> str:
        """Who, for people."""
        ...

    def compare(
        self, header: Header, ours: Mapping[Slot, bytes | None], state: StateSnapshot
    ) -> Iterator[tuple[Slot, bytes | None, bytes | None]]:
        """Entries that differ: where, the chain's value, ours. Proved under the header's root.

        `ours` is what our execution wrote above `state`.

        Raises:
            MithaqError: he does not answer for that height, or proves nothing.
        """
        ...


def block_divergence(
    body: CheckedBlock, parent: Parent, error: BadBlock, executed: int
) -> Divergence:
    """The block, or a transaction in it, is against the rules; `executed` came before it."""
    index: int | None = None
    if body.fault is not None:
        hashes = (transaction_hash(data).hex() for data in body.block.transactions)
        index = next((i for i, name in enumerate(hashes) if name in body.fault), None)
    elif _follows(body.block.header, parent) and executed < len(body.transactions):
        index = executed
    kind = DivergenceKind.BLOCK if index is None else DivergenceKind.TRANSACTION
    return _divergence(body, kind, index, expected="a quorum certified it", actual=str(error))


def _follows(header: Header, parent: Parent) -> bool:
    try:
        check_follows(header, parent)
    except BadBlock:
        return False
    return True


def receipt_divergence(
    body: CheckedBlock, claimed: Sequence[bytes], found: Sequence[bytes]
) -> Divergence:
    """The first transaction whose receipt differs."""
    index, expected, actual = next(
        (i, theirs, ours)
        for i, (theirs, ours) in enumerate(zip(claimed, found, strict=True))
        if theirs != ours
    )
    return _divergence(
        body,
        DivergenceKind.RECEIPT,
        index,
        expected=receipt_in_words(expected),
        actual=receipt_in_words(actual),
    )


def state_divergence(
    state: StateSnapshot,
    parent: Parent,
    body: CheckedBlock,
    execution: Execution,
    against: EntriesOf | None,
) -> Divergence:
    """Which entries differ, as far as somebody shows the chain's own.

    Raises:
        MithaqError: `against` does not answer, or proves nothing.
    """
    header = body.block.header
    tables = Counter(TABLE_NAMES.get(table, str(table)) for table, _ in execution.state_writes)
    entries: list[Entry] = []
    if against is not None:
        writers = _writers(state, parent, body)
        for (table, key), theirs, ours in against.compare(header, execution.state_writes, state):
            if len(entries) == limits.AUDIT_ENTRIES_MAX:
                break
            name, writer = TABLE_NAMES.get(table, str(table)), writers.get((table, key))
            entries.append(Entry(name, key, _cut(theirs), _cut(ours), writer))
    first = entries[0].transaction if entries else None
    return _divergence(
        body,
        DivergenceKind.STATE,
        first,
        expected=f"state root {header.state_root.hex()}",
        actual=f"state root {execution.state_root.hex()}",
        tables=tuple(Touched(name, count) for name, count in sorted(tables.items())),
        entries=tuple(entries),
        compared_with="" if against is None else against.name,
    )


def _writers(state: StateSnapshot, parent: Parent, body: CheckedBlock) -> dict[Slot, int]:
    """The index of the transaction that wrote each entry last: the block is executed once more."""
    writers: dict[Slot, int] = {}
    numbers = itertools.count()

    def hear(run: BlockRun, _receipt: Receipt[Any, Any]) -> None:
        writers.update(dict.fromkeys(run.written, next(numbers)))

    perform(state, parent, body, hear)
    return writers


def _divergence(
    body: CheckedBlock,
    kind: DivergenceKind,
    index: int | None,
    *,
    expected: str,
    actual: str,
    tables: tuple[Touched, ...] = (),
    entries: tuple[Entry, ...] = (),
    compared_with: str = "",
) -> Divergence:
    checked = index is not None and index < len(body.transactions)
    return Divergence(
        kind=kind,
        height=body.block.header.height,
        block_id=body.id,
        index=index,
        transaction=body.transactions[index].id if checked and index is not None else None,
        expected=_short(expected),
        actual=_short(actual),
        tables=tables,
        entries=entries,
        compared_with=_short(compared_with),
    )


def receipt_in_words(data: bytes) -> str:
    """Applied with its events, or refused and why."""
    try:
        receipt = read_receipt(data, RECEIPT)
    except Malformed:
        return f"a receipt that this program cannot read, {data.hex()}"
    if receipt.refusal is not None:
        return f"refused, {code(receipt.refusal)}: {sentence(receipt.refusal)}"
    told = ", ".join(_event_in_words(event) for event in receipt.events)
    return f"applied: {told or 'no events'}"


def _event_in_words(event: Event) -> str:
    return json.dumps(to_named(event), ensure_ascii=False)


def _short(text: str) -> str:
    most = limits.AUDIT_WORDS_MAX
    return text if len(text) <= most else text[: most - 1] + "…"


def _cut(value: bytes | None) -> bytes | None:
    return None if value is None else value[: limits.AUDIT_VALUE_BYTES_MAX]
