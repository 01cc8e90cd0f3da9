"""Treasuries: one ministry of finance each, and the single account that its money is paid from.

The **single account** has neither keys nor a keeper: no signature moves its money, the rules of
payment alone do. Money comes into it by ordinary transfers. What a fund has there is its **claim**
(ledger account 101000), which grows by appropriation and shrinks by payment.
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger import accounts, assets
from ledger.act import Act
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, Natural, Sized32
from services.treasury import offices
from services.treasury.period import Period, period_of

FundCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{3}-([0-9]{4}/[0-9]{4}|X)-[0-9]{4}-[0-9]{3}(?!\n)$",
        max_length=22,
    ),
]
"""A treasury account symbol: agency, years of availability (X: no end), main and sub account."""
OfficerCount = Annotated[int, Meta(ge=1, le=treasury_limits.PAYMENT_OFFICERS_MAX)]
InterestBp = Annotated[int, Meta(ge=0, le=treasury_limits.INTEREST_BP_MAX)]


@final
class Treasury(Struct, array_like=True, frozen=True):
    """The row of a treasury. `account` is its single account; `closed` the last closed month.

    Who pays more than `payment_threshold` at a time pays with `payment_officers` officers. Late
    payment costs `interest_bp` hundredths of a per cent a year.
    """

    asset: assets.AssetCode
    account: Sized32[AccountId]
    legislature: Sized32[AccountId]
    opened: Period
    closed: Period | None
    payment_threshold: Natural[int]
    payment_officers: OfficerCount
    interest_bp: InterestBp
    funds: Annotated[tuple[FundCode, ...], Meta(max_length=treasury_limits.FUNDS_MAX)]


TREASURIES: Final = Table[AccountId, Treasury](89, "treasuries", bytes, Treasury)
"""By the account of the ministry."""


class UnknownTreasury(Refusal, tag="treasury.unknown_treasury", frozen=True):
    """Account {treasury} is no treasury."""

    treasury: Sized32[AccountId]


class TreasuryInUse(Refusal, tag="treasury.treasury_in_use", frozen=True):
    """Account {treasury} is a treasury already."""

    treasury: Sized32[AccountId]


class OwnLegislature(Refusal, tag="treasury.own_legislature", frozen=True):
    """Account {treasury} cannot appropriate to itself: the legislature is another account."""

    treasury: Sized32[AccountId]


class NotTheLegislature(Refusal, tag="treasury.not_the_legislature", frozen=True):
    """Account {account} is not the legislature of {treasury}, {legislature} is."""

    account: Sized32[AccountId]
    treasury: Sized32[AccountId]
    legislature: Sized32[AccountId]


class MoneyIsBound(Refusal, tag="treasury.money_is_bound", frozen=True):
    """{asset} is earmarked or has an end, so a treasury cannot pay its debts with it."""

    asset: assets.AssetCode


class TooManyFunds(Refusal, tag="treasury.too_many_funds", frozen=True):
    """Treasury {treasury} has {funds} funds, as many as it may have."""

    treasury: Sized32[AccountId]
    funds: Natural[int]


@final
class TreasuryOpened(Event, tag="treasury.treasury_opened", frozen=True):
    """{treasury} is a treasury for {asset}; its single account is {account}."""

    treasury: Sized32[AccountId]
    account: Sized32[AccountId]
    asset: assets.AssetCode
    legislature: Sized32[AccountId]


@final
class TermsSet(Event, tag="treasury.terms_set", frozen=True):
    """{treasury} pays by {payment_officers} above {payment_threshold}, at {interest_bp} bp late."""

    treasury: Sized32[AccountId]
    payment_threshold: Natural[int]
    payment_officers: OfficerCount
    interest_bp: InterestBp


@final
class OpenTreasury(Operation, tag="treasury.open_treasury", frozen=True):
    """Open a treasury: the actor is the ministry of finance, and gets a single account.

    Needs the role treasurer for the network. Nobody signs for the single account: money comes into
    it by transfers, and leaves it by the rules of payment alone. The legislature is another
    account, such as a body that decides by motion.
    """

    asset: Annotated[assets.AssetCode, Meta(description="money of the treasury, such as GBP")]
    legislature: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that appropriates")
    ]
    payment_threshold: Annotated[
        Natural[int], Meta(description="a payment above it, in minor units, takes several officers")
    ]
    payment_officers: Annotated[
        OfficerCount, Meta(description="disbursing officers of a payment above the threshold")
    ]
    interest_bp: Annotated[
        InterestBp, Meta(description="interest on late payment, in 1/100 per cent a year")
    ]

    def apply(self, act: Act) -> None:
        """Write the treasury, and open its account."""
        act.require_role(offices.TREASURER)
        act.require(act.actor not in act.state[TREASURIES], TreasuryInUse(act.actor))
        act.require(self.legislature != act.actor, OwnLegislature(act.actor))
        money = assets.need(act.state, self.asset)
        bound = bool(money.earmark) or money.expires_ms is not None
        act.require(not bound, MoneyIsBound(self.asset))
        act.state[accounts.ACCOUNTS].need(
            self.legislature, accounts.UnknownAccount(self.legislature)
        )
        account = single_account(act.actor)
        row = accounts.Account(
            kind=accounts.AccountKind.ESCROW,
            threshold=0,
            keys=(),
            name="",
            keeper=None,
            floor=0,
            changed=act.height,
        )
        accounts.open_account(act, account, row)

        act.state[TREASURIES][act.actor] = Treasury(
            asset=self.asset,
            account=account,
            legislature=self.legislature,
            opened=period_of(act.time_ms),
            closed=None,
            payment_threshold=self.payment_threshold,
            payment_officers=self.payment_officers,
            interest_bp=self.interest_bp,
            funds=(),
        )
        act.emit(TreasuryOpened(act.actor, account, self.asset, self.legislature))


@final
class SetTerms(Operation, tag="treasury.set_terms", frozen=True):
    """Say anew how a treasury pays: how many officers above which amount, and what lateness costs.

    The actor is its legislature. What is paid from then on is paid by these terms, whenever it was
    certified.
    """

    treasury: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the ministry")
    ]
    payment_threshold: Annotated[
        Natural[int], Meta(description="a payment above it, in minor units, takes several officers")
    ]
    payment_officers: Annotated[
        OfficerCount, Meta(description="disbursing officers of a payment above the threshold")
    ]
    interest_bp: Annotated[
        InterestBp, Meta(description="interest on late payment, in 1/100 per cent a year")
    ]

    def apply(self, act: Act) -> None:
        """Write them."""
        require_legislature(act, self.treasury)
        act.state[TREASURIES][self.treasury] = replace(
            need(act.state, self.treasury),
            payment_threshold=self.payment_threshold,
            payment_officers=self.payment_officers,
            interest_bp=self.interest_bp,
        )
        act.emit(
            TermsSet(self.treasury, self.payment_threshold, self.payment_officers, self.interest_bp)
        )


def single_account(ministry: AccountId) -> AccountId:
    """The account that a treasury pays from: SHA-256(TREASURY ‖ id of the ministry)."""
    return AccountId(digest(Domain.TREASURY, ministry))


def need(state: Overlay, treasury: AccountId) -> Treasury:
    """The treasury of a ministry.

    Raises:
        Refused: it has none.
    """
    return state[TREASURIES].need(treasury, UnknownTreasury(treasury))


def require_legislature(act: Act, treasury: AccountId) -> None:
    """The actor is the legislature of a treasury.

    Raises:
        Refused: it is not.
    """
    legislature = need(act.state, treasury).legislature
    if act.actor != legislature:
        raise Refused(NotTheLegislature(act.actor, treasury, legislature))


def add_fund(act: Act, treasury: AccountId, fund: FundCode) -> None:
    """List a fund, which is new, with its treasury.

    Raises:
        Refused: no such treasury, or it has as many as it may.
    """
    row = need(act.state, treasury)
    if len(row.funds) >= treasury_limits.FUNDS_MAX:
        raise Refused(TooManyFunds(treasury, len(row.funds)))
    act.state[TREASURIES][treasury] = replace(row, funds=tuple(sorted((*row.funds, fund))))
