"""Questions about the chain and the state, answered from the database.

Synchronous: whoever asks runs them in a worker thread. Each answer is of one moment: state is read
through one snapshot, closed before the answer leaves; blocks below the head never change. A query
never enters the engine.

An answer is a Struct; people see its named form.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, final

from msgspec import Struct

from ledger import views
from ledger.accounts import AccountKind, WeightedKey
from ledger.receipt import Receipt
from ledger.roles import HELD_ROLES, ROLES, held_key
from ledger.state import StateReader
from ledger.transaction import Transaction, transaction_id
from node import history
from node.lineage import GENESIS, Ancestry
from node.proof import (
    BlockLists,
    Subject,
    event_subject,
    proof_file,
    receipt_subject,
    state_subject,
    write_proof,
)
from primitives import limits
from primitives.block import Block, Header, block_id, body_bytes
from primitives.codec import decode, encode
from primitives.errors import Rejected
from primitives.ids import (
    AccountId,
    BlockId,
    Height,
    Natural,
    Seat,
    SeatNumber,
    Signature,
    Signed,
    Sized32,
    Sized64,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
    ViewNumber,
)
from services.table import RECEIPT, TABLES, TRANSACTION, Events, Operations, Refusals
from storage.chain import ChainStore
from storage.decision import TransactionPlace
from storage.edges import Part

TABLE_NUMBERS: Final = {table.name: table.number for table in TABLES}
"""Tables of the state by name."""

UNKNOWN_EVENT: Final = "event.unknown"
NO_TRANSACTION: Final = "transaction.none"

_BLOCKS_KEPT: Final = 4
"""Decoded blocks at hand: everybody who waits for a block asks for it at the same moment."""


@final
class PendingTransaction(Struct, frozen=True, kw_only=True, tag_field="status", tag="pending"):
    """It waits to stand in a block."""

    id: Sized32[TransactionId]


@final
class FinalTransaction(Struct, frozen=True, kw_only=True, tag_field="status", tag="final"):
    """It stands in a block, applied or refused: the receipt says which.

    What fell due by itself has a receipt as well, and no transaction.
    """

    id: Sized32[TransactionId]
    height: Natural[Height]
    index: Natural[int]
    block_time_ms: Natural[TimeMs]
    transaction: Transaction[Operations] | None
    receipt: Receipt[Refusals, Events]


@final
class SealAnswer(Struct, frozen=True, kw_only=True):
    """One validator's signature under a block."""

    seat: SeatNumber[Seat]
    name: str
    key: Sized32[ValidatorKey]
    signature: Sized64[Signature]


@final
class CertificateAnswer(Struct, frozen=True, kw_only=True):
    """The quorum that committed a block, and in which view."""

    view: ViewNumber[View]
    seals: tuple[SealAnswer, ...]


@final
class BlockAnswer(Struct, frozen=True, kw_only=True):
    """A block without its transactions' content; only block 0 has no certificate."""

    id: Sized32[BlockId]
    header: Header
    certificate: CertificateAnswer | None
    transactions: tuple[Sized32[TransactionId], ...]
    duties: tuple[Sized32[TransactionId], ...]
    """What fell due, by the ids of its receipts."""
    count: Natural[int]
    bytes: Natural[int]


@final
class RoleAnswer(Struct, frozen=True, kw_only=True):
    """A role that an account holds; without a scope it is for the whole network.

    At `until_ms` its term is over; null is no end.
    """

    role: str
    scope: Sized32[AccountId] | None
    since: Natural[Height]
    until_ms: Natural[TimeMs] | None


@final
class BalanceAnswer(Struct, frozen=True, kw_only=True):
    """What an account holds of an asset: `amount` in minor units of 10^-exponent.

    Below zero it is owed, which only a running account can.
    """

    asset: str
    amount: Signed[int]
    exponent: Natural[int]


@final
class AccountAnswer(Struct, frozen=True, kw_only=True):
    """An account as it is after the block at `height`.

    A running account has no keys: `keeper` signs for it. No balance falls below `floor`; null is no
    floor.
    """

    id: Sized32[AccountId]
    height: Natural[Height]
    kind: AccountKind
    name: str
    threshold: Natural[int]
    keys: tuple[WeightedKey, ...]
    keeper: Sized32[AccountId] | None
    floor: Signed[int] | None
    roles: tuple[RoleAnswer, ...]
    balances: tuple[BalanceAnswer, ...]
    balances_after: str | None
    """There are more of them, above this asset; None where these are the last."""


