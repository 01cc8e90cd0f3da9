"""How much a fresh block may hold here and now: as much as is decided in half of a view's time.

A network that is offered more than it can execute has blocks that grow with what waits. Once one of
them takes longer than its view, the view is lost, the next block is larger still, and the machines
are busy with views instead of payments: throughput does not level off, it collapses. So the room in
a block follows how long the last ones took, as senders follow a congested link (multiplicative both
ways; Chiu and Jain 1989): half of what a block held when one took more than half of its view's
time, twice the room when blocks fill it and take less than a quarter, an eighth more up to a half:
where votes alone take a quarter, on long links, room that was lost once must come back too. What
finds no room waits, and when too much waits, new submissions are refused at the door.

**No primary's word alone.** Who proposes decides what his block holds and when it comes. So
lateness is measured against the largest of the last f + 1 blocks: one of them at least is an honest
primary's (R2), and an empty block that is sent late takes no more than half of what the others
carry. It never makes room either, however much it held.

This is the primary's policy, no rule of validity (rule R34). Each node watches for itself; what a
node starts with is a full block's room.
"""

from collections import deque
from typing import Final, final

from primitives import limits
from primitives.ids import TimeMs, View
from primitives.validators import faults_tolerated

ROOM_MIN: Final = 64
"""Fewer would cost more in votes than in transactions."""
LATE: Final = 2
"""A block was late that took more than 1/LATE of its view's time."""
QUICK: Final = 4
"""It was quick, if it took at most 1/QUICK."""
STEADY: Final = 8
"""Between the two, room that is filled grows by 1/STEADY of itself."""


@final
class Pace:
    """The room in the next block. Written by the blocks of one engine alone."""

    def __init__(self) -> None:
        self.room = limits.BLOCK_TRANSACTIONS_MAX
        """Transactions that a block in view 0 takes at most."""
        self._entered: tuple[View, TimeMs] | None = None
        self._held: deque[int] = deque()
        """What the last f + 1 blocks held."""

    def entered(self, view: View, now_ms: TimeMs) -> None:
        """The timer of a view started to run."""
        self._entered = view, now_ms

    def decided(
        self, view: View, now_ms: TimeMs, *, transactions: int, timeout_ms: int, validators: int
    ) -> None:
        """A block of so many transactions was decided, in a view of `timeout_ms`.

        How long a block took that we did not wait for, because others had decided it, says nothing.
        One in a view beyond f was late: f silent primaries in a row explain f lost views, no more.
        """
        entered, self._entered = self._entered, None
        faults = faults_tolerated(validators)
        self._held.append(transactions)
        while len(self._held) > faults + 1:
            self._held.popleft()
        if entered is None or entered[0] != view:
            return
        took_ms = now_ms - entered[1]
        is_filled = transactions * 2 >= self.room
        if view > faults or took_ms * LATE > timeout_ms:
            self.room = max(ROOM_MIN, min(self.room, max(self._held)) // 2)
        elif is_filled and took_ms * QUICK <= timeout_ms:
            self._grow(self.room)
        elif is_filled:
            self._grow(self.room // STEADY)

    def _grow(self, more: int) -> None:
        self.room = min(limits.BLOCK_TRANSACTIONS_MAX, self.room + more)
