"""`mithaq report treasury.period`: the month of a ministry, and proofs of every figure of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from cli.treasury_data import month_before, treasury_data
from client.client import Client
from kit.commandline import Done
from kit.desk import Desk
from kit.kept_treasury import KeptWorld, kept_desk
from kit.ledger import account_id
from kit.treasury import (
    FUND,
    INVOICED,
    LINE,
    MINISTRY,
    MONEY,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.assets import Purpose
from primitives.errors import OperatorFault
from services.treasury import closing, lines, returns
from services.treasury.amendments import AmendAward
from services.treasury.grants import TokeniseAward

MAY, JUNE = "2026-05", "2026-06"


def two_months() -> KeptWorld:
    """May is closed; in June a payment came back, was certified anew, and another is overdue."""
    world = KeptWorld.with_payment()
    assert isinstance(world, KeptWorld)
    world.next_month()
    found = closing.trial_balance(world.state, account_id(MINISTRY), MAY)
    digest, auditor = closing.digest_of(found), account_id("auditor")
    close = closing.ClosePeriod(account_id(MINISTRY), MAY, digest, auditor)
    world.does("accountant", close, with_=("auditor",))
    world.does("allotter", lines.TransferAllotment(LINE, f"{FUND}:2026-q2:BRDG:410", 1_000))
    world.does("contractor", AmendAward("ROAD-7", 5_000, 1, None))
    world.does("receiver", a_delivery(world.today, amount=7_000))
    world.does("vendor", returns.ReturnPayment("INV-1", returns.ReturnReason.AC04))
    world.does("certifier", a_voucher(world.in_days(1), amount=9_000))
    world.does("certifier", a_voucher(world.today, invoice="INV-2", amount=4_000))
    world.next_month()
    world.does("payer", a_payment("INV-2"))
    return world


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with kept_desk(tmp_path_factory.mktemp("home") / "home", two_months()) as at:
        yield at


@pytest.fixture(scope="module")
def pack(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proof pack of June."""
    folder = tmp_path_factory.mktemp("pack") / "june"
    done = reported(desk, JUNE, "--proof-pack", folder)
    assert done.code == 0, done.err
    assert "proofs written; check them: " in done.err
    return folder


def reported(desk: Desk, month: str, *more: str | Path) -> Done:
    return desk.asking("report", "treasury.period", "--period", month, *more)


def verified(desk: Desk, pack: Path) -> Done:
    return desk.mithaq("proof", "verify", pack)


def test_the_report_of_a_month_says_how_the_budget_was_carried_out(desk: Desk) -> None:
    """Until its end and within it; who closed it; what is in the single account."""
    done = reported(desk, MAY)

    assert done.code == 0, done.err
    for said in (
        f" by {account_id('accountant').hex()}, with {account_id('auditor').hex()}",
        "Budget until the end of 2026-05",
        "Lines in 2026-05 alone",
        "490200   Delivered orders, obligations paid",
        "980,000.00",
        "what a figure sums: ",
    ):
        assert said in done.out + done.err, said
    assert "Due and not paid" not in done.out


def test_what_happened_in_a_month_is_the_difference_to_the_one_before(desk: Desk) -> None:
    """Also where something came back."""
    may, june = (reported(desk, month, "--json").result for month in (MAY, JUNE))

    (paid,) = (line["until"]["outlaid_minor"] for line in may["lines"] if line["line"] == LINE)
    (line,) = (line for line in june["lines"] if line["line"] == LINE)
    assert (paid, line["until"]["outlaid_minor"]) == (INVOICED, 0)
    assert line["within"]["outlaid_minor"] == -INVOICED
    assert line["within"]["allotted_minor"] == -1_000
    assert line["within"]["obligated_minor"] == 5_000
    assert june["ageing"][0]["amount_minor"] == 13_000
    assert june["payments"][0]["returned_minor"] == INVOICED
    assert (may["close"]["period"], june["close"]) == (MAY, None)
    assert may["funds"][0]["appropriated_minor"] == MONEY


