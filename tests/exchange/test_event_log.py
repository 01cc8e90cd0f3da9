"""Event logs in XES: read back with an XML parser, and held against the rules of IEEE 1849."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from msgspec.structs import replace

from exchange.event_log import event_log
from kit.ledger import account_id
from primitives.ids import Digest, Height, TimeMs, TransactionId
from services.casework.queries import MoveRow

_X: Final = "{http://www.xes-standard.org/}"
WORKS, CLERK = account_id("works"), account_id("clerk")
APPLIED: Final = MoveRow(
    case=Digest(b"a" * 32),
    flow="permit",
    version=1,
    left="door",
    transition="apply",
    state="open",
    who="party applicant",
    mover=CLERK,
    time_ms=TimeMs(1_780_000_000_007),
    document=None,
    transaction=TransactionId(b"t" * 32),
    height=Height(7),
    index=0,
    entry=1,
)
OTHER: Final = replace(APPLIED, case=Digest(b"b" * 32), version=2)
LAPSED: Final = replace(
    APPLIED, left="open", transition="lapse", state="lapsed", who="silence", mover=None
)


def read(*moves: MoveRow) -> Element:
    log: Element = fromstring(event_log(WORKS, moves))
    return log


def attributes(parent: Element) -> dict[str, str]:
    """Keys and values, of whatever type; a key stands once."""
    found = {each.get("key", ""): each.get("value", "") for each in parent if each.get("key")}
    assert len(found) == sum(each.get("key") is not None for each in parent)
    return found


def test_every_move_is_an_event_of_its_case() -> None:
    """Cases in the order in which they were opened, moves in the order of the chain."""
    log = read(APPLIED, OTHER, LAPSED)

    first, second = log.findall(f"{_X}trace")

    assert attributes(first) == {
        "concept:name": (b"a" * 32).hex(),
        "mithaq:flow": "permit",
        "mithaq:version": "1",
    }
    assert [attributes(event) for event in first.findall(f"{_X}event")] == [
        {
            "concept:name": "apply",
            "lifecycle:transition": "complete",
            "time:timestamp": "2026-05-28T20:26:40.007+00:00",
            "org:role": "party applicant",
            "org:resource": CLERK.hex(),
            "mithaq:left": "door",
            "mithaq:state": "open",
            "mithaq:transaction": (b"t" * 32).hex(),
            "mithaq:entry": "1",
        },
        {
            "concept:name": "lapse",
            "lifecycle:transition": "complete",
            "time:timestamp": "2026-05-28T20:26:40.007+00:00",
            "org:role": "silence",
            "mithaq:left": "open",
            "mithaq:state": "lapsed",
            "mithaq:transaction": (b"t" * 32).hex(),
            "mithaq:entry": "1",
        },
    ]
    assert attributes(second)["mithaq:version"] == "2"


def test_the_parts_of_a_log_stand_in_the_order_of_the_standard() -> None:
    """Extensions, globals, classifiers, attributes, traces; the version is a decimal number."""
    log = read(APPLIED, LAPSED)

    order = ["extension", "global", "classifier", "string", "trace"]
    places = [order.index(each.tag.removeprefix(_X)) for each in log]
    assert places == sorted(places)
    assert set(places) == set(range(5))
    assert float(log.get("xes.version", "")) == 1849.2016
    assert log.get("xes.features") == ""


def test_every_prefix_is_declared_and_every_promise_kept() -> None:
    """What is global is in each trace and event; what a classifier joins, each event has."""
    log = read(APPLIED, OTHER, LAPSED)
    declared = {each.get("prefix") for each in log.findall(f"{_X}extension")} | {"mithaq"}
    promised = {each.get("scope"): attributes(each).keys() for each in log.findall(f"{_X}global")}
    joined = {
        key for each in log.findall(f"{_X}classifier") for key in each.get("keys", "").split()
    }

    traces, events = log.findall(f"{_X}trace"), list(log.iter(f"{_X}event"))
    assert (len(traces), len(events)) == (2, 3)
    for trace in traces:
        assert promised["trace"] <= attributes(trace).keys()
    for event in events:
        keys = attributes(event).keys()
        assert promised["event"] | joined <= keys
        assert {key.partition(":")[0] for key in keys} <= declared
        assert datetime.fromisoformat(attributes(event)["time:timestamp"]).tzinfo is not None


def test_an_office_without_cases_has_a_log_without_traces() -> None:
    """It is a log all the same."""
    assert read().findall(f"{_X}trace") == []


def test_whatever_a_word_holds_stays_a_value() -> None:
    """No code can have such letters; the writer does not rely on it."""
    odd = replace(APPLIED, who="a\"<b>&'")

    (event,) = read(odd).iter(f"{_X}event")

    assert attributes(event)["org:role"] == "a\"<b>&'"
