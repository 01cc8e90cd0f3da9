"""Fields of every kind that an operation may have become options, also those that none has yet."""

from __future__ import annotations

import time
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
from primitives.ids import AccountId, Natural, Sized32, TimeMs
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


class Lend(Operation, tag="test.lend", frozen=True):
    """Lend something."""

    until_ms: Natural[TimeMs]
    from_ms: Natural[TimeMs] | None
    grace_ms: Natural[int]


def lent(**words: str | None) -> dict[str, Any]:
    given = {"until_ms": "5", "from_ms": None, "grace_ms": "0", **words}
    return Reader(Home(Path())).operation(Lend, given)


@pytest.mark.parametrize(
    ("word", "time_ms"),
    [
        ("1780000000000", 1_780_000_000_000),
        ("2026-05-28", 1_779_926_400_000),
        ("2026-05-28T20:26:40Z", 1_780_000_000_000),
        ("2026-05-28T20:26:40", 1_780_000_000_000),
        ("2026-05-28T22:26:40+02:00", 1_780_000_000_000),
    ],
)
def test_a_time_is_a_day_a_moment_or_milliseconds(word: str, time_ms: int) -> None:
    """In UTC, unless it says of where."""
    assert lent(until_ms=word)["until_ms"] == time_ms


def test_a_time_may_be_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of who gives it."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_780_000_000_000_000_000)

    assert lent(until_ms="+14d")["until_ms"] == 1_780_000_000_000 + 14 * 86_400_000
    assert lent(from_ms="+90s")["from_ms"] == 1_780_000_090_000


@pytest.mark.parametrize(("word", "span_ms"), [("90s", 90_000), ("14d", 1_209_600_000), ("7", 7)])
def test_a_span_has_a_unit_or_is_in_milliseconds(word: str, span_ms: int) -> None:
    """How long, not when."""
    assert lent(grace_ms=word)["grace_ms"] == span_ms


@pytest.mark.parametrize(
    "changed",
    [
        {"until_ms": "tomorrow"},
        {"until_ms": "+14"},
        {"until_ms": "+"},
        {"until_ms": "14d"},
        {"until_ms": "2026-02-30"},
        {"grace_ms": "+14d"},
        {"grace_ms": "2026-05-28"},
        {"grace_ms": "-1s"},
    ],
)
def test_what_is_no_time_is_a_usage_error(changed: dict[str, str]) -> None:
    """It says what would be one."""
    with pytest.raises(click.UsageError, match=r"--(until|grace)-ms: expected .*14d"):
        lent(**changed)
