"""The named form: what people, JSON and the command line see instead of arrays.

Every Struct has a twin that is a map: same fields, same docstrings, its tag under the name that its
class gives it (`operation`, `refusal`, `event`), bytes as lower-case hexadecimal, and integers that
a JavaScript number cannot hold (above 2^53) as decimal strings. Twins are derived from the types,
so there is nothing to keep in step, and `msgspec.json.schema(named(kind))` is the JSON schema.

A field of bytes may embed values of a kind that is not known where the field is defined, such as
calls that are kept for later: its `Meta(extra={EMBEDS: form})` names the form, `embed` says what
kind that is, and the named form shows the values themselves.

Only canonical bytes are signed and hashed. What comes in by name is strict: no unknown field, no
field or key twice, no number for a string.
"""

import json
import re
from collections.abc import Callable
from enum import Enum
from functools import cache, lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, inspect

from primitives.codec import TAKING_TYPES_APART, decode, encode, printable
from primitives.errors import Malformed

T = TypeVar("T")

EXACT_MAX: Final = 2**53
"""Integers up to here are exact in every reader of JSON."""

# `$` alone would also match before a newline at the end.
_HEX: Final = r"^(?:[0-9a-f]{2})*(?!\n)$"
_DECIMAL: Final = r"^-?(?:0|[1-9][0-9]{0,18})(?!\n)$"
_SHOWN_MAX: Final = 80

EMBEDS: Final = "embeds"
"""Key of `Meta.extra`: the form of what a field's bytes embed."""
_embedded: Final[dict[str, Any]] = {}
"""Form → kind; written by `embed` only."""


def embed(form: str, kind: Any) -> None:  # noqa: ANN401 - types of types
    """Say of what kind (a tuple of something) the values of a form are. Once in a process."""
    assert _embedded.setdefault(form, kind) == kind, f"{form} embeds two kinds"


def named(kind: Any) -> Any:  # noqa: ANN401 - types of types
    """The twin of a Struct, of a generic one, or of a union: a type for msgspec."""
    with TAKING_TYPES_APART:
        return _twin(_inspected(kind))


def to_named(value: Any) -> Any:  # noqa: ANN401 - any value of the codec
    """The named form as dictionaries, lists, strings, numbers and None."""
    match value:
        case Struct():
            config = value.__struct_config__
            forms = _forms(type(value))
            fields = {
                name: _shown(getattr(value, name), forms.get(name))
                for name in value.__struct_fields__
            }
            return fields if config.tag is None else {config.tag_field: config.tag, **fields}
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case bool() | str() | None:
            return value
        case int():
            return value if -EXACT_MAX <= value <= EXACT_MAX else str(value)
        case tuple() | list():
            return [to_named(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no named form")


def _shown(value: Any, form: str | None) -> Any:  # noqa: ANN401
    if form not in _embedded:
        return to_named(value)
    return to_named(decode(value, _embedded[form], limit=len(value)))


@cache
def _forms(struct: type[Struct]) -> dict[str, str]:
    """The fields of a Struct that embed something, and in which form."""
    found = {}
    for field in msgspec.structs.fields(struct):
        notes = get_args(field.type)[1:] if get_origin(field.type) is Annotated else ()
        for note in notes:
            if isinstance(note, Meta) and note.extra and EMBEDS in note.extra:
                found[field.name] = note.extra[EMBEDS]
    return found


def from_named(data: Any, kind: type[T]) -> T:  # noqa: ANN401 - what a reader of JSON returns
    """A value from its named form: JSON bytes (the caller bounds their size), or what they say.

    Raises:
        Malformed: not JSON, or not of this type; with the path, what was expected and what found.
    """
    key: Any = kind
    plain = _parse(data) if isinstance(data, bytes) else data
    try:
        twin = msgspec.convert(plain, _cached_twin(key), strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Malformed(printable(_explained(str(error), plain))) from error
    except UnicodeError as error:
        raise Malformed(f"text that is no Unicode: {error}") from error
    value: T = _original(twin, _inspected(key), "$")
    return value


def _parse(data: bytes) -> Any:  # noqa: ANN401
    def only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) != len(pairs):
            twice = sorted({key for key, _ in pairs if sum(key == k for k, _ in pairs) > 1})
            raise Malformed(f"not JSON as we read it: {', '.join(twice)} twice in one object")
        return keys

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=only_once)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error


def _explained(message: str, plain: Any) -> str:  # noqa: ANN401
    """msgspec's message names what was expected and where; we add what stands there."""
    place = re.search(r"`\$(.*?)`$", message)
    found = plain
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", place.group(1) if place else ""):
        try:
            found = found[name] if name else found[int(index)]
        except (KeyError, IndexError, TypeError):
            return message
    if isinstance(found, (dict, list)):
        return message
    shown = json.dumps(found, ensure_ascii=False).encode(errors="replace").decode()
    shown = shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}…"
    return f"{message}{'' if place else ' - at `$`'}, found {shown}"


@lru_cache(maxsize=256)
def _inspected(kind: Any) -> inspect.Type:  # noqa: ANN401
    with TAKING_TYPES_APART:
        return inspect.type_info(kind)


@lru_cache(maxsize=256)
def _cached_twin(kind: Any) -> Any:  # noqa: ANN401
    with TAKING_TYPES_APART:
        twin = named(kind)
        msgspec.json.Decoder(twin)  # msgspec has now seen it whole
        return twin


_struct_twins: Final[dict[Any, Any]] = {}
"""Class or generic alias → its only twin; written by `_struct_twin` only."""
_originals: Final[dict[Any, inspect.StructType]] = {}
"""Twin → what it is the twin of; written by `_struct_twin` only."""


