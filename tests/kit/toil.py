"""Works that do nothing but what a test wants of a work."""

from __future__ import annotations

import threading
from typing import final

from msgspec import Struct

from node.premises import Premises, Upkeep
from node.work import Progress, Work
from primitives.errors import MithaqError


@final
class ToilRequest(Struct, frozen=True, kw_only=True):
    """How many steps."""

    steps: int


@final
class Toiled(Struct, frozen=True, kw_only=True):
    """What was done."""

    steps: int


class Toil:
    """Takes so many steps; then fails, or waits for `enough` while taking more."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self.enough = threading.Event()
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.upkeep = Upkeep("db/toil", ToilRequest, Toiled, self.work)

    def work(self, _premises: Premises, asked: ToilRequest) -> Work[Toiled]:
        """One after the other."""
        try:
            self.begun.set()
            for step in range(asked.steps):
                yield Progress(step, asked.steps, "steps")
            if self.failure is not None:
                raise self.failure
            while not self.enough.is_set():
                yield Progress(asked.steps, asked.steps, "steps")
            return Toiled(steps=asked.steps)
        finally:
            self.let_go.set()


def toil() -> Toil:
    """One that ends by itself."""
    made = Toil()
    made.enough.set()
    return made


def failing(failure: MithaqError | Exception) -> Toil:
    """One that ends so."""
    return Toil(failure)
