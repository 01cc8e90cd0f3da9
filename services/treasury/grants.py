"""Grants in tokens: an award that is followed from its recipient to whoever does the work (T3).

An award can be **tokenised**: its recipient gets tokens of an asset of its own, earmarked for
purposes and good until the award's last day. One token is one minor unit of the award. They are
passed on like other earmarked money (`money.spend`): from the recipient to a sub-grantee, and from
there to a supplier, so every sub-award is on chain by being made.

No money moves with them. Whoever holds tokens and has delivered **redeems** them: they cease to
exist, and a claim is written, with the number of the invoice. Only claims are certified under such
an award; the holder's invoice then goes the way of every other. A claim that nobody certified can
be withdrawn for tokens again.

The issuer of the tokens is the treasury's single account, for which nobody signs: so none are made
or taken but by the rules here, and tokens that exist and claims together never exceed what the
award promised. What is left when the award's last day is over has lapsed in every hand, and the
same amount of the obligation is set free, unless it was delivered already.
"""

import datetime
from typing import Annotated, Final, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import assets, books
from ledger.act import Act
from ledger.assets import Amount, Asset, AssetCode, Purpose
from ledger.books import Reference
from ledger.movements import Movement, MovementKind
from ledger.operation import Duty, Event, Operation, Refusal, Refused
from primitives import kernel_limits
from primitives.ids import AccountId, Natural, Sized32, TimeMs
from services import money
from services.treasury import amendments, awards, deliveries, vouchers
from services.treasury.awards import AwardCode, AwardField, Number
from services.treasury.deliveries import DeliveryKey
from services.treasury.offices import CONTRACTING_OFFICER
from services.treasury.period import Day
from services.treasury.vouchers import (
    TOKEN_CLAIMS,
    VOUCHERS,
    ClaimedAlready,
    DuplicateInvoice,
    InvoiceField,
    PayeeField,
    TokenClaim,
    VoucherKey,
    VoucherStatus,
)

DAY_MS: Final = 24 * 60 * 60 * 1_000


class TokenisedAlready(Refusal, tag="treasury.tokenised_already", frozen=True):
    """Award {award} is tokenised already, as {token}."""

    award: AwardCode
    token: AssetCode


class NobodyToTokeniseFor(Refusal, tag="treasury.nobody_to_tokenise_for", frozen=True):
    """Award {award} is a blanket award: it has no recipient who could pass tokens on."""

    award: AwardCode


class MoreThanUninvoiced(Refusal, tag="treasury.more_than_uninvoiced", frozen=True):
    """Of award {award}, {amount}, is invoiced {vouchered}: not {tokens} are left for tokens."""

    award: AwardCode
    amount: Natural[int]
    vouchered: Natural[int]
    tokens: Amount


class NotTokenised(Refusal, tag="treasury.not_tokenised", frozen=True):
    """Award {award} has no tokens, or no more."""

    award: AwardCode


class NoSuchClaim(Refusal, tag="treasury.no_such_claim", frozen=True):
    """No tokens were redeemed for invoice {invoice} of {payee}."""

    payee: Sized32[AccountId]
    invoice: Reference


@final
class AwardTokenised(Event, tag="treasury.award_tokenised", frozen=True):
    """{recipient} has {amount} {token} for award {award}, good before {expires_ms}."""

    award: AwardCode
    token: AssetCode
    issuer: Sized32[AccountId]
    recipient: Sized32[AccountId]
    amount: Amount
    expires_ms: Natural[TimeMs]

    def moves(self) -> Movement:
        """The tokens that were made."""
        made = MovementKind.ISSUED
        return Movement(made, self.issuer, self.recipient, self.token, self.amount, None)


