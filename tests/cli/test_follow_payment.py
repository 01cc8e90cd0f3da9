"""Following money at the desk: traces as tables and pictures, and a payment's way as a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from cli.faults import ExitCode
from kit.commandline import Done
from kit.desk import Desk
from kit.kept_treasury import KeptWorld, kept_desk
from kit.ledger import GBP, account_id
from kit.treasury import AWARD, FUND, INVOICE, INVOICED, MONEY, a_payment
from ledger.books import Line
from ledger.lots import lot_of
from services.money import Transfer
from services.treasury.payments import OffsetVoucher
from services.treasury.treasuries import single_account

VENDOR, GRANTEE = account_id("vendor").hex(), account_id("grantee").hex()
PAYMENT = lot_of(single_account(account_id("treasury")), f"{AWARD}/1")


def pay(to: str, amount: int, reference: str, lot: str | None = PAYMENT) -> Transfer:
    return Transfer(GBP, (Line(account_id(to), amount, reference, "", None, lot),))


def world() -> KeptWorld:
    """An invoice is paid but for a debt; its money went to a sub-contractor in two payments."""
    world = KeptWorld.with_voucher()
    debt = OffsetVoucher(account_id("vendor"), INVOICE, "debt 1", account_id("creditor"), 100)
    world.does("debtor", debt)
    world.does("payer", a_payment())
    world.does("vendor", pay("grantee", 5_000, "sub 1"))
    world.does("vendor", pay("grantee", 3_000, "sub 2"))
    world.does("vendor", pay("grantee", 900, "something else", None))
    world.does("grantee", pay("grantee-2", 1_000, "bricks"))
    assert isinstance(world, KeptWorld)
    return world


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with kept_desk(tmp_path_factory.mktemp("home") / "home", world()) as at:
        yield at


@pytest.fixture(scope="module")
def trail(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The way of the invoice."""
    folder = tmp_path_factory.mktemp("trail") / "inv-1"
    done = desk.asking("proof", "follow", VENDOR, INVOICE, folder)
    assert done.code == 0, done.err
    assert "proofs written; check them: " in done.err
    assert f"voucher {VENDOR}/{INVOICE}" in done.out
    assert "20,000.00 GBP" in done.out
    return folder


def traced(desk: Desk, *more: str | Path) -> Done:
    return desk.asking("query", "treasury.trace", *more)


def verified(desk: Desk, folder: Path) -> Done:
    return desk.mithaq("proof", "verify", folder)


def test_a_trace_is_a_table_for_people(desk: Desk) -> None:
    """In whole units, with what a step is."""
    done = traced(desk, "--from", f"fund:{FUND}", "--depth", "5")

    assert done.code == 0, done.err
    for said in ("passes_on", "80.00 GBP", f"award {AWARD}", "19,999.00 GBP"):
        assert said in done.out, said


def test_a_trace_begins_at_a_name_too(desk: Desk) -> None:
    """Of a key at this desk."""
    done = traced(desk, "--from", "account:nobody", "--asset", "GBP")
    assert done.code != 0

    by_id = traced(desk, "--from", f"voucher:{VENDOR}/{INVOICE}", "--json").result["rows"]
    assert next(row["receiver"] for row in by_id if row["relation"] == "passes_on") == GRANTEE


def test_a_trace_is_drawn(desk: Desk) -> None:
    """For programs and for people."""
    start = ("--from", f"voucher:{VENDOR}/{INVOICE}")
    svg, graph = (traced(desk, *start, "--format", form) for form in ("svg", "graphml"))

    assert (svg.code, graph.code) == (0, 0)
    bands = ElementTree.fromstring(svg.out).findall("{http://www.w3.org/2000/svg}path")
    assert len(bands) == 4
    assert graph.out.count("<edge ") == 4


def test_other_queries_are_not_drawn(desk: Desk) -> None:
    """Their rows are no steps."""
    done = desk.asking("query", "treasury.award", "--award", AWARD, "--format", "svg")

    assert done.code == ExitCode.USAGE


def test_the_rows_of_a_trace_have_proofs(desk: Desk, tmp_path: Path) -> None:
    """Entries of the state and events, each checked."""
    folder = tmp_path / "proofs"
    done = traced(desk, "--from", f"fund:{FUND}", "--proof", folder)

    assert done.code == 0, done.err
    assert verified(desk, folder).code == 0


