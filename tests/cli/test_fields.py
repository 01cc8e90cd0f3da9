"""Options made from fields: what people type becomes the named form, or an error that helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from kit.commandline import Done, mithaq, testnet
from primitives import limits
from primitives.ids import INTEGER_MAX


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    testnet(folder)
    return folder


def build(home: Path, *lines: str, asset: str = "GBP", more: tuple[str, ...] = ()) -> Done:
    words = ["tx", "build", "money.transfer", "--actor", "treasury", "--asset", asset]
    words += [word for line in lines for word in ("--line", line)]
    return mithaq(*words, *more, "--home", home)


def lines_of(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    operation = done.result["transaction"]["body"]["calls"][0]["operation"]
    assert operation["operation"] == "money.transfer"
    lines: list[dict[str, Any]] = operation["lines"]
    return lines


def account(home: Path, name: str) -> str:
    shown = mithaq("keys", "show", name, "--home", home, "--json")
    return str(shown.result["account"])


def test_a_line_names_its_fields(home: Path) -> None:
    """What is left out is empty where it may be, and none where it may be none."""
    [line] = lines_of(build(home, "to=agency-1,amount=125000,reference=INV-1"))

    assert line == {
        "to": account(home, "agency-1"),
        "amount": 125000,
        "reference": "INV-1",
        "description": "",
        "value_date": None,
        "lot": None,
    }


def test_a_text_has_one_spelling(home: Path) -> None:
    """Whatever keyboard it came from: letters with their marks are one letter each (NFC)."""
    typed, whole = "Cafe\u0301 \u0627\u0653", "Caf\u00e9 \u0622"
    [line] = lines_of(build(home, f"to=agency-1,amount=1,reference=R,description={typed}"))
    in_json = json.dumps({"to": "agency-1", "amount": 1, "reference": "R", "description": typed})
    [other] = lines_of(build(home, in_json))

    assert line["description"] == other["description"] == whole


def test_a_line_may_be_json_in_the_named_form(home: Path) -> None:
    """For programs that write command lines."""
    named = {
        "to": account(home, "agency-2"),
        "amount": 1,
        "reference": "a",
        "description": "b",
        "value_date": "2026-12-01",
        "lot": None,
    }

    assert lines_of(build(home, json.dumps(named))) == [named]


def test_several_lines_keep_their_order(home: Path) -> None:
    """As they were typed."""
    lines = lines_of(build(home, *(f"to=agency-1,amount={n},reference=r{n}" for n in (3, 1, 2))))

    assert [line["amount"] for line in lines] == [3, 1, 2]


def test_a_text_may_hold_commas_and_equals_signs(home: Path) -> None:
    """A comma separates only where a field's name follows."""
    [line] = lines_of(
        build(home, "to=agency-1,amount=1,description=a, b=c, to be paid,reference=r")
    )

    assert line["description"] == "a, b=c, to be paid"
    assert line["reference"] == "r"


