"""The list of services is whole, and what people read is derived from it."""

import inspect
import re
from typing import Any

import msgspec
import pytest
from msgspec import Struct

import ledger.accounts
import ledger.books
import ledger.evidence
import ledger.genesis
import ledger.membership
import ledger.observers
import ledger.roles
import ledger.suspensions
import ledger.validators
import services.authority
import services.money
import services.registry
from ledger.operation import Event, Operation, Refusal
from primitives.named import named
from services.table import (
    BODY,
    EVENTS,
    OPERATIONS,
    RECEIPT,
    REFUSALS,
    TABLES,
    TRANSACTION,
)

MODULES = (
    ledger.accounts,
    ledger.books,
    ledger.evidence,
    ledger.membership,
    ledger.observers,
    ledger.roles,
    ledger.suspensions,
    ledger.validators,
    services.authority,
    services.money,
    services.registry,
)
LAW: tuple[Any, ...] = (*OPERATIONS, *REFUSALS, *EVENTS)


def defined(base: type) -> set[type]:
    return {
        member
        for module in MODULES
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, base) and member is not base
    }


def test_nothing_that_a_module_defines_is_missing_from_the_table() -> None:
    """A refusal that is not listed could be written but never read."""
    assert defined(Operation) == set(OPERATIONS)
    assert defined(Refusal) == set(REFUSALS)
    assert defined(Event) == set(EVENTS)


def test_tags_are_unique_and_say_where_they_come_from() -> None:
    """module.words, never twice in their union."""
    for members in (OPERATIONS, REFUSALS, EVENTS):
        tags = [member.__struct_config__.tag for member in members]
        assert len(set(tags)) == len(tags)
        assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", tag) for tag in tags)
    for member in LAW:
        module = member.__module__.rpartition(".")[2]
        assert member.__struct_config__.tag.startswith(f"{module}.")


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

    for operation in (*OPERATIONS, ledger.books.Line, ledger.accounts.WeightedKey):
        for name, field in schema[operation.__name__]["properties"].items():
            assert name == "operation" or field["description"]


def test_schemas_of_transactions_and_receipts_can_be_made() -> None:
    """For OpenAPI."""
    assert "money.transfer" in str(msgspec.json.schema(named(TRANSACTION)))
    assert "books.overdraft" in str(msgspec.json.schema(named(RECEIPT)))


def test_every_table_has_a_number_and_a_name_of_its_own() -> None:
    """Services begin at 64."""
    tables = (*ledger.genesis.KERNEL_TABLES, *TABLES)

    assert len({table.number for table in tables}) == len(tables)
    assert len({table.name for table in tables}) == len(tables)
    assert all(table.number < 64 for table in ledger.genesis.KERNEL_TABLES)
    assert all(table.number >= 64 for table in TABLES)
