"""What must have held in a run, whatever was done to it; judged by what was seen from outside.

- **Agreement**: no two nodes ever named different blocks at one height, and in the end all have the
  same blocks and state roots.
- **Nothing lost, nothing twice**: what clients read as final is in the chain, once, and the payee
  has as many pennies as there are payments.
- **Progress**: while a quorum of validators can speak to each other, blocks come; where none can,
  none come; after there is one again the next comes soon, and everybody is level soon.
- **No leaks**: descriptors and memory of a process do not grow.
- **`why` is right**: validators say "halted" where a quorum is missing, every node names what the
  manifest expects, and nobody who was left in peace calls another such one missing that answers.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final

from kit.perturb.manifest import OTHERS, Perturbation
from kit.perturb.record import Event, Record, Weight
from primitives import limits

CALM_S: Final = 20.0
"""After this long links stand again, whatever happened; a network that is level has its links."""
LAG_S: Final = 1.0
"""Everybody is level who has what anybody had so long before."""
DESCRIPTORS_GROWN_MAX: Final = 24
"""Connections that were dialled twice, and a client or two."""
MEMORY_MB_MAX: Final = 600.0
DEAF_KINDS: Final = frozenset(
    ("kill", "pause", "restart", "upgrade", "wipe", "disconnect", "cut", "disk_full", "clock")
)
"""A validator to which this happens does not count."""
ENDING_KINDS: Final = frozenset(("kill", "restart", "upgrade", "wipe", "disk_full", "flood"))
"""Its process ends, and another one begins."""
SHOWN_LATER: Final = frozenset(("upgrade", "wipe", "join", "add_validator", "remove_validator"))
"""What `why` says of it, it says when it is done."""
COMING_KINDS: Final = frozenset(("join", "add_validator", "remove_validator"))
"""Whether such a node is there is a matter of the moment."""
SILENT_S: Final = limits.QUIET_MS / 1000
"""Who says nothing for so long is called missing."""
STOOD_STILL_S: Final = limits.QUIET_STALLED_MS / 1000
"""And so soon where no block comes."""
ACT_S: Final = 5.0
"""So long a perturbation may take to begin: a node that ends in order, say."""


@dataclass(frozen=True)
class Span:
    """From when to when there was no quorum."""

    begun: float
    ended: float


@dataclass(frozen=True)
class Outcome:
    """One perturbation and what followed."""

    event: Event
    gap_s: float
    """The longest time without a block, from a moment before it until everybody was level."""
    next_block_s: float | None
    """From its end, or from when there was a quorum again."""
    level_s: float | None
    """From its end."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong, a line each; and the figures."""

    wrong: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    blocks: int
    final: int
    seconds: float

    @property
    def rate(self) -> float:
        """Final payments per second of load."""
        return self.final / self.seconds if self.seconds else 0.0


def judge(record: Record) -> Verdict:
    """Everything."""
    halts = list(halts_of(record))
    wrong = [
        *record.faults,
        *_agreement(record),
        *_payments(record),
        *_progress(record, halts),
        *_level(record),
        *_leaks(record),
        *_whys(record, halts),
        *_blames(record),
    ]
    outcomes = tuple(_outcome(record, event, halts) for event in record.events)
    final = sum(len(seen.final) for seen in record.seen)
    seconds = record.over - record.loaded
    return Verdict(tuple(wrong), outcomes, len(tops(record)), final, seconds)


# --- agreement, payments --------------------------------------------------------------------------


def _agreement(record: Record) -> Iterator[str]:
    said: dict[int, dict[str, str]] = {}
    sights = (
        (name, sight.height, sight.block)
        for name, sights in record.sights.items()
        for sight in sights
        if sight.height >= 0
    )
    read = (("the clients' node", seen.height, seen.block) for seen in record.seen)
    told = (
        (name, height, block)
        for name, chain in record.chains.items()
        for height, block in chain.blocks.items()
    )
    for name, height, block in (*sights, *read, *told):
        said.setdefault(height, {}).setdefault(block, name)
    for height, blocks in sorted(said.items()):
        if len(blocks) > 1:
            parts = ", ".join(f"{name} has {block[:12]}" for block, name in blocks.items())
            yield f"a fork at height {height}: {parts}"
    roots: dict[int, dict[str, str]] = {}
    for name, chain in record.chains.items():
        for height, root in chain.roots.items():
            roots.setdefault(height, {}).setdefault(root, name)
    for height, found in sorted(roots.items()):
        if len(found) > 1:
            yield f"different states at height {height}: {', '.join(found.values())}"


