"""The list of services is whole, and what people read is derived from it."""

import inspect
import re
from collections import Counter
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import msgspec
import pytest
from msgspec import Struct

import ledger
import services
from ledger.accounts import WeightedKey
from ledger.books import Line
from ledger.operation import Event, Operation, Refusal
from ledger.state import Table
from primitives.named import named
from services.table import (
    BODY,
    EVENTS,
    KERNEL,
    OPERATIONS,
    RECEIPT,
    REFUSALS,
    SERVICES,
    TABLES,
    TRANSACTION,
)

MODULES = tuple(
    import_module(found.name)
    for package in (ledger, services)
    for found in walk_packages(package.__path__, f"{package.__name__}.")
)
LAW: tuple[Any, ...] = (*OPERATIONS, *REFUSALS, *EVENTS)


def defined(base: type) -> set[type]:
    return {
        member
        for module in MODULES
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, base)
        and member is not base
        and member.__module__ == module.__name__
    }


def test_nothing_that_a_module_defines_is_missing_from_the_table() -> None:
    """A refusal that is not listed could be written but never read."""
    assert defined(Operation) == set(OPERATIONS)
    assert defined(Refusal) == set(REFUSALS)
    assert defined(Event) == set(EVENTS)


def test_tags_are_unique_and_say_where_they_come_from() -> None:
    """module.words, never twice in their union."""
    unions: tuple[tuple[Any, ...], ...] = (OPERATIONS, REFUSALS, EVENTS)
    for members in unions:
        tags = [member.__struct_config__.tag for member in members]
        assert len(set(tags)) == len(tags)
        assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", tag) for tag in tags)
    for member in LAW:
        package, module = member.__module__.split(".")[:2]
        assert package in {"ledger", "services"}
        assert member.__struct_config__.tag.startswith(f"{module}.")


def test_no_two_parts_of_the_law_have_one_name() -> None:
    """Their schemas stand under it."""
    rows = {table.record for table in TABLES}
    names = Counter(member.__name__ for member in {*LAW, *rows})

    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("member", LAW, ids=lambda member: member.__struct_config__.tag)
def test_every_part_of_the_law_is_a_frozen_array_with_a_text(member: type[Struct]) -> None:
    """Frozen, positional, documented."""
    config = member.__struct_config__

    assert (config.frozen, config.array_like) == (True, True)
    assert inspect.getdoc(member)


@pytest.mark.parametrize("member", [*REFUSALS, *EVENTS], ids=lambda m: m.__struct_config__.tag)
def test_a_refusals_or_events_text_is_a_template_of_its_fields(member: type[Struct]) -> None:
    """Whatever is in braces is a field."""
    names = set(re.findall(r"{(\w+)}", member.__doc__ or ""))

    assert names <= set(member.__struct_fields__)


def test_every_field_of_an_operation_says_what_it_is() -> None:
    """The command line and the API page print it."""
    schema = msgspec.json.schema(named(BODY))["$defs"]

    structs: tuple[type[Struct], ...] = (*OPERATIONS, Line, WeightedKey)
    for operation in structs:
        for name, field in schema[operation.__name__]["properties"].items():
            assert name == "operation" or field["description"]


def test_schemas_of_transactions_and_receipts_can_be_made() -> None:
    """For OpenAPI."""
    assert "money.transfer" in str(msgspec.json.schema(named(TRANSACTION)))
    assert "books.overdraft" in str(msgspec.json.schema(named(RECEIPT)))


def test_every_table_has_a_number_and_a_name_of_its_own() -> None:
    """Services begin at 64."""
    kernel = {id(table) for module in KERNEL for table in vars(module).values()}

    assert set(TABLES) == {t for m in MODULES for t in vars(m).values() if isinstance(t, Table)}
    assert len({table.number for table in TABLES}) == len(TABLES)
    assert len({table.name for table in TABLES}) == len(TABLES)
    assert all((table.number < 64) == (id(table) in kernel) for table in TABLES)


def test_every_service_says_what_it_is_for() -> None:
    """Its package's or its module's docstring."""
    assert all(inspect.getdoc(service.package) for service in SERVICES)
    assert len({service.name for service in SERVICES}) == len(SERVICES)
