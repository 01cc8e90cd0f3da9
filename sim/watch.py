"""Those who look on: laws, tallies, the trace. They are told of everything and change nothing."""

from collections.abc import Sequence

from consensus.effects import Effect
from consensus.events import Event
from node import wire
from node.outbox import Note, Outbox, Timer
from primitives.errors import RemoteFault
from sim.letters import Letter
from sim.machine import Machine
from sim.spoken import Statement


class Watch:
    """Looks on; every method is to be overridden by who wants to know."""

    def began(self, machine: Machine) -> None:
        """A machine is about to start on its disk."""

    def started(self, machine: Machine) -> None:
        """It has started, and said nothing yet."""

    def ended(self, machine: Machine, why: str) -> None:
        """A machine went down."""

    def observed(self, machine: Machine, event: Event, effects: Sequence[Effect]) -> None:
        """A replica took a step; its effects are not done yet."""

    def heard(self, machine: Machine, letter: Letter) -> None:
        """A machine is about to hear a letter."""

    def refused(self, machine: Machine, letter: Letter, fault: RemoteFault) -> None:
        """It broke a rule."""

    def firing(self, machine: Machine, timer: Timer) -> None:
        """A timer of a machine is about to fire."""

    def fired(self, machine: Machine, timer: Timer, out: Outbox) -> None:
        """It has fired; this is what came of it, and nothing of it is done yet."""

    def noted(self, machine: Machine, note: Note) -> None:
        """A line for the log."""

    def decided(self, machine: Machine, decided: wire.Decided) -> None:
        """A block is durable."""

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """A machine lets go a statement of its own."""

    def uttered(self, sender: str, message: wire.Wire) -> None:
        """A node or an actor says something, once for all who are to hear it."""

    def stepped(self, machine: Machine) -> None:
        """Something happened to a machine, and all of it is done."""

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        """A letter left; copies arrive after these delays."""

    def happened(self, what: str, who: str = "") -> None:
        """The world did something: a fault began or ended."""
