"""Awards and deliveries: what is promised to whom, by whom, and that it came."""

from typing import Any

import msgspec
import pytest

from kit.actors import give, moment
from kit.ledger import account_id
from kit.treasury import (
    AGENCY,
    ALLOTTED,
    AWARD,
    AWARDED,
    DELIVERED,
    LINE,
    WARRANT,
    World,
    a_delivery,
    an_award,
)
from ledger.accounts import UnknownAccount
from ledger.operation import Refused
from ledger.roles import MissingRole
from primitives import treasury_limits
from primitives.ids import INTEGER_MAX
from services.authority.roles import RevokeRole
from services.treasury import lines, offices, rolling
from services.treasury.amendments import (
    AmendAward,
    AwardAmended,
    AwardTooLarge,
    BelowDelivered,
    NothingAmended,
    WrongModification,
    set_free,
)
from services.treasury.awards import (
    AWARD_BOOK,
    RECIPIENT,
    AwardCode,
    AwardExists,
    AwardKind,
    AwardMade,
    BlanketHasNoRecipient,
    EndsBeforeItStarts,
    Place,
    ProcessId,
    RecipientMissing,
    TwoDuties,
    UnknownAward,
)
from services.treasury.awards import need as need_award
from services.treasury.deliveries import (
    Delivery,
    DeliveryAccepted,
    DeliveryKey,
    Milestone,
    MoreThanAwarded,
    NotYetDelivered,
    OutsideTheTerm,
)
from services.treasury.deliveries import need as need_delivery
from services.treasury.funds import FundNotAvailable
from services.treasury.lines import OverAllotment, UnknownLine
from services.treasury.period import NoSuchDay
from services.treasury.warrants import NoWarrant, OverWarrant

VENDOR, CONTRACTOR = account_id("vendor"), account_id("contractor")


def amendment(
    change: int, *, award: str = AWARD, modification: int = 1, ends: str | None = None
) -> AmendAward:
    return AmendAward(award=award, change=change, modification=modification, ends=ends)


def change_office(world: World, name: str, old: str, new: str) -> None:
    """Somebody leaves one office of the agency for another."""
    agency, holder = account_id(AGENCY), account_id(name)
    world.does("registrar", RevokeRole(old, agency, holder), give(new, agency, holder))


def test_an_award_obliges_its_line() -> None:
    """The promise stands in the award, and counts in the line."""
    world = World.begin()
    made = an_award(place="GB-LND", process="ocds-213czf-1", terms=b"t" * 32)

    events = world.does("contractor", made)

    award = world.award()
    assert events[-1] == AwardMade(
        award=AWARD,
        line=LINE,
        agency=account_id(AGENCY),
        kind=AwardKind.CONTRACT,
        recipient=VENDOR,
        officer=CONTRACTOR,
        amount=AWARDED,
        starts=award.starts,
        ends=award.ends,
        place="GB-LND",
        process="ocds-213czf-1",
    )
    assert (award.amount, award.delivered, award.vouchered, award.paid) == (AWARDED, 0, 0, 0)
    assert (award.place, award.process, award.terms) == ("GB-LND", "ocds-213czf-1", b"t" * 32)
    assert (award.officer, award.modification, award.period) == (CONTRACTOR, 0, world.month)
    assert world.line().obligated == AWARDED


def test_a_blanket_award_names_no_recipient_and_every_other_one() -> None:
    """Whether any payee may invoice is said once, by its kind."""
    world = World.begin()
    blanket = AwardKind.BLANKET

    nobody = world.refused("contractor", an_award(recipient=None))
    somebody = world.refused("contractor", an_award(kind=blanket))
    world.does("contractor", an_award(kind=blanket, recipient=None))

    assert nobody == RecipientMissing(AWARD)
    assert somebody == BlanketHasNoRecipient(AWARD)
    assert world.award().recipient is None


