"""Chains that a deliberately different ledger made: certified, whole, and not what ours makes.

Its transfers do what a test says. Blocks, certificates, receipts and roots are that ledger's own,
so nothing but executing the transactions can tell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kit.api import ChainOfOne
from kit.ledger import GBP, account_id, genesis_document, pay
from ledger import assets, books
from ledger.act import Act
from ledger.assets import AssetCode
from ledger.books import Balance, Holding, Lines
from ledger.genesis import GenesisBalance
from ledger.operation import Operation, Refused
from ledger.transaction import Transaction, check_transaction
from primitives.ids import Digest, TransactionId
from services.money import Transferred
from services.registry.stamps import STAMPS, Stamp, StampAct, StampKey


class Pays(Protocol):
    """A transfer as it stands in a transaction."""

    asset: str
    lines: tuple[books.Line, ...]


Rule = Callable[[Any, Act], None]


def kind_where(rule: Rule) -> Any:  # noqa: ANN401 - a generic alias
    """The kind of transactions of a ledger whose transfers follow this rule."""

    class Transfer(Operation, tag="money.transfer", frozen=True):
        asset: AssetCode
        lines: Lines

        def apply(self, act: Act) -> None:
            rule(self, act)

    return Transaction[Transfer]


def ours(transfer: Pays, act: Act, *, takes: int = 0) -> None:
    """What our own ledger does; `takes` is said to be less than what was paid."""
    books.transfer(act, payer=act.actor, asset=transfer.asset, lines=transfer.lines)
    for index, line in enumerate(transfer.lines):
        act.emit(
            Transferred(
                payer=act.actor,
                line=index,
                to=line.to,
                asset=transfer.asset,
                amount=line.amount - takes,
                reference=line.reference,
                value_date=line.value_date,
                lot=line.lot,
            )
        )


def skims(transfer: Pays, act: Act) -> None:
    """A penny of each payment goes to the works department, and nobody is told."""
    ours(transfer, act)
    rows = act.state[books.BALANCES]
    payee = Holding(transfer.lines[0].to, transfer.asset)
    works = Holding(account_id("works"), transfer.asset)
    held, skimmed = rows.find(payee), rows.find(works)
    assert held is not None
    rows[payee] = Balance(held.amount - 1, held.held)
    rows[works] = Balance(1 if skimmed is None else skimmed.amount + 1, 0)


def misreports(transfer: Pays, act: Act) -> None:
    """The state is right, and the receipt says a penny less."""
    ours(transfer, act, takes=1)


def refuses(transfer: Pays, _act: Act) -> None:
    """Every payment is refused."""
    raise Refused(assets.UnknownAsset(transfer.asset))


def stamps(transfer: Pays, act: Act) -> None:
    """Each payment leaves a stamp that nobody asked for."""
    ours(transfer, act)
    key = StampKey(Digest(act.transaction_id), act.actor, StampAct.TIMESTAMP)
    act.state[STAMPS][key] = Stamp(act.transaction_id, act.height, act.time_ms)


def taxes(transfer: Pays, act: Act) -> None:
    """A penny goes from the works department to health: none of ours looks at works at all."""
    ours(transfer, act)
    rows = act.state[books.BALANCES]
    works, health = (Holding(account_id(name), transfer.asset) for name in ("works", "health"))
    held, gets = rows.find(works), rows.find(health)
    assert held is not None
    assert gets is not None
    rows[works] = Balance(held.amount - 1, held.held)
    rows[health] = Balance(gets.amount + 1, gets.held)


@dataclass
class OtherChain:
    """A chain on which the treasury pays, under one ledger and then, from some height, another."""

    chain: ChainOfOne
    paid: int = 0

    @classmethod
    def begin(cls) -> "OtherChain":
        balances = [GenesisBalance(account_id("works"), GBP, 1_000)]
        chain = ChainOfOne(document=genesis_document(balances=balances))
        chain.holding = True
        return cls(chain)

    def block(self, rule: Rule = ours, *, payments: int = 2) -> list[TransactionId]:
        """A block of payments to health, executed by a ledger with this rule."""
        made = []
        for _ in range(payments):
            self.paid += 1
            data = self.chain.signed("treasury", pay("health", 100, f"other-{self.paid}"))
            tx = check_transaction(data, self.chain.chain, kind_where(rule))
            self.chain.waiting[tx.id] = tx
            made.append(tx.id)
        self.chain.make_block()
        return made
