"""One node over HTTP: a connection that is kept alive, and problems as errors.

The node closes a connection that is idle, or after so many requests. A request that finds its kept
connection closed is sent once more on a new one: every request of the API may be repeated, because
a transaction's id is its content's.
"""

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self, final
from urllib.parse import urlsplit

from client.faults import Unreachable
from primitives.errors import Malformed, MithaqError, OperatorFault, Rejected, StorageFault

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Nothing a node answers is larger; a stranger's server must not fill this machine."""
TIMEOUT_S: Final = 10.0
"""For a question that needs no waiting."""

_SOCKET: Final = "unix:"
_BUSY: Final = "node.busy"

_CLOSED: Final = (
    http.client.RemoteDisconnected,
    http.client.CannotSendRequest,
    ConnectionResetError,
    BrokenPipeError,
)
"""How a connection that the node closed in the meantime shows itself."""


@final
@dataclass(frozen=True, slots=True)
class Node:
    """A node as it can be asked, at http://host:port."""

    name: str
    url: str


def node_at(url: str, name: str = "") -> Node:
    """The node at an address; its name is the address where it has no other.

    Raises:
        OperatorFault: that is no address of a node.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        bare = not parts.path.strip("/") and not parts.query
    except ValueError:  # a port that is no number
        known = bare = False
    if not (known and bare):
        raise OperatorFault(f"expected http://host:port, found {url!r}")
    return Node(name or url.rstrip("/"), url.rstrip("/"))


def operator_of(folder: Path, name: str = "") -> Node:
    """The operator's socket in a node's folder (docs/api.md)."""
    return Node(name or folder.absolute().name, f"{_SOCKET}{folder.absolute() / 'admin.sock'}")


@final
class Connection:
    """Asks one node, one question after the other. Not for several threads at a time."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._http: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a question opens it again."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def get(self, path: str, *, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to a question.

        Raises:
            Rejected: the node says why not.
            Unreachable: it does not answer, or not in this protocol.
        """
        return self._parsed(self.get_bytes(path, timeout_s=timeout_s))

    def get_bytes(self, path: str, *, timeout_s: float = TIMEOUT_S) -> bytes:
        """The bytes that answer a question; raises as `get` does."""
        return self._ask("GET", path, None, {}, timeout_s)

    def post(self, path: str, data: bytes, *, kind: str, timeout_s: float = TIMEOUT_S) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to something handed over; raises as `get` does."""
        return self._parsed(self._ask("POST", path, data, {"Content-Type": kind}, timeout_s))

    def open_stream(
        self, path: str, headers: Mapping[str, str], *, timeout_s: float
    ) -> http.client.HTTPResponse:
        """The beginning of an answer that has no end; each read takes at most `timeout_s`.

        Raises:
            Rejected, Unreachable: as `get`.
        """
        self.close()
        try:
            answer = self._sent("GET", path, None, headers, timeout_s)
            body = answer.read(ANSWER_BYTES_MAX) if answer.status >= HTTPStatus.BAD_REQUEST else b""
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._problem(answer, body)
        return answer

    def work(self, path: str, data: bytes, hear: Callable[[Any], None], *, timeout_s: float) -> Any:  # noqa: ANN401 - JSON
        """Have a node do long work: `hear` each line of progress, and return the result.

        Raises:
            Rejected, OperatorFault, StorageFault: as the work ends.
            Unreachable: the node does not answer, or went away before the end.
        """
        self.close()
        asked = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
        try:
            answer = self._sent("POST", path, data, asked, timeout_s)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise self._problem(answer, answer.read(ANSWER_BYTES_MAX))
            while line := answer.readline(ANSWER_BYTES_MAX):
                match self._parsed(line):
                    case {"progress": progress}:
                        hear(progress)
                    case {"result": result}:
                        return result
                    case {"problem": dict(problem)}:
                        raise fault_in(problem)
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        finally:
            self.close()
        raise Unreachable(f"{self.node.name} went away before the work was done")

    def _ask(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> bytes:
        accepted = {"Accept": "application/json, */*;q=0.5", **headers}
        kept = self._http is not None and self._http.sock is not None
        try:
            try:
                answer = self._sent(method, path, data, accepted, timeout_s)
            except _CLOSED:
                if not kept:
                    raise
                self.close()
                answer = self._sent(method, path, data, accepted, timeout_s)
            body = answer.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        if len(body) > ANSWER_BYTES_MAX:
            self.close()
            raise Unreachable(f"{self.node.name} answers with more than {ANSWER_BYTES_MAX} bytes")
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._problem(answer, body)
        return body

    def _sent(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> http.client.HTTPResponse:
        if self._http is None:
            self._http = _http_to(self.node.url, timeout_s)
        self._http.timeout = timeout_s
        if self._http.sock is not None:
            self._http.sock.settimeout(timeout_s)
        self._http.request(method, path, data, dict(headers))
        return self._http.getresponse()

    def _silent(self, error: Exception) -> Unreachable:
        self.close()
        why = str(error) or type(error).__name__
        return Unreachable(f"{self.node.name} does not answer at {self.node.url}: {why}")

    def _parsed(self, body: bytes) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unreachable(
                f"{self.node.name} answers with something that is not JSON"
            ) from error

    def _problem(self, answer: http.client.HTTPResponse, body: bytes) -> Rejected | Unreachable:
        status = answer.status
        try:
            problem = json.loads(body)
        except (ValueError, RecursionError):
            problem = None
        name = self.node.name
        if not isinstance(problem, dict) or "code" not in problem:
            return Unreachable(f"{name} answers with HTTP status {status} and no reason")
        refusal = refusal_in(problem)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            again_s = _seconds(answer.getheader("Retry-After")) if refusal.code == _BUSY else None
            return Unreachable(f"{name} cannot serve now: {refusal.message}", again_s=again_s)
        return refusal


def _seconds(given: str | None) -> float | None:
    """When to come back, as the node's API says it."""
    is_number = given is not None and given.isascii() and given.isdigit() and len(given) < 4
    return float(given) if given is not None and is_number else None


def refusal_in(problem: Mapping[str, Any]) -> Rejected:
    """What a problem of the API says (RFC 9457, with `code` and `facts`)."""
    said = str(problem.get("detail") or problem.get("title") or "no reason was given")
    facts = problem.get("facts")
    return Rejected(str(problem["code"]), said, facts if isinstance(facts, dict) else None)


def fault_in(problem: Mapping[str, Any]) -> MithaqError:
    """What ended an operator's work, as the error that it would be in this process."""
    refusal = refusal_in(problem)
    match refusal.code:
        case "node.local_fault":
            return OperatorFault(refusal.message)
        case "node.storage_fault":
            return StorageFault(refusal.message)
        case "file.malformed":
            return Malformed(refusal.message)
    return refusal


@final
class _OnSocket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("node", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _http_to(url: str, timeout_s: float) -> http.client.HTTPConnection:
    if url.startswith(_SOCKET):
        return _OnSocket(url.removeprefix(_SOCKET), timeout_s)
    parts = urlsplit(url)
    assert parts.hostname is not None, "checked by `node_at`"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout_s)
