"""Snapshots: of one moment, judged by the chain's id and the state root alone, and restored."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.api import ChainOfOne
from kit.ledger import validator_record
from kit.mounts import small_disk
from kit.snapshots import SMALL_CHUNK, WINDOW_MS, chain_with_payments, snapshot_of
from ledger.block import BlockRun
from ledger.membership import VALIDATORS, ValidatorsRow
from ledger.subtree import EVERYTHING, Prefix, check_cover, parts
from ledger.tree import StateTree, key_hash
from ledger.window import WINDOW_IDS, WindowIds
from node.snapshot_check import (
    Source,
    Whole,
    check_manifest,
    check_state_chunk,
    check_window_chunk,
    open_snapshot,
    verify,
)
from node.snapshot_create import create
from node.snapshot_format import (
    MANIFEST,
    Manifest,
    StateChunk,
    WindowChunk,
    read_manifest,
    sha256,
    state_name,
    window_name,
)
from node.snapshot_restore import restore
from node.snapshots import clear_unfinished, keep_newest, snapshots_in, write_snapshot
from node.work import Progress, finish
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault, RemoteFault, StorageFault
from primitives.ids import ZERO32, ChainId, Digest, Height, TimeMs
from services.table import LAW
from storage import schema
from storage.edges import Edges
from storage.memory import MemoryKeyValue
from storage.opening import begin_restore, open_database

HEIGHT = 14


def silently(_: Progress) -> None: ...


@pytest.fixture(scope="module")
def chain() -> ChainOfOne:
    return chain_with_payments(HEIGHT)


@pytest.fixture(scope="module")
def made(chain: ChainOfOne, tmp_path_factory: pytest.TempPathFactory) -> Source:
    return snapshot_of(chain, tmp_path_factory.mktemp("made") / "snapshot")


@pytest.fixture
def copy(made: Source, tmp_path: Path) -> Path:
    """One to spoil."""
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))


def judged(folder: Path, chain: ChainOfOne) -> str:
    """What is wrong with a snapshot, or nothing."""
    try:
        finish(verify(open_snapshot(folder, chain.chain)), silently)
    except (RemoteFault, OperatorFault) as fault:
        return str(fault)
    return ""


def entries_of(store: object) -> list[tuple[int, bytes, bytes]]:
    with store.state() as state:  # type: ignore[attr-defined]  # a ChainStore
        return list(state.entries())


# --- what a snapshot holds ------------------------------------------------------------------------


def test_the_chunks_are_the_state_and_the_window_of_one_height(
    chain: ChainOfOne, made: Source
) -> None:
    """Every entry once, under prefixes that hold every key hash once; the ids that still matter."""
    manifest = made.manifest
    chunks = [made.state(index)[0] for index in range(len(manifest.state))]
    rows = [row for index in range(len(manifest.window)) for row in made.window(index).rows]

    found = sorted(entry for chunk in chunks for entry in chunk.entries)
    assert found == entries_of(chain.store)
    assert len(chunks) > 8
    assert [row.height for row in rows] == list(range(HEIGHT - 8, HEIGHT + 1))
    with chain.store.state() as state:
        known = {(until, name) for until, name, height in state.window() if height >= HEIGHT - 8}
    assert {one for row in rows for one in row.ids} == known
    assert (manifest.header, manifest.height) == (chain.store.head().header, HEIGHT)
    assert manifest.ids == len(known)
    assert manifest.bytes == sum(
        (made.folder / name).stat().st_size for name, _ in manifest.files()
    )
    assert sorted(path.name for path in made.folder.iterdir()) == sorted(
        [MANIFEST, *(name for name, _ in manifest.files())]
    )


def test_which_chunks_there_are_follows_from_the_state_alone(
    chain: ChainOfOne, made: Source, tmp_path: Path
) -> None:
    """Not from how it was sorted: a node that was restored writes the same files again."""
    entries = sorted(entries_of(chain.store), key=lambda entry: key_hash(entry[0], entry[1]))
    numbers = [int.from_bytes(key_hash(table, key), "big") for table, key, _ in entries]
    weights = [len(key) + len(value) + 16 for _, key, value in entries]
    expected = [p for p, _, _ in parts(numbers, weights, EVERYTHING, weight_max=SMALL_CHUNK)]
    restore(made, tmp_path / "data", silently)
    with open_database(tmp_path / "data", chain.chain) as store, store.state() as state:
        finish(create(store, state, tmp_path / "again", chunk_bytes=SMALL_CHUNK), silently)

    assert [file.prefix for file in made.manifest.state] == expected
    for path in made.folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_small_state_is_one_chunk(chain: ChainOfOne, tmp_path: Path) -> None:
    """As long as it has no more than SNAPSHOT_CHUNK_BYTES."""
    whole = snapshot_of(chain, tmp_path / "s", chunk_bytes=limits.SNAPSHOT_CHUNK_BYTES)

    assert [file.prefix for file in whole.manifest.state] == [EVERYTHING]
    assert len(whole.manifest.window) == 1
    assert judged(tmp_path / "s", chain) == ""


def test_each_chunk_stands_alone(made: Source) -> None:
    """Its bytes and the certified header are enough, in any order."""
    header = made.manifest.header
    for index in reversed(range(len(made.manifest.state))):
        data = (made.folder / state_name(index)).read_bytes()
        chunk = decode(data, StateChunk, limit=limits.SNAPSHOT_CHUNK_BYTES_MAX)
        check_state_chunk(chunk, header)
        with pytest.raises(Malformed, match="lead to the root"):
            check_state_chunk(chunk, replace(header, state_root=Digest(ZERO32)))
    for index in reversed(range(len(made.manifest.window))):
        data = (made.folder / window_name(index)).read_bytes()
        rows = decode(data, WindowChunk, limit=limits.SNAPSHOT_CHUNK_BYTES_MAX)
        check_window_chunk(rows, header)
        with pytest.raises(Malformed, match="leads to the root"):
            check_window_chunk(rows, replace(header, state_root=Digest(ZERO32)))


# --- what is refused ------------------------------------------------------------------------------


def flipped(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


@pytest.mark.parametrize("name", [state_name(3), window_name(0)])
def test_no_byte_of_a_chunk_can_change(made: Source, name: str) -> None:
    """Nor be missing: it is no chunk then, of another height, or not of this state."""
    data = (made.folder / name).read_bytes()
    manifest = made.manifest

    def stands(changed: bytes) -> bool:
        limit = limits.SNAPSHOT_CHUNK_BYTES_MAX
        try:
            if name.startswith("state"):
                state = decode(changed, StateChunk, limit=limit)
                check_state_chunk(state, manifest.header)
                return (state.chain, state.height) == (manifest.chain, manifest.height)
            window = decode(changed, WindowChunk, limit=limit)
            check_window_chunk(window, manifest.header)
            return (window.chain, window.height) == (manifest.chain, manifest.height)
        except Malformed:
            return False

    assert stands(data)
    assert not any(stands(changed) for changed in flipped(data))
    assert not stands(data[:-1])
    assert not stands(data + b"\0")


def test_no_byte_of_the_manifest_can_change(chain: ChainOfOne, tmp_path: Path) -> None:
    """Each is under a signature, or is what a chunk must be."""
    source = snapshot_of(chain, tmp_path / "s", chunk_bytes=limits.SNAPSHOT_CHUNK_BYTES)
    path = source.folder / MANIFEST
    data = path.read_bytes()
    for changed in flipped(data):
        path.write_bytes(changed)
        assert judged(source.folder, chain) != ""
    path.write_bytes(data)
    assert judged(source.folder, chain) == ""


def spoil_chunk(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_the_first_bad_chunk_is_named(chain: ChainOfOne, copy: Path) -> None:
    """By its file; what is behind it is not looked at."""
    for name in (state_name(4), window_name(1), state_name(2)):
        spoil_chunk(copy, name)

    assert judged(copy, chain).startswith(f"{copy / state_name(2)}: ")
    shutil.copy(copy / state_name(1), copy / state_name(2))
    assert judged(copy, chain).startswith(f"{copy / state_name(2)}: ")
    (copy / state_name(2)).unlink()
    assert judged(copy, chain) == f"{copy / state_name(2)} is missing"


def test_a_window_chunk_that_is_spoilt_is_named(chain: ChainOfOne, copy: Path) -> None:
    """As one of the state."""
    spoil_chunk(copy, window_name(0))

    assert judged(copy, chain).startswith(f"{copy / window_name(0)}: ")


def rewritten(folder: Path, change: Callable[[Manifest], Manifest]) -> None:
    path = folder / MANIFEST
    path.write_bytes(encode(change(read_manifest(folder))))


def test_what_the_manifest_says_of_a_chunk_must_be_so(chain: ChainOfOne, copy: Path) -> None:
    """Also where the hash of its file was written anew."""
    first, second = (copy / state_name(index) for index in (0, 1))
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)

    def hashed_anew(manifest: Manifest) -> Manifest:
        files = [
            replace(file, bytes=len(data), sha256=sha256(data))
            for file, data in zip(manifest.state[:2], (second_bytes, first_bytes), strict=True)
        ]
        return replace(manifest, state=(*files, *manifest.state[2:]))

    rewritten(copy, hashed_anew)

    assert "the manifest says" in judged(copy, chain)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: replace(m, state=m.state[1:]), "gap before"),
        (lambda m: replace(m, state=(*m.state[:2], *m.state[1:])), "overlap before"),
        (lambda m: replace(m, window=m.window[:-1]), "the window ends at height"),
        (lambda m: replace(m, window=(m.window[0], *m.window[2:])), "a chunk of the window from"),
        (lambda m: replace(m, header=m.genesis), "expected 0 and one above"),
        (
            lambda m: replace(m, header=replace(m.header, state_root=ZERO32)),
            "a certificate of block",
        ),
        (lambda m: replace(m, header=replace(m.header, chain=ZERO32)), "is of chain"),
        (lambda m: replace(m, validators=m.validators[:-1]), "genesis names the validators"),
        (lambda m: replace(m, genesis=replace(m.genesis, time_ms=TimeMs(1))), "is of chain"),
        (
            lambda m: replace(m, certificate=replace(m.certificate, seals=m.certificate.seals[1:])),
            "a quorum of 4 validators is 3",
        ),
    ],
)
def test_a_manifest_that_leaves_out_or_makes_up_is_refused(
    chain: ChainOfOne, copy: Path, change: Callable[[Manifest], Manifest], why: str
) -> None:
    """Chunks, rows of the window, validators, signatures, another chain."""
    rewritten(copy, change)

    assert why in judged(copy, chain)


def without_the_oldest_ids(folder: Path) -> None:
    """Each file of the window takes the name of the one before."""
    files = sorted(path.name for path in folder.glob("window-*"))
    for name, following in itertools.pairwise(files):
        (folder / following).replace(folder / name)
    rewritten(folder, lambda manifest: replace(manifest, window=manifest.window[1:]))


def test_a_window_that_begins_too_late_is_refused(chain: ChainOfOne, copy: Path) -> None:
    """Each of its chunks holds, and somebody could pay again what was paid before them."""
    without_the_oldest_ids(copy)

    assert "still matter" in judged(copy, chain)


def test_another_chains_snapshot_is_refused(made: Source) -> None:
    """Who opens it says of which chain it must be."""
    with pytest.raises(Malformed, match=f"is of chain {made.manifest.chain.hex()}, expected 0000"):
        open_snapshot(made.folder, ChainId(ZERO32))


def test_a_folder_without_a_manifest_is_no_snapshot(tmp_path: Path, chain: ChainOfOne) -> None:
    """Nor is one with something else."""
    with pytest.raises(OperatorFault, match="is missing"):
        open_snapshot(tmp_path, chain.chain)
    (tmp_path / MANIFEST).write_bytes(b"\x90")
    with pytest.raises(Malformed, match=str(tmp_path / MANIFEST)):
        open_snapshot(tmp_path, chain.chain)


def test_files_are_bounded(chain: ChainOfOne, copy: Path) -> None:
    """Read up to their limit, refused with one byte more."""
    for name, limit in (
        (state_name(0), limits.SNAPSHOT_CHUNK_BYTES_MAX),
        (MANIFEST, limits.SNAPSHOT_MANIFEST_BYTES_MAX),
    ):
        (copy / name).write_bytes(bytes(limit))
        assert "more than" not in judged(copy, chain)
        (copy / name).write_bytes(bytes(limit + 1))
        assert f"has more than {limit} bytes" in judged(copy, chain)


# --- what only the whole state can tell -----------------------------------------------------------


def whole_with(rows: dict[int, int], *, oldest: int, governs: tuple[int, ...] = (0,)) -> Whole:
    """Rows of the window (height to block time in s), with a window of ten seconds."""
    whole = Whole()
    for height, seconds in rows.items():
        forgotten = TimeMs(max(0, seconds - 10) * 1_000)
        row = WindowIds(TimeMs(seconds * 1_000), Digest(ZERO32), Height(oldest), forgotten)
        whole.see([(WINDOW_IDS.number, WINDOW_IDS.key(Height(height)), encode(row))])
    for height in governs:
        # At every height another one, but at an odd one the same as before.
        voting = ValidatorsRow((validator_record(height // 2),), None)
        whole.see([(VALIDATORS.number, VALIDATORS.key(Height(height)), encode(voting))])
    return whole


def of_window(manifest: Manifest, first: int, seconds: int) -> Manifest:
    """The manifest of a block of this time whose window begins at a height."""
    window = replace(manifest.window[0], first=Height(first), last=manifest.height)
    header = replace(manifest.header, time_ms=TimeMs(seconds * 1_000))
    return replace(manifest, window=(window,), header=header)


def test_rows_whose_ids_are_all_past_need_no_list(made: Source) -> None:
    """After a silence the state still has their rows, and no node remembers their ids."""
    whole = whole_with({HEIGHT - 2: 0, HEIGHT - 1: 40, HEIGHT: 50}, oldest=HEIGHT - 2)

    whole.check(of_window(made.manifest, HEIGHT - 1, 50))
    with pytest.raises(Malformed, match=f"ids of {HEIGHT - 1} still matter"):
        whole.check(of_window(made.manifest, HEIGHT, 50))
    with pytest.raises(Malformed, match=f"the state knows {HEIGHT - 2} on"):
        whole.check(of_window(made.manifest, HEIGHT - 3, 50))
    with pytest.raises(Malformed, match="no row of its own height"):
        whole_with({}, oldest=1).check(made.manifest)


def test_the_steps_are_all_changes_that_the_state_knows(made: Source) -> None:
    """One for each height after which others voted; what comes after the header needs none."""
    rows = {height: height for height in range(HEIGHT - 8, HEIGHT + 1)}
    manifest = of_window(made.manifest, HEIGHT - 8, HEIGHT)

    no_change = (0, 1, HEIGHT + 1, HEIGHT + 2)
    whole_with(rows, oldest=HEIGHT - 8, governs=no_change).check(manifest)
    with pytest.raises(Malformed, match=r"steps of the heights \[\], .* after \[3, 5\]"):
        whole_with(rows, oldest=HEIGHT - 8, governs=(0, 4, 6)).check(manifest)


# --- writing --------------------------------------------------------------------------------------


def test_one_that_is_interrupted_leaves_nothing(chain: ChainOfOne, tmp_path: Path) -> None:
    """At every step."""
    with chain.store.state() as state:
        steps = sum(1 for _ in create(chain.store, state, tmp_path / "whole", chunk_bytes=600))
        for stop in range(steps):
            work = create(chain.store, state, tmp_path / "s", chunk_bytes=600)
            for _ in range(stop + 1):
                next(work)
            assert not (tmp_path / "s").exists()
            work.close()
            assert sorted(path.name for path in tmp_path.iterdir()) == ["whole"]


def test_what_a_killed_process_left_is_nobodys_snapshot(chain: ChainOfOne, tmp_path: Path) -> None:
    """It may also be another's work at this moment: who knows that it is not clears it away."""
    (tmp_path / "s.part").mkdir()
    (tmp_path / "s.part" / MANIFEST).write_bytes(b"half")

    with pytest.raises(OperatorFault, match="is being written, or somebody ended"):
        snapshot_of(chain, tmp_path / "s")
    assert snapshots_in(tmp_path) == []
    assert clear_unfinished(tmp_path) == [tmp_path / "s.part"]
    assert judged(snapshot_of(chain, tmp_path / "s").folder, chain) == ""


