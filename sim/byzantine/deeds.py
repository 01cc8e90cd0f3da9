"""What seats did in a world, and what became of the views that they did it in.

A seat whose deeds never cost anybody a view, nor a word, shows nothing. How often each lie was
told, and how often the height was then decided in a later view, is in the report of a run.
"""

from collections.abc import Iterable
from typing import final

from msgspec import Struct

from node import wire
from primitives.ids import Height, View
from sim.actors import Actor
from sim.byzantine.bent import Bent
from sim.byzantine.seat import Seat
from sim.byzantine.twins import Twins
from sim.machine import Machine
from sim.watch import Watch


@final
class Toll(Struct, frozen=True):
    """Of one deed: how often, in how many views, and how many of these were lost."""

    told: int = 0
    views: int = 0
    lost: int = 0

    def plus(self, other: "Toll") -> "Toll":
        """Both."""
        return Toll(self.told + other.told, self.views + other.views, self.lost + other.lost)


@final
class Deeds(Watch):
    """Remembers in which view each height was decided."""

    def __init__(self) -> None:
        self._views: dict[Height, View] = {}

    def decided(self, machine: Machine, decided: wire.Decided) -> None:
        """The first decision of a height."""
        del machine
        certificate = decided.certificate
        self._views.setdefault(certificate.height, certificate.view)

    def tolls(self, seats: Iterable[Seat]) -> dict[str, Toll]:
        """By the name of the deed. A view is lost if its height was decided in a later one."""
        tolls: dict[str, Toll] = {}
        for seat in seats:
            for (name, height, view), count in seat.told.items():
                placed = height is not None and view is not None
                decided = self._views.get(height) if height is not None else None
                lost = decided is not None and view is not None and decided > view
                toll = Toll(count, int(placed), int(lost))
                tolls[name] = tolls.get(name, Toll()).plus(toll)
        return tolls


def seats_of(actors: Iterable[Actor]) -> list[Seat]:
    """The seats of these actors; one that is silent has none."""
    found: list[Seat] = []
    for actor in actors:
        match actor:
            case Bent():
                found.append(actor.seat)
            case Twins():
                found += [one.seat for one in actor.pair]
            case _:
                pass
    return found
