"""Fields with parts of their own, as JSON: on the line, or in a file.

A policy, a charter or a flow does not fit into `name=value`. Its named form does, and what people
may leave to us is done here: names of the home's keys stand for accounts, what is optional may be
left out, amounts may be in whole units. `example_of_struct` shows the form of every type.

Whether it is right is judged by the named form alone. Only a choice that does not say of what it is
one is refused here, because here it is known which there are. `"$name"`
stands for an id that is known when stored calls are performed (ledger/placeholders.py).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import click
from msgspec import Struct

from cli.field_kinds import FieldKind, allows, fields_of, tag_of
from ledger.placeholders import placeholder
from primitives import limits
from primitives.ids import AccountId, TimeMs
from primitives.kernel_limits import FLOW_PARTY_LENGTH_MAX

SUFFIX: Final = ".json"
_PLACEHOLDER: Final = re.compile(rf"\$[A-Za-z][A-Za-z0-9_]{{0,{FLOW_PARTY_LENGTH_MAX - 1}}}")


class Names(Protocol):
    """What reads the words in JSON: of an account, an amount, a time."""

    def named_word(self, name: str, kind: FieldKind, word: str, where: str) -> Any:  # noqa: ANN401
        """Of a field's name and kind, a text that stands in JSON, and its path: its named form."""

    def inner(self) -> "Names":
        """Another one, for an operation within."""

    def check_assets(self, expected: str | None) -> None:
        """The amounts that named their asset named this one."""


def read_calls(word: str, where: str, names: Names) -> Any:  # noqa: ANN401 - JSON
    """The named form of calls: JSON, a file of it, or a transaction that nobody signed.

    Raises:
        UsageError: none of these.
    """
    found = _parsed(word, where) if word.lstrip()[:1] == "[" else _parsed_file(word, where)
    return _named_calls(found, where, names)


def _named_calls(found: Any, where: str, names: Names) -> Any:  # noqa: ANN401
    from services.table import OPERATIONS

    if isinstance(found, dict) and "transaction" in found:
        found = _calls_of(found["transaction"], where)
    if not isinstance(found, list):
        raise click.UsageError(f"{where}: expected calls, as of `tx build`, found something else")
    parts = {
        "actor": FieldKind(AccountId, optional=False, description=""),
        "operation": FieldKind(None, optional=False, description="", choices=OPERATIONS),
    }

    def named(call: Any, at: str) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(call, dict):
            return call
        inner = names.inner()
        made = call | {
            name: _named(name, kind, call.get(name), f"{at} {name}", inner)
            for name, kind in parts.items()
        }
        operation = made["operation"]
        inner.check_assets(operation.get("asset") if isinstance(operation, dict) else None)
        return made

    return [named(*each) for each in _numbered(found, where)]


def _calls_of(transaction: Any, where: str) -> Any:  # noqa: ANN401
    try:
        calls, signatures = transaction["body"]["calls"], transaction["signatures"]
    except (KeyError, TypeError) as error:
        raise click.UsageError(f"{where}: expected a transaction, found no {error}") from error
    if signatures:
        raise click.UsageError(f"{where}: expected an unsigned transaction, found signatures")
    return calls


def is_json(word: str) -> bool:
    """Whether a word is JSON, or the name of a file of it."""
    return word.lstrip()[:1] in ("{", "[") or word.endswith(SUFFIX)


def read_json(kind: FieldKind, word: str, where: str, names: Names) -> Any:  # noqa: ANN401
    """The named form of a field; of a list's item also that of several, as a list.

    Raises:
        UsageError: no JSON, or a choice that is none.
    """
    if not is_json(word):
        raise click.UsageError(f"{where}: expected JSON, or a file named …{SUFFIX}; found {word!r}")
    found = _parsed(word, where)
    if isinstance(found, list) and kind.item is None:
        return [_named("", kind, *each, names) for each in _numbered(found, where)]
    return _named("", kind, found, where, names)


def _numbered(found: list[Any], where: str) -> Iterator[tuple[Any, str]]:
    for index, each in enumerate(found):
        yield each, f"{where}[{index}]"


def _parsed_file(word: str, where: str) -> Any:  # noqa: ANN401
    path = Path(word)
    try:
        size = path.stat().st_size
        if size > limits.API_TRANSACTION_JSON_BYTES_MAX:
            raise click.UsageError(f"{where}: {word} has {size} bytes, more than any operation")
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise click.UsageError(f"{where}: {word} cannot be read: {error}") from error
    return _json_in(text, word, where)


