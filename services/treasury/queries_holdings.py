"""What can be asked about holdings: the register, counts against it, and the roll-forward.

All as of now, or as of the end of a month: the rows remember it. The worth of a holding follows
from its own row and from the month that its class has been charged to.
"""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import assets
from ledger.assets import AssetCode
from ledger.query import After, Limit, Page, Query, Reading, entry_name
from primitives.ids import AccountId, Natural, Sized32, TimeMs
from services.treasury import funds, rolling, treasuries
from services.treasury.counts import (
    COUNT_ENTRIES,
    COUNTS,
    Count,
    CountCode,
    CountEntry,
    CountKey,
    EntryKey,
    Finding,
)
from services.treasury.depreciation import (
    CLASS_BOOK,
    CLASS_BOOKS,
    ClassBook,
    ClassKey,
    HoldingClass,
)
from services.treasury.holdings import (
    HOLDING_BOOK,
    HOLDINGS,
    DisposalMethod,
    Holding,
    HoldingKey,
    HoldingStatus,
    HoldingTag,
)
from services.treasury.period import Day, Period, later
from services.treasury.treasuries import FundCode

_Agency = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="account of the agency")
]
_AsOf = Annotated[Period, Meta(description="as of the end of this month (YYYY-MM); none: now")]


@final
class HoldingRow(Struct, frozen=True, kw_only=True):
    """A holding: what it cost, what of that is used up or lost, and what it stands for still."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    asset_class: HoldingClass
    status: HoldingStatus
    custodian: Sized32[AccountId]
    place: str | None
    acquired: Day
    life_months: Natural[int]
    cost_minor: Natural[int]
    used_up_minor: Natural[int]
    impaired_minor: Natural[int]
    carrying_minor: Natural[int]
    fund: FundCode
    award: str | None
    method: DisposalMethod | None
    disposed: Day | None
    proceeds_minor: Natural[int] | None
    period: Period
    asset: AssetCode
    exponent: Natural[int]


@final
class CountRow(Struct, frozen=True, kw_only=True):
    """A count, and how much was found in it."""

    agency: Sized32[AccountId]
    campaign: CountCode
    opened_ms: Natural[TimeMs]
    opener: Sized32[AccountId]
    seen: Natural[int]
    missing: Natural[int]


@final
class ReconciledRow(Struct, frozen=True, kw_only=True):
    """A holding of the register, and what a count found of it; null, if it was not looked for.

    `moved` says that it was found elsewhere than the register has it.
    """

    holding: HoldingTag
    asset_class: HoldingClass
    status: HoldingStatus
    custodian: Sized32[AccountId]
    place: str | None
    finding: Finding | None
    counter: Sized32[AccountId] | None
    found_at: str | None
    moved: bool
    counted_ms: Natural[TimeMs] | None


@final
class RollForwardRow(Struct, frozen=True, kw_only=True):
    """A class of a fund's holdings from one month's end to another's (IPSAS 45, disclosures).

    Closing = opening + what came − what went, of the cost and of what has accumulated.
    """

    fund: FundCode
    asset_class: HoldingClass
    holdings: Natural[int]
    opening_cost_minor: Natural[int]
    additions_minor: Natural[int]
    disposals_minor: Natural[int]
    closing_cost_minor: Natural[int]
    opening_accumulated_minor: Natural[int]
    depreciation_minor: Natural[int]
    impairment_minor: Natural[int]
    written_off_minor: Natural[int]
    closing_accumulated_minor: Natural[int]
    opening_carrying_minor: Natural[int]
    closing_carrying_minor: Natural[int]
    proceeds_minor: Natural[int]
    asset: AssetCode
    exponent: Natural[int]


@final
class Holdings(Query, tag="treasury.holdings", frozen=True, kw_only=True):
    """The register of an agency's holdings, in the order of their tags."""

    agency: _Agency
    period: _AsOf | None
    status: Annotated[HoldingStatus, Meta(description="only those that are so")] | None
    custodian: (
        Annotated[
            AccountId, Meta(min_length=32, max_length=32, description="only those that he keeps")
        ]
        | None
    )
    asset_class: Annotated[HoldingClass, Meta(description="only those of this class")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[HoldingRow]:
        """List."""
        books = _Books(reading, self.period)

        def row(key: bytes, _: Holding) -> HoldingRow | None:
            named = _key_of(key)
            holding = rolling.at(reading.overlay, HOLDING_BOOK, named, self.period)
            if holding is None:
                return None
            asked = (self.status, self.custodian, self.asset_class)
            there = (holding.status, holding.custodian, holding.asset_class)
            fits = all(a is None or a == b for a, b in zip(asked, there, strict=True))
            return books.row(named, holding) if fits else None

        return reading.list(HOLDINGS, row, prefix=self.agency, after=self.after, limit=self.limit)


@final
class OneHolding(Query, tag="treasury.holding", frozen=True, kw_only=True):
    """A holding as it stands, or the proof that the agency has none of this tag."""

    agency: _Agency
    holding: Annotated[HoldingTag, Meta(description="its tag")]

    def answer(self, reading: Reading) -> Page[HoldingRow]:
        """Look it up."""
        key = HoldingKey(self.agency, self.holding)
        return reading.look_up(HOLDINGS, key, lambda found: _Books(reading, None).row(key, found))


@final
class Counts(Query, tag="treasury.counts", frozen=True, kw_only=True):
    """The counts of an agency's holdings, in the order of their codes."""

    agency: _Agency
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[CountRow]:
        """List."""

        def row(key: bytes, count: Count) -> CountRow:
            return CountRow(
                agency=self.agency,
                campaign=key[32:].decode("ascii"),
                opened_ms=count.opened_ms,
                opener=count.opener,
                seen=count.seen,
                missing=count.missing,
            )

        return reading.list(COUNTS, row, prefix=self.agency, after=self.after, limit=self.limit)


@final
class Reconciliation(Query, tag="treasury.reconciliation", frozen=True, kw_only=True):
    """Everything that an agency's register has, against what a count found of it.

    What went before the count, and was not counted, is not in it.
    """

    agency: _Agency
    campaign: Annotated[CountCode, Meta(description="code of the count")]
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[ReconciledRow]:
        """Compare, holding by holding; of an unknown count, prove that there is none."""
        named = CountKey(self.agency, self.campaign)
        if COUNTS.read(reading.state, named) is None:
            return Page([], None, [entry_name(COUNTS, COUNTS.key(named))])

        def row(key: bytes, holding: Holding) -> ReconciledRow | None:
            tag = _key_of(key).holding
            found = COUNT_ENTRIES.read(reading.state, EntryKey(*named, tag))
            if found is None and holding.disposal is not None:
                return None
            return _reconciled(tag, holding, found)

        return reading.list(HOLDINGS, row, prefix=self.agency, after=self.after, limit=self.limit)


@final
class RollForward(Query, tag="treasury.roll_forward", frozen=True, kw_only=True):
    """How the holdings of a fund became what they are, class by class, over some months.

    Of a fund that there is not, prove that.
    """

    fund: Annotated[FundCode, Meta(description="fund in whose books they stand")]
    since: (
        Annotated[Period, Meta(description="first month (YYYY-MM); none: from the beginning")]
        | None
    )
    period: Annotated[Period, Meta(description="last month (YYYY-MM); none: until now")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[RollForwardRow]:
        """Take the difference of two ends of months."""
        unit = _unit(reading, self.fund)
        if unit is None:
            return Page([], None, [entry_name(funds.FUNDS, funds.FUNDS.key(self.fund))])
        before = None if self.since is None else later(self.since, -1)

        def row(key: bytes, _: ClassBook) -> RollForwardRow | None:
            named = ClassKey(self.fund, key.decode("ascii").rpartition(":")[2])
            closing = rolling.at(reading.overlay, CLASS_BOOK, named, self.period)
            if closing is None:
                return None
            opening = None
            if before is not None:
                opening = rolling.at(reading.overlay, CLASS_BOOK, named, before)
            return _rolled(named, opening, closing, unit)

        return reading.list(
            CLASS_BOOKS, row, prefix=funds.within(self.fund), after=self.after, limit=self.limit
        )


class _Books:
    """The books of classes as of the end of a month, and the units; each is read once."""

    def __init__(self, reading: Reading, period: Period | None) -> None:
        self._reading = reading
        self._period = period
        self._known: dict[ClassKey, ClassBook] = {}
        self._units: dict[FundCode, tuple[AssetCode, int]] = {}

    def row(self, key: HoldingKey, holding: Holding) -> HoldingRow:
        """A row of the register."""
        book = self._book(holding.class_key)
        asset, exponent = self._unit_of(holding.fund)
        gone, used_up = holding.disposal, holding.used_up(book)
        return HoldingRow(
            agency=key.agency,
            holding=key.holding,
            asset_class=holding.asset_class,
            status=holding.status,
            custodian=holding.custodian,
            place=holding.place,
            acquired=holding.acquired,
            life_months=holding.life_months,
            cost_minor=holding.cost,
            used_up_minor=used_up,
            impaired_minor=holding.impaired,
            carrying_minor=0 if gone else holding.cost - used_up,
            fund=holding.fund,
            award=holding.award,
            method=None if gone is None else gone.method,
            disposed=None if gone is None else gone.day,
            proceeds_minor=None if gone is None else gone.proceeds,
            period=holding.period,
            asset=asset,
            exponent=exponent,
        )

    def _book(self, key: ClassKey) -> ClassBook:
        if key not in self._known:
            book = rolling.at(self._reading.overlay, CLASS_BOOK, key, self._period)
            assert book is not None, "a class has a book since its first holding"
            self._known[key] = book
        return self._known[key]

    def _unit_of(self, fund: FundCode) -> tuple[AssetCode, int]:
        if fund not in self._units:
            found = _unit(self._reading, fund)
            assert found is not None, "a fund with holdings is there"
            self._units[fund] = found
        return self._units[fund]


def _key_of(key: bytes) -> HoldingKey:
    return HoldingKey(AccountId(key[:32]), key[32:].decode("ascii"))


def _unit(reading: Reading, code: FundCode) -> tuple[AssetCode, int] | None:
    """The asset in which a fund counts, and its exponent; None, if there is no such fund."""
    fund = funds.FUNDS.read(reading.state, code)
    if fund is None:
        return None
    treasury = treasuries.need(reading.overlay, fund.treasury)
    return treasury.asset, assets.need(reading.overlay, treasury.asset).exponent


def _reconciled(tag: HoldingTag, holding: Holding, found: CountEntry | None) -> ReconciledRow:
    return ReconciledRow(
        holding=tag,
        asset_class=holding.asset_class,
        status=holding.status,
        custodian=holding.custodian if found is None else found.custodian,
        place=holding.place,
        finding=None if found is None else found.finding,
        counter=None if found is None else found.counter,
        found_at=None if found is None else found.place,
        moved=found is not None
        and found.finding is Finding.SEEN
        and found.place not in (None, holding.place),
        counted_ms=None if found is None else found.counted_ms,
    )


def _cost(book: ClassBook | None) -> int:
    return 0 if book is None else book.entered - book.disposed


def _accumulated(book: ClassBook | None) -> int:
    return 0 if book is None else book.charged + book.impaired - book.written_off


def _rolled(
    key: ClassKey, opening: ClassBook | None, closing: ClassBook, unit: tuple[AssetCode, int]
) -> RollForwardRow:
    def more(name: str) -> int:
        grown: int = getattr(closing, name) - (0 if opening is None else getattr(opening, name))
        return grown

    return RollForwardRow(
        fund=key.fund,
        asset_class=key.asset_class,
        holdings=closing.holdings,
        opening_cost_minor=_cost(opening),
        additions_minor=more("entered"),
        disposals_minor=more("disposed"),
        closing_cost_minor=_cost(closing),
        opening_accumulated_minor=_accumulated(opening),
        depreciation_minor=more("charged"),
        impairment_minor=more("impaired"),
        written_off_minor=more("written_off"),
        closing_accumulated_minor=_accumulated(closing),
        opening_carrying_minor=_cost(opening) - _accumulated(opening),
        closing_carrying_minor=_cost(closing) - _accumulated(closing),
        proceeds_minor=more("proceeds"),
        asset=unit[0],
        exponent=unit[1],
    )
