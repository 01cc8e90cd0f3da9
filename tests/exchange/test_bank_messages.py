"""What banks get from us: pain.002, pacs.008 and camt.053, judged by the official schemas."""

from __future__ import annotations

import calendar
from dataclasses import replace

import pytest
from msgspec import structs

from exchange.camt053 import AccountStatement, Entry, camt053
from exchange.iso20022 import (
    BankAccount,
    Party,
    Reason,
    Status,
    is_bic,
    is_iban,
    minor_units,
    short,
    uetr,
)
from exchange.pacs008 import CreditTransfer, Settlement, pacs008, settlements
from exchange.pain001 import Fault, Identity
from exchange.pain002 import LineStatus, StatusReport, pain002
from exchange.treasury_data import TreasuryData
from exchange.xml import children, read_xml, text_at
from kit.initiations import BIC, IBAN, NEW, OLD, OTHER_IBAN
from kit.iso_schemas import invalid
from kit.treasury_books import ROADS, VENDOR, Bookkeeper
from primitives.errors import Malformed, OperatorFault
from primitives.ids import AccountId
from services.treasury.rows import OffsetRow

NOW = 1_780_000_000_123
PAID_IN = bytes(range(32))
PAYER = Party(name="Ministry of Finance", account=BankAccount(number=OTHER_IBAN, bic=None))
PAYEE = Party(name="Acme & Söhne <Bridges>", account=BankAccount(number=IBAN, bic=BIC))


def texts(data: bytes, path: str) -> list[str | None]:
    """What stands at all places down a path."""
    return [each.text for each in children(read_xml(data), path)]


def line(number: int, status: Status, fault: Fault | None = None, batch: str = "B-1") -> LineStatus:
    identity = Identity(number=number, batch=batch, instruction=None, end_to_end=f"E-{number}")
    return LineStatus(identity=identity, status=status, fault=fault)


def report(*lines: LineStatus, fault: Fault | None = None, version: str = NEW) -> bytes:
    return pain002(
        StatusReport(
            id="ANSWER-1",
            time_ms=NOW,
            original="MSG-1",
            original_version=version,
            lines=lines,
            fault=fault,
        )
    )


DUPLICATE = Fault(reason=Reason.DUPLICATE, said="invoice INV-1 of this payee is paid already")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [(OLD, "pain.002.001.03"), (NEW, "pain.002.001.12"), ("pain.001.001.13", "pain.002.001.12")],
)
def test_an_answer_is_valid_in_the_version_of_the_question(asked: str, answered: str) -> None:
    """With a line of each status."""
    data = report(
        line(1, Status.ACCEPTED),
        line(2, Status.REJECTED, DUPLICATE),
        line(3, Status.SETTLED, batch="B-2"),
        line(4, Status.PENDING, batch="B-2"),
        version=asked,
    )

    assert invalid(data, answered) == []
    body = "CstmrPmtStsRpt/"
    assert texts(data, body + "OrgnlGrpInfAndSts/OrgnlMsgId") == ["MSG-1"]
    assert texts(data, body + "OrgnlGrpInfAndSts/OrgnlMsgNmId") == [asked]
    assert texts(data, body + "OrgnlGrpInfAndSts/GrpSts") == ["PART"]
    lines = body + "OrgnlPmtInfAndSts/"
    assert texts(data, lines + "OrgnlPmtInfId") == ["B-1", "B-2"]
    assert texts(data, lines + "PmtInfSts") == ["PART", "PART"]
    assert texts(data, lines + "TxInfAndSts/OrgnlEndToEndId") == ["E-1", "E-2", "E-3", "E-4"]
    assert texts(data, lines + "TxInfAndSts/TxSts") == ["ACCP", "RJCT", "ACSC", "PDNG"]
    assert texts(data, lines + "TxInfAndSts/StsRsnInf/Rsn/Cd") == ["AM05"]
    assert texts(data, lines + "TxInfAndSts/StsRsnInf/AddtlInf") == [DUPLICATE.said]


def test_payments_that_stand_alike_stand_so_together() -> None:
    """A batch that is accepted is accepted."""
    data = report(line(1, Status.ACCEPTED), line(2, Status.ACCEPTED))

    assert texts(data, "CstmrPmtStsRpt/OrgnlGrpInfAndSts/GrpSts") == ["ACCP"]


def test_a_message_that_is_refused_says_why_once() -> None:
    """All its payments are rejected with it."""
    wrong = Fault(reason=Reason.COUNT_WRONG, said="NbOfTxs: expected 1, found 2")
    data = report(line(1, Status.REJECTED), fault=wrong)

    assert invalid(data, "pain.002.001.12") == []
    assert texts(data, "CstmrPmtStsRpt/OrgnlGrpInfAndSts/GrpSts") == ["RJCT"]
    assert texts(data, "CstmrPmtStsRpt/OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd") == ["AM18"]


