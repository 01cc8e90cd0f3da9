"""Where an audit diverges with equal receipts: the entry, by what somebody proves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kit.exports import done, write_export
from kit.ledger import GBP, account_id
from kit.other_ledger import OtherChain, Rule, skims, stamps, taxes
from ledger.books import BALANCES, Balance, Holding
from ledger.state import Slot
from ledger.tree import Path as TreePath
from node.against import NodeEntries, ProvedEntry, SnapshotEntries
from node.audit_report import Divergence, Entry, sentences
from node.auditing import AuditTask, audit_files
from node.divergence import EntriesOf
from node.history import at
from node.snapshot_check import open_snapshot
from node.snapshots import write_snapshot
from primitives.codec import encode
from primitives.ids import Height


@pytest.fixture
def other() -> OtherChain:
    made = OtherChain.begin()
    made.block()
    return made


def snapshot(other: OtherChain, folder: Path) -> SnapshotEntries:
    store = other.chain.store
    made = done(write_snapshot(store, store.state(), folder))
    return SnapshotEntries(open_snapshot(Path(made.folder), other.chain.chain))


def node(other: OtherChain) -> NodeEntries:
    """The chain's own node, asked after it went on."""

    def prove(slot: Slot, height: Height) -> ProvedEntry:
        with other.chain.store.state() as state:
            then = at(state, height)
            return then.get(*slot), then.prove(*slot)

    return NodeEntries("the node of a test", prove)


def divergence(other: OtherChain, against: EntriesOf | None, tmp_path: Path) -> Divergence:
    task = AuditTask(
        files=[write_export(other.chain, tmp_path / "c.export")],
        chain=other.chain.chain,
        every=10,
        workers=0,
        memory_bytes=10**7,
        scratch=None,
        program="mithaq test",
        auditor="a test",
        against=against,
    )
    found = done(audit_files(task, lambda _: None)).divergence
    assert isinstance(found, Divergence)
    return found


def balance(name: str, theirs: int, ours: int, by: int | None) -> Entry:
    """A balance that differs."""
    key = BALANCES.key(Holding(account_id(name), GBP))
    return Entry("balances", key, encode(Balance(theirs, 0)), encode(Balance(ours, 0)), by)


@pytest.mark.parametrize("kind", ["snapshot", "node"])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (skims, [("health", 398, 400, 1), ("works", 1_002, 1_000, None)]),
        (taxes, [("health", 402, 400, 1), ("works", 998, 1_000, None)]),
    ],
)
def test_entries_that_differ_are_named(
    other: OtherChain,
    tmp_path: Path,
    kind: str,
    rule: Rule,
    expected: list[tuple[str, int, int, int | None]],
) -> None:
    """Also one that our execution never looked at: its place in the tree gives it away."""
    other.block(rule)
    against = snapshot(other, tmp_path) if kind == "snapshot" else node(other)
    other.block()
    found = divergence(other, against, tmp_path)

    entries = {entry.key: entry for entry in found.entries}
    wanted = [balance(*one) for one in expected]
    assert entries == {entry.key: entry for entry in wanted}
    assert found.compared_with == against.name


def test_a_snapshot_names_an_entry_that_we_do_not_have(other: OtherChain, tmp_path: Path) -> None:
    """It has all of them."""
    other.block(stamps, payments=1)
    (entry,) = divergence(other, snapshot(other, tmp_path), tmp_path).entries

    assert (entry.table, entry.actual, entry.transaction) == ("stamps", None, None)
    assert entry.expected is not None


def test_a_node_leaves_a_remark_about_an_entry_that_we_do_not_have(
    other: OtherChain, tmp_path: Path
) -> None:
    """What nobody can ask for by name can be told by its place."""
    other.block(stamps, payments=1)
    found = divergence(other, node(other), tmp_path)

    assert found.entries == ()
    assert "an entry that our execution knows nothing of, whose key hash begins with the bits" in (
        found.compared_with
    )


def test_a_snapshot_of_another_height_is_of_no_use(other: OtherChain, tmp_path: Path) -> None:
    """It is said which it would have to be; the report is about the chain all the same."""
    early = snapshot(other, tmp_path)
    other.block(skims)
    found = divergence(other, early, tmp_path)

    assert (found.height, found.entries) == (2, ())
    assert re.search("is of height 1, .* the divergence is at height 2", found.compared_with)
    assert "--against a snapshot of that height" in "\n".join(sentences(found))


def test_a_node_that_lies_is_found_out(other: OtherChain, tmp_path: Path) -> None:
    """What it says must be proved under the state root that a quorum certified."""
    other.block(skims)

    def what_it_likes(_slot: Slot, _height: Height) -> ProvedEntry:
        return b"what it likes", TreePath((), None)

    found = divergence(other, NodeEntries("a liar", what_it_likes), tmp_path)
    assert found.entries == ()
    assert found.compared_with.startswith("a liar, which ended it: a liar proves nothing about")
