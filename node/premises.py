"""What an operator's long work is done on: a node's folder with its database open.

A running node does it on its own database, a stopped one's files are opened for it; the work is the
same, and is written once. `Upkeep` is one kind of it, with what it is asked and what it answers:
`POST /v1/admin/<path>` and a command of the command line are made from that (node/upkeep.py lists
them all).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, final

from msgspec import Struct

from node.folder import LoadedNode, load_node
from node.work import Work
from primitives.errors import OperatorFault
from storage.chain import ChainStore
from storage.keyvalue import KeyValue, Snapshot
from storage.leveldb import holds_database, open_leveldb
from storage.opening import check_database

A = TypeVar("A", bound=Struct)
R = TypeVar("R", bound=Struct)


@final
class Premises:
    """A node's folder and its database. Who made it closes the database, not who works on it."""

    def __init__(self, node: LoadedNode, database: KeyValue, store: ChainStore | None) -> None:
        """`store` is a running node's own; a stopped one's is made when it is asked for."""
        self.node = node
        self._database, self._store = database, store
        self.running = store is not None

    @property
    def store(self) -> ChainStore:
        """The chain, after all checks of opening.

        Raises:
            OperatorFault, StorageFault: as `storage.opening`, on a stopped node.
        """
        if self._store is None:
            chain = self.node.genesis.chain
            self._store = check_database(self._database, self.node.folder.data, chain)
        return self._store

    @property
    def database(self) -> KeyValue:
        """The floor, with no check at all: for work on what may be damaged, and for compacting.

        Nothing writes to it but `store`.
        """
        return self._database

    def freeze(self) -> Snapshot:
        """This moment of the database; close it."""
        return self._database.snapshot()


@final
@dataclass(frozen=True, slots=True)
class Upkeep(Generic[A, R]):
    """One kind of long work on a node."""

    path: str
    """Behind /v1/admin/: db/stats."""
    asked: type[A]
    answered: type[R]
    work: Callable[[Premises, A], Work[R]]
    """In a running node it is driven in a worker thread, while the loop commits blocks."""


@contextmanager
def premises_of(folder: Path) -> Iterator[Premises]:
    """The premises of a node that does not run.

    Raises:
        OperatorFault: the folder is no node's, it holds no chain, or its node runs.
        StorageFault: the files of the database are damaged.
    """
    node = load_node(folder)
    if not holds_database(node.folder.data):
        raise OperatorFault(f"{node.folder.data} holds no chain: start the node, or restore one")
    with open_leveldb(node.folder.data) as database:
        yield Premises(node, database, None)
