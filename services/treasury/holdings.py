"""Holdings: what a government owns, what it cost, what of that is used up, and who keeps it.

Every holding has a **tag** of its agency, a class, a cost and a life, and stands in the books of
one fund. It has one **custodian**, and passes to another only if both sign. What is entered under
an award cannot cost more than was delivered under it, so the ledger accounts move a cost from
expense to property once. What came in otherwise (by law, as a gift, from before the chain) is taken
over with its age: the months that it was in use are charged at once.

Whoever keeps things does not say that they are worthless: impairing and disposing take a **board**,
more than half of those who hold the role property_board for the agency and at least two, and none
of them is the custodian or the buyer. What a sale brings in, the buyer pays to the treasury's
single account in the same act.

Serial numbers and papers stand outside; on chain are salted commitments to them.
"""

from collections.abc import Sequence
from enum import Enum, unique
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import roles
from ledger.act import Act
from ledger.assets import Amount
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.ids import AccountId, Digest, Natural, Sized32
from services.treasury import depreciation, funds, offices, rolling
from services.treasury.awards import AWARDS, AwardCode, Place, UnknownAward
from services.treasury.chart import Happened
from services.treasury.depreciation import (
    ClassBook,
    ClassKey,
    HoldingClass,
    LifeMonths,
    Schedule,
)
from services.treasury.funds import shown
from services.treasury.lines import parts_of
from services.treasury.payments import require_role_of
from services.treasury.period import Day, day_of, judge_day, period_of
from services.treasury.rolling import Book, Past, Rolled, history_key
from services.treasury.treasuries import FundCode

HoldingTag = Annotated[
    str, Meta(pattern=r"^[A-Z0-9-]+(?!\n)$", max_length=treasury_limits.HOLDING_TAG_LENGTH_MAX)
]
"""As it stands on the thing: an inventory number."""
AgencyField = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="account of the agency")
]
TagField = Annotated[HoldingTag, Meta(description="tag of the holding, such as BRIDGE-7")]
Commitment = Annotated[
    Sized32[Digest] | None, Meta(description="salted commitment of papers or pictures about it")
]
WithMembers = Annotated[
    tuple[Sized32[AccountId], ...],
    Meta(
        max_length=treasury_limits.PROPERTY_BOARD_MAX - 1,
        description="other members of the property board, who sign too",
    ),
]


@unique
class HoldingStatus(Enum):
    """Where a holding is, as far as anybody knows."""

    IN_USE = "in_use"
    MISSING = "missing"
    """The last count did not find it."""
    DISPOSED = "disposed"


@unique
class DisposalMethod(Enum):
    """How a holding went."""

    SOLD = "sold"
    SCRAPPED = "scrapped"
    DEMOLISHED = "demolished"
    DONATED = "donated"
    LOST = "lost"
    STOLEN = "stolen"


@final
class Disposal(Struct, array_like=True, frozen=True):
    """When and how a holding went, and what it brought in."""

    method: DisposalMethod
    day: Day
    proceeds: Natural[int]


@final
class Holding(Rolled, array_like=True, frozen=True):
    """The row of a holding.

    `accumulated` is what had been used up or lost of the cost before `schedule` began; what the
    schedule has charged since is added to it.
    """

    fund: FundCode
    asset_class: HoldingClass
    cost: Amount
    accumulated: Natural[int]
    impaired: Natural[int]
    schedule: Schedule | None
    life_months: LifeMonths
    acquired: Day
    custodian: Sized32[AccountId]
    place: Place | None
    award: AwardCode | None
    serial: Sized32[Digest] | None
    status: HoldingStatus
    disposal: Disposal | None

    @property
    def class_key(self) -> ClassKey:
        """Among which holdings it stands."""
        return ClassKey(self.fund, self.asset_class)

    def used_up(self, book: ClassBook) -> int:
        """What has accumulated of its cost, as its class has been charged."""
        schedule = self.schedule
        return self.accumulated + (0 if schedule is None else schedule.charged(book.coming))


