"""Findings about machines: clocks, disks, load, versions, parameters, and how far a node is."""

from collections.abc import Iterator
from statistics import median_low
from typing import Final

from node.facts import Seen
from node.findings import Code, Finding, Weight, found, listed
from node.plain_words import counted, number, span
from node.roll_call import RollCall
from node.status import BEHIND_MAX
from primitives import limits

CLOCKS_MIN: Final = 3
"""Of two clocks nobody can tell which is wrong."""


def conditions(call: RollCall) -> Iterator[Finding]:
    """Everything about machines."""
    yield from _halted(call)
    yield from _clocks(call)
    yield from _disks(call)
    yield from _progress(call)
    yield from _load(call)
    yield from _drift(call)


def _halted(call: RollCall) -> Iterator[Finding]:
    facts = call.facts
    if facts.halted is not None:
        yield found(
            Code.HALTED,
            Weight.STOPS,
            f"This node has halted after height {number(facts.height)} and follows the chain no "
            f"further: {facts.halted}.",
            "Keep its folder as it is, for evidence; compare with the others, and begin anew from "
            "another node's snapshot.",
            about=tuple(v for v in facts.validators if v.is_self),
        )


# --- clocks -----------------------------------------------------------------------------------


def _clocks(call: RollCall) -> Iterator[Finding]:
    """Who differs from the middle; our own clock is the zero of all differences."""
    facts, tolerance = call.facts, call.facts.rules.drift_ms
    ahead = {v.seat: _ahead(v) for v in facts.validators if _ahead(v) is not None and v.linked}
    known = [value for value in ahead.values() if value is not None]
    enough = len(known) + 1 >= CLOCKS_MIN
    middle = median_low([0, *known]) if enough else 0
    off = tuple(
        v
        for v in facts.validators
        if abs((ahead.get(v.seat) or 0) - middle) > tolerance and v.seat in ahead
    )
    if not enough and facts.machine.clock_ahead_ms is None:
        if off:
            yield found(
                Code.CLOCK_OFF,
                Weight.SLOWS,
                f"The clocks of {listed(off)} and of this machine differ by "
                f"{span(known[0])}; which of the two is wrong cannot be told from here.",
                "Compare both with the time of day (`timedatectl`), and set the wrong one right.",
                about=off,
            )
        return
    if abs(middle) > tolerance or facts.machine.clock_ahead_ms is not None:
        own_ms = -middle if abs(middle) > tolerance else (facts.machine.clock_ahead_ms or 0)
        yield found(
            Code.CLOCK_OFF,
            Weight.SLOWS,
            f"This machine's clock is {_differs(own_ms)}, as most of the others say.",
            "Set this machine's clock right (`timedatectl`): the node needs no restart.",
            about=tuple(v for v in facts.validators if v.is_self),
        )
    for one in off if enough else ():
        difference = (ahead[one.seat] or 0) - middle
        yield found(
            Code.CLOCK_OFF,
            Weight.SLOWS,
            f"The clock of {one.name} is {_differs(difference)}: what it proposes may be refused, "
            "and it may refuse what others propose.",
            f"Call {one.name}: set its clock right (`timedatectl`); its node needs no restart.",
            about=(one,),
        )


def _ahead(one: Seen) -> int | None:
    return None if one.word is None or one.is_self else one.word.clock_ahead_ms


def _differs(ahead_ms: int) -> str:
    return f"{span(ahead_ms)} {'ahead' if ahead_ms > 0 else 'behind'}"


# --- disks, progress, load --------------------------------------------------------------------


