"""What a database holds and what that costs: `mithaq db stats`.

Everything is counted, record by record, on one snapshot; nothing is estimated but what a region
takes on the disk, which LevelDB compresses and knows roughly.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.queries import TABLE_NUMBERS
from node.work import Progress, Work
from primitives.ids import ChainId, Height, Natural, Sized32
from storage import schema
from storage.edges import Part, read_edges
from storage.keyvalue import Reader
from storage.reading import read_head
from storage.schema import Region

ROWS: Final = 256
"""Records between two steps: below a millisecond, as long as they are small."""
STRIDE_BYTES: Final = 256 * 1024
"""Bytes between two steps, where they are not."""

_NAMES: Final = {number: name for name, number in TABLE_NUMBERS.items()}


@final
class StatsRequest(Struct, frozen=True, kw_only=True):
    """Nothing can be chosen."""


@final
class Share(Struct, frozen=True, kw_only=True):
    """How much there is of something: keys and values as they are, and on the disk."""

    name: str
    records: Natural[int]
    bytes: Natural[int]
    on_disk: Natural[int]


@final
class Kept(Struct, frozen=True, kw_only=True):
    """From which height on each part is here."""

    headers: Natural[Height]
    bodies: Natural[Height]
    receipts: Natural[Height]
    index: Natural[Height]
    state: Natural[Height]


@final
class Stats(Struct, frozen=True, kw_only=True):
    """What a database holds."""

    chain: Sized32[ChainId]
    height: Natural[Height]
    kept: Kept
    transactions: Natural[int]
    bytes: Natural[int]
    """Of all keys and values."""
    files: Natural[int]
    """Bytes of all files, LevelDB's log included."""
    regions: tuple[Share, ...]
    tables: tuple[Share, ...]
    """Of the state, as far as they have entries."""


def stats(premises: Premises, _asked: StatsRequest) -> Work[Stats]:
    """Count everything."""
    chain = premises.store.chain
    snapshot = premises.freeze()
    try:
        head, edges = read_head(snapshot), read_edges(snapshot)
        regions = []
        for region in Region:
            what = f"records of {region.name.lower()}"
            start, stop = bytes([region]), bytes([region + 1])
            counted = yield from _counted(snapshot, start, stop, what)
            regions.append(_share(premises, region.name.lower(), start, stop, counted))
        tables = []
        for start, stop, table in _tables(snapshot):
            name = _NAMES.get(table, str(table))
            counted = yield from _counted(snapshot, start, stop, f"entries of {name}")
            tables.append(_share(premises, name, start, stop, counted))
    finally:
        snapshot.close()
    return Stats(
        chain=chain,
        height=head.height,
        kept=Kept(**{part.value: edges.of(part) for part in Part}),
        transactions=regions[Region.TRANSACTION].records,
        bytes=sum(region.bytes for region in regions),
        files=folder_bytes(premises.node.folder.data),
        regions=tuple(regions),
        tables=tuple(tables),
    )


STATS: Final = Upkeep("db/stats", StatsRequest, Stats, stats)


def folder_bytes(folder: Path) -> int:
    """Of all files in it; one that goes in the meantime takes no room."""
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _share(
    premises: Premises, name: str, start: bytes, stop: bytes, counted: tuple[int, int]
) -> Share:
    on_disk = premises.database.size(start=start, stop=stop)
    return Share(name=name, records=counted[0], bytes=counted[1], on_disk=on_disk)


def _counted(reader: Reader, start: bytes, stop: bytes, what: str) -> Work[tuple[int, int]]:
    records = size = said = 0
    for key, value in reader.iterate(start=start, stop=stop):
        records += 1
        size += len(key) + len(value)
        if records % ROWS == 0 or size - said >= STRIDE_BYTES:
            said = size
            yield Progress(records, 0, what)
    return records, size


def _tables(reader: Reader) -> Iterator[tuple[bytes, bytes, int]]:
    """Start, stop and number of each table of the state that has entries."""
    start = bytes([Region.STATE])
    while True:
        rows = reader.iterate(start=start, stop=bytes([Region.STATE + 1]))
        first = next(rows, None)
        if first is None:
            return
        prefix = first[0][: schema.STATE_PREFIX_BYTES]
        start = schema.successor(prefix)
        yield prefix, start, int.from_bytes(prefix[1:], "big")
