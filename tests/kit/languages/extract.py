"""What people are told, found where it stands: docstrings of Structs, help, and sentences in code.

Nothing in the code is marked for translation. A sentence is a string of two words or more that code
of the command line says, or that an error of the house is raised with; an f-string becomes a
template with its fields in braces. Babel calls `sentences` as an extraction method of its own.
"""

from __future__ import annotations

import ast
import errno
import inspect
import os
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Final

import click

from kit.tree import ROOT
from primitives.languages import AGREEMENT, COUNT, FIELD

_WORDS: Final = re.compile(r"[A-Za-z]{2,}[,;:]? +[A-Za-z({`]|[A-Za-z]{3,}[^A-Za-z]*\{|\} [a-z]{2,}")
_STILL_MIN: Final = 4
"""Letters that stand still in a template: with fewer, everything would be recognised as it."""
_ERRORS: Final = frozenset(
    {
        "BadSignature",
        "Malformed",
        "NotFinal",
        "OperatorFault",
        "Rejected",
        "StorageFault",
        "Unreachable",
    }
)
_SAID_BY_FUNCTIONS: Final = frozenset({"found", "say", "fault"})
"""Functions below the command line that are given sentences for people."""
_PACKAGES: Final = ("cli", "client", "exchange", "ledger", "node", "primitives", "storage")
_CODE: Final = (
    *("/", "http://", "--home {", "--asset ", "?account", "mithaq ", "{mithaq} ", "nodes/"),
    *("{it} query ", "{it} proof ", "VendorBook("),
)
"""How what a person types, or a path, begins: it is no sentence, whatever words are in it."""
_UNSAID: Final = frozenset(
    {"compile", "assert_never", "getattr", "split", "removeprefix", "strftime"}
)
_UNHEARD: Final = frozenset({"cli/service_pages.py"})
"""Writes pages of docs/, which are in English."""
_SPEAKING: Final = frozenset(
    {
        "node/absences.py",
        "node/conditions.py",
        "node/diagnosis.py",
        "node/plain_words.py",
        "node/standing.py",
        "node/waiting_for.py",
    }
)
"""Modules below the command line whose every sentence is for people."""


FORM: Final = "form"
"""What a field is called that is one of two words: mostly a verb's number."""
assert FORM in AGREEMENT


