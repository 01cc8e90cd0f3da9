"""Findings about who is there: missing, cut off, fenced, starting, behind."""

from collections.abc import Iterator

from node.facts import Seen, Trouble
from node.findings import Code, Finding, Weight, ago, found, listed, moment
from node.plain_words import counted, number, span
from node.roll_call import Fitness, Reach, RollCall
from node.standing import SigningState, in_words
from node.status import NodeRole
from primitives import limits


def absences(call: RollCall) -> Iterator[Finding]:
    """Everything about who is there."""
    yield from _admission(call)
    yield from _quorum(call)
    yield from _cuts(call)
    yield from _sides(call)
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
    present, needed, count = len(call.at_work), call.quorum, call.count
    others = tuple(v for v in call.facts.validators if call.fitness(v) is not Fitness.AT_WORK)
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
    """Whom others reach, and we do not."""
    for one in call.facts.validators:
        through = call.reached_by(one)
        lost_ms = one.turned_ms if one.turned_ms is not None else call.facts.machine.up_ms
        known = one.trouble not in {Trouble.NOT_ADMITTED, Trouble.UNKNOWN}
        if not one.linked and not one.is_self and through and known and lost_ms > limits.QUIET_MS:
            yield found(
                Code.PARTITION,
                Weight.SLOWS,
                f"{listed(through)} {'reaches' if len(through) == 1 else 'reach'} {one.name}, and "
                f"this node does not, {ago(call.facts, lost_ms)}: the line between the two is cut. "
                "Votes take the way through the others.",
                f"Call {one.name} and whoever runs the network between: {one.name} is at work, "
                "and no node needs a restart.",
                about=(one,),
                since_ms=moment(call.facts, lost_ms),
            )


def _sides(call: RollCall) -> Iterator[Finding]:
    """Several whose machines went silent at one time: more likely a line than so many machines."""
    lost = call.split
    if not lost:
        return
    ages = [one.turned_ms or 0 for one in lost]
    near, count, needed = call.near, call.count, call.quorum
    there, here = len(lost), len(call.at_work)
    if there >= needed:
        follows = f"The {there} there are enough to go on without this side ({needed} are needed)."
    elif here >= needed:
        follows = f"This side goes on; the {there} there cannot ({needed} are needed)."
    else:
        follows = f"Neither side can decide anything: {needed} of {count} are needed."
    yield found(
        Code.PARTITION,
        Weight.STOPS if here < needed else Weight.SLOWS,
        f"This side reaches {listed(near)}; {listed(lost)} went silent together, "
        f"{ago(call.facts, max(ages))}, and their machines do not answer at all. Most likely the "
        f"network between the two sides is cut. {follows}",
        f"Call whoever runs the network between {listed(near, last='or')} and "
        f"{listed(lost, last='or')}; both sides meet again by themselves, and nobody may unfence "
        "or restore anything meanwhile.",
        about=lost,
        since_ms=moment(call.facts, max(ages)),
    )


def _one(call: RollCall, one: Seen) -> Iterator[Finding]:
    match call.fitness(one):
        case Fitness.MISSING:
            if one.trouble is not Trouble.NOT_ADMITTED or one.linked:
                yield _missing(call, one)
        case Fitness.FENCED | Fitness.CLONED | Fitness.MUTED | Fitness.HALTED:
            if not (one.is_self and call.facts.halted is not None):
                yield _not_signing(call, one)
        case Fitness.STARTING:
            yield _starting(call, one)
        case Fitness.BEHIND:
            if not one.is_self:  # who says so as a finding of its own
                yield _behind(one)
        case Fitness.AT_WORK:
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


def _missing(call: RollCall, one: Seen) -> Finding:
    facts, silent_ms = call.facts, call.silent_ms(one)
    if one.heard_ms is None:
        begin = f"{one.name} is missing: nothing was heard of it since this node's start"
        begin += f", {span(silent_ms)} ago"
    else:
        begin = f"{one.name} is missing {ago(facts, silent_ms)}"
    if call.reach(one) is Reach.QUIET:
        how = "its link stands, and nothing comes on it: its node is stopped, or overloaded"
        advice = f"Call {one.name}: is its process stopped, its machine or its line overloaded?"
    else:
        how, advice = _causes(one)
    word = one.word
    last = ""
    if word is not None and word.disk_low:
        last = " The last it said of itself: its disk is nearly full."
        advice = f"Call {one.name}: make room on its disk, then start its node again."
    return found(
        Code.VALIDATOR_MISSING,
        Weight.SLOWS,
        f"{begin}; {how}.{last}",
        advice,
        about=(one,),
        since_ms=moment(facts, silent_ms),
    )


def _causes(one: Seen) -> tuple[str, str]:
    match one.trouble:
        case Trouble.DOWN:
            return (
                "its machine answers, and no node runs there",
                f"Call {one.name}: start its node; the last lines of its log say why it ended.",
            )
        case Trouble.HUNG:
            return (
                "connections are taken there and nothing is said: its node is stopped, or busy",
                f"Call {one.name}: is its process stopped, or its machine overloaded?",
            )
        case Trouble.UNKNOWN:
            return (
                "this node was never given its address, and it did not come itself",
                f"Ask {one.name} for its address, and add it to this node's bootstrap list.",
            )
        case Trouble.LOST:
            return (
                "its link broke, and whether its machine answers is not known yet",
                f"Ask again in some seconds; then call {one.name}.",
            )
        case Trouble.PAUSED:
            return (
                f"this node keeps it away for a while, because of what it sent: {one.error}",
                f"Call {one.name}: what its node sends breaks the rules; which version is it?",
            )
        case _:
            return (
                "its machine does not answer at all: it is off, or the line to it is cut",
                f"Call {one.name}: is its machine on, and does its line work?",
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


def _starting(call: RollCall, one: Seen) -> Finding:
    signing = call.facts.signing
    if one.is_self and signing is not None and signing.state is SigningState.ASLEEP:
        up_ms = call.facts.machine.up_ms
        words = f"This node started {span(up_ms)} ago and signs nothing until {signing.needed} "
        words += f"others have answered; {signing.answered} have."
    else:
        up_ms = one.word.up_ms if one.word is not None else 0
        words = f"{one.name} started {span(up_ms)} ago and signs nothing before enough others have "
        words += "answered it."
    return found(
        Code.VALIDATOR_STARTING,
        Weight.SLOWS,
        words,
        "Nothing, if the others answer within a minute; else see who is missing.",
        about=(one,),
        since_ms=moment(call.facts, up_ms),
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