def test_the_newest_are_kept(tmp_path: Path) -> None:
    """The others go, oldest first; the folder may hold something else."""
    chain = chain_with_payments(1)
    (tmp_path / "notes").mkdir()
    for height in range(1, 5):
        with chain.store.state() as state:
            finish(write_snapshot(chain.store, state, tmp_path), silently)
        chain.make_block()
        assert [one.height for one in snapshots_in(tmp_path)] == list(range(1, height + 1))

    gone = keep_newest(tmp_path, 3)
    assert [path.name.split("-")[0] for path in gone] == ["1"]
    assert keep_newest(tmp_path, 3) == []
    keep_newest(tmp_path, 1)
    assert [one.height for one in snapshots_in(tmp_path)] == [4]
    assert (tmp_path / "notes").exists()
    assert clear_unfinished(tmp_path / "nowhere") == []
    assert snapshots_in(tmp_path / "nowhere") == []


def test_nothing_is_overwritten(chain: ChainOfOne, made: Source) -> None:
    """A snapshot that is there stays."""
    with pytest.raises(OperatorFault, match="exists already"):
        snapshot_of(chain, made.folder)
    assert judged(made.folder, chain) == ""


def test_a_disk_that_is_nearly_full_is_left_alone(chain: ChainOfOne, tmp_path: Path) -> None:
    """A node ends where its disk is full, and a snapshot can wait: DISK_FREE_BYTES_LEFT stays."""
    page = 4096
    for room, fits in ((1024 * page, True), (3 * page, False), (-page, False)):
        size = str(limits.DISK_FREE_BYTES_LEFT + room)
        with small_disk(tmp_path / "disk", size=size) as disk:
            if fits:
                assert judged(snapshot_of(chain, disk / "s").folder, chain) == ""
            else:
                with pytest.raises(OperatorFault, match="make room, or write elsewhere"):
                    snapshot_of(chain, disk / "s")
                assert list(disk.iterdir()) == []


