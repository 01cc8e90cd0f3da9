"""Takes the rows of an agency's file through its offices: delivered, certified, paid.

Each row with a positive amount becomes an invoice under the award of its description, and each
with a negative one a credit note. Acts go in batches, many calls of one officer in a transaction;
where a batch is refused, its rows go one by one, so that one wrong row stops no other.

The chain is the truth about what is done already. An invoice and a credit note are found by payee
and number and are used once, so the same file may be booked again after whatever stopped it: rows
that are certified are paid, rows that are paid are left alone. What was cancelled or came back is
not certified again by a file: somebody decided that, and decides what follows.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any, Final, final

from cli.booking import VALID_FOR_MS, Refusal, Signer
from cli.courier import Courier, Errand, Parcel
from client.client import Client, check_applied
from exchange.payments import Payment
from ledger.operation import Operation
from ledger.transaction import Body, Call, sign_body, transaction_id
from primitives import limits
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import AccountId, TimeMs, TransactionId
from services.treasury.deliveries import AcceptDelivery
from services.treasury.payments import DisburseVoucher
from services.treasury.period import Day, day_of
from services.treasury.returns import RefundAward
from services.treasury.rows import DeliveryRow, TreasuryRow, VoucherRow
from services.treasury.vouchers import CertifyVoucher

BATCH_CALLS: Final = 50
"""Acts of one transaction: few enough for its receipt, many enough that signatures cost little."""
SALT_BYTES: Final = 16


@unique
class Stage(Enum):
    """How far a row came."""

    NEW = "new"
    CERTIFIED = "certified"
    DONE = "done"
    """Paid, or the credit note is booked."""
    REFUSED = "refused"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Officers:
    """Who does what; three people, and the agency, which keeps its vendors' accounts."""

    receiver: Signer
    certifier: Signer
    payer: Signer
    keeper: Signer