def test_only_a_contracting_officer_of_the_agency_awards() -> None:
    """Neither another officer nor another agency's."""
    world = World.begin()

    refusal = world.refused("certifier", an_award())

    assert refusal == MissingRole(
        account_id("certifier"), offices.CONTRACTING_OFFICER, account_id(AGENCY)
    )


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"recipient": CONTRACTOR}, TwoDuties(AWARD, CONTRACTOR, "contracting_officer", RECIPIENT)),
        ({"recipient": account_id("nobody")}, UnknownAccount(account_id("nobody"))),
        ({"ends": "2025-12-31"}, EndsBeforeItStarts(AWARD, "2026-01-01", "2025-12-31")),
        ({"starts": "2026-02-30"}, NoSuchDay("2026-02-30")),
        ({"ends": "2026-02-30"}, NoSuchDay("2026-02-30")),
        ({"amount": WARRANT + 1}, OverWarrant(CONTRACTOR, WARRANT, WARRANT + 1)),
        ({"line": f"{LINE}9"}, UnknownLine(f"{LINE}9")),
    ],
    ids=["self", "unknown", "order", "start", "end", "warrant", "line"],
)
def test_what_cannot_be_awarded(fields: dict[str, Any], refusal: object) -> None:
    """Each with the facts."""
    world = World.begin()

    assert world.refused("contractor", an_award(**fields)) == refusal


def test_a_code_names_one_award() -> None:
    """Whoever made it."""
    world = World.with_award()

    assert world.refused("contractor-2", an_award()) == AwardExists(AWARD, account_id(AGENCY))


def test_without_a_warrant_nobody_awards() -> None:
    """The role alone is not enough."""
    world = World.begin()
    world.does("registrar", give(offices.CONTRACTING_OFFICER, account_id(AGENCY), VENDOR))

    refusal = world.refused("vendor", an_award(recipient=account_id("vendor-2")))

    assert refusal == NoWarrant(account_id(AGENCY), VENDOR)


def test_no_more_is_promised_than_the_line_has() -> None:
    """By several awards together, and to the last penny."""
    world = World.begin()
    world.does("contractor", an_award("A", amount=WARRANT))
    left = ALLOTTED - WARRANT

    refusal = world.refused("contractor", an_award("B", amount=left + 1))
    world.does("contractor", an_award("B", amount=left))

    assert refusal == OverAllotment(LINE, ALLOTTED + 1, ALLOTTED)
    assert world.line().obligated == ALLOTTED


def test_a_fund_that_is_not_available_promises_nothing_new() -> None:
    """After its last day, whatever it still has; what was promised is still delivered."""
    world = World.with_award()
    world.wait(days=600)

    refused = world.refused("contractor", an_award("LATE"))
    more = world.refused("contractor", amendment(1))
    world.does("receiver", a_delivery("2027-12-31"))
    world.does("contractor", amendment(-1))

    assert isinstance(refused, FundNotAvailable)
    assert isinstance(more, FundNotAvailable)
    assert world.line().obligated == AWARDED - 1


# amendments


def test_an_amendment_raises_and_lowers_what_is_promised() -> None:
    """Numbered; the line follows, and the officer who signed last answers for it."""
    world = World.with_award()

    (_, event) = world.does("contractor-2", amendment(5))
    world.does("contractor", amendment(-7, modification=2, ends="2026-12-31"))

    second = account_id("contractor-2")
    assert event == AwardAmended(AWARD, 1, 5, AWARDED + 5, "2027-12-31", second)
    award = world.award()
    assert (award.amount, award.modification, award.ends) == (AWARDED - 2, 2, "2026-12-31")
    assert award.officer == CONTRACTOR
    assert world.line().obligated == AWARDED - 2