def _payments(record: Record) -> Iterator[str]:
    contained = Counter(name for block in record.transactions for name in block)
    twice = [name for name, count in contained.items() if count > 1]
    if twice:
        yield f"{len(twice)} transactions are in two blocks: {twice[0]} …"
    final = {name for seen in record.seen for name in seen.final}
    lost = final - contained.keys()
    if record.chains and lost:
        yield f"{len(lost)} of {len(final)} final transactions are lost: {min(lost)} …"
    if not record.chains:
        yield "no node could be asked for its chain"
    for name, chain in record.chains.items():
        if chain.paid != len(final | contained.keys()) - _others(record):
            yield f"{name}: the payee has {chain.paid} pennies from {len(contained)} transactions"


def _others(record: Record) -> int:
    """Transactions that are no payments: changes of validators, one each."""
    kinds = ("add_validator", "remove_validator")
    return sum(event.perturbation.kind in kinds for event in record.events)


# --- progress -------------------------------------------------------------------------------------


def tops(record: Record) -> list[tuple[float, int]]:
    """When each height was first seen at any node."""
    first: dict[int, float] = {}
    for sights in record.sights.values():
        for before, sight in pairwise(sights):
            if before.height >= 0:
                for height in range(before.height + 1, sight.height + 1):
                    first[height] = min(first.get(height, sight.at), sight.at)
    found, newest = [], -1
    for at, height in sorted((at, height) for height, at in first.items()):
        if height > newest:
            found.append((at, height))
            newest = height
    return found


def gap_s(record: Record, begin: float, end: float) -> float:
    """The longest time without a block between two moments."""
    times = [at for at, _ in tops(record)]
    before = max((at for at in times if at <= begin), default=begin)
    inside = [at for at in times if begin < at < end]
    return max((later - earlier for earlier, later in pairwise([before, *inside, end])), default=0)


def halts_of(record: Record) -> Iterator[Span]:
    """From when to when no quorum of validators could speak to each other."""
    absent = _absences(record)
    edges = {edge for _, begun, ended in absent for edge in (begun, ended)}
    edges |= {edge for event in record.events for edge in (event.begun, event.ended)}
    begun: float | None = None
    for at in sorted(edges):
        if not _has_quorum(record, absent, at):
            begun = at if begun is None else begun
        elif begun is not None:
            yield Span(begun, at)
            begun = None
    if begun is not None:
        yield Span(begun, record.over)


def _absences(record: Record) -> list[tuple[str, float, float]]:
    """Which node could not take part, from when to when; one that was ended until it answers."""
    return [
        (name, event.begun, _answers(record, name, event))
        for event in record.events
        if event.perturbation.kind in DEAF_KINDS
        for name in event.nodes
    ]


def _answers(record: Record, name: str, event: Event) -> float:
    if event.perturbation.kind not in ENDING_KINDS:
        return event.ended
    sights = record.sights.get(name, [])
    return next((one.at for one in sights if one.at > event.ended and one.height >= 0), event.ended)


def _has_quorum(record: Record, absent: Sequence[tuple[str, float, float]], at: float) -> bool:
    voters = _voters(record, at)
    deaf = {name for name, begun, ended in absent if begun <= at < ended}
    side = voters
    for event in record.events:
        if event.perturbation.kind == "partition" and event.begun <= at < event.ended:
            side = side & _largest_side(event.perturbation, voters)
    return len(side - deaf) >= _quorum(len(voters))


def _voters(record: Record, at: float) -> set[str]:
    voters = {f"node{index}" for index in range(record.manifest.validators)}
    for event in record.events:
        if event.ended <= at and event.perturbation.kind == "add_validator":
            voters |= set(event.nodes)
        if event.ended <= at and event.perturbation.kind == "remove_validator":
            voters -= set(event.nodes)
    return voters


def _largest_side(one: Perturbation, voters: set[str]) -> set[str]:
    apart = {name for side in one.sides for name in side}
    return max(
        ((voters & set(side)) | (voters - apart) for side in one.sides), key=len, default=voters
    )


def _quorum(validators: int) -> int:
    return validators - (validators - 1) // 3


