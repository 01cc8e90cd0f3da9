"""Event logs in XES, the format that process miners read (IEEE 1849-2016).

A **log** holds the cases of one owner, a **trace** one case, an **event** one move: what was done
(`concept:name`, the transition), when (`time:timestamp`, the time of its block), by whom
(`org:resource`, an account; none where silence moved) and whose desk it was (`org:role`). A move is
one point in time, so each event has the life cycle `complete`. What the standard has no word for is
under the prefix `mithaq`: the states before and after, the version of the flow, and the transaction
and entry by which anybody fetches the proof of the event.

Traces stand in the order in which their cases were opened, events in the order of the chain, so the
same moves make the same bytes at every node.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final

from primitives.ids import AccountId, Digest, TimeMs
from services.casework.queries import MoveRow

_NAMESPACE: Final = "http://www.xes-standard.org/"
_EXTENSIONS: Final = (
    ("Concept", "concept", f"{_NAMESPACE}concept.xesext"),
    ("Lifecycle", "lifecycle", f"{_NAMESPACE}lifecycle.xesext"),
    ("Organizational", "org", f"{_NAMESPACE}org.xesext"),
    ("Time", "time", f"{_NAMESPACE}time.xesext"),
)
"""Clause 7 of the standard: name, prefix, and where each is defined."""


def event_log(owner: AccountId, moves: Iterable[MoveRow]) -> bytes:
    """The log of these moves, which are in the order of the chain."""
    traces: dict[Digest, list[MoveRow]] = {}
    for move in moves:
        traces.setdefault(move.case, []).append(move)
    return "".join(f"{line}\n" for line in _lines(owner, traces)).encode()


def _lines(owner: AccountId, traces: dict[Digest, list[MoveRow]]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<log xes.version="1849.2016" xes.features="" xmlns="{_NAMESPACE}">'
    for name, prefix, uri in _EXTENSIONS:
        yield f'  <extension name="{name}" prefix="{prefix}" uri="{uri}"/>'
    yield '  <global scope="trace">'
    yield _text(4, "concept:name", "UNKNOWN")
    yield "  </global>"
    yield '  <global scope="event">'
    yield _text(4, "concept:name", "UNKNOWN")
    yield _text(4, "lifecycle:transition", "complete")
    yield _date(4, TimeMs(0))
    yield "  </global>"
    yield '  <classifier name="transition" scope="event" keys="concept:name"/>'
    yield '  <classifier name="transition by desk" scope="event" keys="concept:name org:role"/>'
    yield _text(2, "concept:name", f"procedures of {owner.hex()}")
    yield _text(2, "lifecycle:model", "standard")
    for case, moves in traces.items():
        yield "  <trace>"
        yield _text(4, "concept:name", case.hex())
        yield _text(4, "mithaq:flow", moves[0].flow)
        yield _whole(4, "mithaq:version", moves[0].version)
        for move in moves:
            yield from _event(move)
        yield "  </trace>"
    yield "</log>"


def _event(move: MoveRow) -> Iterator[str]:
    yield "    <event>"
    yield _text(6, "concept:name", move.transition)
    yield _text(6, "lifecycle:transition", "complete")
    yield _date(6, move.time_ms)
    yield _text(6, "org:role", move.who)
    if move.mover is not None:
        yield _text(6, "org:resource", move.mover.hex())
    yield _text(6, "mithaq:left", move.left)
    yield _text(6, "mithaq:state", move.state)
    yield _text(6, "mithaq:transaction", move.transaction.hex())
    yield _whole(6, "mithaq:entry", move.entry)
    yield "    </event>"


def _text(indent: int, key: str, value: str) -> str:
    return f'{" " * indent}<string key="{key}" value="{escape(value)}"/>'


def _whole(indent: int, key: str, value: int) -> str:
    return f'{" " * indent}<int key="{key}" value="{value}"/>'


def _date(indent: int, time_ms: TimeMs) -> str:
    moment = datetime.fromtimestamp(time_ms // 1000, tz=UTC)
    written = f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}+00:00"
    return f'{" " * indent}<date key="time:timestamp" value="{written}"/>'