class HoldingKey(NamedTuple):
    """What a holding is found by: an agency's tag."""

    agency: AccountId
    holding: HoldingTag


@final
class Capitalised(Struct, array_like=True, frozen=True):
    """The row of an award under which holdings were entered, and what they cost together."""

    cost: Natural[int]


def _holding_key(key: HoldingKey) -> bytes:
    return key.agency + key.holding.encode("ascii")


def _award_key(award: AwardCode) -> bytes:
    return award.encode("ascii")


HOLDINGS: Final = Table[HoldingKey, Holding](84, "holdings", _holding_key, Holding)
HOLDING_HISTORY: Final = Table[Past[HoldingKey], Holding](
    85, "holding_history", history_key(_holding_key), Holding
)
HOLDING_BOOK: Final = Book(HOLDINGS, HOLDING_HISTORY)
CAPITALISED: Final = Table[AwardCode, Capitalised](
    92, "capitalised_awards", _award_key, Capitalised
)


class UnknownHolding(Refusal, tag="treasury.unknown_holding", frozen=True):
    """{agency} has no holding {holding}."""

    agency: Sized32[AccountId]
    holding: HoldingTag


class TagInUse(Refusal, tag="treasury.tag_in_use", frozen=True):
    """{agency} has a holding {holding} already; a tag is used once."""

    agency: Sized32[AccountId]
    holding: HoldingTag


class NotTheirFund(Refusal, tag="treasury.not_their_fund", frozen=True):
    """Fund {fund} is of {expected}, not of {agency}."""

    fund: FundCode
    agency: Sized32[AccountId]
    expected: Sized32[AccountId]


class AcquiredLater(Refusal, tag="treasury.acquired_later", frozen=True):
    """Holding {holding} was acquired on {acquired}, which is after today, {today}."""

    holding: HoldingTag
    acquired: Day
    today: Day


class AwardOfOtherFund(Refusal, tag="treasury.award_of_other_fund", frozen=True):
    """Award {award} is paid from {expected}, so what came by it cannot stand in {fund}."""

    award: AwardCode
    fund: FundCode
    expected: FundCode


class OverCapitalised(Refusal, tag="treasury.over_capitalised", frozen=True):
    """Award {award}: holdings would cost {cost} together, of {delivered} delivered."""

    award: AwardCode
    cost: Natural[int]
    delivered: Natural[int]


class IsDisposedOf(Refusal, tag="treasury.is_disposed_of", frozen=True):
    """Holding {holding} of {agency} went on {day}."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    day: Day


class NotTheCustodian(Refusal, tag="treasury.not_the_custodian", frozen=True):
    """Holding {holding} is kept by {custodian}, so {account} cannot hand it over."""

    holding: HoldingTag
    custodian: Sized32[AccountId]
    account: Sized32[AccountId]


class KeptAlready(Refusal, tag="treasury.kept_already", frozen=True):
    """Holding {holding} is kept by {custodian} already."""

    holding: HoldingTag
    custodian: Sized32[AccountId]


class OverCarrying(Refusal, tag="treasury.over_carrying", frozen=True):
    """Holding {holding} cannot lose {amount}: it stands in the books with {carrying}."""

    holding: HoldingTag
    amount: Amount
    carrying: Natural[int]


class BoardTooSmall(Refusal, tag="treasury.board_too_small", frozen=True):
    """{actual} of the {members} members of the property board sign, expected {expected}."""

    members: Natural[int]
    expected: Natural[int]
    actual: Natural[int]


class MemberTwice(Refusal, tag="treasury.member_twice", frozen=True):
    """{member} stands twice among those who decide."""

    member: Sized32[AccountId]


class MemberInterested(Refusal, tag="treasury.member_interested", frozen=True):
    """{member} keeps or buys holding {holding}, so cannot decide about it."""

    holding: HoldingTag
    member: Sized32[AccountId]


class BuyerMissing(Refusal, tag="treasury.buyer_missing", frozen=True):
    """Holding {holding} is to bring in {proceeds}: somebody must pay that."""

    holding: HoldingTag
    proceeds: Natural[int]


class BuyerPaysNothing(Refusal, tag="treasury.buyer_pays_nothing", frozen=True):
    """Holding {holding} brings in nothing, so nobody is to be named as its buyer."""

    holding: HoldingTag


@final
class HoldingEntered(Event, tag="treasury.holding_entered", frozen=True):
    """{agency} entered holding {holding} of class {asset_class} at {cost}, kept by {custodian}."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    fund: FundCode
    asset_class: HoldingClass
    cost: Amount
    acquired: Day
    life_months: LifeMonths
    custodian: Sized32[AccountId]
    place: Place | None
    award: AwardCode | None


