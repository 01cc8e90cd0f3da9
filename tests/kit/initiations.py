"""Messages as an agency's own system writes them: pain.001, in the old version and the new one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

OLD: Final = "pain.001.001.03"
NEW: Final = "pain.001.001.09"
IBAN: Final = "GB29NWBK60161331926819"
OTHER_IBAN: Final = "DE89370400440532013000"
BIC: Final = "NWBKGB2L"


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """One payment of a message; an empty text leaves its element out."""

    invoice: str = "INV-1"
    award: str = "ROAD-1"
    delivery: str = "1"
    amount: str = "1250.00"
    currency: str = "GBP"
    creditor: str = "Acme Bridges Ltd"
    iban: str = IBAN
    end_to_end: str = "E2E-1"


def initiation(
    *invoices: Invoice,
    version: str = NEW,
    message: str = "MSG-1",
    due: str = "2026-06-30",
    method: str = "TRF",
    count: str | None = None,
    total: str | None = None,
) -> bytes:
    """A message in which everything is right unless it is said otherwise."""
    stated = str(len(invoices)) if count is None else count
    summed = sum((Decimal(each.amount) for each in invoices), Decimal(0))
    day, bank = (due, "BIC") if version == OLD else (f"<Dt>{due}</Dt>", "BICFI")
    payments = "".join(_payment(each, bank) for each in invoices)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2026-06-01T09:00:00Z</CreDtTm><NbOfTxs>{stated}</NbOfTxs>
<CtrlSum>{total or summed}</CtrlSum><InitgPty><Nm>Roads Agency</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>BATCH-1</PmtInfId><PmtMtd>{method}</PmtMtd><ReqdExctnDt>{day}</ReqdExctnDt>
<Dbtr><Nm>Roads Agency</Nm></Dbtr><DbtrAcct><Id><IBAN>{OTHER_IBAN}</IBAN></Id></DbtrAcct>
<DbtrAgt><FinInstnId><{bank}>DEUTDEFF</{bank}></FinInstnId></DbtrAgt>{payments}</PmtInf>
</CstmrCdtTrfInitn></Document>
""".encode()


def _payment(each: Invoice, bank: str) -> str:
    name = f"<Nm>{each.creditor}</Nm>" if each.creditor else ""
    account = f"<CdtrAcct><Id><IBAN>{each.iban}</IBAN></Id></CdtrAcct>" if each.iban else ""
    documents = _document("CINV", each.invoice) + _document("DISP", each.delivery)
    award = f"<CdtrRefInf>{_kind('PUOR')}<Ref>{each.award}</Ref></CdtrRefInf>" if each.award else ""
    return f"""<CdtTrfTxInf><PmtId><InstrId>I-{each.end_to_end}</InstrId>
<EndToEndId>{each.end_to_end}</EndToEndId></PmtId>
<Amt><InstdAmt Ccy="{each.currency}">{each.amount}</InstdAmt></Amt>
<CdtrAgt><FinInstnId><{bank}>{BIC}</{bank}></FinInstnId></CdtrAgt><Cdtr>{name}</Cdtr>{account}
<RmtInf><Strd>{documents}{award}</Strd></RmtInf></CdtTrfTxInf>"""


def _document(kind: str, number: str) -> str:
    return f"<RfrdDocInf>{_kind(kind)}<Nb>{number}</Nb></RfrdDocInf>" if number else ""


def _kind(code: str) -> str:
    return f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
