"""What follows from the blocks: block ids, places of transactions, accounts' transactions, window.

Each region is read once in its own order and compared with the sums over what the blocks say. Rows
of heights that cannot be judged are passed over: those of damaged blocks, which have been named
already, those that are being taken away, and those whose blocks are gone while the index is kept.

The window of a block that is gone is judged by the row that the block left in the state: the hash
over its ids (ledger/window.py).
"""

import struct
from collections.abc import Iterator
from typing import Any, Final, final

import msgspec

from ledger.state import EntrySource
from ledger.window import WINDOW_IDS, CommittedId, ids_hash
from node.check.blocks import Chain, Derived, index_rows
from node.check.findings import CarefulReader, Findings
from node.check.tally import Row, differences
from node.work import Progress, Work
from primitives.block import Header, block_id
from primitives.codec import decode
from primitives.errors import StorageFault
from primitives.ids import Height
from storage import schema
from storage.schema import Region

ROWS_A_STEP: Final = 512
_KEY_BYTES: Final = {
    Region.HEIGHT: 33,
    Region.TRANSACTION: 33,
    Region.ACCOUNT_TX: 45,
    Region.WINDOW: 41,
}


@final
class Indexes:
    """The check of the regions that follow from the blocks."""

    def __init__(
        self, reader: CarefulReader, chain: Chain, derived: Derived, findings: Findings
    ) -> None:
        self._reader, self._chain = reader, chain
        self._derived, self._findings = derived, findings
        self.rows = 0

    def check(self, state: EntrySource) -> Work[None]:
        """One region after the other."""
        for region in (Region.HEIGHT, Region.TRANSACTION, Region.ACCOUNT_TX):
            yield from self._region(region)
        if self._chain.whole:
            yield from self._region(Region.WINDOW)
            yield from self._window_without_blocks(state)

    def _region(self, region: Region) -> Work[None]:
        tally = self._derived.tallies[region]
        what = f"rows of {region.name.lower()}"
        for count, (key, value) in enumerate(self._judged(region, self._findings)):
            tally.found(key, value)
            self.rows += 1
            if count % ROWS_A_STEP == 0:
                yield Progress(count, max(count, tally.expected), what)
        buckets = tally.differing()
        if not buckets:
            return
        found = self._judged(region, Findings())
        for difference in differences(buckets, self._expected(region), found):
            if difference is None:
                yield Progress(0, 0, f"names for what is wrong in {region.name.lower()}")
            else:
                key, wrong = difference
                self._findings.found(region, wrong, key=key)
        if elsewhere := tally.differ_elsewhere():
            self._findings.found(region, f"and in {elsewhere} more parts of this region")

    def _judged(self, region: Region, findings: Findings) -> Iterator[Row]:
        """The rows that the blocks which were checked account for."""
        for key, value in self._reader.rows(region):
            try:
                height = _height_of(region, key, value)
            except struct.error:
                findings.found(region, f"this is no row of the region: {value[:16].hex()}", key=key)
                continue
            if self._is_judged(region, height):
                yield key, value

    def _is_judged(self, region: Region, height: int) -> bool:
        chain = self._chain
        if height in self._derived.unknown:
            return False
        if not chain.whole and not chain.first <= height <= chain.last:
            return False
        if region is Region.HEIGHT or height == 0 or height > chain.head.height:
            return True
        has_block = chain.expects_block(height)
        if region is Region.WINDOW or height >= chain.edges.index:
            return has_block
        return height < chain.swept.index

    def _expected(self, region: Region) -> Iterator[Row]:
        """What the blocks say, once more, for the rows of one region."""
        chain = self._chain
        for number in range(chain.first, chain.last + 1):
            height = Height(number)
            if height in self._derived.unknown:
                continue
            if region is Region.HEIGHT:
                header = self._decoded(schema.header_key(height), Header)
                if header is not None:
                    yield schema.height_key(block_id(header)), schema.pack_number(height)
                continue
            if not chain.expects_block(height):
                continue
            transactions = self._decoded(schema.body_key(height), tuple[bytes, ...])
            receipts = self._decoded(schema.receipts_key(height), tuple[bytes, ...])
            if transactions is not None and receipts is not None:
                rows = index_rows(height, transactions, receipts, chain)
                yield from (row for row in rows if row[0][0] == region)

    def _decoded(self, key: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - of that type
        data = self._reader.get(key)
        return None if data is None else decode(data, kind, limit=len(data))

    def _window_without_blocks(self, state: EntrySource) -> Work[None]:
        """Lists of ids whose blocks are not here, by the hash that each left in the state."""
        chain, lists = self._chain, dict[int, list[CommittedId]]()
        if chain.expects_body(1) and chain.expects_receipts(1):
            return
        for count, (key, value) in enumerate(self._reader.rows(Region.WINDOW)):
            if count % ROWS_A_STEP == 0:
                yield Progress(count, 0, "ids of blocks that are not here")
            if len(value) == 8 and not self._chain.expects_block(
                height := schema.read_number(value)
            ):
                lists.setdefault(height, []).append(schema.read_window_key(key))
        for count, (height, rows) in enumerate(self._window_rows(state)):
            if count % ROWS_A_STEP == 0:
                yield Progress(count, 0, "lists of ids")
            found = ids_hash(lists.pop(height, ()))
            if found != rows:
                what = f"the ids hash to {found.hex()}, the state says {rows.hex()}"
                self._findings.found(Region.WINDOW, what, height=height)

    def _window_rows(self, state: EntrySource) -> Iterator[tuple[int, bytes]]:
        """(height, hash) of the lists that must be whole, of heights without a block here."""
        chain = self._chain
        try:
            newest = WINDOW_IDS.read(state, chain.head.height)
            if newest is None:
                return  # that the state lacks it is said where the state is checked
            for number in range(newest.oldest, chain.head.height + 1):
                row = WINDOW_IDS.read(state, Height(number))
                if row is None or self._chain.expects_block(number):
                    continue
                if row.time_ms >= newest.forgotten:
                    yield number, row.ids_hash
        except (msgspec.DecodeError, StorageFault):
            return


def _height_of(region: Region, key: bytes, value: bytes) -> int:
    """The height that a row is about.

    Raises:
        struct.error: it is no row of its region.
    """
    if len(key) != _KEY_BYTES[region]:
        raise struct.error(f"a key of {len(key)} bytes")
    if region is Region.TRANSACTION:
        return schema.read_place(value)[0]
    if region is Region.ACCOUNT_TX:
        return schema.read_account_tx_key(key)[0]
    return schema.read_number(value)
