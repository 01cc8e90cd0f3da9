"""The pages of the services: what a person must know to use one, made from its Structs.

`python -m cli.service_pages` writes the second half of docs/services/NAME.md, below MARK; whatever
stands above it is written by hand and stays. A service without a page gets one that begins with the
docstring of its module. Nothing here knows a service.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from cli.field_kinds import FieldKind, fields_of
from cli.fields import options_of
from cli.reach import answers_of
from ledger.operation import Duty, Event, Operation, Refusal
from ledger.query import Query
from ledger.state import Table
from node.reports import QUERIES, QueryKind
from primitives.ids import TimeMs
from services.table import DUTIES, EVENTS, OPERATIONS, REFUSALS, SERVICES, Service

MARK: Final = "<!-- below this line: python -m cli.service_pages -->\n"
_REFUSALS: Final = "../refusals.md"
_CHOICES_SHOWN_MAX: Final = 12
"""More are all of their sort, such as every event."""


def page_of(service: Service, written: str) -> str:
    """The page of a service, with what was written by hand."""
    by_hand = written.partition(MARK)[0].rstrip("\n") or _opening(service)
    return f"{by_hand}\n\n{MARK}\n{generated_of(service)}"


def _opening(service: Service) -> str:
    text = inspect.getdoc(service.package) or ""
    return f"# {service.name.capitalize()}\n\n{text}"


def generated_of(service: Service) -> str:
    """Operations, queries, events, refusals and entries of the state."""
    modules = {module.__name__ for module in service.modules}
    operations = [each for each in OPERATIONS if each.__module__ in modules]
    duties = [each for each in DUTIES if each.__module__ in modules]
    queries = [
        kind
        for kind in QUERIES.values()
        if issubclass(kind.parameters, Query) and kind.parameters.__module__ in modules
    ]
    sections = [
        _part("Operations", map(_operation, operations)),
        _part("What falls due", map(_duty, duties)),
        _part("Queries", map(section_of_query, queries)),
        _part("Events", [_listed([each for each in EVENTS if each.__module__ in modules])]),
        _part("Refusals", [_listed([each for each in REFUSALS if each.__module__ in modules])]),
        _part("Entries of the state", [_tables(service)]),
    ]
    return "\n".join(filter(None, sections))


def _part(title: str, texts: Sequence[str] | Iterator[str]) -> str:
    found = [text for text in texts if text]
    return f"## {title}\n\n" + "\n".join(found) if found else ""


def _operation(operation: type[Operation]) -> str:
    tag = operation.__struct_config__.tag
    words = " ".join(_usage(each) for each in options_of(operation))
    lines = [
        f"### {tag}\n\n{inspect.getdoc(operation)}\n",
        _fields(operation),
        f"```\nmithaq tx send {tag} --key NAME {words}\n```\n",
    ]
    return "\n".join([*lines, *_answers(operation.apply)])


def _duty(duty: type[Duty]) -> str:
    lines = [f"### {duty.__struct_config__.tag}\n\n{inspect.getdoc(duty)}\n", _fields(duty)]
    return "\n".join([*lines, *_answers(duty.fall_due)])


def _answers(rule: Callable[..., None]) -> Iterator[str]:
    """What may come of a rule."""
    events = [_code(each) for each in answers_of(rule, Event)]
    if events:
        yield f"Events: {', '.join(events)}.\n"
    refusals = [_code(each) for each in answers_of(rule, Refusal)]
    if refusals:
        yield f"[Refusals]({_REFUSALS}): {', '.join(refusals)}.\n"


def _usage(option: Any) -> str:  # noqa: ANN401 - click's own
    words = f"{option.opts[0]} {option.metavar or '|'.join(option.type.choices)}"
    words += " …" if option.multiple else ""
    return words if option.required else f"[{words}]"


def _code(kind: type) -> str:
    return f"`{getattr(kind, '__struct_config__').tag}`"  # noqa: B009 - of a Struct


def section_of_query(kind: QueryKind) -> str:
    """A query: what it is, its parameters, its rows."""
    return (
        f"### {kind.name}\n\n{inspect.getdoc(kind.parameters)}\n\n"
        f"{_parameters(kind.parameters)}\n"
        f"{inspect.getdoc(kind.row)}\n\nColumns: {_columns(kind.row)}.\n"
    )


def _parameters(struct: type[Struct]) -> str:
    rows = (
        f"| `{name}` | {'' if kind.optional else 'required'} | "
        f"{type_of(kind).removesuffix(' or null')} | {kind.description} |\n"
        for name, kind, _ in fields_of(struct)
    )
    return "| parameter | | | |\n|---|---|---|---|\n" + "".join(rows)


def _fields(struct: type[Struct]) -> str:
    rows = "".join(
        f"| `{name}` | {type_of(kind)} | {kind.description} |\n"
        for name, kind, _ in fields_of(struct)
    )
    return f"| field | | |\n|---|---|---|\n{rows}" if rows else "It has no fields.\n"


def _columns(struct: type[Struct]) -> str:
    return ", ".join(f"`{name}` ({type_of(kind)})" for name, kind, _ in fields_of(struct))


def type_of(kind: FieldKind) -> str:
    """A field's type in a few words; what has parts, with the names of its parts."""
    if kind.item is not None:
        word = f"list of {type_of(kind.item)}"
    elif kind.embeds:
        word = kind.embeds
    elif kind.is_enum:
        word = " \\| ".join(f"`{member.value}`" for member in kind.core)
    elif len(kind.choices) > _CHOICES_SHOWN_MAX:
        word = f"{kind.choices[0].__struct_config__.tag_field}, by its tag"
    elif kind.choices:
        word = " \\| ".join(map(_parts, kind.choices))
    elif kind.is_struct:
        word = _parts(kind.core)
    else:
        words = {int: "integer", str: "text", bytes: "hex", bool: "true or false"}
        word = "time" if kind.core is TimeMs else words[kind.plain]
    return f"{word} or null" if kind.optional else word


def _parts(struct: type[Struct]) -> str:
    tag = struct.__struct_config__.tag
    names = [f"`{name}`" for name, _, _ in fields_of(struct)]
    if tag is None:
        return ", ".join(names)
    return f"`{tag}`" + (f" ({', '.join(names)})" if names else "")


def _listed(kinds: Sequence[type[Struct]]) -> str:
    rows = "".join(
        f"| {_code(each)} | {' '.join((each.__doc__ or '').split())} |\n" for each in kinds
    )
    return f"| code | meaning |\n|---|---|\n{rows}" if kinds else ""


def _tables(service: Service) -> str:
    tables = [
        member
        for module in service.modules
        for member in vars(module).values()
        if isinstance(member, Table)
    ]
    rows = "".join(
        f"| `{table.name}` | {table.number} | {_columns(table.record)} |\n" for table in tables
    )
    head = "`GET /v1/state/NAME/KEY`, with `/proof` for its proof or that of its absence.\n\n"
    return f"{head}| name | number | row |\n|---|---|---|\n{rows}" if tables else ""


def pages(folder: Path) -> Iterator[tuple[Path, str]]:
    """Where each page stands, and what it should say."""
    for service in SERVICES:
        path = folder / f"{service.name}.md"
        yield path, page_of(service, path.read_text("utf-8") if path.exists() else "")


def main(folder: Path) -> None:
    """Write all of them."""
    for path, text in pages(folder):
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/services"))