def test_a_long_sentence_is_said_in_pieces() -> None:
    """Of 105 characters, as many as the standard carries at a time."""
    said = "".join(chr(0x61 + place % 26) for place in range(250))
    data = report(line(1, Status.REJECTED, Fault(reason=Reason.NARRATIVE, said=said)))

    assert invalid(data, "pain.002.001.12") == []
    pieces = texts(data, "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf/AddtlInf")
    assert [len(each or "") for each in pieces] == [105, 105, 40]
    assert "".join(each or "" for each in pieces) == said


def settlement(*transfers: CreditTransfer) -> Settlement:
    return Settlement(
        id="PAY-2026-05",
        time_ms=NOW,
        day="2026-05-28",
        asset="GBP",
        exponent=2,
        payer=PAYER,
        transfers=transfers,
    )


TRANSFER = CreditTransfer(
    reference="ROAD-1/1",
    transaction=PAID_IN,
    amount=125_000,
    payee=PAYEE,
    invoice="INV-1",
    award="ROAD-1",
)


def test_payments_for_a_bank_are_valid_and_add_up() -> None:
    """Payee, amount, invoice and award of each, and the transaction that paid it."""
    second = replace(TRANSFER, reference="ROAD-1/2", amount=50, invoice="INV-2")
    data = pacs008(settlement(TRANSFER, second))

    assert invalid(data, "pacs.008.001.08") == []
    body, each = "FIToFICstmrCdtTrf/GrpHdr/", "FIToFICstmrCdtTrf/CdtTrfTxInf/"
    assert texts(data, body + "NbOfTxs") == ["2"]
    assert texts(data, body + "TtlIntrBkSttlmAmt") == ["1250.50"]
    assert texts(data, each + "IntrBkSttlmAmt") == ["1250.00", "0.50"]
    assert texts(data, each + "PmtId/EndToEndId") == ["ROAD-1/1", "ROAD-1/2"]
    assert texts(data, each + "PmtId/TxId") == [PAID_IN.hex()[:32]] * 2
    assert len(set(texts(data, each + "PmtId/UETR"))) == 2
    assert texts(data, each + "Cdtr/Nm") == [PAYEE.name] * 2
    assert texts(data, each + "CdtrAcct/Id/IBAN") == [IBAN] * 2
    assert texts(data, each + "CdtrAgt/FinInstnId/BICFI") == [BIC] * 2
    assert texts(data, each + "DbtrAgt/FinInstnId/Othr/Id") == ["NOTPROVIDED"] * 2
    documents = texts(data, each + "RmtInf/Strd/RfrdDocInf/Nb")
    assert documents == ["INV-1", "ROAD-1", "INV-2", "ROAD-1"]
    assert PAID_IN.hex() in texts(data, each + "RmtInf/Strd/AddtlRmtInf")


def test_the_same_payments_are_the_same_bytes() -> None:
    """A bank that gets them twice knows them."""
    assert pacs008(settlement(TRANSFER)) == pacs008(settlement(TRANSFER))


def test_an_account_without_an_iban_is_given_as_its_bank_calls_it() -> None:
    """As in countries without IBANs."""
    payee = Party(name="Acme", account=BankAccount(number="12-34-56 7890", bic=None))
    data = pacs008(settlement(replace(TRANSFER, payee=payee)))

    assert invalid(data, "pacs.008.001.08") == []
    other = "FIToFICstmrCdtTrf/CdtTrfTxInf/CdtrAcct/Id/Othr/Id"
    assert texts(data, other) == ["12-34-56 7890"]


def test_long_identifiers_are_shortened_and_stay_their_own() -> None:
    """An award's code may have 50 characters, a bank's field has 35."""
    codes = [f"{'A' * 50}/1", f"{'A' * 50}/2"]
    data = pacs008(settlement(*(replace(TRANSFER, reference=code) for code in codes)))

    assert invalid(data, "pacs.008.001.08") == []
    assert len(set(texts(data, "FIToFICstmrCdtTrf/CdtTrfTxInf/PmtId/EndToEndId"))) == 2
    assert [len(short(code)) for code in codes] == [35, 35]
    assert short("A" * 35) == "A" * 35


@pytest.mark.parametrize(
    ("asset", "exponent"),
    [("LOC", 6), ("ROADTOKEN", 2), ("G1", 2)],
)
def test_what_is_no_currency_is_not_sent_to_a_bank(asset: str, exponent: int) -> None:
    """Three letters, and at most five decimal places."""
    with pytest.raises(Malformed, match=f"found {asset} with {exponent}"):
        pacs008(replace(settlement(TRANSFER), asset=asset, exponent=exponent))


