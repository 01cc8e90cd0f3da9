"""Errors as problem+json (RFC 9457) with a stable code; never a traceback.

`{type, title, status, code, detail, facts}`: programs look at `code`, people at `detail`, and
`facts` hold what the detail was made from. What a transaction's author did wrong has the ledger's
code; what the request did wrong has one of the codes below. `node.api.refusals` lists them all.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, final

from msgspec import Struct

from ledger.query import TOO_WIDE
from ledger.transaction import BAD_SIGNATURE, MALFORMED
from node import history
from node.evidence_file import TOO_LARGE as EVIDENCE_TOO_LARGE
from node.guard import HEIGHT_DECIDED, NOT_FENCED
from node.lineage import NO_LINEAGE, UNKNOWN_CHECKPOINT
from node.mempool import FULL, QUOTA_EXCEEDED
from node.proof import TOO_LARGE
from node.queries import NO_TRANSACTION, UNKNOWN_EVENT
from node.reports import page as queried
from primitives.errors import BadSignature, Malformed, MithaqError, Rejected
from primitives.named import to_named
from storage.edges import HISTORY_PRUNED

PROBLEM_TYPE: Final = "application/problem+json"

REQUEST_MALFORMED: Final = "request.malformed"
REQUEST_PARAMETER: Final = "request.parameter"
REQUEST_MEDIA_TYPE: Final = "request.media_type"
REQUEST_TOO_LARGE: Final = "request.too_large"
REQUEST_TIMEOUT: Final = "request.timeout"
UNKNOWN_PATH: Final = "request.unknown_path"
WRONG_METHOD: Final = "request.wrong_method"
WRONG_VERSION: Final = "request.wrong_version"
UNKNOWN_TRANSACTION: Final = "transaction.unknown"
UNKNOWN_BLOCK: Final = history.UNKNOWN_BLOCK
UNKNOWN_ACCOUNT: Final = queried.UNKNOWN_ACCOUNT
UNKNOWN_ASSET: Final = queried.UNKNOWN_ASSET
UNKNOWN_QUERY: Final = queried.UNKNOWN_QUERY
QUERY_TOO_WIDE: Final = TOO_WIDE
UNKNOWN_TABLE: Final = "state.unknown_table"
ABSENT_ENTRY: Final = "state.absent"
UNKNOWN_EVIDENCE: Final = "evidence.unknown"
BUSY: Final = "node.busy"
INTERNAL: Final = "node.internal"
AT_WORK: Final = "node.at_work"
FILE_MALFORMED: Final = "file.malformed"
LOCAL_FAULT: Final = "node.local_fault"
STORAGE_FAULT: Final = "node.storage_fault"

STATUS_OF_CODE: Final[Mapping[str, HTTPStatus]] = {
    REQUEST_MALFORMED: HTTPStatus.BAD_REQUEST,
    REQUEST_PARAMETER: HTTPStatus.BAD_REQUEST,
    MALFORMED: HTTPStatus.BAD_REQUEST,
    UNKNOWN_PATH: HTTPStatus.NOT_FOUND,
    UNKNOWN_TRANSACTION: HTTPStatus.NOT_FOUND,
    UNKNOWN_BLOCK: HTTPStatus.NOT_FOUND,
    UNKNOWN_ACCOUNT: HTTPStatus.NOT_FOUND,
    UNKNOWN_ASSET: HTTPStatus.NOT_FOUND,
    UNKNOWN_QUERY: HTTPStatus.NOT_FOUND,
    UNKNOWN_TABLE: HTTPStatus.NOT_FOUND,
    ABSENT_ENTRY: HTTPStatus.NOT_FOUND,
    UNKNOWN_EVENT: HTTPStatus.NOT_FOUND,
    NO_TRANSACTION: HTTPStatus.NOT_FOUND,
    UNKNOWN_CHECKPOINT: HTTPStatus.BAD_REQUEST,
    UNKNOWN_EVIDENCE: HTTPStatus.NOT_FOUND,
    WRONG_METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    AT_WORK: HTTPStatus.CONFLICT,
    HISTORY_PRUNED: HTTPStatus.GONE,
    NO_LINEAGE: HTTPStatus.GONE,
    TOO_LARGE: HTTPStatus.CONFLICT,
    EVIDENCE_TOO_LARGE: HTTPStatus.CONFLICT,
    NOT_FENCED: HTTPStatus.CONFLICT,
    HEIGHT_DECIDED: HTTPStatus.CONFLICT,
    REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    REQUEST_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    QUOTA_EXCEEDED: HTTPStatus.TOO_MANY_REQUESTS,
    INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    LOCAL_FAULT: HTTPStatus.INTERNAL_SERVER_ERROR,
    STORAGE_FAULT: HTTPStatus.INTERNAL_SERVER_ERROR,
    FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    WRONG_VERSION: HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
}
"""Every code that is not answered with 422, which is what a refused transaction gets."""

_LATER: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
_RETRY_AFTER_S: Final = "1"


@final
class Problem(Struct, frozen=True, kw_only=True):
    """The body of every answer that is an error."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    facts: Mapping[str, object]


def problem(code: str, detail: str, facts: Mapping[str, object]) -> Problem:
    """A problem of a code."""
    status = STATUS_OF_CODE.get(code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Problem(
        type="about:blank",
        title=status.phrase,
        status=status.value,
        code=code,
        detail=detail,
        facts={name: _plain(value) for name, value in facts.items()},
    )


def problem_of(error: MithaqError) -> Problem | None:
    """The problem that a client is told of; None where the fault is ours."""
    match error:
        case Rejected():
            return problem(error.code, error.message, error.facts)
        case Malformed():
            return problem(MALFORMED, str(error), {"expected": "a transaction in canonical form"})
        case BadSignature():
            return problem(BAD_SIGNATURE, str(error), {})
    return None


def internal(incident: str) -> Problem:
    """Something of ours failed; the log has more under the same incident."""
    return problem(
        INTERNAL,
        f"the node failed at this request; its log says more about incident {incident}",
        {"incident": incident},
    )


def headers_of(found: Problem) -> dict[str, str]:
    """Headers beside the type: when to come back."""
    return {"retry-after": _RETRY_AFTER_S} if found.status in _LATER else {}


def _plain(fact: object) -> object:
    if isinstance(fact, Mapping):
        return {str(name): _plain(value) for name, value in fact.items()}
    try:
        return to_named(fact)
    except TypeError:
        return str(fact)
