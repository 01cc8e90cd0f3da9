"""Who is asked for which chunk: a list that several peers work off at once.

Every chunk is asked of one peer first. When none is left that nobody was asked for, a chunk that
one peer has been asked for long ago is asked of a second one as well: the slowest link does not
hold up the end.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, final

SLOW_S: Final = 5.0
"""After so long a chunk is asked of a second peer."""


@final
@dataclass(slots=True)
class _Chunk:
    """One that is not here yet."""

    asked: dict[str, float] = field(default_factory=dict)
    """Of whom, and since when."""
    refused: set[str] = field(default_factory=set)
    """Who has it no longer."""


@final
class Plan:
    """The chunks that are lacking; reads no clock, knows peers by their ids only."""

    def __init__(self, lacking: Iterable[str], total: int) -> None:
        self.total = total
        self._lacking = {name: _Chunk() for name in lacking}
        self._waiting = deque(self._lacking)
        """Those that nobody is asked for, the next one first."""

    @property
    def done(self) -> int:
        """Chunks that are here."""
        return self.total - len(self._lacking)

    @property
    def is_complete(self) -> bool:
        """Whether none is lacking."""
        return not self._lacking

    def take(self, peer: str, now_s: float) -> str | None:
        """A chunk to ask this peer for; None where there is none for it now."""
        chosen = next((one for one in self._waiting if self._may_ask(peer, one)), None)
        if chosen is not None:
            self._waiting.remove(chosen)
        elif not self._waiting:
            chosen = next((one for one in self._lacking if self._is_slow(one, peer, now_s)), None)
        if chosen is not None:
            self._lacking[chosen].asked[peer] = now_s
        return chosen

    def _may_ask(self, peer: str, name: str) -> bool:
        return peer not in self._lacking[name].refused

    def _is_slow(self, name: str, peer: str, now_s: float) -> bool:
        asked = self._lacking[name].asked
        is_slow = len(asked) == 1 and now_s - min(asked.values()) > SLOW_S
        return is_slow and peer not in asked and self._may_ask(peer, name)

    def came(self, name: str) -> bool:
        """It is here; False where it was already, because two peers were asked."""
        chunk = self._lacking.pop(name, None)
        if chunk is not None and not chunk.asked:
            self._waiting.remove(name)
        return chunk is not None

    def failed(self, name: str, peer: str) -> None:
        """It did not come from this peer now; it may the next time."""
        chunk = self._lacking.get(name)
        if chunk is not None and chunk.asked.pop(peer, None) is not None and not chunk.asked:
            self._waiting.appendleft(name)

    def refused(self, name: str, peer: str) -> None:
        """This peer does not have it."""
        self.failed(name, peer)
        if name in self._lacking:
            self._lacking[name].refused.add(peer)

    def out_of_reach(self, sources: Collection[str]) -> str | None:
        """A chunk that none of these peers has, or None."""
        found = (name for name, chunk in self._lacking.items() if chunk.refused >= set(sources))
        return next(found, None)
