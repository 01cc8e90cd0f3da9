"""What a rule can answer: the refusals and events that its code names, wherever that stands.

A rule calls functions of the kernel, these call others, and each may refuse. Nobody writes down
which, so it is read from the code: whatever a function names is looked up among its globals, and
functions of the ledger and the services are followed; methods of rows are, by their names. Of what
a rule calls by data (calls that it holds for later) nothing is known here; and a refusal is counted
even where it can never come.
"""

import dis
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from msgspec import Struct

from ledger.act import Act
from services.table import TABLES

_OWN: Final = ("ledger.", "services.")
_BY_CONVENTION: Final[dict[str, type]] = {"act": Act}
"""What a local variable of this name is, everywhere in the law."""


def answers_of(rule: Callable[..., Any], kind: type) -> list[type]:
    """The classes of a kind that a rule can come to, by their names in the code."""
    assert isinstance(rule, FunctionType), f"{rule} is written in Python"
    found = {each for function in _reached(rule) for each in _named_by(function)}
    classes = [each for each in found if isinstance(each, type) and issubclass(each, kind)]
    return sorted((each for each in classes if each is not kind), key=_tag)


def _tag(kind: type) -> str:
    return str(getattr(kind, "__struct_config__").tag)  # noqa: B009 - of a Struct


def _reached(rule: FunctionType) -> set[FunctionType]:
    reached: set[FunctionType] = set()
    waiting = [rule]
    while waiting:
        function = waiting.pop()
        if function not in reached:
            reached.add(function)
            waiting += (each for name in _named_by(function) for each in _functions_of(name))
    return reached


def _functions_of(named: Any) -> Iterator[FunctionType]:  # noqa: ANN401 - a function or a class
    """What runs when it is called; of a class that keeps books on a rule, each of its methods."""
    if isinstance(named, FunctionType):
        yield named
    elif named is not Act and not issubclass(named, Struct | Enum):
        yield from (each for each in vars(named).values() if isinstance(each, FunctionType))


@lru_cache(maxsize=4_096)
def _named_by(function: FunctionType) -> tuple[Any, ...]:
    return tuple(_objects_in(function.__code__, function.__globals__))


@lru_cache(maxsize=1)
def _methods_of_rows() -> dict[str, list[FunctionType]]:
    """By name: of a variable it is not known here which row it holds."""
    found: dict[str, list[FunctionType]] = {}
    for table in TABLES:
        for name, member in vars(table.record).items():
            if isinstance(member, FunctionType) and not name.startswith("__"):
                found.setdefault(name, []).append(member)
    return found


def _objects_in(code: CodeType, names: dict[str, Any]) -> Iterator[Any]:
    """Functions and classes of ours that a piece of code names, also in the pieces inside it."""
    at: Any = None
    for step in dis.get_instructions(code):
        match step.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                at = names.get(step.argval)
            case "LOAD_FAST" | "LOAD_DEREF":
                at = _BY_CONVENTION.get(step.argval)
            case "LOAD_ATTR" | "LOAD_METHOD" if isinstance(at, ModuleType | type):
                at = getattr(at, step.argval, None)
            case "LOAD_METHOD":
                yield from _methods_of_rows().get(step.argval, ())
                at = None
            case "PRECALL" | "CACHE":
                continue
            case _:
                at = None
        if isinstance(at, FunctionType | type) and at.__module__.startswith(_OWN):
            yield at
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _objects_in(inner, names)