@final
class HoldingMoved(Event, tag="treasury.holding_moved", frozen=True):
    """Holding {holding} of {agency} went from {giver} to {receiver}, at {place}."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    giver: Sized32[AccountId]
    receiver: Sized32[AccountId]
    place: Place | None


@final
class HoldingImpaired(Event, tag="treasury.holding_impaired", frozen=True):
    """Holding {holding} of {agency} lost {amount} of its worth; {carrying} is left."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    amount: Amount
    carrying: Natural[int]
    record: Sized32[Digest] | None


@final
class HoldingDisposed(Event, tag="treasury.holding_disposed", frozen=True):
    """Holding {holding} of {agency} went ({method}): {carrying} in the books, {proceeds} paid."""

    agency: Sized32[AccountId]
    holding: HoldingTag
    method: DisposalMethod
    cost: Amount
    carrying: Natural[int]
    proceeds: Natural[int]
    buyer: Sized32[AccountId] | None
    record: Sized32[Digest] | None


@final
class EnterHolding(Operation, tag="treasury.enter_holding", frozen=True):
    """Enter a holding in the register and in the books of a fund. The actor becomes its custodian.

    Needs the role custodian for the agency. What was delivered under an award is entered with it,
    and moves from expense to property; anything else is taken over with its age. It is used up in
    equal parts over its life, from the month after it was acquired; a life of 0 is that of land.
    """

    agency: AgencyField
    holding: TagField
    fund: Annotated[FundCode, Meta(description="fund in whose books it stands")]
    asset_class: Annotated[HoldingClass, Meta(description="GFSM 2014 code, such as 61113")]
    cost: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]
    acquired: Annotated[Day, Meta(description="day (YYYY-MM-DD) from which it was there for use")]
    life_months: Annotated[LifeMonths, Meta(description="months of its useful life; 0: no end")]
    place: Annotated[Place | None, Meta(description="where it is, as in ISO 3166-2: GB-LND")]
    award: Annotated[AwardCode | None, Meta(description="award under which it was delivered")]
    serial: Annotated[
        Sized32[Digest] | None, Meta(description="salted commitment of its serial number")
    ]

    def apply(self, act: Act) -> None:
        """Write its row, and the book of its class."""
        key = HoldingKey(self.agency, self.holding)
        act.require_role(offices.CUSTODIAN, self.agency)
        fund = funds.need(act.state, self.fund)
        theirs = NotTheirFund(self.fund, self.agency, fund.agency)
        act.require(fund.agency == self.agency, theirs)
        act.require(key not in act.state[HOLDINGS], TagInUse(*key))
        judge_day(self.acquired)
        today = day_of(act.time_ms)
        act.require(self.acquired <= today, AcquiredLater(self.holding, self.acquired, today))
        if self.award is not None:
            _capitalise(act, self.award, self.fund, self.cost)

        month = self.acquired[:7]
        holding = Holding(
            period=period_of(act.time_ms),
            previous=None,
            fund=self.fund,
            asset_class=self.asset_class,
            cost=self.cost,
            accumulated=0,
            impaired=0,
            schedule=depreciation.schedule_of(month, self.life_months, self.cost),
            life_months=self.life_months,
            acquired=self.acquired,
            custodian=act.actor,
            place=self.place,
            award=self.award,
            serial=self.serial,
            status=HoldingStatus.IN_USE,
            disposal=None,
        )
        rolling.write(act, HOLDING_BOOK, key, holding)
        act.emit(
            HoldingEntered(
                agency=self.agency,
                holding=self.holding,
                fund=self.fund,
                asset_class=self.asset_class,
                cost=self.cost,
                acquired=self.acquired,
                life_months=self.life_months,
                custodian=act.actor,
                place=self.place,
                award=self.award,
            )
        )
        came = Happened.TAKE_OVER if self.award is None else Happened.CAPITALISE
        depreciation.enter(act, holding.class_key, came, self.cost, holding.schedule)


