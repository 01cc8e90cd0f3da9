"""What is checked without any node: a payment, and every figure of a month."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import networkx

from kit.commandline import Done, mithaq
from kit.offline import offline
from kit.road.grant import GRANT_AWARD
from kit.road.stage import BUILDER, MINISTRY, PARTNERS, TRUST, Stage, pounds

REFUSED: Final = 1


def a_grant_is_followed(stage: Stage) -> None:
    """From the award to who did the work, and to the money: as a table, a graph and a drawing."""
    country = stage.country
    stage.teller.chapter("Following the grant")
    asked = ("query", "treasury.trace", "--from", f"award:{GRANT_AWARD}", "--all")
    rows: list[dict[str, str]] = country.run(*asked).result["rows"]
    for name in ("graphml", "svg"):
        words = [sys.executable, "-m", "cli", *asked, "--format", name, "--home", country.home]
        drawn = subprocess.run(words, check=True, capture_output=True, timeout=60)
        (stage.published / f"grant.{name}").write_bytes(drawn.stdout)
    steps = networkx.read_graphml(stage.published / "grant.graphml")
    assert steps.number_of_edges() == len(rows)
    stage.teller.tell(
        "One question leads from the award to everybody who had a part of it; the answer is a "
        "table, a drawing (grant.svg) and a graph for other programs (grant.graphml):"
    )
    stage.teller.show(
        (
            stage.named(f"{row['giver']} → {row['receiver']}"),
            f"{pounds(int(row['amount_minor']))}, {row['relation']}",
        )
        for row in rows
    )
    followed = {row["receiver"] for row in rows}
    assert followed >= {country[each].hex() for each in (TRUST, *PARTNERS)}


def a_payment_is_followed(stage: Stage) -> None:
    """Files say who was paid, by whom and when, and by which law; they need no node."""
    country, process = stage.country, stage.process
    stage.teller.chapter("Following one payment")
    first = process.installments[0]
    (voucher,) = country.rows(
        "treasury.voucher", payee=country[BUILDER].hex(), invoice=first.invoice
    )
    folder = stage.published
    paid, never = folder / "payment.proof", folder / "never-invoiced"
    country.run("proof", "get", voucher.paid_in.hex(), "-o", paid)
    country.run(
        *("query", "treasury.voucher", "--payee", "builder", "--invoice", "INV-4711"),
        *("--proof", never),
    )
    trail = folder / f"way-of-{first.invoice}"
    country.run("proof", "follow", "builder", first.invoice, trail)
    for each in (paid, never, trail):
        verified = verify(stage, each)
        assert verified.code == 0, verified.err
    gap = _with_a_proof_less(trail)
    assert verify(stage, gap).code == REFUSED
    stage.teller.tell(
        f"A journalist asks about {first.invoice}. She gets a file, and a folder with the way of "
        "its money; she takes them home, and checks them on a machine that is connected to "
        "nothing, trusting nobody but the id of the chain:"
    )
    stage.teller.show(
        [
            (paid.name, f"VALID: {pounds(first.minor)} on {first.paid:%-d %B %Y}"),
            (f"{never.name}/", "VALID: an invoice INV-4711 of this builder was never certified"),
            (f"{trail.name}/", "VALID: its way from the law to the last hand, nothing left out"),
            (f"{gap.name}/", "INVALID: one step is missing"),
        ]
    )


def every_figure_has_its_proof(stage: Stage) -> None:
    """A month's report, and a folder from which anybody makes its figures again."""
    country, process = stage.country, stage.process
    stage.teller.chapter("Every figure has its proof")
    month = f"{process.installments[-1].paid:%Y-%m}"
    pack = stage.published / f"report-{month}"
    report = country.run(
        *("report", "treasury.period", "--treasury", MINISTRY, "--period", month),
        *("--proof-pack", pack),
    ).result
    verified = verify(stage, pack)
    assert verified.code == 0, verified.out
    spoilt = _with_a_penny_less(pack)
    assert verify(stage, spoilt).code == REFUSED
    stage.teller.tell(
        f"The auditor gets the report of {month} as a folder. Each figure goes down to "
        "transactions, each transaction has a proof, and their sum is the figure. Here a penny is "
        "taken from one figure of a copy:"
    )
    proofs = len(list(pack.glob("*.proof")))
    (line,) = (each for each in report["lines"] if each["line"] == stage.road_line)
    stage.teller.show(
        [
            ("outlays on the road", pounds(line["until"]["outlaid_minor"])),
            (f"{pack.name}/", f"VALID: {proofs} proofs, checked without any node"),
            (f"{spoilt.name}/", "INVALID"),
        ]
    )


def verify(stage: Stage, what: Path) -> Done:
    """`mithaq proof verify` on another machine: it has the genesis file, and no network."""
    home = stage.country.home.parent / "elsewhere"
    home.mkdir(exist_ok=True)
    genesis = shutil.copy(stage.country.home / "genesis.json", home / "trusted.json")
    with offline():
        return mithaq("proof", "verify", what, "--genesis", genesis, "--home", home, "--json")


def _with_a_penny_less(pack: Path) -> Path:
    spoilt = pack.with_name(f"{pack.name}-spoilt")
    shutil.copytree(pack, spoilt)
    report = json.loads((spoilt / "report.json").read_text())
    report["figures"]["lines"][0]["until"]["outlaid_minor"] -= 1
    (spoilt / "report.json").write_text(json.dumps(report))
    return spoilt


def _with_a_proof_less(trail: Path) -> Path:
    gap = trail.with_name(f"{trail.name}-with-a-gap")
    shutil.copytree(trail, gap)
    min(gap.glob("*.proof")).unlink()
    return gap
