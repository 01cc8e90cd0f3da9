"""Findings about the height at hand: which phase waits, for whose signature, whose turn it is."""

from collections.abc import Iterator
from typing import Final

from node.facts import Seen
from node.findings import Code, Finding, Weight, ago, found, listed, moment
from node.plain_words import counted, number, span
from node.roll_call import Fitness, Reach, RollCall
from node.status import NodeRole
from primitives.ids import NO_VIEW, Seat, View
from primitives.validators import primary_of

WAITS_MS: Final = 2_000
"""A height that takes longer is worth a word; most take less than one timeout of a second."""
TURNS_LOST: Final = 3
"""Of the newest decisions, turns of one primary that were lost before it is worth a word."""


def waiting(call: RollCall) -> Iterator[Finding]:
    """What the height waits for, if it does."""
    step, facts = call.step, call.facts
    if step.work_ms is None:
        yield from _nothing_to_do(call)
        return
    if step.work_ms > WAITS_MS:
        words, about = _phase(call)
        yield found(
            Code.PHASE_WAITING,
            _weight(call, step.work_ms),
            f"{words} This height has waited {ago(facts, step.work_ms)}.",
            _advice(call, about),
            about=about,
            since_ms=moment(facts, step.work_ms),
        )
    yield from _silent_primary(call)
    yield from _lost_turns(call)


def _weight(call: RollCall, age_ms: int) -> Weight:
    """With a quorum that can talk a height is decided within 2 · Tmax, whatever happened before."""
    late = age_ms > 2 * call.facts.rules.tmax_ms
    return Weight.STOPS if late or not call.has_quorum else Weight.SLOWS


def _nothing_to_do(call: RollCall) -> Iterator[Finding]:
    facts, rules = call.facts, call.facts.rules
    age_ms = facts.machine.up_ms if facts.block_ms is None else facts.block_ms
    overdue_ms = age_ms - rules.heartbeat_ms - rules.drift_ms
    if overdue_ms > WAITS_MS:
        yield found(
            Code.PHASE_WAITING,
            _weight(call, overdue_ms),
            f"No block for {span(age_ms)}, though an empty one is due every "
            f"{span(rules.heartbeat_ms)}; nothing that came here says what it waits for.",
            "Ask the operator of any validator for its `mithaq why`, which sees more.",
            since_ms=moment(facts, age_ms),
        )
    elif call.has_quorum:
        due_ms = max(0, rules.heartbeat_ms - age_ms)
        yield found(
            Code.IDLE,
            Weight.REMARK,
            f"Nothing waits to be decided; the next empty block is due in about {span(due_ms)}.",
            "",
        )


def _phase(call: RollCall) -> tuple[str, tuple[Seen, ...]]:
    """Where the height is, and who could end this phase."""
    step, view = call.step, call.view
    where = f"Height {number(call.next_height)}, view {number(view)}"
    asking = call.seen(tuple(Seat(s) for s, asked in enumerate(step.views) if asked >= view))
    if view > 0 and step.entered < view and len(asking) < call.quorum:
        return _counted(call, f"{where} has not begun:", "validators", "ask for it", asking)
    if view > step.wish:
        kept = "this node has not joined it yet"
        if call.facts.role is NodeRole.OBSERVER:
            kept = "an observer keeps no votes of later views"
        return f"{where} has begun; {kept}.", (call.primary,)
    if not step.has_proposal and not step.prepares and not step.commits:
        whose = f"{_who(call, call.primary)}, whose turn it is{_timer(call)}"
        return f"{where} waits for the proposal of {whose}", (call.primary,)
    proposer = call.primary.name
    if step.has_proposal and not step.has_body:
        return f"{where}: {proposer} has proposed, and the block itself is not here yet.", ()
    if step.refused:
        return f"{where}: {proposer}'s block is bad in this node's state.", (call.primary,)
    prepares, commits = call.seen(step.prepares), call.seen(step.commits)
    if len(prepares) < call.quorum and len(commits) < call.quorum:
        begin = f"{where}: {proposer}'s block is proposed, and"
        return _counted(call, begin, "prepares", "are here", prepares)
    begin = f"{where}: {proposer}'s block is proposed and prepared, and"
    return _counted(call, begin, "commits", "are here", commits)


