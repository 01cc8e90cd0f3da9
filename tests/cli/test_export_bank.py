"""`mithaq export pacs008`, `camt053`, `journal`: a treasury for banks and other bookkeepers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from beancount.core.data import Balance, Transaction
from openpyxl import load_workbook

from exchange.xml import children, read_xml
from kit.bookkeepers import read_journal
from kit.commandline import mithaq
from kit.initiations import BIC, IBAN, OTHER_IBAN
from kit.iso_schemas import invalid
from kit.ledger import account_id
from kit.treasury import MINISTRY, MONEY, a_payment, a_voucher
from kit.treasury_desk import Office, treasury_desk
from services.treasury.payments import OffsetVoucher
from services.treasury.returns import ReturnPayment, ReturnReason
from services.treasury.treasuries import single_account

TSA = single_account(account_id(MINISTRY))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Three invoices are paid: one in full, one less a debt, one that came back."""
    with treasury_desk(tmp_path / "home") as made:
        for number, amount in enumerate((100_000, 50_000, 7_000), start=1):
            voucher = a_voucher("2027-01-31", invoice=f"INV-{number}", amount=amount)
            made.does("certifier", voucher)
        made.does(
            "debtor",
            OffsetVoucher(
                payee=account_id("vendor"),
                invoice="INV-2",
                reference="TAX-7",
                creditor=account_id("creditor"),
                amount=20_000,
            ),
        )
        for number in (1, 2, 3):
            made.does("payer", a_payment(f"INV-{number}"))
        made.does("vendor", ReturnPayment(invoice="INV-3", reason=ReturnReason.AC04))
        yield made


def enter(office: Office, name: str, account: str, payee: str) -> None:
    words: list[str | Path] = [
        "--agency",
        "health",
        "--account",
        account,
        "--bic",
        BIC,
        "--payee",
        payee,
    ]
    assert office.desk.mithaq("vendors", "enter", name, *words).code == 0


def texts(path: Path, place: str) -> list[str | None]:
    return [each.text for each in children(read_xml(path.read_bytes()), place)]


def test_a_bank_gets_what_was_paid_to_whom(office: Office, tmp_path: Path) -> None:
    """To the payee what is left, to the creditor what was kept back; not what came back."""
    for name, number, payee in (
        ("Acme Bridges Ltd", IBAN, account_id("vendor").hex()),
        ("Tax Office", OTHER_IBAN, account_id("creditor").hex()),
        ("Ministry of Finance", OTHER_IBAN, TSA.hex()),
    ):
        enter(office, name, number, payee)

    words: list[str | Path] = [
        "--agency",
        "health",
        "--period",
        office.month,
        "-o",
        tmp_path / "bank",
        "--json",
    ]
    done = office.desk.asking("export", "pacs008", MINISTRY, *words)

    assert done.code == 0, done.err
    [file] = (tmp_path / "bank").iterdir()
    assert file.name == f"pacs008-{office.today}.xml"
    assert f"{office.today} is not over" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert invalid(file.read_bytes(), "pacs.008.001.08") == []
    each = "FIToFICstmrCdtTrf/CdtTrfTxInf/"
    assert texts(file, each + "IntrBkSttlmAmt") == ["1000.00", "300.00", "200.00"]
    assert texts(file, each + "Cdtr/Nm") == ["Acme Bridges Ltd", "Acme Bridges Ltd", "Tax Office"]
    assert texts(file, each + "Dbtr/Nm") == ["Ministry of Finance"] * 3
    rows = office.client.rows("treasury.vouchers", treasury=account_id(MINISTRY))
    paid = {row.invoice: row.paid_in.hex()[:32] for row in rows}
    assert texts(file, each + "PmtId/TxId") == [paid["INV-1"], paid["INV-2"], paid["INV-2"]]


def test_a_bank_gets_nothing_as_long_as_an_account_is_missing(
    office: Office, tmp_path: Path
) -> None:
    """It says whose."""
    enter(office, "Acme Bridges Ltd", IBAN, account_id("vendor").hex())

    words: list[str | Path] = ["--agency", "health", "-o", tmp_path / "bank", "--json"]
    done = office.desk.asking("export", "pacs008", MINISTRY, *words)

    assert done.code == 6
    assert "has no bank account for 2 accounts" in done.error["message"]
    assert not (tmp_path / "bank").exists()