def _parsed(word: str, where: str) -> Any:  # noqa: ANN401
    return _parsed_file(word, where) if word.endswith(SUFFIX) else _json_in(word, repr(word), where)


def _json_in(text: str, shown: str, where: str) -> Any:  # noqa: ANN401
    try:
        return with_placeholders(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{where}: expected JSON, found {shown} ({error})") from error


def with_placeholders(found: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON in which "$applicant" stands for that placeholder of stored calls, as it is written."""
    if isinstance(found, dict):
        return {name: with_placeholders(each) for name, each in found.items()}
    if isinstance(found, list):
        return [with_placeholders(each) for each in found]
    if isinstance(found, str) and _PLACEHOLDER.fullmatch(found):
        return placeholder(found[1:]).hex()
    return found


def _named(name: str, kind: FieldKind, found: Any, where: str, names: Names) -> Any:  # noqa: ANN401
    if kind.embeds and isinstance(found, str):
        return read_calls(found, where, names)
    if kind.embeds and found is not None:
        return _named_calls(found, where, names)
    if isinstance(found, list) and kind.item is not None:
        item = kind.item
        return [_named(name, item, *each, names) for each in _numbered(found, where)]
    if isinstance(found, dict):
        struct = _chosen(kind, found, where)
        return found if struct is None else _completed(struct, found, where, names)
    if isinstance(found, str) and kind.is_word:
        return names.named_word(name, kind, found, where)
    return found


def _chosen(kind: FieldKind, found: dict[str, Any], where: str) -> type[Struct] | None:
    """Which Struct an object is of; None where none is expected.

    Raises:
        UsageError: it is to be one of several, and says none of them.
    """
    if not kind.choices:
        return kind.core if kind.is_struct else None
    by_tag = {tag: struct for struct in kind.choices for tag in tag_of(struct).values()}
    field = kind.choices[0].__struct_config__.tag_field
    said = found.get(str(field))
    if said not in by_tag:
        raise click.UsageError(
            f"{where}: expected {field!r} to be one of {', '.join(by_tag)}; "
            f"found {json.dumps(said, ensure_ascii=False) if field in found else 'none'}"
        )
    return by_tag[said]


def _completed(
    struct: type[Struct], found: dict[str, Any], where: str, names: Names
) -> dict[str, Any]:
    """With the parts that may be left out; what is unknown stays, for the named form to refuse."""
    named = {**tag_of(struct), **found}
    for name, kind, annotation in fields_of(struct):
        if name in found:
            named[name] = _named(name, kind, found[name], f"{where} {name}", names)
        elif kind.optional:
            named[name] = None
        elif kind.item is not None and allows((), annotation):
            named[name] = []
        elif kind.core is str and allows("", annotation):
            named[name] = ""
    return named


def example_of_field(kind: FieldKind, annotation: Any) -> Any:  # noqa: ANN401 - a type, JSON
    """The named form of a type, with words that say what belongs in each place."""
    if kind.item is not None:
        item = kind.item
        if item.choices:
            return [example_of_struct(struct) for struct in item.choices]
        return [example_of_field(item, item.core)]
    if kind.choices:  # the words of all, and the fields of each
        tags = [tag_of(struct) for struct in kind.choices]
        fields = {name: said for each in kind.choices for name, said in _example_fields(each)}
        return {field: "|".join(tag[field] for tag in tags) for field in tags[0]} | fields
    if kind.is_struct:
        return example_of_struct(kind.core)
    if kind.embeds:
        return "calls.json"
    return _example_of_word(kind, annotation)


def example_of_struct(struct: type[Struct]) -> dict[str, Any]:
    """The named form of a Struct, in the same way."""
    return {**tag_of(struct), **dict(_example_fields(struct))}


def _example_fields(struct: type[Struct]) -> Iterator[tuple[str, Any]]:
    for name, kind, annotation in fields_of(struct):
        yield name, example_of_field(kind, annotation)


def _example_of_word(kind: FieldKind, annotation: Any) -> Any:  # noqa: ANN401 - a type, JSON
    if kind.is_enum:
        return "|".join(str(member.value) for member in kind.core)
    if kind.core is bool:
        return False
    if kind.core is TimeMs:
        return "+14d"
    if kind.plain is int:
        return next((number for number in (0, 1) if allows(number, annotation)), 1)
    return "ACCOUNT" if kind.core is AccountId else "HEX" if kind.plain is bytes else "TEXT"
