"""An audit of files: what agrees, what diverges and where, and what proves nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit import exports
from kit.engines import begun
from kit.exports import Held, done, write_export
from kit.ledger import GBP, genesis_account, genesis_document, line, pay
from kit.membership import change, proposal, ready_of
from kit.other_ledger import (
    OtherChain,
    Rule,
    kind_where,
    misreports,
    ours,
    refuses,
    skims,
    stamps,
)
from ledger.transaction import check_transaction
from node.audit_report import AuditReport, DivergenceKind, sentences
from node.auditing import AuditTask, audit_files
from node.export_file import ExportAbout, ExportGenesis, export_head
from node.snapshot_check import open_snapshot
from node.snapshots import write_snapshot
from primitives import limits
from primitives.codec import encode
from primitives.errors import BadBlock, Malformed, OperatorFault, RemoteFault
from primitives.ids import ChainId, Height
from services.money import Transfer
from services.table import TRANSACTION
from storage.stream import StreamWriter

PAYMENT = pay("health", 1, "one more")


def audited(*files: Path, chain: ChainId, **options: Any) -> AuditReport:  # noqa: ANN401 - of a task
    given: dict[str, Any] = {
        "every": 2,
        "workers": 0,
        "memory_bytes": 10**7,
        "scratch": None,
        "program": "mithaq test",
        "auditor": "a test",
        **options,
    }
    report: AuditReport = done(
        audit_files(AuditTask(files=files, chain=chain, **given), lambda _: None)
    )
    return report


@pytest.fixture
def other() -> OtherChain:
    made = OtherChain.begin()
    for _ in range(3):
        made.block()
    return made


def diverging(other: OtherChain, rule: Rule, tmp_path: Path) -> AuditReport:
    """An audit of three blocks like ours, one that another ledger made, and one more."""
    other.block(rule, payments=3)
    other.block()
    return audited(write_export(other.chain, tmp_path / "c.export"), chain=other.chain.chain)


# --- what agrees ----------------------------------------------------------------------------------


def test_a_chain_that_is_what_its_transactions_make_of_it_agrees(
    other: OtherChain, tmp_path: Path
) -> None:
    """Every height is executed; the report has counts, roots and totals."""
    path = write_export(other.chain, tmp_path / "c.export")
    report = audited(path, chain=other.chain.chain)

    head = other.chain.store.head()
    assert report.divergence is None
    assert (report.last.height, report.last.block_id) == (3, head.block_id)
    assert report.last.state_root == head.header.state_root
    assert [root.height for root in report.roots] == [2]
    assert report.start.height == 0
    counts = report.counts
    assert (counts.blocks, counts.transactions, counts.refused) == (3, 6, 0)
    assert (counts.applied, counts.signatures, counts.seals) == (6, 6, 9)
    (gbp,) = report.assets
    assert gbp.supply == gbp.balances == 25_000_001_000
    assert gbp.holders == 3
    (file,) = report.inputs
    assert file.sha256 == hashlib.sha256(path.read_bytes()).digest()
    assert (file.name, file.bytes) == ("c.export", path.stat().st_size)


def test_the_report_is_the_same_however_the_work_was_done(
    other: OtherChain, tmp_path: Path
) -> None:
    """With processes beside it, and with a state that does not fit into memory."""
    other.block(payments=12)  # more than is checked at once
    path = write_export(other.chain, tmp_path / "c.export")
    plain = audited(path, chain=other.chain.chain)

    assert audited(path, chain=other.chain.chain, workers=2) == plain
    assert audited(path, chain=other.chain.chain, memory_bytes=1) == plain
    assert plain.counts.transactions == 18


def test_refused_transactions_are_counted(other: OtherChain, tmp_path: Path) -> None:
    """They stand in the chain, with their receipts."""
    chain = other.chain
    data = chain.signed("works", pay("health", 10**9, "more than there is"))
    tx = check_transaction(data, chain.chain, TRANSACTION)
    chain.waiting[tx.id] = tx
    chain.make_block()

    report = audited(write_export(chain, tmp_path / "c.export"), chain=chain.chain)
    assert (report.counts.applied, report.counts.refused) == (6, 1)


def test_several_files_are_one_chain(other: OtherChain, tmp_path: Path) -> None:
    """Each goes on where the one before ended, or overlaps it."""
    chain = other.chain
    first = write_export(chain, tmp_path / "1.export", last=2)
    second = write_export(chain, tmp_path / "2.export", first=2)
    whole = audited(write_export(chain, tmp_path / "c.export"), chain=chain.chain)
    parts = audited(first, second, chain=chain.chain)

    assert (parts.last, parts.counts, parts.roots) == (whole.last, whole.counts, whole.roots)
    with pytest.raises(Malformed, match="begins with height 2, 1 must come first"):
        audited(second, first, chain=chain.chain)


def test_an_audit_may_begin_with_a_snapshot(other: OtherChain, tmp_path: Path) -> None:
    """Its state is proved first; from there on everything is as from genesis."""
    chain = other.chain
    made = done(write_snapshot(chain.store, chain.store.state(), tmp_path))
    snapshot = open_snapshot(Path(made.folder), chain.chain)
    other.block()
    other.block()
    path = write_export(chain, tmp_path / "c.export", first=4)
    report = audited(path, chain=chain.chain, snapshot=snapshot)

    assert report.divergence is None
    assert (report.start.height, report.last.height) == (3, 5)
    assert report.counts.blocks == 2
    whole = audited(write_export(chain, tmp_path / "whole"), chain=chain.chain)
    assert (report.last, report.assets) == (whole.last, whole.assets)
    manifest = report.inputs[0]
    assert manifest.sha256 == hashlib.sha256((snapshot.folder / "manifest").read_bytes()).digest()
    late = write_export(chain, tmp_path / "late", first=5)
    with pytest.raises(Malformed, match="begins with height 5, 4 must come first"):
        audited(late, chain=chain.chain, snapshot=snapshot)


def test_an_act_that_was_committed_below_the_snapshot_cannot_be_again(
    other: OtherChain, tmp_path: Path
) -> None:
    """The snapshot's window remembers it."""
    chain = other.chain
    again = chain.store.block(Height(2)).transactions[0]
    made = done(write_snapshot(chain.store, chain.store.state(), tmp_path))
    bad = exports.certified_past_the_rules(chain, again)
    path = write_export(chain, tmp_path / "c.export", more=[bad])
    snapshot = open_snapshot(Path(made.folder), chain.chain)
    found = audited(path, chain=chain.chain, snapshot=snapshot).divergence

    assert found is not None
    assert "is already committed" in found.actual


