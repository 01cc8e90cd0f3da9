"""Findings about who is there: missing, cut off, fenced, starting, behind."""

from collections.abc import Iterator
from typing import Final

from node.facts import Seen, Trouble
from node.findings import Code, Finding, Weight, ago, found, listed, moment
from node.plain_words import counted, number, span
from node.roll_call import TOGETHER_MS, Fitness, Reach, RollCall
from node.standing import SigningState, in_words
from node.status import NodeRole

SETTLES_MS: Final = 5_000
"""After a start and after a break, links need a moment."""


def absences(call: RollCall) -> Iterator[Finding]:
    """Everything about who is there."""
    yield from _admission(call)
    yield from _quorum(call)
    yield from _cuts(call)
    yield from _divided(call)
    yield from _sides(call)
    yield from _missing(call)
    yield from _starting(call)
    for one in call.facts.validators:
        yield from _one(call, one)


def _admission(call: RollCall) -> Iterator[Finding]:
    closed = tuple(v for v in call.facts.validators if v.trouble is Trouble.NOT_ADMITTED)
    if closed:
        lonely = not any(v.linked for v in call.facts.validators if not v.is_self)
        yield found(
            Code.NOT_ADMITTED,
            Weight.STOPS if lonely else Weight.SLOWS,
            f"{listed(closed)} took the connection and closed it before a word was said: this "
            "node's key is not admitted there.",
            "Have the registrar admit this node's key (`mithaq observer`), or look whether "
            "node.key is the one that the chain names.",
            about=closed,
        )


def _quorum(call: RollCall) -> Iterator[Finding]:
    if call.has_quorum:
        return
    present, needed, count = len(call.able), call.quorum, call.count
    if present >= needed:
        most = max(len(side) for side in call.sides)
        yield found(
            Code.QUORUM_MISSING,
            Weight.STOPS,
            f"{present} of {count} validators are at work, and no more than {most} of them reach "
            f"each other; {needed} are needed: no block can be decided until they meet.",
            "Mend the line between the sides, as said below, before anybody restarts a node.",
        )
        return
    others = tuple(v for v in call.facts.validators if v not in call.able)
    lacking = needed - present
    if call.facts.role is NodeRole.OBSERVER and not call.near:
        yield found(
            Code.QUORUM_MISSING,
            Weight.STOPS,
            f"This node reaches none of the {count} validators: whether they go on cannot be seen "
            "from here.",
            "Look at this machine's network first, then ask any validator's operator for their "
            "`mithaq why`.",
            about=others,
        )
        return
    kinds = ", ".join(f"{v.name} ({_state(call, v)})" for v in others)
    some = listed(others, last="or")
    who = f"{lacking} of {some}" if lacking < len(others) else listed(others)
    here = "is" if present == 1 else "are"
    advice = (
        f"Bring back {who}: what each needs is said below. The chain goes on by itself within "
        "seconds, and no other node needs a restart."
    )
    if call.split:
        advice = (
            "Mend the line between the two sides, as said below, before anybody restarts a node."
        )
    more = "1 more is" if lacking == 1 else f"{lacking} more are"
    yield found(
        Code.QUORUM_MISSING,
        Weight.STOPS,
        f"{present} of {count} validators {here} at work as seen from here, {needed} are needed: "
        f"no block can be decided until {more} back. Not at work: {kinds}.",
        advice,
        about=others,
    )


def _state(call: RollCall, one: Seen) -> str:
    """One word, or two."""
    fitness = call.fitness(one)
    return "this node" if one.is_self else fitness.value


def _cuts(call: RollCall) -> Iterator[Finding]:
    """Who is at work, and not reached by this node: others reach them, or pass on their words."""
    cut = tuple(
        one
        for one in call.facts.validators
        if call.reach(one) is Reach.RELAYED and call.lost_ms(one) > SETTLES_MS
        if call.trouble(one) in {Trouble.SILENT, Trouble.HUNG, Trouble.LOST}
    )
    if not cut:
        return
    reaching = {other.seat: other for one in cut for other in call.reached_by(one)}
    through = tuple(reaching[seat] for seat in sorted(reaching))
    how = "what they sign still comes by way of others"
    if through:
        how = f"{listed(through)} {'reaches' if len(through) == 1 else 'reach'} them"
    age_ms = max(call.lost_ms(one) for one in cut)
    yield found(
        Code.PARTITION,
        Weight.SLOWS,
        f"This node has no link with {listed(cut)} {ago(call.facts, age_ms)}, though they are "
        f"there: {how}. The line between is cut, and votes take the way through the others.",
        f"Call whoever runs the network between this node and {listed(cut, last='or')}; no node "
        "needs a restart.",
        about=cut,
        since_ms=moment(call.facts, age_ms),
    )


