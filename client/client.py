"""A client of a network: asks the first of its nodes that answers, and answers with Structs.

Final means final everywhere, so it does not matter which node is asked; the one that answered last
is asked first. Submitting is safe to repeat, which is how a client survives the loss of a node.

A `Client` holds connections and is for one thread at a time: make one for each thread.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain as chained
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, final
from urllib.parse import quote, urlencode

from msgspec import Struct
from msgspec.structs import replace

from client.connection import TIMEOUT_S, Connection, Node, node_at, refusal_in
from client.events import PATIENCE_S, EventStream
from client.faults import NotFinal, Unreachable
from ledger.operation import code, sentence
from ledger.transaction import Transaction
from node.cases import CaseAnswer, CasesAnswer
from node.diagnosis import Diagnosis
from node.queries import AccountAnswer, BlockAnswer, FinalTransaction, PendingTransaction
from node.status import NodeStatus
from primitives import limits
from primitives.codec import encode
from primitives.errors import OperatorFault, Rejected
from primitives.ids import AccountId, ChainId, Digest, TransactionId
from primitives.named import from_named, to_named

if TYPE_CHECKING:
    from node.reports.page import QueryAnswer

T = TypeVar("T")

Submission = PendingTransaction | FinalTransaction
"""What a node says to a transaction: it waits, or it stood in a block already."""

WAIT_S: Final = 60.0
"""How long `wait` and `settle` wait unless told otherwise."""
_STEP_S: Final = 30
"""One question waits no longer at a node, so that the next node is asked when one dies."""
_PAUSE_S: Final = 0.2
"""Between two questions where a node cannot wait for us."""
_MSGPACK: Final = "application/msgpack"
_UNKNOWN: Final = "transaction.unknown"


@final
class Accepted(Struct, frozen=True, kw_only=True):
    """A transaction of a batch that was taken; `final` where it already stood in a block."""

    id: TransactionId
    final: bool


@final
class Client:
    """Asks the nodes of one network, named by their addresses, in the order given."""

    def __init__(self, nodes: Sequence[Node | str], *, timeout_s: float = TIMEOUT_S) -> None:
        listed = [node_at(node) if isinstance(node, str) else node for node in nodes]
        if not listed:
            raise OperatorFault("there is no node to ask: name one by its address")
        self._timeout_s = timeout_s
        self._connections = [Connection(node) for node in listed]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the next question opens what it needs."""
        for connection in self._connections:
            connection.close()

    # the node

    def status(self) -> NodeStatus:
        """Where the answering node stands."""
        return from_named(self.get("/v1/status"), NodeStatus)

    def why(self) -> Diagnosis:
        """How the chain fares as the answering node sees it, and why."""
        return from_named(self.get("/v1/why"), Diagnosis)

    def chain(self) -> ChainId:
        """The chain of the answering node; who holds a genesis file computes it instead."""
        return self.status().chain

    # submitting

    def submit(self, transaction: Transaction[Any] | bytes) -> Submission:
        """Hand a transaction over; it is not final yet, unless it was before.

        Raises:
            Rejected: it can stand in no block; with the stable code and the facts.
            Unreachable: no node answers; it may or may not have been taken. Submit it again.
        """
        return self._submit(_canonical(transaction), wait_s=0)

    def submit_batch(
        self, transactions: Sequence[Transaction[Any] | bytes]
    ) -> list[Accepted | Rejected]:
        """Hand over any number; for each, in order, that it was taken or why not.

        Raises:
            Unreachable: no node answers; some may have been taken. Submit all of them again.
        """
        parts = _parts([_canonical(one) for one in transactions])
        return list(chained.from_iterable(map(self._submit_part, parts)))

    def settle(
        self, transaction: Transaction[Any] | bytes, *, timeout_s: float = WAIT_S
    ) -> FinalTransaction:
        """Hand a transaction over, and again while it is not final, until it is.

        Raises:
            NotFinal: the time is over. It may still become final, until its `valid_until`.
            Rejected, Unreachable: as `submit`.
        """
        data = _canonical(transaction)
        # To submit again changes nothing, and it reaches a node that has never heard of it.
        return self._until_final(lambda wait_s: self._submit(data, wait_s=wait_s), timeout_s)

    def wait(self, identifier: TransactionId, *, timeout_s: float = WAIT_S) -> FinalTransaction:
        """Wait until a transaction is final that was submitted here or anywhere else.

        Raises:
            NotFinal: the time is over.
            Unreachable: no node answers.
        """

        def ask(wait_s: int) -> Submission:
            try:
                return self._transaction(identifier, wait_s=wait_s)
            except Rejected as unknown:
                if unknown.code != _UNKNOWN:
                    raise
                return PendingTransaction(id=identifier)

        return self._until_final(ask, timeout_s)

    # looking

    def transaction(self, identifier: TransactionId) -> Submission:
        """A transaction with its receipt, or that it waits.

        Raises:
            Rejected: the node knows of none (`transaction.unknown`).
        """
        return self._transaction(identifier, wait_s=0)

    def proof(self, identifier: TransactionId, *, since: int = 0) -> bytes:
        """The proof file of a final transaction and its receipt.

        `since`: the height of the checkpoint that its reader has pinned; 0 is genesis.
        """
        return self._proof(f"/v1/transactions/{identifier.hex()}/proof", since)

    def event_proof(self, identifier: TransactionId, number: int, *, since: int = 0) -> bytes:
        """The proof file of one event of a final transaction, counted from 1."""
        return self._proof(f"/v1/transactions/{identifier.hex()}/events/{number}/proof", since)

    def state_proof(
        self, table: str, key: bytes, *, height: int | None = None, since: int = 0
    ) -> bytes:
        """The proof file of an entry of the state, or that there is none.

        The table by its name or number; after the block of `height`, or the newest.
        """
        place = f"/v1/state/{quote(table, safe='')}/{key.hex()}/proof"
        return self._proof(place, since, {} if height is None else {"height": height})

    def _proof(self, place: str, since: int, parameters: Mapping[str, object] = {}) -> bytes:
        asked = {**parameters, **({"from": since} if since else {})}
        return self.get_bytes(f"{place}?{urlencode(asked)}" if asked else place)

    def block(self, height: int | None = None) -> BlockAnswer:
        """The block of a height, or the latest."""
        place = "latest" if height is None else str(height)
        return from_named(self.get(f"/v1/blocks/{place}"), BlockAnswer)

    def cases(self) -> tuple[CaseAnswer, ...]:
        """Every case of equivocation that the answering node has evidence of."""
        return from_named(self.get("/v1/evidence"), CasesAnswer).cases

    def evidence(self, case: Digest) -> bytes:
        """The evidence file of a case.

        Raises:
            Rejected: the answering node keeps no evidence of it (`evidence.unknown`).
        """
        return self.get_bytes(f"/v1/evidence/{case.hex()}")

    def testimony(self, height: int) -> bytes:
        """What the answering node holds about a decided height above 0."""
        return self.get_bytes(f"/v1/blocks/{height}/testimony")

    def account(self, identifier: AccountId) -> AccountAnswer:
        """An account with its keys, roles and all its balances, page by page."""
        path = f"/v1/accounts/{identifier.hex()}"
        found = page = from_named(self.get(path), AccountAnswer)
        while page.balances_after is not None:
            more = self.get(path, {"balances_after": page.balances_after})
            page = from_named(more, AccountAnswer)
            found = replace(found, balances=(*found.balances, *page.balances))
        return replace(found, balances_after=None)

    def query(self, name: str, **parameters: object) -> "QueryAnswer[Any]":
        """One page of a query's rows as Structs, such as `query("chain.blocks", limit=5)`.

        docs/queries.md has the names, the parameters and the rows.

        Raises:
            Rejected: the node says why not, such as a parameter that cannot be.
        """
        from node.reports import QUERIES
        from node.reports.page import QueryAnswer

        asked = {key: _word(value) for key, value in parameters.items() if value is not None}
        found = self.get(f"/v1/queries/{quote(name, safe='')}", asked)
        kind: Any = QueryAnswer[QUERIES[name].row]  # type: ignore[misc] # built at run time
        answer: QueryAnswer[Any] = from_named(found, kind)
        return answer

    def rows(self, name: str, **parameters: object) -> Iterator[Any]:
        """All rows of a query, page by page; raises as `query` does."""
        while True:
            page = self.query(name, **parameters)
            yield from page.rows
            if page.next is None:
                return
            parameters["after"] = page.next

    def get(self, path: str, parameters: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON answer to any question of the API (docs/api.md).

        Raises:
            Rejected: the node says why not.
            Unreachable: no node answers.
        """
        asked = f"{path}?{urlencode(dict(parameters))}" if parameters else path
        return self._first(lambda node: node.get(asked, timeout_s=self._timeout_s))

    def get_bytes(self, path: str) -> bytes:
        """The bytes that answer any question; raises as `get` does."""
        return self._first(lambda node: node.get_bytes(path, timeout_s=self._timeout_s))

    # following

    def events(
        self,
        *,
        after: str | None = None,
        types: Sequence[str] = (),
        account: AccountId | None = None,
        patience_s: float = PATIENCE_S,
    ) -> EventStream:
        """Events of final blocks as they come, each once, for ever.

        `after` is the cursor of the last event that was seen; without it they begin now. Keep
        `event.cursor` with what you made of an event, and you go on from there after a restart.
        The stream has connections of its own, so that this client may be asked meanwhile.
        """
        parameters = {} if not types else {"type": ",".join(types)}
        if account is not None:
            parameters["account"] = account.hex()
        nodes = [connection.node for connection in self._connections]
        return EventStream(nodes, parameters, after, patience_s)

    # how

    def _submit(self, data: bytes, *, wait_s: int) -> Submission:
        path = f"/v1/transactions?wait_s={wait_s}" if wait_s else "/v1/transactions"
        limit_s = self._timeout_s + wait_s
        answer = self._first(lambda node: node.post(path, data, kind=_MSGPACK, timeout_s=limit_s))
        return _submission(answer)

    def _submit_part(self, part: Sequence[bytes]) -> Iterator[Accepted | Rejected]:
        answers = self._first(
            lambda node: node.post(
                "/v1/transactions/batch",
                encode(tuple(part)),
                kind=_MSGPACK,
                timeout_s=self._timeout_s + limits.API_BODY_S,
            )
        )
        if not isinstance(answers, list) or len(answers) != len(part):
            raise Unreachable(f"expected {len(part)} answers to a batch, found {answers!r:.80}")
        return map(_accepted, answers)

    def _transaction(self, identifier: TransactionId, *, wait_s: int) -> Submission:
        path = f"/v1/transactions/{identifier.hex()}" + (f"?wait_s={wait_s}" if wait_s else "")
        limit_s = self._timeout_s + wait_s
        return _submission(self._first(lambda node: node.get(path, timeout_s=limit_s)))

    def _until_final(self, ask: Callable[[int], Submission], timeout_s: float) -> FinalTransaction:
        deadline = time.monotonic() + timeout_s
        while True:
            left = max(0.0, deadline - time.monotonic())
            wait_s = min(_STEP_S, round(left))
            answer = ask(wait_s)
            if isinstance(answer, FinalTransaction):
                return answer
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotFinal(f"{answer.id.hex()} is not final after {timeout_s:g} s")
            if not wait_s:
                time.sleep(min(_PAUSE_S, left))

    def _first(self, ask: Callable[[Connection], T]) -> T:
        """Of the first node that answers; where all are late, again when they say."""
        end_s = time.monotonic() + self._timeout_s
        while True:
            silent: list[Unreachable] = []
            for connection in list(self._connections):
                try:
                    return ask(connection)
                except Unreachable as error:
                    silent.append(error)
                    self._connections.remove(connection)
                    self._connections.append(connection)
            late_s = [error.again_s for error in silent if error.again_s is not None]
            left_s = end_s - time.monotonic()
            if not late_s or left_s <= 0:
                raise self._nobody([str(error) for error in silent])
            time.sleep(min(max(min(late_s), _PAUSE_S), left_s))

    def _nobody(self, silent: Sequence[str]) -> Unreachable:
        if len(silent) == 1:
            return Unreachable(silent[0])
        asked = ", ".join(connection.node.name for connection in self._connections)
        return Unreachable(
            f"none of {len(silent)} nodes answers ({asked}): is the network running?"
        )


def check_applied(found: FinalTransaction) -> None:
    """A transaction that stands in a block may stand there as refused.

    Raises:
        Rejected: it does; with the refusal's code and facts.
    """
    refusal = found.receipt.refusal
    if refusal is not None:
        facts = {name: to_named(getattr(refusal, name)) for name in refusal.__struct_fields__}
        raise Rejected(code(refusal), sentence(refusal), facts)


def _word(value: object) -> object:
    """A parameter as the address of a question has it."""
    if isinstance(value, Enum):
        return value.value
    return value.hex() if isinstance(value, bytes) else value


def _canonical(transaction: Transaction[Any] | bytes) -> bytes:
    return transaction if isinstance(transaction, bytes) else encode(transaction)


def _submission(answer: Any) -> Submission:  # noqa: ANN401 - JSON
    status = answer.get("status") if isinstance(answer, dict) else None
    kind: Any = FinalTransaction if status == "final" else PendingTransaction
    found: Submission = from_named(answer, kind)
    return found


def _accepted(answer: Any) -> Accepted | Rejected:  # noqa: ANN401 - JSON
    problem = answer.get("error")
    if problem is not None:
        return refusal_in(problem)
    identifier = TransactionId(bytes.fromhex(answer["id"]))
    return Accepted(id=identifier, final=answer["status"] == "final")


def _parts(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Batches within the limits of one request."""
    part: list[bytes] = []
    size = 0
    for item in items:
        full = len(part) == limits.API_BATCH_MAX
        # Five bytes stand before a byte string, and before the array of all.
        if part and (full or size + len(item) + 10 > limits.API_BATCH_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item) + 5
    if part:
        yield part
