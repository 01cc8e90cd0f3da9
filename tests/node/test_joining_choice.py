"""Which snapshot is taken, and who is asked for which chunk: without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.snapshots import chain_with_payments, snapshot_of
from node import questions
from node.joining_choice import Pin, Proved, begins_at_genesis, best, is_far, is_trusted, prove
from node.joining_plan import SLOW_S, Plan
from node.snapshot_check import Checkpoint
from node.snapshot_format import MANIFEST, sha256
from node.snapshot_questions import (
    Chunk,
    GenesisPart,
    Held,
    Offered,
    Offers,
    SnapshotChunk,
    SnapshotManifest,
    SnapshotOffer,
)
from node.snapshot_shelf import Shelf
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import Digest, Height

ROOT = Digest(bytes(32))


@pytest.fixture(scope="module")
def chain() -> ChainOfOne:
    return chain_with_payments(5)


def offers(height: int, kept_from: int = 1) -> Offers:
    return Offers(Height(height), Height(kept_from), None, ())


def proved_at(chain: ChainOfOne, folder: Path) -> Proved:
    source = snapshot_of(chain, folder)
    data = (source.folder / MANIFEST).read_bytes()
    place = (source.manifest.height, source.manifest.header.state_root)
    return prove(data, place, Pin(chain.chain, None))


# --- which one ------------------------------------------------------------------------------------


def test_the_newest_from_which_blocks_lead_on_is_taken(tmp_path: Path) -> None:
    """R61, R62: not one above which nobody keeps the blocks, nor one that proved false."""
    growing = chain_with_payments(3)
    low = proved_at(growing, tmp_path / "low")
    growing.make_block()
    high = proved_at(growing, tmp_path / "high")

    assert best([low, high], [offers(9, kept_from=4)], []) == high
    assert best([low, high], [offers(9, kept_from=5)], []) == high
    assert best([low, high], [offers(9, kept_from=6)], []) is None
    assert best([low, high], [offers(9)], [sha256(high.data)]) == low
    assert best([], [offers(9)], []) is None


def test_of_one_state_that_is_taken_which_most_list(chain: ChainOfOne, tmp_path: Path) -> None:
    """A manifest that lists other chunks is likelier the liar's."""
    honest = proved_at(chain, tmp_path / "s")
    file = replace(honest.manifest.state[0], sha256=ROOT)
    listed = replace(honest.manifest, state=(file, *honest.manifest.state[1:]))
    other = Proved(listed, b"\xff" + encode(listed))

    assert best([honest, other, honest], [offers(9)], []) == honest
    assert best([other, honest, other], [offers(9)], []) == other


def test_a_manifest_is_of_the_state_that_was_asked_for(chain: ChainOfOne, tmp_path: Path) -> None:
    """And of the chain that is pinned."""
    honest = proved_at(chain, tmp_path / "s")
    height, root = honest.place

    assert prove(honest.data, honest.place, Pin(chain.chain, None)) == honest
    with pytest.raises(Malformed, match=f"asked for {height + 1}"):
        prove(honest.data, (Height(height + 1), root), Pin(chain.chain, None))
    with pytest.raises(Malformed, match="asked for"):
        prove(honest.data, (height, ROOT), Pin(chain.chain, None))
    with pytest.raises(Malformed, match="of chain"):
        prove(honest.data, honest.place, Pin(type(chain.chain)(bytes(32)), None))