def test_the_single_account_s_month_is_a_bank_statement(office: Office, tmp_path: Path) -> None:
    """From nothing to what it holds; what came back with the reason why."""
    file = tmp_path / "statement.xml"
    words: list[str | Path] = ["--period", office.month, "-o", file]
    done = office.desk.asking("export", "camt053", TSA.hex(), *words)

    assert done.code == 0, done.err
    assert invalid(file.read_bytes(), "camt.053.001.08") == []
    at = "BkToCstmrStmt/Stmt/"
    [row] = office.client.rows("treasury.treasuries")
    opening, closing = texts(file, at + "Bal/Amt")
    assert opening == "0.00"
    assert texts(file, at + "Bal/Dt/Dt")[1] == office.today, "of a month that still runs"
    assert int(str(closing).replace(".", "")) == row.balance_minor
    assert texts(file, at + "Ntry/CdtDbtInd") == ["CRDT", "DBIT", "DBIT", "DBIT", "DBIT", "CRDT"]
    assert texts(file, at + "Ntry/Amt")[1:] == ["1000.00", "300.00", "200.00", "70.00", "70.00"]
    assert texts(file, at + "Ntry/NtryDtls/TxDtls/RtrInf/Rsn/Cd") == ["AC04"]
    assert "vendor" in texts(file, at + "Ntry/NtryDtls/TxDtls/RltdPties/Cdtr/Pty/Nm")


def test_a_month_before_anything_moved_has_nothing(office: Office, tmp_path: Path) -> None:
    """And one that has not begun has no statement: nobody knows what will be on it."""
    file = tmp_path / "statement.xml"
    words: list[str | Path] = ["export", "camt053", TSA.hex(), "-o", file, "--period"]
    done = office.desk.asking(*words, "2020-01")
    assert done.code == 0, done.err
    assert texts(file, "BkToCstmrStmt/Stmt/Bal/Amt") == ["0.00", "0.00"]
    assert texts(file, "BkToCstmrStmt/Stmt/Ntry/Amt") == []

    done = office.desk.asking(*words, "2099-12")
    assert done.code == 2
    assert "2099-12 has not begun, the books are of" in done.err


def test_a_statement_with_more_in_it_is_another_message(office: Office, tmp_path: Path) -> None:
    """The same one has the same name; each payment that came back has its own reason."""
    file = tmp_path / "statement.xml"
    words: list[str | Path] = ["export", "camt053", TSA.hex(), "-o", file, "--period", office.month]
    ids = []
    for _ in range(2):
        assert office.desk.asking(*words).code == 0
        ids += texts(file, "BkToCstmrStmt/GrpHdr/MsgId")
    office.does(
        "vendor",
        ReturnPayment(invoice="INV-1", reason=ReturnReason.AC06),
        ReturnPayment(invoice="INV-2", reason=ReturnReason.MD07),
    )

    assert office.desk.asking(*words).code == 0

    assert ids[0] == ids[1]
    assert [ids[0]] != texts(file, "BkToCstmrStmt/GrpHdr/MsgId")
    reasons = texts(file, "BkToCstmrStmt/Stmt/Ntry/NtryDtls/TxDtls/RtrInf/Rsn/Cd")
    assert reasons == ["AC04", "AC06", "MD07"]
    assert invalid(file.read_bytes(), "camt.053.001.08") == []


def test_what_went_to_a_creditor_is_sent_though_the_rest_came_back(
    office: Office, tmp_path: Path
) -> None:
    """The payee's part is not."""
    for name, number, payee in (
        ("Tax Office", OTHER_IBAN, account_id("creditor").hex()),
        ("Acme Bridges Ltd", IBAN, account_id("vendor").hex()),
        ("Ministry of Finance", OTHER_IBAN, TSA.hex()),
    ):
        enter(office, name, number, payee)
    office.does("vendor", ReturnPayment(invoice="INV-2", reason=ReturnReason.AC06))

    words: list[str | Path] = ["--agency", "health", "-o", tmp_path / "bank", "--json"]
    done = office.desk.asking("export", "pacs008", MINISTRY, *words)

    assert done.code == 0, done.err
    [file] = (tmp_path / "bank").iterdir()
    each = "FIToFICstmrCdtTrf/CdtTrfTxInf/"
    assert texts(file, each + "Cdtr/Nm") == ["Acme Bridges Ltd", "Tax Office"]
    assert texts(file, each + "IntrBkSttlmAmt") == ["1000.00", "200.00"]


