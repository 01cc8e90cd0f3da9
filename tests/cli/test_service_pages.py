"""docs/services: each page is made from its service, and says what the code says.

`REWRITE=1` writes the pages anew, as `python -m cli.service_pages` does; then read the difference.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli.reach import answers_of
from cli.service_pages import MARK, main, page_of, pages
from kit.tree import ROOT
from ledger.agenda import EchoesSpent, Failed
from ledger.calls import SaysTooMuch
from ledger.charters import MEMBER
from ledger.operation import Event, Operation, Refusal
from ledger.roles import KERNEL_ROLES
from services.money import Transfer
from services.registry.stamps import StampDocument
from services.table import DUTIES, EVENTS, OPERATIONS, REFUSALS, SERVICES, Service

FOLDER: Final = ROOT / "docs/services"


def tags(kinds: list[type]) -> list[str]:
    return [str(getattr(kind, "__struct_config__").tag) for kind in kinds]  # noqa: B009


def test_the_pages_say_what_the_services_say() -> None:
    """Every one of them."""
    if os.environ.get("REWRITE"):
        main(FOLDER)

    stale = [path.name for path, text in pages(FOLDER) if path.read_text("utf-8") != text]

    assert not stale, "write them anew: python -m cli.service_pages; and read the difference"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_page_has_all_that_its_service_defines(service: Service) -> None:
    """By their codes; and what was written by hand stays."""
    page = page_of(service, f"# By hand\n\n{MARK}what stood here")
    modules = {module.__name__ for module in service.modules}
    defined: tuple[type, ...] = (*OPERATIONS, *EVENTS, *REFUSALS)

    assert page.startswith("# By hand\n\n" + MARK)
    assert "what stood here" not in page
    for tag in tags([each for each in defined if each.__module__ in modules]):
        assert f"### {tag}\n" in page or f"| `{tag}` |" in page


def test_what_is_written_by_hand_of_an_operation_knows_all_its_fields() -> None:
    """A field that comes later stands in both halves of the page."""
    operations = {each.__struct_config__.tag: each for each in OPERATIONS}
    written = {path: path.read_text("utf-8").partition(MARK)[0] for path in FOLDER.glob("*.md")}
    sections = [
        (tag, section)
        for text in written.values()
        for title, section in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
        for tag in title.split(", ")
        if tag in operations
    ]

    assert len(sections) > 5
    for tag, section in sections:
        for field in operations[tag].__struct_fields__:
            assert f"`{field}`" in section, (tag, field)


def test_the_page_of_authority_names_the_roles_that_every_network_has() -> None:
    """With what each may do."""
    page = (FOLDER / "authority.md").read_text("utf-8").partition(MARK)[0]

    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| [a-z]", page, re.MULTILINE)

    assert {*KERNEL_ROLES, MEMBER} <= {role for row in rows for role in re.findall(r"`(.+?)`", row)}


def test_a_service_without_a_page_begins_one(tmp_path: Path) -> None:
    """With the text of its module; the command writes where it is told to."""
    subprocess.run(
        [sys.executable, "-m", "cli.service_pages", tmp_path],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert {path.stem for path in tmp_path.iterdir()} == {service.name for service in SERVICES}
    assert (tmp_path / "registry.md").read_text().startswith("# Registry\n\nRegistry: what is on")


def test_what_a_rule_can_answer_is_read_from_its_code() -> None:
    """Through the kernel, however deep; as docs/services/money.md has it by hand."""
    refusals = tags(answers_of(Transfer.apply, Refusal))

    assert {
        "accounts.unknown",
        "books.balance_too_large",
        "books.duplicate_reference",
        "books.no_such_date",
        "books.overdraft",
        "books.pays_itself",
        "assets.unknown",
    } <= set(refusals)
    assert not {tag for tag in refusals if tag.startswith(("registry.", "membership."))}
    assert tags(answers_of(Transfer.apply, Event)) == ["money.transferred"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: tags([o])[0])
def test_every_operation_says_that_something_became_true(operation: type[Operation]) -> None:
    """No rule changes anything in silence."""
    assert answers_of(operation.apply, Event)


def test_a_role_that_is_asked_for_is_found_through_the_act() -> None:
    """`act` is what it is everywhere."""
    assert "roles.missing" in tags(answers_of(StampDocument.apply, Refusal))


def rules() -> Iterator[Any]:
    """All that anybody does, and all that falls due."""
    for operation in OPERATIONS:
        yield operation.apply
    for duty in DUTIES:
        yield duty.fall_due


def test_there_is_no_refusal_that_nothing_can_say() -> None:
    """But those of the agenda itself, and of a receipt that would be too large."""
    said = {kind for rule in rules() for kind in answers_of(rule, Refusal)}

    assert set(REFUSALS) - said == {EchoesSpent, Failed, SaysTooMuch}


def test_there_is_no_event_that_nothing_can_say() -> None:
    """A subscriber would wait for ever."""
    assert {kind for rule in rules() for kind in answers_of(rule, Event)} == set(EVENTS)