@pytest.mark.parametrize(
    ("typed", "minor_units"),
    [
        ("125000", 125_000),
        ("1250.00GBP", 125_000),
        ("1250.00 GBP", 125_000),
        ("1250GBP", 125_000),
        ("1250.5GBP", 125_050),
        ("0.01GBP", 1),
        (str(2**53), 2**53),
        (str(2**53 + 1), str(2**53 + 1)),
        (str(INTEGER_MAX), str(INTEGER_MAX)),
        ("92233720368547758.07GBP", str(INTEGER_MAX)),
    ],
)
def test_an_amount_is_minor_units_or_names_its_asset(
    home: Path, typed: str, minor_units: int | str
) -> None:
    """So that nobody pays a hundred times too much."""
    [line] = lines_of(build(home, f"to=agency-1,amount={typed},reference=r"))

    assert line["amount"] == minor_units


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("to=agency-1,amount=1250.00,reference=r",
         ("--line amount: expected minor units (125000), or whole units with their asset "
         "(1250.00GBP), found '1250.00'")),
        ("to=agency-1,amount=1.234GBP,reference=r", "GBP has 2 decimal places, found 3 in"),
        ("to=agency-1,amount=1.00EUR,reference=r",
         "--line amount: expected an asset of genesis (GBP), found EUR"),
        ("to=agency-1,amount=one,reference=r", "found 'one'"),
        ("to=agency-1,amount=0,reference=r", "$.lines[0].amount"),
        ("to=agency-1,amount=-1,reference=r", "$.lines[0].amount"),
        (f"to=agency-1,amount={INTEGER_MAX + 1},reference=r", f"found '{INTEGER_MAX + 1}'"),
        ("to=agency-1,reference=r", "found no amount in"),
        ("amount=1,reference=r", "found no to in"),
        ("to=agency-1,amount=1,amount=2,reference=r", "amount stands twice"),
        ("to=agency-1,amount=1,reference=r,value_date=tomorrow", 'found "tomorrow"'),
        ("agency-1", ("expected to=…,amount=…,reference=…,description=…,value_date=…,lot=…, "
         "found 'agency-1'")),
        ("payee=agency-1,amount=1,reference=r", "found 'payee=agency-1"),
        ("{not json", "expected JSON, found"),
        ('{"to": "agency-1"}', "$.lines[0]"),
        ("to=agency-1,amount=1,reference=" + "r" * (limits.REFERENCE_LENGTH_MAX + 1),
         "$.lines[0].reference"),
    ],
)  # fmt: skip
def test_a_bad_line_says_what_was_expected(home: Path, line: str, words: str) -> None:
    """And what was found; with the exit code of a usage error."""
    done = build(home, line)

    assert done.code == ExitCode.USAGE
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_an_amount_of_another_asset_than_the_transfer_s_is_refused(home: Path) -> None:
    """Even if both exist."""
    done = build(home, "to=agency-1,amount=1.00GBP,reference=r", asset="EUR")

    assert done.code == ExitCode.USAGE
    assert "expected an amount of EUR, found one of GBP" in done.err


def test_an_operation_that_names_no_asset_takes_minor_units_alone(home: Path) -> None:
    """A hold has its asset; who takes a part of it says a plain number."""
    words = ("--hold", "ab" * 32, "--actor", "agency-1", "--home", home)

    whole = mithaq("tx", "build", "money.capture_hold", "--amount", "1.00GBP", *words)
    minor = mithaq("tx", "build", "money.capture_hold", "--amount", "100", *words)

    assert whole.code == ExitCode.USAGE
    assert "expected an amount of minor units, found one of GBP" in whole.err
    assert minor.code == ExitCode.OK


def test_an_unknown_account_names_the_keys_of_the_home(home: Path) -> None:
    """It is neither an id nor a key's name."""
    done = build(home, "to=agency-9,amount=1,reference=r")

    assert done.code == ExitCode.REFUSED
    known = "agency-1, agency-2, finance, health, interior, justice, registrar, treasury"
    assert f"({known}), found 'agency-9'" in done.err


def test_an_enumeration_offers_its_words(home: Path) -> None:
    """In the help, and when it is misspelt."""
    words = ["tx", "build", "registry.stamp_document", "--actor", "agency-1"]
    words += ["--home", str(home)]

    right = mithaq(*words, "--commitment", "ab" * 32, "--act", "timestamp")
    wrong = mithaq(*words, "--commitment", "ab" * 32, "--act", "stamp")
    short = mithaq(*words, "--commitment", "ab", "--act", "timestamp")

    operation = right.result["transaction"]["body"]["calls"][0]["operation"]
    assert operation["commitment"] == "ab" * 32
    assert (wrong.code, short.code) == (ExitCode.USAGE, ExitCode.USAGE)
    assert "'timestamp', 'certify_copy'" in wrong.err
    assert "$.commitment" in short.err


def test_the_help_of_an_operation_is_its_docstring(home: Path) -> None:
    """The law as people read it, and what each field is for."""
    text = mithaq("tx", "send", "money.transfer", "--help", "--home", home).out

    assert "Pay one or more accounts from the actor's balance" in text
    assert "what is paid, such as gbp" in text.lower()
    assert "--line to=…,amount=…,reference=…,description=…,value_date=…" in text


