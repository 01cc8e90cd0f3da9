"""The event stream through the client: each event once, whatever happens on the way."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.client import Client
from client.connection import Node
from client.events import EventStream
from client.faults import Unreachable
from kit.desk import Desk, desk
from kit.ledger import account_id
from kit.servers import answering, http, silent_url
from node.events import CommittedEvent
from primitives.errors import Malformed, Rejected
from services.money import Transferred


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def pay(office: Desk, *references: str) -> None:
    for reference in references:
        done = office.pay("--wait", line=f"to=health,amount=1,reference={reference}")
        assert done.code == 0, done.err


def references(events: Iterator[CommittedEvent], count: int) -> list[str]:
    found = []
    for event in itertools.islice(events, count):
        assert isinstance(event.event, Transferred)
        found.append(event.event.reference)
    return found


def test_events_come_from_a_cursor_on_and_then_as_they_happen(office: Desk) -> None:
    """Typed, in the order of the chain."""
    pay(office, "a", "b")
    with Client([office.url]) as client:
        events = iter(client.events(after="0.0"))
        before = references(events, 2)
        pay(office, "c")

        assert before == ["a", "b"]
        assert references(events, 1) == ["c"]
        assert client.status().height == 3, "the client may be asked meanwhile"


def test_a_stream_goes_on_from_the_last_cursor(office: Desk) -> None:
    """As a program does that was stopped between two events."""
    pay(office, "a", "b", "c")
    with Client([office.url]) as client:
        [first] = itertools.islice(client.events(after="0.0"), 1)

        assert references(iter(client.events(after=first.cursor)), 2) == ["b", "c"]


def test_a_filter_holds_back_what_was_not_asked_for(office: Desk) -> None:
    """By account and by type."""
    pay(office, "a")
    office.pay("--wait", line="to=works,amount=1,reference=w")
    with Client([office.url]) as client:
        for_works = client.events(after="0.0", account=account_id("works"))
        transfers = client.events(after="0.0", types=["money.transferred"])

        assert references(iter(for_works), 1) == ["w"]
        assert references(iter(transfers), 2) == ["a", "w"]
        with pytest.raises(Rejected) as refused:
            next(iter(client.events(types=["no.such_event"])))
        assert refused.value.code == "request.parameter"


@contextmanager
def cutting(office: Desk, *, every: int) -> Iterator[str]:
    """A relay to the node that cuts each connection after so many bytes of the answer."""
    inner: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host, _, port = office.url.removeprefix("http://").rpartition(":")

        def relay() -> None:
            while True:
                try:
                    ours, _ = listener.accept()
                except OSError:
                    return
                with ours, socket.create_connection((host, int(port))) as theirs:
                    inner.append(theirs)
                    theirs.sendall(ours.recv(65_536))
                    left = every
                    while left > 0:
                        data = theirs.recv(left)
                        if not data:
                            break
                        ours.sendall(data)
                        left -= len(data)

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):  # the last one has ended by itself
                inner[-1].shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("every", [1_100, 1_537, 2_000])
def test_a_connection_that_is_cut_anywhere_loses_and_repeats_nothing(
    office: Desk, every: int
) -> None:
    """In the middle of an event, of its cursor, or between two."""
    names = [f"r{number}" for number in range(8)]
    pay(office, *names)

    with cutting(office, every=every) as url, Client([url]) as client:
        assert references(iter(client.events(after="0.0")), 8) == names


def test_where_one_node_is_gone_the_next_is_followed(office: Desk) -> None:
    """The cursor means the same there."""
    pay(office, "a")
    with Client([Node("dead", silent_url()), Node("alive", office.url)]) as client:
        assert references(iter(client.events(after="0.0")), 1) == ["a"]


GONE = http(
    b'{"type":"about:blank","title":"Gone","status":410,"code":"history.pruned",'
    b'"detail":"the receipts of height 1 are not kept here: kept from 9 on","facts":{}}',
    "410 Gone",
)


def test_where_one_node_keeps_too_little_the_next_is_followed(office: Desk) -> None:
    """If none has it, that is the answer."""
    pay(office, "a")
    with answering(GONE) as url, Client([Node("pruned", url), Node("whole", office.url)]) as client:
        assert references(iter(client.events(after="0.0")), 1) == ["a"]

    with answering(GONE) as url, answering(GONE) as other:
        stream = EventStream([Node("pruned", url), Node("another", other)], {}, "0.0", 0.0)
        with pytest.raises(Rejected, match="kept from 9 on"):
            next(iter(stream))


def test_where_no_node_answers_patience_ends() -> None:
    """With the node that was asked last."""
    stream = EventStream([Node("finance", silent_url())], {}, None, 0.0)

    with pytest.raises(Unreachable, match=r"finance does not answer at .*; tried for 0 s"):
        next(iter(stream))


def test_what_is_no_event_is_not_handed_out() -> None:
    """A server that is none of ours."""
    with answering(http(b"id: 1.0\ndata: {}\n\n")) as url:
        stream = EventStream([Node("stranger", url)], {}, None, 0.0)

        with pytest.raises(Malformed):
            next(iter(stream))