def sentences(
    file: IO[bytes], keywords: object, tags: object, options: object
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extraction method: line, function, message, comments."""
    del keywords, tags
    everything = bool(options)
    for line, said in sentences_of(file.read().decode(), everything=everything):
        yield line, "", said, []


def files() -> Iterator[tuple[str, bool]]:
    """Each file that may hold sentences, and whether all that it holds are for people."""
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in _UNHEARD:
                continue
            yield name, package == "cli" or name in _SPEAKING


def sentences_of(source: str, *, everything: bool) -> Iterator[tuple[int, str]]:
    """Every sentence of a module as a template, with its line."""
    tree = ast.parse(source)
    skipped = set(_unsaid(tree))
    roots: Iterable[ast.AST] = [tree] if everything else _said_to_people(tree)
    seen: set[int] = set()
    for root in roots:
        for node in ast.walk(root):
            if id(node) in skipped or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, ast.JoinedStr):
                skipped.update(id(part) for part in node.values)
            yield from _counted(node)
            said = template(node)
            if said is not None and is_sentence(said):
                yield getattr(node, "lineno", 0), said


def _counted(node: ast.AST) -> Iterator[tuple[int, str]]:
    """A number with its noun, as `node.plain_words.counted` says it."""
    match node:
        case ast.Call(func=ast.Name(id="counted"), args=[_, *nouns], lineno=line):
            for noun in nouns:
                if isinstance(noun, ast.Constant):
                    yield line, f"{{{COUNT}}} {noun.value!s}"
        case _:
            return


def is_sentence(said: str) -> bool:
    """Whether it has words that a person reads: no path, no address, no command with its fields."""
    if said.strip().startswith(_CODE) or " " not in said.strip() or said.isupper():
        return False
    still = "".join(letter for letter in FIELD.sub("", said) if letter.isalpha())
    return _WORDS.search(said) is not None and len(still) >= _STILL_MIN


def template(node: ast.AST) -> str | None:
    """A string as it stands, an f-string with its fields in braces."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            taken: list[str] = []
            return "".join(_part(part, taken) for part in parts)
        case _:
            return None


def _part(part: ast.expr, taken: list[str]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    name = wanted = _name(part.value)
    count = 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.append(name)
    return f"{{{name}}}"


def _name(value: ast.expr) -> str:
    """What a person who translates calls a field."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower() or "it"
        case ast.Call(func=ast.Name(id="len")):
            return "count"
        case ast.Call(args=[first, *_], func=ast.Name()):
            return _name(first)
        case ast.Call(func=ast.Attribute(value=inner, attr=name)):
            inside = _name(inner)
            return name.strip("_").lower() if inside in ("self", "it") else inside
        case ast.Subscript(value=inner):
            return _name(inner)
        case ast.BinOp(left=left):
            return _name(left)
        case ast.Starred(value=inner):
            return _name(inner)
        case ast.IfExp():
            return FORM
        case _:
            return "it"


def _unsaid(tree: ast.AST) -> Iterator[int]:
    """Docstrings, what is asserted, patterns, and subscripts."""
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                for one in node.body:
                    if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                        yield id(one.value)
                if isinstance(node, ast.ClassDef | ast.Module):
                    continue
                yield from (id(one) for one in ast.walk(node.args))
                if node.returns is not None:
                    yield from (id(one) for one in ast.walk(node.returns))
            case ast.Assert(msg=ast.expr() as said):
                yield from (id(one) for one in ast.walk(said))
            case ast.keyword(arg="help", value=said):  # `helped` has it whole
                yield from (id(one) for one in ast.walk(said))
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _UNSAID:
                yield from (id(one) for argument in node.args for one in ast.walk(argument))
            case ast.AnnAssign(annotation=annotation):
                yield from (id(one) for one in ast.walk(annotation))
            case ast.Subscript(slice=where):
                yield from (id(one) for one in ast.walk(where))
            case _:
                continue


def _said_to_people(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in _ERRORS | _SAID_BY_FUNCTIONS:
                    yield from node.args
            case _:
                continue


def labels_of(source: str) -> Iterator[str]:
    """Titles of columns and names of facts: rows of titles, and pairs of a name and a value."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str(name)), value]) if not isinstance(
                value, ast.Constant
            ):
                yield from (name.strip(),) if _LABEL.fullmatch(name.strip()) else ()
            case ast.Call(func=ast.Name(id=called), args=[titles, *_]) if called.endswith("table"):
                yield from _titles(titles)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _TITLES.search(name):
                yield from _titles(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                _TITLES.search(name)
            ):
                yield from _titles(value)
            case ast.Dict(keys=keys) if "facts(result.items())" in source:
                yield from (
                    key.value.replace("_", " ")
                    for key in keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                )
            case _:
                continue


_LABEL: Final = re.compile(r"[a-z][a-z'’ ]{1,40}")
_TITLES: Final = re.compile(r"titles|columns|^head$|COLUMNS|TITLES")


def _titles(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.List):
        for one in node.elts:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value:
                yield one.value.lower()


# --- what only the running program knows ------------------------------------------------------


def paragraphs(text: str | None) -> Iterator[str]:
    """A docstring as click shows it: each paragraph by itself, without its line breaks."""
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b"):
            yield from (line.strip() for line in paragraph.splitlines()[1:] if line.strip())
        elif paragraph.strip():
            yield " ".join(paragraph.split())


def helped() -> Iterator[str]:
    """What the help pages of all commands say."""
    from cli.main import root

    context = click.Context(root, info_name="mithaq")
    yield from _helped(root, context)


def _helped(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from paragraphs(command.help)
    yield from paragraphs(command.epilog)
    for parameter in command.params:
        said = getattr(parameter, "help", None)
        if said:
            yield from paragraphs(said)
    if isinstance(command, click.Group):
        members: Any = getattr(command, "members", {})
        yield from (what for _, what in members.values())
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _helped(inner, click.Context(inner, info_name=name, parent=context))


def structs() -> Iterator[str]:
    """What refusals, events and duties say: their docstrings."""
    table = import_module("services.table")
    for name in ("DUTIES", "REFUSALS", "EVENTS"):  # operations: `helped`
        for kind in getattr(table, name, ()):
            yield " ".join((kind.__doc__ or "").split())


def catalogued() -> Iterator[str]:
    """What stands in tables of the code: meanings of codes, advice, exit codes."""
    from cli.advice import NEXT
    from cli.faults import EXPLAINED
    from node.api.refusals import catalogue

    yield from (entry.meaning for entry in catalogue())
    yield from NEXT.values()
    yield from EXPLAINED.values()
    yield from _COMPOSED
    yield from map(os.strerror, _OF_THE_SYSTEM)


_COMPOSED: Final = (
    "Try:",
    "required",
    "stopped",
    # What msgspec says of a value that is not what its type asks for.
    "Expected `{expected}`, got `{actual}`",
    "Expected `{expected}`, got `{actual}` - at `{path}`",
    "Object contains unknown field `{field}`",
    "Object contains unknown field `{field}` - at `{path}`",
    "Object missing required field `{field}`",
    "Object missing required field `{field}` - at `{path}`",
    "{moment} (past)",
    "{about} are missing {since}",
    "{about} is missing {since}",
    "{where} does not answer",
    "{where} says nothing",
    "does not answer ({where})",
    "says nothing ({where})",
)
"""What is put together of parts that are too short to be recognised, or is one word."""
_OF_THE_SYSTEM: Final = (
    errno.EACCES,
    errno.EADDRINUSE,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)
"""What an operating system says to people most often."""


def of_click() -> Iterator[tuple[str, str | None]]:
    """What click itself says, with its plural."""
    package: ModuleType = click
    assert package.__file__ is not None
    for path in sorted(Path(package.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(said))]):
                    yield said, None
                case ast.Call(
                    func=ast.Name(id="ngettext"),
                    args=[ast.Constant(value=str(one)), ast.Constant(value=str(many)), *_],
                ):
                    yield one, many
                case _:
                    continue


def field_labels() -> Iterator[str]:
    """Names of the fields of what is listed: rows of queries."""
    reports = import_module("node.reports")
    for asked in reports.QUERIES.values():
        for name in asked.row.__struct_fields__:
            yield name.removesuffix("_minor").removesuffix("_ms").replace("_", " ")


def parts() -> Iterator[str]:
    """Words that stand in a field of a sentence."""
    return iter(_PARTS)


_PARTS: Final = ("Healthy", "Slow", "ahead", "behind", "it", "them", "nobody", "none", "this node")


def words() -> Iterator[str]:
    """Words that stand for values: the members of the enumerations that people meet."""
    for path in sorted(path for pattern in _WITH_WORDS for path in ROOT.glob(pattern)):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for kind in vars(import_module(name)).values():
            if isinstance(kind, type) and kind.__module__ == name and issubclass(kind, Enum):
                yield from _members(kind)
    yield from _MORE_WORDS


def _members(kind: type[Enum]) -> Iterator[str]:
    if kind.__name__ not in _NAMES_OF_THINGS:
        yield from (each.value for each in kind if isinstance(each.value, str))


_WITH_WORDS: Final = (
    *("ledger/*.py", "services/**/*.py", "node/reports/*.py"),
    *("node/findings.py", "node/roll_call.py", "node/standing.py", "node/status.py"),
)
_NAMES_OF_THINGS: Final = frozenset({"Code", "FieldType", "ParameterName"})
"""Enumerations whose members are codes, which have no language."""
_MORE_WORDS: Final = (
    "all",
    "at work",
    "empty",
    "halted",
    "healthy",
    "no",
    "none",
    "slow",
    "unknown",
    "yes",
)
