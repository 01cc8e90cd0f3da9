"""The moves of cases, one after the other: the diary of an owner's procedures.

Read from the events in receipts, which name the owner of the flow, so that one walk over what
concerns him finds all of them. A move belongs to the version under which its case was opened.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple, final

from msgspec import Meta

from ledger.cases import CaseMoved
from ledger.flows import FLOW_STATES, FlowState, StateKey
from ledger.query import PAGE_ROWS_DEFAULT, After, Limit, Page, no_place
from node.reports.moment import Moment, Report
from node.reports.page import ENTRY_MAX, Bookmark, Order, bookmark_of, event_name
from primitives import limits
from primitives.ids import AccountId, Digest, TimeMs, TransactionId
from services.casework.queries import FlowParameter, MoveRow, OwnerParameter, in_words
from storage.decision import TransactionPlace


@final
class Move(NamedTuple):
    """One move, and where it stands."""

    place: TransactionPlace
    entry: int
    time_ms: TimeMs
    transaction: TransactionId
    event: CaseMoved


@final
class Moves(Report, tag="casework.moves", frozen=True, kw_only=True):
    """Every move of the cases of an owner, oldest first; the log that process miners read.

    A page may have fewer rows than it could while there are more: it ends after 20,000
    transactions.
    """

    owner: OwnerParameter
    flow: FlowParameter | None
    case: Annotated[Digest, Meta(min_length=32, max_length=32, description="only this case")] | None
    after: After | None
    limit: Limit | None

    def tell(self, moment: Moment) -> Page[MoveRow]:
        """List.

        Raises:
            Rejected: no such account.
            Malformed: `after` is no place.
        """
        moment.account(self.owner)
        states = States(moment, self.owner)
        wanted = self.limit or PAGE_ROWS_DEFAULT
        behind = bookmark_of(self.after)
        rows: list[MoveRow] = []
        last = None
        for count, (place, found) in enumerate(walk(moment, self.owner, behind), start=1):
            for each in found:
                if self.flow not in (None, each.event.flow):
                    continue
                if self.case not in (None, each.event.case):
                    continue
                if len(rows) == wanted:
                    return _page(rows, last)
                rows.append(_row(states, each))
                last = str(Bookmark(each.place, each.entry))
            if count == limits.QUERY_PAGE_TRANSACTIONS_MAX:
                return _page(rows, str(Bookmark(place, ENTRY_MAX)))
        return _page(rows, None)


@final
class States:
    """The states of an owner's flows, in every version; each is read once."""

    def __init__(self, moment: Moment, owner: AccountId) -> None:
        self._moment = moment
        self._owner = owner
        self._known: dict[tuple[str, int, str], FlowState] = {}

    def find(self, flow: str, version: int, code: str) -> FlowState:
        """A state that a case was in."""
        key = flow, version, code
        if key not in self._known:
            found = FLOW_STATES.read(self._moment.state, StateKey(self._owner, *key))
            assert found is not None, "a version keeps all its states"
            self._known[key] = found
        return self._known[key]


def walk(
    moment: Moment, owner: AccountId, behind: Bookmark | None = None
) -> Iterator[tuple[TransactionPlace, list[Move]]]:
    """Transaction by transaction, those that concern an owner, with the moves of his cases.

    Raises:
        Malformed: nothing stands at the place behind which it is to begin.
    """
    if behind is not None:
        if not moment.holds(behind.place):
            raise no_place(str(behind))
        if behind.entry < ENTRY_MAX:
            found = _within(moment, behind.place, owner)
            yield behind.place, [each for each in found if each.entry > behind.entry]
    start = None if behind is None else behind.place
    for place in moment.places(owner, Order.OLDEST, behind=start):
        yield place, _within(moment, place, owner)


def _within(moment: Moment, place: TransactionPlace, owner: AccountId) -> list[Move]:
    receipt = moment.receipt(place)
    time_ms = moment.header(place.height).time_ms
    return [
        Move(place, entry, time_ms, receipt.transaction_id, event)
        for entry, event in enumerate(receipt.events)
        if isinstance(event, CaseMoved) and event.owner == owner
    ]


def _row(states: States, move: Move) -> MoveRow:
    event = move.event
    way = states.find(event.flow, event.version, event.left).find(event.transition)
    assert way is not None, "a version keeps all its transitions"
    return MoveRow(
        case=event.case,
        flow=event.flow,
        version=event.version,
        left=event.left,
        transition=event.transition,
        state=event.state,
        who=in_words(way.who, None),
        mover=event.mover,
        time_ms=move.time_ms,
        document=event.document,
        transaction=move.transaction,
        height=move.place.height,
        index=move.place.index,
        entry=move.entry,
    )


def _page(rows: list[MoveRow], following: str | None) -> Page[MoveRow]:
    return Page(rows, following, [event_name(row.transaction, row.entry) for row in rows])
