"""Fields with parts of their own: policies, charters, flows, and whatever will look like them."""

from __future__ import annotations

import io
import json
import sys
from enum import Enum, unique
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from msgspec import Meta, Struct

from cli.faults import ExitCode
from cli.fields import Reader, options_of
from cli.home import Home
from cli.interview import Interview
from cli.nested import example_of_struct
from kit.commandline import mithaq, testnet
from ledger.calls import CALLS_FORM
from ledger.operation import Operation
from primitives import limits
from primitives.codec import decode
from primitives.errors import Malformed
from primitives.ids import AccountId, Natural, Sized32
from primitives.named import EMBEDS, from_named, to_named
from services.table import LAW, OPERATIONS

SOMEBODY = "ab" * 32


@unique
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Signers(Struct, array_like=True, frozen=True, tag_field="condition", tag="signers"):
    """So many of these."""

    least: Annotated[int, Meta(ge=1)]
    accounts: Annotated[tuple[Sized32[AccountId], ...], Meta(min_length=1)]


class Holders(Struct, array_like=True, frozen=True, tag_field="condition", tag="holders"):
    """So many holders of a role."""

    least: Annotated[int, Meta(ge=1)]
    role: str
    scope: Sized32[AccountId] | None


class Way(Struct, array_like=True, frozen=True):
    """All of these."""

    conditions: Annotated[tuple[Signers | Holders, ...], Meta(min_length=1)]
    colours: tuple[Colour, ...]


class Policy(Struct, array_like=True, frozen=True):
    """One of these."""

    ways: tuple[Way, ...]


class Fence(Operation, tag="test.fence", frozen=True):
    """Put a fence around something."""

    policy: Annotated[Policy, Meta(description="who must consent")]
    first: Signers | Holders
    others: tuple[Signers | Holders, ...]
    amount: Natural[int]


SIGNERS = {"condition": "signers", "least": 1, "accounts": [SOMEBODY]}
HOLDERS = {"condition": "holders", "least": 2, "role": "inspector"}
WHOLE: dict[str, Any] = {
    "policy": json.dumps({"ways": [{"conditions": [SIGNERS, HOLDERS], "colours": ["red"]}]}),
    "first": json.dumps(HOLDERS),
    "others": (),
    "amount": "5",
}


def read(home: Path, **changed: Any) -> Fence:  # noqa: ANN401 - words, or several
    named = Reader(Home(home)).operation(Fence, {**WHOLE, **changed})
    return from_named(named, Fence)


def account(word: str) -> AccountId:
    return AccountId(bytes.fromhex(word))


def test_json_on_the_line_becomes_what_it_says(tmp_path: Path) -> None:
    """Choices by their tags; what is optional may be left out."""
    found = read(tmp_path)

    assert found.policy == Policy(
        (Way((Signers(1, (account(SOMEBODY),)), Holders(2, "inspector", None)), (Colour.RED,)),)
    )
    assert found.first == Holders(2, "inspector", None)


def test_json_may_stand_in_a_file(tmp_path: Path) -> None:
    """Also several items of a list in one."""
    one, several = tmp_path / "policy.json", tmp_path / "others.json"
    one.write_text(WHOLE["policy"])
    several.write_text(json.dumps([SIGNERS, HOLDERS]))

    found = read(tmp_path, policy=str(one), others=(str(several), json.dumps(SIGNERS)))

    assert found.policy == read(tmp_path).policy
    assert [type(each) for each in found.others] == [Signers, Holders, Signers]


def test_lists_that_may_be_empty_may_be_left_out(tmp_path: Path) -> None:
    """Those that may not are missed by the named form, with their path."""
    found = read(tmp_path, policy=json.dumps({"ways": [{"conditions": [HOLDERS]}]}))
    assert found.policy.ways[0].colours == ()

    with pytest.raises(Malformed, match=r"`conditions` - at `\$.policy.ways\[0\]`"):
        read(tmp_path, policy='{"ways": [{}]}')


