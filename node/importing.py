"""Importing: a file's chain into a node's folder, each block through the door of catching up.

A block enters with a certificate by the validators that the state below it names, with the
signatures of its transactions, and after its execution gave what its header and its receipts claim:
whoever made the file is not believed in anything. The signer's memory is not touched, so a
validator that was restored in this way stays silent as long as the rules have it (R40, R50-R52).

Blocks are gathered and written many at a time, each time as one whole (`storage.behind`): a process
that is killed leaves the folder at some height of the file, and the same command goes on from
there. When a block is refused, those before it stay.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from node.bodies import CheckedBlock
from node.execution import decision_of, execute
from node.export_file import ExportReader, open_export
from node.folder import LoadedNode
from node.replay import Exported, check_certified, checked, parent_of
from node.work import Progress, Work
from primitives.block import block_id
from primitives.crypto import ED25519
from primitives.errors import BadBlock, Malformed, RemoteFault, StorageFault
from primitives.ids import ChainId, Height, Natural
from services.table import TRANSACTION
from storage.chain import ChainStore
from storage.decision import Genesis as StoredGenesis
from storage.opening import open_gathering

GATHERED_BYTES: Final = 32 * 1024 * 1024
"""Between two writes: some ten thousand payments; what a killed import does again, in seconds."""


@final
class ImportResult(Struct, frozen=True, kw_only=True):
    """What an import did."""

    chain: ChainId
    first: Natural[Height]
    """The first height that was new here."""
    last: Natural[Height]
    """The head of the folder now."""
    blocks: Natural[int]
    transactions: Natural[int]
    already: Natural[int]
    """Heights of the file that the folder had."""


def import_chain(node: LoadedNode, path: Path) -> Work[ImportResult]:
    """Everything in an export that the folder of a stopped node lacks.

    Raises:
        Malformed, BadBlock: another chain, a gap, or a height that is not what it claims.
        OperatorFault, StorageFault: the file, the folder or the database.
    """
    begun = node.genesis
    with open_export(path) as file:
        reader = ExportReader(file, str(path))
        if reader.chain != begun.chain:
            raise Malformed(
                f"{path} is of chain {reader.chain.hex()}, this folder belongs to chain "
                f"{begun.chain.hex()}"
            )
        genesis = StoredGenesis(
            header=begun.header,
            state_writes=begun.execution.state_writes,
            node_writes=begun.execution.node_writes,
        )
        store, gathered = open_gathering(node.folder.data, genesis, bytes_max=GATHERED_BYTES)
        with store:
            result = yield from _import(store, reader, gathered.flush)
        return result


@final
class Importer:
    """The heights of a file, one after the other, onto a chain that may have some of them."""

    def __init__(self, store: ChainStore, chain: ChainId) -> None:
        self._store, self._chain = store, chain
        self._parent = parent_of(store, chain)

    def take(self, found: Exported) -> bool:
        """Execute and commit the next height; False: it is here already, and is the same.

        Raises:
            Malformed, BadBlock: it is none that may come next, or another one than here.
        """
        height, expected = found.height, self._parent.height
        if height > expected:
            raise Malformed(
                f"height {height}: the folder ends with {expected - 1}, so {expected} must come "
                "first: import the file that has it"
            )
        if height < expected:
            self._check_same(found)
            return False
        body = checked(found, self._chain, TRANSACTION)
        try:
            self._commit(found, body)
        except RemoteFault as error:
            raise Malformed(f"height {height}: {error}") from error
        return True

    def _check_same(self, found: Exported) -> None:
        height, identifier = found.height, block_id(found.block.header)
        if height < self._store.edges().headers:
            return  # nothing is here to compare it with, nor to be changed by it
        here = block_id(self._store.header(height))
        if identifier != here:
            raise BadBlock(
                f"height {height}: the file has block {identifier.hex()}, this folder has "
                f"{here.hex()}: a chain has one of them"
            )

    def _commit(self, found: Exported, body: CheckedBlock) -> None:
        check_certified(found.certificate, self._parent, ED25519)
        with self._store.state() as state:
            execution = execute(state, self._parent, body)
        if found.receipts != execution.receipts:
            raise Malformed("the file's receipts are not those of the block")
        self._store.commit(decision_of(body, found.certificate, execution))
        self._parent = parent_of(self._store, self._chain)

    @property
    def head(self) -> Height:
        """The newest height that is here."""
        return self._store.head().height


def _import(
    store: ChainStore, reader: ExportReader, flush: Callable[[], None]
) -> Work[ImportResult]:
    importer = Importer(store, reader.chain)
    before, transactions, already = importer.head, 0, 0
    total = reader.about.last - reader.about.first + 1
    try:
        for done, found in enumerate(reader, start=1):
            if importer.take(found):
                transactions += len(found.block.transactions)
            else:
                already += 1
            yield Progress(done, total, "heights")
    except StorageFault:
        raise  # nothing more can be written
    except BaseException:
        flush()  # what was refused is not among it
        raise
    flush()
    return ImportResult(
        chain=reader.chain,
        first=Height(before + 1),
        last=importer.head,
        blocks=importer.head - before,
        transactions=transactions,
        already=already,
    )
