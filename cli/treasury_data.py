"""Reads a treasury's books: out of a node, or out of entries with proofs. The questions are the
same.

A node goes on while it is asked. Of a month that is over its answers are the same after every
block; of one that still runs they are read again until all of them are of one block.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, final

from msgspec import structs

from exchange.period_report import PeriodData, awards_agree, disagreements
from exchange.treasury_data import TreasuryData
from ledger.query import Query, Reading
from primitives import limits
from primitives.errors import OperatorFault, RemoteFault
from primitives.ids import AccountId, Height, TimeMs
from services.treasury.period import Period, period_of
from services.treasury.queries import (
    Apportionments,
    Cash,
    Closes,
    Funds,
    Lines,
    Treasuries,
    TrialBalance,
)
from services.treasury.queries_awards import Awards, Deliveries, Refunds, Vouchers
from services.treasury.queries_payments import Ageing, Payments
from services.treasury.rows import CloseRow, TreasuryRow

if TYPE_CHECKING:
    from client.client import Client

T = TypeVar("T")

_ROUNDS_MAX: Final = 5
"""How often the books of a running month are read before we say that they do not stand still."""


class Answers(Protocol):
    """Whoever answers queries with rows."""

    @property
    def height(self) -> Height:
        """After which block."""

    @property
    def time_ms(self) -> TimeMs:
        """The time of that block."""

    def rows(self, query: Query) -> tuple[Any, ...]:
        """All rows of a query, of every page."""


@final
class NodeAnswers:
    """The answers of a node; `heights` are those that they were read at."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.heights: set[Height] = set()
        self.time_ms = TimeMs(0)
        self.names: list[str] = []
        """What proves the rows, as the node says."""

    @property
    def height(self) -> Height:
        """The highest."""
        return max(self.heights, default=Height(0))

    def rows(self, query: Query) -> tuple[Any, ...]:
        """All pages."""
        found: list[Any] = []
        name = str(query.__struct_config__.tag)
        asked = structs.asdict(query)
        while True:
            page = self._client.query(name, **asked)
            found += page.rows
            self.names += (each for each in page.proved_by if each is not None)
            self.heights.add(page.height)
            self.time_ms = page.time_ms
            if page.next is None:
                return tuple(found)
            asked["after"] = page.next


@final
class ProvenAnswers:
    """The answers that follow from entries of the state, whoever gave these."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.height: Final = reading.height
        self.time_ms: Final = reading.time_ms

    def rows(self, query: Query) -> tuple[Any, ...]:
        """All pages."""
        found: list[Any] = []
        while True:
            page = query.answer(self._reading)
            found += page.rows
            if page.next is None:
                return tuple(found)
            query = structs.replace(query, after=page.next)


def read_period(answers: Answers, ministry: AccountId, period: Period) -> PeriodData:
    """The books of a ministry as of the end of a month.

    Raises:
        OperatorFault: it has no treasury.
    """
    return PeriodData(
        treasury=_treasury(answers, ministry),
        period=period,
        close=_close(answers, ministry, period),
        funds=answers.rows(Funds(treasury=ministry, period=period)),
        apportionments=answers.rows(_apportionments(ministry, period)),
        lines=answers.rows(_lines(ministry, period)),
        before=answers.rows(_lines(ministry, month_before(period))),
        awards=answers.rows(_awards(ministry, period)),
        awards_before=answers.rows(_awards(ministry, month_before(period))),
        trial_balance=answers.rows(TrialBalance(treasury=ministry, period=period, fund=None)),
        cash=answers.rows(Cash(treasury=ministry, period=period)),
        ageing=answers.rows(Ageing(treasury=ministry, period=period)),
        payments=answers.rows(Payments(treasury=ministry, period=period)),
        height=answers.height,
        time_ms=answers.time_ms,
    )


_MANY: Final = limits.QUERY_ROWS_MAX


def _treasury(answers: Answers, ministry: AccountId) -> TreasuryRow:
    found = answers.rows(Treasuries(treasury=ministry, after=None, limit=_MANY))
    if not found:
        raise OperatorFault(f"account {ministry.hex()} is no treasury")
    [row] = found
    assert isinstance(row, TreasuryRow), "it is asked for"
    return row


def _close(answers: Answers, ministry: AccountId, period: Period) -> CloseRow | None:
    closes = answers.rows(Closes(treasury=ministry, after=None, limit=_MANY))
    return next((each for each in closes if each.period == period), None)


def _apportionments(ministry: AccountId, period: Period | None) -> Apportionments:
    return Apportionments(treasury=ministry, period=period, fund=None, after=None, limit=_MANY)


def _awards(ministry: AccountId, period: Period | None) -> Awards:
    return Awards(
        treasury=ministry, period=period, fund=None, recipient=None, after=None, limit=_MANY
    )


def _lines(ministry: AccountId, period: Period | None) -> Lines:
    return Lines(treasury=ministry, period=period, fund=None, after=None, limit=_MANY)


def month_before(period: Period) -> Period:
    """The month before one."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year - (month == 1):04}-{(month - 2) % 12 + 1:02}"


def period_data(client: "Client", ministry: AccountId, period: Period) -> PeriodData:
    """What the report of a month is made of, of one moment.

    Raises:
        RemoteFault: the books of the month do not stand still, or do not agree.
    """
    data = _of_one_moment(
        client,
        period,
        lambda answers: read_period(answers, ministry, period),
        lambda data: not disagreements(data),
    )
    wrong = disagreements(data)
    if wrong:
        claim, expected, actual = wrong[0]
        raise RemoteFault(f"the node's figures do not agree. {claim}: {expected}, {actual}")
    return data


def treasury_data(client: "Client", ministry: AccountId, period: Period | None) -> TreasuryData:
    """All rows of a treasury, as of the end of a month or as they are now, for exporters.

    Raises:
        OperatorFault: the ministry has no treasury.
        RemoteFault: the books do not stand still while they are read.
    """

    def read(answers: NodeAnswers) -> TreasuryData:
        return TreasuryData(
            treasury=_treasury(answers, ministry),
            period=period,
            funds=answers.rows(Funds(treasury=ministry, period=period)),
            apportionments=answers.rows(_apportionments(ministry, period)),
            lines=answers.rows(_lines(ministry, period)),
            awards=answers.rows(_awards(ministry, period)),
            deliveries=answers.rows(
                Deliveries(treasury=ministry, period=period, award=None, after=None, limit=_MANY)
            ),
            vouchers=answers.rows(
                Vouchers(
                    treasury=ministry,
                    period=period,
                    payee=None,
                    award=None,
                    status=None,
                    after=None,
                    limit=_MANY,
                )
            ),
            refunds=answers.rows(
                Refunds(treasury=ministry, period=period, after=None, limit=_MANY)
            ),
            trial_balances=answers.rows(TrialBalance(treasury=ministry, period=period, fund=None)),
            height=answers.height,
            time_ms=answers.time_ms,
        )

    return _of_one_moment(client, period, read, awards_agree)


def _of_one_moment(
    client: "Client",
    period: Period | None,
    read: Callable[[NodeAnswers], T],
    agrees: Callable[[T], bool],
) -> T:
    for left in reversed(range(_ROUNDS_MAX)):
        answers = NodeAnswers(client)
        found = read(answers)
        is_over = period is not None and period < period_of(answers.time_ms)
        if is_over or len(answers.heights) == 1 or (left == 0 and agrees(found)):
            return found
    raise RemoteFault(
        f"the books were read {_ROUNDS_MAX} times, and each time they changed meanwhile: ask for a "
        "month that is over, or a node that follows without a vote"
    )