def test_accounts_may_have_the_names_of_keys(tmp_path: Path) -> None:
    """However deep they stand."""
    testnet(tmp_path)
    shown = mithaq("keys", "show", "treasury", "--home", tmp_path, "--json").result
    named = {"ways": [{"conditions": [{**SIGNERS, "accounts": ["treasury"]}]}]}

    found = read(tmp_path, policy=json.dumps(named))

    (condition,) = found.policy.ways[0].conditions
    assert isinstance(condition, Signers)
    assert condition.accounts == (account(shown["account"]),)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"policy": "whoever"}, "--policy: expected JSON, or a file named ….json; found 'whoever'"),
        ({"policy": "{"}, "--policy: expected JSON, found '{'"),
        ({"policy": "none.json"}, "--policy: none.json cannot be read"),
        (
            {"first": '{"least": 1}'},
            "--first: expected 'condition' to be one of signers, holders; found none",
        ),
        (
            {"others": ('[{"condition": "moon"}]',)},
            "--other[0]: expected 'condition' to be one of signers, holders; found \"moon\"",
        ),
        (
            {"policy": '{"ways": [{"conditions": [{"condition": 7}]}]}'},
            "--policy ways[0] conditions[0]: expected 'condition' to be one of signers, holders",
        ),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    """With where it stands, what was expected, and what was found."""
    with pytest.raises(click.UsageError) as refused:
        read(tmp_path, **changed)

    assert words in refused.value.message


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"ways": 7}, "Expected `array`, got `int` - at `$.policy.ways`, found 7"),
        ({"way": []}, "unknown field `way` - at `$.policy`"),
        ([], "Expected `object`, got `array` - at `$.policy`"),
        (
            {"ways": [{"conditions": [{**HOLDERS, "least": 0}]}]},
            "Expected `int` >= 1 - at `$.policy.ways[0].conditions[0].least`, found 0",
        ),
        (
            {"ways": [{"conditions": [HOLDERS], "colours": ["green"]}]},
            'at `$.policy.ways[0].colours[0]`, found "green"',
        ),
    ],
)
def test_what_is_not_of_the_type_is_named_by_its_path(
    tmp_path: Path,
    policy: Any,  # noqa: ANN401 - JSON
    words: str,
) -> None:
    """By the named form, which judges all of it."""
    with pytest.raises(Malformed) as refused:
        read(tmp_path, policy=json.dumps(policy))

    assert words in str(refused.value)


def test_a_file_may_be_as_large_as_an_operation_and_no_larger(tmp_path: Path) -> None:
    """At the limit it is read; a byte more is not."""
    path = tmp_path / "policy.json"
    path.write_text(WHOLE["policy"].ljust(limits.API_TRANSACTION_JSON_BYTES_MAX))
    assert read(tmp_path, policy=str(path)).policy.ways

    path.write_text(WHOLE["policy"].ljust(limits.API_TRANSACTION_JSON_BYTES_MAX + 1))
    with pytest.raises(click.UsageError, match="more than any operation"):
        read(tmp_path, policy=str(path))


def test_help_says_that_it_is_json() -> None:
    """And how to see its form."""
    options = {option.name: option for option in options_of(Fence)}

    assert options["policy"].metavar == "JSON|FILE.json"
    assert options["policy"].help == "Who must consent; its form: mithaq tx form."
    assert options["others"].multiple


