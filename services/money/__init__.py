"""Money: assets, who makes them, and payments between accounts, over the kernel's books."""

from collections.abc import Sequence
from typing import Annotated, final

from msgspec import Meta

from ledger import assets, books
from ledger.act import Act
from ledger.lots import Lot
from ledger.movements import Movement, MovementKind
from ledger.operation import Event, Operation
from ledger.roles import ASSET_ISSUER
from primitives.ids import AccountId, Natural, Sized32, TimeMs


@final
class Transferred(Event, tag="money.transferred", frozen=True):
    """Line {line} of {payer} paid {amount} {asset} to {to}, reference {reference}."""

    payer: Sized32[AccountId]
    line: Natural[int]
    to: Sized32[AccountId]
    asset: assets.AssetCode
    amount: assets.Amount
    reference: books.Reference
    value_date: books.ValueDate | None
    lot: Lot | None

    def moves(self) -> Movement:
        """A payment."""
        return Movement(MovementKind.PAID, self.payer, self.to, self.asset, self.amount, self.lot)


@final
class AssetDefined(Event, tag="money.asset_defined", frozen=True):
    """{issuer} issues {asset} ({exponent} decimals, snapshots {snapshots}, earmark {earmarked})."""

    asset: assets.AssetCode
    exponent: assets.Exponent
    issuer: Sized32[AccountId]
    snapshots: bool
    earmarked: bool
    expires_ms: Natural[TimeMs] | None


@final
class SpentOn(Event, tag="money.spent_on", frozen=True):
    """{payer} spent {amount} of the earmarked {asset} on {purpose}."""

    payer: Sized32[AccountId]
    asset: assets.AssetCode
    amount: Natural[int]
    purpose: assets.PurposeCode


@final
class Issued(Event, tag="money.issued", frozen=True):
    """{issuer} made {amount} {asset} for {to}, reference {reference}."""

    issuer: Sized32[AccountId]
    to: Sized32[AccountId]
    asset: assets.AssetCode
    amount: assets.Amount
    reference: books.Reference

    def moves(self) -> Movement:
        """Money that its issuer made."""
        return Movement(MovementKind.ISSUED, self.issuer, self.to, self.asset, self.amount, None)


@final
class Retired(Event, tag="money.retired", frozen=True):
    """{issuer} took {amount} {asset} back, reference {reference}."""

    issuer: Sized32[AccountId]
    asset: assets.AssetCode
    amount: assets.Amount
    reference: books.Reference

    def moves(self) -> Movement:
        """Money that its issuer had, and took out of the world."""
        issuer = self.issuer
        return Movement(MovementKind.RETIRED, issuer, issuer, self.asset, self.amount, None)


@final
class DefineAsset(Operation, tag="money.define_asset", frozen=True):
    """Define an asset. The actor is its issuer from then on; nothing of it exists yet.

    Needs the role asset_issuer for the network. All that is said here is fixed for ever. With
    snapshots, what each account held after any earlier block is kept, so that votes can be weighed
    by it; each payment then costs a little more. With an earmark, it is spent on these purposes
    only, each paid to those only who have its role; its issuer always receives it. With an end,
    nothing of it is made or passed on from then on, except back to its issuer.
    """

    asset: Annotated[assets.AssetCode, Meta(description="code of the new asset, such as GBP")]
    exponent: Annotated[assets.Exponent, Meta(description="decimal places of the whole unit")]
    snapshots: Annotated[
        bool, Meta(description="whether it is kept what accounts held after earlier blocks")
    ]
    earmark: Annotated[
        assets.Earmark,
        Meta(description="what it may be spent on; none is anything, paid to anybody"),
    ]
    expires_ms: Annotated[Natural[TimeMs] | None, Meta(description="when it lapses; none is never")]

    def apply(self, act: Act) -> None:
        """Write the asset."""
        act.require_role(ASSET_ISSUER)
        row = assets.Asset(self.exponent, act.actor, self.snapshots, self.earmark, self.expires_ms)
        books.define_asset(act, self.asset, row)
        act.emit(
            AssetDefined(
                asset=self.asset,
                exponent=self.exponent,
                issuer=act.actor,
                snapshots=self.snapshots,
                earmarked=bool(self.earmark),
                expires_ms=self.expires_ms,
            )
        )


