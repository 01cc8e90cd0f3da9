"""What Tab completes: commands, operations, options, and the names of the home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from cli.completion import SHELLS
from cli.main import COMMANDS, COMPLETE_VARIABLE, root
from kit.commandline import mithaq, testnet
from kit.programs import needs
from kit.tree import ROOT
from services.table import OPERATIONS


def completed(*words: str) -> set[str]:
    """What may stand in the place of the last word."""
    shell = ShellComplete(root, {}, "mithaq", COMPLETE_VARIABLE)
    return {item.value for item in shell.get_completions(list(words[:-1]), words[-1])}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(shell: str) -> None:
    """It names the program and the variable by which it is asked."""
    done = mithaq("completion", shell)

    assert done.code == 0, done.err
    assert COMPLETE_VARIABLE in done.out
    assert f"{shell}_complete" in done.out


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_is_one_that_its_shell_reads(shell: str, tmp_path: Path) -> None:
    """Where the shell is installed, it says so itself."""
    needs(shell)
    file = tmp_path / "script"
    file.write_text(mithaq("completion", shell).out)

    subprocess.run([shell, "-n", str(file)], check=True)


def test_another_shell_is_a_usage_error() -> None:
    """With the three that there are."""
    done = mithaq("completion", "csh")

    assert done.code == 2
    assert "'bash', 'zsh', 'fish'" in done.err


def test_commands_are_completed() -> None:
    """All of them, or those that begin so."""
    assert completed("") == set(COMMANDS)
    assert completed("st") == {"status", "state", "start"}
    assert completed("tx", "s") == {"sign", "submit", "show", "send"}


def test_operations_and_their_options_are_completed() -> None:
    """From the operations themselves."""
    tags = {str(operation.__struct_config__.tag) for operation in OPERATIONS}

    assert completed("tx", "send", "") == tags
    assert "--asset" in completed("tx", "send", "money.transfer", "--a")


def test_names_of_the_home_are_completed(tmp_path: Path) -> None:
    """Keys, the accounts that they name, and nodes."""
    testnet(tmp_path, "--validators", "1")
    home = ("--home", str(tmp_path))

    assert completed("keys", "show", *home, "tre") == {"treasury"}
    assert "treasury" in completed("account", *home, "")
    assert "treasury" in completed("tx", "send", "money.transfer", *home, "--key", "t")
    assert completed("localnet", "kill", *home, "") == {"finance"}
    assert completed("localnet", "kill", "--home", "/nowhere", "") == set()


def test_a_shell_that_asks_is_answered() -> None:
    """As bash does: by variables, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from cli.main import main; raise SystemExit(main())"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            COMPLETE_VARIABLE: "bash_complete",
            "COMP_WORDS": "mithaq loc",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.split() == ["plain,localnet"]