def test_the_last_day_alone_may_change() -> None:
    """Without a posting; but an amendment changes something."""
    world = World.with_award()

    same = world.refused("contractor", amendment(0))
    as_before = world.refused("contractor", amendment(0, ends="2027-12-31"))
    events = world.does("contractor", amendment(0, ends="2028-06-30"))

    assert same == as_before == NothingAmended(AWARD)
    assert [type(event) for event in events] == [AwardAmended]
    assert world.award().ends == "2028-06-30"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (amendment(1, modification=2), WrongModification(AWARD, 2, 1)),
        (amendment(1, modification=0), WrongModification(AWARD, 0, 1)),
        (
            amendment(DELIVERED - AWARDED - 1),
            BelowDelivered(AWARD, AWARDED, DELIVERED, DELIVERED - AWARDED - 1),
        ),
        (amendment(-INTEGER_MAX), BelowDelivered(AWARD, AWARDED, DELIVERED, -INTEGER_MAX)),
        (amendment(INTEGER_MAX), AwardTooLarge(AWARD, AWARDED, INTEGER_MAX)),
        (
            amendment(WARRANT - AWARDED + 1),
            OverWarrant(CONTRACTOR, WARRANT, WARRANT + 1),
        ),
        (amendment(0, ends="2025-12-31"), EndsBeforeItStarts(AWARD, "2026-01-01", "2025-12-31")),
        (amendment(1, award="NONE"), UnknownAward("NONE")),
    ],
    ids=["skipped", "again", "below", "far below", "uncounted", "warrant", "order", "unknown"],
)
def test_what_cannot_be_amended(given: AmendAward, refusal: object) -> None:
    """What was delivered stays promised; amendments come one after the other."""
    assert World.with_delivery().refused("contractor", given) == refusal


def test_only_a_contracting_officer_amends_and_never_the_recipient() -> None:
    """Though he may have become one since."""
    world = World.with_award()
    agency = account_id(AGENCY)

    nobody = world.refused("payer", amendment(1))
    world.does("registrar", give(offices.CONTRACTING_OFFICER, agency, VENDOR))
    recipient = world.refused("vendor", amendment(1))

    assert nobody == MissingRole(account_id("payer"), offices.CONTRACTING_OFFICER, agency)
    assert recipient == TwoDuties(AWARD, VENDOR, offices.CONTRACTING_OFFICER, RECIPIENT)


def test_what_nobody_can_claim_is_set_free() -> None:
    """As by an amendment, of the award and of the line."""
    world = World.with_delivery()
    run = moment(world.chain, "registrar")
    undelivered = AWARDED - DELIVERED

    with pytest.raises(Refused) as too_much:
        set_free(run, AWARD, world.award(), undelivered + 1)
    set_free(run, AWARD, world.award(), undelivered)

    assert too_much.value.refusal == BelowDelivered(AWARD, AWARDED, DELIVERED, -undelivered - 1)
    assert need_award(run.state, AWARD).amount == DELIVERED
    assert lines.need(run.state, LINE).obligated == DELIVERED


# deliveries


def test_what_is_delivered_is_owed_from_then_on() -> None:
    """Numbered from 1; the line says so, too."""
    world = World.with_award()
    given = a_delivery(world.today, milestone="bridge-1", record=b"p" * 32)

    (posted, event) = world.does("receiver", given)
    world.does("receiver", a_delivery("2026-01-01", amount=1))

    receiver = account_id("receiver")
    assert event == DeliveryAccepted(AWARD, 1, DELIVERED, receiver, given.date, "bridge-1")
    assert posted.amount == DELIVERED
    delivery = need_delivery(world.state, DeliveryKey(AWARD, 1))
    assert delivery == Delivery(
        amount=DELIVERED,
        vouchered=0,
        receiver=receiver,
        date=given.date,
        milestone="bridge-1",
        record=b"p" * 32,  # type: ignore[arg-type]
        transaction=delivery.transaction,
        period=world.month,
        withdrawn=None,
    )
    assert (world.award().delivered, world.award().deliveries) == (DELIVERED + 1, 2)
    assert world.line().delivered == DELIVERED + 1


def test_no_more_is_delivered_than_awarded() -> None:
    """By all deliveries together."""
    world = World.with_delivery()
    left = AWARDED - DELIVERED

    refusal = world.refused("receiver", a_delivery(world.today, amount=left + 1))
    world.does("receiver", a_delivery(world.today, amount=left))

    assert refusal == MoreThanAwarded(AWARD, AWARDED, DELIVERED, left + 1)
    assert world.award().delivered == AWARDED