def test_a_month_before_the_treasury_was_opened_has_no_figures(desk: Desk) -> None:
    """And is no error."""
    done = reported(desk, "2026-04", "--json")

    assert done.code == 0
    assert (done.result["funds"], done.result["lines"]) == ([], [])


def test_what_cannot_be_reported_is_said(desk: Desk) -> None:
    """No month, no ministry."""
    no_month = reported(desk, "2026-13")
    nobody = reported(desk, MAY, "--treasury", "works")

    assert (no_month.code, nobody.code) == (ExitCode.USAGE, ExitCode.LOCAL_FAULT)
    assert "expected a month, YYYY-MM, found '2026-13'" in no_month.err
    assert "is no treasury" in nobody.err


def test_every_figure_of_a_pack_follows_from_its_proofs(desk: Desk, pack: Path) -> None:
    """Offline; and its transactions add up to it."""
    done = verified(desk, pack)
    report = json.loads((pack / "report.json").read_text())

    assert done.code == 0, done.out
    assert "report.json: VALID" in done.out
    assert "Every figure of 2026-06 follows from" in done.out
    assert report["figures"]["lines"][0]["within"]["outlaid_minor"] == -INVOICED
    outlays = [
        entry["amount_minor"]
        for entry in report["entries"]
        if (entry["line"], entry["step"]) == (LINE, "pay")
    ]
    assert outlays == [INVOICED, -INVOICED], "what was paid in July is not of June"
    for entry in report["entries"]:
        assert report["proofs"][f"transactions/{entry['transaction']}"] == entry["proof"]
        assert (pack / entry["proof"]).exists()


def test_every_proof_of_a_pack_is_told_to_programs(desk: Desk, pack: Path) -> None:
    """And the report last."""
    done = desk.mithaq("proof", "verify", pack, "--json")

    assert {found["verdict"] for found in done.result} == {"valid"}
    assert done.result[-1]["file"] == str(pack / "report.json")
    assert len(done.result) == len(list(pack.glob("*.proof"))) + 1


def of_state(pack: Path, table: str) -> Path:
    return next(pack.glob(f"*-{table}.proof"))


def of_step(pack: Path, step: str) -> Path:
    report = json.loads((pack / "report.json").read_text())
    return pack / str(next(e["proof"] for e in report["entries"] if e["step"] == step))


