"""READY as a file: read as it was written, refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from cli.ready_file import FILE_BYTES_MAX, ReadyFile, read_ready_file
from kit.commandline import mithaq, testnet
from kit.ledger import GENESIS_TIME
from kit.membership import ready
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId

CHAIN = ChainId(bytes(range(32)))
SAID = ReadyFile(CHAIN, ready(CHAIN, 4, height=7, time_ms=GENESIS_TIME))


def written(tmp_path: Path, **changed: Any) -> Path:  # noqa: ANN401 - JSON
    file = tmp_path / "ready.json"
    file.write_text(json.dumps({**json.loads(SAID.text()), **changed}))
    return file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """With its chain; the names in it are those of the record."""
    assert read_ready_file(written(tmp_path)) == SAID
    assert json.loads(SAID.text())["ready"]["record"]["name"] == "Ministry 4"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "expected 'mithaq.ready' version 1"),
        ({"format": "mithaq.transaction"}, "expected 'mithaq.ready' version 1"),
        ({"chain": "xyz"}, "is no READY file"),
        ({"chain": (bytes(32)).hex()}, "does not verify"),
        ({"ready": {}}, "record"),
    ],
)
def test_what_is_no_ready_file_says_why(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    """Its signature is checked, too: for this chain and no other."""
    with pytest.raises(Malformed, match=words):
        read_ready_file(written(tmp_path, **changed))


def test_a_file_that_is_none_says_why(tmp_path: Path) -> None:
    """Absent, not JSON, too long."""
    with pytest.raises(OperatorFault, match="cannot be read"):
        read_ready_file(tmp_path / "absent.json")
    file = tmp_path / "ready.json"
    for data, words in ((b"no", "is no READY file"), (b"[]", "is no READY file")):
        file.write_bytes(data)
        with pytest.raises(Malformed, match=words):
            read_ready_file(file)
    file.write_bytes(SAID.text().encode().ljust(FILE_BYTES_MAX + 1))
    with pytest.raises(Malformed, match=f"more than {FILE_BYTES_MAX} bytes"):
        read_ready_file(file)


def test_ready_is_said_by_a_node_that_runs(tmp_path: Path) -> None:
    """The key is made all the same, with its signer's memory; then the node must be started."""
    testnet(tmp_path, "--observers", "1", "--base-port", "1500")
    folder = tmp_path / "nodes" / "observer0"
    words = ("validator", "ready", folder, "--account", "treasury", "--home", tmp_path)

    done = mithaq(*words)

    assert done.code == ExitCode.UNREACHABLE
    assert "READY is said by a node that runs" in done.err
    assert (folder / "validator.key").exists()
    assert (folder / "signer.state").exists()
    kept = (folder / "validator.key").read_bytes()
    assert mithaq(*words).code == ExitCode.UNREACHABLE
    assert (folder / "validator.key").read_bytes() == kept
