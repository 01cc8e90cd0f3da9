"""Withholders say less than they owe, to some of their peers.

Bodies: the proposal comes, its block does not, and Fetch has no answer (R17, R30). Claims' blocks:
a prepared block is claimed, and nobody is given it (R11). Proposals: a view passes, for one half or
for all (R25, R28). Votes: the quorum forms on one side only, so that some prepare, commit or decide
and others do not (R19, R21, R29). Decisions: whoever lags is not helped (R22). Answers: no Status,
so that a restarted peer waits for others (R41).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

from msgspec.structs import replace

from consensus.messages import Commit, Prepare, Status, ViewChange
from node import wire
from primitives.ids import TimeMs
from sim.byzantine.seat import Said, Seat, own_topic

Keeps = Callable[[wire.Wire], bool]


def _is_body(message: wire.Wire) -> bool:
    return isinstance(message, wire.Proposed | wire.Body | wire.Decided)


def _is_claimed(message: wire.Wire) -> bool:
    if isinstance(message, wire.Proposed):
        return message.pre_prepare.prepared is None
    return isinstance(message, wire.Body)


def _is_vote(message: wire.Wire) -> bool:
    return isinstance(message, Prepare | Commit)


WITHHELD: Final[dict[str, Keeps]] = {
    "bodies": _is_body,
    "claimed blocks": _is_claimed,
    "proposals": lambda message: isinstance(message, wire.Proposed),
    "votes": _is_vote,
    "prepares": lambda message: isinstance(message, Prepare),
    "commits": lambda message: isinstance(message, Commit),
    "view changes": lambda message: isinstance(message, ViewChange),
    "answers": lambda message: isinstance(message, Status | wire.Decided | wire.Body),
    "everything": lambda _message: True,
}


@final
@dataclass
class Withholder(Seat):
    """At each height another thing is kept from another part of the peers."""

    _height: int = 0

    def speak(self, now_ms: TimeMs, receiver: str | None, message: wire.Wire) -> Sequence[Said]:
        """As it was to some; without its body, or not at all, to the others."""
        del now_ms
        topic = own_topic(message, self.means.voice)
        if topic is not None:
            self._height = max(self._height, topic[1])
        dice = self.means.dice("withheld", self._height)
        what = dice.choice(sorted(WITHHELD))
        deprived = dice.sample(self.means.peers, dice.randint(1, len(self.means.peers)))
        if not WITHHELD[what](message):
            return [Said(receiver, message)]
        receivers = self.means.peers if receiver is None else (receiver,)
        said = []
        for name in receivers:
            rest = self._rest(what, message) if name in deprived else message
            if name in deprived:
                self.tell(f"{what} withheld", message)
            if rest is not None:
                said.append(Said(name, rest))
        return said

    @staticmethod
    def _rest(what: str, message: wire.Wire) -> wire.Wire | None:
        """What is left: a proposal without its body."""
        if what in {"bodies", "claimed blocks"} and isinstance(message, wire.Proposed):
            return replace(message, body=None)
        return None
