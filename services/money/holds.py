"""Holds: money that is promised, taken, given back; and what the chain knows of them."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import assets, books, holds
from ledger.accounts import ACCOUNTS
from ledger.act import Act
from ledger.books import BALANCES, Holding
from ledger.holds import HOLDS, HOLDS_OF, NotTheBeneficiary
from ledger.operation import Operation
from ledger.query import After, Limit, OneAccount, Page, Query, Reading
from primitives.ids import AccountId, Height, Natural, Sized32, TimeMs

_Hold = Annotated[Sized32[holds.HoldId], Meta(description="the hold")]


@final
class PlaceHold(Operation, tag="money.place_hold", frozen=True):
    """Promise money to a beneficiary: it stays in the actor's balance, and nobody can spend it.

    The beneficiary captures it, at once or in parts, or releases it, until it expires; the actor
    cannot take it back before. It counts in the actor's limits now, and not again when captured. A
    reference is one of the actor's own, used once as in a transfer.
    """

    delegable = True

    asset: Annotated[assets.AssetCode, Meta(description="what is held, such as GBP")]
    amount: Annotated[assets.Amount, Meta(description="in minor units of the asset")]
    beneficiary: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that may take it")
    ]
    expires_ms: Annotated[Natural[TimeMs], Meta(description="when what is left is free again")]
    purpose: Annotated[
        assets.PurposeCode | None, Meta(description="what it is for, if the asset is earmarked")
    ]
    reference: Annotated[
        books.Reference | None, Meta(description="the actor's own; an account uses it once")
    ]

    def apply(self, act: Act) -> None:
        """Hold it."""
        holds.place(
            act,
            account=act.actor,
            asset=self.asset,
            amount=self.amount,
            beneficiary=self.beneficiary,
            expires_ms=self.expires_ms,
            purpose=self.purpose,
            reference=self.reference,
        )


@final
class CaptureHold(Operation, tag="money.capture_hold", frozen=True):
    """Take held money, as its beneficiary: all of it, or a part, and the rest stays held."""

    hold: _Hold
    amount: Annotated[assets.Amount, Meta(description="in minor units, at most what is held")]

    def apply(self, act: Act) -> None:
        """Move it."""
        _require_beneficiary(act, self.hold)
        holds.capture(act, self.hold, amount=self.amount, to=act.actor)


@final
class ReleaseHold(Operation, tag="money.release_hold", frozen=True):
    """Give up what is left of a hold, as its beneficiary. Once it expired, anybody may."""

    hold: _Hold

    def apply(self, act: Act) -> None:
        """Free it."""
        if act.time_ms < holds.need(act.state, self.hold).expires_ms:
            _require_beneficiary(act, self.hold)
        holds.release(act, self.hold)


def _require_beneficiary(act: Act, hold_id: holds.HoldId) -> None:
    beneficiary = holds.need(act.state, hold_id).beneficiary
    act.require(beneficiary == act.actor, NotTheBeneficiary(hold_id, act.actor, beneficiary))


@final
class HoldRow(Struct, frozen=True, kw_only=True):
    """A hold that has not ended, and what is left of it."""

    hold: Sized32[holds.HoldId]
    account: Sized32[AccountId]
    beneficiary: Sized32[AccountId]
    asset: assets.AssetCode
    exponent: assets.Exponent
    amount_minor: Natural[int]
    purpose: assets.PurposeCode | None
    reference: books.Reference | None
    expires_ms: Natural[TimeMs]


@final
class Holds(Query, tag="money.holds", frozen=True, kw_only=True):
    """The holds of an account that have not ended: what it promised, and what it was promised."""

    account: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[HoldRow]:
        """List."""

        def row(key: bytes, _: holds.HoldOf) -> HoldRow | None:
            hold_id = holds.HoldId(key[32:])
            hold = HOLDS.read(reading.state, hold_id)
            assert hold is not None, "a hold is listed as long as it is there"
            return HoldRow(
                hold=hold_id,
                account=hold.account,
                beneficiary=hold.beneficiary,
                asset=hold.asset,
                exponent=assets.need(reading.overlay, hold.asset).exponent,
                amount_minor=hold.amount,
                purpose=hold.purpose,
                reference=hold.reference,
                expires_ms=hold.expires_ms,
            )

        return reading.list(HOLDS_OF, row, prefix=self.account, after=self.after, limit=self.limit)


@final
class AvailableRow(Struct, frozen=True, kw_only=True):
    """What an account has of an asset, what of it is promised, and what it can spend."""

    asset: assets.AssetCode
    exponent: assets.Exponent
    balance_minor: int
    held_minor: Natural[int]
    available_minor: Natural[int] | None


@final
class Available(Query, tag="money.available", frozen=True, kw_only=True):
    """What an account can spend of an asset: its balance less what is held, above its floor.

    None where it has no floor. Freezes and limits are not counted in: money.freeze and money.limits
    tell of them.
    """

    account: OneAccount
    asset: Annotated[assets.AssetCode, Meta(description="of what, such as GBP")]

    def answer(self, reading: Reading) -> Page[AvailableRow]:
        """Look it up."""
        account = reading.overlay[ACCOUNTS].find(self.account)
        floor = 0 if account is None else account.floor

        def row(balance: books.Balance) -> AvailableRow:
            free = balance.amount - balance.held
            return AvailableRow(
                asset=self.asset,
                exponent=assets.need(reading.overlay, self.asset).exponent,
                balance_minor=balance.amount,
                held_minor=balance.held,
                available_minor=None if floor is None else free - floor,
            )

        return reading.look_up(BALANCES, Holding(self.account, self.asset), row)


@final
class PastBalanceRow(Struct, frozen=True, kw_only=True):
    """What an account held after a block, and what there was in all; the state keeps both."""

    asset: assets.AssetCode
    exponent: assets.Exponent
    balance_minor: int
    supply_minor: Natural[int]


@final
class PastBalance(Query, tag="money.balance_at", frozen=True, kw_only=True):
    """What an account held of an asset with snapshots after an earlier block, and its supply."""

    account: OneAccount
    asset: Annotated[assets.AssetCode, Meta(description="of what; an asset with snapshots")]
    height: Annotated[Natural[Height], Meta(description="after the block of this height")]

    def answer(self, reading: Reading) -> Page[PastBalanceRow]:
        """Look it up."""
        state = reading.overlay
        asset = state[assets.ASSETS].find(self.asset)
        if asset is None or not asset.snapshots or reading.height < self.height:
            return Page(())
        found = PastBalanceRow(
            asset=self.asset,
            exponent=asset.exponent,
            balance_minor=books.balance_at(state, self.account, self.asset, self.height),
            supply_minor=books.supply_at(state, self.asset, self.height),
        )
        return Page((found,))
