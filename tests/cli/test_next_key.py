"""The next key of a validator: beside the one in use, then in its place, with its own memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli import next_key
from cli.faults import ExitCode
from cli.processes import record_own
from kit.commandline import mithaq, testnet
from node.config import NodeFolder
from node.keys import Purpose, read_key
from node.signer import Signer
from primitives.errors import OperatorFault
from primitives.ids import ChainId, ValidatorKey
from storage.durable_file import DiskFile


@pytest.fixture
def node(tmp_path: Path) -> NodeFolder:
    testnet(tmp_path, "--base-port", "1500")
    return NodeFolder(tmp_path / "nodes" / "node1")


def test_the_next_key_is_made_once_with_its_memory(node: NodeFolder) -> None:
    """Asked again, it is the same: READY of it may be on its way already."""
    before = node.validator_key.read_bytes()

    first, second = (next_key.next_key(node, "interior") for _ in range(2))

    assert first.public == second.public
    assert node.validator_key.read_bytes() == before
    assert (node.path / "next" / "signer.state").exists()


def test_a_switch_moves_both_files_of_both_keys(node: NodeFolder) -> None:
    """The signer opens with the new key; the old pair is kept together."""
    old, state = node.validator_key.read_bytes(), node.signer_state.read_bytes()
    new = next_key.next_key(node, "interior")

    done = mithaq("validator", "switch", node.path, "--json")

    assert done.code == ExitCode.OK, done.err
    assert done.result["key"] == new.public.hex()
    retired = Path(done.result["retired"])
    assert (retired / "validator.key").read_bytes() == old
    assert (retired / "signer.state").read_bytes() == state
    assert not (node.path / "next").exists()
    signer = Signer(new.signing(), DiskFile(node.signer_state), ChainId(bytes(32)))
    assert signer.key == ValidatorKey(new.public)
    assert signer.muted is None


def test_an_interrupted_switch_can_be_said_again(node: NodeFolder) -> None:
    """After its first file: the second call ends where the first would have."""
    new = next_key.next_key(node, "interior")
    state = (node.path / "next" / "signer.state").read_bytes()
    retired = (
        node.path / "retired" / read_key(node.validator_key, Purpose.VALIDATOR).public.hex()[:16]
    )
    retired.mkdir(parents=True)
    node.signer_state.rename(retired / "signer.state")
    (node.path / "next" / "signer.state").rename(node.signer_state)

    found, where = next_key.switch(node)

    assert found.public == new.public
    assert where == retired
    assert node.signer_state.read_bytes() == state
    assert {path.name for path in retired.iterdir()} == {"signer.state", "validator.key"}


def test_a_switch_needs_a_next_key_and_a_node_that_is_stopped(node: NodeFolder) -> None:
    """A running node writes the memory that would be moved away."""
    with pytest.raises(OperatorFault, match="holds no key"):
        next_key.switch(node)
    next_key.next_key(node, "interior")
    record_own(node)

    with pytest.raises(OperatorFault, match=f"runs, as process {os.getpid()}"):
        next_key.switch(node)