def test_a_person_is_asked_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of the choices first, then its fields."""
    given: dict[str, Any] = {"policy": None, "first": None, "others": (), "amount": None}
    way = ["y", "moon", "holders", "2", "inspector", "", "n", "n", "n"]
    answers = [*way, "signers", "1", SOMEBODY, "n", "n", "5"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(answers) + "\n"))

    named = Interview(Home(tmp_path)).operation(Fence, given)

    assert from_named(named, Fence) == Fence(
        Policy((Way((Holders(2, "inspector", None),), ()),)),
        Signers(1, (account(SOMEBODY),)),
        (),
        5,
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: str(o.__struct_config__.tag))
def test_the_form_of_every_operation_has_its_fields(operation: type[Operation]) -> None:
    """All of them, and nothing that the named form would not know."""
    form = example_of_struct(operation)

    assert set(form) == {"operation", *operation.__struct_fields__}


def test_a_form_that_is_filled_in_is_the_operation(tmp_path: Path) -> None:
    """Its words stand for ids and texts; the rest is right already."""
    form = example_of_struct(Fence)
    text = json.dumps(form["policy"]).replace("ACCOUNT", SOMEBODY).replace("red|blue", "red")

    found = read(tmp_path, policy=text)

    (way,) = found.policy.ways
    assert [type(each) for each in way.conditions] == [Signers, Holders]
    assert to_named(found)["policy"] == json.loads(text)


def test_a_form_shows_all_of_a_choice() -> None:
    """Which there are, and the fields that one or another has."""
    assert example_of_struct(Fence)["first"] == {
        "condition": "signers|holders",
        "least": 1,
        "accounts": ["ACCOUNT"],
        "role": "TEXT",
        "scope": "ACCOUNT",
    }


def test_tx_form_prints_it() -> None:
    """Of an operation or of one field; what there is not is said."""
    whole = mithaq("tx", "form", "money.transfer")
    lines = mithaq("tx", "form", "money.transfer", "lines")
    field = mithaq("tx", "form", "money.transfer", "payees")
    operation = mithaq("tx", "form", "money.launder")

    assert json.loads(whole.out)["lines"] == json.loads(lines.out)
    assert json.loads(lines.out)[0]["amount"] == 1
    assert field.code == operation.code == ExitCode.USAGE
    assert "FIELD: expected one of asset, lines, found 'payees'" in field.err
    assert "OPERATION: there is none 'money.launder'" in operation.err


class Plan(Struct, array_like=True, frozen=True):
    """A step, and what it does."""

    code: str
    calls: Annotated[bytes, Meta(max_length=9_000, extra={EMBEDS: CALLS_FORM})]


class Keep(Operation, tag="test.keep", frozen=True):
    """Keep calls for later."""

    calls: Annotated[bytes, Meta(max_length=9_000, extra={EMBEDS: CALLS_FORM})]
    plan: tuple[Plan, ...]


def kept(home: Path, **words: Any) -> tuple[Any, ...]:  # noqa: ANN401
    named = Reader(Home(home)).operation(Keep, {"calls": "[]", "plan": (), **words})
    calls: tuple[Any, ...] = decode(from_named(named, Keep).calls, LAW.calls, limit=9_000)
    return calls


@pytest.fixture
def payment(tmp_path: Path) -> Path:
    """A transaction that nobody signed, as `tx build` writes it."""
    testnet(tmp_path)
    path = tmp_path / "payment.tx"
    line = "to=agency-1,amount=1.00GBP,reference=r"
    words = ["money.transfer", "--actor", "treasury", "--asset", "GBP", "--line", line]
    assert mithaq("tx", "build", *words, "-o", path, "--home", tmp_path).code == 0
    return path


def test_calls_are_those_of_a_transaction_that_nobody_signed(tmp_path: Path, payment: Path) -> None:
    """Or JSON, in a file or on the line, with names of keys for accounts."""
    line = {"to": "agency-1", "amount": "1.00GBP", "reference": "r"}
    operation = {"operation": "money.transfer", "asset": "GBP", "lines": [line]}
    written = json.dumps([{"actor": "treasury", "operation": operation}])
    (tmp_path / "calls.json").write_text(written)

    [call] = kept(tmp_path, calls=str(payment))

    assert call.operation.lines[0].amount == 100
    assert kept(tmp_path, calls=written) == (call,)
    assert kept(tmp_path, calls=str(tmp_path / "calls.json")) == (call,)


def test_calls_may_stand_deep_in_a_field(tmp_path: Path, payment: Path) -> None:
    """By the name of their file, or written out."""
    step = json.dumps({"code": "pay", "calls": str(payment)})

    named = Reader(Home(tmp_path)).operation(Keep, {"calls": "[]", "plan": (step,)})

    (plan,) = from_named(named, Keep).plan
    assert len(decode(plan.calls, LAW.calls, limit=9_000)) == 1


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("none.tx", "--calls: none.tx cannot be read"),
        ("{home}/genesis.json", "--calls: expected calls, as of `tx build`, found something else"),
        ("[{", "--calls: expected JSON, found '[{'"),
        (
            '[{"actor": "treasury", "operation": {"operation": "money.launder"}}]',
            "--calls[0] operation: expected 'operation' to be one of",
        ),
    ],
)
def test_what_are_no_calls_is_a_usage_error(tmp_path: Path, word: str, words: str) -> None:
    """With where it went wrong."""
    testnet(tmp_path)
    with pytest.raises(click.UsageError) as refused:
        kept(tmp_path, calls=word.replace("{home}", str(tmp_path)))

    assert words in refused.value.message


def test_calls_of_a_signed_transaction_are_not_taken(tmp_path: Path, payment: Path) -> None:
    """Its signatures are for something else."""
    signed = mithaq("tx", "sign", payment, "--key", "treasury", "--home", tmp_path)
    assert signed.code == 0, signed.err

    with pytest.raises(click.UsageError, match="expected an unsigned transaction"):
        kept(tmp_path, calls=str(payment))
