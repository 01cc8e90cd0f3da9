"""Twin scenarios on production engines: one a height, one after the other in one world.

Each height is a consensus instance of its own, so a world runs one scenario at each of its heights:
everybody gets work, the groups of the scenario hold for the statements of the views that it names,
and after these views everybody hears everybody. Then the height must be decided. The laws of the
world (sim/laws) hold all the time. Which seat is doubled stays; which role it plays turns with the
height (R2).

Decided blocks are kept within their groups as well: a side that decides must not tell the other,
which is to find out by itself. Everything else passes. Who says where he stands, or fetches a body,
is no worse for it, and his answer is a statement again.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

from msgspec.structs import replace

from consensus.timeouts import view_timeout_ms
from ledger.parameters import DEFAULTS
from node import wire
from primitives.ids import Height, View
from sim.actors import Actor, Stage
from sim.byzantine.twins import BOTH, Twins
from sim.founding import found
from sim.laws.agreement import Agreement
from sim.laws.honesty import Honesty
from sim.laws.state import Bounds, Courtesy, Timers, Upward
from sim.letters import VOTING, Letter, Phase, place
from sim.machine import TICK_MS
from sim.twins import SEATS, Scenario
from sim.violations import Stuck
from sim.watch import Watch
from sim.world import World, everything

VALIDATORS: Final = 4
PARAMETERS: Final = replace(DEFAULTS, t0_ms=200, tmax_ms=1_600, minimum_interval_ms=5)
"""Short views: what matters is who hears whom, not for how long."""
HEALING_MS: Final = 2 * PARAMETERS.tmax_ms + TICK_MS + 100
"""Within which a healed height is decided: a Status, and two of the longest views (R33)."""


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one scenario."""

    scenario: Scenario
    height: Height
    view: View
    """In which the height was decided."""


@final
class Trials:
    """One world with one doubled seat."""

    def __init__(self, *, seed: int = 0, watches: Sequence[Watch] = ()) -> None:
        self.doubled: Final = f"v{seed % VALIDATORS}"
        self.world: Final = World(
            found(VALIDATORS, parameters=PARAMETERS),
            seed=seed,
            actors={self.doubled: self._actor},
            watches=[*watches, Upward(), Bounds(), Timers()],
        )
        honest = frozenset(self.world.nodes)
        self.world.watches += [
            Agreement(self.world.site),
            Honesty(self.world.site, honest),
            Courtesy(honest),
        ]
        self._scenario: Scenario | None = None
        self._height = Height(1)

    def _actor(self, stage: Stage) -> Actor:
        return Twins(stage, self._sides)

    # --- who hears whom ---------------------------------------------------------------------

    def role(self, name: str, height: int) -> str:
        """P leads view 0 of a height, Q view 1, and so on (R2)."""
        return SEATS[(int(name[1:]) - height) % VALIDATORS]

    def _sides(self, peer: str, message: wire.Wire) -> frozenset[int]:
        """Which of the twins are in a peer's group."""
        phase, height, view = place(message)
        if view is None or self._scenario is None or not self._is_scripted(phase, height):
            return BOTH
        other, own = self.role(peer, self._height), self._scenario.doubled
        hearing = (self._scenario.hears(view, phase, twin, other) for twin in (own, own.lower()))
        return frozenset(number for number, hears in enumerate(hearing) if hears)

    def _passes(self, letter: Letter) -> bool:
        """Whether two ordinary seats are in one group; the twins' groups are `_sides`' affair."""
        ends, view = (letter.sender, letter.receiver), letter.view
        if view is None or self._scenario is None or self.doubled in ends:
            return True
        if not self._is_scripted(letter.phase, letter.height):
            return True
        one, other = (self.role(name, self._height) for name in ends)
        return self._scenario.hears(view, letter.phase, one, other)

    def _is_scripted(self, phase: Phase, height: int | None) -> bool:
        return height == self._height and (phase in VOTING or phase is Phase.DECIDED)

    # --- playing ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Everybody starts, and the first height is decided in peace."""
        self.world.start()
        self._decide(Height(1))

    def play(self, scenario: Scenario) -> Trial:
        """At the next height at which the doubled seat has its role.

        Raises:
            Violation: a law was broken, or the healed height was not decided in time.
        """
        while self.role(self.doubled, self._next()) != scenario.doubled:
            self._give_work()
            self._decide(self._next())
        self._height = self._next()
        self._scenario = scenario
        self.world.lets_through = self._passes
        self._give_work()
        self.world.run_for(_scripted_ms(len(scenario.views)))
        self._scenario = None
        self.world.lets_through = everything
        self._decide(self._height)
        certificate = self.world.validators()[0].store.certificate(self._height)
        assert certificate is not None, "only block 0 has none"
        return Trial(scenario, self._height, certificate.view)

    def _next(self) -> Height:
        return Height(max(node.height for node in self.world.validators()) + 1)

    def _give_work(self) -> None:
        """The same to everybody, so that nothing is left over when the height is decided.

        The twins' clocks differ, so the blocks that they build of it do.
        """
        payment = self.world.payment()
        for node in self.world.validators():
            self.world.submit(node, payment)

    def _decide(self, height: Height) -> None:
        world, end = self.world, self.world.now_ms + HEALING_MS
        decided = world.all_at(height)
        while not decided():
            if world.next_ms() > end:
                raise Stuck(f"height {height} of {world.heights()}: not within {HEALING_MS} ms")
            world.step()


def _scripted_ms(views: int) -> int:
    """From the work to the end of the last scripted view."""
    return PARAMETERS.minimum_interval_ms + sum(
        view_timeout_ms(
            view, validators=VALIDATORS, t0_ms=PARAMETERS.t0_ms, tmax_ms=PARAMETERS.tmax_ms
        )
        for view in map(View, range(views))
    )


def in_turn(scenarios: Iterable[Scenario], *, seed: int) -> list[Scenario]:
    """In an order in which roles come round with the heights, so that few heights pass in peace.

    Of two views, one in which R is doubled is played with S doubled as well as with R.
    """
    waiting: defaultdict[str, deque[Scenario]] = defaultdict(deque)
    for scenario in scenarios:
        waiting[scenario.doubled].append(scenario)
    arranged: list[Scenario] = []
    height = 2
    while any(waiting.values()):
        role = SEATS[(seed - height) % VALIDATORS]
        height += 1
        if waiting[role]:
            arranged.append(waiting[role].popleft())
        elif role == "S" and waiting["R"] and len(waiting["R"][0].views) == 2:
            arranged.append(waiting["R"].popleft().as_other_seat())
    return arranged
