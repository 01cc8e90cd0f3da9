"""Who is there: what the facts say of each validator, and who reaches whom.

Being *missing* is judged by links and words alone, never by a certificate: that holds a quorum, and
whoever signed a moment later is not in it. Whom we have no link with is not missing either while
others say that they reach it, or while what it signs still comes to us through them.
"""

from dataclasses import dataclass
from enum import Enum, unique
from functools import cached_property
from typing import Final, final

from node.facts import Facts, Seen, Step, Trouble
from node.standing import HALTED, SigningState, in_one_word
from node.status import BEHIND_MAX, NodeRole
from primitives import limits
from primitives.ids import Height, Seat, View
from primitives.validators import faults_tolerated, primary_of, quorum

RELAY_MS: Final = 3_000
"""What somebody signed, or others said of it, before it was lost still comes for a moment."""
TOGETHER_MS: Final = 30_000
"""Links that end within this time end for one reason: a dead line is noticed after 10 to 13 s."""
LINKS_MS: Final = 15_000
"""So long after its start a node has had the time to find the others."""
ATTEMPT_MS: Final = 8_000
"""An attempt at a link, connection and handshake, has ended by then."""
FRESH_MS: Final = 30_000
"""What was signed longer ago says nothing about who is there now."""


@unique
class Reach(Enum):
    """How a validator can be reached from here."""

    SELF = "self"
    LINKED = "linked"
    RELAYED = "relayed"
    """Not by us, but others reach it, or pass on what it signs."""
    QUIET = "quiet"
    """Its link stands, and nothing comes on it."""
    GONE = "gone"


@unique
class Fitness(Enum):
    """Whether a validator's next signature can be counted on."""

    AT_WORK = "at work"
    MISSING = "missing"
    STARTING = "starting"
    FENCED = "fenced"
    CLONED = "cloned"
    MUTED = "signs nothing"
    HALTED = "halted"
    BEHIND = "behind"


_BY_STANDING: Final = {
    SigningState.SIGNING.value: Fitness.AT_WORK,
    SigningState.ASLEEP.value: Fitness.STARTING,
    SigningState.FENCED.value: Fitness.FENCED,
    SigningState.CLONED.value: Fitness.CLONED,
    HALTED: Fitness.HALTED,
}


