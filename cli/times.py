"""Times as people give them: 14d from now, a day, a moment; and spans: 90s, 30m, 2h, 14d.

On the chain both are milliseconds; a time counts from 1970 in UTC, and is a block's. Who gives a
day means its beginning in UTC.
"""

import re
import time
from datetime import UTC, datetime
from typing import Final

_SPAN: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NUMBER: Final = re.compile(r"\d{1,19}")


def span_ms(word: str) -> int | None:
    """A span in milliseconds, also as a plain number of them; None of what is none."""
    if _NUMBER.fullmatch(word):
        return int(word)
    found = _SPAN.fullmatch(word)
    return None if found is None else int(found[1]) * _UNITS_MS[found[2]]


def span_text(seconds: int) -> str:
    """A span as people read it, in its two largest units: 3d 4h, 20m, 5s."""
    left, words = seconds, []
    for unit, size_ms in reversed(_UNITS_MS.items()):
        count, left = divmod(left, size_ms // 1_000)
        if count:
            words.append(f"{count}{unit}")
    return " ".join(words[:2]) or "0s"


def moment_ms(word: str) -> int | None:
    """A time in milliseconds: a number of them, `+SPAN` from now, or ISO 8601; None of no time."""
    if word.startswith("+"):
        span = None if word[1:].isdecimal() else span_ms(word[1:])
        return None if span is None else time.time_ns() // 1_000_000 + span
    if _NUMBER.fullmatch(word):
        return int(word)
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000)
