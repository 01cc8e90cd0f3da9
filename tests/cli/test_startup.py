"""What a command imports is what it costs; a command line that is slow is not used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit.commandline import mithaq, testnet
from kit.proofs import small_chain
from node.proof import write_proof

HEAVY = {
    "rich",
    "httpx",
    "trio",
    "libp2p",
    "litestar",
    "hypercorn",
    "plyvel",
    "asyncio",
    "structlog",
}


def loaded_by(program: str) -> set[str]:
    """Top-level names of all modules that a program has imported when it ends."""
    reported = (
        f"import sys, json\n{program}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", reported],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def run(*words: str | Path) -> str:
    return f"import cli.main\nassert cli.main.main({[str(word) for word in words]!r}) == 0"


def test_importing_the_entry_point_loads_nothing_heavy() -> None:
    """Neither rich, httpx, trio nor libp2p; nor any part of ours but the errors."""
    loaded = loaded_by("import cli.main")

    assert "click" in loaded
    assert loaded & HEAVY == set()
    assert loaded & {"node", "ledger", "services", "msgspec", "nacl"} == set()


def test_help_imports_no_command() -> None:
    """It has their descriptions at hand."""
    assert loaded_by(run("--help")) & (HEAVY | {"node", "ledger", "verifier"}) == set()


def test_keys_are_made_and_listed_without_a_node_s_libraries(tmp_path: Path) -> None:
    """Only what signs."""
    assert loaded_by(run("keys", "new", "clerk", "--home", tmp_path)) & HEAVY == set()
    assert loaded_by(run("keys", "list", "--home", tmp_path)) & HEAVY == set()


def test_a_proof_is_verified_without_a_node_s_libraries(tmp_path: Path) -> None:
    """And without the ledger where --chain pins."""
    chain = small_chain()
    (tmp_path / "a.proof").write_bytes(write_proof(chain.receipt_proof()))

    loaded = loaded_by(run("proof", "verify", tmp_path / "a.proof", "--chain", chain.id.hex()))

    assert loaded & HEAVY == set()
    assert "services" not in loaded


def test_a_transaction_is_built_without_a_node_s_libraries(tmp_path: Path) -> None:
    """What talks to a node does so with the standard library."""
    testnet(tmp_path)
    words = ["tx", "build", "money.transfer", "--actor", "treasury", "--asset", "GBP", "--home"]

    loaded = loaded_by(run(*words, tmp_path, "--line", "to=agency-1,amount=1,reference=a"))

    assert loaded & (HEAVY - {"plyvel"}) == set()


def test_a_question_to_a_silent_node_loads_no_http_library(tmp_path: Path) -> None:
    """Status is asked of all nodes with threads and sockets."""
    testnet(tmp_path, "--base-port", "1")
    program = "import cli.main\n" + f"assert cli.main.main(['status', '--home', '{tmp_path}']) == 4"

    assert loaded_by(program) & HEAVY == set()


@pytest.mark.parametrize("words", [["--help"], ["keys", "--help"], ["tx", "send", "--help"]])
def test_help_is_an_answer(words: list[str]) -> None:
    """On standard output, with exit code 0."""
    done = mithaq(*words)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: mithaq")
