"""Holdings: entered, handed over, impaired and disposed of, with every way to say no."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kit.holdings import (
    BUYERS_MONEY,
    COST,
    LIFE,
    TAG,
    Estate,
    a_disposal,
    a_holding,
    a_move,
    a_sale,
    an_impairment,
)
from kit.ledger import account_id
from kit.treasury import AGENCY, AWARD, DELIVERED, FUND, a_fund
from ledger.operation import Operation, Refusal
from ledger.roles import MissingRole
from primitives import treasury_limits
from primitives.errors import Malformed, Rejected
from primitives.ids import INTEGER_MAX
from services.authority.roles import GrantRole
from services.money import Transferred
from services.treasury import chart, offices
from services.treasury.awards import UnknownAward
from services.treasury.funds import UnknownFund
from services.treasury.holdings import (
    AcquiredLater,
    AwardOfOtherFund,
    BoardTooSmall,
    BuyerMissing,
    BuyerPaysNothing,
    Disposal,
    HoldingDisposed,
    HoldingEntered,
    HoldingMoved,
    HoldingStatus,
    IsDisposedOf,
    KeptAlready,
    MemberInterested,
    MemberTwice,
    NotTheCustodian,
    NotTheirFund,
    OverCapitalised,
    OverCarrying,
    TagInUse,
    UnknownHolding,
)
from services.treasury.period import NoSuchDay

HEALTH = account_id(AGENCY)
OTHER_FUND = "019-X-1032-000"


def test_what_is_delivered_becomes_property() -> None:
    """Its cost moves from expense to property, and its custodian is who entered it."""
    world = Estate.with_delivery()
    assert isinstance(world, Estate)
    expense = world.on("610000")

    entered = [
        each for each in world.does("custodian", a_holding()) if isinstance(each, HoldingEntered)
    ]

    assert [(each.holding, each.cost, each.custodian) for each in entered] == [
        (TAG, COST, account_id("custodian"))
    ]
    assert (world.on("174000"), world.on("610000")) == (COST, expense - COST)
    assert world.holding().status is HoldingStatus.IN_USE
    assert world.used_up() == 0
    book = world.book()
    assert (book.holdings, book.entered, book.disposed) == (1, COST, 0)


def test_what_came_without_an_award_is_taken_over_with_its_age() -> None:
    """Four of seven months have passed: what they used up is charged at once."""
    world = Estate.begin()
    assert isinstance(world, Estate)

    world.does("custodian", a_holding(award=None, acquired="2026-01-31"))

    assert (world.on("174000"), world.on("572000")) == (COST, -COST)
    assert world.used_up() == 4 * (COST // LIFE) == -world.on("174900") == world.on("671000")


def test_both_sign_when_a_holding_changes_hands() -> None:
    """From then on only the receiver can hand it over."""
    world = Estate.with_holding()
    with pytest.raises(Rejected, match="weigh 0"):
        world.does("custodian", a_move())

    (moved,) = world.does("custodian", a_move(), with_=("custodian-2",))

    assert moved == HoldingMoved(
        HEALTH, TAG, account_id("custodian"), account_id("custodian-2"), "GB-MAN"
    )
    assert world.holding().place == "GB-MAN"
    back = world.refused("custodian", a_move(), with_=("custodian-2",))
    assert back == NotTheCustodian(TAG, account_id("custodian-2"), account_id("custodian"))


def test_a_board_impairs_and_the_rest_is_spread_anew() -> None:
    """After two of seven months a third is lost: the five that are left share what is left."""
    world = Estate.with_holding()
    world.months_pass(2)
    used_up = 2 * (COST // LIFE)
    assert world.used_up() == used_up

    world.does("member", an_impairment(COST // 3, "member-2"), with_=("member-2",))

    left = COST - used_up - COST // 3
    assert world.used_up() == used_up + COST // 3
    assert world.on("729200") == COST // 3
    assert world.holding().impaired == world.book().impaired == COST // 3
    world.months_pass(1)
    assert world.used_up() == used_up + COST // 3 + left // 5
    world.months_pass(4)
    assert world.used_up() == COST == -world.on("174900")
    world.months_pass(2)
    assert -world.on("174900") == COST


@pytest.mark.parametrize("proceeds", [0, 1, COST // 2, COST, COST + 1, BUYERS_MONEY])
def test_a_holding_that_goes_leaves_nothing_in_the_books(proceeds: int) -> None:
    """Whatever it brings in: the difference is a loss or a gain, and nothing is charged later."""
    world = Estate.with_holding()
    world.months_pass(3)
    carrying = COST - world.used_up()
    dispose = a_sale(proceeds, "member-2") if proceeds else a_disposal("member-2")

    events = world.does(
        "member", dispose, with_=("member-2", "buyer") if proceeds else ("member-2",)
    )

    (gone,) = [each for each in events if isinstance(each, HoldingDisposed)]
    assert (gone.carrying, gone.proceeds) == (carrying, proceeds)
    assert (world.on("174000"), world.on("174900")) == (0, 0)
    assert world.on("721000") == max(carrying - proceeds, 0)
    assert world.on("711000") == -max(proceeds - carrying, 0)
    assert world.on("573000") == proceeds
    charged = world.on("671000")
    world.months_pass(LIFE)
    assert world.on("671000") == charged
    assert world.book().holdings == 0
    disposal = world.holding().disposal
    assert disposal == Disposal(dispose.method, disposal.day if disposal else "", proceeds)
    assert world.holding().status is HoldingStatus.DISPOSED


def test_the_buyer_pays_the_treasury_in_the_same_act() -> None:
    """And it is seen on both accounts as any payment is."""
    world = Estate.with_holding()
    before = world.purse(world.treasury.account)

    events = world.does("member", a_sale(300, "member-3"), with_=("member-3", "buyer"))

    (paid,) = [each for each in events if isinstance(each, Transferred)]
    assert (paid.payer, paid.to, paid.amount) == (account_id("buyer"), world.treasury.account, 300)
    assert world.purse("buyer") == BUYERS_MONEY - 300
    assert world.purse(world.treasury.account) == before + 300
    unsigned = Estate.with_holding()
    with pytest.raises(Rejected, match="weigh 0"):
        unsigned.does("member", a_sale(300, "member-3"), with_=("member-3",))


@dataclass(frozen=True)
class Attempt:
    actor: str
    what: Operation
    why: Refusal
    with_: tuple[str, ...] = ()


NOBODY, CUSTODIAN = account_id("vendor"), account_id("custodian")
MEMBER = account_id("member")
ENTERING = [
    Attempt("vendor", a_holding("B-2"), MissingRole(NOBODY, offices.CUSTODIAN, HEALTH)),
    Attempt("custodian", a_holding(), TagInUse(HEALTH, TAG)),
    Attempt("custodian", a_holding("B-2", fund="019-X-9999-000"), UnknownFund("019-X-9999-000")),
    Attempt(
        "custodian",
        a_holding("B-2", fund=OTHER_FUND, award=None),
        NotTheirFund(OTHER_FUND, HEALTH, account_id("works")),
    ),
    Attempt("custodian", a_holding("B-2", acquired="2026-02-30"), NoSuchDay("2026-02-30")),
    Attempt(
        "custodian",
        a_holding("B-2", acquired="2026-12-24"),
        AcquiredLater("B-2", "2026-12-24", "2026-05-28"),
    ),
    Attempt("custodian", a_holding("B-2", award="ROAD-9"), UnknownAward("ROAD-9")),
    Attempt(
        "custodian",
        a_holding("B-2", cost=DELIVERED - COST + 1),
        OverCapitalised(AWARD, DELIVERED + 1, DELIVERED),
    ),
    Attempt(
        "custodian",
        a_holding("B-2", cost=INTEGER_MAX),
        OverCapitalised(AWARD, INTEGER_MAX, DELIVERED),
    ),
    Attempt(
        "custodian",
        a_holding("B-2", fund="019-X-1033-000"),
        AwardOfOtherFund(AWARD, "019-X-1033-000", FUND),
    ),
]
MOVING = [
    Attempt("custodian", a_move(tag="B-9"), UnknownHolding(HEALTH, "B-9")),
    Attempt("custodian-2", a_move(), NotTheCustodian(TAG, CUSTODIAN, account_id("custodian-2"))),
    Attempt("custodian", a_move("custodian"), KeptAlready(TAG, CUSTODIAN)),
    Attempt(
        "custodian",
        a_move("vendor"),
        MissingRole(NOBODY, offices.CUSTODIAN, HEALTH),
        ("vendor",),
    ),
]
DECIDING = [
    Attempt("member", an_impairment(1), BoardTooSmall(members=3, expected=2, actual=1)),
    Attempt("member", an_impairment(1, "member"), MemberTwice(MEMBER)),
    Attempt(
        "member",
        an_impairment(1, "vendor"),
        MissingRole(NOBODY, offices.PROPERTY_BOARD, HEALTH),
        ("vendor",),
    ),
    Attempt(
        "vendor",
        a_disposal("member"),
        MissingRole(NOBODY, offices.PROPERTY_BOARD, HEALTH),
        ("member",),
    ),
    Attempt(
        "member",
        an_impairment(COST + 1, "member-2"),
        OverCarrying(TAG, COST + 1, COST),
        ("member-2",),
    ),
    Attempt("member", a_disposal("member-2", proceeds=1), BuyerMissing(TAG, 1), ("member-2",)),
    Attempt(
        "member",
        a_disposal("member-2", buyer=account_id("buyer")),
        BuyerPaysNothing(TAG),
        ("member-2", "buyer"),
    ),
    Attempt(
        "member",
        a_disposal("member-2", proceeds=1, buyer=account_id("member-2")),
        MemberInterested(TAG, account_id("member-2")),
        ("member-2",),
    ),
]


@pytest.fixture(scope="module")
def estate() -> Estate:
    """With a fund of another agency, and another fund of this one; what is refused changes none."""
    world = Estate.with_holding()
    world.does(
        "budgeter",
        a_fund(OTHER_FUND, agency=account_id("works"), available_until=None),
        a_fund("019-X-1033-000", available_until=None),
    )
    return world


@pytest.mark.parametrize("attempt", [*ENTERING, *MOVING, *DECIDING])
def test_what_must_not_be_is_refused(estate: Estate, attempt: Attempt) -> None:
    """And leaves no trace."""
    assert estate.refused(attempt.actor, attempt.what, with_=attempt.with_) == attempt.why


def test_a_custodian_does_not_decide_about_what_he_keeps() -> None:
    """Though he sits on the board."""
    world = Estate.with_holding()
    grant = GrantRole(role=offices.PROPERTY_BOARD, scope=HEALTH, holder=CUSTODIAN, until_ms=None)
    world.does("registrar", grant)

    why = world.refused("custodian", a_disposal("member", "member-2"), with_=("member", "member-2"))

    assert why == MemberInterested(TAG, CUSTODIAN)
    assert world.refused("member", a_disposal("member-2"), with_=("member-2",)) == BoardTooSmall(
        members=4, expected=3, actual=2
    )


def test_what_went_is_gone() -> None:
    """Its tag is never used again, and nobody does anything with it."""
    world = Estate.with_holding()
    world.does("member", a_disposal("member-2"), with_=("member-2",))
    day = "2026-05-28"

    assert world.refused("custodian", a_holding()) == TagInUse(HEALTH, TAG)
    gone = IsDisposedOf(HEALTH, TAG, day)
    assert world.refused("custodian", a_move(), with_=("custodian-2",)) == gone
    assert world.refused("member", a_disposal("member-2"), with_=("member-2",)) == gone


def test_a_signature_that_a_board_needs_cannot_be_left_away() -> None:
    """Such a transaction stands in no block."""
    world = Estate.with_holding()
    with pytest.raises(Rejected, match="weigh 0"):
        world.does("member", a_disposal("member-2"))


def test_a_tag_is_as_long_as_it_may_be() -> None:
    """HOLDING_TAG_LENGTH_MAX, and one more."""
    world = Estate.with_holding()
    longest = "T" * treasury_limits.HOLDING_TAG_LENGTH_MAX
    world.does("custodian", a_holding(longest, cost=5))
    world.does("member", a_sale(1, "member-2", tag=longest), with_=("member-2", "buyer"))

    with pytest.raises(Malformed, match="of length <= "):
        world.does("custodian", a_holding(longest + "T"))


def test_a_board_of_many_signs_up_to_a_bound() -> None:
    """PROPERTY_BOARD_MAX members, PROPERTY_BOARD_MIN at least."""
    world = Estate.with_holding()
    most = treasury_limits.PROPERTY_BOARD_MAX
    nobodies = tuple(f"member-{number}" for number in range(2, most + 1))
    assert treasury_limits.PROPERTY_BOARD_MIN == 2

    with pytest.raises(Malformed, match="of length <= "):
        world.does("member", an_impairment(1, *nobodies, "one more"))


def test_land_does_not_wear_out() -> None:
    """Its life is 0; it can lose worth all the same."""
    world = Estate.with_holding(life_months=0, asset_class="6141")
    world.months_pass(3)
    assert world.used_up() == world.on("671000") == 0

    world.does("member", an_impairment(10, "member-2"), with_=("member-2",))

    assert world.used_up() == world.book("6141").impaired == 10


@pytest.mark.parametrize(
    ("asset_class", "cost", "accumulated"),
    [
        ("6141", "171100", "171100"),
        ("61112", "173000", "173900"),
        ("6111", "173000", "173900"),
        ("61113", "174000", "174900"),
        ("611131", "174000", "174900"),
        ("61121", "175000", "175900"),
        ("6114", "175000", "175900"),
        ("61132", "183000", "183900"),
    ],
)
def test_each_kind_of_property_has_ledger_accounts_of_its_own(
    asset_class: str, cost: str, accumulated: str
) -> None:
    """What has accumulated stands beside its cost; land has one account for both."""
    world = Estate.with_holding(asset_class=asset_class)
    assert world.on(cost) == COST
    world.does("member", an_impairment(100, "member-2"), with_=("member-2",))

    assert world.on("729200") == 100
    assert world.on(accumulated) == (COST - 100 if cost == accumulated else -100)
    world.does("member", a_sale(7, "member-2"), with_=("member-2", "buyer"))
    assert (world.on(cost), world.on(accumulated)) == (0, 0)
    assert world.on("721000") == COST - 100 - 7
    assert chart.imbalance(world.fund().totals) == (0, 0)


def test_every_step_has_entries_between_accounts_of_the_chart() -> None:
    """None is forgotten, whatever happens to whichever kind of property."""
    assert set(chart.ENTRIES) == set(chart.Step)
    named = {account for pairs in chart.ENTRIES.values() for pair in pairs for account in pair}
    assert named == set(chart.ACCOUNTS)
