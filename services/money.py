"""Money: payments between accounts, over the kernel's books."""

from typing import Annotated, final

from msgspec import Meta

from ledger import books
from ledger.act import Act
from ledger.operation import Event, Operation
from primitives.ids import AccountId, Natural, Sized32


@final
class Transferred(Event, tag="money.transferred", frozen=True):
    """Line {line} of {payer} paid {amount} {asset} to {to}, reference {reference}."""

    payer: Sized32[AccountId]
    line: Natural[int]
    to: Sized32[AccountId]
    asset: books.AssetCode
    amount: books.Amount
    reference: books.Reference
    value_date: books.ValueDate | None


@final
class Transfer(Operation, tag="money.transfer", frozen=True):
    """Pay one or more accounts from the actor's balance; every line is paid, or none.

    A payer uses a reference once: a line whose reference was used before is refused. Descriptions
    and references are public for ever and must not name or describe a person.
    """

    asset: Annotated[books.AssetCode, Meta(description="what is paid, such as GBP")]
    lines: Annotated[books.Lines, Meta(description="the payments")]

    def apply(self, act: Act) -> None:
        """Move the money; say so line by line."""
        books.transfer(act, payer=act.actor, asset=self.asset, lines=self.lines)
        for index, line in enumerate(self.lines):
            act.emit(
                Transferred(
                    payer=act.actor,
                    line=index,
                    to=line.to,
                    asset=self.asset,
                    amount=line.amount,
                    reference=line.reference,
                    value_date=line.value_date,
                )
            )
