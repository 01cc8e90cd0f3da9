"""Every reason not to open a chain is said once, clearly, and changes nothing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kit import mortal
from kit.certified import named_digest
from kit.stored import certificate_over, chain_of, contradictions, genesis, grow, next_decision
from primitives import limits
from primitives.block import block_id
from primitives.codec import encode
from primitives.errors import OperatorFault, StorageFault
from primitives.ids import BlockId, ChainId, Height, TimeMs
from storage import schema
from storage.chain import ChainStore, install_genesis
from storage.decision import Head
from storage.leveldb import create_leveldb, holds_database, open_leveldb
from storage.memory import MemoryKeyValue
from storage.opening import check_database, create_database, open_database
from storage.reading import read_head

CHAIN = chain_of(genesis())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a chain of five blocks, closed."""
    with create_database(tmp_path / "chain", genesis()) as store:
        grow(store, 5)
    return tmp_path / "chain"


def fault(folder: Path, chain: ChainId = CHAIN) -> str:
    """What the operator is told."""
    with pytest.raises(OperatorFault) as caught:
        open_database(folder, chain)
    message = str(caught.value)
    assert str(folder) in message
    assert len(message.splitlines()) == 1
    return message


def test_a_chain_is_opened_again(folder: Path) -> None:
    """With everything that was in it; it can be closed twice."""
    assert holds_database(folder)
    with open_database(folder, CHAIN) as store:
        assert store.head().height == 5
        assert contradictions(store, genesis()) == []
        store.close()


def test_folders_above_are_made(tmp_path: Path) -> None:
    """The command that makes a node need not prepare its folders."""
    create_database(tmp_path / "home" / "node" / "chain", genesis()).close()

    open_database(tmp_path / "home" / "node" / "chain", CHAIN).close()


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_folder_is_not_a_chain(tmp_path: Path, *, made: bool) -> None:
    """A node whose database is gone must not begin again by itself; nothing is left behind."""
    folder = tmp_path / "chain"
    if made:
        folder.mkdir()

    assert not holds_database(folder)
    assert "holds no chain" in fault(folder)

    assert folder.exists() == made
    assert not made or list(folder.iterdir()) == []


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    """Neither for opening nor for making."""
    (tmp_path / "chain").write_text("a file")

    assert "is not a folder" in fault(tmp_path / "chain")
    with pytest.raises(OperatorFault, match="chain is not a folder"):
        create_database(tmp_path / "chain", genesis())
    with pytest.raises(OperatorFault, match="cannot be made: Not a directory"):
        create_database(tmp_path / "chain" / "below", genesis())


def test_a_chain_is_begun_once(folder: Path) -> None:
    """The second genesis is refused, and the first chain is as it was."""
    with pytest.raises(OperatorFault, match="chain already holds a chain"):
        create_database(folder, genesis("another"))

    with open_database(folder, CHAIN) as store:
        assert store.head().height == 5


def test_a_beginning_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    """LevelDB was there, genesis was not: that is no chain yet."""
    create_leveldb(tmp_path / "chain").close()

    assert "holds no chain" in fault(tmp_path / "chain")
    create_database(tmp_path / "chain", genesis()).close()

    open_database(tmp_path / "chain", CHAIN).close()


def test_another_chain_is_not_opened(folder: Path) -> None:
    """Both are named in full, so that the operator sees which folder is the wrong one."""
    other = chain_of(genesis("another"))

    message = fault(folder, other)

    assert CHAIN.hex() in message
    assert other.hex() in message


def test_another_format_is_not_opened(folder: Path) -> None:
    """Found and expected are named; nor is a chain begun over it."""
    with open_leveldb(folder) as database:
        database.write({schema.FORMAT_KEY: b"mithaq.storage/1"})

    assert "format mithaq.storage/1, this version reads mithaq.storage/6" in fault(folder)
    with pytest.raises(OperatorFault, match=r"format mithaq\.storage/1"):
        create_database(folder, genesis())


def test_somebody_elses_database_is_not_opened(tmp_path: Path) -> None:
    """It has entries, and not one of ours; nor is a chain begun in it."""
    with create_leveldb(tmp_path / "chain") as database:
        database.write({b"a": b"1"})

    assert "not Mithaq's" in fault(tmp_path / "chain")
    with pytest.raises(OperatorFault, match="not Mithaq's"):
        create_database(tmp_path / "chain", genesis())


def test_a_second_process_is_refused(folder: Path) -> None:
    """It is told which folder; the first goes on, and once it is gone the folder opens."""
    with mortal.start("hold", folder) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "open\n"

            assert "is in use by another process" in fault(folder)
            # Its files come and go while LevelDB merges: what is missing then is no damage.
            table = next(folder.glob("*.ldb")).rename(folder.parent / "merged away")
            assert "is in use by another process" in fault(folder)
            table.rename(folder / "000005.ldb")
        finally:
            first.kill()

    open_database(folder, CHAIN).close()


def test_the_same_process_is_refused_a_second_time(folder: Path) -> None:
    """One writer."""
    with open_database(folder, CHAIN) as store:
        assert "is in use" in fault(folder)
        assert store.head().height == 5