def test_validators_may_change_on_the_way(tmp_path: Path) -> None:
    """Each certificate is judged by those that the state below names for its height."""
    network = begun(4, waiting=1)
    newcomer = network.nodes["validator 4"]
    tx = proposal(network, change(add=[ready_of(network, newcomer, 4)]), range(4))
    assert network.submit(network.nodes["validator 0"], tx) == [None]
    network.run(network.is_final(tx))
    for number in range(4):
        payment = network.transaction("treasury", pay("health", 1, f"audit-{number}"))
        assert network.submit(network.nodes["validator 0"], payment) == [None]
        network.run(network.is_final(payment))
    store = network.nodes["validator 1"].store
    document = genesis_document(4, accounts=[genesis_account("body 4")])
    path = write_export(Held(store, document), tmp_path / "c.export")
    report = audited(path, chain=store.chain)

    assert report.divergence is None
    assert report.last.height == store.head().height
    hashes = {store.header(Height(height)).validators_hash for height in range(1, 6)}
    assert len(hashes) == 2


# --- what diverges --------------------------------------------------------------------------------


def test_a_state_that_differs_names_height_and_tables(other: OtherChain, tmp_path: Path) -> None:
    """With equal receipts the export cannot say which entry; it says what the block wrote."""
    report = diverging(other, skims, tmp_path)

    found = report.divergence
    assert found is not None
    assert (found.kind, found.height) == (DivergenceKind.STATE, 4)
    assert report.last.height == 3
    assert {one.table: one.entries for one in found.tables} == {
        "balances": 2,
        "references": 3,
        "window_ids": 1,
    }
    assert found.expected != found.actual
    said = "\n".join(sentences(found))
    assert "At height 4 every receipt is the same, but the state is not." in said
    assert "balances (2), references (3), window_ids (1)" in said
    assert "--node URL" in said


