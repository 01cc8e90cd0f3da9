"""Hours at half load: nothing may grow, and no block may be late without a reason in a log.

A block that was decided in a later view was late: some node says in its log which view it gave up,
and what that view lacked (`view.given_up`). The reasons are counted.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.perturb.record import Record, Weight

SLOPE_MB_H_MAX: Final = 12.0
"""Of a node's memory in the second half: caches of a database fill for hours, a leak is steeper."""
DESCRIPTORS_MORE_MAX: Final = 4
LOWS: Final = 10
"""Three minutes each in an hour: longer than a tooth."""


@dataclass(frozen=True)
class Growth:
    """Of one process, over the second half of the run."""

    mb_per_hour: float
    descriptors_before: int
    descriptors_after: int
    memory_mb: float


def growth_of(weights: Sequence[Weight]) -> Growth:
    """The slope of the lows by least squares; of descriptors, medians of the last two quarters.

    A database's write buffer fills and is given back (LevelDB: `write_buffer_size`, twice over):
    a sawtooth, whose teeth say nothing. What a leak has taken is missing at its lowest, too.
    """
    half = weights[len(weights) // 2 :]
    quarter = len(half) // 2
    lows = _lows(half)
    return Growth(
        mb_per_hour=_slope([low.at / 3600 for low in lows], [low.memory_mb for low in lows]),
        descriptors_before=_median([weight.descriptors for weight in half[:quarter]]),
        descriptors_after=_median([weight.descriptors for weight in half[quarter:]]),
        memory_mb=lows[-1].memory_mb,
    )


def _lows(weights: Sequence[Weight]) -> list[Weight]:
    """The smallest of each of LOWS equal stretches."""
    of = max(1, len(weights) // LOWS)
    stretches = (weights[start : start + of] for start in range(0, len(weights), of))
    return [min(stretch, key=lambda weight: weight.memory_mb) for stretch in stretches]


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
        more = growth.descriptors_after - growth.descriptors_before
        if more > DESCRIPTORS_MORE_MAX:
            found.append(f"{name} has {more} descriptors more than before")
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
