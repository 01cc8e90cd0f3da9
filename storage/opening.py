"""Opening a chain's database: every reason not to, each said once and clearly.

What is wrong with the folder, the format or the chain is an OperatorFault and names the folder.
What contradicts itself inside is a StorageFault. Nothing is repaired, and nothing is written before
all checks have passed.

LevelDB notices a flipped bit by its checksums, with one exception that no reader can close: a
damaged length near the end of a log looks exactly like a write that a loss of power cut off, and
the records from there on are gone. Where a later log goes on, that leaves a hole in the chain,
which the walk back from the head finds. Where it was the tail, the database is simply older than it
was: the signer's file, which is elsewhere, then knows more than the vote log, and the node stays
silent at that height (consensus.md §8).
"""

from collections.abc import Sequence
from pathlib import Path

from primitives import limits
from primitives.block import block_id, transaction_hash
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.errors import OperatorFault, StorageFault
from primitives.ids import ChainId, Digest, Height
from storage import schema
from storage.behind import WriteBehind
from storage.chain import ChainStore, install_genesis
from storage.decision import Genesis
from storage.edges import Edges, Part
from storage.keyvalue import KeyValue
from storage.leveldb import create_leveldb, holds_database, open_leveldb
from storage.remedies import damaged
from storage.restoring import Restoration
from storage.schema import Region


def create_database(folder: Path, genesis: Genesis) -> ChainStore:
    """Begin a chain in a folder that holds none; the folder is made where it is missing.

    Raises:
        OperatorFault: it holds a chain or somebody else's files, or it cannot be used.
        StorageFault: it holds a damaged database.
    """
    database = create_leveldb(folder)
    try:
        if _is_empty(database):
            return install_genesis(database, genesis)
        _check_format(database, folder)
        _check_finished(database, folder)
        raise OperatorFault(f"{folder} already holds a chain")
    except BaseException:
        database.close()
        raise


def begin_restore(folder: Path, what: str) -> Restoration:
    """Begin a database that is born with a history, in a folder that holds none.

    Raises:
        OperatorFault: it holds a chain, an unfinished restore or somebody else's files, or it
            cannot be used.
        StorageFault: it holds a damaged database.
    """
    database = create_leveldb(folder)
    try:
        if _is_empty(database):
            return Restoration(database, what)
        _check_format(database, folder)
        _check_finished(database, folder)
        raise OperatorFault(f"{folder} already holds a chain")
    except BaseException:
        database.close()
        raise


def open_database(folder: Path, chain: ChainId) -> ChainStore:
    """Open the chain in `folder`, after all checks.

    Raises:
        OperatorFault: no chain, another chain, another format, another process, not writable.
        StorageFault: damaged.
    """
    if not folder.exists() or (folder.is_dir() and not holds_database(folder)):
        raise OperatorFault(f"{folder} holds no chain: begin one with the genesis file first")
    return _checked(open_leveldb(folder), folder, chain)


def begin_or_open(folder: Path, genesis: Genesis) -> ChainStore:
    """Open the chain in `folder`, or begin it where nothing was ever written.

    That is also what a loss of power leaves between the files of a new database and its genesis.

    Raises:
        OperatorFault: another chain, another format, another process, not writable.
        StorageFault: damaged.
    """
    database = open_leveldb(folder) if holds_database(folder) else create_leveldb(folder)
    try:
        if _is_empty(database):
            return install_genesis(database, genesis)
    except BaseException:
        database.close()
        raise
    return _checked(database, folder, ChainId(block_id(genesis.header)))


def _checked(database: KeyValue, folder: Path, chain: ChainId) -> ChainStore:
    try:
        return check_database(database, folder, chain)
    except StorageFault as fault:
        database.close()
        if (what := str(fault).removeprefix("the database is damaged: ")) == str(fault):
            raise  # it names the folder already
        raise StorageFault(damaged(folder, what)) from fault
    except BaseException:
        database.close()
        raise


