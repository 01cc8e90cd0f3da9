"""`mithaq report treasury.period`: the month of a ministry, and proofs of every figure of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.faults import ExitCode
from cli.period_pack import _LISTED, Books, ProofFiles
from cli.query_proofs import ProvenState
from cli.treasury_data import ProvenAnswers, month_before, read_period, treasury_data
from client.client import Client
from exchange.period_report import figures
from kit.commandline import Done
from kit.desk import Desk
from kit.kept_treasury import KeptWorld, kept_desk
from kit.ledger import account_id
from kit.treasury import (
    AWARDED,
    FUND,
    INVOICED,
    LINE,
    MINISTRY,
    MONEY,
    World,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.assets import Purpose
from ledger.query import Reading
from node.queries import Queries
from primitives.errors import OperatorFault
from primitives.ids import Height
from services.treasury import closing, funds, lines, returns
from services.treasury.amendments import AmendAward
from services.treasury.grants import TokeniseAward
from services.treasury.vouchers import CancelVoucher

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
    assert "Every figure of 2026-06, as of block " in done.out
    assert " of 2026-07-" in done.out
    assert "was not over" not in done.out
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


def of_state(pack: Path, table: str, number: int = 0) -> Path:
    return sorted(pack.glob(f"*-{table}.proof"))[number]


def of_step(pack: Path, step: str) -> Path:
    report = json.loads((pack / "report.json").read_text())
    return pack / str(next(e["proof"] for e in report["entries"] if e["step"] == step))


def with_report(change: Callable[[Any], object]) -> Callable[[Path], object]:
    def spoil(pack: Path) -> None:
        report = json.loads((pack / "report.json").read_text())
        change(report)
        (pack / "report.json").write_text(json.dumps(report))

    return spoil


def first_two_exchanged(proofs: dict[str, str]) -> dict[str, str]:
    (one, file), (other, file_2) = list(proofs.items())[:2]
    return {one: file_2, other: file}


def forge(pack: Path, **fields: Any) -> None:  # noqa: ANN401 - of the report
    """Write the report anew, as whoever took proofs away would: it follows from those left."""
    report = json.loads((pack / "report.json").read_text()) | fields
    files = ProofFiles.read(pack)
    state = ProvenState(files, report["height"], files.entries(), whole=_LISTED)
    answers = ProvenAnswers(Reading(state, state.time_ms))
    data = read_period(answers, account_id(MINISTRY), report["period"])
    entries = Books.proven(files.files, data).journal
    report |= {"figures": figures(data), "entries": [each.named() for each in entries]}
    report["proofs"] = dict(files.names)
    (pack / "report.json").write_bytes(msgspec.json.encode(report))


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
    "a proof is named that proves something else": (
        with_report(lambda report: report["proofs"].update(first_two_exchanged(report["proofs"]))),
        "does not prove",
    ),
    "no entry of the state is left": (
        lambda pack: [
            (pack / file).unlink()
            for name, file in json.loads((pack / "report.json").read_text())["proofs"].items()
            if name.startswith("state/")
        ],
        "no proof in it is of state/treasuries/",
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
    good = (pack / "report.json").read_text()
    copy = tmp_path / "copy"
    shutil.copytree(pack, copy)
    for text in (
        "",
        "{}",
        "\udcff",
        '{"figures":' + '{"a":' * 100_000,
        good.replace('"version": 1', '"version": 2'),
        good.replace('"period": "2026-06"', '"period": "June"', 1),
        good.replace('"height"', '"height": 1, "height"', 1),
        '{"format":"\udcff"}',
    ):
        (copy / "report.json").write_text(text, errors="surrogateescape")
        done = verified(desk, copy)
        assert done.code == ExitCode.LOCAL_FAULT
        assert "is no report" in done.err


def pack_of(home: Path, world: KeptWorld, month: str) -> tuple[Path, Callable[[Path], Done]]:
    """A pack of some month, and what checks it."""
    with kept_desk(home, world) as at:
        done = reported(at, month, "--proof-pack", home / "pack")
        assert done.code == 0, done.err
        assert verified(at, home / "pack").code == 0
        return home / "pack", lambda pack: verified(at, pack)


def paid_in_another_month() -> KeptWorld:
    """Certified in May, paid in June."""
    world = KeptWorld.with_voucher()
    world.next_month()
    world.does("payer", a_payment())
    return kept(world)


def returned_in_another_month() -> KeptWorld:
    """Paid in May, back in June."""
    world = KeptWorld.with_payment()
    world.next_month()
    world.does("vendor", returns.ReturnPayment("INV-1", returns.ReturnReason.AC04))
    return kept(world)


def certified_and_cancelled() -> KeptWorld:
    """In June, both."""
    world = KeptWorld.with_delivery()
    world.next_month()
    world.does("certifier", a_voucher(world.in_days(30)))
    cancel = CancelVoucher(payee=account_id("vendor"), invoice="INV-1", reason="wrong_price")
    world.does("certifier", cancel)
    return kept(world)


def kept(world: World) -> KeptWorld:
    """June is over."""
    assert isinstance(world, KeptWorld)
    world.next_month()
    return world


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (paid_in_another_month, "the invoices say (0, 0, 0)"),
        (returned_in_another_month, "the invoices say (0, 0, 0)"),
        (certified_and_cancelled, "invoices certified in 2026-06 by its awards"),
    ],
)
def test_an_invoice_that_is_left_out_is_missed_though_nothing_waits_for_it(
    tmp_path: Path, world: Callable[[], KeptWorld], said: str
) -> None:
    """Whoever leaves it out and writes the report anew counts fewer than the transactions say."""
    pack, check = pack_of(tmp_path / "home", world(), JUNE)
    of_state(pack, "vouchers").unlink()
    forge(pack)

    done = check(pack)

    assert done.code == ExitCode.REFUSED
    assert said in done.out


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("state/awards/" + b"GONE-1".hex(), "GONE-1 was awarded, and the report has no such award"),
        (f"state/budget_lines/{LINE[:-3].encode().hex()}" + b"610".hex(), ":610: its transactions"),
        (f"state/apportionments/{(FUND + ':2026-q4').encode().hex()}", "apportion to 2026-q4"),
    ],
)
def test_what_came_to_nothing_is_missed_too(tmp_path: Path, entry: str, said: str) -> None:
    """What was taken back as it was changes no sum; that it was there, its acts say."""
    world = KeptWorld.begin()
    gone = f"{LINE[:-3]}610"
    world.does("contractor", an_award("GONE-1"), AmendAward("GONE-1", -AWARDED, 1, None))
    for change in (700, -700):
        world.does("budgeter", funds.Apportion(FUND, "2026-q4", change))
    world.does("allotter", lines.TransferAllotment(LINE, gone, 500))
    world.does("allotter", lines.TransferAllotment(gone, LINE, 500))
    pack, check = pack_of(tmp_path / "home", kept(world), MAY)
    proofs = json.loads((pack / "report.json").read_text())["proofs"]
    (pack / proofs[entry]).unlink()
    forge(pack)

    done = check(pack)

    assert done.code == ExitCode.REFUSED
    assert said in done.out


def test_a_close_that_is_left_out_is_missed(desk: Desk, tmp_path: Path) -> None:
    """The treasury's own entry says how far its months are closed."""
    assert reported(desk, MAY, "--proof-pack", tmp_path / "may").code == 0
    of_state(tmp_path / "may", "period_closes").unlink()
    forge(tmp_path / "may")

    done = verified(desk, tmp_path / "may")

    assert done.code == ExitCode.REFUSED
    assert "2026-05: closed by what the treasury says" in done.out


