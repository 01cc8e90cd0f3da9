"""A newcomer and its peers: by a snapshot to a database, over real links."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.joining import Answer, Heard, Host, joining
from kit.nets import id_of, in_trio, until
from kit.snapshots import chain_with_payments
from node import questions
from node.config import SnapshotsConfig
from node.snapshot_check import Checkpoint
from node.snapshot_format import Manifest, sha256
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
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import OperatorFault
from primitives.ids import Digest, Height
from storage.opening import open_database

HEIGHT = 12


@pytest.fixture(scope="module")
def chain() -> ChainOfOne:
    return chain_with_payments(HEIGHT)


def hosts_of(chain: ChainOfOne, folder: Path, count: int) -> list[Host]:
    """So many honest peers, each with the snapshot of the head."""
    hosts = [Host(number, chain, folder / f"host{number}") for number in range(count)]
    for host in hosts:
        host.snapshot()
    return hosts


def check_joined(folder: Path, chain: ChainOfOne, height: int = HEIGHT) -> None:
    """What the newcomer has is the state of that height, and nothing else is left."""
    with open_database(folder / "data", chain.chain) as store, store.state() as state:
        assert state.height == height
        assert state.header == chain.store.header(Height(height))
    assert not (folder / "joining").exists()


def chunks(manifest: Manifest) -> int:
    return len(manifest.state) + len(manifest.window)


# --- the way in -----------------------------------------------------------------------------------


def test_a_newcomer_takes_chunks_from_all_who_hold_the_state(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """Every chunk is asked for once, of three peers; what comes of it is the state of the head."""
    ear = Heard()
    hosts = hosts_of(chain, tmp_path, 3)

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session:
            joined = await session.snapshot()
            assert joined is not None
            assert joined.height == HEIGHT
            asked = [host.count(SnapshotChunk) for host in hosts]
            assert sum(asked) == chunks(joined)
            assert min(asked) > 0

    run()

    check_joined(tmp_path, chain)
    assert {one.what for one in ear.progress} >= {
        f"bytes of the manifest of height {HEIGHT}",
        f"bytes of the snapshot of height {HEIGHT}",
        "heights of the window",
    }


def test_the_newest_that_is_proved_is_taken(tmp_path: Path) -> None:
    """Of peers with snapshots of different heights; the others have nothing of it to send."""
    chain = chain_with_payments(3)
    old, new = (Host(number, chain, tmp_path / f"host{number}") for number in range(2))
    old.snapshot()
    chain.make_block()
    new.snapshot()

    @in_trio
    async def run() -> None:
        async with joining([old, new], tmp_path, Heard()) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain, 4)
    assert (old.count(SnapshotChunk), new.count(SnapshotChunk) > 0) == (0, True)


def test_a_peer_is_asked_to_write_one_where_there_is_none(tmp_path: Path) -> None:
    """One of them, and it says how far it is; where it does not want to, the next one is."""
    chain = chain_with_payments(3)
    for _ in range(limits.JOIN_SHORT_HEIGHTS):
        chain.make_block()
    unwilling = Host(0, chain, tmp_path / "host0", policy=SnapshotsConfig(on_request=False))
    willing = Host(1, chain, tmp_path / "host1")
    ear = Heard()

    @in_trio
    async def run() -> None:
        async with (
            joining([unwilling, willing], tmp_path, ear) as session,
            trio.open_nursery() as tasks,
        ):
            for host in (unwilling, willing):
                tasks.start_soon(host.task.run, no_block)
            assert await session.snapshot() is not None
            tasks.cancel_scope.cancel()

    run()

    check_joined(tmp_path, chain, chain.store.head().height)
    assert ear.has("node-1 is asked to write one")
    assert not (tmp_path / "host0").exists()


async def no_block(_: Height) -> None:
    await trio.sleep_forever()


def test_a_short_chain_without_a_snapshot_begins_at_genesis(tmp_path: Path) -> None:
    """The node fetches its blocks by itself; no peer is troubled to write anything."""
    hosts = [Host(0, chain_with_payments(3), tmp_path / "host0")]
    ear = Heard()

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session:
            assert await session.snapshot() is None

    run()

    assert not (tmp_path / "data").exists()
    assert ear.has("the chain is short")


def test_the_genesis_document_comes_from_whoever_has_it(chain: ChainOfOne, tmp_path: Path) -> None:
    """Its hash is the chain's id: another chain's costs the peer its part."""
    other = encode(replace(chain.genesis, network="another"))

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        if isinstance(question, GenesisPart):
            return encode(Held(len(other), other[question.offset :]))
        return await honestly(question)

    first, *others = sorted(range(3), key=id_of)
    hosts = [Host(first, chain, tmp_path / f"host{first}", lie=lie)]
    hosts += [Host(number, chain, tmp_path / f"host{number}") for number in others]
    ear = Heard()

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session:
            await until(lambda: all(ear.has(f"linked with node-{one}") for one in range(3)))
            assert await session.genesis() == chain.genesis

    run()

    assert chain.chain.hex() in next(one for one in ear.words if "dropped" in one)


# --- who lies -------------------------------------------------------------------------------------


def test_a_peer_that_sends_another_chunk_is_dropped_by_name(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """R62: with what it sent and what was asked for; the others send the rest."""

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        said = await honestly(question)
        if isinstance(question, SnapshotChunk):
            found = decode(said, Chunk, limit=limits.RESPONSE_BYTES_MAX)
            return encode(Chunk(found.data[:-1] + bytes([found.data[-1] ^ 1])))
        return said

    ear = Heard()
    hosts = hosts_of(chain, tmp_path, 3)
    hosts[1].lie = lie

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)
    dropped = [one for one in ear.words if "is dropped" in one]
    assert len(dropped) == 1
    assert dropped[0].startswith("node-1 is dropped")
    assert "the manifest says" in dropped[0]
    assert hosts[1].count(SnapshotChunk) <= limits.JOIN_ASKED_AT_ONCE


@pytest.mark.parametrize("claimed", [HEIGHT + 1, 2**62])
def test_a_height_that_is_claimed_is_a_hint(
    chain: ChainOfOne, tmp_path: Path, claimed: int
) -> None:
    """Its manifest is of another height, or none: the newest that is proved is taken."""

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        said = await honestly(question)
        if isinstance(question, SnapshotOffer):
            offers = decode(said, Offers, limit=limits.RESPONSE_BYTES_MAX)
            false = replace(offers.snapshots[0], height=Height(claimed))
            return encode(replace(offers, snapshots=(false, *offers.snapshots)))
        if isinstance(question, SnapshotManifest) and question.height == claimed:
            return await honestly(replace(question, height=Height(HEIGHT)))
        return said

    ear = Heard()
    hosts = hosts_of(chain, tmp_path, 2)
    hosts[0].lie = lie

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)
    assert ear.has(f"asked for {claimed}")


def test_a_peer_that_dawdles_over_its_manifest_holds_nobody_up(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """However high the snapshot is that it claims."""

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        said = await honestly(question)
        if isinstance(question, SnapshotOffer):
            offers = decode(said, Offers, limit=limits.RESPONSE_BYTES_MAX)
            return encode(
                replace(offers, snapshots=(Offered(Height(10**9), Digest(bytes(32)), 1),))
            )
        if isinstance(question, SnapshotManifest):
            await trio.sleep_forever()
        return said

    hosts = hosts_of(chain, tmp_path, 2)
    hosts[0].lie = lie

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, Heard()) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)


def false_list(honest: Manifest, data: bytes) -> Manifest:
    """A manifest that holds, with a chunk that nobody else has."""
    file = replace(honest.state[2], sha256=sha256(data), bytes=len(data))
    return replace(honest, state=(*honest.state[:2], file, *honest.state[3:]))


@pytest.mark.parametrize("found", ["false", "nowhere"])
def test_a_manifest_that_lists_a_false_chunk_is_given_up(
    chain: ChainOfOne, tmp_path: Path, found: str
) -> None:
    """Its header is certified, so it is taken at first; then it is found false, or nowhere."""
    false = b"\x93 no chunk"

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        said = await honestly(question)
        if isinstance(question, SnapshotManifest):
            held = decode(said, Held, limit=limits.RESPONSE_BYTES_MAX)
            honest = decode(held.data, Manifest, limit=limits.RESPONSE_BYTES_MAX)
            listed = encode(false_list(honest, false))
            return encode(Held(len(listed), listed[question.offset :]))
        if isinstance(question, SnapshotChunk) and question.sha256 == sha256(false):
            return encode(Chunk(false) if found == "false" else None)
        return said

    older = chain_with_payments(HEIGHT - 1)
    liars = hosts_of(chain, tmp_path, 2)
    for liar in liars:
        liar.lie = lie
    honest = Host(2, older, tmp_path / "host2")
    honest.snapshot()
    ear = Heard()

    @in_trio
    async def run() -> None:
        async with joining([*liars, honest], tmp_path, ear) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain, HEIGHT - 1)
    assert ear.has(f"is {found}")
    assert {one[:6] for one in ear.words if "is dropped" in one} == (
        {"node-0", "node-1"} if found == "false" else set()
    )


# --- what goes away -------------------------------------------------------------------------------


class Tally:
    """Lets a host answer so many questions for chunks, then does something else."""

    def __init__(self, count: int, then: Answer) -> None:
        self.left, self._then = count, then

    async def lie(self, question: questions.Question, honestly: Answer) -> bytes:
        if isinstance(question, SnapshotChunk):
            self.left -= 1
            if self.left < 0:
                return await self._then(question)
        return await honestly(question)


def test_a_peer_that_vanishes_costs_nothing_but_its_links(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """What it was asked for is asked of the others."""
    hosts = hosts_of(chain, tmp_path, 2)
    gone = trio.Event()

    async def vanish(_: questions.Question) -> bytes:
        gone.set()
        await trio.sleep_forever()
        raise AssertionError

    hosts[0].lie = Tally(2, vanish).lie
    ear = Heard()

    @in_trio
    async def run() -> None:
        async with joining(hosts, tmp_path, ear) as session, trio.open_nursery() as tasks:

            async def close() -> None:
                await gone.wait()
                hosts[0].scope.cancel()

            tasks.start_soon(close)
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)
    assert not ear.has("dropped")


def test_a_snapshot_that_makes_room_meanwhile_is_left_for_the_newer_one(tmp_path: Path) -> None:
    """Nobody has it any longer: that is no fault, and the choice is made anew."""
    chain = chain_with_payments(4)
    host = Host(0, chain, tmp_path / "host0")
    host.snapshot()

    async def replaced(_: questions.Question) -> bytes:
        if chain.store.head().height == 4:
            chain.make_block()
            host.snapshot()
            shutil.rmtree(next(host.folder.glob("4-*")))
        return encode(None)

    host.lie = Tally(2, replaced).lie
    ear = Heard()
    host_after = host.lie

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        if isinstance(question, SnapshotChunk) and question.height == 5:
            return await honestly(question)
        return await host_after(question, honestly)

    host.lie = lie

    @in_trio
    async def run() -> None:
        async with joining([host], tmp_path, ear) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain, 5)
    assert not ear.has("dropped")


# --- what stays -----------------------------------------------------------------------------------


def test_a_join_that_was_interrupted_goes_on_where_it_was(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """Chunks that are here are not asked for again; one that the disk has spoilt is."""
    (host,) = hosts_of(chain, tmp_path, 1)
    interrupted = trio.CancelScope()

    async def interrupt(_: questions.Question) -> bytes:
        interrupted.cancel()
        await trio.sleep_forever()
        raise AssertionError

    host.lie = Tally(5, interrupt).lie

    @in_trio
    async def first() -> None:
        with interrupted:
            async with joining([host], tmp_path, Heard()) as session:
                await session.snapshot()

    first()
    assert interrupted.cancelled_caught
    assert not (tmp_path / "data").exists()
    here = sorted(path for path in (tmp_path / "joining").rglob("state-*") if not path.suffix)
    assert 1 <= len(here) <= 5
    here[0].write_bytes(b"spoilt")
    host.lie = None
    host.asked.clear()
    ear = Heard()

    @in_trio
    async def second() -> None:
        async with joining([host], tmp_path, ear) as session:
            joined = await session.snapshot()
            assert joined is not None
            assert host.count(SnapshotChunk) == chunks(joined) - len(here) + 1

    second()

    check_joined(tmp_path, chain)
    assert ear.has(f"going on with the snapshot of height {HEIGHT}")
    assert host.count(SnapshotManifest) == 0


def test_what_was_begun_is_left_where_nobody_leads_on_from_it(tmp_path: Path) -> None:
    """Its blocks above are kept by nobody any more: the newer one is taken."""
    chain = chain_with_payments(3)
    host = Host(0, chain, tmp_path / "host0")
    begun = host.snapshot()
    shutil.copytree(tmp_path / "host0" / begun.name, tmp_path / "joining" / begun.name)
    chain.make_block()
    host.snapshot()

    async def lie(question: questions.Question, honestly: Answer) -> bytes:
        said = await honestly(question)
        if isinstance(question, SnapshotOffer):
            offers = decode(said, Offers, limit=limits.RESPONSE_BYTES_MAX)
            return encode(replace(offers, kept_from=Height(5)))
        return said

    host.lie = lie

    @in_trio
    async def run() -> None:
        async with joining([host], tmp_path, Heard()) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain, 4)


# --- the pin --------------------------------------------------------------------------------------


def test_a_checkpoint_of_the_bundle_must_be_on_the_way(chain: ChainOfOne, tmp_path: Path) -> None:
    """With another hash, nobody's snapshot counts; with the right one it does."""
    ear = Heard()
    (host,) = hosts_of(chain, tmp_path, 1)
    right = Checkpoint(Height(4), chain.validators.hash)
    wrong = Checkpoint(Height(4), bytes(32))

    @in_trio
    async def run() -> None:
        with pytest.raises(OperatorFault, match="every node that the bundle names was dropped"):
            async with joining([host], tmp_path, ear, checkpoint=wrong) as session:
                await session.snapshot()
        assert ear.has("you have pinned")
        async with joining([host], tmp_path, Heard(), checkpoint=right) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)


def test_below_the_checkpoint_only_its_own_validators_count(
    chain: ChainOfOne, tmp_path: Path
) -> None:
    """Of keys that signed earlier the pin says nothing: such a snapshot is left aside."""
    ear = Heard()
    (host,) = hosts_of(chain, tmp_path, 1)
    same = Checkpoint(Height(HEIGHT + 10), chain.validators.hash)
    others = Checkpoint(Height(HEIGHT + 10), bytes(32))

    @in_trio
    async def run() -> None:
        async with (
            joining([host], tmp_path, ear, checkpoint=others) as session,
            trio.open_nursery() as tasks,
        ):
            tasks.start_soon(session.snapshot)
            await until(lambda: ear.has("it is left aside"))
            tasks.cancel_scope.cancel()
        assert not ear.has("dropped")
        async with joining([host], tmp_path, Heard(), checkpoint=same) as session:
            assert await session.snapshot() is not None

    run()

    check_joined(tmp_path, chain)