@final
class TokensRedeemed(Event, tag="treasury.tokens_redeemed", frozen=True):
    """{payee} claims {amount} under award {award} for {token}: invoice {invoice}, {delivery}."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    token: AssetCode
    issuer: Sized32[AccountId]
    delivery: Number
    amount: Amount

    def moves(self) -> Movement:
        """The tokens that ceased to exist."""
        gone = MovementKind.RETIRED
        return Movement(gone, self.payee, self.issuer, self.token, self.amount, None)


@final
class ClaimWithdrawn(Event, tag="treasury.claim_withdrawn", frozen=True):
    """{payee} withdrew invoice {invoice} and has {amount} {token} of award {award} again."""

    payee: Sized32[AccountId]
    invoice: Reference
    award: AwardCode
    token: AssetCode
    issuer: Sized32[AccountId]
    amount: Amount

    def moves(self) -> Movement:
        """The tokens that exist again."""
        made = MovementKind.ISSUED
        return Movement(made, self.issuer, self.payee, self.token, self.amount, None)


@final
class TokensLapsed(Event, tag="treasury.tokens_lapsed", frozen=True):
    """{left} {token} of award {award} were not used and lapsed: {freed} are obligated no more."""

    award: AwardCode
    token: AssetCode
    left: Natural[int]
    freed: Natural[int]


@final
class Lapse(Duty, tag="treasury.lapse", frozen=True):
    """The time of an award's tokens is over."""

    award: AwardCode

    def fall_due(self, act: Act) -> None:
        """What is left of them obligates nothing any more, but for what was delivered."""
        award = awards.need(act.state, self.award)
        assert award.token is not None, "tokens lapse once, and until then there are no others"
        left = books.supply_of(act.state, award.token)
        freed = min(left, award.amount - award.delivered)

        ordinary = replace(award, token=None)
        if freed:
            amendments.set_free(act, self.award, ordinary, freed)
        else:
            awards.write(act, self.award, ordinary)
        act.emit(TokensLapsed(self.award, award.token, left, freed))


Earmarked = Annotated[
    tuple[Purpose, ...], Meta(min_length=1, max_length=kernel_limits.PURPOSES_MAX)
]


@final
class TokeniseAward(Operation, tag="treasury.tokenise_award", frozen=True):
    """Give the recipient of an award tokens for it, to be spent on these purposes alone.

    Needs the role contracting_officer of its agency. No more tokens are made than is awarded and
    not invoiced. They are good until the award's last day is over; an amendment does not prolong
    them, but when they have lapsed the award can be tokenised again. Until then it pays only who
    redeems tokens, and no money of it is taken back.
    """

    award: AwardField
    token: Annotated[AssetCode, Meta(description="code of the new asset, such as ROAD7")]
    amount: Annotated[Amount, Meta(description="tokens, each a minor unit of the award")]
    purposes: Annotated[
        Earmarked, Meta(description="what they may be spent on, and who may get them for it")
    ]

    def apply(self, act: Act) -> None:
        """Define the asset, and make the tokens."""
        award = awards.need(act.state, self.award)
        act.require_role(CONTRACTING_OFFICER, award.agency)
        if award.token is not None:
            raise Refused(TokenisedAlready(self.award, award.token))
        recipient = award.recipient
        if recipient is None:
            raise Refused(NobodyToTokeniseFor(self.award))
        invoiced = award.vouchered + award.claimed
        if self.amount > award.amount - invoiced:
            raise Refused(MoreThanUninvoiced(self.award, award.amount, invoiced, self.amount))
        treasury = awards.treasury_of(act.state, award)
        expires_ms = end_of(award.ends)
        asset = Asset(
            exponent=assets.need(act.state, treasury.asset).exponent,
            issuer=treasury.account,
            snapshots=False,
            earmark=self.purposes,
            expires_ms=expires_ms,
        )

        books.define_asset(act, self.token, asset)
        books.create(act, asset=self.token, to=recipient, amount=self.amount)
        awards.set_token(act, self.award, award, self.token)
        act.schedule(expires_ms, Lapse(self.award))
        act.emit(
            money.AssetDefined(
                asset=self.token,
                exponent=asset.exponent,
                issuer=asset.issuer,
                snapshots=False,
                earmarked=True,
                expires_ms=expires_ms,
            )
        )
        act.emit(
            AwardTokenised(self.award, self.token, asset.issuer, recipient, self.amount, expires_ms)
        )


