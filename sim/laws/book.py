"""All laws of one world, in one place: put up once, then judged after every deed."""

from typing import final

from sim.laws.agreement import Agreement
from sim.laws.honesty import Honesty
from sim.laws.state import Bounds, Courtesy, Restarts, Timers, Upward
from sim.world import World


@final
class LawBook:
    """The laws that hold in a world, and who is excused from which."""

    def __init__(self, world: World) -> None:
        honest = frozenset(world.nodes)
        self.agreement = Agreement(world.site)
        self._honesty = Honesty(world.site, honest)
        self._upward = Upward()
        self._courtesy = Courtesy(honest)
        world.watches += [
            self.agreement,
            self._honesty,
            self._upward,
            Bounds(),
            Timers(),
            Restarts(),
            self._courtesy,
        ]
        for machine in world.nodes.values():
            machine.observe = world.observed
            self._upward.watch_signer(machine)

    @property
    def top(self) -> int:
        """The highest height that anybody honest has decided."""
        return max(self.agreement.chain, default=0)

    def forgive(self, name: str) -> None:
        """This machine was given an older vote log: it may stand lower than it did."""
        self._upward.forgive(name)

    def excuse(self, name: str) -> None:
        """This machine lost what it had promised, or what it knew: it counts among the faulty."""
        self._upward.forgive(name)
        self._honesty.excuse(name)
        self._courtesy.excuse(name)
        self.agreement.excuse(name)