def _timer(call: RollCall) -> str:
    left_ms = call.step.timeout_ms - call.step.for_ms
    if call.step.entered < call.view or call.step.entered == NO_VIEW or left_ms <= 0:
        return "."
    return f"; in {span(left_ms)} the others ask for the next view."


def _counted(
    call: RollCall, begin: str, what: str, do: str, here: tuple[Seen, ...]
) -> tuple[str, tuple[Seen, ...]]:
    """So many are here, so many more would do, and from whom they can come."""
    seats = {one.seat for one in here}
    awaited = tuple(v for v in call.facts.validators if v.seat not in seats)
    lacking = call.quorum - len(here)
    held = f"{begin} {len(here)} of the {call.quorum} {what} that it takes {do}"
    held += f" ({listed(here)})." if here else "."
    if lacking <= 0:
        return held, ()
    more = "1 more ends" if lacking == 1 else f"{lacking} more end"
    whose = ", ".join(_who(call, one) for one in awaited)
    return f"{held} {more} this phase, of: {whose}.", awaited


def _who(call: RollCall, one: Seen) -> str:
    """A name, and what is known of whether its signature can come."""
    if one.is_self:
        fitness = call.fitness(one)
        return f"{one.name} (this node{'' if fitness is Fitness.AT_WORK else ', ' + fitness.value})"
    if call.reach(one) is Reach.LINKED and call.fitness(one) is Fitness.AT_WORK:
        silent_ms = call.silent_ms(one)
        if silent_ms > WAITS_MS:
            return f"{one.name} (linked, silent for {span(silent_ms)})"
    return f"{one.name} ({call.fitness(one).value})"


def _advice(call: RollCall, awaited: tuple[Seen, ...]) -> str:
    unfit = tuple(v for v in awaited if call.fitness(v) is not Fitness.AT_WORK and not v.is_self)
    able = tuple(v for v in awaited if call.fitness(v) is Fitness.AT_WORK and not v.is_self)
    if not call.has_quorum:
        return "See who is missing above: with a quorum back this height is decided by itself."
    if able:
        return f"If this lasts, ask {listed(able, last='or')} for their own `mithaq why`."
    if unfit:
        return f"Call {listed(unfit)}; the next view goes on without them meanwhile."
    return "If this lasts, compare with another validator's `mithaq why`."


def _silent_primary(call: RollCall) -> Iterator[Finding]:
    """Its turn has come, it is there, and half of its time has passed without a proposal."""
    step, primary = call.step, call.primary
    waits = not step.has_proposal and not step.prepares and step.entered == call.view
    if not waits or 2 * step.for_ms <= step.timeout_ms or step.for_ms <= WAITS_MS // 2:
        return
    if call.fitness(primary) is Fitness.AT_WORK:
        who = "this node" if primary.is_self else primary.name
        yield found(
            Code.PRIMARY_SILENT,
            Weight.SLOWS,
            f"It is the turn of {who} to propose at height {number(call.next_height)}, view "
            f"{number(call.view)}; it is there, and has not proposed for {span(step.for_ms)}.",
            f"Look at the load, the clock and the line of {who}; the next in turn takes over by "
            "itself.",
            about=(primary,),
            since_ms=moment(call.facts, step.for_ms),
        )


def _lost_turns(call: RollCall) -> Iterator[Finding]:
    """Who is at work, and whose turns came to nothing again and again."""
    for one in call.facts.validators:
        there_ms = call.facts.machine.up_ms if one.turned_ms is None else one.turned_ms
        turns = sum(
            primary_of(call.count, decision.height, View(view)) == one.seat
            for decision in call.facts.decisions
            if decision.same_validators and decision.age_ms < there_ms
            for view in range(min(decision.view, call.count))
        )
        if turns >= TURNS_LOST and call.fitness(one) is Fitness.AT_WORK:
            who = "this node" if one.is_self else one.name
            yield found(
                Code.PRIMARY_SILENT,
                Weight.SLOWS,
                f"Of the last {counted(len(call.facts.decisions), 'block', 'blocks')}, "
                f"{counted(turns, 'turn', 'turns')} of {who} came to nothing and the next in turn "
                "took over.",
                f"Look at the clock, the load and the line of {who}; it is at work now, and each "
                "such turn costs a timeout.",
                about=(one,),
            )
