"""`mithaq bundle` and `mithaq join`, as far as no network is needed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq, testnet
from node.bundle import read_bundle
from node.config import NodeFolder, load_config
from node.keys import public_of
from primitives import limits


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bundles") / "home"
    testnet(made, "--observers", "1", "--base-port", "20000")
    return made


@pytest.fixture(scope="module")
def bundle(home: Path) -> Path:
    path = home / "network.bundle"
    done = mithaq("bundle", "create", "--home", home, "--out", path)
    assert done.code == ExitCode.OK, done.err
    return path


def test_a_bundle_of_a_home_names_its_validators(home: Path, bundle: Path) -> None:
    """With their addresses; no observer, whom a newcomer has nothing to ask."""
    found = read_bundle(bundle)

    folders = [NodeFolder(home / "nodes" / f"node{index}") for index in range(4)]
    assert [bytes(one.node_id) for one in found.bootstrap] == [
        bytes(public_of(folder.node_key)) for folder in folders
    ]
    assert [one.addresses for one in found.bootstrap] == [
        (f"127.0.0.1:{port}",) for port in range(20000, 20004)
    ]
    assert found.checkpoint is None  # nobody answers who votes today
    assert found.genesis is not None


def test_a_bundle_of_one_nodes_folder_names_whom_it_dials(home: Path, tmp_path: Path) -> None:
    """An observer's operator can make one as well."""
    path = tmp_path / "network.bundle"
    done = mithaq("bundle", "create", "--home", home / "nodes" / "observer0", "--out", path)

    assert done.code == ExitCode.OK, done.err
    config = load_config(NodeFolder(home / "nodes" / "observer0").config)
    assert [one.name for one in read_bundle(path).bootstrap] == [
        one.name for one in config.p2p.bootstrap
    ]
    assert "not pinned" in done.err


def test_a_bundle_is_not_overwritten(home: Path, bundle: Path) -> None:
    """What was given to others stays what it was."""
    done = mithaq("bundle", "create", "--home", home, "--out", bundle)

    assert done.code == ExitCode.LOCAL_FAULT
    assert "exists already" in done.err


def test_show_says_what_it_holds(bundle: Path) -> None:
    """For people, and for programs without the whole genesis document."""
    words = mithaq("bundle", "show", bundle).out
    named = mithaq("bundle", "show", bundle, "--json").result

    assert f"chain       {named['chain']}" in words
    assert "genesis     in the bundle" in words
    assert "none: genesis alone is pinned" in words
    assert named["genesis"] is True
    assert len(named["bootstrap"]) == 4


@pytest.mark.parametrize("command", [("bundle", "show"), ("join",)])
def test_what_is_no_bundle_is_refused_in_one_sentence(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Nothing is made of it."""
    garbage, folder = tmp_path / "garbage", tmp_path / "node"
    garbage.write_bytes(b"\x00" * 100)
    more = [str(folder)] if command == ("join",) else []

    done = mithaq(*command, garbage, *more)

    assert done.code == ExitCode.LOCAL_FAULT
    assert done.err.count("\n") == 1
    assert "is no bundle of version 1" in done.err
    assert not folder.exists()


def test_a_folder_that_has_a_chain_is_refused(bundle: Path, tmp_path: Path) -> None:
    """It has joined: whoever wants to begin anew moves the database away."""
    (tmp_path / "data").mkdir()

    done = mithaq("join", bundle, tmp_path)

    assert done.code == ExitCode.LOCAL_FAULT
    assert f"`mithaq start {tmp_path}` runs it" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_of_another_chain_is_refused(bundle: Path, tmp_path: Path) -> None:
    """Its genesis.json says so."""
    other = tmp_path / "other"
    testnet(other, "--base-port", "20100")
    folder = tmp_path / "node"
    folder.mkdir()
    shutil.copy(other / "genesis.json", folder)

    done = mithaq("join", bundle, folder)

    assert done.code == ExitCode.LOCAL_FAULT
    assert f"expected {read_bundle(bundle).chain.hex()}" in done.err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--listen", "nowhere"), ("--api", "127.0.0.1"), ("--advertise", "10.0.0.1")],
)
def test_an_address_that_is_none_is_refused_before_anything_is_made(
    bundle: Path, tmp_path: Path, option: str, value: str
) -> None:
    """With exit code 2, as other words that cannot be."""
    done = mithaq("join", bundle, tmp_path / "node", option, value)

    assert done.code == ExitCode.USAGE
    assert option in done.err
    assert not (tmp_path / "node").exists()


def test_a_bundle_from_the_wire_is_bounded(bundle: Path, tmp_path: Path) -> None:
    """A file that is larger than a bundle can be is not read to its end."""
    large = tmp_path / "large"
    large.write_bytes(bundle.read_bytes().ljust(limits.BUNDLE_BYTES_MAX + 1))

    assert mithaq("bundle", "show", large).code == ExitCode.LOCAL_FAULT
    assert json.loads(bundle.read_text())["format"] == "mithaq.bundle"