def test_a_chain_without_a_block_has_none(tmp_path: Path) -> None:
    """Its genesis file says all of it."""
    with pytest.raises(OperatorFault, match="says it all"):
        snapshot_of(ChainOfOne(), tmp_path / "s")


def last_of(database: MemoryKeyValue, region: schema.Region) -> tuple[bytes, bytes]:
    """The last row of a region."""
    return list(database.iterate(start=bytes([region]), stop=bytes([region + 1])))[-1]


def entry_altered(database: MemoryKeyValue) -> None:
    key, value = last_of(database, schema.Region.STATE)
    database.write({key: value + b"\0"})


def entries_added(database: MemoryKeyValue) -> None:
    """So many that a chunk is halved below where the tree ends."""
    strange = {schema.state_key(60_000, b"%d" % number): b"" for number in range(500)}
    database.write(strange)


def row_of_the_window_lost(database: MemoryKeyValue) -> None:
    database.write({schema.state_key(WINDOW_IDS.number, WINDOW_IDS.key(Height(3))): None})


def id_lost(database: MemoryKeyValue) -> None:
    database.write({last_of(database, schema.Region.WINDOW)[0]: None})


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (entry_altered, "is not that of its tree"),
        (entries_added, "has no place in the tree"),
        (row_of_the_window_lost, "is not that of its tree"),
        (id_lost, "are not those of its state"),
    ],
)
def test_a_damaged_database_makes_no_snapshot(
    tmp_path: Path, damage: Callable[[MemoryKeyValue], None], why: str
) -> None:
    """What others would refuse is not written."""
    database = MemoryKeyValue()
    chain = chain_with_payments(4)
    database.write(dict(chain.store.database.iterate(start=b"", stop=b"\xff")))
    damage(database)
    store = type(chain.store)(database)

    with store.state() as state, pytest.raises(StorageFault, match=why):
        finish(create(store, state, tmp_path / "s", chunk_bytes=1), silently)
    assert list(tmp_path.iterdir()) == []