def _progress(record: Record, halts: Sequence[Span]) -> Iterator[str]:
    if record.manifest.rate == 0:
        return
    expect = record.manifest.expect
    times = [at for at, _ in tops(record) if record.loaded <= at <= record.over]
    for before, after in pairwise([record.loaded, *times, record.over]):
        met = [halt for halt in halts if before < halt.ended and halt.begun < after]
        since = max([before, *(halt.ended for halt in met)])
        allowed = expect.first_block_s if met else expect.block_s
        if after - since > allowed and since < record.over:
            what = "after there was a quorum again" if met else "while there was a quorum"
            moment = since - record.loaded
            yield f"no block for {after - since:.1f} s {what}, from {moment:.1f} s on"
    for halt in halts:
        known = _known_in(record, halt)
        extra = [
            height
            for at, height in tops(record)
            if halt.begun < at < halt.ended and height > known + 1
        ]
        if extra:
            yield f"blocks {extra} were decided where no quorum could speak"


def _known_in(record: Record, halt: Span) -> float:
    """The highest that any node had when it was first asked after a halt had begun.

    What was signed before may be decided after, at any time: of one block, since for a second one
    a quorum would have to speak when it has the first.
    """
    heights = []
    for sights in record.sights.values():
        inside = [sight for sight in sights if halt.begun < sight.at < halt.ended]
        # The first answer in the halt may be to a question from before it.
        heights += [sight.height for sight in inside if sight.height >= 0][:2]
    return max(heights, default=inf)


def _level(record: Record) -> Iterator[str]:
    for event in record.events:
        level_s, allowed = level_s_of(record, event), record.manifest.expect.level_s
        one = event.perturbation
        if _is_last_of_its_time(record, event) and (level_s is None or level_s > allowed):
            took = "never" if level_s is None else f"after {level_s:.1f} s"
            yield f"{one.kind} at {one.at_s:g} s: everybody was level {took}, allowed {allowed:g} s"


def _is_last_of_its_time(record: Record, event: Event) -> bool:
    """Nothing else is wrong when it ends, nor soon after."""
    allowed = record.manifest.expect.level_s
    return not any(
        other is not event and other.begun < event.ended + allowed and other.ended > event.ended
        for other in record.events
    )


def level_s_of(record: Record, event: Event) -> float | None:
    """Until every node has what anybody had a moment before."""
    highest = tops(record)
    first = next((at for at, _ in highest if at > event.ended), None)
    if first is None:  # nothing was decided any more: there is nothing to catch up with
        first = event.ended
    running = [name for name, sights in record.sights.items() if _lives(record, name, event)]
    latest = 0.0
    for name in running:
        for sight in record.sights[name]:
            if sight.at < first:
                continue
            due = max([h for at, h in highest if at <= sight.at - LAG_S], default=0)
            due = max(due, *(h for at, h in highest if at == first), 0)
            if sight.height >= due:
                latest = max(latest, sight.at - event.ended)
                break
        else:
            return None
    return latest


def _lives(record: Record, name: str, event: Event) -> bool:
    """It ran when this began, or this happened to it."""
    if event.perturbation.kind == "remove_validator" and name in event.nodes:
        return False
    before = [sight for sight in record.sights[name] if sight.at <= event.begun]
    return name in event.nodes or (bool(before) and before[-1].height >= 0)


def _outcome(record: Record, event: Event, halts: Sequence[Span]) -> Outcome:
    ended = max([event.ended, *(_answers(record, name, event) for name in event.nodes)])
    level_s = level_s_of(record, event)
    until = event.ended + (level_s or record.manifest.expect.level_s)
    times = [at for at, _ in tops(record)]
    halted = [halt.ended for halt in halts if halt.begun < ended and event.begun < halt.ended]
    again = max([event.ended, *halted])
    following = next((at - again for at in times if at > again), None)
    return Outcome(event, gap_s(record, event.begun, until), following, level_s)


# --- leaks, why -----------------------------------------------------------------------------------


def _leaks(record: Record) -> Iterator[str]:
    for name, weights in record.weights.items():
        for pid in dict.fromkeys(weight.pid for weight in weights):
            own = [weight for weight in weights if weight.pid == pid]
            yield from _grown(name, own)


