"""The chain up to one block: a frozen state, and all that was decided until then.

Blocks below the head never change, so only what a query reads from the state needs the snapshot;
what the index names above the snapshot's height is left out. The last block that was asked for is
kept, because neighbours in an answer are neighbours in the chain.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, final

from ledger import views
from ledger.accounts import Account
from ledger.assets import ASSETS
from ledger.genesis import GenesisDocument
from ledger.query import Page, Question
from ledger.receipt import Receipt
from ledger.transaction import Transaction
from node.reports.page import UNKNOWN_ACCOUNT, UNKNOWN_ASSET, Order
from primitives.block import Block, Header
from primitives.codec import decode
from primitives.errors import Rejected
from primitives.ids import AccountId, Height, TimeMs
from services.money import Transfer
from services.table import RECEIPT, TRANSACTION
from storage.chain import ChainStore
from storage.decision import TransactionPlace
from storage.edges import HISTORY_PRUNED, Edges
from storage.state import StateSnapshot

_PLACES_AT_ONCE: Final = 1_000
"""Entries of the index that are read in one go."""
_HEIGHTS_AT_ONCE: Final = 64
"""Length of the first stretch when the index is read from its end."""
_INDEX_MAX: Final = 2**32 - 1
"""No transaction of a block stands behind it."""


@final
class Moment:
    """One query's view; of one thread."""

    def __init__(self, store: ChainStore, genesis: GenesisDocument, state: StateSnapshot) -> None:
        """`state` is a snapshot of `store`, and is closed by whoever took it."""
        self.store = store
        self.genesis = genesis
        self.state = state
        self.height: Height = state.height
        self.since = _since(state.edges)
        """The lowest height whose transactions can be told of; 0 where all can."""
        self.is_running = lru_cache(maxsize=16_384)(self._is_running)
        self.header = lru_cache(maxsize=16)(store.header)
        self._block = lru_cache(maxsize=1)(store.block)
        self._receipts = lru_cache(maxsize=1)(store.receipts)
        self._descriptions = lru_cache(maxsize=1)(self._read_descriptions)
        self.day = lru_cache(maxsize=16)(self._day)

    # what the chain holds

    def places(
        self, account: AccountId, order: Order, *, behind: TransactionPlace | None = None
    ) -> Iterator[TransactionPlace]:
        """Where the transactions stand that name an account, behind a place in this order."""
        if order is Order.OLDEST:
            if self.since:
                before = TransactionPlace(Height(self.since - 1), _INDEX_MAX)
                behind = before if behind is None else max(before, behind)
            yield from self._ascending(account, behind, Height(self.height + 1))
            return
        # The index is read upwards: from the end down in stretches, each longer than the last
        # until there is something in them.
        edge = self.height + 1 if behind is None else min(behind.height, self.height) + 1
        length = _HEIGHTS_AT_ONCE
        while edge > self.since:
            low = max(edge - length, self.since)
            below = None if low == 0 else TransactionPlace(Height(low - 1), _INDEX_MAX)
            found = list(self._ascending(account, below, Height(edge)))
            for place in reversed(found):
                if behind is None or place < behind:
                    yield place
            length = length * 2 if len(found) < _PLACES_AT_ONCE else length
            edge = low

    def movements(
        self, account: AccountId, *, since: TransactionPlace | None = None
    ) -> Iterator[tuple[TransactionPlace, bytes]]:
        """What was moved to and from an account, oldest first, from a place on."""
        after = None
        if since is not None and (since.height, since.index) != (0, 0):
            before = since.index - 1
            after = (
                TransactionPlace(since.height, before)
                if before >= 0
                else TransactionPlace(Height(since.height - 1), _INDEX_MAX)
            )
        while True:
            found = self.store.movements_of(account, after=after, limit=_PLACES_AT_ONCE)
            for place, moved in found:
                if place.height > self.height:
                    return
                if moved:
                    yield place, moved
            if len(found) < _PLACES_AT_ONCE:
                return
            after = found[-1][0]

    def _ascending(
        self, account: AccountId, after: TransactionPlace | None, stop: Height
    ) -> Iterator[TransactionPlace]:
        while True:
            found = self.store.transactions_of(account, after=after, limit=_PLACES_AT_ONCE)
            for place in found:
                if place.height >= stop:
                    return
                yield place
            if len(found) < _PLACES_AT_ONCE:
                return
            after = found[-1]

    def holds(self, place: TransactionPlace) -> bool:
        """Whether a transaction stands there."""
        return place.height <= self.height and place.index < self.count(place.height)

    def heights(self, order: Order, *, behind: Height | None) -> Iterable[Height]:
        """The heights of all blocks behind a height in this order."""
        if order is Order.OLDEST:
            first = self.since if behind is None else max(behind + 1, self.since)
            return map(Height, range(first, self.height + 1))
        last = self.height if behind is None else min(behind - 1, self.height)
        return map(Height, range(last, self.since - 1, -1))

    def need_all(self) -> None:
        """Nothing, where the whole history is kept: for what is wrong if a part is missing.

        Raises:
            Rejected: it is not.
        """
        if self.since:
            raise Rejected(
                HISTORY_PRUNED,
                f"this needs the whole history, which is kept here from height {self.since} on; "
                "ask a node that keeps all, or list the newest entries first",
                {"part": "history", "expected": f"at least {self.since}", "actual": 0},
            )

    def count(self, height: Height) -> int:
        """How many transactions the block of a height has."""
        return len(self._receipts(height))

    def receipt(self, place: TransactionPlace) -> Receipt[Any, Any]:
        """What became of a transaction."""
        receipt: Receipt[Any, Any] = _read(self._receipts(place.height)[place.index], RECEIPT)
        return receipt

    def transaction(self, place: TransactionPlace) -> Transaction[Any] | None:
        """The transaction at a place; none where something fell due by itself."""
        block: Block = self._block(place.height)
        if place.index >= len(block.transactions):
            return None
        transaction: Transaction[Any] = _read(block.transactions[place.index], TRANSACTION)
        return transaction

    def description(self, place: TransactionPlace, payer: AccountId, reference: str) -> str:
        """The public text of a payment: it stands in the transaction, not in the receipt."""
        return self._descriptions(place).get((payer, reference), "")

    def _read_descriptions(self, place: TransactionPlace) -> dict[tuple[AccountId, str], str]:
        # A payer uses a reference once for ever, so the two name a line.
        transaction = self.transaction(place)
        return {
            (call.actor, line.reference): line.description
            for call in (() if transaction is None else transaction.body.calls)
            if isinstance(call.operation, Transfer)
            for line in call.operation.lines
        }

    def _day(self, height: Height) -> str:
        header: Header = self.header(height)
        return day_of(header.time_ms)

    # what the state says

    def account(self, identifier: AccountId) -> Account:
        """The account of an id.

        Raises:
            Rejected: there is none.
        """
        found = views.account(self.state, identifier)
        if found is None:
            raise Rejected(
                UNKNOWN_ACCOUNT,
                f"there is no account {identifier.hex()}",
                {"account": identifier.hex()},
            )
        return found

    def _is_running(self, identifier: AccountId) -> bool:
        return self.account(identifier).keeper is not None

    def asset(self, code: str | None) -> tuple[str, int]:
        """Code and exponent of an asset; where none is named, of the only one.

        Raises:
            Rejected: there is no such asset, or none is named and there are several.
        """
        known = [key.decode("ascii") for key, _ in ASSETS.scan(self.state, limit=100)]
        wanted = known[0] if code is None and len(known) == 1 else code
        found = None if wanted is None else views.asset(self.state, wanted)
        if wanted is None or found is None:
            raise Rejected(
                UNKNOWN_ASSET,
                f"there is no asset {code}" if code is not None else "say of which asset",
                {"expected": known, "actual": code},
            )
        return wanted, found.exponent

    def opening(self, account: AccountId, asset: str) -> int:
        """What genesis gave an account."""
        return sum(
            given.amount
            for given in self.genesis.balances
            if (given.account, given.asset) == (account, asset)
        )

    def balance(self, account: AccountId, asset: str) -> int:
        """What an account holds."""
        return views.balance(self.state, account, asset)


class Report(Question, frozen=True, kw_only=True):
    """A question about all that was decided until a block: one that the state cannot answer."""

    def tell(self, moment: Moment) -> Page[Any]:
        """The rows.

        Raises:
            Malformed: `after` is no place.
            Rejected: it cannot be told so, or not from what is kept here.
        """
        raise NotImplementedError(f"{type(self).__name__} has no answer")


def _since(edges: Edges) -> Height:
    first = max(edges.index, edges.receipts, edges.bodies)
    return first if first > 1 else Height(0)


def day_of(time_ms: TimeMs) -> str:
    """The day of a time, in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).date().isoformat()


def _read(data: bytes, kind: Any) -> Any:  # noqa: ANN401 - generic aliases
    # Our own database holds it: it decodes, whatever its size.
    return decode(data, kind, limit=len(data))
