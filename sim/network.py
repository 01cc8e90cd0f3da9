"""What happens to a letter on its way: nothing but time, or whatever the faults want.

The air answers with the delays after which copies of a letter arrive: none if it is lost, two if it
is doubled. Letters overtake each other because their delays differ.
"""

from random import Random
from typing import Protocol, final

from sim.letters import Letter


class Air(Protocol):
    """Between the nodes."""

    def delays(self, letter: Letter, now_ms: int) -> tuple[int, ...]:
        """When copies of it arrive, in milliseconds from now."""
        ...


@final
class CalmAir:
    """Nothing is lost; a letter takes some milliseconds."""

    def __init__(self, random: Random, delay_ms: tuple[int, int] = (1, 5)) -> None:
        self._random, self._delay_ms = random, delay_ms

    def delays(self, letter: Letter, now_ms: int) -> tuple[int, ...]:  # noqa: ARG002 - to nobody's harm
        """One copy."""
        return (self._random.randint(*self._delay_ms),)
