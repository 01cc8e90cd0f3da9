"""One node over HTTP: problems with their codes, answers that are none, connections that end."""

from __future__ import annotations

import pytest

from client.client import Client
from client.connection import ANSWER_BYTES_MAX, Connection, Node, node_at
from client.faults import Unreachable
from kit.servers import answering, http, keeping, silent_url
from primitives.errors import OperatorFault, Rejected


def ask(url: str) -> object:
    with Connection(Node("it", url)) as connection:
        return connection.get("/")


def test_a_problem_is_a_refusal_with_its_code_and_facts() -> None:
    """The next node would say the same, so it is not asked."""
    body = b'{"code": "books.overdraft", "detail": "no money", "facts": {"left": 1}}'

    with answering(http(body, "422 Unprocessable")) as url, pytest.raises(Rejected) as refused:
        Client([url, silent_url()]).get("/")

    assert refused.value.code == "books.overdraft"
    assert refused.value.message == "no money"
    assert refused.value.facts == {"left": 1}


@pytest.mark.parametrize(
    "answer",
    [
        http(b"<html>", "502 Bad Gateway"),
        http(b"[1]", "500 Oops"),
        http(b'{"code": "busy", "detail": "too busy"}', "503 Service Unavailable"),
        b"SSH-2.0-OpenSSH\r\n",
        b"",
        http(b"no json"),
    ],
)
def test_what_cannot_serve_now_does_not_answer(answer: bytes) -> None:
    """The next node is asked."""
    with answering(answer) as bad, answering(http(b"1")) as good, Client([bad, good]) as client:
        assert client.get("/") == 1
        with pytest.raises(Unreachable):
            ask(bad)


LATE = b'{"code": "node.busy", "detail": "late with its own work"}'


def test_nodes_that_are_all_late_are_asked_again_when_they_say() -> None:
    """A machine that stood still for a second makes all its nodes late at once."""
    late = http(LATE, "503 Service Unavailable", "Retry-After: 0")

    with answering(late, late, http(b"1")) as one, answering(late) as other:
        assert Client([one, other]).get("/") == 1


def test_who_is_late_for_as_long_as_a_question_may_take_does_not_answer() -> None:
    """Nobody waits for ever; and not at all for a node that does not say when to come back."""
    late = http(LATE, "503 Service Unavailable", "Retry-After: 0")
    vague = http(LATE, "503 Service Unavailable")

    with answering(late) as url, pytest.raises(Unreachable):
        Client([url], timeout_s=0.2).get("/")
    with answering(vague, http(b"1")) as url, pytest.raises(Unreachable):
        Client([url]).get("/")
    for when in ("1000", "-1", "soon", "Mon, 23 Nov 2026 00:00:00 GMT"):
        absurd = http(LATE, "503 Service Unavailable", f"Retry-After: {when}")
        with answering(absurd, http(b"1")) as url, pytest.raises(Unreachable):
            Client([url]).get("/")


def test_an_answer_without_end_is_cut_off() -> None:
    """A stranger's server must not fill this machine."""
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (ANSWER_BYTES_MAX + 1)

    with answering(endless) as url, pytest.raises(Unreachable, match="answers with more than"):
        ask(url)


def test_one_connection_serves_many_questions() -> None:
    """Opening one for each would cost more than the question."""
    with keeping(answers=3) as (url, opened), Connection(Node("it", url)) as connection:
        for _ in range(3):
            assert connection.get("/") == 1

        assert len(opened) == 1


def test_a_connection_that_the_node_closed_is_opened_again() -> None:
    """It closes what is idle; the question is sent once more and nobody notices."""
    with keeping(answers=1) as (url, opened), Connection(Node("it", url)) as connection:
        for _ in range(3):
            assert connection.get("/") == 1

        assert len(opened) == 3


@pytest.mark.parametrize(
    "url",
    ["localhost:18000", "ftp://a", "http://", "http://a:b", "http://a:0", "http://a/v1", "", "a"],
)
def test_an_address_that_is_none_says_what_one_looks_like(url: str) -> None:
    """Scheme, host and port, and no path."""
    with pytest.raises(OperatorFault, match="expected http://host:port, found"):
        node_at(url)


def test_an_address_may_end_in_a_slash_and_lack_a_port() -> None:
    """A reverse proxy serves on 80 or 443."""
    assert node_at("http://10.0.0.1:18000/").url == "http://10.0.0.1:18000"
    assert node_at("https://node.finance.example").url == "https://node.finance.example"
    assert node_at("https://node.finance.example", "finance").name == "finance"
