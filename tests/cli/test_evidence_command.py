"""`mithaq evidence`: from a node's list to a report on chain, and from testimonies to culprits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.accused import two_prepares
from kit.commandline import mithaq, testnet
from kit.desk import Desk, desk
from kit.forks import Fork, forked
from kit.ledger import key
from kit.lineage import Lineage
from node.evidence_file import read_evidence, write_evidence
from node.forensics import write_testimony
from node.lineage import chain_of
from primitives.codec import encode
from primitives.evidence import case_of
from primitives.ids import ValidatorKey
from storage.decision import KeptEvidence

GUILTY = ValidatorKey(key("validator 1").public)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        assert found.pay("--wait").code == 0
        yield found


def keep(at: Desk, *, view: int = 0) -> str:
    """The node comes upon evidence against validator 1; the case's id."""
    piece = two_prepares(key("validator 1"), at.chain.chain, height=1, view=view)
    case = case_of(piece, at.chain.chain)
    at.chain.store.keep_evidence(KeptEvidence(case.height, case.id, encode(piece)))
    return case.id.hex()


def test_a_node_without_evidence_says_so(at: Desk) -> None:
    """No case, no row."""
    assert at.asking("evidence", "list").out == "this node has no evidence against anybody\n"
    assert at.asking("evidence", "list", "--json").result == {"cases": []}


def test_from_the_list_to_the_report(at: Desk, tmp_path: Path) -> None:
    """R48, R49: list, show, export, verify, submit; four validators, so it is marked."""
    case, file = keep(at), tmp_path / "ministry.evidence"
    listed = at.asking("evidence", "list")
    assert "Ministry 1" in listed.out
    assert "not reported" in listed.out

    shown = at.asking("evidence", "show", case[:8])
    assert "two prepares of one view for different blocks (E2)" in shown.out
    assert GUILTY.hex() in shown.out
    exported = at.asking("evidence", "export", case[:8], "-o", file)
    assert (exported.code, exported.err) == (0, "")
    verified = at.mithaq("evidence", "verify", file)
    assert verified.code == ExitCode.OK
    assert verified.out.startswith("VALID\n")
    sent = at.asking("evidence", "submit", file, "--key", "works", "--wait", "--json")

    assert sent.code == ExitCode.OK, sent.err
    [event] = sent.result["receipt"]["events"]
    assert event["event"] == "authority.equivocation_proved"
    assert (event["signer"], event["outcome"]) == (GUILTY.hex(), "marked")
    [row] = at.asking("evidence", "list", "--json").result["cases"]
    assert (row["suspended_since"], row["marked"]) == (2, True)
    assert "votes until a replacement joins" in at.asking("evidence", "list").out


def test_a_case_is_reported_straight_from_the_node_and_only_once(at: Desk) -> None:
    """The second report names the transaction of the first."""
    case = keep(at)

    first = at.asking("evidence", "submit", case, "--key", "works", "--wait", "--json")
    again = at.asking("evidence", "submit", case, "--key", "health", "--wait", "--json")

    assert first.code == ExitCode.OK
    assert again.code == ExitCode.REFUSED
    assert again.error["code"] == "evidence.already_reported"
    assert again.error["facts"]["transaction"] == first.result["id"]


def test_a_case_is_named_by_its_first_digits_if_they_are_its_alone(at: Desk) -> None:
    """None and several are a fault of usage; a whole id that is unknown is the node's answer."""
    keep(at)
    keep(at, view=1)

    assert (
        "2 cases of this node begin so"
        in at.asking("evidence", "export", "", "-o", at.home / "x").err
    )
    assert "0 cases of this node begin so" in at.asking("evidence", "show", "zz").err
    unknown = at.asking("evidence", "show", "0" * 64, "--json")
    assert unknown.error["code"] == "evidence.unknown"


