"""Payments for a bank to carry out: the financial institution credit transfer, pacs.008.001.08.

Each voucher that the treasury paid is one credit transfer to its payee's bank account. On the
ledger the payment is final; this file asks a bank to follow it. The same vouchers give the same
identifiers, so a bank that gets the file twice knows it.

All of a file is one currency and one day of settlement, as the standard wants its total to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from exchange.iso20022 import (
    NAMESPACE,
    TEXT_140,
    Party,
    account,
    agent,
    amount,
    amount_text,
    currency,
    document_reference,
    moment,
    name,
    reference,
    short,
    uetr,
)
from exchange.xml import Element, document, element

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
        element("CtrlSum", amount_text(total, settlement.exponent)),
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
