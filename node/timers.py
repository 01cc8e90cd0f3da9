"""Delays of the engine, kept in one heap and waited for by one task."""

import heapq
from collections.abc import Callable
from typing import final

import trio

from node.outbox import Timer


@final
class Timers:
    """Brings each timer back when its delay has passed."""

    def __init__(self, fire: Callable[[Timer], None]) -> None:
        self._fire = fire
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = 0
        self._changed = trio.Event()

    def set(self, delay_ms: int, timer: Timer) -> None:
        """Bring this back after the delay."""
        self._order += 1
        heapq.heappush(self._heap, (trio.current_time() + delay_ms / 1000, self._order, timer))
        if self._heap[0][1] == self._order:
            self._changed.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            if not self._heap:
                await self._changed.wait()
            self._changed = trio.Event()
            due = self._heap[0][0]
            if due > trio.current_time():
                with trio.move_on_at(due):
                    await self._changed.wait()
                continue
            self._fire(heapq.heappop(self._heap)[2])

    def forget_below(self, height: int) -> None:
        """Drop timers of decided heights; they would have no effect."""
        if len(self._heap) > 64:
            self._heap = [entry for entry in self._heap if entry[2].height >= height]
            heapq.heapify(self._heap)