def test_an_amount_has_at_most_eighteen_digits() -> None:
    """At the limit it is valid."""
    most = settlement(replace(TRANSFER, amount=10**18 - 1))
    assert invalid(pacs008(most), "pacs.008.001.08") == []

    with pytest.raises(Malformed, match="at most 18 digits"):
        pacs008(settlement(replace(TRANSFER, amount=10**18)))


def entry(change: int, *, event: int = 0, returned: str | None = None) -> Entry:
    return Entry(
        transaction=PAID_IN,
        event=event,
        day="2026-05-28",
        value_day="2026-05-27",
        change=change,
        reference="ROAD-1/1",
        description="Resurfacing",
        other="Acme",
        returned=returned,
    )


STATEMENT = AccountStatement(
    id="STMT-2026-05",
    time_ms=NOW,
    owner=PAYER,
    ledger_account=bytes(32),
    asset="GBP",
    exponent=2,
    first_day="2026-05-01",
    last_day="2026-05-31",
    first_ms=NOW - 1,
    last_ms=NOW,
    opening=-500,
    closing=119_500,
    entries=(entry(150_000), entry(-40_000, event=2), entry(10_000, returned="AC04")),
)


def test_a_statement_is_valid_and_leads_from_one_balance_to_the_other() -> None:
    """Every entry with its transaction; what came back with the reason."""
    data = camt053(STATEMENT)

    assert invalid(data, "camt.053.001.08") == []
    at = "BkToCstmrStmt/Stmt/"
    assert texts(data, at + "Bal/Tp/CdOrPrtry/Cd") == ["OPBD", "CLBD"]
    assert texts(data, at + "Bal/Amt") == ["5.00", "1195.00"]
    assert texts(data, at + "Bal/CdtDbtInd") == ["DBIT", "CRDT"]
    assert texts(data, at + "Ntry/Amt") == ["1500.00", "400.00", "100.00"]
    assert texts(data, at + "Ntry/CdtDbtInd") == ["CRDT", "DBIT", "CRDT"]
    assert texts(data, at + "Ntry/BookgDt/Dt") == ["2026-05-28"] * 3
    assert texts(data, at + "Ntry/ValDt/Dt") == ["2026-05-27"] * 3
    assert texts(data, at + "Ntry/BkTxCd/Domn/Fmly/SubFmlyCd") == ["ESCT", "ESCT", "RRTN"]
    assert texts(data, at + "TxsSummry/TtlNtries/NbOfNtries") == ["3"]
    assert texts(data, at + "TxsSummry/TtlCdtNtries/Sum") == ["1600.00"]
    assert texts(data, at + "TxsSummry/TtlDbtNtries/Sum") == ["400.00"]
    details = at + "Ntry/NtryDtls/TxDtls/"
    assert texts(data, details + "RltdPties/Cdtr/Pty/Nm") == ["Acme"]
    assert texts(data, details + "RtrInf/Rsn/Cd") == ["AC04"]
    assert texts(data, details + "AddtlTxInf")[1] == f"{PAID_IN.hex()} event 2"
    assert text_at(read_xml(data), at + "Acct/Nm") == "00" * 32


def test_a_statement_whose_entries_lead_elsewhere_is_not_written() -> None:
    """Nobody shall get one."""
    with pytest.raises(Malformed, match="lead from -500 to 119500, the statement says 119501"):
        camt053(replace(STATEMENT, closing=119_501))


def test_a_month_without_entries_has_two_balances() -> None:
    """The same twice."""
    data = camt053(replace(STATEMENT, entries=(), closing=-500))

    assert invalid(data, "camt.053.001.08") == []
    assert texts(data, "BkToCstmrStmt/Stmt/Bal/Amt") == ["5.00", "5.00"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (IBAN, True),
        (OTHER_IBAN, True),
        ("GB29NWBK60161331926818", False),
        ("gb29nwbk60161331926819", False),
        ("GB29 NWBK 6016 1331 9268 19", False),
        ("", False),
    ],
)
def test_an_iban_has_check_digits(text: str, right: bool) -> None:  # noqa: FBT001 - what is expected
    """ISO 13616: the number rearranged leaves 1 when it is divided by 97."""
    assert is_iban(text) is right


def test_a_bic_has_eight_or_eleven_characters() -> None:
    """ISO 9362."""
    assert [is_bic(text) for text in ("NWBKGB2L", "NWBKGB2LXXX", "NWBKGB2LX", "nwbkgb2l")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1", 100), ("1.", 100), (".5", 50), ("+1.50000", 150), ("1.005", None), ("-1", None),
     ("1e3", None), ("", None), (".", None), (None, None), ("1,00", None)],
)  # fmt: skip
def test_a_decimal_number_becomes_minor_units(text: str | None, minor: int | None) -> None:
    """As XML Schema writes decimals; what is smaller than the smallest unit is none of ours."""
    assert minor_units(text, 2) == minor