def _disks(call: RollCall) -> Iterator[Finding]:
    machine = call.facts.machine
    if machine.disk_free_bytes < limits.DISK_FREE_BYTES_LEFT:
        free, least = machine.disk_free_bytes >> 20, limits.DISK_FREE_BYTES_MIN >> 20
        yield found(
            Code.DISK_LOW,
            Weight.SLOWS,
            f"This machine's disk has {number(free)} MiB free; below {number(least)} MiB the node "
            "ends in order.",
            "Make room on the disk of the node's folder now: nothing is lost, and nothing else is "
            "needed.",
            about=tuple(v for v in call.facts.validators if v.is_self),
        )
    low = tuple(
        v
        for v in call.facts.validators
        if v.word is not None and v.word.disk_low and v.linked and not v.is_self
    )
    if low:
        whose = "disk of" if len(low) == 1 else "disks of"
        yield found(
            Code.DISK_LOW,
            Weight.SLOWS,
            f"The {whose} {listed(low)} {'is' if len(low) == 1 else 'are'} nearly full; a node "
            "ends in order before a write fails.",
            f"Call {listed(low)}: make room before the node ends.",
            about=low,
        )


def _progress(call: RollCall) -> Iterator[Finding]:
    facts, sync = call.facts, call.facts.sync
    missing = call.target - facts.height
    if missing <= BEHIND_MAX:
        return
    pace = "nobody who has them answers yet"
    if sync is not None and sync.blocks_per_s > 0:
        left = span(1000 * missing // sync.blocks_per_s)
        pace = f"{number(sync.blocks_per_s)} blocks a second come, so it is level in about {left}"
    elif sync is not None:
        pace = f"it asks {counted(sync.peers, 'peer', 'peers')} for them"
    yield found(
        Code.CATCHING_UP,
        Weight.SLOWS,
        f"This node is at height {number(facts.height)} and the others say that block "
        f"{number(call.target)} is decided: {number(missing)} are lacking here; {pace}. Until then "
        "it signs nothing new.",
        "Nothing while its height grows; if it stands still, its log says what the others "
        "answered.",
        about=tuple(v for v in facts.validators if v.is_self),
    )


def _load(call: RollCall) -> Iterator[Finding]:
    machine = call.facts.machine
    if machine.lag_ms > limits.LOOP_LAG_MS_MAX:
        yield found(
            Code.LOOP_LAGGING,
            Weight.SLOWS,
            f"This node's own loop was {span(machine.lag_ms)} late: its machine is overloaded, or "
            "was stopped.",
            "Look at the load of this machine (`top`), and at who else asks this node.",
            about=tuple(v for v in call.facts.validators if v.is_self),
        )
    full = machine.mempool >= limits.MEMPOOL_TRANSACTIONS_MAX * 9 // 10
    if full or machine.mempool_bytes >= limits.MEMPOOL_BYTES_MAX * 9 // 10:
        yield found(
            Code.MEMPOOL_FULL,
            Weight.SLOWS,
            f"{number(machine.mempool)} transactions wait here ({machine.mempool_bytes >> 20} MiB):"
            " there is nearly no room for more, and new ones are refused.",
            "Have the agencies pause their imports until fewer wait, or find why blocks do not "
            "take them.",
        )


def _drift(call: RollCall) -> Iterator[Finding]:
    own = call.facts.machine.version
    told = tuple(v for v in call.facts.validators if v.word is not None and v.linked)
    odd = tuple(v for v in told if v.word and v.word.same_parameters is False)
    if odd:
        yield found(
            Code.PARAMETERS_DIFFER,
            Weight.SLOWS,
            f"After the same block, {listed(odd)} had other consensus parameters than this node: "
            "their state or ours is not what the chain says.",
            f"Compare `mithaq state get parameters 00` here and at {listed(odd)}.",
            about=odd,
        )
    other = tuple(v for v in told if v.word and v.word.version != own)
    if other:
        runs = ", ".join(f"{v.name} {v.word.version}" for v in other if v.word)
        yield found(
            Code.VERSION_DIFFERS,
            Weight.REMARK,
            f"This node runs version {own}; others run another: {runs}.",
            "Nothing during an upgrade; otherwise agree on one version.",
            about=other,
        )