# --- restoring ------------------------------------------------------------------------------------


def test_a_restored_database_is_that_of_the_height(
    chain: ChainOfOne, made: Source, tmp_path: Path
) -> None:
    """State, tree, window; edges say what is not there; it opens with all checks."""
    heard: list[Progress] = []
    restore(made, tmp_path / "data", heard.append)

    with open_database(tmp_path / "data", chain.chain) as store, store.state() as state:
        header = chain.store.head().header
        assert store.head() == chain.store.head()
        assert entries_of(store) == entries_of(chain.store)
        above = Height(HEIGHT + 1)
        assert store.edges() == Edges(
            headers=Height(HEIGHT), bodies=above, receipts=above, index=above, state=Height(HEIGHT)
        )
        tree = StateTree(state.node, state.height)
        assert tree.root == header.state_root
        for table, key, value in state.entries():
            assert tree.get(table, key) == value
        with chain.store.state() as before:
            assert list(state.window()) == [row for row in before.window() if row[2] >= HEIGHT - 8]
        assert store.certificate(Height(HEIGHT)) == made.manifest.certificate
    assert heard[-1].done == heard[-1].total == 9
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_chain_goes_on_from_there_as_everywhere(
    chain: ChainOfOne, made: Source, tmp_path: Path
) -> None:
    """The next block has the same roots here and where all the history is."""
    restore(made, tmp_path / "data", silently)
    with open_database(tmp_path / "data", chain.chain) as store:
        roots = []
        for one in (chain.store, store):
            with one.state() as state:
                time_ms = TimeMs(state.header.time_ms + WINDOW_MS // 2)
                run = BlockRun(
                    state, LAW, chain=chain.chain, height=Height(HEIGHT + 1), time_ms=time_ms
                )
                roots.append(run.finish().state_root)

    assert roots[0] == roots[1]


def test_where_a_database_is_nothing_is_restored(made: Source, tmp_path: Path) -> None:
    """Nor where anything else is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "CURRENT").write_bytes(b"")

    with pytest.raises(OperatorFault, match="move it away first"):
        restore(made, tmp_path / "data", silently)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["CURRENT"]


@pytest.mark.parametrize("name", [state_name(0), state_name(9), window_name(0)])
def test_a_bad_chunk_leaves_no_database(
    chain: ChainOfOne, copy: Path, tmp_path: Path, name: str
) -> None:
    """Wherever it is met; and the file is named."""
    spoil_chunk(copy, name)

    with pytest.raises(Malformed, match=name):
        restore(open_snapshot(copy, chain.chain), tmp_path / "data", silently)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_restore_that_was_killed_is_begun_anew(
    chain: ChainOfOne, made: Source, tmp_path: Path
) -> None:
    """What it left is no chain, and no obstacle."""
    with begin_restore(tmp_path / "data.part", "a snapshot") as half:
        half.chain(made.manifest.genesis)
    with pytest.raises(OperatorFault, match="unfinished restore of a snapshot"):
        open_database(tmp_path / "data.part", chain.chain)

    restore(made, tmp_path / "data", silently)

    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_database_missing_steps_or_rows_is_never_finished(
    chain: ChainOfOne, copy: Path, tmp_path: Path
) -> None:
    """What only the whole tells is asked before it becomes one."""
    without_the_oldest_ids(copy)

    with pytest.raises(Malformed, match="still matter"):
        restore(open_snapshot(copy, chain.chain), tmp_path / "data", silently)
    assert not (tmp_path / "data").exists()


def test_the_prefixes_of_a_manifest_cover_everything(made: Source) -> None:
    """As `check_manifest` sees to."""
    check_cover(file.prefix for file in made.manifest.state)
    check_manifest(made.manifest, made.manifest.chain)
    doubled = replace(made.manifest.state[0], prefix=Prefix(b"", 0))
    with pytest.raises(Malformed):
        check_manifest(replace(made.manifest, state=(doubled,) * 2), made.manifest.chain)