def test_a_delivery_is_within_the_term_and_not_in_the_future() -> None:
    """Both its first and its last day count."""
    world = World.with_award(starts="2026-05-01", ends="2026-05-30")
    tomorrow = world.in_days(1)

    early = world.refused("receiver", a_delivery("2026-04-30"))
    future = world.refused("receiver", a_delivery(tomorrow))
    unreal = world.refused("receiver", a_delivery("2026-05-00"))
    world.does("receiver", a_delivery("2026-05-01", amount=1))
    world.wait(days=3)
    late = world.refused("receiver", a_delivery("2026-05-31"))
    world.does("receiver", a_delivery("2026-05-30", amount=1))

    assert early == OutsideTheTerm(AWARD, "2026-05-01", "2026-05-30", "2026-04-30")
    assert future == NotYetDelivered(AWARD, tomorrow, "2026-05-28")
    assert unreal == NoSuchDay("2026-05-00")
    assert late == OutsideTheTerm(AWARD, "2026-05-01", "2026-05-30", "2026-05-31")


def test_who_awarded_does_not_receive_though_he_changed_his_office() -> None:
    """The rule compares the persons, not the offices that they have by now."""
    world = World.with_award()
    change_office(world, "contractor", offices.CONTRACTING_OFFICER, offices.RECEIVING_OFFICER)

    refusal = world.refused("contractor", a_delivery(world.today))

    assert refusal == TwoDuties(
        AWARD, CONTRACTOR, offices.RECEIVING_OFFICER, offices.CONTRACTING_OFFICER
    )


def test_who_delivers_does_not_receive() -> None:
    """The recipient cannot say of itself that it delivered."""
    world = World.with_award()
    world.does("registrar", give(offices.RECEIVING_OFFICER, account_id(AGENCY), VENDOR))

    refusal = world.refused("vendor", a_delivery(world.today))

    assert refusal == TwoDuties(AWARD, VENDOR, offices.RECEIVING_OFFICER, RECIPIENT)


def test_only_a_receiving_officer_receives_and_only_what_was_awarded() -> None:
    """Neither another officer, nor under an award that there is not."""
    world = World.with_award()

    refusal = world.refused("payer", a_delivery(world.today))
    unknown = world.refused("receiver", a_delivery(world.today, award="NONE"))

    assert refusal == MissingRole(
        account_id("payer"), offices.RECEIVING_OFFICER, account_id(AGENCY)
    )
    assert unknown == UnknownAward("NONE")


def test_the_past_of_an_award_stays() -> None:
    """What stood at the end of a month is found later, whatever happened since."""
    world = World.with_award()
    over = world.next_month()
    world.does("receiver", a_delivery(world.today))

    before = rolling.at(world.state, AWARD_BOOK, AWARD, over)
    now = rolling.at(world.state, AWARD_BOOK, AWARD, None)

    assert before is not None
    assert now is not None
    assert (before.delivered, now.delivered) == (0, DELIVERED)


@pytest.mark.parametrize(
    ("kind", "longest", "wrong"),
    [
        (
            AwardCode,
            "A" * treasury_limits.AWARD_CODE_LENGTH_MAX,
            "A" * (treasury_limits.AWARD_CODE_LENGTH_MAX + 1),
        ),
        (AwardCode, "ROAD-2026-7", "road-7"),
        (AwardCode, "7", ""),
        (AwardCode, "7", "7\n"),
        (
            ProcessId,
            "o" * treasury_limits.PROCESS_ID_LENGTH_MAX,
            "o" * (treasury_limits.PROCESS_ID_LENGTH_MAX + 1),
        ),
        (ProcessId, "ocds-213czf-1", "ocds 213"),
        (
            Milestone,
            "m" * treasury_limits.MILESTONE_LENGTH_MAX,
            "m" * (treasury_limits.MILESTONE_LENGTH_MAX + 1),
        ),
        (Milestone, "bridge_1.2-a", "bridge 1"),
        (Place, "GB-LND", "GBR-LND"),
        (Place, "QA-DA", "QA"),
    ],
)
def test_codes_have_a_form_and_an_end(kind: Any, longest: str, wrong: str) -> None:  # noqa: ANN401
    """At the limit all is well; one more is not read."""
    assert msgspec.convert(longest, kind) == longest
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, kind)
