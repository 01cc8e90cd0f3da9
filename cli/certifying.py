"""Certifies the invoices of a message: a payment of a pain.001 becomes a voucher, or says why not.

Whom a payment is for, the vendor book says, by the bank account that the message names; where name
or bank are others than the book has, nothing is certified, because that is how payments are stolen.

A message may be imported again, on this machine or another with a copy of the book: each voucher is
certified by a transaction whose salt is made of the book's salt, the message's identifier and the
payment's place in it. So it is known by the chain alone whether an invoice was certified for this
very payment, and then the answer says how it stands by now, or for another one, which is a
duplicate. What was cancelled or returned is not certified again by the same message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from cli.booking import Signer
from cli.courier import Courier, Errand, Parcel
from cli.field_kinds import allows
from cli.vendor_book import Payee, VendorBook
from client.client import Client, check_applied
from exchange.iso20022 import Reason, Status
from exchange.pain001 import Fault, Initiation, Instruction, Refused
from exchange.pain002 import LineStatus
from ledger.books import Reference
from node.queries import FinalTransaction
from primitives.errors import OperatorFault, Rejected
from primitives.ids import AccountId, TransactionId
from services.treasury.awards import AwardCode
from services.treasury.rows import DeliveryRow, TreasuryRow, VoucherRow
from services.treasury.vouchers import CertifyVoucher, VoucherStatus

_DUPLICATE: Final = "treasury.duplicate_invoice"
_REASONS: Final = {
    "accounts.unknown": Reason.CREDITOR_ACCOUNT_INVALID,
    "roles.missing": Reason.FORBIDDEN,
    "treasury.award_is_tokenised": Reason.FORBIDDEN,
    "treasury.due_too_early": Reason.DATE_INVALID,
    "treasury.more_than_delivered": Reason.AMOUNT_NOT_ALLOWED,
    "treasury.no_such_day": Reason.DATE_INVALID,
    "treasury.not_the_recipient": Reason.CREDITOR_INCONSISTENT,
    "treasury.two_duties": Reason.FORBIDDEN,
    "treasury.unknown_award": Reason.REMITTANCE_INVALID,
    "treasury.unknown_delivery": Reason.REMITTANCE_INVALID,
    "treasury.is_withdrawn": Reason.REMITTANCE_INVALID,
}
"""What the ledger refuses, as banks call it; whatever else there is, is said in words."""


class _Unpayable(Exception):
    """Carries a fault out of the judging of one payment."""

    def __init__(self, reason: Reason, said: str) -> None:
        super().__init__(said)
        self.fault = Fault(reason=reason, said=said)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What is certified."""

    payee: AccountId
    delivery: int
    instruction: Instruction


