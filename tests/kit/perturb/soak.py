"""Hours at half load: nothing may grow, and no block may be late without a reason in a log.

A block that was decided in a later view was late: some node says in its log which view it gave up,
and what that view lacked (`view.given_up`). The reasons are counted.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.perturb.record import Record, Weight

SLOPE_MB_H_MAX: Final = 30.0
"""Of a node's memory in the second half. The database's cache of blocks (32 MB) and the indexes of
its tables (1.4 % of them, until a thousand are open) fill for hours: 7 to 23 MB/h were measured.
What leaks besides them leaks steeper, or in Python."""
BLOCKS_MORE_MAX: Final = 40_000
"""Of the pieces that Python's objects take, in the second half, however long that is. Python keeps
freed tuples for the next ones, up to 2,000 of each length below 20 (PyTuple_MAXFREELIST): 38,000
that a burst may leave behind, and that come once."""
DESCRIPTORS_MORE_MAX: Final = 4
LOWS: Final = 5
"""Six minutes each in an hour: longer than some teeth."""


@dataclass(frozen=True)
class Growth:
    """Of one process, over the second half of the run."""

    mb_per_hour: float
    blocks_more: int
    descriptors_before: int
    descriptors_after: int
    memory_mb: float


def growth_of(weights: Sequence[Weight]) -> Growth:
    """The slope of the lows by least squares, of objects from the first low to the last; of
    descriptors, medians of the last two quarters.

    A database's write buffer fills and is given back (LevelDB: `write_buffer_size`, twice over):
    a sawtooth, whose teeth say nothing. What a leak has taken is missing at its lowest, too.
    """
    half = weights[len(weights) // 2 :]
    quarter = len(half) // 2
    lows = _lows(half, lambda weight: weight.memory_mb)
    told = [weight for weight in half if weight.blocks is not None]
    fewest = _lows(told, _blocks)
    return Growth(
        mb_per_hour=_slope([low.at / 3600 for low in lows], [low.memory_mb for low in lows]),
        blocks_more=_blocks(fewest[-1]) - _blocks(fewest[0]),
        descriptors_before=_median([weight.descriptors for weight in half[:quarter]]),
        descriptors_after=_median([weight.descriptors for weight in half[quarter:]]),
        memory_mb=lows[-1].memory_mb,
    )


def _blocks(weight: Weight) -> int:
    assert weight.blocks is not None, "only those that told are asked"
    return weight.blocks


def _lows(weights: Sequence[Weight], of: Callable[[Weight], float]) -> list[Weight]:
    """The smallest of each of LOWS equal stretches; what is left over belongs to none."""
    length = len(weights) // LOWS
    assert length, f"{len(weights)} weights are too few for {LOWS} stretches"
    starts = range(0, length * LOWS, length)
    return [min(weights[start : start + length], key=of) for start in starts]


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread


def _median(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 2]


def leaks(growths: Mapping[str, Growth]) -> list[str]:
    """What grows."""
    found = []
    for name, growth in growths.items():
        if growth.mb_per_hour > SLOPE_MB_H_MAX:
            found.append(f"{name} grows by {growth.mb_per_hour:.1f} MB/h")
        if growth.blocks_more > BLOCKS_MORE_MAX:
            pieces = f"{growth.blocks_more:,} pieces"
            found.append(f"{name}: Python's objects took {pieces} more than before")
        descriptors = growth.descriptors_after - growth.descriptors_before
        if descriptors > DESCRIPTORS_MORE_MAX:
            found.append(f"{name} has {descriptors} descriptors more than before")
    return found


def late_blocks(record: Record) -> list[int]:
    """Heights that were not decided in their first view."""
    return sorted({seen.height for seen in record.seen if seen.view > 0})


def reasons_in(logs: Sequence[Path]) -> dict[int, str]:
    """Height → why a view of it was given up, in the words of whoever gave it up first."""
    found: dict[int, str] = {}
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            if '"view.given_up"' not in line:
                continue
            said = json.loads(line)
            proposal, prepares = said["proposal"], said["prepares"]
            lacked = "proposal" if proposal != "good" else "prepares"
            if proposal == "good" and prepares >= said["needed"]:
                lacked = "commits"
            words = f"{lacked} ({proposal})" if lacked == "proposal" else lacked
            found.setdefault(said["height"], words)
    return found


def unexplained(record: Record, reasons: Mapping[int, str]) -> list[int]:
    """Late blocks of which no log says why."""
    return [height for height in late_blocks(record) if height not in reasons]


def counted(record: Record, reasons: Mapping[int, str]) -> str:
    """How many blocks were late, and why."""
    why = Counter(reasons.get(height, "no reason") for height in late_blocks(record))
    parts = ", ".join(f"{count} for want of {words}" for words, count in why.most_common())
    return f"{sum(why.values())} of {len(record.seen)} blocks late" + (f": {parts}" if why else "")
