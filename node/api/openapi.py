"""The OpenAPI document: every endpoint with the schemas of what it takes and answers.

Schemas are derived from the named twins, so their texts are the docstrings of the Structs; a path's
summary is its handler's. What is written here is only which Struct goes where, and a test finds an
endpoint that is missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, Final, final

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct, inspect

from ledger.genesis import GenesisDocument
from node.api.intake import JSON, MSGPACK
from node.api.problems import PROBLEM_TYPE, Problem
from node.api.refusals import RefusalCatalogue
from node.api.responses import EVIDENCE_TYPE, PROOF_TYPE, TESTIMONY_TYPE
from node.api.streams import STREAM_TYPE
from node.cases import CasesAnswer
from node.diagnosis import Diagnosis
from node.events import EVENT_TYPES, CommittedEvent
from node.history import RECORDS, EntryAnswer
from node.queries import AccountAnswer, BlockAnswer, FinalTransaction, PendingTransaction
from node.reports.page import QueryAnswer
from node.reports.table import QUERIES, QueryKind
from node.status import NodeStatus, Readiness
from primitives import limits
from primitives.codec import TAKING_TYPES_APART
from primitives.ids import Sized32, TransactionId
from primitives.languages import LANGUAGES
from primitives.named import named
from services.table import TRANSACTION

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_HTML: Final = "text/html; charset=utf-8"


@final
class Alive(Struct, frozen=True, kw_only=True):
    """The process serves."""

    alive: bool


@final
class Taken(Struct, frozen=True, kw_only=True):
    """A transaction of a batch that was taken: it waits, or is final already."""

    id: Sized32[TransactionId]
    status: str


@final
class NotTaken(Struct, frozen=True, kw_only=True):
    """A transaction of a batch that was refused."""

    error: Problem


@final
@dataclass(frozen=True, slots=True)
class _Described:
    """What an endpoint takes and answers. A kind of None is a body without a schema."""

    answers: Mapping[int, tuple[str, Any]]
    body: Any = None
    query: Mapping[str, Json] = field(default_factory=dict)


_HEX32: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT: Final[Json] = {"type": "string"}
_WAIT: Final[Mapping[str, Json]] = {
    "wait_s": {"type": "integer", "minimum": 0, "maximum": limits.API_WAIT_S_MAX}
}
_HEIGHT: Final[Json] = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"}
_FROM: Final[Mapping[str, Json]] = {"from": _HEIGHT}
_PATHS: Final[Mapping[str, Json]] = {
    "id": _HEX32,
    "height": {"type": "string", "pattern": "^(latest|0|[1-9][0-9]{0,18})$"},
    "table": _TEXT,
    "key": {"type": "string", "pattern": "^([0-9a-f]{2})+$"},
    "file": _TEXT,
    "event": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
}
ENDPOINTS: Final[Mapping[str, _Described]] = {
    "GET /v1/health": _Described({200: (JSON, Alive)}),
    "GET /v1/ready": _Described({200: (JSON, Readiness), 503: (JSON, Readiness)}),
    "GET /v1/status": _Described({200: (JSON, NodeStatus)}),
    "GET /v1/why": _Described({200: (JSON, Diagnosis)}),
    "GET /v1/genesis": _Described({200: (JSON, GenesisDocument)}),
    "GET /v1/refusals": _Described(
        {200: (JSON, RefusalCatalogue)},
        query={"code": _TEXT, "lang": {"type": "string", "enum": list(LANGUAGES)}},
    ),
    "GET /metrics": _Described({200: ("text/plain", None)}),
    "GET /openapi.json": _Described({200: (JSON, None)}),
    "GET /docs": _Described({200: (_HTML, None)}),
    "GET /docs/{file}": _Described({200: ("text/*", None)}),
    "POST /v1/transactions": _Described(
        {200: (JSON, FinalTransaction), 202: (JSON, PendingTransaction)}, TRANSACTION, _WAIT
    ),
    "POST /v1/transactions/batch": _Described({200: (JSON, (Taken, NotTaken))}, (TRANSACTION,)),
    "GET /v1/transactions/{id}": _Described(
        {200: (JSON, FinalTransaction | PendingTransaction)}, query=_WAIT
    ),
    "GET /v1/transactions/{id}/proof": _Described({200: (PROOF_TYPE, None)}, query=_FROM),
    "GET /v1/transactions/{id}/events/{event}/proof": _Described(
        {200: (PROOF_TYPE, None)}, query=_FROM
    ),
    "GET /v1/blocks/{height}": _Described({200: (JSON, BlockAnswer)}),
    "GET /v1/accounts/{id}": _Described({200: (JSON, AccountAnswer)}),
    "GET /v1/state/{table}/{key}": _Described(
        {200: (JSON, EntryAnswer)}, query={"height": {"type": "integer", "minimum": 0}}
    ),
    "GET /v1/state/{table}/{key}/proof": _Described(
        {200: (PROOF_TYPE, None)}, query={**_FROM, "height": _HEIGHT}
    ),
    "GET /v1/blocks/{height}/testimony": _Described({200: (TESTIMONY_TYPE, None)}),
    "GET /v1/evidence": _Described({200: (JSON, CasesAnswer)}),
    "GET /v1/evidence/{id}": _Described({200: (EVIDENCE_TYPE, None)}),
    "GET /v1/events": _Described(
        {200: (STREAM_TYPE, CommittedEvent)},
        query={
            "after": {"type": "string", "pattern": r"^\d+\.\d+$"},
            "account": _HEX32,
            "type": {"type": "string", "description": f"SERVICE.*, or of {', '.join(EVENT_TYPES)}"},
        },
    ),
}
"""By method and path. A tuple is a list of its members."""

QUERY_PATH: Final = "GET /v1/queries/{name}"
"""Stands in the document once for each query, with that query's parameters and rows."""


