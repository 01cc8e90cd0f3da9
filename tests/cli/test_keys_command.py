"""`mithaq keys`: made once, listed with their accounts, shown without their secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq, testnet
from ledger.accounts import account_of_key
from node.keys import Purpose, read_key


def test_a_new_key_is_a_file_of_the_home(tmp_path: Path) -> None:
    """Its account is the one that is named for it."""
    done = mithaq("keys", "new", "clerk", "--home", tmp_path, "--json")

    key = read_key(tmp_path / "keys" / "clerk.key", Purpose.ACCOUNT)
    assert done.result == {
        "name": "clerk",
        "public": key.public.hex(),
        "account": account_of_key(key.public).hex(),
        "file": str(tmp_path / "keys" / "clerk.key"),
    }


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """The file stays as it was."""
    mithaq("keys", "new", "clerk", "--home", tmp_path)
    before = (tmp_path / "keys" / "clerk.key").read_bytes()

    done = mithaq("keys", "new", "clerk", "--home", tmp_path)

    assert done.code == ExitCode.LOCAL_FAULT
    assert "exists already" in done.err
    assert (tmp_path / "keys" / "clerk.key").read_bytes() == before


@pytest.mark.parametrize("command", [["list"], ["show", "clerk"]])
def test_no_command_shows_a_secret(tmp_path: Path, command: list[str]) -> None:
    """Neither for people nor for programs."""
    mithaq("keys", "new", "clerk", "--home", tmp_path)
    secret = json.loads((tmp_path / "keys" / "clerk.key").read_text())["secret"]

    for machine in ([], ["--json"]):
        done = mithaq("keys", *command, "--home", tmp_path, *machine)
        assert done.code == 0
        assert secret not in done.out + done.err


def test_keys_are_listed_with_the_accounts_that_genesis_gives_them(tmp_path: Path) -> None:
    """The demo keys of a network."""
    testnet(tmp_path)

    done = mithaq("keys", "list", "--home", tmp_path, "--json")

    genesis = json.loads((tmp_path / "genesis.json").read_text())
    assert " ".join(key["name"] for key in done.result) == (
        "agency-1 agency-2 finance health interior justice registrar treasury"
    )
    assert {key["account"] for key in done.result} == {
        each["id"] for each in genesis["accounts"] if each["keys"]
    }, "the governor has none"


def test_an_account_has_the_id_that_genesis_gave_it(tmp_path: Path) -> None:
    """Also where that does not follow from the key."""
    testnet(tmp_path)
    text = (tmp_path / "genesis.json").read_text()
    account = mithaq("keys", "show", "agency-1", "--home", tmp_path, "--json").result["account"]
    (tmp_path / "genesis.json").write_text(text.replace(account, "ab" * 32))

    done = mithaq("keys", "show", "agency-1", "--home", tmp_path, "--json")

    assert done.result["account"] == "ab" * 32


def test_a_key_that_others_can_read_is_named_and_the_rest_listed(tmp_path: Path) -> None:
    """One bad file does not hide the others."""
    mithaq("keys", "new", "clerk", "--home", tmp_path)
    mithaq("keys", "new", "judge", "--home", tmp_path)
    (tmp_path / "keys" / "clerk.key").chmod(0o644)

    done = mithaq("keys", "list", "--home", tmp_path)

    assert done.code == 0
    assert "clerk.key can be used by others (mode 0644, expected 0600)" in done.err
    assert "judge" in done.out


def test_a_missing_key_names_those_there_are(tmp_path: Path) -> None:
    """Because it is mostly misspelt."""
    mithaq("keys", "new", "clerk", "--home", tmp_path)

    done = mithaq("keys", "show", "clark", "--home", tmp_path)

    assert done.code == ExitCode.LOCAL_FAULT
    assert "clark.key is missing; keys of this home: clerk" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["../clerk", "Clerk", "", "a" * 65, ".hidden", "a b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written outside the home."""
    done = mithaq("keys", "new", name, "--home", tmp_path)

    assert done.code == ExitCode.USAGE
    assert list(tmp_path.rglob("*.key")) == []


def test_a_home_below_a_file_is_one_line(tmp_path: Path) -> None:
    """As every folder that cannot be written."""
    (tmp_path / "file").write_text("")

    done = mithaq("keys", "new", "clerk", "--home", tmp_path / "file" / "home")

    assert done.code == ExitCode.LOCAL_FAULT
    assert len(done.err.splitlines()) == 1
    assert "Not a directory" in done.err
