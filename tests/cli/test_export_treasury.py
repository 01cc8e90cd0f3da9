"""`mithaq export` of a treasury, on a real node: foreign judges find nothing wrong with it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from cli.faults import ExitCode
from kit.data_act_rules import rows_of
from kit.desk import Desk
from kit.judges_open import STANDARD, data_act_faults, fiscal_package_faults, ocds_faults
from kit.kept_treasury import KeptWorld, kept_desk
from kit.ledger import account_id
from kit.treasury import (
    AWARD,
    AWARDED,
    DELIVERED,
    INVOICED,
    World,
    a_delivery,
    a_fund,
    a_payment,
    a_voucher,
    an_award,
)
from primitives.crypto import commitment
from primitives.ids import Digest
from services.registry.stamps import StampAct, StampDocument
from services.treasury.amendments import AmendAward
from services.treasury.awards import AwardKind
from services.treasury.returns import RefundAward

OCID = "ocds-213czf-000-00007"
EMPTY_FUND = "019-X-1040-000"
SALT = bytes(range(32))
PLAN = {
    "version": "1.1",
    "uri": "https://example.org/plan.json",
    "publishedDate": "2026-05-01T00:00:00Z",
    "publisher": {"name": "Procurement office"},
    "releases": [
        {
            "ocid": OCID,
            "id": "plan",
            "date": "2026-05-01T00:00:00Z",
            "tag": ["planning"],
            "initiationType": "tender",
            "language": "en",
            "parties": [{"id": "XM-1", "name": "health", "roles": ["buyer"]}],
            "buyer": {"id": "XM-1", "name": "health"},
            "planning": {"budget": {"amount": {"amount": 100000.10, "currency": "GBP"}}},
        }
    ],
}
PLANNED = json.dumps(PLAN).encode()
FOREIGN = json.dumps(PLAN, indent=1).encode()
"""What another agency stamped."""


def _two_fiscal_years() -> World:
    """One ends with June. In the next an invoice is paid late, the award cut, money refunded."""
    world = KeptWorld.begin()
    sealed = Digest(commitment(SALT, PLANNED))
    world.does("health", StampDocument(sealed, StampAct.TIMESTAMP))
    foreign = Digest(commitment(SALT, FOREIGN))
    world.does("works", StampDocument(foreign, StampAct.TIMESTAMP))
    world.does("budgeter", a_fund(EMPTY_FUND, available_until=None))
    world.does("contractor", an_award(process=OCID))
    world.does("receiver", a_delivery(world.today, milestone="deck"))
    world.does("certifier", a_voucher(world.in_days(30)))
    world.does("payer", a_payment())
    world.does("certifier", a_voucher(world.in_days(3), invoice="INV-2", amount=INVOICED // 2))
    while world.month < "2026-07":
        world.wait(20)
    world.does("payer", a_payment("INV-2"))
    world.does("contractor", AmendAward(AWARD, -AWARDED // 10, 1, None))
    world.does("vendor", RefundAward(AWARD, "CREDIT-1", INVOICED // 4))
    world.does("contractor", AmendAward(AWARD, -INVOICED // 4, 2, None))
    grant: dict[str, Any] = {
        "kind": AwardKind.GRANT,
        "recipient": account_id("grantee"),
        "amount": AWARDED,
    }
    world.does("contractor", an_award("GRANT-1", **grant))
    world.wait(1)
    return world


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("ministry")
    with kept_desk(home, _two_fiscal_years()) as desk:
        documents = home / "documents"
        documents.mkdir()
        (documents / "plan.json").write_bytes(PLANNED)
        (documents / "plan.json.salt").write_text(SALT.hex() + "\n")
        names = f"code,name\n{account_id('vendor').hex()},Builders Ltd\nBRDG,Bridges\n"
        (home / "names.csv").write_text(names)
        yield desk


def _export(office: Desk, name: str, into: Path, *more: str | Path) -> None:
    named = ("--names", office.home / "names.csv") if name not in _WITHOUT_NAMES else ()
    done = office.asking("export", name, "treasury", *named, *more, "-o", into)
    assert done.code == 0, done.err


_WITHOUT_NAMES = ("trial-balance", "sf133", "cofog", "gfsm")


def test_the_data_act_files_keep_the_brokers_rules(office: Desk, tmp_path: Path) -> None:
    """Of a fiscal year that begins in July; with what was obligated in the month."""
    _export(office, "data-act", tmp_path, "--fiscal-year-from", "7")
    assert data_act_faults(tmp_path) == []
    file_a = {r["MainAccountCode"]: r for r in rows_of((tmp_path / "file-a.csv").read_bytes())}
    assert file_a.keys() == {"1031", "1040"}
    came_back = (AWARDED // 10 + INVOICED // 4) // 100
    roads = file_a["1031"]
    assert roads["DeobligationsRecoveriesRefundsByTAS_CPE"] == f"{came_back}.00"
    assert roads["BudgetAuthorityUnobligatedBalanceBroughtForward_FYB"] == "900000.00"
    file_b = rows_of((tmp_path / "file-b.csv").read_bytes())
    assert {row["ProgramActivityName"] for row in file_b} == {"Bridges", "Unknown/Other"}
    file_c = rows_of((tmp_path / "file-c.csv").read_bytes())
    changes = {row["PIID"] or row["FAIN"]: row["TransactionObligatedAmount"] for row in file_c}
    assert changes.keys() == {AWARD, "GRANT-1"}
    assert changes["GRANT-1"] == f"-{AWARDED // 100}.00"


def test_a_month_that_is_over_can_be_exported_for_ever(office: Desk, tmp_path: Path) -> None:
    """As the books were at its end, whatever happened since."""
    _export(office, "data-act", tmp_path, "--period", "2026-05")
    assert data_act_faults(tmp_path) == []
    [row] = [
        each
        for each in rows_of((tmp_path / "file-c.csv").read_bytes())
        if not each["TransactionObligatedAmount"]
    ]
    assert row["PIID"] == AWARD
    assert row["ObligationsIncurredTotalByAward_CPE"] == f"-{AWARDED // 100}.00"
    assert row["GrossOutlayAmountByAward_CPE"] == f"-{INVOICED // 100}.00"


def test_frictionless_reads_the_fiscal_data_package(office: Desk, tmp_path: Path) -> None:
    """Every payment is in it, under the name that this machine has for the payee."""
    _export(office, "fiscal-data-package", tmp_path)
    assert fiscal_package_faults(tmp_path) == []
    spending = rows_of((tmp_path / "spending.csv").read_bytes())
    assert {row["invoice"] for row in spending} == {"INV-1", "INV-2"}
    assert {row["payee_name"] for row in spending} == {"Builders Ltd"}


def test_the_tables_are_written(office: Desk, tmp_path: Path) -> None:
    """Trial balance, SF-133, COFOG and GFSM, each with what the world did."""
    for name in _WITHOUT_NAMES:
        _export(office, name, tmp_path / f"{name}.csv")
    found = {name: rows_of((tmp_path / f"{name}.csv").read_bytes()) for name in _WITHOUT_NAMES}
    totals = [row for row in found["trial-balance"] if row["title"] == "Total"]
    assert len(totals) == 2
    assert all(row["debits"] == row["credits"] for row in totals)
    transport = next(row for row in found["cofog"] if row["code"] == "04.5")
    goods = next(row for row in found["gfsm"] if row["code"] == "22")
    assert goods["accrued"] == f"{(DELIVERED - INVOICED // 4) // 100}.00"
    gross = sum(float(r["amount"]) for r in found["sf133"] if r["line"] == "3020")
    assert float(transport["paid"]) == -gross


def test_a_table_can_be_a_workbook(office: Desk, tmp_path: Path) -> None:
    """Another program's reader finds the cells of the CSV in it, amounts as numbers."""
    for name in _WITHOUT_NAMES:
        _export(office, name, tmp_path / f"{name}.csv")
        _export(office, name, tmp_path / f"{name}.xlsx")
        table = csv.reader((tmp_path / f"{name}.csv").read_text("utf-8").splitlines())
        found = load_workbook(tmp_path / f"{name}.xlsx").active
        assert found is not None
        for expected, cells in zip(table, found.iter_rows(values_only=True), strict=True):
            shown = [f"{cell:.2f}" if isinstance(cell, float) else str(cell or 0) for cell in cells]
            assert [_number(a) for a in expected] == [_number(b) for b in shown]