def test_exit_codes_are_those_of_proofs(tmp_path: Path) -> None:
    """0 valid, 1 invalid, 3 valid and not pinned; a file that is none, or not there."""
    lineage, file = Lineage.made(), tmp_path / "a.evidence"
    file.write_bytes(write_evidence(lineage.file()))
    verify = ("evidence", "verify", file, "--home", tmp_path)

    assert mithaq(*verify, "--chain", lineage.chain.hex()).code == ExitCode.OK
    assert mithaq(*verify).code == ExitCode.NOT_PINNED
    assert mithaq(*verify, "--chain", "0" * 64).code == ExitCode.REFUSED
    home = tmp_path / "home"
    testnet(home)
    assert mithaq(*verify, "--genesis", home / "genesis.json").code == ExitCode.REFUSED
    shown = mithaq("evidence", "show", file, "--home", tmp_path)
    assert shown.out.startswith("In chain ")
    file.write_bytes(b"not evidence")
    assert mithaq(*verify).code == ExitCode.REFUSED
    assert mithaq("evidence", "show", file, "--home", tmp_path).code == ExitCode.REFUSED
    file.unlink()
    assert mithaq(*verify).code == ExitCode.LOCAL_FAULT


@pytest.fixture
def fork() -> Fork:
    return forked(1, 4, "fresh")


def testified(fork: Fork, folder: Path) -> list[Path]:
    """The testimonies as files."""
    files = [folder / f"{number}.testimony" for number in range(len(fork.testimonies))]
    for file, testimony in zip(files, fork.testimonies, strict=True):
        file.write_bytes(write_testimony(testimony))
    return files


testified.__test__ = False  # type: ignore[attr-defined]  # it only begins so


def test_testimonies_of_both_sides_name_the_guilty_of_a_fork(fork: Fork, tmp_path: Path) -> None:
    """R48: at least f + 1, each with a file that is valid by itself."""
    files, folder = testified(fork, tmp_path), tmp_path / "found"
    chain = chain_of(fork.testimonies[0].origin.anchor).hex()
    find: list[str | Path] = ["evidence", "find", *files, "--home", tmp_path, "--chain", chain]

    done = mithaq(*find, "-o", folder)
    result = mithaq(*find, "--json").result

    assert "2 certified blocks" in done.out
    assert f"{len(result['culprits'])} of 4 validators are proved guilty" in done.out
    assert len(result["culprits"]) >= result["expected"] == fork.least
    written = sorted(folder.iterdir())
    assert len(written) == len(result["cases"])
    assert {read_evidence(file.read_bytes()).signer.hex() for file in written} == set(
        result["culprits"]
    )
    for file in written:
        verified = mithaq("evidence", "verify", file, "--chain", chain, "--home", tmp_path)
        assert verified.code == ExitCode.OK


def test_too_few_testimonies_are_said_to_be_too_few(fork: Fork, tmp_path: Path) -> None:
    """Two certificates alone, of two views, name nobody; one side alone shows no fork."""
    bare = [one for one in fork.testimonies if not one.records] or fork.testimonies
    one_side = tmp_path / "one.testimony"
    one_side.write_bytes(write_testimony(bare[0]))

    done = mithaq("evidence", "find", one_side, "--home", tmp_path)

    assert done.code == ExitCode.OK
    assert "height 2: 1 certified blocks" in done.out
    assert "0 of 4 validators are proved guilty" in done.out


def test_testimonies_that_do_not_belong_together_are_refused(fork: Fork, tmp_path: Path) -> None:
    """Other heights, other chains, other files."""
    files = testified(fork, tmp_path)
    other = tmp_path / "other.testimony"
    other.write_bytes(write_testimony(forked(1, 5, "fresh").testimonies[0]))
    broken = tmp_path / "broken.testimony"
    broken.write_bytes(b"\x97")

    mixed = mithaq("evidence", "find", *files, other, "--home", tmp_path)
    unread = mithaq("evidence", "find", *files, broken, "--home", tmp_path)
    unpinned = mithaq("evidence", "find", *files, "--chain", "0" * 64, "--home", tmp_path)

    assert mixed.code == ExitCode.USAGE
    assert "testimonies of one height" in mixed.err
    assert (unread.code, unpinned.code) == (ExitCode.LOCAL_FAULT, ExitCode.LOCAL_FAULT)
    assert "broken.testimony is no testimony" in unread.err
    assert "--chain says 0000" in unpinned.err


def test_a_node_writes_its_testimony_of_a_height(at: Desk, tmp_path: Path) -> None:
    """One that it decided; of others there is none."""
    file = tmp_path / "1.testimony"

    done = at.asking("evidence", "testimony", "1", "-o", file)

    assert done.code == ExitCode.OK, done.err
    assert at.mithaq("evidence", "find", file).code == ExitCode.OK
    unknown = at.asking("evidence", "testimony", "99", "-o", file, "--json")
    assert unknown.error["code"] == "block.unknown"
