"""Evidence in the database: by height, replaced in one batch, and there again after a restart."""

from __future__ import annotations

from pathlib import Path

from kit.certified import named_digest
from kit.stored import genesis, new_store
from primitives.ids import Height
from storage.chain import ChainStore
from storage.decision import KeptEvidence
from storage.opening import create_database, open_database


def piece(height: int, name: str = "case") -> KeptEvidence:
    return KeptEvidence(Height(height), named_digest(name), f"{name} of {height}".encode())


def test_evidence_is_found_by_height() -> None:
    """Whatever the order in which it came; of one height, each case."""
    store = new_store()

    for one in (piece(300), piece(2), piece(256, "another"), piece(256)):
        store.keep_evidence(one)

    assert [one.height for one in store.evidence()] == [2, 256, 256, 300]
    assert piece(256) in store.evidence()


def test_what_makes_room_goes_in_the_same_batch() -> None:
    """There is no moment at which the old is gone and the new not there."""
    store = new_store()
    store.keep_evidence(piece(1))

    store.keep_evidence(piece(2), instead_of=[piece(1)])

    assert store.evidence() == [piece(2)]


def test_evidence_is_there_again_after_a_restart(tmp_path: Path) -> None:
    """On a real disk."""
    folder = tmp_path / "data"

    def kept(store: ChainStore) -> list[KeptEvidence]:
        with store:
            return store.evidence()

    with create_database(folder, genesis()) as store:
        store.keep_evidence(piece(7))
        chain = store.chain

    assert kept(open_database(folder, chain)) == [piece(7)]