def _number(cell: str) -> Decimal | str:
    """A number however it is written; an empty cell and a zero are one."""
    try:
        return Decimal(cell or 0)
    except InvalidOperation:
        return cell


@pytest.mark.skipif(not STANDARD.exists(), reason="the OCDS schema is not beside the project")
def test_a_process_is_published_with_its_stamped_documents(office: Desk, tmp_path: Path) -> None:
    """The plan as it was stamped, and the treasury's release: libcoveocds finds nothing wrong."""
    _export(office, "ocds", tmp_path, *_process(office))
    releases, record = ((tmp_path / f"{n}.json").read_bytes() for n in ("releases", "record"))
    assert ocds_faults(releases, record) == [[], []]
    assert json.loads(releases)["releases"][0]["id"] == "plan"
    compiled = json.loads(record)["records"][0]["compiledRelease"]
    assert compiled["planning"]["budget"]["amount"]["amount"] == 100000.1
    assert compiled["buyer"]["id"] == "XM-1"
    assert compiled["awards"][0]["suppliers"][0]["name"] == "Builders Ltd"
    made = compiled["contracts"][0]["implementation"]
    assert [each["id"] for each in made["milestones"]] == ["deck"]
    assert [each["id"] for each in made["transactions"]] == ["INV-1", "INV-2", "CREDIT-1"]
    assert made["transactions"][2]["payer"]["name"] == "Builders Ltd"