@final
class MoveHolding(Operation, tag="treasury.move_holding", frozen=True):
    """Hand a holding over to another custodian. Both sign; from then on the receiver keeps it.

    The actor is the custodian. The receiver has the role custodian for the agency.
    """

    agency: AgencyField
    holding: TagField
    receiver: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="custodian from now on")
    ]
    place: Annotated[Place | None, Meta(description="where it is from now on, as in ISO 3166-2")]

    def apply(self, act: Act) -> None:
        """Write who keeps it."""
        key = HoldingKey(self.agency, self.holding)
        holding = need_kept(act.state, key)
        giver = NotTheCustodian(self.holding, holding.custodian, act.actor)
        act.require(act.actor == holding.custodian, giver)
        act.require(self.receiver != act.actor, KeptAlready(self.holding, act.actor))
        require_role_of(act, self.receiver, offices.CUSTODIAN, self.agency)
        act.require_present(self.receiver)

        moved = replace(holding, custodian=self.receiver, place=self.place)
        rolling.write(act, HOLDING_BOOK, key, moved)
        act.emit(HoldingMoved(*key, act.actor, self.receiver, self.place))


def need_kept(state: Overlay, key: HoldingKey) -> Holding:
    """A holding that did not go yet.

    Raises:
        Refused: there is none of this tag, or it was disposed of.
    """
    holding = state[HOLDINGS].need(key, UnknownHolding(*key))
    if holding.disposal is not None:
        raise Refused(IsDisposedOf(*key, holding.disposal.day))
    return holding


def judge_board(
    act: Act, key: HoldingKey, members: Sequence[AccountId], interested: frozenset[AccountId]
) -> None:
    """The actor and these are enough of the agency's property board to decide about a holding.

    Raises:
        Refused: one is named twice, is no member, keeps or buys the holding; or they are too few.
        Rejected: one of them does not sign.
    """
    deciding = (act.actor, *members)
    met: set[AccountId] = set()
    for member in deciding:
        act.require(member not in met, MemberTwice(member))
        met.add(member)
        require_role_of(act, member, offices.PROPERTY_BOARD, key.agency)
        act.require(member not in interested, MemberInterested(key.holding, member))
    seats = roles.holders(act.state, offices.PROPERTY_BOARD, key.agency)
    needed = max(treasury_limits.PROPERTY_BOARD_MIN, seats // 2 + 1)
    act.require(len(met) >= needed, BoardTooSmall(seats, needed, len(met)))
    for member in members:
        act.require_present(member)


def _capitalise(act: Act, code: AwardCode, fund: FundCode, cost: int) -> None:
    """Count the cost of a holding among what was delivered under its award."""
    award = act.state[AWARDS].need(code, UnknownAward(code))
    paid_from = parts_of(award.line).fund
    act.require(paid_from == fund, AwardOfOtherFund(code, fund, paid_from))
    before = act.state[CAPITALISED].find(code) or Capitalised(0)
    together = before.cost + cost
    over = OverCapitalised(code, shown(together), award.delivered)
    act.require(together <= award.delivered, over)
    act.state[CAPITALISED][code] = Capitalised(together)