def test_the_window_of_the_chain_bounds_how_long_a_transaction_is_valid(home: Path) -> None:
    """Two hours by default."""
    line = "to=agency-1,amount=1,reference=r"

    for valid_for, code in [
        ("2h", 0), ("120m", 0), ("90s", 0), ("7201s", 2), ("3h", 2), ("0s", 2), ("1d", 2), ("", 2)
    ]:  # fmt: skip
        done = build(home, line, more=("--valid-for", valid_for))
        assert done.code == code, (valid_for, done.err)
        assert "Traceback" not in done.err


def test_calls_are_added_onto_an_unsigned_transaction(home: Path, tmp_path: Path) -> None:
    """All are done, or none; a signed one stays as it is."""
    file = tmp_path / "two.json"
    build(home, "to=agency-1,amount=1,reference=a", more=("-o", str(file)))

    onto = build(home, "to=agency-2,amount=2,reference=b", more=("--onto", str(file)))
    calls = mithaq("tx", "show", file, "--home", home, "--json").result["calls"]
    mithaq("tx", "sign", file, "--key", "treasury", "--home", home)
    refused = build(home, "to=agency-2,amount=2,reference=c", more=("--onto", str(file)))

    assert onto.code == 0, onto.err
    assert [call["operation"]["lines"][0]["reference"] for call in calls] == ["a", "b"]
    assert refused.code == ExitCode.USAGE
    assert "is signed already" in refused.err


def test_no_more_calls_than_a_transaction_holds(home: Path, tmp_path: Path) -> None:
    """CALLS_MAX of them."""
    file = tmp_path / "many.json"
    build(home, "to=agency-1,amount=1,reference=a", more=("-o", str(file)))
    stored = json.loads(file.read_text())
    body = stored["transaction"]["body"]
    body["calls"] = body["calls"] * limits.CALLS_MAX
    file.write_text(json.dumps(stored))

    done = build(home, "to=agency-2,amount=2,reference=c", more=("--onto", str(file)))

    assert done.code == ExitCode.USAGE
    assert f"at most {limits.CALLS_MAX} calls" in done.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no transaction file"),
        ("[]", "expected 'mithaq.transaction' version 1"),
        ('{"format": "mithaq.transaction", "version": 2}', "expected 'mithaq.transaction' version"),
        ('{"format": "mithaq.transaction", "version": 1}', "Expected `object`"),
        ("[" * 100_000, "is no transaction file"),
        ("\udcff", "is no transaction file"),
    ],
)
def test_a_file_that_is_no_transaction_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """In one line."""
    file = tmp_path / "a.json"
    file.write_bytes(text.encode(errors="surrogateescape"))

    done = mithaq("tx", "show", file, "--home", tmp_path)

    assert done.code == ExitCode.REFUSED
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Sixteen times the largest transaction, in its named form."""
    from cli.transaction_file import FILE_BYTES_MAX

    file = tmp_path / "a.json"
    file.write_bytes(b" " * (FILE_BYTES_MAX + 1))

    done = mithaq("tx", "show", file, "--home", tmp_path)

    assert done.code == ExitCode.REFUSED
    assert f"more than {FILE_BYTES_MAX} bytes" in done.err


def test_a_public_key_is_named_like_an_account(home: Path) -> None:
    """By its digits, or as a key of the home; what is neither is refused."""

    def rotated(word: str) -> Done:
        words = ["tx", "build", "authority.rotate_keys", "--actor", "treasury", "--threshold", "1"]
        return mithaq(*words, "--signer", f"key={word},weight=1", "--home", home)

    public = str(mithaq("keys", "show", "agency-1", "--home", home, "--json").result["public"])
    for word in ("agency-1", public):
        [call] = rotated(word).result["transaction"]["body"]["calls"]
        assert call["operation"]["signers"] == [{"key": public, "weight": 1}]
    for word, found in (("nobody", "nobody.key is missing"), ("../x", "found '../x'")):
        done = rotated(word)
        assert done.code == ExitCode.LOCAL_FAULT
        assert found in done.err
