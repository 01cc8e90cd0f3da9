"""Under which norm something was done: the receipt says it, and proves it."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger.norms import ActedUnder, Bindable, NormCode, NormVersionNumber
from ledger.query import Page
from node.reports.moment import Moment, Report
from node.reports.page import UNKNOWN_TRANSACTION
from primitives.errors import Rejected
from primitives.ids import Height, Natural, TimeMs, TransactionId


@final
class ActedUnderRow(Struct, frozen=True, kw_only=True):
    """What was done under which version of which norm, in the block of a height."""

    operation: Bindable
    norm: NormCode
    version: NormVersionNumber
    height: Natural[Height]
    time_ms: Natural[TimeMs]


@final
class NormOf(Report, tag="authority.norm_of", frozen=True, kw_only=True):
    """Under which norms a transaction was done; none is bound by law if there are no rows."""

    transaction: Annotated[
        TransactionId,
        Meta(min_length=32, max_length=32, description="id of a transaction, or of what fell due"),
    ]

    def tell(self, moment: Moment) -> Page[ActedUnderRow]:
        """Read the receipt.

        Raises:
            Rejected: no block up to here has it.
        """
        place = moment.store.find_transaction(self.transaction)
        if place is None or place.height > moment.height:
            raise Rejected(
                UNKNOWN_TRANSACTION,
                f"transaction {self.transaction.hex()} is in no block",
                {"transaction": self.transaction.hex()},
            )
        name = f"transactions/{self.transaction.hex()}"
        receipt = moment.receipt(place)
        found = {
            f"{name}/events/{number}": ActedUnderRow(
                operation=event.operation,
                norm=event.norm,
                version=event.version,
                height=place.height,
                time_ms=moment.header(place.height).time_ms,
            )
            for number, event in enumerate(receipt.events, 1)
            if isinstance(event, ActedUnder)
        }
        return Page(list(found.values()), None, list(found))
