"""Fields of every kind that an operation may have become options, also those that none has yet."""

from __future__ import annotations

from enum import Enum, unique
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from msgspec import Meta

from cli.field_kinds import kind_of
from cli.fields import Reader, options_of
from cli.home import Home
from ledger.operation import Operation
from primitives.ids import AccountId, Natural, Sized32
from primitives.named import from_named


@unique
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Paint(Operation, tag="test.paint", frozen=True):
    """Paint a house."""

    owner: Annotated[AccountId, Meta(min_length=32, max_length=32, description="whose house")]
    colour: Colour
    coats: Natural[int]
    permitted: bool
    deadline: Natural[int] | None
    witnesses: Annotated[tuple[Sized32[AccountId], ...], Meta(min_length=1)]
    helpers: tuple[Sized32[AccountId], ...]
    remark: str


def read(home: Path, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - words or lists of them
    words: dict[str, Any] = {
        "owner": "ab" * 32,
        "colour": "red",
        "coats": "2",
        "permitted": "true",
        "deadline": None,
        "witnesses": ("cd" * 32, "ef" * 32),
        "helpers": (),
        "remark": "",
    }
    return Reader(Home(home)).operation(Paint, {**words, **changed})


def test_the_words_of_a_command_become_an_operation(tmp_path: Path) -> None:
    """Through the named form, which judges them."""
    assert from_named(read(tmp_path), Paint) == Paint(
        owner=AccountId(bytes.fromhex("ab" * 32)),
        colour=Colour.RED,
        coats=2,
        permitted=True,
        deadline=None,
        witnesses=(AccountId(bytes.fromhex("cd" * 32)), AccountId(bytes.fromhex("ef" * 32))),
        helpers=(),
        remark="",
    )


def test_what_is_optional_may_be_left_out() -> None:
    """And what may be empty; only that."""
    options = {option.name: option for option in options_of(Paint)}

    left_out = {name for name, option in options.items() if not option.required}
    assert left_out == {"deadline", "helpers", "remark"}
    assert options["witnesses"].multiple
    assert options["remark"].default == ""
    assert isinstance(options["colour"].type, click.Choice)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"permitted": "yes"}, "--permitted: expected true or false, found 'yes'"),
        ({"coats": "two"}, "--coats: expected a whole number, found 'two'"),
        ({"coats": "1e3"}, "--coats: expected a whole number"),
        ({"deadline": ""}, "--deadline: expected a whole number"),
    ],
)
def test_a_word_that_cannot_be_the_field_is_a_usage_error(
    tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    """With the option's name."""
    with pytest.raises(click.UsageError) as refused:
        read(tmp_path, **changed)

    assert words in refused.value.message


def test_a_type_is_taken_apart_through_all_its_wrappings() -> None:
    """The outermost description counts."""
    inner = Annotated[int, Meta(description="inner")]
    kind = kind_of(Annotated[inner | None, Meta(description="outer")])

    assert (kind.core, kind.optional, kind.description) == (int, True, "outer")