@final
class Redeem(Operation, tag="treasury.redeem", frozen=True):
    """Give tokens of an award up for a claim: the actor delivered, and wants to be paid.

    The invoice is the actor's own, and is new: it was never certified, and is no claim yet. A
    certifying officer then certifies it against the delivery; until then it can be withdrawn.
    """

    award: AwardField
    delivery: Annotated[Number, Meta(description="number of the accepted delivery")]
    invoice: InvoiceField
    amount: Annotated[Amount, Meta(description="tokens, each a minor unit of the award")]

    def apply(self, act: Act) -> None:
        """The tokens go, the claim comes."""
        award = awards.need(act.state, self.award)
        token = award.token
        if token is None:
            raise Refused(NotTokenised(self.award))
        asset = assets.need(act.state, token)
        assets.judge_time(act, token, asset)
        deliveries.need(act.state, DeliveryKey(self.award, self.delivery))
        key = VoucherKey(act.actor, self.invoice)
        known = act.state[TOKEN_CLAIMS].find(key)
        if known is not None:
            raise Refused(ClaimedAlready(*key, known.award))
        before = act.state[VOUCHERS].find(key)
        if before is not None:
            raise Refused(DuplicateInvoice(*key, before.status, before.award, before.certified_in))

        books.destroy(act, asset=token, holder=act.actor, amount=self.amount)
        claim = TokenClaim(self.award, token, self.delivery, self.amount)
        act.state[TOKEN_CLAIMS][key] = claim
        _count(act, self.award, self.amount)
        act.emit(
            TokensRedeemed(
                *key, self.award, token, asset.issuer, delivery=self.delivery, amount=self.amount
            )
        )


@final
class WithdrawClaim(Operation, tag="treasury.withdraw_claim", frozen=True):
    """Take a claim back that is not certified, or whose payment came back, for tokens again.

    The actor made it. What creditors kept of a payment that came back is paid, and no token again.
    After the award's last day there are no tokens any more to have back.
    """

    invoice: InvoiceField

    def apply(self, act: Act) -> None:
        """The claim goes, the tokens come."""
        key = VoucherKey(act.actor, self.invoice)
        claim = _open_claim(act, key)
        asset = assets.need(act.state, claim.token)

        books.create(act, asset=claim.token, to=act.actor, amount=claim.amount)
        del act.state[TOKEN_CLAIMS][key]
        _count(act, claim.award, -claim.amount)
        act.emit(ClaimWithdrawn(*key, claim.award, claim.token, asset.issuer, amount=claim.amount))


@final
class CertifyClaim(Operation, tag="treasury.certify_claim", frozen=True):
    """Certify that a claim is due: tokens were redeemed for it, and its amount was delivered.

    Needs the role certifying_officer of the award's agency; neither the award's officer nor who
    received the delivery nor the payee may. Afterwards it is a voucher like any other. It is
    certified once, unless it was returned or cancelled.
    """

    payee: PayeeField
    invoice: InvoiceField
    due: Annotated[Day, Meta(description="last day on which the payment is in time")]

    def apply(self, act: Act) -> None:
        """Write the voucher."""
        key = VoucherKey(self.payee, self.invoice)
        claim = _open_claim(act, key)
        vouchers.certify(
            act, key, vouchers.Claim(claim.award, claim.delivery, claim.amount, self.due)
        )
        _count(act, claim.award, -claim.amount)


def _count(act: Act, code: str, change: int) -> None:
    """So much more of an award is claimed and not certified, or less."""
    award = awards.need(act.state, code)
    awards.write(act, code, replace(award, claimed=award.claimed + change))


def _open_claim(act: Act, key: VoucherKey) -> TokenClaim:
    """A claim as it can be certified now: less what creditors kept of a payment that came back.

    Raises:
        Refused: there is none, or its invoice is certified or paid.
    """
    claim = act.state[TOKEN_CLAIMS].need(key, NoSuchClaim(*key))
    before = vouchers.judge_new(act, key)
    if before is None:
        return claim
    kept = before.withheld if before.status is VoucherStatus.RETURNED else 0
    if kept == before.amount:
        raise Refused(NoSuchClaim(*key))
    return replace(claim, amount=before.amount - kept)


def end_of(day: Day) -> TimeMs:
    """The first moment after a day, in UTC; of days before 1970, when time began."""
    first = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
    return TimeMs(max(int(first.timestamp()) * 1_000 + DAY_MS, 0))
