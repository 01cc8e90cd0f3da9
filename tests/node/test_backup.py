"""Backups: all that a node must not lose comes back, and nothing comes back that is not checked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from kit.api import ChainOfOne
from kit.ledger import pay
from kit.specimen import checked, specimen, specimen_chain
from node.backup import About, BackupReader, BackupRequest, backup, verified
from node.restore import Restored, restore
from node.work import Progress, Work, finish
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import BlockId, ChainId, Height, TimeMs
from storage import schema
from storage.memory import MemoryKeyValue
from storage.opening import open_database
from storage.schema import Region
from storage.stream import StreamHead, StreamWriter

VOTES = (Region.VOTE, Region.VOTE_BODY)


def done(work: Work[object]) -> object:
    return finish(work, lambda _: None)


def written(chain: ChainOfOne, path: Path) -> Path:
    done(backup(chain.premises, BackupRequest(file=str(path))))
    return path


def restored(chain: ChainOfOne, path: Path) -> Restored:
    result = done(restore(chain.premises.node, path))
    assert isinstance(result, Restored)
    return result


def rows_of(folder: Path, chain: ChainId) -> dict[bytes, bytes]:
    with open_database(folder, chain) as store:
        return dict(store.database.iterate(start=b"", stop=b"\xff"))


@pytest.fixture
def node(tmp_path: Path) -> ChainOfOne:
    """A node with rows in every region; its folder has no database yet."""
    return specimen_chain(MemoryKeyValue(), tmp_path / "node")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "node"
    made.mkdir()
    return made


def test_everything_comes_back_but_the_votes(node: ChainOfOne, tmp_path: Path) -> None:
    """Row for row; and a check of it finds nothing."""
    path = written(node, tmp_path / "node.backup")
    result = restored(node, path)
    before = dict(node.store.database.iterate(start=b"", stop=b"\xff"))
    after = rows_of(Path(result.database), node.chain)

    assert after == {key: value for key, value in before.items() if key[0] not in VOTES}
    assert {key[0] for key in before} - {key[0] for key in after} == set(VOTES)
    assert (result.height, result.block_id) == (6, node.store.head().block_id)
    assert checked(node.chain, after).damage == 0


def test_a_backup_says_what_it_is_of(node: ChainOfOne, tmp_path: Path) -> None:
    """And how a tool for checksums sees it."""
    import hashlib

    path = tmp_path / "node.backup"
    made = done(backup(node.premises, BackupRequest(file=str(path))))
    with path.open("rb") as file:
        again = done(verified(file, path))

    assert made == again
    assert made.sha256 == hashlib.sha256(path.read_bytes()).digest()  # type: ignore[attr-defined]
    assert made.bytes == path.stat().st_size  # type: ignore[attr-defined]
    assert made.height == 6  # type: ignore[attr-defined]


def test_payments_go_on_during_a_backup(tmp_path: Path, folder: Path) -> None:
    """It is of the moment when it began, head and root and all."""
    chain = ChainOfOne(MemoryKeyValue(), folder=folder)
    chain.holding = True
    numbers = iter(range(1_000))
    for _ in range(3):
        _block(chain, numbers, payments=200)
    head = chain.store.head()

    work = backup(chain.premises, BackupRequest(file=str(tmp_path / "node.backup")))
    steps = 0
    for _ in work:
        steps += 1
        _block(chain, numbers, payments=1)
    result = restored(chain, tmp_path / "node.backup")

    assert steps > 2
    assert chain.store.head().height == head.height + steps
    assert (result.height, result.block_id) == (head.height, head.block_id)
    with open_database(folder / "data", chain.chain) as store, store.state() as state:
        assert state.root == head.header.state_root


def _block(chain: ChainOfOne, numbers: Iterable[int], *, payments: int) -> None:
    from ledger.transaction import check_transaction
    from services.table import TRANSACTION

    for number, _ in zip(numbers, range(payments), strict=False):
        data = chain.signed("treasury", pay("health", 1, f"INV-{number}"))
        tx = check_transaction(data, chain.chain, TRANSACTION)
        chain.waiting[tx.id] = tx
    chain.make_block()


def test_nothing_is_overwritten(node: ChainOfOne, tmp_path: Path, folder: Path) -> None:
    """Neither a file by a backup nor a database by a restore."""
    path = written(node, tmp_path / "node.backup")
    with pytest.raises(OperatorFault, match="exists already; nothing is overwritten"):
        written(node, path)
    (folder / "data").mkdir()
    (folder / "data" / "CURRENT").write_text("somebody's")
    with pytest.raises(OperatorFault, match="is there already: a backup is restored where"):
        restored(node, path)
    with pytest.raises(OperatorFault, match="expected a full path"):
        written(node, Path("node.backup"))

    assert (folder / "data" / "CURRENT").read_text() == "somebody's"


def test_the_signers_file_is_none_of_a_restores_affairs(
    node: ChainOfOne, tmp_path: Path, folder: Path
) -> None:
    """A newer one stays as it is; where there is none, none is made."""
    path = written(node, tmp_path / "node.backup")
    (folder / "signer.state").write_bytes(b"newer than the backup")
    restored(node, path)

    assert (folder / "signer.state").read_bytes() == b"newer than the backup"
    assert sorted(entry.name for entry in folder.iterdir()) == ["data", "signer.state"]


def test_another_chains_backup_is_refused(node: ChainOfOne, tmp_path: Path, folder: Path) -> None:
    """Before anything is made."""
    path = written(node, tmp_path / "node.backup")
    data = path.read_bytes()
    path.write_bytes(data.replace(node.chain, bytes(32)))

    with pytest.raises(OperatorFault, match=f"a backup of chain {'00' * 32}, .* defines chain"):
        restored(node, path)
    assert list(folder.iterdir()) == []


def test_a_cut_or_changed_file_is_refused(node: ChainOfOne, tmp_path: Path, folder: Path) -> None:
    """Here and there; nothing is left of the attempt. Every byte is tried in test_stream.py."""
    whole = written(node, tmp_path / "node.backup").read_bytes()
    path = tmp_path / "other.backup"
    for at in range(0, len(whole), 4_000):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(data)
            with pytest.raises((Malformed, OperatorFault)):
                restored(node, path)
            assert list(folder.iterdir()) == []


def crafted(chain: ChainId, *records: tuple[object, ...], storage: str = "") -> bytes:
    """A backup that is whole as a file, with what somebody wants in it."""
    file = io.BytesIO()
    about = About(storage or schema.FORMAT.decode(), Height(0), BlockId(bytes(32)), TimeMs(0))
    writer = StreamWriter(file, StreamHead("mithaq.backup", 1, chain, encode(about)))
    for record in records:
        writer.write(encode(record))
    writer.end()
    return file.getvalue()


HEADER = schema.header_key(Height(0))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([(b"\x01b", b""), (b"\x01a", b"")], "key 0161 comes after 0162"),
        ([(b"\x01a", b"", b"\x01a", b"")], "key 0161 comes after 0161"),
        ([(schema.vote_key(Height(1), 0, 2), b"")], "is of no region that a backup has"),  # type: ignore[arg-type]
        ([(bytes([Region.VOTE_BODY]) + b"x", b"")], "is of no region that a backup has"),
        ([(b"\x63row", b"")], "is of no region that a backup has"),
        ([(schema.HEAD_KEY, b"")], "is of no region that a backup has"),
        ([(schema.UNFINISHED_KEY, b"")], "is of no region that a backup has"),
        ([(b"\x00whatever", b"")], "is of no region that a backup has"),
        ([(b"\x01", b"")], "a key of 1 bytes, expected 2 to"),
        ([(b"\x01" * (limits.BACKUP_KEY_BYTES_MAX + 1), b"")], "a key of 1025 bytes"),
        ([(b"\x01a",)], "1 keys and values, expected pairs"),
        ([()], "0 keys and values, expected pairs"),
        ([(b"\x01a", 7)], "not a tuple"),
        ([(b"\x01" * limits.BACKUP_KEY_BYTES_MAX, b"")], "no header of height 0"),
    ],
)
def test_what_no_backup_holds_is_refused(
    node: ChainOfOne, tmp_path: Path, records: list[tuple[object, ...]], message: str
) -> None:
    """Wrong order, twice, foreign rows, keys without end: with record and byte."""
    path = tmp_path / "hostile.backup"
    path.write_bytes(crafted(node.chain, *records))

    with pytest.raises(
        Malformed, match=rf"hostile.backup: record \d+, before byte \d+: .*{message}"
    ):
        restored(node, path)
    assert not (tmp_path / "node" / "data").exists()


def test_a_record_without_end_is_refused(node: ChainOfOne, tmp_path: Path) -> None:
    """After BACKUP_RECORD_BYTES_MAX, and the next piece that was read."""
    path = tmp_path / "hostile.backup"
    head = crafted(node.chain)[: -len(encode(("end", 0, bytes(32))))]
    with path.open("wb") as file:
        file.write(head + b"\x92\xc6" + (2**32 - 1).to_bytes(4, "big"))
        os.truncate(file.fileno(), 2**32)

    with pytest.raises(Malformed, match=f"at most {limits.BACKUP_RECORD_BYTES_MAX} are allowed"):
        restored(node, path)


def test_a_backup_of_another_format_is_refused(node: ChainOfOne, tmp_path: Path) -> None:
    """By a version that cannot read its rows."""
    path = tmp_path / "old.backup"
    path.write_bytes(crafted(node.chain, storage="mithaq.storage/3"))

    with pytest.raises(Malformed, match=r"in format mithaq.storage/3, this version reads"):
        restored(node, path)


def rewritten(change: Callable[[dict[bytes, bytes]], None]) -> tuple[ChainOfOne, bytes]:
    """A backup by somebody who changed the database first; its digest is right."""
    _, rows = specimen()
    chain = specimen_chain(MemoryKeyValue())
    change(rows)
    file = io.BytesIO()
    head = chain.store.head()
    about = About(schema.FORMAT.decode(), head.height, head.block_id, TimeMs(0))
    writer = StreamWriter(file, StreamHead("mithaq.backup", 1, chain.chain, encode(about)))
    for key in sorted(rows):
        if key[0] not in VOTES and key not in {schema.FORMAT_KEY, schema.HEAD_KEY}:
            writer.write(encode((key, rows[key])))
    writer.end()
    return chain, file.getvalue()


def test_a_backup_that_lies_is_found_out(node: ChainOfOne, tmp_path: Path, folder: Path) -> None:
    """Whole as a file, and richer by a balance: the tree and the roots say no."""

    def enrich(rows: dict[bytes, bytes]) -> None:
        balance = next(key for key in rows if key[:3] == schema.state_key(4, b""))
        rows[balance] = rows[balance][:-1] + b"\x7f"

    _, data = rewritten(enrich)
    path = tmp_path / "lie.backup"
    path.write_bytes(data)

    with pytest.raises(
        Malformed, match=r"lie.backup has 1 damages: state, height 6, key .*: holds"
    ):
        restored(node, path)
    assert list(folder.iterdir()) == []


def test_a_restore_that_crashed_is_begun_anew(
    node: ChainOfOne, tmp_path: Path, folder: Path
) -> None:
    """What it left has a name that no node opens."""
    path = written(node, tmp_path / "node.backup")
    half = restore(node.premises.node, path)
    next(half)
    left = {entry.name for entry in folder.iterdir()}
    assert left == {"data.part"}
    kept = [(one, one.read_bytes()) for one in (folder / "data.part").iterdir()]
    half.close()
    assert list(folder.iterdir()) == []
    (folder / "data.part").mkdir()
    for one, content in kept:
        one.write_bytes(content)

    assert restored(node, path).height == 6
    assert {entry.name for entry in folder.iterdir()} == {"data"}


def test_rows_are_written_some_at_a_time(tmp_path: Path, folder: Path) -> None:
    """A record ends with the row that fills BACKUP_PIECE_BYTES."""
    database = MemoryKeyValue()
    chain = ChainOfOne(database, folder=folder)
    key = bytes([Region.STATE]) + b"\xff\xff"
    room = limits.BACKUP_PIECE_BYTES - len(key) - 1

    def records(value: bytes) -> int:
        database.write({key + b"a": value, key + b"b": value, key + b"c": b""})
        path = written(chain, tmp_path / f"{len(value)}.backup")
        with path.open("rb") as file:
            reader = BackupReader(file, path)
            return sum(1 for piece in reader.pieces() if piece[-1][0].startswith(key))

    assert records(bytes(room)) == 2
    assert records(bytes(room // 4)) == 0
    assert limits.BACKUP_RECORD_BYTES_MAX > 2 * limits.BACKUP_PIECE_BYTES


def test_what_is_written_goes_to_the_disk_bit_by_bit(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every BACKUP_SYNC_BYTES: gigabytes at the end would hold up the votes' own syncs."""
    database = MemoryKeyValue()
    chain = ChainOfOne(database, folder=folder)
    value = bytes(limits.BACKUP_PIECE_BYTES)
    pieces = 2 * limits.BACKUP_SYNC_BYTES // limits.BACKUP_PIECE_BYTES
    rows = {bytes([Region.STATE]) + b"\xff\xff" + bytes([n]): value for n in range(pieces)}
    database.write(rows)
    synced: list[int] = []

    def spy(descriptor: int, real: Callable[[int], None] = os.fdatasync) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", spy)
    written(chain, tmp_path / "node.backup")

    steps = [later - before for before, later in pairwise([0, *synced])]
    assert len(synced) == 2
    assert all(
        limits.BACKUP_SYNC_BYTES <= step <= limits.BACKUP_SYNC_BYTES + 2 * limits.BACKUP_PIECE_BYTES
        for step in steps
    )


def test_progress_is_told(node: ChainOfOne, tmp_path: Path) -> None:
    """Of writing, of reading again, of restoring, and of the check."""
    heard: list[Progress] = []
    finish(backup(node.premises, BackupRequest(file=str(tmp_path / "b"))), heard.append)
    finish(restore(node.premises.node, tmp_path / "b"), heard.append)

    assert {progress.what for progress in heard} >= {"MiB read again", "MiB restored", "blocks"}
