"""Questions to nodes: the first that answers, problems with their codes, and nobody at home."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from cli.faults import ExitCode, Unreachable
from cli.home import reachable
from cli.remote import ANSWER_BYTES_MAX, Node, Nodes, node_at
from kit.commandline import mithaq, testnet
from kit.desk import desk
from primitives.errors import OperatorFault, Rejected


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives the same answer to every request."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def silent_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_the_first_that_answers_is_asked() -> None:
    """Silent ones before it cost a moment."""
    with answering(http(b'{"height": 7}')) as url:
        nodes = Nodes((Node("dead", silent_url()), Node("alive", url)))
        assert nodes.get("/v1/status") == {"height": 7}


def test_where_none_answers_all_are_named() -> None:
    """One is named with its address."""
    two = Nodes((Node("finance", silent_url()), Node("health", silent_url())))

    with pytest.raises(Unreachable, match=r"none of 2 nodes answers \(finance, health\)"):
        two.get("/v1/status")
    with pytest.raises(Unreachable, match=r"finance does not answer at http://127.0.0.1:\d+: "):
        Nodes(two.listed[:1]).get("/v1/status")


def test_a_home_without_nodes_says_so() -> None:
    """There is nobody to ask."""
    with pytest.raises(OperatorFault, match="name one with --node URL"):
        Nodes(()).get("/v1/status")


def test_a_problem_is_a_refusal_with_its_code_and_facts() -> None:
    """The next node would say the same."""
    body = b'{"code": "books.overdraft", "detail": "no money", "facts": {"left": 1}}'

    with answering(http(body, "422 Unprocessable")) as url, pytest.raises(Rejected) as refused:
        Nodes((Node("a", url), Node("b", silent_url()))).get("/")

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
    with answering(answer) as bad, answering(http(b"1")) as good:
        assert Nodes((Node("bad", bad), Node("good", good))).get("/") == 1
        with pytest.raises(Unreachable):
            Node("bad", bad).get("/")


def test_an_answer_without_end_is_cut_off() -> None:
    """A stranger's server must not fill this machine."""
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * (ANSWER_BYTES_MAX + 1)

    with answering(endless) as url, pytest.raises(Unreachable, match="answers with more than"):
        Node("endless", url).get("/")


@pytest.mark.parametrize(
    "url", ["localhost:18000", "ftp://a", "http://", "http://a:b", "http://a:0", "http://a/v1", "", "http://a:99999"]
)  # fmt: skip
def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path, url: str) -> None:
    """It says what an address looks like."""
    done = mithaq("status", "--node", url, "--home", tmp_path)

    assert done.code == ExitCode.USAGE
    assert f"expected http://host:port, found {url!r}" in done.err


def test_an_address_may_end_in_a_slash_and_lack_a_port() -> None:
    """A reverse proxy serves on 80 or 443."""
    assert node_at("http://10.0.0.1:18000/").url == "http://10.0.0.1:18000"
    assert node_at("https://node.finance.example").url == "https://node.finance.example"
    with pytest.raises(click.BadParameter):
        node_at("node.finance.example")


def test_what_listens_everywhere_is_reached_on_this_machine() -> None:
    """0.0.0.0 is no place to go."""
    assert reachable("0.0.0.0:18000") == "127.0.0.1:18000"
    assert reachable("[::]:18000") == "[::1]:18000"
    assert reachable("10.1.2.3:18000") == "10.1.2.3:18000"


def test_commands_that_find_no_node_have_their_exit_code(tmp_path: Path) -> None:
    """4, and one line."""
    testnet(tmp_path, "--base-port", "1")

    for words in (["block"], ["account", "treasury"], ["tx", "show", "ab" * 32]):
        done = mithaq(*words, "--home", tmp_path)
        assert done.code == ExitCode.UNREACHABLE, words
        assert len(done.err.splitlines()) == 1


def test_a_home_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    """With what makes one."""
    done = mithaq("status", "--home", tmp_path / "nowhere", "--json")

    assert done.code == ExitCode.LOCAL_FAULT
    assert done.error["code"] == "local"
    assert "`mithaq localnet up` makes a network" in done.error["message"]


def test_a_node_of_another_chain_does_not_count(tmp_path: Path) -> None:
    """Another network may have taken the port."""
    home = tmp_path / "ours"
    testnet(home, "--validators", "1")
    with desk(tmp_path / "theirs") as other:
        file = home / "localnet.json"
        address = other.url.removeprefix("http://")
        file.write_text(file.read_text().replace("127.0.0.1:18000", address))

        done = mithaq("status", "--home", home)

    assert done.code == ExitCode.UNREACHABLE
    assert f"a node of another chain answers: {other.chain.chain.hex()}" in done.out
    assert "the chain waits. Missing: finance." in done.out
