"""Invoices to pay, out of an agency's own system: customer credit transfer initiations, pain.001.

Versions .03 to .13 are read; what is taken from them stands in the same place in all of them. A
payment of a treasury must say more than a bank needs, and says it where the standard has room
(structured remittance information):

- the **invoice** it pays: a referred document of type CINV;
- the **award** under which it is owed: a creditor reference of type PUOR (purchase order), or from
  version .04 on a referred document of that type;
- the **delivery** that it is for, by its number: a referred document of type DISP. It may be left
  out where the award has one delivery only that is not invoiced.

The requested execution date is the day on which it is due. A message whose own sums are wrong is
refused as a whole; what is wrong with one payment costs that payment alone. Either way the answer
is a code of ISO 20022 with a sentence for people (`exchange.pain002`).
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, final

from exchange import limits
from exchange.iso20022 import NAMESPACE, TEXT_35, Reason, is_bic, is_iban, minor_units
from exchange.xml import Element, children, namespace_of, read_xml, shown, text_at
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX

VERSIONS: Final = tuple(f"pain.001.001.{number:02}" for number in range(3, 14))
_SUM_EXPONENT: Final = 17
"""Places of a control sum, which is of bare numbers, whatever their currencies (DecimalNumber)."""
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T.*|Z|[+-][0-9]{2}:[0-9]{2})?")
_ABSENT: Final = "NOTPROVIDED"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """By what the sender knows a payment; `number` counts from 1 through the message."""

    number: int
    batch: str
    instruction: str | None
    end_to_end: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A payment that can be asked for. `delivery` is None where the message names none."""

    identity: Identity
    creditor: str
    account: str
    bic: str | None
    amount: int
    due: str
    award: str
    delivery: int | None
    invoice: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why something cannot be paid: a code for programs, a sentence for people."""

    reason: Reason
    said: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A payment that cannot be asked for."""

    identity: Identity
    fault: Fault


Line = Instruction | Refused


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Initiation:
    """One message: who knows it by which name, and its payments in order.

    With a `fault` it is refused as a whole, and no line may be paid.
    """

    version: str
    id: str
    created: str | None
    lines: tuple[Line, ...]
    fault: Fault | None


class _Wrong(Exception):
    """Carries a fault out of the reading of one field."""

    def __init__(self, reason: Reason, said: str) -> None:
        super().__init__(said)
        self.fault = Fault(reason=reason, said=said)


def read_pain001(data: bytes, *, asset: str, exponent: int) -> Initiation:
    """The payments of a message in an asset with so many decimal places.

    Raises:
        Malformed: it is no pain.001 of a version that we know, or has no identifier of its own, so
            that there is nobody whom an answer could name.
        OperatorFault: defusedxml is missing.
    """
    root = read_xml(data)
    version = namespace_of(root).removeprefix(NAMESPACE)
    if version not in VERSIONS or not root.tag.endswith("}Document"):
        raise Malformed(
            f"expected a Document of {VERSIONS[0]} to {VERSIONS[-1]}, found {shown(root.tag)}"
        )
    body = next(children(root, "CstmrCdtTrfInitn"), None)
    identifier = None if body is None else text_at(body, "GrpHdr/MsgId")
    if body is None or identifier is None or len(identifier) > TEXT_35:
        raise Malformed(
            f"expected a message identifier (GrpHdr/MsgId) of 1 to {TEXT_35} characters, found "
            f"{shown(identifier)}"
        )
    parts = list(children(body, "PmtInf"))
    count = sum(1 for part in parts for _ in children(part, "CdtTrfTxInf"))
    if count > limits.IMPORT_INSTRUCTIONS_MAX:
        raise Malformed(
            f"expected at most {limits.IMPORT_INSTRUCTIONS_MAX} payments, found {count}"
        )
    if count == 0:
        raise Malformed("expected at least one payment (PmtInf/CdtTrfTxInf), found none")
    reader = _Reader(asset, exponent)
    return Initiation(
        version=version,
        id=identifier,
        created=text_at(body, "GrpHdr/CreDtTm"),
        lines=tuple(line for part in parts for line in reader.batch(part)),
        fault=_sums(body, "GrpHdr/NbOfTxs", "GrpHdr/CtrlSum", list(children(body, _ALL))),
    )


_ALL: Final = "PmtInf/CdtTrfTxInf"


def _sums(whole: Element, count_at: str, sum_at: str, parts: list[Element]) -> Fault | None:
    """Whether what is said of all payments is true of them."""
    count, total = text_at(whole, count_at), text_at(whole, sum_at)
    # What has no amount is refused by itself, and then there is no sum to compare.
    amounts = [minor_units(_amount_text(part), _SUM_EXPONENT) for part in parts]
    if count is not None and not (_COUNT.fullmatch(count) and int(count) == len(parts)):
        text = f"{count_at}: expected {len(parts)}, as many payments as there are, found {count}"
        return Fault(reason=Reason.COUNT_WRONG, said=text)
    if total is None or None in amounts:
        return None
    summed = sum(each for each in amounts if each is not None)
    if minor_units(total, _SUM_EXPONENT) != summed:
        exact = Decimal(summed).scaleb(-_SUM_EXPONENT).normalize()
        text = f"{sum_at}: expected {exact:f}, the sum of the payments, found {total}"
        return Fault(reason=Reason.CONTROL_SUM_WRONG, said=text)
    return None


def _amount_text(part: Element) -> str | None:
    return text_at(part, "Amt/InstdAmt")


