"""`mithaq vendors`: where payees are paid, known on the agency's desk alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.query import names_of
from cli.vendor_book import read_book
from kit.commandline import Done, mithaq
from kit.desk import write_home
from kit.initiations import BIC, IBAN, OTHER_IBAN
from kit.ledger import account_id, genesis_document


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_home(tmp_path, genesis_document(accounts=()))
    return tmp_path


def enter(home: Path, *words: str, name: str = "Acme Ltd", number: str = IBAN) -> Done:
    at = ["--agency", "treasury", "--home", str(home), "--account", number]
    return mithaq("vendors", "enter", name, *at, *words)


def listed(home: Path) -> list[dict[str, str | None]]:
    done = mithaq("vendors", "list", "--agency", "treasury", "--home", home, "--json")
    found: list[dict[str, str | None]] = done.result
    return found


def test_a_vendor_gets_an_account_and_a_bank_account(home: Path) -> None:
    """The account on the chain is the one that the book gives to the name."""
    done = enter(home, "--bic", BIC)

    assert done.code == 0, done.err
    [row] = listed(home)
    book = read_book(home / "keys/treasury.vendors.json")
    assert row == {
        "name": "Acme Ltd",
        "account": book.account("Acme Ltd").hex(),
        "number": IBAN,
        "bic": BIC,
    }
    assert book.path.stat().st_mode & 0o777 == 0o600


def test_a_payee_with_keys_of_its_own_is_known_by_its_bank_s_name(home: Path) -> None:
    """Queries show the name as they show a vendor's."""
    assert enter(home, "--payee", account_id("health").hex()).code == 0

    [row] = listed(home)
    assert (row["account"], row["name"]) == (account_id("health").hex(), "Acme Ltd")


def test_queries_know_whoever_is_in_the_book(home: Path) -> None:
    """Vendors and other payees."""
    from cli.home import Home

    stranger = "ab" * 32
    assert enter(home, "--payee", stranger).code == 0
    assert enter(home, name="Oak").code == 0

    names = names_of(Home(home), None)

    assert names.by_account[stranger] == "Acme Ltd"
    assert "Oak" in names.by_account.values()


def test_a_bank_account_that_changes_must_be_said_to(home: Path) -> None:
    """The commonest theft is a letter that says where to pay from now on."""
    assert enter(home).code == 0

    done = enter(home, "--json", number=OTHER_IBAN)

    assert (done.code, done.error["code"]) == (1, "vendors.known_otherwise")
    assert f"is paid at {IBAN} so far, not at {OTHER_IBAN}" in done.error["message"]
    assert listed(home)[0]["number"] == IBAN
    assert enter(home).code == 0
    assert enter(home, "--change", number=OTHER_IBAN).code == 0
    assert listed(home)[0]["number"] == OTHER_IBAN


@pytest.mark.parametrize("number", ["GB30NWBK60161331926819", "", " 1", "x" * 35, "1;2"])
def test_a_number_that_is_none_is_refused(home: Path, number: str) -> None:
    """What looks like an IBAN must be one."""
    done = enter(home, "--json", number=number)

    assert (done.code, done.error["code"]) == (2, "usage")
    assert f"found {number!r}" in done.error["message"]


@pytest.mark.parametrize("name", ["", " ", " Acme", "Acme\n", "A" * 141])
def test_a_name_that_no_bank_could_have_is_refused(home: Path, name: str) -> None:
    """At most 140 characters."""
    done = enter(home, "--json", name=name)

    assert (done.code, done.error["code"]) == (2, "usage")
    assert f"found {name!r}" in done.error["message"]
    assert enter(home, name="A" * 140).code == 0


def test_a_bank_that_is_none_is_refused(home: Path) -> None:
    """Eight or eleven characters."""
    assert enter(home, "--bic", "BANK").code == 2


def test_people_read_a_table(home: Path) -> None:
    """With a dash where nothing is known."""
    assert enter(home, number="12-34-56 7890").code == 0

    done = mithaq("vendors", "list", "--agency", "treasury", "--home", home)

    assert done.out.split("\n")[0].split("  ")[0] == "PAYEE"
    assert "12-34-56 7890" in done.out
