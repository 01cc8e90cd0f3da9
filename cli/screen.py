"""One screen for the normal day: how the chain fares, its pace, its nodes and its validators.

Eighty columns, drawn from what the nodes answer to `GET /v1/why`; a line goes missing rather than
that one wraps.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from textwrap import wrap
from typing import Final

from cli.language import is_right_to_left, phrase, spoken
from cli.right_to_left import wrapped
from cli.second_opinion import Opinion
from cli.session import mirrored
from node.diagnosis import Diagnosis
from node.facts import Facts, Seen
from node.findings import Weight
from node.plain_words import number, span
from node.roll_call import Fitness, RollCall
from primitives.ids import short

WIDTH: Final = 80
VALIDATORS_SHOWN: Final = 16
"""Of more than these, those at work stand in no line of their own."""
_LAG_SHOWN_MS: Final = 100


def screen(found: Opinion, now_ms: int) -> str:
    """What is shown, line by line."""
    return "\n".join(_fitting(line) for line in _lines(found, now_ms))


def _fitting(line: str) -> str:
    if is_right_to_left():
        return spoken(line)
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _lines(found: Opinion, now_ms: int) -> Iterator[str]:
    clock = datetime.fromtimestamp(now_ms / 1000, tz=UTC)
    newest = max(found.answering, key=lambda one: one.height, default=None)
    network = "" if newest is None else f"{newest.facts.network}  "
    yield f"{network}{clock:%H:%M:%S} UTC"
    yield from _wrapped(found.words)
    if newest is not None:
        yield from _wrapped(_pace(newest.facts))
    for words in found.contradictions:
        yield from _wrapped(words, "! ")
    for told in found.findings:
        finding = told.finding
        if finding.weight is not Weight.REMARK:
            about = f" ({', '.join(finding.validators)})" if finding.validators else ""
            yield f"! {finding.code}{about}: mithaq why"
    yield ""
    yield from _table(
        ("NODE", "HEIGHT", "BLOCK", "VIEW", "LINKS", "WAITING", "DISK FREE", "STATE"),
        [_row(one.node.name, one.said, one.silence) for one in found.witnesses],
    )
    if newest is not None:
        yield ""
        yield from _validators(newest.facts)


def _wrapped(words: str, mark: str = "") -> list[str]:
    rest = " " * len(mark)
    if is_right_to_left():
        return wrapped(phrase(words), WIDTH, first=mark, rest=rest)
    return wrap(f"{mark}{words}", WIDTH, subsequent_indent=rest)


def _pace(facts: Facts) -> str:
    """How fast blocks come, and transactions become final."""
    said = []
    ages = [block.age_ms for block in facts.decisions]
    gaps = [older - newer for older, newer in pairwise(ages)]
    if gaps:
        said.append(f"a block every {span(int(median(gaps)))}, longest {span(max(gaps))}")
    if facts.finality is not None:
        timed = facts.finality
        said.append(f"final in {span(timed.median_ms)}, longest {span(timed.longest_ms)}")
    lost = sum(block.view > 0 for block in facts.decisions)
    if lost:
        said.append(f"{lost} of {len(ages)} took a second view")
    return "; ".join(said) or "no block yet since the node started"


def _row(name: str, said: Diagnosis | None, silence: str) -> tuple[str, ...]:
    if said is None:
        return (name, "-", "-", "-", "-", "-", "-", silence)
    facts = said.facts
    others = [one for one in facts.validators if not one.is_self]
    state: str = said.verdict
    if facts.machine.lag_ms > _LAG_SHOWN_MS:
        state += f", loop {span(facts.machine.lag_ms)} late"
    return (
        name,
        number(facts.height),
        f"{short(facts.block_id)}",
        str(RollCall(facts).view),
        f"{sum(one.linked for one in others)}/{len(others)}",
        number(facts.machine.mempool),
        _bytes(facts.machine.disk_free_bytes),
        state,
    )


def _bytes(count: int) -> str:
    gibibytes = count / (1 << 30)
    return f"{gibibytes:,.0f} GiB" if gibibytes >= 10 else f"{gibibytes:.1f} GiB"


def _validators(facts: Facts) -> Iterator[str]:
    call = RollCall(facts)
    rows = [
        _validator(call, one)
        for one in facts.validators
        if len(facts.validators) <= VALIDATORS_SHOWN or call.fitness(one) is not Fitness.AT_WORK
    ]
    if not rows:
        yield f"all {len(facts.validators)} validators are at work"
        return
    titles = ("VALIDATOR", "STATE", "HEIGHT", "VIEW", "CLOCK", "UP", "SIGNED", "VERSION")
    yield from _table(titles, rows)


def _validator(call: RollCall, one: Seen) -> tuple[str, ...]:
    facts, word = call.facts, one.word
    certified = "-" if one.certified is None else number(one.certified)
    state = call.fitness(one).value
    if one.is_self:
        machine = facts.machine
        own = (number(facts.height), str(facts.step.wish), "-", span(machine.up_ms))
        return (one.name, state, *own, certified, machine.version)
    if word is None or not one.linked:
        return (one.name, state, "-", "-", "-", "-", certified, "-")
    ahead_ms = word.clock_ahead_ms
    clock = "-" if ahead_ms is None else _off(ahead_ms)
    told = (number(word.height), str(word.view), clock, span(word.up_ms))
    return (one.name, state, *told, certified, word.version)


def _off(ahead_ms: int) -> str:
    return f"{ahead_ms:+} ms" if abs(ahead_ms) < 1_000 else f"{ahead_ms / 1000:+,.1f} s"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """As `cli.session.table`, and the same in a terminal and in a file."""
    if is_right_to_left():
        yield from mirrored(titles, rows)
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    widths[-1] = 0
    for row in (titles, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