def _divided(call: RollCall) -> Iterator[Finding]:
    """What only an observer sees: it hears all sides of a cut."""
    if len(call.sides) > 1:
        shown = " | ".join(", ".join(one.name for one in side) for side in call.sides)
        able = [side for side in call.sides if len(side) >= call.quorum]
        follows = f"{listed(able[0])} go on" if able else f"none has the {call.quorum} needed"
        yield found(
            Code.PARTITION,
            Weight.SLOWS if able else Weight.STOPS,
            f"The validators, who all answer this node, say that they do not reach each other: "
            f"{shown}; {follows}. The network between them is cut.",
            "Call whoever runs the network between them; they meet again by themselves, and no "
            "node needs a restart.",
            about=tuple(one for side in call.sides for one in side if side not in able),
        )


def _sides(call: RollCall) -> Iterator[Finding]:
    """Several whose machines went silent at one time: more likely a line than so many machines."""
    lost = call.split
    if not lost:
        return
    age_ms = max(call.silent_ms(one) for one in lost)
    near, count, needed = call.near, call.count, call.quorum
    there, here = len(lost), len(call.able)
    if there >= needed:
        follows = f"The {there} there are enough to go on without this side ({needed} are needed)."
    elif here >= needed:
        follows = f"This side goes on; the {there} there cannot ({needed} are needed)."
    else:
        follows = f"Neither side can decide anything: {needed} of {count} are needed."
    yield found(
        Code.PARTITION,
        Weight.STOPS if here < needed else Weight.SLOWS,
        f"{_this_side(near)}; {listed(lost)} went silent together, "
        f"{ago(call.facts, age_ms)}, and their machines do not answer at all. Most likely the "
        f"network between the two sides is cut. {follows}",
        f"Call whoever runs the network between {listed(near, last='or')} and "
        f"{listed(lost, last='or')}; both sides meet again by themselves, and nobody may unfence "
        "or restore anything meanwhile.",
        about=lost,
        since_ms=moment(call.facts, age_ms),
    )


def _this_side(near: tuple[Seen, ...]) -> str:
    if not near:
        return "This node reaches nobody"
    return f"On this side {'is' if len(near) == 1 else 'are'} {listed(near)}"


def _one(call: RollCall, one: Seen) -> Iterator[Finding]:
    match call.fitness(one):
        case Fitness.FENCED | Fitness.CLONED | Fitness.MUTED | Fitness.HALTED:
            if not (one.is_self and call.facts.halted is not None):
                yield _not_signing(call, one)
        case Fitness.BEHIND:
            if not one.is_self:  # who says so as a finding of its own
                yield _behind(one)
        case Fitness.AT_WORK | Fitness.MISSING | Fitness.STARTING:
            pass
    if one.suspended:
        yield found(
            Code.VALIDATOR_SUSPENDED,
            Weight.REMARK,
            f"{one.name} was proved guilty of signing two things that exclude each other. It votes "
            "on only because fewer than the minimum would remain.",
            f"The bodies decide who takes the place of {one.name}: `mithaq validator propose`.",
            about=(one,),
        )


def _missing(call: RollCall) -> Iterator[Finding]:
    """Each cause once, with all who went silent about the same time."""
    groups: dict[tuple[bool, Trouble, str, bool, bool], list[Seen]] = {}
    for one in call.named(fitness=Fitness.MISSING):
        if one.trouble is Trouble.NOT_ADMITTED and not one.linked:
            continue  # told once, for all of them
        quiet, full = call.reach(one) is Reach.QUIET, one.word is not None and one.word.disk_low
        blame = one.error if one.trouble is Trouble.PAUSED else ""
        key = (quiet, call.trouble(one), blame, full, one.heard_ms is None)
        groups.setdefault(key, []).append(one)
    for members in groups.values():
        left = sorted(members, key=call.silent_ms)
        while left:
            newest_ms = call.silent_ms(left[0])
            some = [one for one in left if call.silent_ms(one) <= newest_ms + TOGETHER_MS]
            left = left[len(some) :]
            about = tuple(sorted(some, key=lambda one: one.seat))
            yield _absent(call, about)


def _absent(call: RollCall, about: tuple[Seen, ...]) -> Finding:
    """Some who are missing for one reason since about one time."""
    age_ms, one = max(call.silent_ms(one) for one in about), about[0]
    begin = f"{listed(about)} {'is' if len(about) == 1 else 'are'} missing"
    if one.heard_ms is None:
        begin += f": nothing was heard since this node's start, {span(age_ms)} ago"
    else:
        begin += f" {ago(call.facts, age_ms)}"
    its, s, do = ("its", "", "does") if len(about) == 1 else ("their", "s", "do")
    if call.reach(one) is Reach.QUIET:
        how = f"{its} link{s} {'stands' if len(about) == 1 else 'stand'} and nothing comes on "
        how += f"{'it' if len(about) == 1 else 'them'}: stopped, or overloaded"
        todo = f"{'is' if len(about) == 1 else 'are'} the process{'es' if s else ''} stopped, or "
        todo += f"the machine{s} or the line{s} overloaded?"
    else:
        how, todo = _causes(call, one, its=its, s=s, do=do)
    if one.word is not None and one.word.disk_low:
        how += f". The last that was said there: the disk{s} {'are' if s else 'is'} nearly full"
        todo = f"make room on the disk{s}, then start the node{s} again."
    return found(
        Code.VALIDATOR_MISSING,
        Weight.SLOWS,
        f"{begin}; {how}.",
        f"Call {listed(about)}: {todo}",
        about=about,
        since_ms=moment(call.facts, age_ms),
    )


