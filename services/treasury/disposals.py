"""What a property board decides: that a holding lost worth, and that it goes.

Impairing takes an amount from what a holding stands for in the books, and spreads the rest over the
months that are left. Disposing takes its cost and all that has accumulated out of the ledger
accounts; what is left between its worth in the books and what it brings in is a loss, or a gain.
The money is the treasury's: nobody spends it unless the legislature appropriates it.
"""

from typing import Annotated, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import books
from ledger.act import Act
from ledger.assets import Amount
from ledger.operation import Operation
from primitives.ids import AccountId, Natural, Sized32
from services.money import tell
from services.treasury import depreciation, funds, rolling, treasuries
from services.treasury.depreciation import Going, Schedule
from services.treasury.holdings import (
    HOLDING_BOOK,
    AgencyField,
    BuyerMissing,
    BuyerPaysNothing,
    Commitment,
    Disposal,
    DisposalMethod,
    Holding,
    HoldingDisposed,
    HoldingImpaired,
    HoldingKey,
    HoldingStatus,
    OverCarrying,
    TagField,
    WithMembers,
    judge_board,
    need_kept,
)
from services.treasury.period import Period, day_of


@final
class ImpairHolding(Operation, tag="treasury.impair_holding", frozen=True):
    """Take an amount from the worth of a holding: it is damaged, or of less use than before.

    The actor and the others who sign are more than half of the agency's property board, and at
    least two; its custodian is none of them. What is left is used up over the months that remain.
    """

    agency: AgencyField
    holding: TagField
    amount: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]
    record: Commitment
    with_members: WithMembers

    def apply(self, act: Act) -> None:
        """Post the loss, and spread the rest anew."""
        key = HoldingKey(self.agency, self.holding)
        holding = need_kept(act.state, key)
        judge_board(act, key, self.with_members, frozenset({holding.custodian}))
        book = depreciation.need(act.state, holding.class_key)
        used_up = holding.used_up(book)
        carrying = holding.cost - used_up
        act.require(self.amount <= carrying, OverCarrying(self.holding, self.amount, carrying))

        left = carrying - self.amount
        schedule = _spread_anew(holding, book.coming, left)
        depreciation.impair(act, holding.class_key, self.amount, holding.schedule, schedule)
        impaired = replace(
            holding,
            accumulated=used_up + self.amount,
            impaired=holding.impaired + self.amount,
            schedule=schedule,
        )
        rolling.write(act, HOLDING_BOOK, key, impaired)
        act.emit(HoldingImpaired(*key, self.amount, left, self.record))


@final
class DisposeOfHolding(Operation, tag="treasury.dispose_of_holding", frozen=True):
    """Take a holding out of the register and of the books: sold, scrapped, given away or lost.

    The actor and the others who sign are more than half of the agency's property board, and at
    least two; its custodian and its buyer are none of them. A buyer signs too, and pays to the
    treasury's single account at once. The tag is never used again.
    """

    agency: AgencyField
    holding: TagField
    method: Annotated[DisposalMethod, Meta(description="how it goes")]
    proceeds: Annotated[
        Natural[int], Meta(description="what it brings in, in minor units; 0 for nothing")
    ]
    buyer: Annotated[
        Sized32[AccountId] | None, Meta(description="account that pays; none, if nobody does")
    ]
    record: Commitment
    with_members: WithMembers

    def apply(self, act: Act) -> None:
        """Post what goes, and let the buyer pay."""
        key = HoldingKey(self.agency, self.holding)
        holding = need_kept(act.state, key)
        interested = {holding.custodian} if self.buyer is None else {holding.custodian, self.buyer}
        judge_board(act, key, self.with_members, frozenset(interested))
        if self.buyer is None:
            act.require(self.proceeds == 0, BuyerMissing(self.holding, self.proceeds))
        else:
            act.require(self.proceeds > 0, BuyerPaysNothing(self.holding))
            act.require_present(self.buyer)
        book = depreciation.need(act.state, holding.class_key)
        used_up = holding.used_up(book)

        if self.buyer is not None:
            _receive(act, holding, key, self.buyer, self.proceeds)
        going = Going(holding.cost, used_up, self.proceeds)
        depreciation.dispose(act, holding.class_key, going, holding.schedule)
        gone = replace(
            holding,
            accumulated=used_up,
            schedule=None,
            status=HoldingStatus.DISPOSED,
            disposal=Disposal(self.method, day_of(act.time_ms), self.proceeds),
        )
        rolling.write(act, HOLDING_BOOK, key, gone)
        act.emit(
            HoldingDisposed(
                agency=self.agency,
                holding=self.holding,
                method=self.method,
                cost=holding.cost,
                carrying=holding.cost - used_up,
                proceeds=self.proceeds,
                buyer=self.buyer,
                record=self.record,
            )
        )


def _spread_anew(holding: Holding, coming: Period, left: int) -> Schedule | None:
    """What is left of a holding, over the months that are left of its life."""
    before = holding.schedule
    if before is None or left == 0:
        return None
    passed = before.passed(coming)
    return Schedule(max(before.start, coming), before.months - passed, left)


def _receive(act: Act, holding: Holding, key: HoldingKey, buyer: AccountId, proceeds: int) -> None:
    """Let the buyer pay the treasury whose fund has the holding."""
    fund = funds.need(act.state, holding.fund)
    treasury = treasuries.need(act.state, fund.treasury)
    # A tag is disposed of once; that of another agency does not get in its way.
    reference = f"{key.agency.hex()[:16]}/{key.holding}"
    line = books.Line(treasury.account, proceeds, reference, "", None, None)
    books.transfer(act, payer=buyer, asset=treasury.asset, lines=(line,))
    tell(act, buyer, treasury.asset, (line,))
