"""Names, moments and lengths of time as a person reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

_DAY_MS: Final = 86_400_000


def names(of: Sequence[str], *, last: str = "and") -> str:
    """`A, B and C`."""
    if len(of) < 2:
        return "".join(of) or "nobody"
    return f"{', '.join(of[:-1])} {last} {of[-1]}"


def span(length_ms: int) -> str:
    """A length of time, as exact as it matters."""
    length_ms = abs(length_ms)
    if length_ms < 10_000:
        return f"{length_ms / 1000:.1f} s"
    if length_ms < 120_000:
        return f"{length_ms / 1000:.0f} s"
    if length_ms < 100 * 60_000:
        return f"{length_ms / 60_000:.0f} min"
    if length_ms < 2 * _DAY_MS:
        return f"{length_ms / 3_600_000:.1f} h"
    return f"{length_ms / _DAY_MS:.0f} days"


def since(age_ms: int, now_ms: int) -> str:
    """`since 02:14:05 UTC (12 min ago)`, with the day where it was not today's."""
    then_ms = max(0, now_ms - age_ms)
    then = datetime.fromtimestamp(then_ms / 1000, tz=UTC)
    same_day = then_ms // _DAY_MS == now_ms // _DAY_MS
    shown = then.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
    return f"since {shown} UTC ({span(age_ms)} ago)"


def number(value: int) -> str:
    """`1,204`."""
    return f"{value:,}"


def counted(count: int, one: str, many: str) -> str:
    """`1 validator is`, `2 validators are`."""
    return f"{number(count)} {one if count == 1 else many}"