@final
class Certifying:
    """The payments of one message, on their way to being certified."""

    def __init__(
        self,
        courier: Courier,
        certifier: Signer,
        treasury: TreasuryRow,
        book: VendorBook,
        message: Initiation,
    ) -> None:
        self._courier, self._certifier, self._treasury = courier, certifier, treasury
        self._message = message
        self._salt = bytes.fromhex(book.file_id(b"pain.001 " + message.id.encode("utf-8")))
        self._payees: dict[str, list[tuple[AccountId, Payee]]] = {}
        for account, payee in book.payees.items():
            self._payees.setdefault(payee.number, []).append((account, payee))
        self._claims: dict[int, _Claim] = {}
        self._ids: dict[int, TransactionId] = {}
        self._found: dict[int, LineStatus] = {}
        self._duplicates: list[int] = []
        self._run = courier.ask(lambda client: client.status().height)
        self.certified = 0
        """Certified by this run."""

    def judge(self) -> Sequence[LineStatus]:
        """How each payment stands, in order, as far as that is known before anybody certifies.

        What is pending is right as far as the book, the message and the vouchers tell.
        """
        for line in self._message.lines:
            try:
                if self._message.fault is not None:
                    self._reject(line.identity.number, None)
                elif isinstance(line, Refused):
                    self._reject(line.identity.number, line.fault)
                else:
                    self._judge(line)
            except _Unpayable as unpayable:
                self._reject(line.identity.number, unpayable.fault)
        return self._in_order()

    def certify(self) -> Sequence[LineStatus]:
        """Certify what is pending; how each payment stands then.

        Raises:
            Unreachable, NotFinal: nothing moved; run it again.
        """
        waiting = list(self._claims)
        errand = Errand(sign=self._sign, settled=lambda _: None, refused=self._refused)
        self._courier.carry(waiting, errand)
        for number in waiting:
            if self._found[number].status is Status.PENDING and number not in self._duplicates:
                self._conclude(number)
        for number in self._duplicates:
            self._explain(number)
        return self._in_order()

    def _in_order(self) -> Sequence[LineStatus]:
        return [self._found[line.identity.number] for line in self._message.lines]

    # judging

    def _judge(self, line: Instruction) -> None:
        for word, kind, form in (
            (line.invoice, Reference, "1 to 64 printable ASCII characters"),
            (line.award, AwardCode, "1 to 50 capitals, digits and '-'"),
        ):
            if not allows(word, kind):
                text = f"RmtInf: expected {form}, found {word!r}"
                raise _Unpayable(Reason.REMITTANCE_INVALID, text)
        payee = self._payee(line)
        if self._is_known(payee, line):
            return
        delivery = self._delivery(line) if line.delivery is None else line.delivery
        number = line.identity.number
        self._claims[number] = _Claim(payee=payee, delivery=delivery, instruction=line)
        self._set(number, Status.PENDING, None)

    def _is_known(self, payee: AccountId, line: Instruction) -> bool:
        """Whether this very payment was certified before; then it is said how it stands.

        Raises:
            _Unpayable: the invoice was certified for another payment, or not for long.
        """
        before = self._voucher(payee, line.invoice)
        if before is None:
            return False
        if self._is_ours(before, line):
            self._stands(line, before)
            return True
        if VoucherStatus(before.status).stands:
            text = f"invoice {line.invoice} is {before.status} already, under award {before.award}"
            raise _Unpayable(Reason.DUPLICATE, text)
        ours = self._earlier(payee, line, before)
        if ours is not None:
            self._stands(line, ours)
        return ours is not None

    def _earlier(
        self, payee: AccountId, line: Instruction, newest: VoucherRow
    ) -> VoucherRow | None:
        """What an earlier certification of the invoice for this very payment came to."""
        if newest.attempt == 1:
            return None
        asked = {"treasury": self._treasury.treasury, "award": line.award, "payee": payee}
        rows: list[VoucherRow] = self._courier.ask(
            lambda client: list(client.rows("treasury.vouchers", **asked))
        )
        same = (row for row in rows if row.invoice == line.invoice and row != newest)
        return next((row for row in same if self._is_ours(row, line)), None)

    def _payee(self, line: Instruction) -> AccountId:
        # Several may be paid at one account, as by a bank that collects for them.
        there = self._payees.get(line.account, [])
        if not there:
            text = f"{line.account} is the account of no payee in the vendor book"
            raise _Unpayable(Reason.ACCOUNT_WRONG, text)
        called = [each for each in there if _plain(each[1].name) == _plain(line.creditor)]
        if len(called) != 1:
            names = ", ".join(repr(payee.name) for _, payee in there)
            text = f"the vendor book has {names} at {line.account}, found {line.creditor!r}"
            raise _Unpayable(Reason.CREDITOR_INCONSISTENT, text)
        [(account, payee)] = called
        if payee.bic is not None and line.bic is not None and payee.bic != line.bic:
            text = f"the vendor book has the bank {payee.bic} for {line.account}, not {line.bic}"
            raise _Unpayable(Reason.BANK_WRONG, text)
        return account

    def _voucher(self, payee: AccountId, invoice: str) -> VoucherRow | None:
        def ask(client: Client) -> VoucherRow | None:
            return next(client.rows("treasury.voucher", payee=payee, invoice=invoice), None)

        return self._courier.ask(ask)

    def _is_ours(self, voucher: VoucherRow, line: Instruction) -> bool:
        """Whether it was certified for this payment of this message.

        Raises:
            OperatorFault: it may have been, and the node no longer has the transaction that says.
        """
        claimed = (voucher.award, voucher.amount_minor, voucher.due)
        if claimed != (line.award, line.amount, line.due):
            return False
        try:
            made = self._courier.ask(lambda client: client.transaction(voucher.certified_in))
        except Rejected as gone:
            raise OperatorFault(
                f"this node no longer has transaction {voucher.certified_in.hex()}, which "
                f"certified invoice {line.invoice}: name one that keeps all of its history"
            ) from gone
        if not isinstance(made, FinalTransaction) or made.transaction is None:
            return False
        return made.transaction.body.salt.startswith(self._mark(line.identity.number))

    def _stands(self, line: Instruction, voucher: VoucherRow) -> None:
        number = line.identity.number
        match VoucherStatus(voucher.status):
            case VoucherStatus.CERTIFIED:
                self._set(number, Status.ACCEPTED, None)
            case VoucherStatus.PAID:
                self._set(number, Status.SETTLED, None)
            case VoucherStatus.RETURNED:
                text = f"invoice {line.invoice} was paid and returned: {voucher.reason}"
                raise _Unpayable(Reason.NARRATIVE, text)
            case VoucherStatus.CANCELLED:
                text = f"the certification of {line.invoice} was taken back: {voucher.reason}"
                raise _Unpayable(Reason.CANCELLED, text)

    def _delivery(self, line: Instruction) -> int:
        """The one delivery of the award that is not invoiced in full."""

        def ask(client: Client) -> list[DeliveryRow]:
            asked = {"treasury": self._treasury.treasury, "award": line.award}
            return list(client.rows("treasury.deliveries", **asked))

        rows = self._courier.ask(ask)
        standing = [row for row in rows if row.withdrawn is None]
        found = [row.number for row in standing if row.vouchered_minor < row.amount_minor]
        if len(found) != 1:
            listed = ", ".join(map(str, found)) or "none"
            text = (
                "RmtInf: expected the number of a delivery in DISP, as the deliveries of "
                f"{line.award} that are not invoiced are not one but: {listed}"
            )
            raise _Unpayable(Reason.REMITTANCE_INVALID, text)
        return found[0]

    # certifying

    def _mark(self, number: int) -> bytes:
        """By what the transaction of a payment is known."""
        return self._salt + number.to_bytes(4, "big")

    def _sign(self, number: int) -> Parcel:
        claim = self._claims[number]
        operation = CertifyVoucher(
            award=claim.instruction.award,
            delivery=claim.delivery,
            payee=claim.payee,
            invoice=claim.instruction.invoice,
            amount=claim.instruction.amount,
            due=claim.instruction.due,
        )
        # The height makes each run's transactions its own: what was refused once may pass today.
        signer, salt = self._certifier, self._mark(number) + self._run.to_bytes(8, "big")
        parcel = signer.parcel(number, signer.account, salt, operation)
        self._ids[number] = parcel.id
        return parcel

    def _refused(self, number: int, refusal: Rejected) -> None:
        if refusal.code == _DUPLICATE:
            self._duplicates.append(number)  # perhaps of what an earlier run left waiting
            return
        reason = _REASONS.get(refusal.code, Reason.NARRATIVE)
        self._reject(number, Fault(reason=reason, said=refusal.message))

    def _explain(self, number: int) -> None:
        """The chain has a voucher of this invoice by now: this payment's, or another's."""
        claim = self._claims[number]
        try:
            self._courier.catch_up()
            if not self._is_known(claim.payee, claim.instruction):
                raise _Unpayable(Reason.DUPLICATE, "another certification came between; run again")
        except _Unpayable as unpayable:
            self._reject(number, unpayable.fault)

    def _conclude(self, number: int) -> None:
        """What stands in a block was applied, or refused there."""
        identifier = self._ids[number]
        try:
            check_applied(self._courier.ask(lambda client: client.wait(identifier)))
        except Rejected as refusal:
            self._refused(number, refusal)
        else:
            self.certified += 1
            self._set(number, Status.ACCEPTED, None)

    def _reject(self, number: int, fault: Fault | None) -> None:
        self._set(number, Status.REJECTED, fault)

    def _set(self, number: int, status: Status, fault: Fault | None) -> None:
        identity = self._message.lines[number - 1].identity
        self._found[number] = LineStatus(identity=identity, status=status, fault=fault)


def _plain(name: str) -> str:
    """A name as it is compared: without the difference of letters' cases and of spaces."""
    return " ".join(name.casefold().split())
