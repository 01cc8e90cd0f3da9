"""The window of transaction ids: no act is committed twice.

A transaction names the last block time at which it may be committed, at most `window_ms` ahead.
Until then its id is remembered, then it is expired and needs no memory. The ids themselves are kept
beside the state; each block leaves one entry in it, so that a list of ids handed over with a
snapshot can be verified:

    height → (block time, ids_hash, oldest, forgotten)
    ids_hash = SHA-256(WINDOW_IDS ‖ (valid_until (u64) ‖ id)* ascending)

`forgotten` is the block's time less the window, and never falls: ids that were valid until an
earlier time are remembered no longer. The entry of a block may go when its own time lies before
`forgotten`. Its ids are remembered for so long, although some expire earlier: else the list of a
block would no longer match its entry. It stands in the entry because the window is a parameter:
after a motion made it longer, nobody could say from it what was forgotten before. A block drops a
bounded number of entries, so that the first one after a long silence is no heavier than another.
"""

from collections.abc import Iterable
from typing import Final, final

from msgspec import Struct

from ledger.state import EntrySource, Table
from primitives import limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import Digest, Height, Natural, Sized32, TimeMs, TransactionId

CommittedId = tuple[TimeMs, TransactionId]


@final
class WindowIds(Struct, array_like=True, frozen=True):
    """The row of a block: its time, a hash over the ids that it committed, the oldest row kept,
    and until when ids were valid that are remembered no longer.
    """

    time_ms: Natural[TimeMs]
    ids_hash: Sized32[Digest]
    oldest: Natural[Height]
    forgotten: Natural[TimeMs]


def _height(height: Height) -> bytes:
    return height.to_bytes(8, "big")


WINDOW_IDS: Final = Table[Height, WindowIds](10, "window_ids", _height, WindowIds)


def ids_hash(committed: Iterable[CommittedId]) -> Digest:
    """The hash in a block's entry; the order of `committed` does not matter."""
    parts = [valid_until.to_bytes(8, "big") + name for valid_until, name in sorted(committed)]
    return digest(Domain.WINDOW_IDS, *parts)


def forgotten_by(state: EntrySource, *, height: Height, time_ms: TimeMs, window_ms: int) -> TimeMs:
    """Ids that were valid until an earlier time are forgotten with the block at `height`."""
    before = WINDOW_IDS.read(state, Height(height - 1))
    return TimeMs(max(0 if before is None else before.forgotten, time_ms - window_ms))


def past_heights(state: EntrySource, *, height: Height, forgotten: TimeMs) -> range:
    """Heights whose entries the block at `height` drops; its own entry then names the next oldest.

    Found by name, not by a scan: a store that deletes lazily would walk over all that was dropped.
    """
    before = WINDOW_IDS.read(state, Height(height - 1))
    oldest = Height(1) if before is None else before.oldest
    past = oldest
    while past < min(height, oldest + limits.WINDOW_ENTRIES_DROPPED_MAX):
        row = WINDOW_IDS.read(state, past)
        assert row is not None, f"the window has no entry of height {past}"
        if row.time_ms >= forgotten:
            break
        past = Height(past + 1)
    return range(oldest, past)
