"""The public API, version 1: read and submit (docs/api.md).

Each handler reads the request by `intake`, asks `Queries` in a worker thread or the backend on this
one, and answers with a Struct. Nothing here judges a transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, final

import msgspec
import trio
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from ledger.transaction import ALREADY_COMMITTED, EXPIRED
from node.accusations import Accusations
from node.api import intake
from node.api.backend import Backend
from node.api.intake import JSON, HttpRequest
from node.api.openapi import document
from node.api.pages import page
from node.api.problems import (
    ABSENT_ENTRY,
    BUSY,
    UNKNOWN_ACCOUNT,
    UNKNOWN_EVIDENCE,
    UNKNOWN_TABLE,
    UNKNOWN_TRANSACTION,
    problem_of,
)
from node.api.refusals import RefusalCatalogue, catalogue
from node.api.responses import (
    EVIDENCE_TYPE,
    PROOF_TYPE,
    TESTIMONY_TYPE,
    json_response,
    raw_response,
)
from node.api.streams import Streams
from node.diagnosis import diagnose
from node.history import EntryAnswer, entry, record_of, unknown_block
from node.lineage import GENESIS
from node.metrics import METRICS_TYPE
from node.queries import (
    TABLE_NUMBERS,
    FinalTransaction,
    PendingTransaction,
    Queries,
    id_of_transaction,
    table_number,
)
from node.reports import Reports
from node.status import readiness
from primitives import limits
from primitives.errors import Malformed, MithaqError, Rejected
from primitives.ids import AccountId, Digest, Height, TransactionId
from primitives.named import to_named

T = TypeVar("T")

_ALIVE: Final = b'{"alive":true}'
_MAYBE_FINAL: Final = frozenset({ALREADY_COMMITTED, EXPIRED})
"""Refusals of what may stand in a block already: then the answer is that block's."""


