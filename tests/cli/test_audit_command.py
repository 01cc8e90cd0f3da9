"""`mithaq audit` and the commands that give it its files, over files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from cli.founding import document_bytes
from kit.api import listening
from kit.commandline import Done, mithaq
from kit.exports import with_a_forged_seal, write_export
from kit.ledger import account_id
from kit.nets import in_trio
from kit.other_ledger import OtherChain, Rule, ours, skims


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An auditor's folder: a key of his own and the genesis document."""
    chain = OtherChain.begin().chain
    (tmp_path / "genesis.json").write_bytes(document_bytes(chain.genesis))
    assert mithaq("keys", "new", "auditor", "--home", tmp_path).code == 0
    return tmp_path


def export(home: Path, *rules: Rule, name: str = "c.export") -> Path:
    other = OtherChain.begin()
    for rule in rules:
        other.block(rule)
    return write_export(other.chain, home / name)


def audit(home: Path, *files: Path, output: str = "r.audit", more: tuple[str, ...] = ()) -> Done:
    words = ["--key", "auditor", "-o", str(home / output), "--home", str(home), *more]
    return mithaq("audit", "run", *files, *words)


def test_an_audit_that_agrees_ends_with_0(home: Path) -> None:
    """The report is written, verified without anything else, and names its signer."""
    done = audit(home, export(home, ours, ours), more=("--every", "1"))

    assert done.code == 0, done.err
    assert "Every block up to height 2 comes out as the chain says." in done.out
    verified = mithaq("audit", "verify", home / "r.audit", "--home", home)
    assert verified.code == 0
    assert "which calls itself 'auditor', signed: every block up to height 2" in verified.out
    shown = mithaq("audit", "show", home / "r.audit", "--home", home, "--json")
    assert [root["height"] for root in shown.result["report"]["roots"]] == [1, 2]


def test_an_audit_that_diverges_ends_with_1_and_is_signed_all_the_same(home: Path) -> None:
    """The auditor's word is what it is for."""
    done = audit(home, export(home, ours, skims))

    assert done.code == 1
    assert "At height 2 every receipt is the same, but the state is not." in done.out
    verified = mithaq("audit", "verify", home / "r.audit", "--home", home)
    assert verified.code == 0
    assert "part at height 2" in verified.out


def test_a_forged_file_ends_with_1_and_without_a_report(home: Path) -> None:
    """It says nothing about the chain."""
    other = OtherChain.begin()
    other.block()
    done = audit(home, write_export(other.chain, home / "f", spoil={1: with_a_forged_seal}))

    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("mithaq: height 1: signature of")
    assert not (home / "r.audit").exists()


def test_a_report_is_never_written_over_a_file(home: Path) -> None:
    """That it cannot be written is said before anything is executed."""
    (home / "r.audit").write_bytes(b"another report")
    done = audit(home, home / "nothing.export")
    assert done.code == 6
    assert "exists already; nothing is overwritten" in done.err

    lost = audit(home, home / "nothing.export", output="nowhere/r.audit")
    assert lost.code == 6
    assert "is no folder: make it first" in lost.err


def test_an_audit_needs_a_chain_that_is_pinned(home: Path) -> None:
    """Else any chain at all would do."""
    file = export(home, ours)
    (home / "genesis.json").unlink()

    done = audit(home, file)
    assert done.code == 2
    assert "which chain?" in done.err
    assert "expected 0101" in audit(home, file, more=("--chain", "01" * 32)).err


def test_a_report_about_another_chain_is_invalid(home: Path) -> None:
    """Whatever its signature says."""
    audit(home, export(home, ours))

    wrong = mithaq("audit", "verify", home / "r.audit", "--chain", "01" * 32)
    assert wrong.code == 1
    assert "--chain says 0101" in wrong.out
    (home / "genesis.json").unlink()
    unpinned = mithaq("audit", "verify", home / "r.audit", "--home", home)
    assert unpinned.code == 3
    assert "which you have not pinned" in unpinned.out


def test_a_damaged_report_is_invalid(home: Path) -> None:
    """Also to whoever only wants to see it."""
    audit(home, export(home, ours))
    data = (home / "r.audit").read_bytes()
    (home / "r.audit").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    for verb in ("verify", "show"):
        done = mithaq("audit", verb, home / "r.audit", "--home", home)
        assert done.code == 1
        assert "is no audit report that holds: the report is not signed by the key" in done.err


def test_two_auditors_compare_what_they_found(home: Path) -> None:
    """One chain and two ledgers: they agree up to the block before."""
    audit(home, export(home, ours, ours), output="a.audit", more=("--every", "1"))
    audit(home, export(home, ours, skims, name="d"), output="b.audit", more=("--every", "1"))

    same = mithaq("audit", "compare", home / "a.audit", home / "a.audit")
    assert same.code == 0
    assert "they agree up to height 2" in same.out
    done = mithaq("audit", "compare", home / "a.audit", home / "b.audit")
    assert done.code == 1
    assert "they agree up to height 1" in done.out
    assert "part at height 2" in done.out


@in_trio
async def test_a_node_shows_the_entry_in_which_its_own_state_differs(tmp_path: Path) -> None:
    """The audited node itself: what it proves under its state root convicts it."""
    other = OtherChain.begin()
    (tmp_path / "genesis.json").write_bytes(document_bytes(other.chain.genesis))
    assert mithaq("keys", "new", "auditor", "--home", tmp_path).code == 0
    other.block()
    other.block(skims)
    other.block()
    file = write_export(other.chain, tmp_path / "c.export")

    async with listening(other.chain) as address:
        done = await trio.to_thread.run_sync(
            lambda: audit(tmp_path, file, more=("--node", f"http://{address}"))
        )

    assert done.code == 1
    key = (account_id("health") + b"GBP").hex()
    assert f"table balances, key {key}" in done.out
    assert "written last by transaction 1" in done.out
    assert f"table balances, key {(account_id('works') + b'GBP').hex()}" in done.out
    assert f"compared with the node http://{address}" in done.out


def test_the_chains_entries_come_from_one_side(home: Path) -> None:
    """A snapshot or a node."""
    more = ("--node", "http://127.0.0.1:1", "--against", str(home))
    done = audit(home, export(home, ours), more=more)

    assert done.code == 2
    assert "expected one of --against and --node" in done.err


def test_a_node_that_does_not_answer_costs_no_audit(home: Path) -> None:
    """The report says that nobody showed the entry, and everything else."""
    done = audit(home, export(home, ours, skims), more=("--node", "http://127.0.0.1:1"))

    assert done.code == 1
    assert "compared with the node http://127.0.0.1:1, which ended it: " in done.out
    assert (home / "r.audit").exists()


def test_reports_with_few_heights_in_common_say_how_to_have_more(home: Path) -> None:
    """Two that end at different heights and list different ones share genesis alone."""
    audit(home, export(home, ours, ours, ours), output="a.audit", more=("--every", "2"))
    audit(home, export(home, ours, ours, name="d"), output="b.audit", more=("--every", "5"))
    audit(home, export(home, ours, name="e"), output="c.audit")

    done = mithaq("audit", "compare", home / "a.audit", home / "b.audit")
    assert done.code == 0
    assert "they agree up to height 2" in done.out
    little = mithaq("audit", "compare", home / "a.audit", home / "c.audit")
    assert little.code == 0
    assert "no height up to 1 is in both: audits with the same --every" in little.out
