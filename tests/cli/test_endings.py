"""How a run of the command line ends: one message, one exit code, for every kind of error."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.advice import NEXT, OWN_CODES
from cli.faults import ExitCode, failure_of
from client.faults import NotFinal, Unreachable
from kit.commandline import mithaq, testnet
from kit.desk import desk
from kit.pages import commands, unknown
from node.api.refusals import catalogue
from primitives.errors import (
    BadBlock,
    BadSignature,
    Malformed,
    MithaqError,
    OperatorFault,
    Rejected,
    StorageFault,
)


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (Rejected("books.overdraft", "m"), ExitCode.REFUSED, "books.overdraft"),
        (Malformed("m"), ExitCode.REFUSED, "malformed"),
        (BadSignature("m"), ExitCode.REFUSED, "bad_signature"),
        (BadBlock("m"), ExitCode.REFUSED, "remote_fault"),
        (MithaqError("m"), ExitCode.REFUSED, "refused"),
        (Unreachable("m"), ExitCode.UNREACHABLE, "node.unreachable"),
        (NotFinal("m"), ExitCode.TIMED_OUT, "not_final"),
        (StorageFault("m"), ExitCode.LOCAL_FAULT, "storage"),
        (OperatorFault("m"), ExitCode.LOCAL_FAULT, "local"),
        (OSError(errno.EROFS, "m"), ExitCode.LOCAL_FAULT, "local"),
    ],
)
def test_every_error_has_an_exit_code_and_a_stable_code(
    error: MithaqError | OSError, exit_code: ExitCode, code: str
) -> None:
    """The message stays its own."""
    failure = failure_of(error)

    assert (failure.exit_code, failure.code, failure.message) == (exit_code, code, "m")


def test_advice_is_about_errors_that_exist() -> None:
    """Each code is in the catalogue of refusals, or is the command line's own."""
    codes = {entry.code for entry in catalogue()}

    assert NEXT.keys() <= codes | OWN_CODES
    assert NEXT.keys() >= OWN_CODES
    assert not codes & OWN_CODES


def test_advice_names_commands_that_exist() -> None:
    """With the options that they have."""
    advised = [command for text in NEXT.values() for command in commands(text)]

    assert len(advised) >= len(OWN_CODES)
    assert [what for command in advised for what in unknown(command)] == []


def test_people_are_told_what_to_do_next_and_programs_are_not(tmp_path: Path) -> None:
    """A second line, after the one that says what is wrong."""
    with desk(tmp_path / "desk") as office:
        poor = office.pay(key="works")
        for_programs = office.pay("--json", key="works")

    said, advice = poor.err.splitlines()
    assert said.startswith("mithaq: ")
    assert advice == f"Next: {NEXT['books.overdraft']}"
    assert for_programs.error.keys() == {"code", "message", "facts"}


def test_an_error_of_the_system_names_its_file() -> None:
    """Which folder is full or read-only."""
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device", "data"))

    assert failure.message == "data: No space left on device"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """As in `mithaq keys list | head -1`."""
    for name in ("a", "b"):
        mithaq("keys", "new", name, "--home", tmp_path)
    words = [sys.executable, "-P", "-m", "cli", "keys", "list", "--home", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")


def test_the_home_is_the_one_named_else_the_environment_s_else_the_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--home, then MITHAQ_HOME, then ./.mithaq."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MITHAQ_HOME", raising=False)
    assert mithaq("keys", "new", "here").code == 0
    monkeypatch.setenv("MITHAQ_HOME", str(tmp_path / "environment"))
    assert mithaq("keys", "new", "there").code == 0
    assert mithaq("keys", "new", "named", "--home", tmp_path / "option").code == 0

    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.key"))
    assert found == [".mithaq/keys/here.key", "environment/keys/there.key", "option/keys/named.key"]


def test_an_interrupt_ends_quietly(tmp_path: Path) -> None:
    """With the code that shells report, and no traceback."""
    testnet(tmp_path)
    # A shell starts what it puts in the background with SIGINT ignored, and that is inherited.
    heard = ["env", "--default-signal=INT"]
    words = [*heard, sys.executable, "-u", "-P", "-m", "cli", "localnet", "logs", "-f", "--home"]
    (tmp_path / "nodes" / "node0" / "node.log").write_text("a line\n")
    with subprocess.Popen(
        [*words, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "finance: a line\n"
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()

    assert process.returncode == 130
    assert said.strip() == "stopped"


def test_the_folder_of_one_node_is_a_home_too(tmp_path: Path) -> None:
    """Its operator asks it without knowing its address."""
    testnet(tmp_path / "net", "--base-port", "1")
    folder = tmp_path / "net" / "nodes" / "node0"
    with desk(tmp_path / "desk") as other:
        config = folder / "config.toml"
        address = other.url.removeprefix("http://")
        config.write_text(config.read_text().replace("127.0.0.1:1001", address))
        (folder / "genesis.json").write_bytes((other.home / "genesis.json").read_bytes())

        status = mithaq("status", "--home", folder, "--json")
        block = mithaq("block", "0", "--home", folder)

    assert status.code == 0, status.err
    assert [node["name"] for node in status.result["nodes"]] == ["finance"]
    assert status.result["can_proceed"] is True
    assert block.code == 0
