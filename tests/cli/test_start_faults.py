"""`mithaq start`: whatever is wrong with a folder is one clear message and exit code 6."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import testnet
from kit.localnet import free_base_port


@pytest.fixture
def home(tmp_path: Path) -> Path:
    testnet(tmp_path, "--validators", "2", "--base-port", str(free_base_port(2)))
    return tmp_path


def start(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", "start", str(folder), *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def own(folder: Path, name: str) -> Path:
    return folder / "nodes" / "node0" / name


def others_key(home: Path) -> None:
    shutil.copy(home / "nodes" / "node1" / "validator.key", own(home, "validator.key"))


def genesis_in_ruins(home: Path) -> None:
    own(home, "genesis.json").write_text(own(home, "genesis.json").read_text()[:500])


def contradictory_genesis(home: Path) -> None:
    stated = json.loads(own(home, "genesis.json").read_text())
    stated["balances"][0]["asset"] = "EUR"
    own(home, "genesis.json").write_text(json.dumps(stated))


def other_genesis(home: Path) -> None:
    """A database of this folder's chain, and then another genesis."""
    run_until_started(home)
    stated = json.loads(own(home, "genesis.json").read_text())
    stated["network"] = "another"
    own(home, "genesis.json").write_text(json.dumps(stated))


def run_until_started(home: Path) -> None:
    """Run the node until it says that it has started; then there is a database."""
    words = [sys.executable, "-P", "-m", "cli", "start", str(home / "nodes" / "node0")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"node.started" in line:
                process.terminate()
        process.wait(30)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda home: own(home, "node.key").chmod(0o640), "mode 0640, expected 0600"),
        (lambda home: own(home, "node.key").unlink(), "node.key is missing"),
        (lambda home: own(home, "genesis.json").unlink(), "genesis.json cannot be read"),
        (lambda home: own(home, "config.toml").unlink(), "config.toml is missing"),
        (lambda home: own(home, "validator.key").unlink(), "the chain names this node's key"),
        (lambda home: own(home, "data").write_text(""), "data is not a folder"),
        (genesis_in_ruins, "genesis.json is no genesis document: not JSON"),
        (contradictory_genesis, "there is no asset EUR"),
        (others_key, "these two belong to different nodes"),
        (other_genesis, "chain"),
    ],
)
def test_each_fault_of_a_folder_is_said(
    home: Path, spoil: Callable[[Path], None], words: str
) -> None:
    """Without a traceback; nothing listens, nothing is repaired."""
    spoil(home)

    done = start(home / "nodes" / "node0")

    assert done.returncode == ExitCode.LOCAL_FAULT
    assert words in done.stderr
    assert done.stderr.startswith("mithaq: ")
    assert "Traceback" not in done.stderr


def test_three_faults_of_a_config_are_all_said(home: Path) -> None:
    """Line by line for people, as a list for programs."""
    config = own(home, "config.toml")
    config.write_text(
        config.read_text()
        .replace('name = "finance"', 'name = ""')
        .replace('level = "info"', 'level = "loud"')
        .replace("[api]\n", "[api]\nport = 3\n")
    )

    for_people = start(home / "nodes" / "node0")
    for_programs = start(home / "nodes" / "node0", "--json")

    assert for_people.returncode == ExitCode.LOCAL_FAULT
    assert len(for_people.stderr.splitlines()) == 4
    assert "config.toml has 3 faults:" in for_people.stderr
    assert len(json.loads(for_programs.stderr)["facts"]["faults"]) == 3


@pytest.mark.parametrize("which", ["p2p", "api"])
def test_a_port_in_use_is_said(home: Path, which: str) -> None:
    """With the address."""
    [entry, _] = json.loads((home / "localnet.json").read_text())["nodes"]
    host, _, port = entry[which].rpartition(":")
    with socket.socket() as taken:
        taken.bind((host, int(port)))
        taken.listen()

        done = start(home / "nodes" / "node0")

    assert done.returncode == ExitCode.LOCAL_FAULT
    assert entry[which] in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_second_process_on_a_folder_is_said(home: Path) -> None:
    """By the file node.pid; where that is lost, by the lock of the database."""
    folder = home / "nodes" / "node0"
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "start", str(folder)], stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert b"node.started" in first.stdout.readline()

        second = start(folder)
        (folder / "node.pid").unlink()
        third = start(folder)
        first.terminate()
        first.stdout.read()

    assert first.returncode == 0
    assert second.stderr == f"mithaq: {folder}: its node runs already, as process {first.pid}\n"
    assert third.stderr == f"mithaq: {folder}/data is in use by another process\n"
    assert second.returncode == third.returncode == ExitCode.LOCAL_FAULT


def test_a_folder_that_cannot_be_written_is_said(home: Path) -> None:
    """Permissions do not bind root, unless it lays down the capability to pass over them."""
    folder = home / "nodes" / "node0"
    folder.chmod(0o500)
    bound = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []

    done = subprocess.run(
        [*bound, sys.executable, "-P", "-m", "cli", "start", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    folder.chmod(0o700)

    assert done.stderr == f"mithaq: {folder} cannot be written: Permission denied\n"
    assert done.returncode == ExitCode.LOCAL_FAULT


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    """A file, and nothing at all."""
    (tmp_path / "file").write_text("")

    nothing = start(tmp_path / "nothing")
    file = start(tmp_path / "file")

    assert nothing.returncode == ExitCode.LOCAL_FAULT
    assert "is no folder" in nothing.stderr
    assert file.returncode == ExitCode.USAGE
    assert "is a file" in file.stderr


def test_assertions_cannot_be_switched_off(home: Path) -> None:
    """They are part of the product."""
    done = subprocess.run(
        [sys.executable, "-O", "-P", "-m", "cli", "start", str(home / "nodes" / "node0")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == ExitCode.LOCAL_FAULT
    assert "python -O" in done.stderr
