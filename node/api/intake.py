"""What comes in: bodies within their size and time, parameters, transactions in either form.

No framework decodes anything here. A body is bytes; what is in it is read by `primitives.codec` or
`primitives.named` alone.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import trio
from litestar import Request

from ledger.assets import AssetCode
from node.api.problems import (
    REQUEST_MALFORMED,
    REQUEST_MEDIA_TYPE,
    REQUEST_PARAMETER,
    REQUEST_TIMEOUT,
    REQUEST_TOO_LARGE,
)
from node.events import Cursor, Wanted, read_cursor, types_in
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, Rejected
from primitives.ids import INTEGER_MAX, AccountId, Height
from primitives.languages import ENGLISH, LANGUAGES
from primitives.named import from_named
from services.table import TRANSACTION

HttpRequest = Request[Any, Any, Any]

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"

_HEX32: Final = re.compile(r"[0-9a-f]{64}")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_FAULTY: Final = re.compile(r"^(\w+): |`\$\.(\w+)`")
"""Which parameter a fault is about."""
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class ClientGone(Exception):
    """The client closed the connection; nobody reads an answer."""


async def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """The body of a request.

    Raises:
        Rejected: larger than `limit`, or not here in time.
        ClientGone: the connection ended before the body did.
    """
    announced = request.headers.get("content-length", "0")
    if not _NUMBER.fullmatch(announced) or int(announced) > limit:
        raise _too_large(limit, f"{announced} bytes announced")
    parts: list[bytes] = []
    size = 0
    with trio.move_on_after(limits.API_BODY_S):
        while True:
            message = await request.receive()
            if message["type"] != "http.request":
                raise ClientGone
            part = message["body"]
            size += len(part)
            if size > limit:
                raise _too_large(limit, f"{size} bytes and more")
            parts.append(part)
            if not message["more_body"]:
                return b"".join(parts)
    raise Rejected(
        REQUEST_TIMEOUT,
        f"{size} bytes of the body arrived within {limits.API_BODY_S} s, expected all of it",
        {"expected": f"within {limits.API_BODY_S} s", "actual": f"{size} bytes"},
    )


def _too_large(limit: int, actual: str) -> Rejected:
    return Rejected(
        REQUEST_TOO_LARGE,
        f"a body of {actual}, at most {limit} bytes are allowed",
        {"expected": f"at most {limit} bytes", "actual": actual},
    )


def media_type_of(request: HttpRequest) -> str:
    """`JSON` or `MSGPACK`.

    Raises:
        Rejected: the body is declared as something else, or as nothing.
    """
    declared = request.headers.get("content-type", "")
    name = declared.partition(";")[0].strip().lower()
    if name in (JSON, MSGPACK):
        return name
    raise Rejected(
        REQUEST_MEDIA_TYPE,
        f"content type {declared!r}, expected {JSON} or {MSGPACK}",
        {"expected": [JSON, MSGPACK], "actual": declared},
    )


def transaction_from_json(data: bytes) -> bytes:
    """The canonical bytes of a transaction in its named form.

    Raises:
        Rejected: not JSON at all.
        Malformed: JSON, but not a transaction.
    """
    _json(data, msgspec.Raw, expected="one JSON object")
    return encode(from_named(data, TRANSACTION))


def batch_from_json(data: bytes) -> list[bytes | Malformed]:
    """The canonical bytes of each transaction in a JSON list; what is none has its fault instead.

    Raises:
        Rejected: not a JSON list of at most `API_BATCH_MAX`.
    """
    raw: list[msgspec.Raw] = _json(data, list[msgspec.Raw], expected="a JSON list of transactions")
    _check_length(len(raw))
    items: list[bytes | Malformed] = []
    for item in raw:
        try:
            items.append(encode(from_named(bytes(item), TRANSACTION)))
        except Malformed as fault:
            items.append(fault)
    return items


def batch_from_msgpack(data: bytes) -> list[bytes | Malformed]:
    """Each transaction's bytes out of a canonical array of byte strings.

    Raises:
        Rejected: it is not such an array, or longer than `API_BATCH_MAX`.
    """
    try:
        items = decode(data, tuple[bytes, ...], limit=limits.API_BATCH_BYTES_MAX)
    except Malformed as fault:
        expected = "a MessagePack array of byte strings, one transaction each"
        raise _malformed(expected, str(fault)) from fault
    _check_length(len(items))
    return list(items)


def _check_length(count: int) -> None:
    if count > limits.API_BATCH_MAX:
        raise Rejected(
            REQUEST_TOO_LARGE,
            f"{count} transactions, at most {limits.API_BATCH_MAX} are allowed in one request",
            {"expected": f"at most {limits.API_BATCH_MAX}", "actual": count},
        )


def _json(data: bytes, kind: Any, *, expected: str) -> Any:  # noqa: ANN401 - a type for msgspec
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(expected, str(error)) from error


def _malformed(expected: str, actual: str) -> Rejected:
    return Rejected(
        REQUEST_MALFORMED,
        f"the body is not {expected}: {actual}",
        {"expected": expected, "actual": actual},
    )


def from_json(data: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - an instance of `kind`
    """A small Struct in its named form.

    Raises:
        Rejected: the body is not one.
    """
    try:
        return from_named(data, kind)
    except Malformed as fault:
        raise _malformed(f"a {kind.__name__} in JSON", str(fault)) from fault


def wait_s_of(request: HttpRequest) -> int:
    """The parameter `wait_s`: 0 where it is not given.

    Raises:
        Rejected: not a whole number of seconds from 0 to `API_WAIT_S_MAX`.
    """
    query = _query(request, allowed=("wait_s",))
    if "wait_s" not in query:
        return 0
    given, highest = query["wait_s"], limits.API_WAIT_S_MAX
    if not _NUMBER.fullmatch(given) or int(given) > highest:
        raise _parameter("wait_s", expected=f"whole seconds from 0 to {highest}", actual=given)
    return int(given)


def balances_after_of(request: HttpRequest) -> str:
    """The parameter `balances_after`, the asset above which a page begins; "" is the first page.

    Raises:
        Rejected: not the code of an asset.
    """
    query = _query(request, allowed=("balances_after",))
    if "balances_after" not in query:
        return ""
    given = query["balances_after"]
    try:
        return msgspec.convert(given, AssetCode)
    except msgspec.ValidationError:
        expected = "the code of an asset, such as GBP"
        raise _parameter("balances_after", expected=expected, actual=given) from None


def stream_of(request: HttpRequest) -> tuple[Cursor | None, Wanted]:
    """From where on a stream of events begins (None: from now on), and what it carries.

    The header `Last-Event-ID`, which browsers send by themselves when they reconnect, goes before
    the parameter `after`.

    Raises:
        Rejected: a parameter is unknown or is not what it must be.
    """
    query = _query(request, allowed=("after", "account", "type"))
    given = request.headers.get("last-event-id", query.get("after"))
    after = None if given is None else read_cursor(given)
    if given is not None and after is None:
        raise _parameter("after", expected="a cursor HEIGHT.INDEX", actual=given)
    types, account = query.get("type"), query.get("account")
    try:
        wanted = None if types is None else types_in(types)
    except Malformed as fault:
        raise wrong_parameter(fault) from fault
    if account is not None and not _HEX32.fullmatch(account):
        raise _parameter("account", expected="64 lower-case hexadecimal digits", actual=account)
    return after, Wanted(
        types=wanted,
        account=None if account is None else bytes.fromhex(account),
    )


def text_of(request: HttpRequest, name: str) -> str:
    """The only parameter of a request, as it is; empty where it is not given.

    Raises:
        Rejected: there are others.
    """
    return _query(request, allowed=(name,)).get(name, "")


def refusals_of(request: HttpRequest) -> tuple[str, str]:
    """The parameters `code`, empty where it is not given, and `lang`, English where it is not.

    Raises:
        Rejected: a language that there is no catalogue of, or there are other parameters.
    """
    given = _query(request, allowed=("code", "lang"))
    language = given.get("lang", ENGLISH)
    if language not in LANGUAGES:
        raise _parameter("lang", expected=" or ".join(LANGUAGES), actual=language)
    return given.get("code", ""), language


def account_of(request: HttpRequest) -> AccountId | None:
    """The parameter `account`: None where it is not given.

    Raises:
        Rejected: not 64 lower-case hexadecimal digits, or there are others.
    """
    given = text_of(request, "account")
    if given and not _HEX32.fullmatch(given):
        raise _parameter("account", expected="64 lower-case hexadecimal digits", actual=given)
    return AccountId(bytes.fromhex(given)) if given else None


def check_no_query(request: HttpRequest) -> None:
    """Raises:
    Rejected: there are parameters, and none is known here.
    """
    _query(request, allowed=())


def words_of(request: HttpRequest) -> Mapping[str, str]:
    """Every parameter as it was given, for a reader that knows their names.

    Raises:
        Rejected: one is there twice.
    """
    text = request.scope["query_string"].decode("latin-1")
    given = parse_qsl(text, keep_blank_values=True)
    words = dict(given)
    if len(words) != len(given):
        raise _parameter("query", expected="each parameter once", actual=text)
    return words


def wrong_parameter(fault: Malformed) -> Rejected:
    """A refusal: a parameter of a query is not what it must be."""
    named = _FAULTY.search(str(fault))
    return Rejected(
        REQUEST_PARAMETER,
        str(fault),
        {"parameter": named[1] or named[2] if named else "", "expected": "see docs/queries.md"},
    )


def _query(request: HttpRequest, *, allowed: tuple[str, ...]) -> Mapping[str, str]:
    text = request.scope["query_string"]
    if not text:
        return {}
    given = dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True))
    for name in given:
        if name not in allowed:
            raise _parameter(name, expected=f"one of {list(allowed)}", actual=name)
    return given


def moment_of(request: HttpRequest, *allowed: str) -> Mapping[str, Height]:
    """The heights that a question names, of those that it may name.

    `from`: where a proof's lineage begins; `height`: after which block.

    Raises:
        Rejected: another parameter, or one that is no height.
    """
    return {
        name: _height(name, given, expected="a height")
        for name, given in _query(request, allowed=allowed).items()
    }


def number_of(request: HttpRequest, name: str) -> int:
    """A number from 1 on out of the path.

    Raises:
        Rejected: it is none.
    """
    given = _path(request, name)
    if given == "0" or not _NUMBER.fullmatch(given):
        raise _parameter(name, expected="a number from 1 on", actual=given)
    return int(given)


def hex32_of(request: HttpRequest, name: str) -> bytes:
    """32 bytes out of the path.

    Raises:
        Rejected: not 64 lower-case hexadecimal digits.
    """
    given = _path(request, name)
    if not _HEX32.fullmatch(given):
        raise _parameter(name, expected="64 lower-case hexadecimal digits", actual=given)
    return bytes.fromhex(given)


def key_of(request: HttpRequest) -> bytes:
    """The key of an entry out of the path.

    Raises:
        Rejected: not an even number of lower-case hexadecimal digits.
    """
    given = _path(request, "key")
    if not _HEX.fullmatch(given):
        raise _parameter("key", expected="pairs of lower-case hexadecimal digits", actual=given)
    return bytes.fromhex(given)


def height_of(request: HttpRequest, head: Height) -> Height:
    """A height out of the path; `latest` is the head.

    Raises:
        Rejected: neither a number nor `latest`.
    """
    given = _path(request, "height")
    if given == "latest":
        return head
    return _height("height", given, expected="a height, or latest")


def _height(name: str, given: str, *, expected: str) -> Height:
    if not _NUMBER.fullmatch(given) or int(given) > INTEGER_MAX:
        raise _parameter(name, expected=expected, actual=given)
    return Height(int(given))


def name_of(request: HttpRequest, name: str) -> str:
    """A word out of the path."""
    return _path(request, name)


def _path(request: HttpRequest, name: str) -> str:
    value = request.path_params[name]
    assert isinstance(value, str), "the routes declare every parameter as text"
    return value


def _parameter(name: str, *, expected: str, actual: str) -> Rejected:
    shown = actual if len(actual) <= 80 else f"{actual[:80]}…"
    return Rejected(
        REQUEST_PARAMETER,
        f"{name} is {shown!r}, expected {expected}",
        {"parameter": name, "expected": expected, "actual": shown},
    )