def id_of_transaction(data: bytes) -> TransactionId:
    """The id of a transaction in canonical form; no signature is checked.

    Raises:
        Malformed: it is none.
    """
    transaction: Transaction[Any] = decode(data, TRANSACTION, limit=limits.TRANSACTION_BYTES_MAX)
    return transaction_id(encode(transaction.body))


@final
class Queries:
    """Answers from one store; safe in any number of threads. None where nothing has that name."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._read_block = lru_cache(maxsize=_BLOCKS_KEPT)(store.block)
        self._read_receipts = lru_cache(maxsize=_BLOCKS_KEPT)(store.receipts)
        self._trees = lru_cache(maxsize=_BLOCKS_KEPT)(self._read_trees)
        self._ancestry = Ancestry(store)

    def transaction(self, identifier: TransactionId) -> FinalTransaction | None:
        """A committed transaction with its receipt.

        Raises:
            Rejected: it is committed, and no longer kept.
        """
        place = self._place(identifier)
        if place is None:
            return None
        block = self._block(place.height)
        return FinalTransaction(
            id=identifier,
            height=place.height,
            index=place.index,
            block_time_ms=block.header.time_ms,
            transaction=(
                _read(block.transactions[place.index], TRANSACTION)
                if place.index < len(block.transactions)
                else None
            ),
            receipt=_read(self._receipts(place.height)[place.index], RECEIPT),
        )

    def transaction_proof(
        self, identifier: TransactionId, *, since: Height = GENESIS
    ) -> bytes | None:
        """The proof file of a committed transaction and its receipt, from a checkpoint on.

        Raises:
            Rejected: the file would be larger than anybody reads, or no proof begins there.
        """
        place = self._place(identifier)
        if place is None:
            return None
        block = self._trees(place.height)
        if place.index >= len(block.transactions):
            raise Rejected(
                NO_TRANSACTION,
                f"{identifier.hex()} fell due by itself in block {place.height}, there is no "
                "transaction to prove; its events have proofs of their own",
                {"expected": "a transaction", "actual": "what fell due"},
            )
        return self._proof(place.height, since, receipt_subject(block, place.index))

    def event_proof(
        self, identifier: TransactionId, number: int, *, since: Height = GENESIS
    ) -> bytes | None:
        """The proof file of event `number` of a committed transaction, counted from 1.

        Raises:
            Rejected: it has no such event; or as `transaction_proof`.
        """
        place = self._place(identifier)
        if place is None:
            return None
        block = self._trees(place.height)
        receipt: Receipt[Any, Any] = _read(block.receipts[place.index], RECEIPT)
        if not 1 <= number <= len(receipt.events):
            raise Rejected(
                UNKNOWN_EVENT,
                f"transaction {identifier.hex()} has {len(receipt.events)} event(s), "
                f"there is no number {number}",
                {"expected": f"1 to {len(receipt.events)}", "actual": number},
            )
        return self._proof(place.height, since, event_subject(block, place.index, number - 1))

    def _place(self, identifier: TransactionId) -> TransactionPlace | None:
        """Where a transaction stands whose body and receipt are kept.

        Raises:
            Rejected: it is committed, and one of them is kept no longer.
        """
        place = self._store.find_transaction(identifier)
        if place is None:
            return None
        try:
            for part in (Part.BODIES, Part.RECEIPTS):
                self._store.edges().need(part, place.height)
        except Rejected as gone:
            words = (
                f"transaction {identifier.hex()} is number {place.index} of block {place.height}"
            )
            facts = {"transaction": identifier.hex(), "index": place.index, **gone.facts}
            raise Rejected(gone.code, f"{words}; {gone.message}", facts) from gone
        return place

    def _block(self, height: Height) -> Block:
        # What was read before is at hand a little longer than it is kept.
        self._store.edges().need(Part.BODIES, height)
        return self._read_block(height)

    def _receipts(self, height: Height) -> tuple[bytes, ...]:
        self._store.edges().need(Part.RECEIPTS, height)
        return self._read_receipts(height)

    def _read_trees(self, height: Height) -> BlockLists:
        return BlockLists.of(self._block(height).transactions, self._receipts(height))

    def _proof(self, height: Height, since: Height, subject: Subject) -> bytes:
        with self._store.state() as state:
            lineage = self._ancestry.to(state, height, since=since)
        return write_proof(proof_file(lineage, subject))

    def head(self) -> Height:
        """The height of the newest block."""
        return self._store.head().height

    def block(self, height: Height) -> BlockAnswer | None:
        """The block of a height."""
        if height > self._store.head().height:
            return None
        block = self._block(height)
        receipts: list[Receipt[Any, Any]] = [
            _read(data, RECEIPT) for data in self._receipts(height)
        ]
        count = len(block.transactions)
        return BlockAnswer(
            id=block_id(block.header),
            header=block.header,
            certificate=self._certificate(block),
            transactions=tuple(receipt.transaction_id for receipt in receipts[:count]),
            duties=tuple(receipt.transaction_id for receipt in receipts[count:]),
            count=count,
            bytes=body_bytes(block.transactions),
        )

    def _certificate(self, block: Block) -> CertificateAnswer | None:
        height = block.header.height
        certificate = self._store.certificate(height)
        if certificate is None:
            return None
        with self._store.state() as state:
            records = views.validator_records(state, height)
        seals = (
            SealAnswer(
                seat=seal.seat,
                name=records[seal.seat].name,
                key=records[seal.seat].key,
                signature=seal.signature,
            )
            for seal in certificate.seals
        )
        return CertificateAnswer(view=certificate.view, seals=tuple(seals))

    def account(self, identifier: AccountId, after: str = "") -> AccountAnswer | None:
        """An account at the head, with a page of its balances: those above the asset `after`."""
        with self._store.state() as state:
            account = views.account(state, identifier)
            if account is None:
                return None
            # One more than a page has room for tells whether there is another.
            wanted = limits.API_BALANCES_MAX + 1
            page = tuple(balances_of(state, identifier, after=after, limit=wanted))
            more = len(page) > limits.API_BALANCES_MAX
            page = page[: limits.API_BALANCES_MAX]
            return AccountAnswer(
                id=identifier,
                height=state.height,
                kind=account.kind,
                name=account.name,
                threshold=account.threshold,
                keys=account.keys,
                keeper=account.keeper,
                floor=account.floor,
                roles=tuple(_roles(state, identifier)),
                balances=page,
                balances_after=page[-1].asset if more else None,
            )

    def state_proof(
        self,
        table: int,
        key: bytes,
        *,
        height: Height | None = None,
        since: Height = GENESIS,
    ) -> bytes:
        """The proof file of a state entry, or of its absence, after a block or at the head.

        Raises:
            Rejected: that state is not kept here; or as `transaction_proof`.
        """
        with self._store.state() as state:
            moment = history.at(state, state.height if height is None else height)
            value, path = moment.get(table, key), moment.prove(table, key)
            lineage = self._ancestry.to(state, moment.height, since=since)
        return write_proof(proof_file(lineage, state_subject(table, key, value, path)))


def _read(data: bytes, kind: Any) -> Any:  # noqa: ANN401 - generic aliases
    # Our own database holds it: it decodes, whatever its size.
    return decode(data, kind, limit=len(data))


def table_number(name: str) -> int | None:
    """The number of a table that is named by its name or by its number."""
    if name in TABLE_NUMBERS:
        return TABLE_NUMBERS[name]
    known = {str(number): number for number in TABLE_NUMBERS.values()}
    return known.get(name)


def _roles(state: StateReader, holder: AccountId) -> Iterator[RoleAnswer]:
    for data, _ in HELD_ROLES.scan(state, prefix=holder, limit=2**31):
        key = held_key(data)
        grant = ROLES.read(state, key)
        assert grant is not None, f"an index of a grant of {key.role}, which is none"
        yield RoleAnswer(role=key.role, scope=key.scope, since=grant.since, until_ms=grant.until_ms)


def balances_of(
    state: StateReader, holder: AccountId, *, after: str = "", limit: int
) -> Iterator[BalanceAnswer]:
    """What an account holds of at most `limit` assets above the asset `after`."""
    held = views.balances(state, holder, after=after, limit=limit)
    for code, amount in held.items():
        asset = views.asset(state, code)
        assert asset is not None, f"a balance of {code}, which is no asset"
        yield BalanceAnswer(asset=code, amount=amount, exponent=asset.exponent)
