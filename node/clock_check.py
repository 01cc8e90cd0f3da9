"""What the blocks of others say about this machine's clock.

Nothing is decided by it: what a clock may do to the chain is bounded by the rules (R16, R44). But a
validator whose clock is wrong agrees to nothing fresh, or proposes what nobody agrees to, and its
operator must hear why.

A block's time is its proposer's clock when it was built. The proposer gossips it when it is
decided, so a block that comes by gossip, and was decided at the first attempt, is fresh. Each of
the other proposers is remembered with the difference of its newest such block; the median counts,
as soon as there are two, so that one wrong clock among them is not mistaken for ours. A difference
has a direction: a block on its way only grows older, so that a block from the future is proof, and
one from the past is only suspicious when it is far.
"""

from collections import deque
from statistics import median_low
from typing import Final, final

from primitives import limits
from primitives.block import Header, block_id
from primitives.ids import BlockId, TimeMs, ValidatorKey

PROPOSERS_MIN: Final = 2
"""Fewer than two others cannot outvote one of them whose clock is wrong."""
BLOCKS_KEPT: Final = 8
"""Blocks that were heard of and are not decided here yet, or the other way round."""


@final
class ClockCheck:
    """Compares; reads no clock itself."""

    def __init__(self, own: ValidatorKey | None) -> None:
        """`own` is this node's key, whose blocks say nothing new."""
        self._own = own
        self._ahead_ms: dict[ValidatorKey, int] = {}
        self._heard: deque[tuple[BlockId, ValidatorKey, int]] = deque(maxlen=BLOCKS_KEPT)
        self._decided: deque[BlockId] = deque(maxlen=BLOCKS_KEPT)

    def heard(self, header: Header, now_ms: TimeMs) -> None:
        """A block came by gossip. Nothing about it is believed before it is decided here."""
        if header.proposer == self._own:
            return
        identifier = block_id(header)
        self._heard.append((identifier, header.proposer, now_ms - header.time_ms))
        if identifier in self._decided:
            self._count(identifier)

    def decided(self, identifier: BlockId) -> None:
        """A block is durable here."""
        self._decided.append(identifier)
        self._count(identifier)

    def _count(self, identifier: BlockId) -> None:
        for name, proposer, ahead_ms in self._heard:
            if name == identifier:
                self._ahead_ms.pop(proposer, None)
                self._ahead_ms[proposer] = ahead_ms
                self._decided.remove(identifier)  # sent once more, it would only look older
                break
        # Proposers that have left are the oldest.
        while len(self._ahead_ms) > limits.VALIDATORS_MAX:
            del self._ahead_ms[next(iter(self._ahead_ms))]

    def ahead_ms(self, drift_ms: int) -> int | None:
        """How far this clock is ahead of the others', behind if negative; None where it is right.

        `drift_ms` is what the rules allow between two clocks.
        """
        if len(self._ahead_ms) < PROPOSERS_MIN:
            return None
        ahead = median_low(self._ahead_ms.values())
        return ahead if ahead > limits.CLOCK_AHEAD_MS or ahead < -drift_ms else None
