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

OFFICERS = ("--receiver", "receiver", "--certifier", "certifier", "--payer", "payer")
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


def test_a_row_that_is_refused_stops_no_other(office: Office) -> None:
    """Beyond its award, without an award, with more back than was paid; the reasons are kept."""
    listed = [
        *rows(8),
        ("Vendor 1", "Pens", "99.00", "R-100"),
        ("Vendor 1", "Ink", "1.00", "R-101"),
        ("Vendor 1", "Pens", "-1.00", "R-102"),
        ("Vendor 1", "Paper", "moon", "R-103"),
    ]

    done = imported(office, listed)

    assert done.code == ExitCode.REFUSED
    assert paid(office) == of_file(rows(8))
    with (office.desk.home / "rejects.csv").open(newline="") as file:
        (_, *kept) = csv.reader(file)
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
    "text", ["award,description\nSUPPLIES-1,Paper\n", "description,award\na\n"]
)
def test_a_file_of_awards_says_what_it_must(office: Office, text: str) -> None:
    """Two columns by their names."""
    (office.desk.home / "awards.csv").write_text(text)

    done = imported(office, rows(1))

    assert done.code == ExitCode.LOCAL_FAULT
    assert "expected the columns description and award" in done.err
