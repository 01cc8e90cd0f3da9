"""Where a chain and our execution of it part: height, transaction, table.

An export holds every receipt, so a receipt that differs names its transaction. It does not hold the
state, whose root alone differs then; which entry it is can be said where somebody shows the chain's
entries with proofs under that root. What our execution read or wrote in the block is asked for; an
entry that it never looked at can be found only where all entries are at hand.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

from ledger.block import BlockRun, Execution
from ledger.operation import code, sentence
from ledger.receipt import Receipt, read_receipt
from ledger.state import Slot
from ledger.tree import StateTree
from node.audit_report import Divergence, DivergenceKind, Entry, Touched
from node.bodies import CheckedBlock
from node.execution import Parent, check_follows, perform
from node.history import TABLE_OF_NUMBER
from primitives import limits
from primitives.block import Header, transaction_hash
from primitives.errors import BadBlock, Malformed, MithaqError
from primitives.ids import Height
from primitives.named import to_named
from services.table import RECEIPT
from storage.state import StateSnapshot

Differs = tuple[Slot, bytes | None, bytes | None]
"""An entry, its value on the chain, and ours."""


class EntriesOf(Protocol):
    """Somebody who knows the chain's entries after a block, and proves what he says of them."""

    @property
    def name(self) -> str:
        """Who, for people."""
        ...

    @property
    def remark(self) -> str:
        """What is to be added to what the last comparison found; mostly nothing."""
        ...

    def compare(self, header: Header, ours: "Ours") -> Iterator[Differs]:
        """Entries that differ, each proved under the header's root.

        Raises:
            MithaqError: he does not answer for that height, or proves nothing.
        """
        ...


@final
@dataclass(frozen=True)
class Ours:
    """The state after a block as our execution has it: what it wrote, above the state below."""

    state: StateSnapshot
    execution: Execution
    seen: Collection[Slot]
    """What it read or wrote in this block."""

    def get(self, slot: Slot) -> bytes | None:
        """Our value of an entry."""
        writes = self.execution.state_writes
        return writes[slot] if slot in writes else self.state.get(*slot)

    def slots(self) -> Iterator[Slot]:
        """Every entry that we have."""
        writes = self.execution.state_writes
        for table, key, _ in self.state.entries():
            if (table, key) not in writes:
                yield table, key
        yield from (slot for slot, value in writes.items() if value is not None)

    def tree(self) -> StateTree:
        """The tree over it."""
        written, below = self.execution.node_writes, self.state.node

        def read(key: bytes) -> bytes | None:
            return written[key] if key in written else below(key)

        return StateTree(read, Height(self.state.height + 1))


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
    """The first receipt that differs; one may have receipts of duties that the other has not."""
    index, theirs, ours = next(
        (i, theirs, ours)
        for i, (theirs, ours) in enumerate(itertools.zip_longest(claimed, found))
        if theirs != ours
    )
    if theirs is None or ours is None:
        expected, actual = (f"{len(receipts)} receipts" for receipts in (claimed, found))
    else:
        expected, actual = receipts_in_words(theirs, ours)
    return _divergence(body, DivergenceKind.RECEIPT, index, expected=expected, actual=actual)


def state_divergence(
    state: StateSnapshot,
    parent: Parent,
    body: CheckedBlock,
    execution: Execution,
    against: EntriesOf | None,
) -> Divergence:
    """Which entries differ, as far as somebody shows the chain's own.

    Where he does not, or proves nothing, the report says so: it is about the chain, not about him.
    """
    header = body.block.header
    tables = Counter(_table_name(table) for table, _ in execution.state_writes)
    entries: list[Entry] = []
    compared_with = ""
    if against is not None:
        writers, seen = _traced(state, parent, body)
        ours = Ours(state, execution, {*execution.state_writes, *seen})
        differing = against.compare(header, ours)
        try:
            for slot, theirs, own in itertools.islice(differing, limits.AUDIT_ENTRIES_MAX):
                name = _table_name(slot[0])
                entries.append(Entry(name, slot[1], _cut(theirs), _cut(own), writers.get(slot)))
            compared_with = against.name + against.remark
        except MithaqError as error:
            compared_with = f"{against.name}, which ended it: {error}"
    return _divergence(
        body,
        DivergenceKind.STATE,
        entries[0].transaction if entries else None,
        expected=f"state root {header.state_root.hex()}",
        actual=f"state root {execution.state_root.hex()}",
        tables=tuple(Touched(name, count) for name, count in sorted(tables.items())),
        entries=tuple(entries),
        compared_with=compared_with,
    )


def _traced(
    state: StateSnapshot, parent: Parent, body: CheckedBlock
) -> tuple[dict[Slot, int], Collection[Slot]]:
    """The index of the transaction that wrote each entry last, and every entry that was read.

    The block is executed once more for it.
    """
    writers: dict[Slot, int] = {}
    seen: Collection[Slot] = ()
    numbers = itertools.count()

    def hear(run: BlockRun, _receipt: Receipt[Any, Any]) -> None:
        nonlocal seen
        writers.update(dict.fromkeys(run.written, next(numbers)))
        seen = run.seen

    perform(state, parent, body, hear)
    return writers, seen


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


def receipts_in_words(theirs: bytes, ours: bytes) -> tuple[str, str]:
    """Two receipts that differ: refused and why, or the first event in which they do."""
    read = (_read_receipt(theirs), _read_receipt(ours))
    events = [() if one is None else tuple(map(to_named, one.events)) for one in read]
    pairs = itertools.zip_longest(*events)
    first = next((at for at, (a, b) in enumerate(pairs) if a != b), 0)
    told = [_in_words(data, one, first) for data, one in zip((theirs, ours), read, strict=True)]
    return told[0], told[1]


def _read_receipt(data: bytes) -> Receipt[Any, Any] | None:
    try:
        return read_receipt(data, RECEIPT)
    except Malformed:
        return None


def _in_words(data: bytes, receipt: Receipt[Any, Any] | None, event: int) -> str:
    if receipt is None:
        digest = hashlib.sha256(data).hexdigest()
        return f"a receipt that this program cannot read: SHA-256 {digest}, {data.hex()}"
    if receipt.refusal is not None:
        return f"refused, {code(receipt.refusal)}: {sentence(receipt.refusal)}"
    count = len(receipt.events)
    if event >= count:
        return f"applied, with {count} events"
    shown = json.dumps(to_named(receipt.events[event]), ensure_ascii=False)
    return f"applied, event {event + 1} of {count}: {shown}"


def _short(text: str) -> str:
    most = limits.AUDIT_WORDS_MAX
    return text if len(text) <= most else text[: most - 1] + "…"


def _table_name(number: int) -> str:
    table = TABLE_OF_NUMBER.get(number)
    return f"number {number}" if table is None else table.name


def _cut(value: bytes | None) -> bytes | None:
    return None if value is None else value[: limits.AUDIT_VALUE_BYTES_MAX]
