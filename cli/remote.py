"""Questions to nodes over their API, with the standard library's HTTP client.

httpx would cost 0.1 s of every command (measured), for nothing that a question and an answer need.
What is asked of the home's nodes is asked of one after the other until one answers; to submit twice
is harmless, because a transaction's id is its content's.
"""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar, final
from urllib.parse import urlsplit

import click

from cli.faults import Unreachable
from primitives.errors import OperatorFault, Rejected

T = TypeVar("T")

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Nothing a node answers is larger; a stranger's server must not fill this machine."""
TIMEOUT_S: Final = 10.0
"""For a question that needs no waiting."""


@final
@dataclass(frozen=True, slots=True)
class Node:
    """A node as it can be asked, at http://host:port."""

    name: str
    url: str

    def get(self, path: str, *, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to a question."""
        return _parsed(self, self._ask("GET", path, None, {}, timeout_s))

    def get_bytes(self, path: str, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """The bytes that answer a question."""
        return self._ask("GET", path, None, {}, timeout_s)

    def post(self, path: str, data: bytes, *, kind: str, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to something handed over."""
        return _parsed(self, self._ask("POST", path, data, {"Content-Type": kind}, timeout_s))

    def _ask(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> bytes:
        try:
            with closing(_connection(self.url, timeout_s)) as connection:
                accepted = {"Accept": "application/json, */*;q=0.5", **headers}
                connection.request(method, path, data, accepted)
                answer = connection.getresponse()
                body = answer.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"{self.name} does not answer at {self.url}: {why}") from error
        if len(body) > ANSWER_BYTES_MAX:
            raise Unreachable(f"{self.name} answers with more than {ANSWER_BYTES_MAX} bytes")
        if answer.status >= 400:
            raise _problem(self, answer.status, body)
        return body


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None, "checked by `node_at`"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout_s)


def node_at(url: str) -> Node:
    """The node of --node."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        bare = not parts.path.strip("/") and not parts.query
    except ValueError:  # a port that is no number
        known = bare = False
    if not (known and bare):
        raise click.BadParameter(f"expected http://host:port, found {url!r}", param_hint="--node")
    return Node(url.rstrip("/"), url.rstrip("/"))


def _parsed(node: Node, body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"{node.name} answers with something that is not JSON") from error


def _problem(node: Node, status: int, body: bytes) -> Rejected | Unreachable:
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        return Unreachable(f"{node.name} answers with HTTP status {status} and no reason")
    said = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unreachable(f"{node.name} cannot serve now: {said}")
    facts = problem.get("facts")
    return Rejected(str(problem["code"]), said, facts if isinstance(facts, dict) else None)


@final
@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes that may be asked, in order."""

    listed: tuple[Node, ...]

    def get(self, path: str, *, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer of the first that answers."""
        return self._first(lambda node: node.get(path, timeout_s=timeout_s))

    def get_bytes(self, path: str, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """The bytes of the first that answers."""
        return self._first(lambda node: node.get_bytes(path, timeout_s=timeout_s))

    def post(self, path: str, data: bytes, *, kind: str, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """Hand something over to the first that answers."""
        return self._first(lambda node: node.post(path, data, kind=kind, timeout_s=timeout_s))

    def _first(self, ask: Callable[[Node], T]) -> T:
        silent: list[str] = []
        for node in self.listed:
            try:
                return ask(node)
            except Unreachable as error:
                silent.append(str(error))
        raise _nobody(self.listed, silent)


def _nobody(listed: Sequence[Node], silent: Sequence[str]) -> Unreachable | OperatorFault:
    if not listed:
        return OperatorFault("this home has no nodes: name one with --node URL")
    if len(silent) == 1:
        return Unreachable(silent[0])
    asked = ", ".join(node.name for node in listed)
    return Unreachable(f"none of {len(listed)} nodes answers ({asked}): is the network running?")