@final
class PublicApi:
    """The handlers over one node. Writes the count of waiting requests."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queries = Queries(backend.store)
        self._accusations = Accusations(backend.store)
        self._readers = trio.CapacityLimiter(limits.API_READERS_MAX)
        self._diagnosing = trio.CapacityLimiter(1)
        self._batches = trio.CapacityLimiter(limits.API_BATCHES_MAX)
        self._reports = Reports(backend.store, backend.genesis)
        self._reporters = trio.CapacityLimiter(limits.API_QUERIES_MAX)
        self._streams = Streams(backend, self._readers)
        self._waiting = 0

    def routes(self) -> list[HTTPRouteHandler]:
        """Every endpoint."""
        return [
            get("/v1/health")(self.health),
            get("/v1/ready")(self.ready),
            get("/v1/status")(self.status),
            get("/v1/why")(self.why),
            get("/v1/genesis")(self.genesis),
            get("/v1/refusals")(self.refusals),
            post("/v1/transactions")(self.submit),
            post("/v1/transactions/batch")(self.submit_batch),
            get("/v1/transactions/{id:str}")(self.transaction),
            get("/v1/transactions/{id:str}/proof")(self.transaction_proof),
            get("/v1/transactions/{id:str}/events/{event:str}/proof")(self.event_proof),
            get("/v1/queries/{name:str}")(self.query),
            get("/v1/blocks/{height:str}")(self.block),
            get("/v1/accounts/{id:str}")(self.account),
            get("/metrics")(self.metrics),
            get("/openapi.json")(self.openapi),
            get("/docs")(self.docs),
            get("/docs/{file:str}")(self.docs_file),
            get("/v1/events")(self.events),
            get("/v1/evidence")(self.evidence),
            get("/v1/evidence/{id:str}")(self.evidence_file),
            get("/v1/blocks/{height:str}/testimony")(self.testimony),
            get("/v1/state/{table:str}/{key:str}")(self.entry),
            get("/v1/state/{table:str}/{key:str}/proof")(self.state_proof),
        ]

    # the node

    async def health(self, request: HttpRequest) -> ASGIResponse:
        """The process serves."""
        intake.check_no_query(request)
        return raw_response(_ALIVE, JSON)

    async def ready(self, request: HttpRequest) -> ASGIResponse:
        """Whether a transaction submitted here can soon be final, and why not."""
        intake.check_no_query(request)
        found = readiness(self._backend.status())
        return json_response(found, status=200 if found.ready else 503)

    async def status(self, request: HttpRequest) -> ASGIResponse:
        """Where the node stands."""
        intake.check_no_query(request)
        return json_response(self._backend.status())

    async def why(self, request: HttpRequest) -> ASGIResponse:
        """How the chain fares as this node sees it, and why: in words, and as facts."""
        intake.check_no_query(request)
        facts = self._backend.facts()  # of one moment, so in this thread; 128 validators take 60 ms
        return await trio.to_thread.run_sync(
            lambda: json_response(diagnose(facts)), limiter=self._diagnosing
        )

    async def genesis(self, request: HttpRequest) -> ASGIResponse:
        """What the network began with."""
        intake.check_no_query(request)
        return await self._ask(json_response, self._backend.genesis)

    async def refusals(self, request: HttpRequest) -> ASGIResponse:
        """Every code that a client can be told, or those that begin with `code`; in `lang`."""
        prefix, language = intake.refusals_of(request)
        found = tuple(entry for entry in catalogue(language) if entry.code.startswith(prefix))
        return json_response(RefusalCatalogue(refusals=found))

    async def metrics(self, request: HttpRequest) -> ASGIResponse:
        """Counters and times, for Prometheus."""
        intake.check_no_query(request)
        return raw_response(self._backend.metrics(), METRICS_TYPE)

    # about the API itself

    async def openapi(self, request: HttpRequest) -> ASGIResponse:
        """The OpenAPI document: every endpoint with its schemas."""
        intake.check_no_query(request)
        return raw_response(await self._ask(document, self.routes()), JSON)

    async def docs(self, request: HttpRequest) -> ASGIResponse:
        """The same for people, as a page."""
        intake.check_no_query(request)
        return await self._ask(_page, "docs.html")

    async def docs_file(self, request: HttpRequest) -> ASGIResponse:
        """What the page is made of."""
        intake.check_no_query(request)
        return await self._ask(_page, intake.name_of(request, "file"))

    # submitting

    async def submit(self, request: HttpRequest) -> ASGIResponse:
        """Take one transaction; wait for its block if asked to."""
        wait_s = intake.wait_s_of(request)
        data = await self._transaction_in(request)
        with self._waiter(wait_s):
            try:
                identifier = await self._backend.submit(data)
            except Rejected as refusal:
                final = await self._maybe_final(refusal, data)
                if final is None:
                    raise
                return json_response(final)
            if wait_s > 0 and await self._wait(request, identifier, wait_s):
                return json_response(await self._ask(self._queries.transaction, identifier))
        location = f"/v1/transactions/{identifier.hex()}"
        return json_response(PendingTransaction(id=identifier), status=202, location=location)

    async def _transaction_in(self, request: HttpRequest) -> bytes:
        if intake.media_type_of(request) == JSON:
            limit = limits.API_TRANSACTION_JSON_BYTES_MAX
            data = await intake.read_body(request, limit=limit)
            return await self._ask(intake.transaction_from_json, data)
        return await intake.read_body(request, limit=limits.TRANSACTION_BYTES_MAX)

    async def submit_batch(self, request: HttpRequest) -> ASGIResponse:
        """Take many; each has its own answer, in order."""
        intake.check_no_query(request)
        media_type = intake.media_type_of(request)
        async with self._batches:
            data = await intake.read_body(request, limit=limits.API_BATCH_BYTES_MAX)
            read = intake.batch_from_json if media_type == JSON else intake.batch_from_msgpack
            items = await self._ask(read, data)
            del data
            whole = [item for item in items if isinstance(item, bytes)]
            verdicts = iter(await self._backend.submit_many(whole))
            answers = [
                await self._item(item, item if isinstance(item, Malformed) else next(verdicts))
                for item in items
            ]
        return raw_response(msgspec.json.encode(answers), JSON)

    async def _item(self, item: bytes | Malformed, verdict: bytes | MithaqError) -> dict[str, Any]:
        if isinstance(verdict, bytes):
            return {"id": verdict.hex(), "status": "pending"}
        if isinstance(verdict, Rejected) and isinstance(item, bytes):
            try:
                final = await self._maybe_final(verdict, item)
            except Rejected as gone:  # committed, and no longer kept
                return {"error": problem_of(gone)}
            if final is not None:
                return {"id": final.id.hex(), "status": "final"}
        found = problem_of(verdict)
        if found is None:
            raise verdict
        return {"error": found}

    async def _maybe_final(self, refusal: Rejected, data: bytes) -> FinalTransaction | None:
        if refusal.code not in _MAYBE_FINAL:
            return None

        def find() -> FinalTransaction | None:
            return self._queries.transaction(id_of_transaction(data))

        return await self._ask(find)

    # looking

    async def transaction(self, request: HttpRequest) -> ASGIResponse:
        """A transaction: final, pending, or unknown."""
        wait_s = intake.wait_s_of(request)
        identifier = TransactionId(intake.hex32_of(request, "id"))
        # In this order: a transaction waits here until its block is durable, so what neither
        # waited before nor is found after is unknown.
        pending = self._backend.is_pending(identifier)
        final = await self._ask(self._queries.transaction, identifier)
        if final is None and wait_s > 0:
            with self._waiter(wait_s):
                await self._wait(request, identifier, wait_s)
            pending = self._backend.is_pending(identifier)
            final = await self._ask(self._queries.transaction, identifier)
        if final is not None:
            return json_response(final)
        if pending:
            return json_response(PendingTransaction(id=identifier))
        raise _unknown_transaction(identifier, self._backend.store.edges().index)

    async def transaction_proof(self, request: HttpRequest) -> ASGIResponse:
        """The proof file of a transaction and its receipt."""
        since = intake.moment_of(request, "from").get("from", GENESIS)
        identifier = TransactionId(intake.hex32_of(request, "id"))

        def prove() -> bytes | None:
            return self._queries.transaction_proof(identifier, since=since)

        return await self._proof_of(identifier, prove)

    async def event_proof(self, request: HttpRequest) -> ASGIResponse:
        """The proof file of one event of a transaction, counted from 1."""
        since = intake.moment_of(request, "from").get("from", GENESIS)
        identifier = TransactionId(intake.hex32_of(request, "id"))
        number = intake.number_of(request, "event")

        def prove() -> bytes | None:
            return self._queries.event_proof(identifier, number, since=since)

        return await self._proof_of(identifier, prove)

    async def _proof_of(
        self, identifier: TransactionId, prove: Callable[[], bytes | None]
    ) -> ASGIResponse:
        proof = await self._ask(prove)
        if proof is None:
            raise _unknown_transaction(identifier, self._backend.store.edges().index)
        return raw_response(proof, PROOF_TYPE)

    async def block(self, request: HttpRequest) -> ASGIResponse:
        """A block by height, or the latest."""
        intake.check_no_query(request)
        head = self._queries.head()
        height = intake.height_of(request, head)
        found = await self._ask(self._queries.block, height)
        if found is None:
            raise unknown_block(height, head)
        return json_response(found)

    async def testimony(self, request: HttpRequest) -> ASGIResponse:
        """What this node holds about a decided height, to find who is guilty of a fork."""
        intake.check_no_query(request)
        head = self._queries.head()
        height = intake.height_of(request, head)
        if not 0 < height <= head:
            raise unknown_block(height, head)
        data = await self._ask(self._accusations.testimony, height)
        return raw_response(data, TESTIMONY_TYPE)

    async def evidence(self, request: HttpRequest) -> ASGIResponse:
        """Every case of equivocation that this node has evidence of."""
        intake.check_no_query(request)
        return json_response(await self._ask(self._accusations.cases))

    async def evidence_file(self, request: HttpRequest) -> ASGIResponse:
        """The evidence file of a case."""
        intake.check_no_query(request)
        identifier = Digest(intake.hex32_of(request, "id"))
        data = await self._ask(self._accusations.file, identifier)
        if data is None:
            raise Rejected(
                UNKNOWN_EVIDENCE,
                f"this node keeps no evidence of case {identifier.hex()}",
                {"case": identifier.hex()},
            )
        return raw_response(data, EVIDENCE_TYPE)

    async def account(self, request: HttpRequest) -> ASGIResponse:
        """An account with its keys, roles and balances, a page of them at a time."""
        after = intake.balances_after_of(request)
        identifier = AccountId(intake.hex32_of(request, "id"))
        found = await self._ask(self._queries.account, identifier, after)
        if found is None:
            raise Rejected(
                UNKNOWN_ACCOUNT,
                f"there is no account {identifier.hex()}",
                {"account": identifier.hex()},
            )
        return json_response(found)

    async def query(self, request: HttpRequest) -> ASGIResponse:
        """Rows: the answer to a query of `node.reports`."""
        name, given = intake.name_of(request, "name"), intake.words_of(request)

        def ask() -> ASGIResponse:
            return json_response(self._reports.answer(name, given))

        try:
            return await trio.to_thread.run_sync(ask, limiter=self._reporters)
        except Malformed as fault:
            raise intake.wrong_parameter(fault) from fault

    async def entry(self, request: HttpRequest) -> ASGIResponse:
        """An entry of the state after the newest block, or after an earlier one."""
        height = intake.moment_of(request, "height").get("height")
        table, key = _entry_of(request)

        def ask() -> ASGIResponse:
            return _entry_response(table, entry(self._backend.store, table, key, height))

        return await self._ask(ask)

    async def state_proof(self, request: HttpRequest) -> ASGIResponse:
        """The proof file of a state entry, or of its absence, after a block or at the head."""
        moment = intake.moment_of(request, "from", "height")
        table, key = _entry_of(request)

        def prove() -> bytes:
            since = moment.get("from", GENESIS)
            return self._queries.state_proof(table, key, height=moment.get("height"), since=since)

        return raw_response(await self._ask(prove), PROOF_TYPE)

    # following

    async def events(self, request: HttpRequest) -> ASGIResponse:
        """Events as they become true, from a cursor on."""
        after, wanted = intake.stream_of(request)
        return await self._streams.open(after, wanted)

    def end_streams(self) -> None:
        """The node stops; streams would else go on for ever."""
        self._streams.end()

    # waiting and asking

    async def _ask(self, question: Callable[..., T], *of: Any) -> T:  # noqa: ANN401 - its arguments
        return await trio.to_thread.run_sync(question, *of, limiter=self._readers)

    @contextmanager
    def _waiter(self, wait_s: int) -> Iterator[None]:
        """A place among those who wait, taken before anything is done for the request.

        Raises:
            Rejected: all are taken.
        """
        if wait_s == 0:
            yield
            return
        highest = limits.API_WAITERS_MAX
        if self._waiting >= highest:
            raise Rejected(
                BUSY,
                f"{highest} requests wait already; ask without wait_s",
                {"expected": f"fewer than {highest}", "actual": highest},
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _wait(self, request: HttpRequest, identifier: TransactionId, wait_s: int) -> bool:
        """Until it is final, the time is over, or nobody waits at the other end."""
        final = False
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                while (await request.receive())["type"] == "http.request":
                    pass
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            final = await self._backend.wait_final(identifier, wait_s)
            nursery.cancel_scope.cancel()
        return final


def _page(name: str) -> ASGIResponse:
    data, media_type, headers = page(name)
    return raw_response(data, media_type, headers=headers)


def _entry_of(request: HttpRequest) -> tuple[int, bytes]:
    """Table and key of the entry that a path names.

    Raises:
        Rejected: there is no such table, or the key is not hexadecimal.
    """
    name = intake.name_of(request, "table")
    table = table_number(name)
    if table is None:
        raise Rejected(
            UNKNOWN_TABLE,
            f"there is no table {name[:80]!r}",
            {"expected": TABLE_NUMBERS, "actual": name[:80]},
        )
    return table, intake.key_of(request)


def _entry_response(table: int, found: EntryAnswer) -> ASGIResponse:
    if found.value is None:
        raise Rejected(
            ABSENT_ENTRY,
            f"table {found.table} has no entry {found.key.hex()} after block {found.height}",
            {"table": table, "key": found.key.hex(), "height": found.height},
        )
    record = to_named(record_of(table, found.value))
    return raw_response(msgspec.json.encode({**to_named(found), "record": record}), JSON)


def _unknown_transaction(identifier: TransactionId, indexed_from: Height) -> Rejected:
    part = f"; this node's index begins at height {indexed_from}" if indexed_from > 1 else ""
    return Rejected(
        UNKNOWN_TRANSACTION,
        f"transaction {identifier.hex()} is in no block and does not wait here{part}",
        {"transaction": identifier.hex()},
    )
