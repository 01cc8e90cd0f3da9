"""A clone: an operator's mistake, not a lie. A copy of a node runs beside it, with its key.

Both are production engines that follow every rule; the copy is of the disk as it was when it was
made, signer's file included. What may happen before they notice each other is what twins do, so the
seat counts among the byzantine ones; that each falls silent when a peer shows it a statement that
it does not know is R41, R50 and R52.
"""

from typing import Final, final

from node import wire
from sim.actors import Puppet, Stage
from sim.disk import MortalDatabase, MortalFile
from sim.machine import Machine

FIRST_MS: Final = 300
LAST_MS: Final = 4_000
"""When the copy is made."""


@final
class Clone:
    """The original, and after a while its copy."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._puppets = [Puppet(stage, stage.say, stage.honest_machine())]

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Both."""
        return tuple(puppet.machine for puppet in self._puppets)

    def start(self) -> None:
        """The original begins; the copy will."""
        self._puppets[0].start()
        self._stage.after(self._stage.random.randint(FIRST_MS, LAST_MS), self._copy)

    def _copy(self) -> None:
        original = self._puppets[0].machine
        machine = self._stage.honest_machine()
        machine.database = MortalDatabase(original.database.contents())
        machine.memory = MortalFile(original.memory.read())
        copy = Puppet(self._stage, self._stage.say, machine)
        self._puppets.append(copy)
        copy.start()

    def hear(self, sender: str, message: wire.Wire) -> None:
        """One of them has the connection, or now the one and now the other."""
        for puppet in self._puppets:
            if len(self._puppets) == 1 or self._stage.random.random() < 0.6:
                puppet.hear(sender, message)

    def tick(self) -> None:
        """For both."""
        for puppet in self._puppets:
            puppet.tick()
