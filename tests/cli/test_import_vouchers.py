"""`mithaq import vouchers`: an agency's payments go through its offices, under its budget."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import Done
from kit.ledger import account_id
from kit.treasury import MINISTRY, an_award
from kit.treasury_desk import Office, treasury_desk
from services.treasury.awards import AwardKind
from services.treasury.returns import ReturnPayment, ReturnReason
from services.treasury.vouchers import CancelVoucher

OFFICERS = ("--receiver", "receiver", "--certifier", "certifier", "--payer", "payer")
HOME = account_id(MINISTRY)
Row = tuple[str, str, str, str]
"""Vendor, description, amount, reference."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """With two blanket awards, one of them of a few pounds."""
    with treasury_desk(tmp_path / "home") as made:
        for code, amount in (("SUPPLIES-1", 5_000_00), ("SMALL-1", 10_00)):
            kind = AwardKind.BLANKET
            made.does("contractor", an_award(code, kind=kind, recipient=None, amount=amount))
        yield made


def rows(count: int) -> list[Row]:
    """Payments to three vendors, and a credit note for every tenth."""
    made = []
    for number in range(count):
        sign = "-" if number % 10 == 9 else ""
        made.append((f"Vendor {number % 3}", "Paper", f"{sign}{number + 1}.25", f"R-{number}"))
    return made


def imported(office: Office, listed: Sequence[Row], *more: str | Path) -> Done:
    home = office.desk.home
    file, awards = home / "april.csv", home / "awards.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["Vendor", "What", "Amount", "Date", "Number"])
        writer.writerows((a, b, c, "2026-04-01", d) for a, b, c, d in listed)
    if not awards.exists():
        awards.write_text("description,award\nPaper,SUPPLIES-1\nPens,SMALL-1\n")
    columns = "vendor=Vendor,description=What,amount=Amount,date=Date,reference=Number"
    words: list[str | Path] = ["--map", columns, "--awards", awards, "--agency", "health"]
    words += [*OFFICERS, "--rejects", home / "rejects.csv", *more]
    return office.desk.asking("import", "vouchers", file, *words)


def paid(office: Office) -> Counter[str]:
    """What stands on the chain: by invoice or credit note, net."""
    found: Counter[str] = Counter()
    ministry = account_id(MINISTRY)
    for voucher in office.client.rows("treasury.vouchers", treasury=ministry):
        assert voucher.status == "paid"
        found[voucher.invoice] += voucher.amount_minor
    for refund in office.client.rows("treasury.refunds", treasury=ministry):
        found[refund.credit_note] -= refund.amount_minor
    return found


def of_file(listed: Sequence[Row]) -> dict[str, int]:
    return {reference: round(float(amount) * 100) for _, _, amount, reference in listed}


def test_every_row_is_delivered_certified_and_paid(office: Office) -> None:
    """In batches; credit notes come back; the line says the same to the penny."""
    listed = rows(61)

    done = imported(office, listed, "--json")

    assert done.code == 0, done.err
    assert paid(office) == of_file(listed)
    net = sum(of_file(listed).values())
    assert (done.result["booked"], done.result["net_minor"]) == (61, net)
    (award,) = office.client.query("treasury.award", award="SUPPLIES-1").rows
    assert award.paid_minor == net
    journal = office.client.rows("treasury.journal", treasury=account_id(MINISTRY), step="pay")
    assert len({row.transaction for row in journal}) == 2 + 1, "fifty-five, and six back"


def test_what_is_booked_stays_booked_once(office: Office) -> None:
    """The same file again; and then with more in it."""
    assert imported(office, rows(20)).code == 0
    again = imported(office, rows(20), "--json")
    more = imported(office, rows(25), "--json")

    assert (again.code, again.result["booked"]) == (0, 20)
    assert (more.code, more.result["booked"]) == (0, 25)
    assert paid(office) == of_file(rows(25))


def test_what_a_run_that_was_stopped_left_waiting_is_not_delivered_twice(office: Office) -> None:
    """It went to the node, and whoever ran it saw no block; the next run hands over the same."""
    assert imported(office, rows(1)).code == 0, "the vendor's account is open"
    more = [*rows(1), ("Vendor 0", "Paper", "7.00", "R-7")]
    office.desk.chain.holding = True
    stopped = imported(office, more, "--patience", "1")
    office.desk.chain.holding = False

    done = imported(office, more)

    assert (stopped.code, done.code) == (ExitCode.TIMED_OUT, 0)
    delivered = office.client.rows("treasury.deliveries", treasury=HOME, award="SUPPLIES-1")
    assert [row.amount_minor for row in delivered] == [1_25, 7_00]


def test_a_row_that_is_refused_stops_no_other(office: Office) -> None:
    """Beyond its award, without an award, with more back than was paid; the reasons are kept."""
    listed = [
        *rows(8),
        ("Vendor 1", "Pens", "99.00", "R-100"),
        ("Vendor 1", "Ink", "1.00", "R-101"),
        ("Vendor 1", "Pens", "-1.00", "R-102"),
        ("Vendor 1", "Paper", "moon", "R-103"),
        ("=HYPERLINK(1)", "Paper", "moon", "R-104"),
    ]

    done = imported(office, listed)

    assert done.code == ExitCode.REFUSED
    assert paid(office) == of_file(rows(8))
    with (office.desk.home / "rejects.csv").open(newline="") as file:
        (_, *kept) = csv.reader(file)
    assert kept.pop()[-1] == "'=HYPERLINK(1),Paper,moon,2026-04-01,R-104", "nobody computes it"
    assert [(line, field) for line, field, *_ in kept] == [
        ("10", "treasury.more_than_awarded"),
        ("11", "description"),
        ("12", "treasury.more_than_paid"),
        ("13", "amount"),
    ]


def test_a_number_that_was_used_for_something_else_is_refused(office: Office) -> None:
    """Nothing is paid for it."""
    assert imported(office, [("Vendor 1", "Paper", "5.00", "R-1")]).code == 0
    done = imported(office, [("Vendor 1", "Paper", "6.00", "R-1")])

    assert done.code == ExitCode.REFUSED
    assert "expected a number that the payee used for nothing else" in done.err
    assert paid(office) == {"R-1": 500}


def test_what_came_back_or_was_taken_back_is_not_paid_again_by_a_file(office: Office) -> None:
    """Nor by one with more in it: somebody decided that; the others go on."""
    listed: list[Row] = [("Vendor 1", "Paper", "5.00", "R-1"), ("Vendor 1", "Paper", "6.00", "R-2")]
    above = ("Vendor 1", "Paper", "7.00", "R-3")
    assert imported(office, listed).code == 0
    assert imported(office, [*listed, above], "--payer", "auditor").code != 0, "certified only"
    found = {row.invoice: row for row in office.client.rows("treasury.vouchers", treasury=HOME)}
    payee = found["R-1"].payee
    office.keeps(payee, ReturnPayment(invoice="R-1", reason=ReturnReason.AC04))
    office.does("certifier", CancelVoucher(payee=payee, invoice="R-3", reason="fraud"))

    done = imported(office, [*listed, above, ("Vendor 1", "Paper", "8.00", "R-4")])

    assert done.code == ExitCode.REFUSED
    assert "found 'R-1': returned, AC04" in done.err
    rows = office.client.rows("treasury.vouchers", treasury=HOME)
    statuses = {row.invoice: row.status for row in rows}
    assert statuses == {"R-1": "returned", "R-2": "paid", "R-3": "cancelled", "R-4": "paid"}


def test_what_is_said_of_a_file_is_not_written_over_it(office: Office) -> None:
    """Before anything is paid."""
    file = office.desk.home / "april.csv"
    done = imported(office, rows(1), "--rejects", file)

    assert done.code == ExitCode.USAGE
    assert "is the file that is read, expected another to write" in done.err
    assert file.read_text().startswith("Vendor,")
    assert paid(office) == {}


def test_an_officer_without_the_office_pays_nothing(office: Office) -> None:
    """What is certified waits for the one who has it."""
    listed = rows(3)
    wrong = [*OFFICERS[:-1], "auditor"]
    done = imported(office, listed, *wrong)
    office_rows = list(office.client.rows("treasury.vouchers", treasury=account_id(MINISTRY)))

    assert done.code == ExitCode.REFUSED
    assert {row.status for row in office_rows} == {"certified"}
    assert imported(office, listed).code == 0
    assert paid(office) == of_file(listed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("award,description\nSUPPLIES-1,Paper\n", "expected the columns description and award"),
        ("description,award\na\n", "expected the columns description and award"),
        ("description,award\na,A-1\na,A-2\n", "'a' is given twice, expected once"),
    ],
)
def test_a_file_of_awards_says_what_it_must(office: Office, text: str, said: str) -> None:
    """Two columns by their names, and of each description one award."""
    (office.desk.home / "awards.csv").write_text(text)

    done = imported(office, rows(1))

    assert done.code == ExitCode.LOCAL_FAULT
    assert said in done.err