def endpoint_of(route: HTTPRouteHandler) -> str:
    """Method and path of a route, as the document writes them."""
    (path,), (method,) = route.paths, route.http_methods
    return f"{method} {re.sub(r':str', '', path)}"


@lru_cache(maxsize=1)
def _schemas() -> "_Schemas":
    with TAKING_TYPES_APART:
        return _Schemas()


def document(routes: Sequence[HTTPRouteHandler]) -> bytes:
    """The OpenAPI 3.1 document of these routes."""
    schemas = _schemas()
    paths: dict[str, Json] = {}
    for route in routes:
        endpoint = endpoint_of(route)
        method, _, path = endpoint.partition(" ")
        summary = _first_line(route.fn.__doc__)
        if endpoint == QUERY_PATH:
            for query in QUERIES.values():
                paths[f"/v1/queries/{query.name}"] = {"get": schemas.query(query)}
        else:
            described = ENDPOINTS[endpoint]
            operation = schemas.operation(described, path, summary)
            paths.setdefault(path, {})[method.lower()] = operation
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Mithaq",
                "version": version("mithaq"),
                "summary": "The API of a node: read and submit.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": schemas.components},
        }
    )


class _Schemas:
    """The components of the document, and references to them."""

    def __init__(self) -> None:
        kinds: dict[Any, Any] = {Problem: Problem, NotTaken: NotTaken}
        for described in ENDPOINTS.values():
            for kind in (described.body, *(kind for _, kind in described.answers.values())):
                for member in kind if isinstance(kind, tuple) else (kind,):
                    if member is not None and member not in kinds:
                        kinds[member] = named(member)
        for query in QUERIES.values():
            kinds.setdefault(query.row, named(query.row))
        found, self.components = msgspec.json.schema_components(
            [*kinds.values(), *map(named, RECORDS)], schema_hook=_anything, ref_template=_REF
        )
        # The API adds what `value` says, in the named form of its table's rows.
        found, rows = found[: -len(RECORDS)], found[-len(RECORDS) :]
        self.components[EntryAnswer.__name__]["properties"]["record"] = {"anyOf": rows}
        for schema in self.components.values():
            if "description" in schema:
                schema["description"] = cleandoc(schema["description"])
        self._of: dict[Any, Json] = dict(zip(kinds, found, strict=True))
        self._answers = {query.name: self._answer(query) for query in QUERIES.values()}
        self._parameters = {query.name: _parameters_of(query) for query in QUERIES.values()}

    def operation(self, described: _Described, path: str, summary: str) -> Json:
        """An endpoint."""
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": _PATHS[name]}
            for name in re.findall(r"\{(\w+)\}", path)
        ]
        parameters += [
            {"name": name, "in": "query", "schema": schema}
            for name, schema in described.query.items()
        ]
        operation: Json = {
            "summary": summary,
            "parameters": parameters,
            "responses": self._responses(described.answers),
        }
        if described.body is not None:
            operation["requestBody"] = {
                "required": True,
                "content": {
                    JSON: {"schema": self._schema(described.body)},
                    MSGPACK: {"schema": {"description": "The same in canonical form."}},
                },
            }
        return operation

    def query(self, query: QueryKind) -> Json:
        """A query of `node.reports`."""
        responses = self._responses({})
        responses["200"] = {
            "description": "OK",
            "content": {JSON: {"schema": self._answers[query.name]}},
        }
        return {
            "summary": _first_line(query.parameters.__doc__),
            "parameters": self._parameters[query.name],
            "responses": responses,
        }

    def _answer(self, query: QueryKind) -> Json:
        kind: Any = QueryAnswer[query.row]  # type: ignore[name-defined] # built at run time
        _, parts = msgspec.json.schema_components([named(kind)], ref_template=_REF)
        answer: Json = parts["QueryAnswer"]
        # Rows of two services may have one name: here each is called as in the whole document.
        answer["properties"]["rows"]["items"] = self._of[query.row]
        return {**answer, "title": f"{query.row.__name__} answer"}

    def _responses(self, answers: Mapping[int, tuple[str, Any]]) -> Json:
        responses: Json = {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {media: {} if kind is None else {"schema": self._schema(kind)}},
            }
            for status, (media, kind) in answers.items()
        }
        responses["default"] = {
            "description": "Refused: GET /v1/refusals lists every code.",
            "content": {PROBLEM_TYPE: {"schema": self._of[Problem]}},
        }
        return responses

    def _schema(self, kind: Any) -> Json:  # noqa: ANN401 - a kind, or a tuple of them
        if not isinstance(kind, tuple):
            return self._of[kind]
        members = [self._of[member] for member in kind]
        return {"type": "array", "items": members[0] if len(members) == 1 else {"anyOf": members}}


def _parameters_of(query: QueryKind) -> list[Json]:
    twin = named(query.parameters)
    _, parts = msgspec.json.schema_components([twin], ref_template=_REF)
    own = parts[query.parameters.__name__]
    required = {
        each.name: not isinstance(each.type, inspect.UnionType)
        for each in inspect.type_info(query.parameters).fields  # type: ignore[attr-defined] # a Struct
    }
    parameters: list[Json] = []
    for name, must in required.items():
        schema = own["properties"][name]
        members = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        for index, one in enumerate(members):
            if "$ref" in one:  # an enumeration, which nobody else needs
                members[index] = parts[one["$ref"].rpartition("/")[2]]
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": must,
                "schema": members[0] if len(members) == 1 else {"anyOf": members},
            }
        )
    return parameters


def _anything(_kind: type) -> Json:
    """The facts of a problem: whatever JSON holds."""
    return {"description": "a fact"}


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