def _twin(info: inspect.Type) -> Any:  # noqa: ANN401 - one line per kind of type
    match info:
        case inspect.Metadata():
            twin = tuple[Any, ...] if _form(info) in _embedded else _twin(info.type)
            return Annotated[twin, Meta(extra_json_schema=info.extra_json_schema)]
        case inspect.BytesType():
            low, high = _doubled(info.min_length), _doubled(info.max_length)
            return Annotated[str, Meta(pattern=_HEX, min_length=low, max_length=high)]
        case inspect.IntType():
            return _integer_twin(*_range(info))
        case inspect.StrType():
            meta = Meta(
                pattern=info.pattern, min_length=info.min_length, max_length=info.max_length
            )
            return Annotated[str, meta]
        case inspect.BoolType():
            return bool
        case inspect.NoneType():
            return None
        case inspect.EnumType():
            return info.cls
        case inspect.LiteralType():
            return Literal[info.values]
        case inspect.TupleType():
            return tuple[tuple(_twin(item) for item in info.item_types)]  # type: ignore[misc] # built at run time
        case inspect.VarTupleType():
            meta = Meta(min_length=info.min_length, max_length=info.max_length)
            return Annotated[tuple[_twin(info.item_type), ...], meta]  # type: ignore[misc] # built at run time
        case inspect.UnionType():
            if len(_plain_members(info)) > 1:
                raise TypeError(f"{info} has no named form: its members look alike in JSON")
            return Union[tuple(_twin(item) for item in info.types)]  # noqa: UP007 - built at run time
        case inspect.StructType():
            return _struct_twin(info)
    raise TypeError(f"{info} has no named form")


def _form(info: inspect.Type) -> str | None:
    return (info.extra or {}).get(EMBEDS) if isinstance(info, inspect.Metadata) else None


def _doubled(length: int | None) -> int | None:
    return None if length is None else 2 * length


def _range(info: inspect.IntType) -> tuple[int, int]:
    low = info.ge if info.ge is not None else -(2**63) if info.gt is None else info.gt + 1
    high = info.le if info.le is not None else 2**63 - 1 if info.lt is None else info.lt - 1
    return low, high


def _integer_twin(low: int, high: int) -> Any:  # noqa: ANN401
    if low >= -EXACT_MAX and high <= EXACT_MAX:
        return Annotated[int, Meta(ge=low, le=high)]
    number = Annotated[int, Meta(ge=max(low, -EXACT_MAX), le=min(high, EXACT_MAX))]
    decimal = Annotated[
        str, Meta(pattern=_DECIMAL, description=f"{low} to {high}; above 2^53 as a string")
    ]
    return Union[number, decimal]  # noqa: UP007 - the members are values here


def _struct_twin(info: inspect.StructType) -> Any:  # noqa: ANN401
    twin = _struct_twins.get(info.cls)
    if twin is None:
        origin = get_origin(info.cls) or info.cls
        twin = msgspec.defstruct(
            origin.__name__,
            [_field(field) for field in info.fields],
            namespace={"__doc__": origin.__doc__},
            module=origin.__module__,
            tag_field=info.tag_field,
            tag=info.tag,
            forbid_unknown_fields=True,
            frozen=True,
            kw_only=True,
        )
        _originals[twin] = info
        _struct_twins[info.cls] = twin
    return twin


def _field(field: inspect.Field) -> tuple[str, Any]:
    # An array has no place for "left out": every field of the codec is required, so is its name.
    if not field.required:
        raise TypeError(f"the field {field.name} has a default; Structs of the codec have none")
    return field.name, _twin(field.type)


def _original(value: Any, info: inspect.Type, path: str) -> Any:  # noqa: ANN401
    """The codec's value for a converted twin."""
    if isinstance(value, Struct):
        made_of = _originals[type(value)]
        make: Callable[..., Any] = get_origin(made_of.cls) or made_of.cls
        return make(
            **{
                field.name: _original(
                    getattr(value, field.name), field.type, f"{path}.{field.name}"
                )
                for field in made_of.fields
            }
        )
    form = _form(info)
    if form in _embedded:
        return _bytes_of(value, form, path)
    match _chosen(value, info):
        case inspect.StrType():
            return _text(value, path)
        case inspect.BytesType():
            return bytes.fromhex(value)
        case inspect.IntType() as number:
            return _integer(value, number, path)
        case inspect.TupleType(item_types=kinds):
            return tuple(_original(v, k, f"{path}[…]") for v, k in zip(value, kinds, strict=True))
        case inspect.VarTupleType(item_type=kind):
            return tuple(_original(v, kind, f"{path}[{i}]") for i, v in enumerate(value))
    return value


def _bytes_of(value: Any, form: str, path: str) -> bytes:  # noqa: ANN401
    try:
        return encode(from_named(list(value), _embedded[form]))
    except Malformed as error:
        raise Malformed(f"{path} embeds {form}: {error}") from error


def _chosen(value: Any, info: inspect.Type) -> inspect.Type:  # noqa: ANN401
    """The member of a union that a value is of; Structs and None need no choice."""
    while isinstance(info, inspect.Metadata | inspect.UnionType):
        if isinstance(info, inspect.Metadata):
            info = info.type
        elif value is None:
            return inspect.NoneType()
        else:
            (info,) = _plain_members(info)
    return info


def _plain_members(info: inspect.UnionType) -> list[inspect.Type]:
    return [m for m in info.types if not isinstance(m, inspect.NoneType | inspect.StructType)]


def _integer(value: int | str, info: inspect.IntType, path: str) -> int:
    low, high = _range(info)
    number = int(value)
    if not low <= number <= high:
        raise Malformed(f"Expected `int` from {low} to {high} - at `{path}`, found {value!r}")
    return number


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair, written as an escape
        raise Malformed(f"Expected Unicode text - at `{path}`, found {value!a}") from error
    return value