def _causes(call: RollCall, one: Seen, *, its: str, s: str, do: str) -> tuple[str, str]:
    """How somebody is missing, and what to do there."""
    match call.trouble(one):
        case Trouble.DOWN:
            return (
                f"{its} machine{s} answer{'' if s else 's'}, and no node runs there",
                f"start the node{s}; the last lines of the log say why it ended.",
            )
        case Trouble.HUNG:
            return (
                "connections are taken there and nothing is said: stopped, or overloaded",
                f"is the process{'es' if s else ''} stopped, or the machine{s} overloaded?",
            )
        case Trouble.UNKNOWN:
            return (
                "this node was never given an address, and nobody came",
                "ask for the address, and add it to this node's bootstrap list.",
            )
        case Trouble.LOST:
            return (
                f"the link{s} broke, and whether any machine answers there is not known yet",
                "in some seconds `mithaq why` says more.",
            )
        case Trouble.PAUSED:
            return (
                f"this node keeps {'them' if s else 'it'} away for a while: {one.error}",
                "what was sent from there breaks the rules; which version runs there?",
            )
        case _:
            return (
                f"{its} machine{s} {do} not answer at all: off, or behind a cut line",
                f"{'are' if s else 'is'} the machine{s} on, and {do} the line{s} work?",
            )


def _not_signing(call: RollCall, one: Seen) -> Finding:
    fitness, who = call.fitness(one), "this node" if one.is_self else one.name
    stuck = not call.has_quorum or len(call.named(fitness=Fitness.FENCED)) > call.faults
    match fitness:
        case Fitness.FENCED:
            how = "is fenced: its signer's memory was lost, so it signs nothing that it might have "
            how += "contradicted"
            advice = f"It comes back by itself within some blocks; if not, {_unfence(who)}."
            if stuck:
                advice = f"Too few others sign for it to come back by itself: {_unfence(who)}."
        case Fitness.CLONED:
            how = "has stopped signing: somebody else signs with its key"
            advice = f"Find the other machine that has the key of {who} and switch it off first; "
            advice += "then `mithaq unfence` there."
        case Fitness.HALTED:
            how = "has halted: a block that was decided is bad in its state"
            advice = f"The operator of {who} keeps its folder as evidence and restores the node "
            advice += "from another's snapshot."
        case _:
            how = "is there and signs nothing"
            advice = f"Ask the operator of {who} for its own `mithaq why`: it says the reason."
    words, since_ms, signing = f"{one.name} {how}.", None, call.facts.signing
    if one.is_self and signing is not None:
        words, since_ms = f"This node is not at work: {in_words(signing)}.", signing.since_ms
        if signing.state is SigningState.FENCED and signing.sign_from is not None:
            advice = (
                f"Nothing: it signs again by itself from height {number(signing.sign_from)} on."
            )
    return found(
        Code.VALIDATOR_FENCED, Weight.SLOWS, words, advice, about=(one,), since_ms=since_ms
    )


def _unfence(who: str) -> str:
    return f"the operator of {who} runs `mithaq unfence` once no other machine has its key"


def _starting(call: RollCall) -> Iterator[Finding]:
    advice = "Nothing, if it ends within a minute; else see who is missing."
    about = call.named(fitness=Fitness.STARTING)
    signing, up_ms = call.facts.signing, call.facts.machine.up_ms
    own = tuple(one for one in about if one.is_self)
    if own and signing is not None:
        yield found(
            Code.VALIDATOR_STARTING,
            Weight.SLOWS,
            f"This node started {span(up_ms)} ago and signs nothing until {signing.needed} others "
            f"have answered; {signing.answered} have.",
            advice,
            about=own,
            since_ms=moment(call.facts, up_ms),
        )
    others = tuple(one for one in about if not one.is_self)
    if others:
        verb = "signs" if len(others) == 1 else "sign"
        yield found(
            Code.VALIDATOR_STARTING,
            Weight.SLOWS,
            f"{listed(others)} started a moment ago and {verb} nothing before enough others have "
            "answered.",
            advice,
            about=others,
        )


def _behind(one: Seen) -> Finding:
    assert one.word is not None, "it said so itself"
    behind = counted(one.word.behind, "block", "blocks")
    return found(
        Code.VALIDATOR_BEHIND,
        Weight.SLOWS,
        f"{one.name} was {behind} behind this node when it last said so, "
        f"{span(one.word.age_ms)} ago, and signs nothing new until it has caught up.",
        f"Nothing while its height grows; if it stands still, ask {one.name} for its `mithaq why`.",
        about=(one,),
    )
