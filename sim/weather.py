"""The air of a world with faults: what is lost, doubled, late, or cut off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, final

from sim.faults import Faults
from sim.letters import VOTING, Letter, Phase

CUT_VIEWS: Final = (0, 0, 0, 1, 1, 2)
"""The views that cuts are about; view 0 most, so that later views have something to carry over."""


@final
@dataclass(frozen=True, slots=True)
class Cut:
    """Letters of one view and phase that some receivers never get from some senders."""

    view: int
    phase: Phase
    senders: frozenset[str]
    receivers: frozenset[str]
    period: int
    """In force at every height that this divides, or nearly: see `offset`."""
    offset: int

    def stops(self, letter: Letter) -> bool:
        """Whether this letter is cut off."""
        return (
            letter.phase is self.phase
            and letter.view == self.view
            and letter.height is not None
            and letter.height % self.period == self.offset
            and letter.receiver in self.receivers
            and letter.sender in self.senders
        )


def draw_cut(random: Random, names: Sequence[str]) -> Cut:
    """Most cuts leave one receiver, or fewer than a quorum."""
    few = random.sample(names, min(len(names), random.choice((0, 1, 1, 2))))
    receivers = frozenset(names) - frozenset(few)
    senders = frozenset(names)
    if random.random() < 0.25:
        senders = frozenset(random.sample(names, len(names) // 2))
    period = random.choice((1, 2, 2, 3))
    return Cut(
        random.choice(CUT_VIEWS),
        random.choice(VOTING),
        senders,
        receivers,
        period,
        random.randrange(period),
    )


@final
class Weather:
    """Decides the fate of each letter."""

    def __init__(self, faults: Faults, random: Random, names: Sequence[str]) -> None:
        self._faults, self._random = faults, random
        self._core: frozenset[str] = frozenset()
        self.cuts = [draw_cut(random, names) for _ in range(faults.cuts)]
        self.partitions: dict[int, Callable[[Letter], bool]] = {}
        """What stops letters for a while, by number."""
        self.cut_off = 0
        """Letters that cuts have stopped."""

    def heal(self, core: frozenset[str]) -> None:
        """From now on nothing befalls letters within the core; all else stays as it is."""
        self._core = core

    def delays(self, letter: Letter, now_ms: int) -> tuple[int, ...]:
        """See `Air`."""
        del now_ms
        faults, random = self._faults, self._random
        delay_ms = random.randint(*faults.delay_ms)
        if letter.sender in self._core and letter.receiver in self._core:
            return (delay_ms,)
        for stops in self.partitions.values():
            if stops(letter):
                return ()
        for cut in self.cuts:
            if cut.stops(letter):
                self.cut_off += 1
                return ()
        if faults.loss and random.random() < faults.loss:
            return ()
        if faults.stragglers and random.random() < faults.stragglers:
            delay_ms = min(faults.straggle_ms, int(delay_ms * random.paretovariate(0.5)) + 50)
        if faults.duplication and random.random() < faults.duplication:
            return (delay_ms, delay_ms + random.randint(0, 500))
        return (delay_ms,)