@final
@dataclass(slots=True, kw_only=True)
class VoucherRun:
    """The rows of one file on their way.

    Invariant: a row is certified or done only if the chain says so.
    """

    courier: Courier
    officers: Officers
    treasury: TreasuryRow
    payments: Sequence[Payment]
    accounts: Mapping[str, AccountId]
    awards: Mapping[str, str]
    """Description → award."""
    file_id: str
    """Also the milestone of what this file's invoices were delivered by."""
    stages: list[Stage] = field(init=False)
    refusals: dict[int, Refusal] = field(default_factory=dict)
    _done_in: dict[int, TransactionId] = field(default_factory=dict)
    _deliveries: dict[str, DeliveryRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stages = [Stage.NEW] * len(self.payments)
        for number, row in enumerate(self.payments):
            if row.description not in self.awards:
                expected = "a description that has an award"
                self._refuse(number, "description", expected, repr(row.description))

    def at(self, stage: Stage) -> list[int]:
        """The rows that came so far."""
        return [number for number, found in enumerate(self.stages) if found is stage]

    def _payee(self, number: int) -> AccountId:
        return self.accounts[self.payments[number].vendor]

    def _award(self, number: int) -> str:
        return self.awards[self.payments[number].description]

    def _refuse(self, number: int, what: str, expected: str, actual: str) -> None:
        self.stages[number] = Stage.REFUSED
        self.refusals[number] = Refusal(field=what, expected=expected, actual=actual)

    # what the chain says

    def read_chain(self) -> None:
        """How far each row is by now."""
        self.courier.catch_up()
        ministry = self.treasury.treasury
        ask = {"treasury": ministry, "limit": limits.QUERY_ROWS_MAX}
        vouchers: list[VoucherRow] = self.courier.ask(_rows("treasury.vouchers", ask))
        refunds = self.courier.ask(_rows("treasury.refunds", ask))
        certified = {(row.payee, row.invoice): row for row in vouchers}
        back = {(row.payee, row.credit_note): row for row in refunds}
        for number, row in enumerate(self.payments):
            if self.stages[number] is Stage.REFUSED:
                continue
            key = (self._payee(number), row.reference)
            known: Any = certified.get(key) if row.amount > 0 else back.get(key)
            if known is not None:
                self._compare(number, known)

    def _compare(self, number: int, known: Any) -> None:  # noqa: ANN401 - either row
        row = self.payments[number]
        status = getattr(known, "status", "paid")
        if status in {"cancelled", "returned"}:
            expected = "an invoice that an officer did not take back and that did not come back"
            self._refuse(
                number, "reference", expected, f"{row.reference!r}: {status}, {known.reason}"
            )
            return
        if (known.award, known.amount_minor) != (self._award(number), abs(row.amount)):
            actual = f"{known.amount_minor} minor units under {known.award}"
            expected = "a number that the payee used for nothing else"
            self._refuse(number, "reference", expected, actual)
        else:
            self.stages[number] = Stage.DONE if status == "paid" else Stage.CERTIFIED

    # the steps

    def go(self, say: Callable[[str], None]) -> None:
        """All steps; `say` hears of each, and of how many rows."""
        self.read_chain()
        fresh = [number for number in self.at(Stage.NEW) if self.payments[number].amount > 0]
        if fresh:
            say(f"certifying {len(fresh):,} rows")
            self._deliver(fresh)
            fresh = [number for number in fresh if self.stages[number] is Stage.NEW]
            self._carry(fresh, self.officers.certifier, self._certify, Stage.NEW)
        due = self.at(Stage.CERTIFIED)
        if due:
            say(f"paying {len(due):,} rows")
            self._carry(due, self.officers.payer, self._pay, Stage.CERTIFIED)
        back = [number for number in self.at(Stage.NEW) if self.payments[number].amount < 0]
        if back:
            say(f"booking {len(back):,} credit notes")
            self._carry(back, self.officers.keeper, self._refund, Stage.NEW)

    def _deliver(self, numbers: Sequence[int]) -> None:
        """Accept what the rows of each award invoice, unless an earlier run did."""
        needed: defaultdict[str, int] = defaultdict(int)
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for number in numbers:
            needed[self._award(number)] += self.payments[number].amount
            rows[self._award(number)].append(number)
        self._read_deliveries(needed)
        missing = [award for award in needed if award not in self._deliveries]
        today = self._today()

        def accept(place: int) -> tuple[AccountId, Operation]:
            award = missing[place]
            return self.officers.receiver.account, AcceptDelivery(
                award=award,
                amount=needed[award],
                date=today,
                milestone=self.file_id,
                record=None,
            )

        # No rule refuses what is delivered a second time: what a run that was stopped may have left
        # waiting is handed over as the same transaction. One that was refused is not tried again.
        known = bytes.fromhex(self.file_id)
        refused = self._send(
            range(len(missing)), self.officers.receiver, accept, size=1, salt=known
        )
        self._read_deliveries(needed)
        left = [place for place, award in enumerate(missing) if award not in self._deliveries]
        if left:
            refused |= self._send(left, self.officers.receiver, accept, size=1)
            self._read_deliveries(needed)
        for place, award in enumerate(missing):
            if award not in self._deliveries:
                why = refused.get(place) or self._explained(place)
                for number in rows[award]:
                    self._refuse_as(number, why)

    def _read_deliveries(self, needed: Mapping[str, int]) -> None:
        self.courier.catch_up()
        ask = {"treasury": self.treasury.treasury, "limit": limits.QUERY_ROWS_MAX}
        for row in self.courier.ask(_rows("treasury.deliveries", ask)):
            if row.withdrawn is not None:
                continue
            left = row.amount_minor - row.vouchered_minor
            if row.milestone == self.file_id and left >= needed.get(row.award, left + 1):
                self._deliveries[row.award] = row

    def _today(self) -> Day:
        return day_of(TimeMs(self.courier.ask(lambda client: client.status().block_time_ms)))

    def _certify(self, number: int) -> tuple[AccountId, Operation]:
        row, delivery = self.payments[number], self._deliveries[self._award(number)]
        return self.officers.certifier.account, CertifyVoucher(
            award=delivery.award,
            delivery=delivery.number,
            payee=self._payee(number),
            invoice=row.reference,
            amount=row.amount,
            due=max(row.value_date, delivery.date),
        )

    def _pay(self, number: int) -> tuple[AccountId, Operation]:
        invoice = self.payments[number].reference
        return self.officers.payer.account, DisburseVoucher(self._payee(number), invoice, ())

    def _refund(self, number: int) -> tuple[AccountId, Operation]:
        row = self.payments[number]
        return self._payee(number), RefundAward(self._award(number), row.reference, -row.amount)

    # carrying

    def _carry(
        self,
        numbers: Sequence[int],
        signer: Signer,
        act: Callable[[int], tuple[AccountId, Operation]],
        before: Stage,
    ) -> None:
        """Batches first; what they leave behind goes one by one, and is then done or explained."""
        self._send(numbers, signer, act, size=BATCH_CALLS)
        self.read_chain()
        left = [number for number in numbers if self.stages[number] is before]
        refused = self._send(left, signer, act, size=1)
        self.read_chain()
        for number in left:
            if self.stages[number] is before:
                self._refuse_as(number, refused.get(number) or self._explained(number))

    def _send(
        self,
        numbers: Sequence[int],
        signer: Signer,
        act: Callable[[int], tuple[AccountId, Operation]],
        *,
        size: int,
        salt: bytes | None = None,
    ) -> dict[int, Rejected]:
        """Hand acts over, so many in a transaction; why a node took none of a batch.

        With a `salt` the same acts are the same transaction.
        """
        parts = [numbers[at : at + size] for at in range(0, len(numbers), size)]
        refused: dict[int, Rejected] = {}

        def sign(place: int) -> Parcel:
            parcel = _parcel(place, signer, [act(number) for number in parts[place]], salt)
            self._done_in |= dict.fromkeys(parts[place], parcel.id)
            return parcel

        def refuse(place: int, refusal: Rejected) -> None:
            refused.update(dict.fromkeys(parts[place], refusal))

        errand = Errand(sign=sign, settled=lambda _: None, refused=refuse)
        self.courier.carry(range(len(parts)), errand)
        return refused

    def _explained(self, number: int) -> Rejected:
        """Why what stands in a block came to nothing."""
        identifier = self._done_in[number]
        try:
            check_applied(self.courier.ask(lambda client: client.wait(identifier)))
        except Rejected as refusal:
            return refusal
        return Rejected("import.unclear", "it was applied, and the node does not show it yet")

    def _refuse_as(self, number: int, refusal: Rejected) -> None:
        expected = "a row that the rules of the treasury take"
        self._refuse(number, refusal.code, expected, refusal.message)


def _parcel(
    place: int,
    signer: Signer,
    acts: Sequence[tuple[AccountId, Operation]],
    salt: bytes | None,
) -> Parcel:
    if salt is not None:
        [(actor, operation)] = acts
        return signer.parcel(place, actor, salt, operation)
    # Whatever is handed over twice is refused by the rules, so that the salt need not be known.
    body = Body(
        chain=signer.chain,
        valid_until=TimeMs(time.time_ns() // 1_000_000 + VALID_FOR_MS),
        salt=secrets.token_bytes(SALT_BYTES),
        calls=tuple(Call(actor, operation) for actor, operation in acts),
    )
    return Parcel(place, transaction_id(encode(body)), encode(sign_body(body, (signer.key,))))


def _rows(name: str, asked: Mapping[str, object]) -> Callable[[Client], list[Any]]:
    return lambda client: list(client.rows(name, **asked))