def open_gathering(
    folder: Path, genesis: Genesis, *, bytes_max: int
) -> tuple[ChainStore, WriteBehind]:
    """Open the chain in `folder`, or begin it there, for many blocks in a row.

    Decisions are gathered, and written when they are `bytes_max` or when the caller flushes.

    Raises:
        OperatorFault, StorageFault: as `begin_or_open`.
    """
    database = open_leveldb(folder) if holds_database(folder) else create_leveldb(folder)
    try:
        if _is_empty(database):
            install_genesis(database, genesis)
        gathered = WriteBehind(database, bytes_max=bytes_max, written_once=(Region.NODE,))
    except BaseException:
        database.close()
        raise
    return _checked(gathered, folder, ChainId(block_id(genesis.header))), gathered


def check_database(database: KeyValue, folder: Path, chain: ChainId) -> ChainStore:
    """Every check that needs no folder; `folder` is for the messages.

    Raises:
        OperatorFault: no chain, another chain, another format.
        StorageFault: damaged.
    """
    if _is_empty(database):
        raise OperatorFault(f"{folder} holds no chain: begin one with the genesis file first")
    _check_format(database, folder)
    _check_finished(database, folder)
    store = ChainStore(database)
    if store.chain != chain:
        raise OperatorFault(
            f"{folder} holds chain {store.chain.hex()}, this node belongs to chain {chain.hex()}"
        )
    _check_head(store)
    _check_links(store)
    return store


def _is_empty(database: KeyValue) -> bool:
    return next(database.iterate(start=b"", stop=b"\xff"), None) is None


def _check_format(database: KeyValue, folder: Path) -> None:
    found = database.get(schema.FORMAT_KEY)
    if found is None:
        raise OperatorFault(f"{folder} holds a database that is not Mithaq's")
    if found != schema.FORMAT:
        raise OperatorFault(
            f"{folder} is written in format {found.decode(errors='replace')}, "
            f"this version reads {schema.FORMAT.decode()}"
        )


def _check_finished(database: KeyValue, folder: Path) -> None:
    what = database.get(schema.UNFINISHED_KEY)
    if what is not None:
        raise OperatorFault(
            f"{folder} holds an unfinished restore of {what.decode(errors='replace')}: "
            "remove the folder and restore again"
        )


def _check_head(store: ChainStore) -> None:
    # The newest decision is what a crash could have harmed; here it is read back in full.
    head = store.head()
    height, header = head.height, head.header
    certificate = store.certificate(height)
    if certificate is not None and (certificate.height, certificate.block_id) != (
        height,
        head.block_id,
    ):
        raise StorageFault(
            f"the database is damaged: the certificate of height {height} is over block "
            f"{certificate.block_id.hex()} of height {certificate.height}, "
            f"the head is {head.block_id.hex()}"
        )
    edges = store.edges()
    _check_edges(edges, height)
    if edges.keeps(Part.BODIES, height):
        transactions = store.block(height).transactions
        hashes = [transaction_hash(transaction) for transaction in transactions]
        _check_root("transactions", height, header.transactions_root, hashes)
    if edges.keeps(Part.RECEIPTS, height):
        receipts = [digest(Domain.RECEIPT, receipt) for receipt in store.receipts(height)]
        _check_root("receipts", height, header.receipts_root, receipts)


def _check_edges(edges: Edges, head: Height) -> None:
    # Only a head that came as a snapshot is without body, receipts and index.
    for part in Part:
        highest = head if part in (Part.HEADERS, Part.STATE) else head + 1
        if edges.of(part) > highest:
            raise StorageFault(
                f"the database is damaged: {part.value} are kept from {edges.of(part)} on, "
                f"the head is {head}"
            )


def _check_root(what: str, height: Height, expected: Digest, hashes: Sequence[bytes]) -> None:
    found = list_root(hashes)
    if found != expected:
        raise StorageFault(
            f"the database is damaged: the {what} of height {height} have the root {found.hex()}, "
            f"its header says {expected.hex()}"
        )


def _check_links(store: ChainStore) -> None:
    head = store.head()
    lowest = max(store.edges().headers, head.height - limits.LINKS_CHECKED)
    expected = head.header.parent
    for number in range(head.height - 1, lowest - 1, -1):
        header = store.header(Height(number))
        if block_id(header) != expected:
            raise StorageFault(
                f"the database is damaged: block {number} is {block_id(header).hex()}, "
                f"block {number + 1} names {expected.hex()} as its parent"
            )
        store.certificate(Height(number))
        expected = header.parent
    if ChainId(block_id(store.header(Height(0)))) != store.chain:
        raise StorageFault("the database is damaged: block 0 does not hash to the chain's id")