def _grown(name: str, weights: Sequence[Weight]) -> Iterator[str]:
    # Of a run's second half, so that what a young process opens is not counted.
    half = weights[len(weights) // 2 :]
    grown = half[-1].descriptors - half[0].descriptors
    if grown > DESCRIPTORS_GROWN_MAX:
        yield f"{name} has {grown} descriptors more than half-way, {half[-1].descriptors}"
    heaviest = max(weight.memory_mb for weight in weights)
    if heaviest > MEMORY_MB_MAX:
        yield f"{name} took {heaviest:.0f} MB, allowed {MEMORY_MB_MAX:.0f}"


def _whys(record: Record, halts: Sequence[Span]) -> Iterator[str]:
    for event in record.events:
        yield from unsaid(record, event, _shown_until(record, event))
    for halt in halts:
        # An observer that hears both sides of a cut has no vote to miss: it may only say "slow".
        for name in sorted(_voters(record, halt.begun)):
            whys = record.whys[name]
            last = [why for why in whys if halt.begun < why.at < halt.ended][-1:]
            lasted = halt.ended - halt.begun > record.manifest.expect.block_s
            if lasted and last and last[0].verdict != "halted":
                yield f"{name} says {last[0].verdict} where no quorum can speak"


def unsaid(record: Record, event: Event, until: float) -> Iterator[str]:
    """What a manifest expects of nodes' `why` in an event, and they did not say by then."""
    for name, codes in _expected(record, event):
        said = [why for why in record.whys.get(name, []) if event.begun <= why.at <= until]
        named = {code for why in said for code in why.codes}
        missing = [code for code in codes if code not in named]
        if missing:
            found = ", ".join(sorted(named)) or "nothing"
            kind, at_s = event.perturbation.kind, event.perturbation.at_s
            yield (
                f"{kind} at {at_s:g} s: why of {name} names {found}; "
                f"{', '.join(missing)} is missing"
            )


def _shown_until(record: Record, event: Event) -> float:
    if event.perturbation.kind in SHOWN_LATER:
        return min(
            (one.begun for one in record.events if one.begun > event.begun), default=record.over
        )
    return max([event.ended, *(_answers(record, name, event) for name in event.nodes)])


def _blames(record: Record) -> Iterator[str]:
    """Twice in a row, by a node whose loop was not late, of one that answered all the while."""
    wrong = {
        (name, blamed)
        for name, whys in record.whys.items()
        for before, why in pairwise(whys)
        for blamed in set(before.missing) & set(why.missing)
        if "loop.lagging" not in why.codes
        if not any(_disturbed(record, one, before.at) for one in (name, blamed))
        if _answered(record, blamed, before.at - SILENT_S, why.at)
    }
    for name, blamed in sorted(wrong):
        yield f"why of {name} calls {blamed} missing, and nothing happened to either"


def _answered(record: Record, name: str, begin: float, end: float) -> bool:
    """Whether whoever asked a node was answered, and went on asking: a machine that stands still
    for a while makes its nodes say nothing, to each other too."""
    sights = [sight for sight in record.sights.get(name, ()) if begin <= sight.at <= end]
    times = [begin, *(sight.at for sight in sights), end]
    asked = all(later - earlier <= STOOD_STILL_S for earlier, later in pairwise(times))
    return asked and all(sight.height >= 0 for sight in sights)


def _disturbed(record: Record, name: str, at: float) -> bool:
    """Whether something happens to it, or did a while ago."""
    patience_s = min(record.manifest.expect.level_s, CALM_S)
    return at < record.loaded + patience_s or any(
        event.perturbation.kind in COMING_KINDS
        or (event.begun - ACT_S <= at and not _is_over(record, name, event, at - patience_s))
        for event in record.events
        if name in (*event.nodes, *(one for side in event.perturbation.sides for one in side))
    )


def _is_over(record: Record, name: str, event: Event, at: float) -> bool:
    """Whether a node had got over something by then: it answered, and everybody was level."""
    if at <= _answers(record, name, event):
        return False
    return at > event.ended + (level_s_of(record, event) or 0)


def _expected(record: Record, event: Event) -> Iterator[tuple[str, Sequence[str]]]:
    why = event.perturbation.why
    for name in record.manifest.nodes:
        if name in why:
            yield name, why[name]
        elif OTHERS in why and name not in event.nodes:
            yield name, why[OTHERS]