def test_below_a_checkpoint_its_own_validators_must_have_signed(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """R61: at and above it the lineage is held against it."""
    manifest = proved_at(chain, tmp_path / "s").manifest
    same, other = chain.validators.hash, bytes(32)

    def trusted(height: int, validators: bytes) -> bool:
        return is_trusted(manifest, Pin(chain.chain, Checkpoint(Height(height), validators)))

    assert is_trusted(manifest, Pin(chain.chain, None))
    assert trusted(manifest.height + 1, same)
    assert not trusted(manifest.height + 1, other)
    assert trusted(manifest.height, other)  # `check_manifest` judges it there


def test_how_far_is_too_far_and_how_short_is_short() -> None:
    """Both are hints of peers, and cost a snapshot more or less at the worst."""
    far, short = limits.JOIN_FAR_HEIGHTS, limits.JOIN_SHORT_HEIGHTS

    assert not is_far(Height(5), [offers(5 + far)])
    assert is_far(Height(5), [offers(5 + far + 1)] * 2 + [offers(5)])
    assert not is_far(Height(5), [offers(2**62), offers(5 + far)])
    assert not is_far(Height(5), [])
    assert begins_at_genesis([offers(short)])
    assert not begins_at_genesis([offers(short + 1)])
    assert not begins_at_genesis([offers(short, kept_from=2)])
    assert not begins_at_genesis([])


# --- who is asked ---------------------------------------------------------------------------------


def test_each_chunk_is_asked_of_one_peer_first() -> None:
    """Of a second one when it is slow, and never of a third."""
    plan = Plan(["a", "b"], total=3)

    assert (plan.take("x", 0), plan.take("y", 0), plan.take("x", 0)) == ("a", "b", None)
    assert plan.take("y", SLOW_S) is None
    assert plan.take("y", SLOW_S + 1) == "a"
    assert plan.take("z", SLOW_S + 1) == "b"
    assert plan.take("z", 99) is None
    assert (plan.done, plan.is_complete) == (1, False)
    assert (plan.came("a"), plan.came("a"), plan.came("b")) == (True, False, True)
    assert (plan.done, plan.is_complete) == (3, True)


def test_what_fails_is_asked_for_again_and_what_is_refused_elsewhere() -> None:
    """A chunk that none of the sources has is out of reach."""
    plan = Plan(["a", "b"], total=2)

    assert plan.take("x", 0) == "a"
    plan.failed("a", "x")
    assert plan.take("x", 0) == "a"
    plan.refused("a", "x")
    assert plan.take("x", 0) == "b"
    assert plan.out_of_reach(["x", "y"]) is None
    assert plan.out_of_reach(["x"]) == "a"
    assert plan.take("y", 0) == "a"
    plan.refused("a", "y")
    assert plan.out_of_reach(["x", "y"]) == "a"


def test_one_that_came_late_from_another_peer_is_no_longer_waited_for() -> None:
    """Whichever of two comes first; what the other one says of it is forgotten."""
    plan = Plan(["a"], total=1)
    assert plan.take("x", 0) == "a"
    plan.failed("a", "x")
    assert plan.came("a")
    plan.failed("a", "y")
    plan.refused("a", "y")

    assert plan.is_complete
    assert plan.take("x", 0) is None


# --- what is asked and offered --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../genesis", "state-0000001", "state-00000", "state-000001\n", "manifest", "window-"]
)
def test_only_names_of_chunks_can_be_asked_for(name: str) -> None:
    """No other file of this machine has such a name."""
    asked = SnapshotChunk(Height(1), ROOT, "window-000001", ROOT)

    assert questions.read(encode(asked)) == asked
    with pytest.raises(Malformed):
        questions.read(encode(replace(asked, name=name)))


@pytest.mark.parametrize(
    "asked",
    [
        SnapshotOffer(write=True),
        SnapshotManifest(Height(1), ROOT, 5),
        GenesisPart(7),
    ],
)
def test_every_question_is_read_again(asked: questions.Question) -> None:
    """By the one decoder of questions; a negative offset is none."""
    assert questions.read(encode(asked)) == asked
    if not isinstance(asked, SnapshotOffer):
        with pytest.raises(Malformed):
            questions.read(encode(replace(asked, offset=-1)))