def test_another_bookkeeper_comes_to_the_same_balances(office: Office, tmp_path: Path) -> None:
    """Every step from the law to the payment that came back, added up by Beancount."""
    file = tmp_path / "books.beancount"
    done = office.desk.asking("export", "journal", MINISTRY, "-o", file, "--json")

    assert done.code == 0, done.err
    entries, errors = read_journal(file.read_bytes())
    assert errors == []
    made = [entry for entry in entries if isinstance(entry, Transaction)]
    assert len(made) == done.result["postings"]
    assert {entry.payee for entry in made} == {
        "appropriate",
        "apportion",
        "allot",
        "obligate",
        "deliver",
        "pay",
    }
    totals = office.client.rows("treasury.trial_balance", treasury=account_id(MINISTRY))
    checked = [entry for entry in entries if isinstance(entry, Balance)]
    assert len(checked) == len(list(totals)) > 8


def test_a_journal_without_its_last_posting_is_found_out(office: Office, tmp_path: Path) -> None:
    """The balances of the chain are not what the rest adds up to."""
    file = tmp_path / "books.beancount"
    assert office.desk.asking("export", "journal", MINISTRY, "-o", file).code == 0
    parts = file.read_bytes().split(b"\n\n")

    _, errors = read_journal(b"\n\n".join([*parts[:-2], parts[-1]]))

    assert errors


def test_a_workbook_has_every_list_of_the_books(office: Office, tmp_path: Path) -> None:
    """A worksheet each, with amounts that can be summed and names beside the ids."""
    file = tmp_path / "books.xlsx"
    done = office.desk.asking("export", "workbook", MINISTRY, "-o", file, "--json")

    assert done.code == 0, done.err
    book = load_workbook(file)
    assert book.sheetnames == [
        "treasury.funds",
        "treasury.apportionments",
        "treasury.lines",
        "treasury.awards",
        "treasury.deliveries",
        "treasury.vouchers",
        "treasury.refunds",
        "treasury.trial_balance",
    ]
    titles, *rows = [[each.value for each in row] for row in book["treasury.vouchers"].rows]
    found = [dict(zip(titles, row, strict=True)) for row in rows]
    assert [(row["invoice"], row["amount"], row["status"]) for row in found] == [
        ("INV-1", 1000, "paid"),
        ("INV-2", 500, "paid"),
        ("INV-3", 70, "returned"),
    ]
    assert {row["payee name"] for row in found} == {"vendor"}
    assert done.result["rows"] == sum(sheet.max_row - 1 for sheet in book)
    assert book["treasury.refunds"].max_row == 1


@pytest.mark.parametrize(
    "command", [["pacs008", "--agency", "health"], ["journal"], ["workbook"], ["camt053"]]
)
def test_a_month_that_is_none_is_a_mistake_of_whoever_asks(
    tmp_path: Path, command: list[str]
) -> None:
    """Before anything is asked or written."""
    words: list[str | Path] = ["--period", "2026-13", "-o", tmp_path / "x"]
    done = mithaq("export", *command, "treasury", *words, "--home", tmp_path)

    assert done.code == 2
    assert not (tmp_path / "x").exists()


def test_the_report_of_a_month_is_a_workbook_too(office: Office, tmp_path: Path) -> None:
    """The rows that its figures are made of, beside what is printed."""
    file = tmp_path / "report.xlsx"
    words: list[str | Path] = ["--period", office.month, "--workbook", file]
    done = office.desk.asking("report", "treasury.period", *words)

    assert done.code == 0, done.err
    book = load_workbook(file)
    assert book.sheetnames[0] == "treasury.funds"
    titles, fund = [[each.value for each in row] for row in book["treasury.funds"].rows]
    assert dict(zip(titles, fund, strict=True))["appropriated"] == MONEY / 100
    titles, *rows = [[each.value for each in row] for row in book["treasury.payments"].rows]
    assert [dict(zip(titles, row, strict=True))["returned"] for row in rows]