@pytest.fixture
def world_readable(folder: Path) -> Iterator[Path]:
    """The chain where everybody can read it, and only its owner write."""
    with tempfile.TemporaryDirectory(prefix="mithaq-") as name:
        shutil.copytree(folder, Path(name) / "chain")
        for path in (Path(name), *Path(name).rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield Path(name) / "chain"
        for path in (Path(name), Path(name) / "chain"):
            path.chmod(0o755)


def test_a_folder_that_cannot_be_written_says_so(world_readable: Path) -> None:
    """Even though everything in it could be read."""
    assert mortal.told("open_as_nobody", world_readable) == [
        f"OperatorFault: {world_readable} cannot be written by this user"
    ]


# What contradicts itself inside. These checks need no folder, so they run on the twin.


def grown(count: int) -> MemoryKeyValue:
    database = MemoryKeyValue()
    grow(install_genesis(database, genesis()), count)
    return database


def damage(database: MemoryKeyValue) -> str:
    with pytest.raises(StorageFault) as caught:
        check_database(database, Path("chain"), CHAIN)
    message = str(caught.value)
    assert "the database is damaged" in message
    return message


def test_a_head_without_certificate_is_damaged() -> None:
    """The certificate is why it is the head."""
    database = grown(3)
    database.write({schema.certificate_key(Height(3)): None})

    assert "certificate of height 3 is missing" in damage(database)


def test_a_certificate_of_another_block_is_damaged() -> None:
    """It proves something, but not this head."""
    database = grown(3)
    other = certificate_over(BlockId(named_digest("other")), Height(3))
    database.write({schema.certificate_key(Height(3)): encode(other)})

    assert f"over block {named_digest('other').hex()}" in damage(database)


def test_a_head_that_does_not_hash_to_its_id_is_damaged() -> None:
    """The header of the head is another one than the head says."""
    database = grown(3)
    header = msgspec.structs.replace(read_head(database).header, time_ms=TimeMs(1))
    database.write({schema.header_key(Height(3)): encode(header)})

    assert f"the header there is of block {block_id(header).hex()}" in damage(database)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (schema.HEAD_KEY, "the head is missing"),
        (schema.CHAIN_KEY, "the chain's id is missing"),
        (schema.FORGOTTEN_KEY, "the window's edge is missing"),
        (schema.edge_key("bodies"), "the edge of bodies is missing"),
        (schema.swept_key("state"), "the swept height of state is missing"),
        (schema.header_key(Height(3)), "header of height 3 is missing"),
        (schema.body_key(Height(3)), "body of height 3 is missing"),
        (schema.receipts_key(Height(3)), "receipts of height 3 is missing"),
        (schema.header_key(Height(1)), "header of height 1 is missing"),
        (schema.certificate_key(Height(1)), "certificate of height 1 is missing"),
    ],
)
def test_a_head_without_one_of_its_parts_is_damaged(key: bytes, words: str) -> None:
    """One missing key is enough, also a little below the head."""
    database = grown(3)
    database.write({key: None})

    assert words in damage(database)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (schema.body_key(Height(3)), "transactions of height 3 have the root"),
        (schema.receipts_key(Height(3)), "receipts of height 3 have the root"),
    ],
)
def test_a_head_with_other_contents_is_damaged(key: bytes, words: str) -> None:
    """Transactions and receipts are held against the roots in the header."""
    database = grown(3)
    database.write({key: encode((b"something", b"else"))})

    assert words in damage(database)


def test_a_break_in_the_chain_is_damaged() -> None:
    """A block whose child names another parent."""
    database = grown(5)
    header = msgspec.structs.replace(ChainStore(database).header(Height(2)), time_ms=TimeMs(1))
    database.write({schema.header_key(Height(2)): encode(header)})

    assert f"block 2 is {block_id(header).hex()}, block 3 names" in damage(database)


def test_a_chain_that_does_not_begin_with_its_genesis_is_damaged() -> None:
    """Block 0 is the chain's id."""
    database = grown(0)
    other = genesis("another").header
    database.write(
        {
            schema.header_key(Height(0)): encode(other),
            schema.HEAD_KEY: schema.pack_head(Height(0), block_id(other)),
        }
    )

    assert "block 0 does not hash to the chain's id" in damage(database)


def test_so_many_links_are_walked_and_no_more() -> None:
    """A hole LINKS_CHECKED below the head is found; one block further down it is not looked for."""
    head = Head(Height(0), BlockId(CHAIN), genesis().header)
    database = grown(0)
    batch: dict[bytes, bytes | None] = {}
    for _ in range(limits.LINKS_CHECKED + 3):
        decision = next_decision(head, CHAIN, transactions=0)
        head = Head(decision.block.header.height, decision.block_id, decision.block.header)
        batch[schema.header_key(head.height)] = encode(head.header)
        batch[schema.certificate_key(head.height)] = encode(decision.certificate)
    batch[schema.body_key(head.height)] = batch[schema.receipts_key(head.height)] = encode(())
    batch[schema.HEAD_KEY] = schema.pack_head(head.height, head.block_id)
    database.write(batch)

    lowest = head.height - limits.LINKS_CHECKED
    database.write({schema.header_key(Height(lowest - 1)): None})
    assert check_database(database, Path("chain"), CHAIN).head() == head

    database.write({schema.header_key(Height(lowest)): None})
    assert f"header of height {lowest} is missing" in damage(database)
