"""What goes out: JSON in the named form, raw bytes, problems."""

from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from node.api.intake import JSON
from node.api.problems import PROBLEM_TYPE, Problem, headers_of
from primitives.named import to_named

PROOF_TYPE: Final = "application/vnd.mithaq.proof"
EVIDENCE_TYPE: Final = "application/vnd.mithaq.evidence"
TESTIMONY_TYPE: Final = "application/vnd.mithaq.testimony"


def json_response(value: Any, *, status: int = 200, location: str = "") -> ASGIResponse:  # noqa: ANN401 - whatever has a named form
    """A Struct, or a list of them, in the named form."""
    headers = {"location": location} if location else {}
    return raw_response(msgspec.json.encode(to_named(value)), JSON, status=status, headers=headers)


def problem_response(found: Problem) -> ASGIResponse:
    """An error."""
    data = msgspec.json.encode(found)
    return raw_response(data, PROBLEM_TYPE, status=found.status, headers=headers_of(found))


def raw_response(
    data: bytes, media_type: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> ASGIResponse:
    """Bytes that are already written."""
    return ASGIResponse(body=data, status_code=status, media_type=media_type, headers=headers)
