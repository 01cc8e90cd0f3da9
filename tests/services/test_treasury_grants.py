"""Awards in tokens: from the recipient to who does the work, and to nobody for anything else."""

import pytest

from kit.inequalities import broken
from kit.ledger import GBP, account_id, line
from kit.treasury import (
    AWARD,
    AWARDED,
    DELIVERED,
    INVOICED,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.assets import (
    AssetInUse,
    AssetLapsed,
    EndsAtOnce,
    PayeeNotEligible,
    Purpose,
    PurposeNotAllowed,
)
from ledger.books import Overdraft, supply_of
from ledger.movements import MovementKind
from ledger.operation import Event
from ledger.roles import MissingRole
from primitives.ids import TimeMs
from services.money import AssetDefined, Spend, Transferred
from services.treasury import offices
from services.treasury.amendments import AmendAward, AwardAmended, TokensAreOut
from services.treasury.awards import AwardKind, TwoDuties, UnknownAward
from services.treasury.deliveries import IsWithdrawn, UnknownDelivery
from services.treasury.grants import (
    AwardTokenised,
    CertifyClaim,
    ClaimWithdrawn,
    MoreThanUninvoiced,
    NobodyToTokeniseFor,
    NoSuchClaim,
    NotTokenised,
    Redeem,
    TokeniseAward,
    TokenisedAlready,
    TokensLapsed,
    TokensRedeemed,
    WithdrawClaim,
    end_of,
)
from services.treasury.payments import OffsetVoucher
from services.treasury.returns import ReturnPayment, ReturnReason
from services.treasury.vouchers import (
    AwardIsTokenised,
    CancelVoucher,
    ClaimedAlready,
    DuplicateInvoice,
    MoreThanDelivered,
    VoucherStatus,
)
from services.treasury.withdrawals import WithdrawDelivery

TOKEN = "ROAD7"
WORKS = Purpose("works", None, None)
DESIGN = Purpose("design", offices.CUSTODIAN, account_id("health"))
GRANTEE, GRANTEE_2 = account_id("grantee"), account_id("grantee-2")
CLAIM = Redeem(AWARD, 1, "G-1", INVOICED)
RETURN = ReturnPayment("G-1", ReturnReason.AC04)
CANCEL = CancelVoucher(GRANTEE, "G-1", "wrong")
BLANKET = an_award("CARDS", kind=AwardKind.BLANKET, recipient=None)
END = end_of("2027-12-31")


def tokenise(amount: int = AWARDED, token: str = TOKEN, award: str = AWARD) -> TokeniseAward:
    return TokeniseAward(award, token, amount, (WORKS, DESIGN))


def spend(to: str, amount: int, reference: str, purpose: str = "works") -> Spend:
    return Spend(TOKEN, purpose, (line(to, amount, reference),))


def certify(world: World, payee: str = "grantee", invoice: str = "G-1") -> CertifyClaim:
    return CertifyClaim(account_id(payee), invoice, world.in_days(30))


def offset(amount: int) -> OffsetVoucher:
    return OffsetVoucher(GRANTEE, "G-1", "debt 1", account_id("creditor"), amount)


@pytest.fixture
def world() -> World:
    """The award is tokenised and partly delivered; a sub-grantee has tokens for works."""
    world = World.with_award()
    world.does("contractor", tokenise())
    world.does("vendor", spend("grantee", DELIVERED, "sub 1"))
    world.does("receiver", a_delivery(world.today))
    return world


@pytest.fixture
def claimed(world: World) -> World:
    """He redeemed some of them."""
    world.does("grantee", CLAIM)
    return world


def test_an_award_is_tokenised_for_its_recipient() -> None:
    """In an asset that nobody issues but the rules, good until the award's last day is over."""
    world = World.with_award()

    defined, made = world.does("contractor", tokenise())

    issuer = world.treasury.account
    assert defined == AssetDefined(
        TOKEN, 2, issuer, snapshots=False, earmarked=True, expires_ms=END
    )
    assert made == AwardTokenised(AWARD, TOKEN, issuer, account_id("vendor"), AWARDED, END)
    assert made.moves().kind is MovementKind.ISSUED
    assert (world.purse("vendor", TOKEN), world.award().token) == (AWARDED, TOKEN)
    assert END == 1_830_297_600_000  # 2028-01-01T00:00:00Z


def test_who_may_tokenise_what() -> None:
    """A contracting officer, an award with a recipient, once, no more than is not invoiced."""
    world = World.with_voucher()
    world.does("contractor", BLANKET)

    health = account_id("health")
    refused = MissingRole(account_id("certifier"), offices.CONTRACTING_OFFICER, health)
    assert world.refused("certifier", tokenise()) == refused
    assert world.refused("contractor", tokenise(award="CARDS")) == NobodyToTokeniseFor("CARDS")
    assert world.refused("contractor", tokenise(award="NONE")) == UnknownAward("NONE")
    in_use = AssetInUse(GBP, account_id("treasury"))
    assert world.refused("contractor", tokenise(1, GBP)) == in_use
    left = AWARDED - INVOICED
    too_many = MoreThanUninvoiced(AWARD, AWARDED, INVOICED, left + 1)
    assert world.refused("contractor", tokenise(left + 1)) == too_many
    world.does("contractor", tokenise(left))
    assert world.refused("contractor", tokenise(1, "MORE")) == TokenisedAlready(AWARD, TOKEN)


def test_tokens_go_to_sub_grantees_and_suppliers_for_their_purposes(world: World) -> None:
    """And to nobody for anything else."""
    world.does("grantee", spend("grantee-2", 5, "bricks"))

    assert world.purse("grantee-2", TOKEN) == 5
    not_allowed = PurposeNotAllowed(TOKEN, 0, "banquets")
    assert world.refused("grantee", spend("grantee-2", 5, "x", "banquets")) == not_allowed
    health = account_id("health")
    not_eligible = PayeeNotEligible(TOKEN, 0, GRANTEE_2, "design", offices.CUSTODIAN, health)
    assert world.refused("grantee", spend("grantee-2", 5, "x", "design")) == not_eligible


def test_who_holds_tokens_redeems_them_and_is_paid(world: World) -> None:
    """They cease to exist; the claim is certified against the delivery, and paid like any other."""
    [redeemed] = world.does("grantee", CLAIM)
    left = supply_of(world.state, TOKEN)
    world.does("certifier", certify(world))
    events = world.does("payer", a_payment("G-1", "grantee"))

    issuer = world.treasury.account
    assert redeemed == TokensRedeemed(GRANTEE, "G-1", AWARD, TOKEN, issuer, 1, INVOICED)
    assert redeemed.moves().kind is MovementKind.RETIRED
    assert left == AWARDED - INVOICED
    assert world.purse("grantee") == INVOICED
    assert any(isinstance(each, Transferred) and each.to == GRANTEE for each in events)
    assert (world.award().vouchered, world.award().paid) == (INVOICED, INVOICED)


def test_a_tokenised_award_pays_nobody_without_a_claim(world: World) -> None:
    """Not even its recipient: else it would be promised twice."""
    refused = AwardIsTokenised(AWARD, TOKEN)
    assert world.refused("certifier", a_voucher(world.in_days(30))) == refused
    assert world.refused("certifier", certify(world)) == NoSuchClaim(GRANTEE, "G-1")


def test_no_more_is_redeemed_than_is_held(world: World) -> None:
    """Nor without tokens, of another award, or against no delivery."""
    many = Redeem(AWARD, 1, "G-2", DELIVERED + 1)
    short = Overdraft(GRANTEE, TOKEN, 0, DELIVERED + 1, DELIVERED, 0)
    assert world.refused("grantee", many) == short
    assert isinstance(world.refused("grantee-2", CLAIM), Overdraft)
    assert world.refused("grantee", Redeem(AWARD, 2, "G-2", 1)) == UnknownDelivery(AWARD, 2, 1)
    world.does("contractor", an_award("ROAD-8"))
    assert world.refused("grantee", Redeem("ROAD-8", 1, "G-2", 1)) == NotTokenised("ROAD-8")


def test_an_invoice_is_one_claim(claimed: World) -> None:
    """And not a claim when it was a voucher before, whatever became of that."""
    assert claimed.refused("grantee", CLAIM) == ClaimedAlready(GRANTEE, "G-1", AWARD)
    claimed.does("certifier", certify(claimed))
    claimed.does("certifier", CANCEL)
    claimed.does("grantee", WithdrawClaim("G-1"))
    assert isinstance(claimed.refused("grantee", CLAIM), DuplicateInvoice)


def test_a_claim_is_certified_once_and_for_what_was_delivered(claimed: World) -> None:
    """By somebody with no other duty; never beyond the delivery."""
    certified = certify(claimed)
    assert isinstance(claimed.refused("payer", certified), MissingRole)
    claimed.does("certifier", certified)
    assert isinstance(claimed.refused("certifier", certified), DuplicateInvoice)
    assert isinstance(claimed.refused("grantee", WithdrawClaim("G-1")), DuplicateInvoice)

    claimed.does("vendor", spend("grantee", AWARDED - DELIVERED, "sub 2"))
    claimed.does("grantee", Redeem(AWARD, 1, "G-2", DELIVERED))
    beyond = claimed.refused("certifier", certify(claimed, invoice="G-2"))
    assert isinstance(beyond, MoreThanDelivered)


def test_who_accepted_the_delivery_is_not_paid_for_it(world: World) -> None:
    """Though somebody gave him tokens."""
    world.does("grantee", spend("receiver", 7, "gift"))
    world.does("receiver", Redeem(AWARD, 1, "R-1", 7))

    assert isinstance(world.refused("certifier", certify(world, "receiver", "R-1")), TwoDuties)


def test_a_claim_can_be_withdrawn_for_tokens(claimed: World) -> None:
    """By who made it."""
    assert claimed.refused("grantee-2", WithdrawClaim("G-1")) == NoSuchClaim(GRANTEE_2, "G-1")
    [event] = claimed.does("grantee", WithdrawClaim("G-1"))

    issuer = claimed.treasury.account
    assert event == ClaimWithdrawn(GRANTEE, "G-1", AWARD, TOKEN, issuer, INVOICED)
    assert event.moves().kind is MovementKind.ISSUED
    assert claimed.purse("grantee", TOKEN) == DELIVERED
    assert supply_of(claimed.state, TOKEN) == AWARDED


def test_a_claim_on_a_delivery_that_was_withdrawn_is_not_certified(claimed: World) -> None:
    """Whoever made it has its tokens again, for the delivery that came instead."""
    claimed.does("receiver", WithdrawDelivery(AWARD, 1, "not_there"))

    gone = IsWithdrawn(AWARD, 1, claimed.month)
    assert claimed.refused("certifier", certify(claimed)) == gone
    assert claimed.refused("grantee", Redeem(AWARD, 1, "G-2", 1)) == gone
    claimed.does("grantee", WithdrawClaim("G-1"))
    assert claimed.purse("grantee", TOKEN) == DELIVERED


def test_a_returned_payment_leaves_the_claim_open_for_what_came_back(claimed: World) -> None:
    """What a creditor kept of it is paid: it is neither certified again nor a token again."""
    claimed.does("certifier", certify(claimed))
    claimed.does("debtor", offset(5_00))
    claimed.does("payer", a_payment("G-1", "grantee"))
    claimed.does("grantee", RETURN)

    claimed.does("certifier", certify(claimed))
    again = claimed.voucher("G-1", "grantee")
    assert (again.amount, again.status) == (INVOICED - 5_00, VoucherStatus.CERTIFIED)
    claimed.does("certifier", CANCEL)
    [event] = claimed.does("grantee", WithdrawClaim("G-1"))
    assert event.amount == INVOICED - 5_00


def test_a_payment_that_creditors_kept_leaves_no_claim(claimed: World) -> None:
    """Only the interest came back."""
    claimed.does("certifier", certify(claimed))
    claimed.does("debtor", offset(INVOICED))
    claimed.wait(60)
    claimed.does("payer", a_payment("G-1", "grantee"))
    claimed.does("grantee", RETURN)

    assert claimed.refused("certifier", certify(claimed)) == NoSuchClaim(GRANTEE, "G-1")
    assert claimed.refused("grantee", WithdrawClaim("G-1")) == NoSuchClaim(GRANTEE, "G-1")


def test_an_invoice_that_is_a_claim_is_certified_as_nothing_else(claimed: World) -> None:
    """Else what creditors kept under its award were forgotten, and its tokens were made anew."""
    claimed.does("contractor", BLANKET)
    claimed.does("receiver", a_delivery(claimed.today, award="CARDS", amount=1))
    claimed.does("certifier", certify(claimed))
    claimed.does("debtor", offset(5_00))
    claimed.does("payer", a_payment("G-1", "grantee"))
    claimed.does("grantee", RETURN)

    other = a_voucher(claimed.in_days(9), award="CARDS", payee=GRANTEE, invoice="G-1", amount=1)
    assert claimed.refused("certifier", other) == ClaimedAlready(GRANTEE, "G-1", AWARD)
    [event] = claimed.does("grantee", WithdrawClaim("G-1"))
    assert event.amount == INVOICED - 5_00
    claimed.does("certifier", other)


def test_what_is_claimed_is_counted_until_it_is_certified_or_withdrawn(claimed: World) -> None:
    """And is again, when its voucher is cancelled or its payment comes back."""
    counts = [claimed.award().claimed]
    for actor, act in (
        ("certifier", certify(claimed)),
        ("certifier", CANCEL),
        ("certifier", certify(claimed)),
        ("debtor", offset(5_00)),
        ("payer", a_payment("G-1", "grantee")),
        ("grantee", RETURN),
        ("grantee", WithdrawClaim("G-1")),
    ):
        claimed.does(actor, act)
        assert list(broken(claimed.chain.state)) == []
        counts.append(claimed.award().claimed)

    left = INVOICED - 5_00
    assert counts == [INVOICED, 0, INVOICED, 0, 0, 0, left, 0]


def test_no_money_is_taken_back_while_tokens_are_out(world: World) -> None:
    """More may be awarded, and the award may end later; the tokens do not."""
    cut = AmendAward(AWARD, -1, 1, None)
    assert world.refused("contractor", cut) == TokensAreOut(AWARD, TOKEN)
    world.does("contractor", AmendAward(AWARD, 1, 1, "2028-06-30"))


def over(world: World) -> tuple[Event, ...]:
    """The first block after the award's last day; what fell due in it."""
    world.chain.time_ms = TimeMs(END - 1_000)
    world.chain.block()
    [receipt] = world.chain.done
    return tuple(receipt.events)


def test_what_is_not_used_lapses_and_sets_the_obligation_free(claimed: World) -> None:
    """In every hand at once; what was delivered stays obligated, and what was claimed is paid."""
    obligated = claimed.line().obligated
    [*_, amended, lapsed] = over(claimed)

    left, freed = AWARDED - INVOICED, AWARDED - DELIVERED
    assert lapsed == TokensLapsed(AWARD, TOKEN, left, freed)
    assert isinstance(amended, AwardAmended)
    assert (amended.change, claimed.award().amount) == (-freed, DELIVERED)
    assert claimed.line().obligated == obligated - freed
    assert claimed.award().token is None
    assert claimed.refused("grantee", spend("grantee-2", 1, "late")) == AssetLapsed(TOKEN, END)
    assert claimed.refused("grantee", WithdrawClaim("G-1")) == AssetLapsed(TOKEN, END)
    claimed.does("certifier", certify(claimed))
    claimed.does("payer", a_payment("G-1", "grantee"))


def test_what_was_delivered_and_not_claimed_stays_owed_to_the_recipient(claimed: World) -> None:
    """As before the award was tokenised."""
    claimed.does("receiver", a_delivery(claimed.today, amount=AWARDED - DELIVERED))
    [lapsed] = over(claimed)

    assert lapsed == TokensLapsed(AWARD, TOKEN, AWARDED - INVOICED, 0)
    assert (claimed.award().amount, claimed.award().token) == (AWARDED, None)
    claimed.does("certifier", a_voucher(claimed.in_days(30)))


def test_an_award_that_goes_on_is_tokenised_again(world: World) -> None:
    """When the old tokens have lapsed; redeeming those is over."""
    world.does("contractor", AmendAward(AWARD, 10_00, 1, "2028-06-30"))
    over(world)

    assert world.refused("grantee", CLAIM) == NotTokenised(AWARD)
    world.does("contractor", tokenise(DELIVERED, "ROAD8"))
    assert isinstance(world.refused("grantee", CLAIM), Overdraft)


def test_what_is_claimed_is_not_tokenised_again(claimed: World) -> None:
    """The claims of lapsed tokens are paid before new ones."""
    claimed.does("contractor", AmendAward(AWARD, 10_00, 1, "2028-06-30"))
    over(claimed)

    left = claimed.award().amount - INVOICED
    too_many = MoreThanUninvoiced(AWARD, left + INVOICED, INVOICED, left + 1)
    assert claimed.refused("contractor", tokenise(left + 1, "ROAD8")) == too_many
    claimed.does("contractor", tokenise(left, "ROAD8"))


def test_no_tokens_are_good_until_a_day_that_is_long_past() -> None:
    """Not even of an award whose last day was before time began; and the refusal can be read."""
    world = World.with_award(starts="1950-01-01", ends="1950-01-02")
    now = world.chain.time_ms + 1_000

    assert world.refused("contractor", tokenise()) == EndsAtOnce(TOKEN, TimeMs(0), TimeMs(now))


def test_tokens_do_not_outlive_the_award(world: World) -> None:
    """They are redeemed a millisecond before midnight, and not at midnight."""
    world.chain.time_ms = TimeMs(END - 1_001)
    world.does("grantee", Redeem(AWARD, 1, "G-1", 1))
    world.chain.time_ms = TimeMs(END - 1_000)

    assert world.refused("grantee", Redeem(AWARD, 1, "G-2", 1)) == NotTokenised(AWARD)