def test_a_proof_of_a_table_that_is_not_known_here_does_no_harm(
    desk: Desk, pack: Path, tmp_path: Path
) -> None:
    """It proves something else, and is not asked for."""
    copy = Path(shutil.copytree(pack, tmp_path / "copy"))
    height = json.loads((pack / "report.json").read_text())["height"]
    more = Queries(desk.chain.store).state_proof(60_000, b"\0", height=Height(height))
    (copy / "more.proof").write_bytes(more)

    assert verified(desk, copy).code == 0


def test_a_report_and_a_trail_in_one_folder_are_both_judged(
    desk: Desk, pack: Path, tmp_path: Path
) -> None:
    """A trail that holds does not speak for a report that does not."""
    words: list[str | Path] = [account_id("vendor").hex(), "INV-2", tmp_path / "way"]
    assert desk.asking("proof", "follow", *words).code == 0
    copy = Path(shutil.copytree(pack, tmp_path / "copy"))
    for number, file in enumerate((tmp_path / "way").glob("*.proof")):
        shutil.copy(file, copy / f"way-{number}.proof")
    way = json.loads((tmp_path / "way" / "trail.json").read_text())
    for step in way["steps"]:
        if "proof" in step:
            there = (tmp_path / "way" / step["proof"]).read_bytes()
            step["proof"] = next(
                each.name for each in copy.glob("way-*.proof") if each.read_bytes() == there
            )
    (copy / "trail.json").write_text(json.dumps(way))
    assert verified(desk, copy).code == 0, "both hold"

    with_report(lambda report: report["figures"].update(asset="EUR"))(copy)
    done = verified(desk, copy)

    assert done.code == ExitCode.REFUSED
    assert "trail.json: VALID" in done.out
    assert "report.json: INVALID" in done.out


def test_a_pack_is_as_old_as_its_entries(desk: Desk, pack: Path) -> None:
    """What happened happened earlier, however fresh the pack is."""
    head_ms = desk.chain.store.head().header.time_ms
    age_s = int(time.time()) - head_ms // 1000

    for more_s, code in ((86_400, 0), (-60, 4)):
        done = desk.mithaq("proof", "verify", pack, "--max-age", f"{age_s + more_s}s")
        assert done.code == code, done.out


def test_the_name_of_a_file_says_nothing_that_is_not_so(
    desk: Desk, pack: Path, tmp_path: Path
) -> None:
    """Whoever makes a folder chooses its names: each stays on one line, and commands no screen."""
    name = "1: VALID\n  x\x1b[2K\nreport.json: VALID\n  Every figure.proof"
    shutil.copy(of_state(pack, "funds"), tmp_path / name)

    done = desk.mithaq("proof", "verify", tmp_path)

    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert "\x1b" not in done.out


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
    checked = verified(desk, tmp_path / "july")

    assert done.code == 0, done.err
    assert checked.code == 0
    assert "The month was not over then." in checked.out
    forge(tmp_path / "july", period="2026-08")
    assert "2026-08 had not begun at 2026-07-" in verified(desk, tmp_path / "july").out


def test_a_month_that_has_not_begun_has_no_report(desk: Desk) -> None:
    """Its books would be those of today."""
    done = reported(desk, "2026-08")

    assert done.code == ExitCode.USAGE
    assert "2026-08 has not begun, the books are of 2026-07-" in done.err


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