def test_a_receipt_that_differs_names_the_transaction(other: OtherChain, tmp_path: Path) -> None:
    """By index and id, with both receipts in words."""
    ids: list[bytes] = []

    def at_the_second(transfer: Any, act: Any) -> None:  # noqa: ANN401 - a rule
        (ours if len(ids) != 1 else misreports)(transfer, act)
        ids.append(act.transaction_id)

    report = diverging(other, at_the_second, tmp_path)

    found = report.divergence
    assert found is not None
    assert (found.kind, found.height, found.index) == (DivergenceKind.RECEIPT, 4, 1)
    assert found.transaction == ids[1]
    assert '"amount": 99,' in found.expected
    assert '"amount": 100,' in found.actual


def test_a_refusal_that_differs_is_told_with_its_sentence(
    other: OtherChain, tmp_path: Path
) -> None:
    """The chain refused what our execution applies."""
    found = diverging(other, refuses, tmp_path).divergence

    assert found is not None
    assert found.expected.startswith("refused, assets.unknown: There is no asset GBP")
    assert found.actual.startswith("applied, event 1 of 1: ")


def test_receipts_of_many_events_show_the_one_that_differs(
    other: OtherChain, tmp_path: Path
) -> None:
    """However long they are, what is shown is what differs."""

    def at_the_last(transfer: Any, act: Any) -> None:  # noqa: ANN401 - a rule
        ours(transfer, act)
        act.events[-1] = replace(act.events[-1], amount=99)

    lines = tuple(line("health", 100, f"line-{number}") for number in range(60))
    data = other.chain.signed("treasury", Transfer(GBP, lines))
    tx = check_transaction(data, other.chain.chain, kind_where(at_the_last))
    other.chain.waiting[tx.id] = tx
    other.chain.make_block()
    path = write_export(other.chain, tmp_path / "c.export")
    found = audited(path, chain=other.chain.chain).divergence

    assert found is not None
    assert found.expected.startswith("applied, event 60 of 60: ")
    assert '"amount": 99,' in found.expected
    assert '"amount": 100,' in found.actual


def test_an_entry_that_nobody_asked_for_is_a_divergence(other: OtherChain, tmp_path: Path) -> None:
    """The other ledger writes into a table that ours does not touch in this block."""
    found = diverging(other, stamps, tmp_path).divergence

    assert found is not None
    assert (found.kind, found.height) == (DivergenceKind.STATE, 4)


def test_a_certified_block_with_a_transaction_twice_diverges(
    other: OtherChain, tmp_path: Path
) -> None:
    """A quorum that certifies what can stand in no block is told of, with the transaction."""
    chain = other.chain
    again, fresh = chain.store.block(Height(3)).transactions[0], chain.signed("treasury", PAYMENT)
    bad = exports.certified_past_the_rules(chain, fresh, again)
    path = write_export(chain, tmp_path / "c.export", more=[bad])
    found = audited(path, chain=chain.chain).divergence

    assert found is not None
    assert (found.kind, found.height, found.index) == (DivergenceKind.TRANSACTION, 4, 1)
    assert "is already committed" in found.actual


def test_a_certified_block_with_a_bad_signature_diverges(other: OtherChain, tmp_path: Path) -> None:
    """Whoever checks it: it is told of under its index."""
    chain = other.chain
    good = [chain.signed("treasury", pay("health", 1, f"good-{i}")) for i in range(9)]
    bad = good[8][:-1] + bytes([good[8][-1] ^ 1])
    block = exports.certified_past_the_rules(chain, *good[:8], bad)
    path = write_export(chain, tmp_path / "c.export", more=[block])

    for workers in (0, 1):
        found = audited(path, chain=chain.chain, workers=workers).divergence
        assert found is not None
        assert (found.kind, found.height, found.index) == (DivergenceKind.TRANSACTION, 4, 8)
        assert "does not verify" in found.actual


