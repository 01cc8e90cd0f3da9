"""Whom to ask for which blocks: the plan of catching up, as a pure machine (rule R69).

What peers say are hints whom to ask. A peer *promises* the blocks below a height when it says in a
Status or an answer that it decides that height; of a peer that passed a newer block on, we only
*heard* of them. Nothing depends on whether it is true: what comes back is checked elsewhere, and

- who is silent, away or slow costs a question's time, and the lowest missing height is soon asked
  of somebody else as well; who fails again and again is asked more and more rarely;
- who keeps only newer blocks is asked for those, once this node has come so far;
- who has nothing of what it promised is believed no more until it is linked anew, and so is,
  with all that it sent, who sent what no honest node would have.

What came and waits for the heights below it is bounded in bytes and heights, and the lowest missing
height may always be asked for, so that nobody blocks the way by filling the room behind it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from consensus.events import Link
from node.questions import Certified
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import Height

FIRST_COUNT: Final = 32
"""Blocks asked of a peer at first; then as many as it brings in about a second."""
QUICK_S: Final = 0.5
SLOW_S: Final = 2.0
"""A peer that answers sooner is asked for more at a time, one that answers later for less."""
PATIENCE_S: Final = 2.0
"""So long everything waits for one peer before another is asked for the same."""
REST_S: Final = 0.5
REST_S_MAX: Final = 10.0
"""Before a peer that failed is asked again; doubled with each failure in a row."""
RELAYED_AHEAD: Final = 2
"""Blocks that gossip brings so far above the height at hand are kept."""
EACH_MAX: Final = 2
"""Questions to one peer at a time, once it has answered one: the line is never idle."""
_NOTHING: Final = Height(0)


@final
@dataclass(frozen=True, slots=True)
class Question:
    """A range that was asked of a peer."""

    link: Link
    first: Height
    count: int
    asked_s: float

    @property
    def stop(self) -> int:
        """The height behind the last one."""
        return self.first + self.count


@final
@dataclass(frozen=True, slots=True)
class Held:
    """A block that came, from whom, and roughly its bytes in memory."""

    link: Link
    certified: Certified
    size: int
    is_relayed: bool = False
    """Whether the peer only passed it on, and need not have looked into it."""

    @property
    def height(self) -> Height:
        """The height that its header states."""
        return self.certified.block.header.height


@final
@dataclass(slots=True)
class _Source:
    """A peer as we know it."""

    promised: Height = _NOTHING
    """The height that it says it decides now: it has those below, from `kept_from` on."""
    heard: Height = _NOTHING
    kept_from: Height = _NOTHING
    count: int = FIRST_COUNT
    has_answered: bool = False
    failures: int = 0
    rests_until_s: float = 0.0
    under_way: list[Question] = field(default_factory=list)

    @property
    def claim(self) -> Height:
        return max(self.promised, self.heard)

    @property
    def is_useful(self) -> bool:
        return self.has_answered and not self.failures

    @property
    def slots(self) -> int:
        return EACH_MAX if self.is_useful else 1

    def fail(self, now_s: float) -> None:
        self.rests_until_s = now_s + min(REST_S * 2**self.failures, REST_S_MAX)
        self.failures = min(self.failures + 1, 16)

    def paced(self, took_s: float, *, asked: int, came: int, cut: bool) -> int:
        """How many blocks to ask for next."""
        if took_s > SLOW_S:
            return max(1, min(self.count, came) // 2)
        if cut:
            return came
        if took_s < QUICK_S and asked >= self.count:
            return min(2 * self.count, limits.RANGE_BLOCKS_MAX)
        return self.count


@final
class Plan:
    """Every method is a step; none takes long, and nothing here waits or reads a clock."""

    def __init__(self, height: Height) -> None:
        self._height = height
        self._sources: dict[Link, _Source] = {}
        self._disbelieved: set[Link] = set()
        self._held: dict[Height, Held] = {}
        self._held_bytes = 0
        self._spans: list[tuple[int, int]] | None = None
        """What is held and was asked for, as ranges; None when it must be read anew."""

    # --- what may be read -------------------------------------------------------------------

    @property
    def height(self) -> Height:
        """The height at hand: the lowest that is missing."""
        return self._height

    @property
    def held_bytes(self) -> int:
        """Of blocks that wait."""
        return self._held_bytes

    @property
    def under_way(self) -> int:
        """Questions that wait for their answers."""
        return sum(len(source.under_way) for source in self._sources.values())

    @property
    def sources(self) -> tuple[Link, ...]:
        """Who is believed to have the block of the height at hand."""
        return tuple(link for link, source in self._sources.items() if source.claim > self._height)

    def target(self, faults: int, voting: Iterable[Link]) -> Height:
        """The height that is really decided now, as far as one can tell; at least our own.

        The highest that more than `faults` of those who vote say to have reached: one of them is
        honest. Where so many have not spoken, for instance as there is one link so far, the highest
        of those who bring what they are asked for; who only claims moves nothing that people see.
        """
        said = [self._sources[link].promised for link in voting if link in self._sources]
        claims = sorted((claim for claim in said if claim > self._height), reverse=True)
        if len(claims) > faults:
            return claims[faults]
        useful = [one.promised for one in self._sources.values() if one.is_useful]
        return max(self._height, max(useful, default=_NOTHING))

    @property
    def hears_anybody(self) -> bool:
        """Whether a peer that is linked has said something and is believed."""
        return any(source.claim for source in self._sources.values())

    @property
    def is_behind(self) -> bool:
        """Whether more is missing than the one block that Status and Decided bring (R29)."""
        return self._furthest > self._height + 1

    @property
    def _furthest(self) -> Height:
        return max((source.claim for source in self._sources.values()), default=_NOTHING)

    def held_from(self, height: Height) -> Held | None:
        """The block of a height, if it is here."""
        return self._held.get(height)

    def out_of_reach(self) -> Height | None:
        """From where on the others keep blocks, if none who is ahead keeps that at hand."""
        ahead = [one for one in self._sources.values() if one.claim > self._height + 1]
        if not ahead or self._height in self._held:
            return None
        kept_from = min(source.kept_from for source in ahead)
        return kept_from if kept_from > self._height else None

    # --- what peers say ---------------------------------------------------------------------

    def promise(self, link: Link, height: Height) -> None:
        """It says that it decides this height now."""
        if link not in self._disbelieved:
            self._source(link).promised = height

    def hear(self, link: Link, height: Height) -> None:
        """It passed on a block that says that this height is decided now."""
        if link not in self._disbelieved:
            source = self._source(link)
            source.heard = max(source.heard, height)

    def forget(self, link: Link) -> None:
        """It was linked anew, or its link is down: nothing that was known of it counts."""
        self._disbelieved.discard(link)
        source = self._sources.pop(link, None)
        if source is not None and source.under_way:  # they come to an end by themselves
            self._sources[link] = _Source(under_way=source.under_way)

    def disbelieve(self, link: Link, height: Height) -> None:
        """Ask it nothing until it is linked anew, and drop what it sent from this height on."""
        self._disbelieved.add(link)
        source = self._sources.get(link)
        if source is not None:
            source.promised = source.heard = _NOTHING
        self._drop([one for one, held in self._held.items() if held.link == link and one >= height])

    def _source(self, link: Link) -> _Source:
        return self._sources.setdefault(link, _Source())

    # --- questions and answers --------------------------------------------------------------

    def next_question(self, now_s: float) -> Question | None:
        """What to ask now; it counts as asked. None: nothing, or not yet (see `wake_s`)."""
        if not self.is_behind:
            return None
        asked = self._ahead(now_s) or self._repeat(now_s)
        if asked is not None:
            self._sources[asked.link].under_way.append(asked)
        return asked

    def _ahead(self, now_s: float) -> Question | None:
        """The lowest range that nobody was asked for, of whoever has proved useful, or is idle."""
        if self.under_way >= limits.CATCHUP_QUESTIONS_MAX - limits.CATCHUP_REPEATS_MAX:
            return None
        gaps = self._gaps()
        found: list[tuple[int, bool, int, int, Link]] = []
        for link, source in self._free(now_s):
            for start, stop in gaps:
                first, last = max(start, source.kept_from), min(stop, source.claim)
                if first < last:
                    busy = len(source.under_way)
                    found.append((first, not source.is_useful, busy, last, link))
                    break
        if not found:
            return None
        first, _, _, last, link = min(found)
        if self._held_bytes >= limits.CATCHUP_BYTES_AHEAD and first > self._height:
            return None
        count = min(last - first, self._sources[link].count)
        return Question(link, Height(first), count, now_s)

    def _repeat(self, now_s: float) -> Question | None:
        """The height at hand once more, of somebody else, if its answer is overdue."""
        asked = self._asked_for_height()
        if not asked or now_s < max(one.asked_s for one in asked) + PATIENCE_S:
            return None
        if self.under_way >= limits.CATCHUP_QUESTIONS_MAX:
            return None
        known = {one.link for one in asked}
        found = [
            (not source.is_useful, len(source.under_way), link)
            for link, source in self._free(now_s)
            if source.kept_from <= self._height < source.claim and link not in known
        ]
        if not found:
            return None
        _, _, link = min(found)
        source, stop = self._sources[link], min(one.stop for one in asked)
        count = min(source.count, source.claim - self._height, stop - self._height)
        return Question(link, self._height, count, now_s)

    def _asked_for_height(self) -> list[Question]:
        if self._height in self._held:
            return []
        return [
            one
            for source in self._sources.values()
            for one in source.under_way
            if one.first <= self._height < one.stop
        ]

    def _free(self, now_s: float) -> list[tuple[Link, _Source]]:
        return [
            (link, source)
            for link, source in self._sources.items()
            if source.claim > self._height
            and source.rests_until_s <= now_s
            and len(source.under_way) < source.slots
        ]

    def _gaps(self) -> list[tuple[int, int]]:
        """Heights that are neither here nor asked for, as ranges, ascending."""
        end = self._height + limits.CATCHUP_HEIGHTS_AHEAD
        asked = ((q.first, q.stop) for s in self._sources.values() for q in s.under_way)
        taken = sorted([*self._read_spans(), *asked])
        gaps: list[tuple[int, int]] = []
        at: int = self._height
        for start, stop in taken:
            if at < start:
                gaps.append((at, min(start, end)))
            at = max(at, stop)
        return [*gaps, (at, end)] if at < end else gaps

    def _read_spans(self) -> list[tuple[int, int]]:
        if self._spans is None:
            self._spans = []
            asked_for = (height for height, held in self._held.items() if not held.is_relayed)
            for height in sorted(asked_for):
                if self._spans and self._spans[-1][1] == height:
                    self._spans[-1] = (self._spans[-1][0], height + 1)
                else:
                    self._spans.append((height, height + 1))
        return self._spans

    def wake_s(self, now_s: float) -> float | None:
        """When `next_question` may have another answer though nothing happens; None: never."""
        if not self.is_behind:
            return None
        moments = [source.rests_until_s for source in self._sources.values()]
        asked = self._asked_for_height()
        if asked:
            moments.append(max(one.asked_s for one in asked) + PATIENCE_S)
        return min((moment for moment in moments if moment > now_s), default=None)

    def answered(
        self,
        asked: Question,
        *,
        kept_from: Height,
        height: Height,
        blocks: Sequence[Held],
        now_s: float,
    ) -> bool:
        """An answer that is well formed; False if the peer has nothing of what it promised.

        Raises:
            Malformed: it contradicts itself.
        """
        source = self._ended(asked)
        if asked.link in self._disbelieved:
            return True
        if not blocks and kept_from <= asked.first < height:
            raise Malformed(
                f"no block of height {asked.first}, though it keeps blocks from {kept_from} on and "
                f"decides {height} now"
            )
        if not blocks and asked.first < source.promised and height <= asked.first:
            self.disbelieve(asked.link, self._height)
            return False
        source.kept_from = kept_from
        source.promised = max(source.promised, height)
        source.heard = _NOTHING
        if not blocks:
            if kept_from <= asked.first:
                source.fail(now_s)  # it passed on what it had not decided; soon it will have it
            return True
        source.count = source.paced(
            now_s - asked.asked_s,
            asked=asked.count,
            came=len(blocks),
            cut=len(blocks) < asked.count and asked.first + len(blocks) < height,
        )
        source.has_answered, source.failures = True, 0
        for held in blocks:
            self._hold(held)
        return True

    def failed(self, asked: Question, now_s: float) -> None:
        """No answer: the peer is away, slow or refuses. No fault, but others come first."""
        source = self._ended(asked)
        source.count = max(1, source.count // 4)
        source.fail(now_s)
        if not source.claim and not source.under_way:
            self._sources.pop(asked.link, None)  # its link is down

    def _ended(self, asked: Question) -> _Source:
        source = self._sources.get(asked.link, _Source())  # nobody, if it is gone meanwhile
        if asked in source.under_way:
            source.under_way.remove(asked)
        return source

    # --- what came --------------------------------------------------------------------------

    def offer(self, held: Held) -> None:
        """A block that somebody passed on, if it is about to be needed: gossip lost one before it.

        It is asked for all the same, so that what was passed on never stands in the way.
        """
        near = self._height < held.height <= self._height + RELAYED_AHEAD
        if near and held.link not in self._disbelieved:
            self._hold(held)

    def _hold(self, held: Held) -> None:
        height, known = held.height, self._held.get(held.height)
        room = self._height <= height < self._height + limits.CATCHUP_HEIGHTS_AHEAD
        if room and (known is None or known.is_relayed):
            self._held[height] = held
            self._held_bytes += held.size - (0 if known is None else known.size)
            self._spans = None

    def _drop(self, heights: Iterable[Height]) -> None:
        for height in heights:
            self._held_bytes -= self._held.pop(height).size
        self._spans = None

    def advance(self, height: Height) -> None:
        """Everything below this height is decided."""
        for below in range(self._height, height):
            held = self._held.pop(Height(below), None)
            self._held_bytes -= 0 if held is None else held.size
        self._height = max(self._height, height)

    def reject(self, held: Held) -> None:
        """It is no block of the chain."""
        if self._held.get(held.height) is held:
            self._drop([held.height])