def test_answers_are_bounded() -> None:
    """At each limit they are read, and no further."""
    one = Offered(Height(1), ROOT, 1)
    full = Offers(Height(9), Height(1), None, (one,) * limits.SNAPSHOTS_OFFERED_MAX)
    piece = Held(limits.SNAPSHOT_MANIFEST_BYTES_MAX, bytes(limits.JOIN_PIECE_BYTES))
    chunk = Chunk(bytes(limits.SNAPSHOT_CHUNK_BYTES_MAX))
    most = limits.RESPONSE_BYTES_MAX

    assert decode(encode(full), Offers, limit=most) == full
    assert decode(encode(piece), Held, limit=most) == piece
    assert decode(encode(chunk), Chunk, limit=most) == chunk
    for kind, beyond in (
        (Offers, replace(full, snapshots=(*full.snapshots, one))),
        (Held, replace(piece, data=piece.data + b"\0")),
        (Held, replace(piece, total=piece.total + 1)),
        (Held, replace(piece, total=0)),
        (Chunk, replace(chunk, data=chunk.data + b"\0")),
        (Chunk, replace(chunk, data=b"")),
    ):
        with pytest.raises(Malformed):
            decode(encode(beyond), kind, limit=most)


def test_a_shelf_offers_the_newest_snapshots_of_its_chain_only(tmp_path: Path) -> None:
    """Not what is unfinished, unreadable, of another chain or under a false name."""
    chain = ChainOfOne()
    shelf = Shelf(tmp_path, chain.chain)
    assert shelf.offered() == ()
    count = limits.SNAPSHOTS_OFFERED_MAX + 1
    for _ in range(count):
        chain.make_block()
        header = chain.store.head().header
        snapshot_of(chain, tmp_path / f"{header.height}-{header.state_root[:4].hex()}")
    snapshot_of(chain, tmp_path / "99-00000000")
    snapshot_of(chain, tmp_path / "98-00000000.part")
    (tmp_path / "97-00000000").mkdir()
    (tmp_path / "97-00000000" / MANIFEST).write_bytes(b"nothing")

    assert [one.height for one in shelf.offered()] == list(range(count, 1, -1))
    assert Shelf(tmp_path, type(chain.chain)(bytes(32))).offered() == ()


def test_a_shelf_sends_what_was_asked_for_or_nothing(chain: ChainOfOne, tmp_path: Path) -> None:
    """A chunk that the disk has spoilt is one that it does not have."""
    root = chain.store.head().header.state_root
    source = snapshot_of(chain, tmp_path / f"5-{root[:4].hex()}")
    shelf, file = Shelf(tmp_path, chain.chain), source.manifest.state[0]
    asked = SnapshotChunk(Height(5), root, "state-000000", file.sha256)
    whole = (source.folder / MANIFEST).read_bytes()

    found = shelf.chunk(asked)
    assert found is not None
    assert sha256(found.data) == file.sha256
    assert shelf.chunk(replace(asked, sha256=ROOT)) is None
    assert shelf.chunk(replace(asked, name="state-999999")) is None
    assert shelf.manifest(SnapshotManifest(Height(5), root, 9)) == Held(len(whole), whole[9:])
    assert shelf.manifest(SnapshotManifest(Height(6), root, 0)) is None
    (source.folder / "state-000000").write_bytes(found.data[:-1])
    assert shelf.chunk(asked) is None


def test_what_is_larger_than_a_piece_comes_in_several(tmp_path: Path, chain: ChainOfOne) -> None:
    """A manifest of many chunks, as its reader asks on."""
    folder = tmp_path / f"7-{ROOT[:4].hex()}"
    folder.mkdir()
    whole = bytes(range(256)) * (limits.JOIN_PIECE_BYTES // 256) + b"the end"
    (folder / MANIFEST).write_bytes(whole)
    shelf = Shelf(tmp_path, chain.chain)

    first = shelf.manifest(SnapshotManifest(Height(7), ROOT, 0))
    second = shelf.manifest(SnapshotManifest(Height(7), ROOT, limits.JOIN_PIECE_BYTES))
    beyond = shelf.manifest(SnapshotManifest(Height(7), ROOT, len(whole)))

    assert first == Held(len(whole), whole[: limits.JOIN_PIECE_BYTES])
    assert second == Held(len(whole), b"the end")
    assert beyond == Held(len(whole), b"")
