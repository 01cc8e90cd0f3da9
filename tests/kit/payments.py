"""Chains of payments: an agency, vendors whose accounts it keeps, others who pay it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.api import BLOCK_MS, ChainOfOne
from kit.ledger import GBP, GENESIS_TIME, account_id, genesis_document, key, running_account
from ledger.books import Line
from ledger.operation import Operation
from ledger.transaction import Body, Call, check_transaction, sign_body
from primitives.codec import encode
from primitives.ids import TimeMs, TransactionId
from services.money import Transfer
from services.table import TRANSACTION
from storage.keyvalue import KeyValue

AGENCY = "treasury"
OTHERS = ("works", "health")
VENDORS = ("ACME LTD", "BOLT LTD", "COPY LTD")
"""Running accounts kept by the agency, without a floor."""


@dataclass(frozen=True)
class Payment:
    """One line, and who pays it. The reference is given when it is put on a chain."""

    payer: str
    payee: str
    amount: int
    description: str = ""
    value_date: str | None = None


@dataclass
class Ledger:
    """A chain of one on which the agency and its vendors pay each other."""

    chain: ChainOfOne
    vendors: Sequence[str] = VENDORS
    references: int = 0
    paid: dict[str, Payment] = field(default_factory=dict)
    """By reference, whether the payment was refused or not."""

    @classmethod
    def begin(
        cls, database: KeyValue | None = None, *, vendors: Sequence[str] = VENDORS
    ) -> "Ledger":
        accounts = [running_account(name, AGENCY) for name in vendors]
        chain = ChainOfOne(database, document=genesis_document(accounts=accounts))
        chain.holding = True
        return cls(chain, vendors)

    def put(self, *payments: Payment) -> TransactionId:
        """One transaction, of the first payment's payer; it waits for the next block."""
        lines = []
        for payment in payments:
            self.references += 1
            reference = f"ref-{self.references}"
            self.paid[reference] = payment
            lines.append(
                Line(
                    account_id(payment.payee),
                    payment.amount,
                    reference,
                    payment.description,
                    payment.value_date,
                    None,
                )
            )
        return self.act(payments[0].payer, Transfer(GBP, tuple(lines)))

    def act(self, actor: str, operation: Operation) -> TransactionId:
        """One transaction; it waits for the next block, which may refuse it."""
        chain = self.chain
        self.references += 1
        now = GENESIS_TIME + chain.store.head().height * BLOCK_MS
        body: Body[Any] = Body(
            chain=chain.chain,
            valid_until=TimeMs(now + 60_000),
            salt=self.references.to_bytes(16, "big"),
            calls=(Call(account_id(actor), operation),),
        )
        signer = key(AGENCY if actor in self.vendors else actor)
        tx = check_transaction(encode(sign_body(body, [signer])), chain.chain, TRANSACTION)
        chain.waiting[tx.id] = tx
        return tx.id

    def block(self, payments: Sequence[Payment] = ()) -> None:
        """A block of what waits and of these, a transaction each."""
        for payment in payments:
            self.put(payment)
        self.chain.make_block()
