"""Findings about the height at hand: which phase waits, for whose signature, whose turn it is."""

from collections.abc import Iterator

from node.facts import Seen
from node.findings import Code, Weighed, Weight, ago, found, listed, moment
from node.plain_words import counted, number, span
from node.roll_call import Fitness, RollCall
from primitives.ids import NO_VIEW, Seat
from primitives.validators import primary_of

WAITS_MS = 2_000
"""A height that takes longer is worth a word; most take less than one timeout of a second."""
TURNS_LOST = 3
"""Of the newest decisions, turns of one primary that were lost before it is worth a word."""


def waiting(call: RollCall) -> Iterator[Weighed]:
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
            f"{words} There has been work at this height {ago(facts, step.work_ms)}.",
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


def _nothing_to_do(call: RollCall) -> Iterator[Weighed]:
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
            "Nothing.",
        )


def _phase(call: RollCall) -> tuple[str, tuple[Seen, ...]]:
    """Where the height is, and who could end this phase."""
    step, view = call.step, call.view
    where = f"Height {number(call.next_height)}, view {number(view)}"
    asking = call.seen(tuple(Seat(s) for s, asked in enumerate(step.views) if asked >= view))
    begun = view == 0 or len(asking) >= call.quorum
    if view > 0 and step.entered < view and not begun:
        return _counted(call, f"{where} is asked for and has not begun", "requests for it", asking)
    if view > step.wish:  # an observer keeps no votes of views that it does not take part in
        return (
            f"{where} has begun; its votes are not told to an observer.",
            (call.primary,),
        )
    if not step.has_proposal and not step.prepares and not step.commits:
        whose = f"{_who(call, call.primary)}, whose turn it is{_timer(call)}"
        return f"{where} waits for the proposal of {whose}", (call.primary,)
    if step.has_proposal and not step.has_body:
        return f"{where}: the block that {call.primary.name} proposed is not here yet.", ()
    if step.refused:
        return (
            f"{where}: the block that {call.primary.name} proposed is bad in this node's state.",
            (call.primary,),
        )
    proposed = f"{where}: {call.primary.name}'s block is proposed"
    prepares, commits = call.seen(step.prepares), call.seen(step.commits)
    if len(prepares) < call.quorum and len(commits) < call.quorum:
        return _counted(call, proposed, "prepares", prepares)
    return _counted(call, f"{proposed} and prepared", "commits", commits)


def _timer(call: RollCall) -> str:
    left_ms = call.step.timeout_ms - call.step.for_ms
    if call.step.entered < call.view or call.step.entered == NO_VIEW or left_ms <= 0:
        return "."
    return f"; after {span(left_ms)} more the others ask for the next view."


def _counted(
    call: RollCall, where: str, what: str, here: tuple[Seen, ...]
) -> tuple[str, tuple[Seen, ...]]:
    """So many are here, so many more would do, and from whom they can come."""
    seats = {one.seat for one in here}
    awaited = tuple(v for v in call.facts.validators if v.seat not in seats)
    lacking = max(0, call.quorum - len(here))
    held = f"{len(here)} of the {call.quorum} {what} needed are here"
    held += f" ({listed(here)})" if here else ""
    if lacking == 0:
        return f"{where}; {held}.", ()
    end = "1 more ends this phase" if lacking == 1 else f"{lacking} more end this phase"
    whose = ", ".join(_who(call, one) for one in awaited)
    return f"{where}; {held}. {end}, of: {whose}.", awaited


def _who(call: RollCall, one: Seen) -> str:
    fitness = call.fitness(one)
    mine = "this node, " if one.is_self else ""
    return f"{one.name} ({mine}{fitness.value})"


def _advice(call: RollCall, awaited: tuple[Seen, ...]) -> str:
    unfit = tuple(v for v in awaited if call.fitness(v) is not Fitness.AT_WORK and not v.is_self)
    able = tuple(v for v in awaited if call.fitness(v) is Fitness.AT_WORK and not v.is_self)
    if not call.has_quorum:
        return "See who is missing above: with a quorum back this height is decided by itself."
    if able:
        return (
            f"{listed(able)} {'is' if len(able) == 1 else 'are'} there and could sign: ask for "
            "their own `mithaq why` if this lasts."
        )
    if unfit:
        return f"Call {listed(unfit)}; the next view goes on without them meanwhile."
    return "Nothing, unless it lasts: then compare with another validator's `mithaq why`."


def _silent_primary(call: RollCall) -> Iterator[Weighed]:
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


def _lost_turns(call: RollCall) -> Iterator[Weighed]:
    """Who is at work, and whose turns came to nothing again and again."""
    lost: dict[Seat, int] = {}
    for decision in call.facts.decisions:
        for view in range(min(decision.view, call.count)):
            seat = primary_of(call.count, decision.height, type(decision.view)(view))
            lost[seat] = lost.get(seat, 0) + 1
    for one in call.facts.validators:
        turns = lost.get(one.seat, 0)
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