def test_a_payment_is_followed_from_the_law_to_the_last_hand(desk: Desk, trail: Path) -> None:
    """Each step with its proof, and every payment by itself."""
    steps = json.loads((trail / "trail.json").read_text())["steps"]

    assert [(step["relation"], step["amount_minor"]) for step in steps] == [
        ("appropriates", MONEY),
        ("allots", steps[1]["amount_minor"]),
        ("obligates", steps[2]["amount_minor"]),
        ("certifies", INVOICED),
        ("pays", INVOICED - 100),
        ("pays", 100),
        ("passes_on", 5_000),
        ("passes_on", 3_000),
        ("passes_on", 1_000),
    ]
    done = verified(desk, trail)
    assert done.code == 0, done.out + done.err
    assert "through 5 payments to 4 accounts, and nothing is left out" in done.out
    assert ", as of block " in done.out


def _reference(trail: dict[str, Any]) -> None:
    trail["steps"][-1]["reference"] = "sand"


def _amount(trail: dict[str, Any]) -> None:
    trail["steps"][0]["amount_minor"] += 1


def _left_out(trail: dict[str, Any]) -> None:
    trail["steps"].pop()


def _invoice(trail: dict[str, Any]) -> None:
    trail["invoice"] = "INV-2"


def _no_invoice(trail: dict[str, Any]) -> None:
    trail["invoice"] = "INV-\N{LATIN SMALL LETTER U WITH DIAERESIS}"


@pytest.mark.parametrize("change", [_reference, _amount, _left_out, _invoice, _no_invoice])
def test_a_trail_that_says_something_else_is_found_out(
    desk: Desk, trail: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Whatever is changed in it."""
    copy = Path(shutil.copytree(trail, tmp_path / "copy"))
    said = json.loads((copy / "trail.json").read_text())
    change(said)
    (copy / "trail.json").write_text(json.dumps(said, ensure_ascii=False))

    done = verified(desk, copy)

    assert done.code == 1
    assert "does not follow from the proofs" in done.out


def test_a_payment_that_is_left_out_is_missed(desk: Desk, trail: Path, tmp_path: Path) -> None:
    """Each one of them: the shares in the state do not add up without it."""
    steps = json.loads((trail / "trail.json").read_text())["steps"]
    files = [step["proof"] for step in steps if "proof" in step]

    assert files
    for number, file in enumerate(files):
        copy = Path(shutil.copytree(trail, tmp_path / str(number)))
        (copy / file).unlink()
        said = json.loads((copy / "trail.json").read_text())
        said["steps"] = [step for step in said["steps"] if step.get("proof") != file]
        (copy / "trail.json").write_text(json.dumps(said))

        assert verified(desk, copy).code == 1, file


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no trail of a payment"),
        (b"[]", "is no trail of a payment"),
        (b'{"format": "x"}', "is no trail of a payment"),
        (b"\xff", "is no trail of a payment"),
        (b'{"steps":[' + b'{"a":' * 100_000, "is no trail of a payment"),
    ],
)
def test_a_spoilt_trail_is_refused_in_words(
    desk: Desk, trail: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    """Whatever is wrong with the file."""
    copy = Path(shutil.copytree(trail, tmp_path / "copy"))
    (copy / "trail.json").write_bytes(content)

    done = verified(desk, copy)

    assert done.code not in (0, None)
    assert words in done.err


def test_a_trail_of_another_version_is_refused(desk: Desk, trail: Path, tmp_path: Path) -> None:
    """Says which is expected."""
    copy = Path(shutil.copytree(trail, tmp_path / "copy"))
    said = json.loads((copy / "trail.json").read_text())
    (copy / "trail.json").write_text(json.dumps({**said, "version": 2}))

    assert "expected mithaq.trail version 1" in verified(desk, copy).err


def test_a_trail_says_each_thing_once(desk: Desk, trail: Path, tmp_path: Path) -> None:
    """Of two that differ, another reader takes the other."""
    copy = Path(shutil.copytree(trail, tmp_path / "copy"))
    said = (copy / "trail.json").read_text()
    (copy / "trail.json").write_text(said.replace('"asset"', '"asset": "EUR", "asset"', 1))

    assert "expected each key once" in verified(desk, copy).err


def test_what_was_not_paid_cannot_be_followed(desk: Desk, tmp_path: Path) -> None:
    """Nor into a folder with proofs of something else."""
    done = desk.asking("proof", "follow", VENDOR, "INV-9", tmp_path / "none")

    assert done.code != 0
    assert "was not paid" in done.err