def _process(office: Desk, documents: Path | None = None) -> list[str | Path]:
    publisher = ["--publisher", "Ministry", "--uri", "https://example.org/ocds/"]
    return ["--process", OCID, "--documents", documents or office.home / "documents", *publisher]


def test_a_document_that_nobody_stamped_is_not_published(office: Desk, tmp_path: Path) -> None:
    """One that was changed afterwards, one without its salt, and one that is no release."""
    document, salt = tmp_path / "plan.json", tmp_path / "plan.json.salt"
    asked = ("export", "ocds", "treasury", *_process(office, tmp_path), "-o", tmp_path / "out")

    document.write_bytes(PLANNED + b" ")
    assert "has no salt" in office.asking(*asked).err
    salt.write_text("00")
    assert "1 bytes of salt" in office.asking(*asked).err
    salt.write_text(SALT.hex())
    assert "was stamped by none of" in office.asking(*asked).err
    document.write_bytes(FOREIGN)
    assert "was stamped by none of" in office.asking(*asked).err
    done = office.asking(*asked, "--uri", "example.org")
    assert "expected an address such as https://example.org/" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is no JSON"),
        (b'{"releases": NaN}', "NaN is no number of JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "expected an OCDS release package, found list"),
    ],
)
def test_a_stamped_document_that_is_no_release_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """A stamp says that it was there, not that it is good."""
    world = KeptWorld.begin()
    sealed = Digest(commitment(SALT, content))
    world.does("treasury", StampDocument(sealed, StampAct.TIMESTAMP))
    (tmp_path / "plan.json").write_bytes(content)
    (tmp_path / "plan.json.salt").write_text(SALT.hex())
    with kept_desk(tmp_path / "home", world) as desk:
        done = desk.asking(
            "export", "ocds", "treasury", *_process(desk, tmp_path), "-o", tmp_path / "out"
        )
    assert said in done.err
    assert not (tmp_path / "out").exists()


def test_seal_gives_each_document_a_salt_once(office: Desk, tmp_path: Path) -> None:
    """The commitment is that of salt and document, and stays the same."""
    document = tmp_path / "tender.json"
    document.write_bytes(b"{}")
    first = office.mithaq("export", "seal", document, "--json")
    again = office.mithaq("export", "seal", document, "--json")
    salt = bytes.fromhex((tmp_path / "tender.json.salt").read_text())
    assert first.result == again.result
    assert first.result[0]["commitment"] == commitment(salt, b"{}").hex()
    assert (tmp_path / "tender.json.salt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--period", "2026-13"), "expected a month such as 2026-04"),
        (("--period", "2099-01"), "2099-01 has not begun, the books are of 2026-07"),
        (("--period", "2026-04"), "2026-04 is before 2026-05, when the books begin"),
        (("--fiscal-year-from", "13"), "13 is not in the range"),
        (("--names", "{home}/genesis.json"), "expected the columns code and name"),
    ],
)
def test_what_cannot_be_is_refused(
    office: Desk, tmp_path: Path, words: tuple[str, str], said: str
) -> None:
    """With what was expected; and nothing is written."""
    given = [word.format(home=office.home) for word in words]
    done = office.asking("export", "data-act", "treasury", *given, "-o", tmp_path / "out")
    assert done.code != 0
    assert said in done.err
    assert not (tmp_path / "out").exists()


def test_an_account_that_is_no_treasury_and_a_folder_that_is_a_file(
    office: Desk, tmp_path: Path
) -> None:
    """Both are said in words."""
    done = office.asking("export", "sf133", "works", "-o", tmp_path / "sf133.csv")
    assert "is no treasury" in done.err
    (tmp_path / "taken").write_text("")
    done = office.asking("export", "data-act", "treasury", "-o", tmp_path / "taken" / "deep")
    assert done.code == ExitCode.LOCAL_FAULT
    assert "cannot be made" in done.err
