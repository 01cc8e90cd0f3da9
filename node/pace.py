"""How much a fresh block may hold here and now: as much as is decided in half of a view's time.

A network that is offered more than it can execute has blocks that grow with what waits. Once one of
them takes longer than its view, the view is lost, the next block is larger still, and the machines
are busy with views instead of payments: throughput does not level off, it collapses. So the room in
a block follows how long the last ones took, as senders follow a congested link (multiplicative both
ways; Chiu and Jain 1989): half of what the block held when it took more than half of its view's
time, twice the room when blocks fill it and take less than a quarter. What finds no room waits, and
when too much waits, new submissions are refused at the door.

This is the primary's policy, no rule of validity (rule R34). Each node watches for itself; an idle
or healthy network never has less than a full block's room.
"""

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


@final
class Pace:
    """The room in the next block. Written by the blocks of one engine alone."""

    def __init__(self) -> None:
        self.room = limits.BLOCK_TRANSACTIONS_MAX
        """Transactions that a block in view 0 takes at most."""
        self._entered: tuple[View, TimeMs] | None = None

    def entered(self, view: View, now_ms: TimeMs) -> None:
        """The timer of a view started to run."""
        self._entered = view, now_ms

    def decided(
        self, view: View, now_ms: TimeMs, *, transactions: int, timeout_ms: int, validators: int
    ) -> None:
        """A block of so many transactions was decided, in a view of `timeout_ms`.

        A block that we did not wait for, because others had decided it, says nothing. One in a view
        beyond f was late: f silent primaries in a row explain f lost views, no more.
        """
        entered, self._entered = self._entered, None
        if entered is None or entered[0] != view:
            return
        took_ms = now_ms - entered[1]
        if view > faults_tolerated(validators) or took_ms * LATE > timeout_ms:
            self.room = max(ROOM_MIN, transactions // 2)
        elif took_ms * QUICK <= timeout_ms and transactions * 2 >= self.room:
            self.room = min(limits.BLOCK_TRANSACTIONS_MAX, self.room * 2)