def test_a_uetr_is_the_same_for_the_same_payment() -> None:
    """And another for another, however its parts are cut."""
    assert uetr(b"ab", b"c") == uetr(b"ab", b"c")
    assert uetr(b"ab", b"c") != uetr(b"a", b"bc")


def test_the_judge_of_these_files_knows_a_wrong_one() -> None:
    """A code that the standard has not, an element that is missing, one too many."""
    right = pacs008(settlement(TRANSFER))

    for wrong in (
        right.replace(b"<ChrgBr>SLEV", b"<ChrgBr>NONE"),
        right.replace(b"<NbOfTxs>1</NbOfTxs>", b""),
        right.replace(b"<NbOfTxs>1</NbOfTxs>", b"<NbOfTxs>1</NbOfTxs>" * 2),
    ):
        assert invalid(wrong, "pacs.008.001.08") != []


def paid_books() -> tuple[TreasuryData, dict[AccountId, Party]]:
    """Two vouchers of one day and one of another, one of them partly kept back for a creditor."""
    keeper = Bookkeeper(period="2026-04")
    keeper.fund(ROADS)
    keeper.appropriate(ROADS, 900_000)
    keeper.apportion(ROADS, "q2", 900_000)
    keeper.allot(f"{ROADS}:q2:BRDG:252", 900_000)
    keeper.award("ROAD-1", f"{ROADS}:q2:BRDG:252", 500_000)
    keeper.deliver("ROAD-1", 400_000)
    for invoice, amount, day in (("A", 100_000, 2), ("B", 50_000, 2), ("C", 7_000, 3)):
        at_ms = calendar.timegm((2026, 4, day, 12, 0, 0)) * 1000
        keeper.pay("ROAD-1", invoice, amount, interest=25, at_ms=at_ms)
    offset = OffsetRow(reference="TAX-7", creditor=CREDITOR, amount_minor=20_000)
    keeper.vouchers[1] = structs.replace(keeper.vouchers[1], offsets=(offset,))
    data = keeper.data()
    return data, {VENDOR: PAYEE, CREDITOR: PAYER, data.treasury.account: PAYER}


CREDITOR = AccountId(b"C" * 32)


def test_what_a_treasury_paid_is_one_file_for_each_day() -> None:
    """To the payee what is left, with interest; to the creditor what was kept back."""
    data, banks = paid_books()

    days = settlements(data, banks)

    assert [(each.day, len(each.transfers)) for each in days] == [
        ("2026-04-02", 3),
        ("2026-04-03", 1),
    ]
    sent = [(each.reference, each.payee, each.amount) for each in days[0].transfers]
    assert sent == [
        ("ROAD-1/1", PAYEE, 100_025),
        ("ROAD-1/2", PAYEE, 30_025),
        ("ROAD-1/2-1", PAYER, 20_000),
    ]
    for each in days:
        assert invalid(pacs008(each), "pacs.008.001.08") == []


def test_a_file_with_one_payment_more_is_another_message() -> None:
    """The payments that both have are known to the bank by their own references."""
    data, banks = paid_books()
    fewer = replace(data, vouchers=(data.vouchers[0], data.vouchers[2]))

    [both, _], [one, _] = settlements(data, banks), settlements(fewer, banks)

    assert both.id != one.id
    assert both.transfers[0] == one.transfers[0]
    later = replace(data, time_ms=data.time_ms + 86_400_000, height=data.height + 9)
    assert list(map(pacs008, settlements(later, banks))) == list(
        map(pacs008, settlements(data, banks))
    )


def test_another_month_and_what_was_returned_are_not_sent() -> None:
    """A payment that came back is not sent after its payee."""
    data, banks = paid_books()
    returned = structs.replace(data.vouchers[2], status="returned")

    assert settlements(replace(data, period="2026-05"), banks) == []
    only = replace(data, vouchers=(*data.vouchers[:2], returned))
    assert [each.day for each in settlements(only, banks)] == ["2026-04-02"]


def test_a_payee_without_a_bank_account_is_named() -> None:
    """Nothing is written then, as a payment would be missing."""
    data, banks = paid_books()
    del banks[CREDITOR]

    with pytest.raises(OperatorFault, match=f"for 1 accounts, the first is {CREDITOR.hex()}"):
        settlements(data, banks)
    with pytest.raises(OperatorFault, match="for 3 accounts"):
        settlements(data, {})
