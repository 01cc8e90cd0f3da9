"""A database that is born with a history: from a snapshot, or as the copy of another.

It takes more than one write, so the first one says "unfinished" and the last one takes the word
away with the head in its hand: whatever happens between leaves a database that is refused
(storage/opening.py), never one that lacks something. Rows are collected and written, synchronously,
whenever they fill a batch; nothing is held longer.

What the rows say is the affair of whoever brings them. The signer's file is none of ours, and the
vote log is never brought: a validator that comes back so asks the others what it said (R50).
"""

from typing import Final, final

from primitives import limits
from primitives.block import Header, block_id
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.ids import BlockId, ChainId, Height, TimeMs, TransactionId
from storage import schema
from storage.chain import ChainStore
from storage.closing import Closing
from storage.edges import Edges, edge_rows
from storage.keyvalue import KeyValue
from storage.schema import Region

_NEVER_BROUGHT: Final = frozenset({Region.VOTE, Region.VOTE_BODY})
_OURS: Final = frozenset({schema.FORMAT_KEY, schema.HEAD_KEY, schema.UNFINISHED_KEY})


@final
class Restoration(Closing):
    """A restore under way. Closed before it is finished, it leaves what nobody opens."""

    def __init__(
        self, database: KeyValue, what: str, *, batch_bytes: int = limits.RESTORE_BATCH_BYTES
    ) -> None:
        """`database` is empty; `what` says in words what is being restored."""
        self._database, self._batch_bytes = database, batch_bytes
        self._batch: dict[bytes, bytes | None] = {}
        self._bytes = 0
        self._finished = False
        database.write({schema.FORMAT_KEY: schema.FORMAT, schema.UNFINISHED_KEY: what.encode()})

    def chain(self, genesis: Header) -> None:
        """Block 0: it has no transactions."""
        assert genesis.height == 0, f"a genesis of height {genesis.height}"
        empty = encode(())
        self._put(schema.CHAIN_KEY, ChainId(block_id(genesis)))
        self._put(schema.body_key(Height(0)), empty)
        self._put(schema.receipts_key(Height(0)), empty)
        self._header(genesis)

    def header(self, header: Header, certificate: Certificate) -> None:
        """A certified header: of the lineage, or of the height that is restored."""
        assert certificate.block_id == block_id(header), "a certificate of another block"
        self._header(header)
        self._put(schema.certificate_key(header.height), encode(certificate))

    def entry(self, table: int, key: bytes, value: bytes) -> None:
        """An entry of the state."""
        self._put(schema.state_key(table, key), value)

    def node(self, key: bytes, value: bytes) -> None:
        """A node of the state tree."""
        self._put(schema.node_key(key), value)

    def window(self, valid_until: TimeMs, identifier: TransactionId, height: Height) -> None:
        """A remembered id, and the height that committed it."""
        self._put(schema.window_key(valid_until, identifier), schema.pack_number(height))

    def row(self, key: bytes, value: bytes) -> None:
        """A row of another database as it stands there, with its region byte.

        The head and what is under way are no rows to bring, nor is the vote log.
        """
        assert Region(key[0]) not in _NEVER_BROUGHT, "the vote log is never restored"
        assert key not in _OURS, f"{key!r} is written by the restore itself"
        self._put(key, value)

    def finish(
        self, header: Header, certificate: Certificate, *, forgotten: TimeMs, edges: Edges
    ) -> ChainStore:
        """The head, last of all; ids with valid_until below `forgotten` were not brought.

        Raises:
            StorageFault: a write failed.
        """
        self.header(header, certificate)
        for key, value in edge_rows(edges).items():
            self._put(key, value)
        self._put(schema.FORGOTTEN_KEY, schema.pack_number(forgotten))
        return self.finish_copy(header.height, block_id(header))

    def finish_copy(self, height: Height, identifier: BlockId) -> ChainStore:
        """The head of a copy whose rows brought everything else.

        Raises:
            StorageFault: a write failed, or what the copy says contradicts itself.
        """
        self._flush()
        self._database.write(
            {
                schema.HEAD_KEY: schema.pack_head(height, identifier),
                schema.UNFINISHED_KEY: None,
            }
        )
        self._finished = True
        return ChainStore(self._database)

    def _header(self, header: Header) -> None:
        self._put(schema.header_key(header.height), encode(header))
        self._put(schema.height_key(block_id(header)), schema.pack_number(header.height))

    def _put(self, key: bytes, value: bytes) -> None:
        self._batch[key] = value
        self._bytes += len(key) + len(value)
        if self._bytes >= self._batch_bytes:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._database.write(self._batch)
            self._batch, self._bytes = {}, 0

    def close(self) -> None:
        """Let the database go, unless it was finished: then it is the store's."""
        if not self._finished:
            self._database.close()
