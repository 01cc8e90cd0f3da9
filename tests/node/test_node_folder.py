"""A node's folder, read whole: everything in it belongs to one node of one chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.commandline import testnet
from node.config import NodeFolder
from node.folder import check_identity, load_genesis, load_node
from primitives import limits
from primitives.errors import OperatorFault
from primitives.ids import NodeKey


@pytest.fixture
def home(tmp_path: Path) -> Path:
    testnet(tmp_path, "--validators", "2", "--observers", "1")
    return tmp_path


def test_everything_of_a_node_lies_in_its_folder(home: Path) -> None:
    """Where it lies is fixed."""
    folder = NodeFolder(home / "nodes" / "node0")

    inside = {path.name for path in folder.path.iterdir()}

    assert inside == {"config.toml", "genesis.json", "validator.key", "node.key", "signer.state"}
    for path in (folder.data, folder.admin_socket, folder.log, folder.pid):
        assert path.parent == folder.path
        assert not path.exists()


def test_a_peer_with_our_own_node_id_is_refused(home: Path) -> None:
    """A line copied from a neighbour's file."""
    config = home / "nodes" / "node0" / "config.toml"
    own = load_node(home / "nodes" / "node0").node_key.public.hex()
    peer = load_node(home / "nodes" / "node1").node_key.public.hex()
    config.write_text(config.read_text().replace(peer, own))

    with pytest.raises(
        OperatorFault, match=r"127\.0\.0\.1:\d+ has the node id of this node itself"
    ):
        load_node(config.parent)


def test_a_validator_without_its_key_is_no_observer(home: Path) -> None:
    """Its place on the chain says what it must be."""
    (home / "nodes" / "node1" / "validator.key").unlink()
    node = load_node(home / "nodes" / "node1")

    with pytest.raises(OperatorFault, match=r"chain names this node's key.*validator interior"):
        check_identity(node, node.document.validators)


def test_a_key_that_does_not_vote_is_no_fault(home: Path) -> None:
    """Not yet, or no longer: the node follows, and says so."""
    node = load_node(home / "nodes" / "node1")
    others = node.document.validators[:1]

    assert "this node follows" in (check_identity(node, others) or "")
    assert check_identity(node, node.document.validators) is None


def test_a_validators_key_beside_another_nodes_key_signs_nothing(home: Path) -> None:
    """The chain knows on which node a key votes: a copy of it elsewhere is warned of."""
    node = load_node(home / "nodes" / "node1")
    first, own = node.document.validators
    elsewhere = replace(own, node_key=NodeKey(bytes(32)))

    assert "the chain names the node key" in (check_identity(node, (first, elsewhere)) or "")
    assert check_identity(node, (first, elsewhere, own)) is None  # from the next height on


def test_a_key_of_another_validator_is_refused(home: Path) -> None:
    """Two files of two nodes: with both of them at work there would be a clone."""
    ours, other = home / "nodes" / "node1", home / "nodes" / "node0"
    (ours / "validator.key").write_bytes((other / "validator.key").read_bytes())
    node = load_node(ours)

    with pytest.raises(OperatorFault, match=r"is finance's, .*node\.key is interior's"):
        check_identity(node, node.document.validators)


def test_a_node_without_its_signer_s_memory_loads(home: Path) -> None:
    """It follows and signs nothing, which the signer sees to."""
    (home / "nodes" / "node0" / "signer.state").unlink()

    assert load_node(home / "nodes" / "node0").validator_key is not None


def test_a_genesis_file_may_have_so_many_bytes_and_no_more(tmp_path: Path, home: Path) -> None:
    """GENESIS_BYTES_MAX; white space counts."""
    data = (home / "genesis.json").read_bytes()
    file = tmp_path / "padded.json"

    file.write_bytes(data.ljust(limits.GENESIS_BYTES_MAX))
    loaded = load_genesis(file)
    file.write_bytes(data.ljust(limits.GENESIS_BYTES_MAX + 1))

    assert loaded == load_genesis(home / "genesis.json")
    with pytest.raises(OperatorFault, match=f"more than {limits.GENESIS_BYTES_MAX} bytes"):
        load_genesis(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "is no genesis document"),
        ({"format": "mithaq.key"}, "is no genesis document"),
        ({"t0_ms": 5}, "unknown field"),
        ({"validators": []}, r"\$.validators"),
    ],
)
def test_what_is_no_genesis_document_says_where(
    home: Path, change: dict[str, object], words: str
) -> None:
    """With the path of the field."""
    stated = json.loads((home / "genesis.json").read_text())
    (home / "genesis.json").write_text(json.dumps({**stated, **change}))

    with pytest.raises(OperatorFault, match=words):
        load_genesis(home / "genesis.json")
