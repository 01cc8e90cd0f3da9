"""Why a chain is slow or halted, in plain language: a pure function of what one node knows.

**Theory.** A diagnosis is as good as its restraint. Each finding says what is seen from this node,
with since when and whom to call, and none says more than the facts carry: who cannot be reached may
be down or cut off; who is not in a certificate may have signed a moment later. Whether a height can
be decided is a count: who is at work, against the quorum.

The verdict is that of the heaviest finding. *Halted*: as things stand no further block is decided
on this side, or this node follows none. *Slow*: blocks come, or can come, and something costs time
or the margin for the next failure. *Healthy*: neither. Findings stand in the order of their weight,
then of their code, then of the seats that they are about, so that equal facts give equal words.
"""

from typing import Final, Literal, final

from msgspec import Struct

from node.absences import absences
from node.conditions import conditions
from node.facts import Facts
from node.findings import RANK, Finding, Weight, listed
from node.plain_words import counted, number, span
from node.roll_call import RollCall
from node.status import BEHIND_MAX, NodeRole
from node.waiting_for import waiting
from primitives.ids import Height, Natural, TimeMs

Verdict = Literal["healthy", "slow", "halted"]

_HEAVIEST: Final = list(Weight)
_VERDICTS: Final[dict[Weight, Verdict]] = {
    Weight.STOPS: "halted",
    Weight.SLOWS: "slow",
    Weight.REMARK: "healthy",
}


@final
class Diagnosis(Struct, frozen=True, kw_only=True):
    """The answer of `GET /v1/why`: how the chain fares as this node sees it, and why."""

    verdict: Verdict
    words: str
    """The verdict in a sentence."""
    height: Natural[Height]
    """The newest block of this node."""
    since_ms: Natural[TimeMs]
    """When it became durable here, or when this node started; by this machine's clock."""
    findings: tuple[Finding, ...]
    """The heaviest first."""
    facts: Facts
    """What it was made from."""


def diagnose(facts: Facts) -> Diagnosis:
    """The verdict and its reasons."""
    call = RollCall(facts)
    seats = {one.name: one.seat for one in facts.validators}

    def order(one: Finding) -> tuple[int, int, list[int]]:
        return _HEAVIEST.index(one.weight), RANK[one.code], [seats[name] for name in one.validators]

    findings = sorted([*conditions(call), *absences(call), *waiting(call)], key=order)
    verdict = _VERDICTS[findings[0].weight if findings else Weight.REMARK]
    age_ms = facts.machine.up_ms if facts.block_ms is None else facts.block_ms
    return Diagnosis(
        verdict=verdict,
        words=_sentence(call, verdict, age_ms),
        height=facts.height,
        since_ms=TimeMs(max(0, facts.now_ms - age_ms)),
        findings=tuple(findings),
        facts=facts,
    )


def _sentence(call: RollCall, verdict: Verdict, age_ms: int) -> str:
    facts = call.facts
    height = number(facts.height)
    newest = f"block {height} came {span(age_ms)} ago"
    if facts.block_ms is None:
        newest = f"no block since this node's start {span(age_ms)} ago"
    missing = call.target - facts.height
    if verdict == "slow" and missing > BEHIND_MAX:
        lacking = counted(missing, "block", "blocks")
        return f"This node is at height {height}, {lacking} behind the others: {newest}."
    if verdict != "halted":
        margin = len(call.at_work) - call.quorum
        first = "Healthy" if verdict == "healthy" else "Slow"
        end = ": one more failure halts the chain." if margin == 0 < call.faults else "."
        return (
            f"{first} at height {height}: {newest}; {len(call.at_work)} of "
            f"{counted(call.count, 'validator', 'validators')} at work, {call.quorum} needed{end}"
        )
    if facts.halted is not None:
        return f"This node has halted at height {height}; the others may go on without it."
    if facts.role is NodeRole.OBSERVER and not call.near:
        return f"Cut off at height {height}: {newest}."
    away = call.unanswered
    if len(away) >= call.quorum:
        return f"Cut off at height {height}: {newest}; {listed(away)} may go on without this side."
    return f"Halted at height {height}: {newest}, and as things stand none follows."
