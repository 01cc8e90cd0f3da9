"""A flatterer votes for whatever is proposed, at once: it prepares and commits to every block.

Two proposals of one view have its vote both (E2, E3), a block has its commit before anybody is
prepared (E6), and a view that it left before has it back. It attacks R1 and R4: a quorum must be a
quorum without it. Beside an equivocator (where f is two) it is the other half of a fork.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from consensus.messages import Commit, Prepare
from node import wire
from primitives.ids import BlockId, Height, TimeMs, View
from sim.byzantine.seat import Said, Seat, own_topic


@final
@dataclass
class Flatterer(Seat):
    """Its engine's own votes are not needed any more."""

    _flattered: dict[tuple[Height, View, BlockId], None] = field(default_factory=dict)

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """Its own proposals get its votes as well; what it has voted already is not said again."""
        del now_ms
        said = [Said(receiver, message)]
        if own_topic(message, self.means.voice) is not None:
            if isinstance(message, Prepare | Commit):
                return []
            said += self.retort(message)
        return said

    def retort(self, message: wire.Wire) -> Sequence[Said]:
        """Prepare and commit."""
        if not isinstance(message, wire.Proposed):
            return []
        p, voice = message.pre_prepare, self.means.voice
        place = (p.height, p.view, p.block_id)
        if place in self._flattered:
            return []
        self._flattered = {at: None for at in self._flattered if at[0] >= p.height - 1}
        self.tell("second thoughts" if self._has_voted(*place[:2]) else "rash votes", message)
        self._flattered[place] = None
        return [Said(None, voice.prepare(*place)), Said(None, voice.commit(*place))]

    def _has_voted(self, height: Height, view: View) -> bool:
        return any(at[:2] == (height, view) for at in self._flattered)
