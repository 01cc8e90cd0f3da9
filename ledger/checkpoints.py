"""Checkpoints: what an amount was after an earlier block, found in O(log n) point reads (K5).

An amount whose past is asked for (a balance or the supply of an asset with snapshots) has a series.
At its first change in a block, what it was until then and since which block is written down as the
next checkpoint, numbered from 0; what it is now stands in its own row. A checkpoint is never
changed, and there is at most one for each block: so the numbers rise with the heights, and the one
that holds for a height is found by halving. A series that never changed has no row.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, final

from msgspec import Struct

from ledger.state import Overlay, Table
from primitives.ids import Height, Natural, Signed

if TYPE_CHECKING:
    from ledger.act import Act


@final
class Series(Struct, array_like=True, frozen=True):
    """The row of a series: how many checkpoints it has, and the block of its newest change."""

    count: Natural[int]
    since: Natural[Height]


@final
class Checkpoint(Struct, array_like=True, frozen=True):
    """The row of a checkpoint: what the amount was from a block on, until the next checkpoint."""

    since: Natural[Height]
    amount: Signed[int]


class CheckpointKey(NamedTuple):
    """What a checkpoint is found by."""

    series: bytes
    number: int


def _key(key: CheckpointKey) -> bytes:
    # The number has a fixed size, so no two keys are alike whatever the sizes of their series.
    return key.series + key.number.to_bytes(8, "big")


SERIES: Final = Table[bytes, Series](35, "checkpoint_series", bytes, Series)
CHECKPOINTS: Final = Table[CheckpointKey, Checkpoint](36, "checkpoints", _key, Checkpoint)


def note(act: "Act", series: bytes, before: int) -> None:
    """An amount is about to change from `before`: keep that, unless this block already did."""
    known = act.state[SERIES].find(series) or Series(0, Height(0))
    if known.since == act.height:
        return
    act.state[CHECKPOINTS][CheckpointKey(series, known.count)] = Checkpoint(known.since, before)
    act.state[SERIES][series] = Series(known.count + 1, act.height)


def value_at(state: Overlay, series: bytes, height: Height, now: int) -> int:
    """What an amount, which is `now`, was after the block of a height."""
    known = state[SERIES].find(series)
    if known is None or height >= known.since:
        return now
    low, high = 0, known.count - 1  # number 0 is since block 0
    while low < high:
        middle = (low + high + 1) // 2
        if _checkpoint(state, series, middle).since <= height:
            low = middle
        else:
            high = middle - 1
    return _checkpoint(state, series, low).amount


def _checkpoint(state: Overlay, series: bytes, number: int) -> Checkpoint:
    found = state[CHECKPOINTS].find(CheckpointKey(series, number))
    assert found is not None, f"checkpoint {number} of {series.hex()} is missing"
    return found