@final
@dataclass(frozen=True)
class RollCall:
    """Answers about one set of facts."""

    facts: Facts

    @property
    def count(self) -> int:
        """Validators."""
        return len(self.facts.validators)

    @property
    def quorum(self) -> int:
        """How many must sign."""
        return quorum(self.count)

    @property
    def faults(self) -> int:
        """How many may fail."""
        return faults_tolerated(self.count)

    @cached_property
    def at_work(self) -> tuple[Seen, ...]:
        """Whose next signature can be counted on."""
        return tuple(v for v in self.facts.validators if self.fitness(v) is Fitness.AT_WORK)

    @cached_property
    def able(self) -> tuple[Seen, ...]:
        """At work, or about to be: who starts needs nobody but the others."""
        starting = self.named(fitness=Fitness.STARTING)
        return tuple(v for v in self.facts.validators if v in self.at_work or v in starting)

    @cached_property
    def has_quorum(self) -> bool:
        """Whether enough are able, as seen from here, and on one side."""
        return max(len([v for v in side if v in self.able]) for side in self.sides) >= self.quorum

    # --- one validator ------------------------------------------------------------------------

    def reach(self, one: Seen) -> Reach:
        """How it can be reached."""
        if one.is_self:
            return Reach.SELF
        if one.linked:
            quiet = self._age(one) > self.patience_ms or self._is_lost_to_others(one)
            return Reach.QUIET if quiet else Reach.LINKED
        if self.reached_by(one) or self._still_signs(one):
            return Reach.RELAYED
        return Reach.GONE

    @cached_property
    def patience_ms(self) -> int:
        """How long who is there may say nothing.

        Validators that make no progress tell each other where they stand twice a second.
        """
        stalled = (self.step.work_ms or 0) > limits.QUIET_STALLED_MS
        if self.facts.role is NodeRole.VALIDATOR and stalled:
            return limits.QUIET_STALLED_MS
        return limits.QUIET_MS

    def _is_lost_to_others(self, one: Seen) -> bool:
        """Whether the height stands still, and who is heard later hears it no more.

        An observer is told less often than validators are how another one stands.
        """
        stalled = (self.step.work_ms or 0) > limits.QUIET_STALLED_MS
        if not stalled or self._age(one) <= limits.QUIET_STALLED_MS:
            return False
        return bool(self.near_words) and not self.reached_by(one)

    @cached_property
    def near_words(self) -> tuple[Seen, ...]:
        """Who says whom it reaches, and is heard."""
        return tuple(
            v
            for v in self.facts.validators
            if v.linked and self._age(v) <= limits.QUIET_STALLED_MS
            if v.word is not None and v.word.reaches is not None
        )

    def _age(self, one: Seen) -> int:
        """How long ago it last showed itself on its link."""
        ages = (one.heard_ms, one.turned_ms)
        return min((age for age in ages if age is not None), default=self.facts.machine.up_ms)

    def silent_ms(self, one: Seen) -> int:
        """Since when nothing of it was heard; at most since our start."""
        up_ms = self.facts.machine.up_ms
        return up_ms if one.heard_ms is None else min(one.heard_ms, up_ms)

    def trouble(self, one: Seen) -> Trouble:
        """Why there is no link; an attempt that nobody saw end has met nobody by now."""
        ended = self.lost_ms(one) > ATTEMPT_MS
        return Trouble.SILENT if one.trouble is Trouble.LOST and ended else one.trouble

    def lost_ms(self, one: Seen) -> int:
        """Since when there has been no link; at most since our start."""
        return self.facts.machine.up_ms if one.turned_ms is None else one.turned_ms

    def _still_signs(self, one: Seen) -> bool:
        signed_ms, lost_ms = one.signed_ms, one.turned_ms
        if signed_ms is None or lost_ms is None:
            return False
        return signed_ms <= FRESH_MS and signed_ms + RELAY_MS < lost_ms

    def reached_by(self, one: Seen) -> tuple[Seen, ...]:
        """Who is heard by us, and said since we lost it to have a live link with it."""
        lost_ms = self.lost_ms(one)
        return tuple(
            other
            for other in self.facts.validators
            if other.linked and self._age(other) <= self.patience_ms and other.word is not None
            if one.seat in (other.word.reaches or ()) and other.seat != one.seat
            if other.word.age_ms <= limits.QUIET_MS and other.word.age_ms + RELAY_MS <= lost_ms
        )

    def fitness(self, one: Seen) -> Fitness:
        """Whether its next signature can be counted on, and if not, why."""
        facts = self.facts
        if one.is_self:
            own = _BY_STANDING.get(in_one_word(facts.signing, facts.halted), Fitness.MUTED)
            late = own is Fitness.AT_WORK and self.target > facts.height + BEHIND_MAX
            return Fitness.BEHIND if late else own
        reach = self.reach(one)
        if reach in {Reach.GONE, Reach.QUIET}:
            return Fitness.MISSING
        word = one.word
        if word is None and one.signs is False and self._age(one) <= limits.QUIET_MS:
            return Fitness.STARTING  # it said so in the protocol, and has no other word yet
        if word is None or word.age_ms > limits.QUIET_MS:
            return Fitness.MUTED if one.signs is False else Fitness.AT_WORK
        found = _BY_STANDING.get(word.standing, Fitness.MUTED)
        if found is Fitness.AT_WORK and word.behind > BEHIND_MAX:
            return Fitness.BEHIND
        return found

    def named(self, *, fitness: Fitness) -> tuple[Seen, ...]:
        """All of this kind."""
        return tuple(v for v in self.facts.validators if self.fitness(v) is fitness)

    # --- sides --------------------------------------------------------------------------------

    @cached_property
    def near(self) -> tuple[Seen, ...]:
        """Our side: whom we reach, itself through others."""
        near = {Reach.SELF, Reach.LINKED, Reach.RELAYED}
        return tuple(v for v in self.facts.validators if self.reach(v) in near)

    @cached_property
    def sides(self) -> tuple[tuple[Seen, ...], ...]:
        """The near, by who says to reach whom; one side where they are not divided.

        A validator passes on what it hears, so whomever it reaches is on its side. An observer is
        told votes and passes none on: it may hear both sides of a cut that it does not bridge.
        """
        if self.facts.role is NodeRole.VALIDATOR or not all(map(self._is_settled, self.near)):
            return (self.near,)
        sides: list[set[Seat]] = []
        for one in self.near:
            reached = {one.seat, *(() if one.word is None else one.word.reaches or ())}
            joined = [side for side in sides if side & reached]
            sides = [side for side in sides if side not in joined]
            sides.append(reached.union(*joined))
        return tuple(tuple(v for v in self.near if v.seat in side) for side in sides) or ((),)

    def _is_settled(self, one: Seen) -> bool:
        """Whether what it says of its links is fresh, and it had the time to make them."""
        word = one.word
        if word is None or word.reaches is None or not one.linked:
            return False
        return word.age_ms <= limits.QUIET_MS and word.up_ms > LINKS_MS

    @cached_property
    def unanswered(self) -> tuple[Seen, ...]:
        """The missing whose machines do not answer at all: off, or behind a cut line."""
        return tuple(
            v
            for v in self.facts.validators
            if self.reach(v) is Reach.GONE and self.trouble(v) is Trouble.SILENT
        )

    @cached_property
    def split(self) -> tuple[Seen, ...]:
        """The missing of another side, where a cut line is likelier than so many dead machines.

        Two at least, lost at one time, whose machines do not answer at all.
        """
        lost = self.unanswered
        ages = [self.lost_ms(one) for one in lost]
        return lost if len(lost) > 1 and max(ages) - min(ages) <= TOGETHER_MS else ()

    # --- the height at hand -------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """Where the replica is."""
        return self.facts.step

    @property
    def next_height(self) -> Height:
        """That is to be decided."""
        return Height(self.facts.height + 1)

    @cached_property
    def view(self) -> View:
        """The attempt that the height is at: ours, or one that f + 1 ask for, if that is higher.

        An observer asks for none itself.
        """
        asked = sorted(self.step.views, reverse=True)
        joined = asked[self.faults] if len(asked) > self.faults else View(0)
        return max(self.step.wish, joined)

    @property
    def primary(self) -> Seen:
        """Whose turn it is."""
        return self.facts.validators[primary_of(self.count, self.next_height, self.view)]

    def seen(self, seats: tuple[Seat, ...]) -> tuple[Seen, ...]:
        """The validators of these seats."""
        return tuple(v for v in self.facts.validators if v.seat in seats)

    @cached_property
    def target(self) -> Height:
        """The newest block that more than f of the others say they have; at least our own."""
        said = sorted(
            (v.word.height for v in self.facts.validators if v.word is not None and v.linked),
            reverse=True,
        )
        known = said[self.faults] if len(said) > self.faults else Height(0)
        sync = self.facts.sync
        return max(known, self.facts.height, Height(0) if sync is None else sync.target)
