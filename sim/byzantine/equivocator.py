"""An equivocator tells two stories, one to each half (E1 to E5).

Two good blocks in one view, two votes in one phase, two claims in one view change; and where others
have prepared nothing, a fresh block on a broken promise of its own. It attacks R12, R14, R18, R20,
the intersection of quorums (R1), and each honest node's duty to hold to what it heard first. What
it says twice is evidence against it, and against nobody else.

More of them than f, with one plot, fork a chain: then R48 has to name f + 1 of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, final

from consensus.messages import Commit, Prepare, ViewChange
from node import wire
from primitives.block import block_id
from primitives.ids import NO_VIEW, BlockId, Height, TimeMs, View
from sim.byzantine.lies import UNKNOWN
from sim.byzantine.notebook import Notebook
from sim.byzantine.seat import Said, Seat, own_topic
from sim.spoken import Voice

PATIENCE: Final = 24
"""How many times a lingering plotter is shown the decision before it goes on."""

_Place = tuple[Height, View]


@final
@dataclass
class Plot:
    """What equivocators agree on: who hears which story, and what the stories are."""

    seed: int
    voices: dict[str, Voice] = field(default_factory=dict)
    """Of the plotters, by node."""
    stories: dict[_Place, tuple[BlockId, BlockId]] = field(default_factory=dict)

    def believes_second(self, name: str, height: int) -> bool:
        """Whether a peer is of the half that hears the second stories of a height.

        Plotters tell each other the first.
        """
        return name not in self.voices and Random(f"{self.seed}/{height}/{name}").randrange(2) == 1

    def lingers(self, height: int) -> bool:
        """Whether plotters let one side decide there, and tell the other another story later.

        They are deaf to commits then, so as to take part in the later views.
        """
        return len(self.voices) > 1 and Random(f"{self.seed}/{height}").randrange(2) == 1

    def remember(self, place: _Place, first: BlockId, second: BlockId) -> None:
        """The stories of a view; those of heights below are over."""
        self.stories = {at: told for at, told in self.stories.items() if at[0] >= place[0]}
        self.stories[place] = (first, second)


@final
@dataclass
class Equivocator(Seat):
    """What its engine says goes to one part of the peers; the others hear the other story."""

    plot: Plot | None = None
    _known: Notebook = field(default_factory=Notebook)
    _second: dict[_Place, wire.Proposed] = field(default_factory=dict)
    _looked_away: dict[Height, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._plot = self.plot if self.plot is not None else Plot(self.means.seed)
        self._plot.voices[self.means.name] = self.means.voice

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """One message for each half, where there are two stories."""
        self._known.note(message)
        topic = own_topic(message, self.means.voice)
        if topic is None:
            return [Said(receiver, message)]
        kind, height, view = topic
        first, second = self._stories(message, now_ms)
        if receiver is None and first != second:
            self.tell(f"two {kind}s", message)
        receivers = self.means.peers if receiver is None else (receiver,)
        said = []
        for name in receivers:
            if not self._plot.believes_second(name, height):
                said.append(Said(name, first))
                continue
            said.append(Said(name, second))
            if isinstance(second, wire.Proposed) and second is not first:
                said += [Said(name, vote) for vote in self._votes(height, view, second)]
        return said

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """As any seat, and writes it down; a plotter stays where there is something to do."""
        self._known.note(message)
        if isinstance(message, Commit) and self._plot.lingers(message.height):
            return None
        if isinstance(message, wire.Decided) and self._waits(message.certificate.height):
            return None
        return super().hear(sender, message)

    def _waits(self, height: Height) -> bool:
        """Whether it looks away from a decision once more."""
        looked_away = self._looked_away.get(height, 0)
        if not self._plot.lingers(height) or looked_away >= PATIENCE:
            return False
        self._looked_away = {height: looked_away + 1}
        return True

    def _votes(self, height: Height, view: View, proposed: wire.Proposed) -> list[wire.Wire]:
        """All plotters vote for the second story at once: its engines know nothing of it."""
        name, voices = proposed.pre_prepare.block_id, list(self._plot.voices.values())
        prepares = [voice.prepare(height, view, name) for voice in voices]
        return [*prepares, *(voice.commit(height, view, name) for voice in voices)]

    def _stories(self, message: wire.Wire, now_ms: TimeMs) -> tuple[wire.Wire, wire.Wire]:
        voice = self.means.voice
        match message:
            case wire.Proposed(p, _):
                if p.view == 0 and self._plot.lingers(p.height):
                    return message, message
                return message, self._other_proposal(message, now_ms)
            case Prepare() | Commit():
                place = (message.height, message.view)
                others = self._known.other_blocks(message.block_id, message.height)
                told = (message.block_id, [*others, UNKNOWN][0])
                first, second = self._plot.stories.get(place, told)
                say = voice.prepare if isinstance(message, Prepare) else voice.commit
                return say(*place, first), say(*place, second)
            case ViewChange():
                return message, voice.view_change(message.height, message.view)
            case _:
                return message, message

    def _other_proposal(self, message: wire.Proposed, now_ms: TimeMs) -> wire.Proposed:
        """Another good block of the view; what was proved is left out of it, if a quorum can."""
        p = message.pre_prepare
        place = (p.height, p.view)
        if place not in self._second:
            changes = self._without_claims(p.height, p.view) if p.view else ()
            if p.view and len(changes) < self.means.voice.validators.quorum:
                return message
            block = self.means.build(p.view, TimeMs(now_ms + 1))
            name = block_id(block.header)
            said = self.means.voice.pre_prepare(p.height, p.view, name, changes)
            self._known.note(wire.Body(block))
            self._plot.remember(place, p.block_id, name)
            self._second = {at: told for at, told in self._second.items() if at[0] >= p.height}
            self._second[place] = wire.Proposed(said, wire.FullBody(block))
        return self._second[place]

    def _without_claims(self, height: Height, view: View) -> tuple[ViewChange, ...]:
        """Those who claim nothing, and the plotters, who claim nothing here."""
        silent = {
            change.seat: change
            for change in self._known.statements
            if isinstance(change, ViewChange)
            and (change.height, change.view) == (height, view)
            and change.prepared_view == NO_VIEW
        }
        for voice in self._plot.voices.values():
            silent[voice.seat] = voice.view_change(height, view)
        return tuple(silent[seat] for seat in sorted(silent))
