"""An equivocator tells two stories, one to each half (E1 to E4).

Two good blocks in one view, two votes in one phase, two claims in one view change. It attacks R12,
R18 and R20, the intersection of quorums (R1), and each honest node's duty to hold to what it heard
first. Everything it says twice is evidence against it, and against nobody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from consensus.messages import Commit, Prepare, ViewChange
from node import wire
from primitives.block import block_id
from primitives.ids import Height, TimeMs, View
from sim.byzantine.lies import UNKNOWN
from sim.byzantine.notebook import Notebook
from sim.byzantine.seat import Said, Seat, own_topic

_Place = tuple[Height, View]


@final
@dataclass
class Equivocator(Seat):
    """What its engine says goes to one half of the peers; the other half hears the other story."""

    _known: Notebook = field(default_factory=Notebook)
    _second: dict[_Place, wire.Proposed] = field(default_factory=dict)

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """One message for each half, where there are two stories."""
        self._known.note(message)
        topic = own_topic(message, self.means.voice)
        other = None if topic is None else self._other_story(message, now_ms)
        if topic is None or other is None:
            return [Said(receiver, message)]
        kind, *place = topic
        half = self.means.half(*place)
        if receiver is None:
            self.told[f"two {kind}s"] += 1
        receivers = self.means.peers if receiver is None else (receiver,)
        return [Said(name, other if name in half else message) for name in receivers]

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """As any seat, and writes it down."""
        self._known.note(message)
        return super().hear(sender, message)

    def _other_story(self, message: wire.Wire, now_ms: TimeMs) -> wire.Wire | None:
        voice = self.means.voice
        match message:
            case wire.Proposed():
                return self._other_proposal(message, now_ms)
            case Prepare() | Commit():
                place = (message.height, message.view)
                second = self._second.get(place)
                others = self._known.other_blocks(message.block_id, message.height)
                name = second.pre_prepare.block_id if second else [*others, UNKNOWN][0]
                say = voice.prepare if isinstance(message, Prepare) else voice.commit
                return say(*place, name)
            case ViewChange():
                if message.prepared is None:
                    return None
                return voice.view_change(message.height, message.view)
            case _:
                return None

    def _other_proposal(self, message: wire.Proposed, now_ms: TimeMs) -> wire.Wire | None:
        """Another good block of the same view, where none is proved."""
        p = message.pre_prepare
        place = (p.height, p.view)
        if place not in self._second:
            if p.prepared is not None:
                return None
            later = TimeMs(now_ms + 1)
            block = self.means.build(p.view, later)
            name = block_id(block.header)
            said = self.means.voice.pre_prepare(p.height, p.view, name, p.view_changes)
            self._known.note(wire.Body(block))
            self._second = {at: told for at, told in self._second.items() if at[0] >= p.height}
            self._second[place] = wire.Proposed(said, wire.FullBody(block))
        return self._second[place]
