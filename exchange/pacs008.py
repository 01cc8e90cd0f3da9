"""Payments for a bank to carry out: the financial institution credit transfer, pacs.008.001.08.

Each voucher that the treasury paid is one credit transfer to its payee's bank account. On the
ledger the payment is final; this file asks a bank to follow it. The same payments are the same
bytes with the same identifiers, so a bank that gets a file twice knows it; a file with one payment
more is another message, in which the others have the references and UETRs that they had.

All of a file is one currency and one day of settlement, as the standard wants its total to be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, final

from exchange.iso20022 import (
    NAMESPACE,
    TEXT_140,
    Party,
    account,
    agent,
    amount,
    currency,
    document_reference,
    moment,
    name,
    reference,
    short,
    uetr,
    utc_day,
)
from exchange.treasury_data import TreasuryData, whole_units
from exchange.xml import Element, document, element
from primitives.errors import OperatorFault
from primitives.ids import AccountId
from services.treasury.rows import VoucherRow

VERSION: Final = "pacs.008.001.08"
_GOVERNMENT: Final = "GOVT"
"""ExternalPurpose1Code: a payment to or from a government department."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTransfer:
    """One payment: `reference` is the treasury's own, `transaction` the one that paid."""

    reference: str
    transaction: bytes
    amount: int
    payee: Party
    invoice: str
    award: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What a bank gets: who pays, on which day, and the payments."""

    id: str
    time_ms: int
    day: str
    asset: str
    exponent: int
    payer: Party
    transfers: Sequence[CreditTransfer]


def settlements(data: TreasuryData, banks: Mapping[AccountId, Party]) -> list[Settlement]:
    """What a treasury paid in a month, day by day: to payees, and to creditors what was offset.

    `banks` knows where the treasury's account and those of payees are kept. What was returned since
    is not sent after its payee; its creditors keep theirs. Without a month, all that was ever paid.

    Raises:
        OperatorFault: whoever is paid has no bank account there.
    """
    days: dict[str, list[CreditTransfer]] = {}
    newest: dict[str, int] = {}
    missing: list[AccountId] = []
    for voucher in data.vouchers:
        if voucher.paid_ms is None:
            continue
        day = utc_day(voucher.paid_ms)
        if data.period is None or day.startswith(data.period):
            days.setdefault(day, []).extend(_transfers(voucher, banks, missing))
            newest[day] = max(voucher.paid_ms, newest.get(day, 0))
    payer = banks.get(data.treasury.account)
    if missing or payer is None:
        unknown = sorted({each.hex() for each in missing} | set(_hex(data, payer)))
        raise OperatorFault(
            f"the vendor book has no bank account for {len(unknown)} accounts, the first is "
            f"{unknown[0]}: enter them with mithaq vendors enter"
        )
    return [
        Settlement(
            id=f"{day}-{_digest(transfers)}",
            time_ms=newest[day],
            day=day,
            asset=data.treasury.asset,
            exponent=data.treasury.exponent,
            payer=payer,
            transfers=transfers,
        )
        for day, transfers in sorted(days.items())
        if transfers
    ]


def _digest(transfers: Sequence[CreditTransfer]) -> str:
    """Another name for a file with one payment more."""
    named = (f"{each.transaction.hex()} {each.reference}" for each in transfers)
    return sha256("\n".join(named).encode("utf-8")).hexdigest()[:24]


def _hex(data: TreasuryData, payer: Party | None) -> list[str]:
    return [] if payer is not None else [data.treasury.account.hex()]


def _transfers(
    voucher: VoucherRow, banks: Mapping[AccountId, Party], missing: list[AccountId]
) -> Iterator[CreditTransfer]:
    """To the payee what is left of it and did not come back, to each creditor what was withheld."""
    assert voucher.paid_in is not None, "it was paid"
    withheld = sum(offset.amount_minor for offset in voucher.offsets)
    reference = f"{voucher.award}/{voucher.number}"
    left = voucher.amount_minor + voucher.interest_minor - withheld
    due = [(voucher.payee, reference, left)] if voucher.status == "paid" else []
    for number, offset in enumerate(voucher.offsets, start=1):
        due.append((offset.creditor, f"{reference}-{number}", offset.amount_minor))
    for account_id, known_as, minor in due:
        payee = banks.get(account_id)
        if payee is None:
            missing.append(account_id)
        elif minor:
            yield CreditTransfer(
                reference=known_as,
                transaction=voucher.paid_in,
                amount=minor,
                payee=payee,
                invoice=voucher.invoice,
                award=voucher.award,
            )


def pacs008(settlement: Settlement) -> bytes:
    """The file of a settlement.

    Raises:
        Malformed: the asset is no currency of ISO 20022, or an amount is too large for it.
    """
    code = currency(settlement.asset, settlement.exponent)
    total = sum(each.amount for each in settlement.transfers)
    header = element(
        "GrpHdr",
        element("MsgId", settlement.id),
        element("CreDtTm", moment(settlement.time_ms)),
        element("NbOfTxs", str(len(settlement.transfers))),
        element("CtrlSum", whole_units(total, settlement.exponent)),
        amount("TtlIntrBkSttlmAmt", total, settlement.exponent, code),
        element("IntrBkSttlmDt", settlement.day),
        element("SttlmInf", element("SttlmMtd", "CLRG")),
    )
    transfers = [_transfer(each, settlement, code) for each in settlement.transfers]
    body = element("FIToFICstmrCdtTrf", header, *transfers)
    return document(element("Document", body), f"{NAMESPACE}{VERSION}")


def _transfer(each: CreditTransfer, settlement: Settlement, code: str) -> Element:
    payer, payee = settlement.payer, each.payee
    identity = element(
        "PmtId",
        element("InstrId", short(each.reference)),
        element("EndToEndId", short(each.reference)),
        element("TxId", reference(each.transaction)),
        element("UETR", uetr(each.transaction, each.reference.encode("utf-8"))),
    )
    remittance = element(
        "RmtInf",
        element(
            "Strd",
            document_reference("CINV", each.invoice),
            document_reference("PUOR", each.award),
            element("AddtlRmtInf", f"{each.invoice} {each.award}"[:TEXT_140]),
            element("AddtlRmtInf", each.transaction.hex()),
        ),
    )
    return element(
        "CdtTrfTxInf",
        identity,
        amount("IntrBkSttlmAmt", each.amount, settlement.exponent, code),
        element("ChrgBr", "SLEV"),
        element("Dbtr", name(payer.name)),
        account("DbtrAcct", payer.account),
        agent("DbtrAgt", payer.account),
        agent("CdtrAgt", payee.account),
        element("Cdtr", name(payee.name)),
        account("CdtrAcct", payee.account),
        element("Purp", element("Cd", _GOVERNMENT)),
        remittance,
    )