def test_a_certified_block_that_follows_from_nothing_diverges(
    other: OtherChain, tmp_path: Path
) -> None:
    """Its time is not after its parent's; no transaction is to blame."""
    chain = other.chain
    block = exports.certified_past_the_rules(chain, chain.signed("treasury", PAYMENT))
    header = replace(block.block.header, time_ms=chain.store.head().header.time_ms)
    early = exports.recertified(chain, replace(block, block=replace(block.block, header=header)))
    path = write_export(chain, tmp_path / "c.export", more=[early])
    found = audited(path, chain=chain.chain).divergence

    assert found is not None
    assert (found.kind, found.index) == (DivergenceKind.BLOCK, None)
    assert "the parent's is" in found.actual


# --- what proves nothing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        (exports.without_a_seal, Malformed, "height 2: 2 signers, a quorum of 4 validators is 3"),
        (exports.with_a_forged_seal, Malformed, "height 2: signature of"),
        (exports.with_other_receipts, Malformed, "height 2: 2 receipts with root"),
        (exports.with_another_time, BadBlock, "height 2: the header hashes to"),
        (exports.without_a_transaction, BadBlock, "height 2: the transactions have root"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_forged_height_is_refused_and_accuses_nobody(
    other: OtherChain,
    tmp_path: Path,
    spoil: exports.Spoil,
    kind: type[RemoteFault],
    reason: str,
    workers: int,
) -> None:
    """It is no divergence: no quorum said this."""
    path = write_export(other.chain, tmp_path / "c.export", spoil={2: spoil})

    with pytest.raises(kind, match=reason):
        audited(path, chain=other.chain.chain, workers=workers)


def test_another_chain_is_refused(other: OtherChain, tmp_path: Path) -> None:
    """The pin is the auditor's, not the file's."""
    path = write_export(other.chain, tmp_path / "c.export")

    with pytest.raises(Malformed, match=r"is of chain .*, expected 0101"):
        audited(path, chain=ChainId(b"\1" * 32))


def test_a_scratch_folder_that_cannot_be_made_is_said(other: OtherChain, tmp_path: Path) -> None:
    """Before anything is executed."""
    path = write_export(other.chain, tmp_path / "c.export")

    with pytest.raises(OperatorFault, match="scratch"):
        audited(path, chain=other.chain.chain, scratch=tmp_path / "nowhere")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ChainId]:
    """A small export."""
    other = OtherChain.begin()
    other.block(payments=1)
    other.block(payments=1)
    path = write_export(other.chain, tmp_path_factory.mktemp("sample") / "c.export")
    return path.read_bytes(), other.chain.chain


DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "a bit turned": lambda whole, at: (
        whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
    ),
    "cut off": lambda whole, at: whole[:at],
    "a byte left out": lambda whole, at: whole[:at] + whole[at + 1 :],
    "a part repeated": lambda whole, at: whole[:at] + whole[at // 2 :],
    "something behind": lambda whole, at: whole + whole[at:],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(damage=st.sampled_from(sorted(DAMAGE)), place=st.integers(2, 10**6))
def test_no_damage_is_taken_for_anything_but_damage(
    sample: tuple[bytes, ChainId], tmp_path: Path, damage: str, place: int
) -> None:
    """Wherever it is: the file is refused, and nobody is accused."""
    whole, chain = sample
    path = tmp_path / "spoilt"
    path.write_bytes(DAMAGE[damage](whole, 2 + place % (len(whole) - 2)))

    with pytest.raises(RemoteFault):
        audited(path, chain=chain)


def test_a_report_has_room_for_its_roots(other: OtherChain, tmp_path: Path) -> None:
    """AUDIT_ROOTS_MAX of them; an auditor who wants more is told at once how many he can have."""
    heights = 2 * (limits.AUDIT_ROOTS_MAX + 1)
    about = ExportAbout(Height(1), Height(heights))
    path = write_export(other.chain, tmp_path / "c.export")
    with path.open("wb") as file:
        head = StreamWriter(file, export_head(other.chain.chain, about))
        genesis = ExportGenesis(other.chain.genesis, other.chain.begun.header)
        head.write(encode(genesis))

    with pytest.raises(OperatorFault, match="list one of 3 heights, or of more"):
        audited(path, chain=other.chain.chain, every=2)
    with pytest.raises(Malformed, match="cut off"):
        audited(path, chain=other.chain.chain, every=3)