def with_report(change: Callable[[Any], object]) -> Callable[[Path], object]:
    def spoil(pack: Path) -> None:
        report = json.loads((pack / "report.json").read_text())
        change(report)
        (pack / "report.json").write_text(json.dumps(report))

    return spoil


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a figure is another": (
        with_report(lambda report: report["figures"]["lines"][0]["until"].update(outlaid_minor=1)),
        "its figures are not those of the proven entries",
    ),
    "a transaction is left out": (
        lambda pack: of_step(pack, "deliver").unlink(),
        "its transactions",
    ),
    "an entry of the journal is another": (
        with_report(lambda report: report["entries"][0].update(amount_minor=1)),
        "its journal is not that of the proven transactions",
    ),
    "a line is left out": (
        lambda pack: of_state(pack, "budget_lines").unlink(),
        "what is allotted, and the lines' sum",
    ),
    "an earlier version of a line is left out": (
        lambda pack: of_state(pack, "budget_line_hist").unlink(),
        "no proof in it is of state/budget_line_history",
    ),
    "an award is left out": (lambda pack: of_state(pack, "awards").unlink(), "state/awards"),
    "an invoice is left out": (
        lambda pack: of_state(pack, "vouchers").unlink(),
        "what is invoiced and not paid, and the invoices' sum",
    ),
    "the report is of another month": (
        with_report(lambda report: report.update(period="2026-07")),
        "INVALID",
    ),
    "the report is of another ministry": (
        with_report(lambda report: report.update(treasury=account_id("works").hex())),
        "is no treasury",
    ),
    "the report is of another block": (
        with_report(lambda report: report.update(height=1)),
        "after block 1",
    ),
    "a proof does not hold": (
        lambda pack: of_state(pack, "funds").write_bytes(b"\x90"),
        "Not every proof in this folder holds",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_pack_that_is_changed_is_refused(
    desk: Desk, pack: Path, tmp_path: Path, what: str
) -> None:
    """Whatever is changed, left out or exchanged."""
    spoil, said = SPOILT[what]
    copy = tmp_path / "copy"
    shutil.copytree(pack, copy)
    spoil(copy)

    done = verified(desk, copy)

    assert done.code == ExitCode.REFUSED
    assert "report.json: INVALID" in done.out
    assert said in done.out


def test_what_is_no_report_is_said(desk: Desk, pack: Path, tmp_path: Path) -> None:
    """Not JSON, of another form, of another version."""
    for text in (
        "",
        "{}",
        (pack / "report.json").read_text().replace('"version": 1', '"version": 2'),
    ):
        copy = tmp_path / "copy"
        shutil.copytree(pack, copy, dirs_exist_ok=True)
        (copy / "report.json").write_text(text)
        done = verified(desk, copy)
        assert done.code == ExitCode.LOCAL_FAULT
        assert "is no report" in done.err


def test_a_pack_of_a_chain_that_nobody_pinned_is_not_pinned(pack: Path, tmp_path: Path) -> None:
    """Its figures follow all the same, of whatever chain that is."""
    from kit.commandline import mithaq

    done = mithaq("proof", "verify", pack, "--home", tmp_path)

    assert done.code == 3
    assert "WHICH YOU HAVE NOT PINNED" in done.out


def test_what_fell_due_by_itself_is_proved_by_its_event(tmp_path: Path) -> None:
    """Tokens lapse at the end of an award; nobody signs for what that sets free."""
    world = KeptWorld.begin()
    world.does("contractor", an_award(ends=world.in_days(10)))
    purposes = (Purpose("works", None, None),)
    world.does("contractor", TokeniseAward("ROAD-7", "ROAD7", 600, purposes))
    for _ in range(2):
        world.next_month()

    with kept_desk(tmp_path / "home", world) as at:
        done = reported(at, JUNE, "--proof-pack", tmp_path / "pack")
        checked = verified(at, tmp_path / "pack")

    assert done.code == 0, done.err
    assert checked.code == 0, checked.out
    report = json.loads((tmp_path / "pack" / "report.json").read_text())
    last = report["entries"][-1]
    assert (last["step"], last["amount_minor"]) == ("obligate", -600)
    assert report["proofs"][f"transactions/{last['transaction']}/events/1"] == last["proof"]


def test_a_month_that_still_runs_has_a_pack_too(desk: Desk, tmp_path: Path) -> None:
    """As of the block that its proofs are of."""
    done = reported(desk, "2026-07", "--proof-pack", tmp_path / "july")

    assert done.code == 0, done.err
    assert verified(desk, tmp_path / "july").code == 0


def test_all_rows_of_a_treasury_are_read_for_exporters(desk: Desk) -> None:
    """As of the end of a month, and as they are."""
    with Client([desk.url]) as client:
        may = treasury_data(client, account_id(MINISTRY), MAY)
        now = treasury_data(client, account_id(MINISTRY), None)
        with pytest.raises(OperatorFault, match="is no treasury"):
            treasury_data(client, account_id("works"), None)

    assert [voucher.status for voucher in may.vouchers] == ["paid"]
    assert [voucher.status for voucher in now.vouchers] == ["certified", "paid"]
    assert (len(may.deliveries), len(now.deliveries)) == (1, 2)
    assert now.height == may.height
    assert now.refunds == ()


@pytest.mark.parametrize(
    ("month", "before"), [("2026-05", "2026-04"), ("2026-01", "2025-12"), ("2026-12", "2026-11")]
)
def test_a_month_has_one_before_it(month: str, before: str) -> None:
    """In January, of the year before."""
    assert month_before(month) == before