@final
class Issue(Operation, tag="money.issue", frozen=True):
    """Make money of an asset into the balance of an account. Only its issuer may.

    The reference is one of the issuer's own, used once as in a transfer.
    """

    asset: Annotated[assets.AssetCode, Meta(description="what is made, such as GBP")]
    to: Annotated[AccountId, Meta(min_length=32, max_length=32, description="account that gets it")]
    amount: Annotated[assets.Amount, Meta(description="in minor units of the asset")]
    reference: Annotated[
        books.Reference, Meta(description="the issuer's own; an issuer uses it once")
    ]

    def apply(self, act: Act) -> None:
        """Raise supply and balance."""
        books.issue(act, asset=self.asset, to=self.to, amount=self.amount, reference=self.reference)
        act.emit(Issued(act.actor, self.to, self.asset, self.amount, self.reference))


@final
class Retire(Operation, tag="money.retire", frozen=True):
    """Take money of an asset out of the world, from its issuer's own balance. Only the issuer may.

    The reference is one of the issuer's own, used once as in a transfer.
    """

    asset: Annotated[assets.AssetCode, Meta(description="what is taken back, such as GBP")]
    amount: Annotated[assets.Amount, Meta(description="in minor units of the asset")]
    reference: Annotated[
        books.Reference, Meta(description="the issuer's own; an issuer uses it once")
    ]

    def apply(self, act: Act) -> None:
        """Lower supply and balance."""
        books.retire(act, asset=self.asset, amount=self.amount, reference=self.reference)
        act.emit(Retired(act.actor, self.asset, self.amount, self.reference))


@final
class Transfer(Operation, tag="money.transfer", frozen=True):
    """Pay one or more accounts from the actor's balance; every line is paid, or none.

    No balance falls below its account's floor; a running account pays with its keeper's signature.
    A payer uses a reference once: a line whose reference was used before is refused. Descriptions
    and references are public for ever and must not name or describe a person.
    """

    delegable = True

    asset: Annotated[assets.AssetCode, Meta(description="what is paid, such as GBP")]
    lines: Annotated[books.Lines, Meta(description="the payments")]

    def apply(self, act: Act) -> None:
        """Move the money; say so line by line."""
        books.transfer(act, payer=act.actor, asset=self.asset, lines=self.lines)
        tell(act, act.actor, self.asset, self.lines)


@final
class Spend(Operation, tag="money.spend", frozen=True):
    """Pay from an earmarked asset, for one of the purposes that it is earmarked for.

    Each payee must have the role that the asset asks for this purpose; the issuer always may be
    paid. Everything else is as in a transfer.
    """

    delegable = True

    asset: Annotated[assets.AssetCode, Meta(description="what is spent")]
    purpose: Annotated[assets.PurposeCode, Meta(description="what it is spent on")]
    lines: Annotated[books.Lines, Meta(description="the payments")]

    def apply(self, act: Act) -> None:
        """Move the money; say so line by line, and what for."""
        books.transfer(
            act, payer=act.actor, asset=self.asset, lines=self.lines, purpose=self.purpose
        )
        tell(act, act.actor, self.asset, self.lines)
        total = sum(line.amount for line in self.lines)
        act.emit(SpentOn(act.actor, self.asset, total, self.purpose))


def tell(act: Act, payer: AccountId, asset: str, lines: Sequence[books.Line]) -> None:
    """Say line by line what a transfer paid. Statements, totals and traces are made of this."""
    for index, line in enumerate(lines):
        act.emit(
            Transferred(
                payer=payer,
                line=index,
                to=line.to,
                asset=asset,
                amount=line.amount,
                reference=line.reference,
                value_date=line.value_date,
                lot=line.lot,
            )
        )
