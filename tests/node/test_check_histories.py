"""`db check` on databases that do not have everything, each for an honest reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.api import ChainOfOne
from kit.ledger import key
from kit.snapshots import chain_with_payments, snapshot_of
from kit.specimen import checked, specimen_chain
from ledger.tree import replaced
from node.check.run import CheckReport
from node.retention import Policy, recorder
from node.snapshot_restore import restore
from primitives.ids import Height
from storage import schema
from storage.edges import Part
from storage.memory import MemoryKeyValue
from storage.opening import open_database

POLICY = Policy(bodies=2, receipts=2, index=2, state=2)


def of(database: MemoryKeyValue, chain: ChainOfOne) -> CheckReport:
    return checked(chain.chain, database.contents())


@pytest.mark.parametrize("part", [Part.BODIES, Part.RECEIPTS, Part.INDEX, Part.STATE])
def test_history_may_go_at_any_moment(part: Part) -> None:
    """From the move of an edge to the last row that is swept, and whichever part goes."""
    database = MemoryKeyValue()
    chain = specimen_chain(database)
    steps = 0
    for edge in (3, 5):
        chain.store.retire(part, Height(edge), recorder(POLICY, key("node 0")))
        assert of(database, chain).damages == ()
        while chain.store.sweep(rows_max=1, replaced=replaced):
            steps += 1
            assert of(database, chain).damages == ()

    assert steps >= 3
    assert of(database, chain).blocks == 7


def test_everything_old_may_be_gone() -> None:
    """All four parts; what is left is still held against headers and tree."""
    database = MemoryKeyValue()
    chain = specimen_chain(database)
    for part in (Part.BODIES, Part.RECEIPTS, Part.INDEX, Part.STATE):
        chain.store.retire(part, Height(5), recorder(POLICY, key("node 0")))
    while chain.store.sweep(rows_max=1_000, replaced=replaced):
        pass
    whole = of(database, chain)
    rows = database.contents()
    gone = schema.body_key(Height(4))
    (superfluous,) = checked(chain.chain, rows | {gone: b"\x90"}).damages

    assert whole.damages == ()
    assert (whole.blocks, whole.tree_heights) == (7, 2)
    assert whole.transactions < 6
    assert superfluous.key == gone
    assert "should not be there" in superfluous.what


def test_a_node_that_began_from_a_snapshot_is_well(tmp_path: Path) -> None:
    """Block 0, the lineage, and from one height on everything; the window by its hashes."""
    chain = chain_with_payments(12)
    restore(snapshot_of(chain, tmp_path / "snapshot"), tmp_path / "data", lambda _: None)
    with open_database(tmp_path / "data", chain.chain) as store:
        rows = dict(store.database.iterate(start=b"", stop=b"\xff"))
    report = checked(chain.chain, rows)
    window = next(row for row in rows if row[0] == schema.Region.WINDOW)
    less = {row: value for row, value in rows.items() if row != window}
    headers = [row for row in rows if row[0] == schema.Region.HEADER]

    assert report.damages == ()
    assert report.blocks == len(headers) >= 2
    assert report.tree_heights == 1
    assert {damage.region for damage in checked(chain.chain, less).damages} == {"window"}
