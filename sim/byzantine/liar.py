"""A liar tells everybody the same well-formed lie, and sticks to it.

Twins and equivocators say different things to different members, and agreement among their hearers
finds them out. A liar who contradicts itself nowhere is found by validation alone: every check of
R4, R12 to R17, R22, R26 and R32 stands against one of its lies (sim/byzantine/lies.py). A forgetful
one tells one lie only, E5: "I prepared nothing".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, final

from consensus.messages import Commit, Prepare, ViewChange
from node import wire
from primitives.ids import BlockId, Height, TimeMs, View
from sim.byzantine.false_proposals import Forger
from sim.byzantine.lies import Lies, lies_about
from sim.byzantine.notebook import Notebook
from sim.byzantine.seat import Said, Seat, Topic, own_topic

MOODS: Final = ("proposal", "proposal", "prepare", "commit", "viewchange", "answer", "everything")
"""What it lies about at a height; proposals need its turn, and so come twice."""


def _drawn(lies: Lies, dice: Random) -> str:
    """A lie by lot: first what it is about, so that the many of one kind do not hide the others."""
    about = dice.choice(sorted({name.rpartition(": ")[0] for name in lies}))
    return dice.choice(sorted(name for name in lies if name.rpartition(": ")[0] == about))


@final
@dataclass
class Liar(Seat):
    """Bends its own statements and what it delivers; once told, a lie stands."""

    percent: int = 80
    """How often it lies about what it likes to lie about, of a hundred statements."""
    _known: Notebook = field(default_factory=Notebook)
    _stories: dict[Topic, tuple[str, wire.Wire]] = field(default_factory=dict)
    _names: dict[tuple[Height, View], dict[BlockId, BlockId]] = field(default_factory=dict)
    _height: int = 0
    _occasions: int = 0

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """The lie it tells about this, the same to everybody."""
        self._known.note(message)
        topic = own_topic(message, self.means.voice)
        if topic is None:
            return [Said(receiver, self._deliver(message))]
        self._forget_below(topic[1])
        if topic not in self._stories:
            self._stories[topic] = self._think_up(topic, self._in_character(message), now_ms)
        name, story = self._stories[topic]
        if name:
            self.tell(name, message)
        return [Said(receiver, story)]

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """As any seat, and writes it down."""
        self._known.note(message)
        return super().hear(sender, message)

    def _in_character(self, message: wire.Wire) -> wire.Wire:
        """Who proposed another block than its engine votes for that one."""
        voice = self.means.voice
        if isinstance(message, Prepare | Commit):
            names = self._names.get((message.height, message.view), {})
            name = names.get(message.block_id)
            if name is not None:
                say = voice.prepare if isinstance(message, Prepare) else voice.commit
                return say(message.height, message.view, name)
        return message

    def _think_up(self, topic: Topic, message: wire.Wire, now_ms: TimeMs) -> tuple[str, wire.Wire]:
        kind, height, _ = topic
        dice = self.means.dice(*topic)
        if not self._likes(kind, height) or dice.randrange(100) >= self.percent:
            return "", message
        lies = self._lies(message, now_ms)
        if not lies:
            return "", message
        name = _drawn(lies, dice)
        lie = lies[name]
        if isinstance(message, wire.Proposed) and isinstance(lie, wire.Proposed):
            true, false = message.pre_prepare, lie.pre_prepare
            if true.block_id != false.block_id:
                self._names[(true.height, true.view)] = {true.block_id: false.block_id}
        return name, lie

    def _lies(self, message: wire.Wire, now_ms: TimeMs) -> Lies:
        if not isinstance(message, wire.Proposed):
            return lies_about(message, self._known, self.means.voice)
        view = message.pre_prepare.view
        fresh = self.means.build(view, now_ms) if message.pre_prepare.prepared else None
        return Forger(self.means.voice, self._known).lies(message, fresh)

    def _deliver(self, message: wire.Wire) -> wire.Wire:
        """What others signed, or nobody: now and then not as it was."""
        self._occasions += 1
        dice = self.means.dice("delivery", self._occasions)
        if not self._likes("answer", self._height) or dice.randrange(100) >= self.percent:
            return message
        lies = (
            lies_about(message, self._known, self.means.voice) if self._is_answer(message) else {}
        )
        if not lies:
            return message
        name = _drawn(lies, dice)
        self.tell(name, message)
        return lies[name]

    @staticmethod
    def _is_answer(message: wire.Wire) -> bool:
        return not isinstance(message, Prepare | Commit | ViewChange | wire.Proposed)

    def _likes(self, kind: str, height: int) -> bool:
        """At each height it lies about one kind of thing, or about all: a liar in everything is
        soon left out, and its best lies need that it is believed else."""
        mood = self.means.dice("mood", height).choice(MOODS)
        return mood in {kind, "everything"}

    def _forget_below(self, height: Height) -> None:
        if height > self._height:
            self._height = height
            self._stories = {t: s for t, s in self._stories.items() if t[1] >= height - 1}
            self._names = {at: names for at, names in self._names.items() if at[0] >= height - 1}


@final
@dataclass
class Forgetful(Seat):
    """Prepares and commits like everybody, and claims in each view change that it never did (E5).

    It attacks the safety argument at its heart: the claim of a committer is what carries a decided
    block into later views. One such member is within f; the others' claims must be enough.
    """

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """A view change without its claim."""
        del now_ms
        voice = self.means.voice
        own = own_topic(message, voice) is not None
        if own and isinstance(message, ViewChange) and message.prepared is not None:
            self.tell("claim forgotten", message)
            return [Said(receiver, voice.view_change(message.height, message.view))]
        return [Said(receiver, message)]