@final
class _Reader:
    """Reads payments, and counts them."""

    def __init__(self, asset: str, exponent: int) -> None:
        self._asset, self._exponent = asset, exponent
        self._number = 0

    def batch(self, part: Element) -> Iterator[Line]:
        """The payments of one payment information block."""
        name = text_at(part, "PmtInfId") or ""
        payments = list(children(part, "CdtTrfTxInf"))
        fault, due = _sums(part, "NbOfTxs", "CtrlSum", payments), ""
        try:
            due = _due(part)
            method = text_at(part, "PmtMtd")
            if method != "TRF":
                text = f"PmtMtd: expected TRF, a transfer, found {shown(method)}"
                raise _Wrong(Reason.PAYMENT_TYPE_INVALID, text)
        except _Wrong as wrong:
            fault = fault or wrong.fault
        for payment in payments:
            self._number += 1
            identity = Identity(
                number=self._number,
                batch=name[:TEXT_35],
                instruction=(text_at(payment, "PmtId/InstrId") or "")[:TEXT_35] or None,
                end_to_end=(text_at(payment, "PmtId/EndToEndId") or _ABSENT)[:TEXT_35],
            )
            if fault is not None:
                yield Refused(identity=identity, fault=fault)
                continue
            try:
                yield self._instruction(payment, identity, due)
            except _Wrong as wrong:
                yield Refused(identity=identity, fault=wrong.fault)

    def _instruction(self, payment: Element, identity: Identity, due: str) -> Instruction:
        documents = _documents(payment)
        amount = self._amount(payment)
        creditor = text_at(payment, "Cdtr/Nm")
        if creditor is None:
            raise _Wrong(Reason.CREDITOR_NAME_MISSING, "Cdtr/Nm: expected a name, found nothing")
        return Instruction(
            identity=identity,
            creditor=creditor,
            account=_account(payment),
            bic=_bic(payment),
            amount=amount,
            due=due,
            invoice=_needed(documents, "CINV", "the invoice"),
            award=_needed(documents, "PUOR", "the award"),
            delivery=_delivery(documents.get("DISP")),
        )

    def _amount(self, payment: Element) -> int:
        instructed = next(children(payment, "Amt/InstdAmt"), None)
        if instructed is None:
            text = "Amt/InstdAmt: expected an amount in the currency of the account, found nothing"
            raise _Wrong(Reason.AMOUNT_INVALID, text)
        code = instructed.get("Ccy")
        if code != self._asset:
            text = f"Amt/InstdAmt: expected {self._asset}, found {shown(code)}"
            raise _Wrong(Reason.CURRENCY_NOT_ALLOWED, text)
        found = minor_units(_amount_text(payment), self._exponent)
        if found is None or found > INTEGER_MAX:
            text = (
                f"Amt/InstdAmt: expected a decimal number with at most {self._exponent} places, "
                f"found {shown(_amount_text(payment))}"
            )
            raise _Wrong(Reason.AMOUNT_INVALID, text)
        if found == 0:
            raise _Wrong(Reason.ZERO_AMOUNT, "Amt/InstdAmt: expected more than nothing, found 0")
        return found


def _due(part: Element) -> str:
    places = ("ReqdExctnDt/Dt", "ReqdExctnDt/DtTm", "ReqdExctnDt")
    said = next((text for place in places if (text := text_at(part, place))), None)
    found = _DATE.fullmatch(said or "")
    try:
        if found is None:
            raise ValueError
        return datetime.date.fromisoformat(found[1]).isoformat()
    except ValueError:
        text = f"ReqdExctnDt: expected a day of the calendar, found {shown(said)}"
        raise _Wrong(Reason.DATE_INVALID, text) from None


def _account(payment: Element) -> str:
    iban = text_at(payment, "CdtrAcct/Id/IBAN")
    if iban is not None and not is_iban(iban):
        text = f"CdtrAcct: expected an IBAN whose check digits hold, found {shown(iban)}"
        raise _Wrong(Reason.CREDITOR_ACCOUNT_INVALID, text)
    found = iban or text_at(payment, "CdtrAcct/Id/Othr/Id")
    if found is None:
        text = "CdtrAcct: expected the creditor's account, found nothing"
        raise _Wrong(Reason.CREDITOR_ACCOUNT_INVALID, text)
    return found


def _bic(payment: Element) -> str | None:
    bank = "CdtrAgt/FinInstnId"
    found = text_at(payment, f"{bank}/BICFI") or text_at(payment, f"{bank}/BIC")
    return found if found is not None and is_bic(found) else None


def _documents(payment: Element) -> dict[str, str]:
    """Kind → number of each document that the payment refers to."""
    found: dict[str, str] = {}
    for kind_at, number_at, place in (
        ("Tp/CdOrPrtry/Cd", "Nb", "RmtInf/Strd/RfrdDocInf"),
        ("Tp/CdOrPrtry/Cd", "Ref", "RmtInf/Strd/CdtrRefInf"),
    ):
        for each in children(payment, place):
            kind, number = text_at(each, kind_at), text_at(each, number_at)
            if kind is None or number is None:
                continue
            if found.setdefault(kind, number) != number:
                text = (
                    f"RmtInf: expected one document of type {kind}, found {shown(found[kind])} "
                    f"and {shown(number)}"
                )
                raise _Wrong(Reason.REMITTANCE_INVALID, text)
    return found


def _needed(documents: dict[str, str], kind: str, what: str) -> str:
    number = documents.get(kind)
    if number is None:
        text = f"RmtInf: expected {what}, a document of type {kind}, found none"
        raise _Wrong(Reason.REMITTANCE_INVALID, text)
    return number


def _delivery(number: str | None) -> int | None:
    if number is None:
        return None
    if not _NUMBER.fullmatch(number) or int(number) == 0:
        text = f"RmtInf: expected the number of a delivery in DISP, found {shown(number)}"
        raise _Wrong(Reason.REMITTANCE_INVALID, text)
    return int(number)
