"""`mithaq init`: one node's folder, in one step or two, never overwritten."""

from __future__ import annotations

import json
from pathlib import Path

from cli.faults import ExitCode
from kit.commandline import mithaq, testnet
from node.config import load_config
from node.folder import load_node
from node.keys import Purpose, read_key


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_keys_come_first_and_their_public_halves_are_printed(tmp_path: Path) -> None:
    """Whoever writes the genesis document needs them."""
    done = mithaq("init", tmp_path / "finance", "--json")

    folder = tmp_path / "finance"
    assert sorted(files(folder)) == ["node.key", "signer.state", "validator.key"]
    assert done.result == {
        "folder": str(folder),
        "name": "finance",
        "node_key": read_key(folder / "node.key", Purpose.NODE).public.hex(),
        "key": read_key(folder / "validator.key", Purpose.VALIDATOR).public.hex(),
    }
    assert "--genesis FILE" in done.err


def test_a_validator_joins_a_genesis_that_names_it(tmp_path: Path) -> None:
    """Keys, then the network's genesis with them in it, then the rest; called as genesis does."""
    folder = tmp_path / "mithaq"
    public = mithaq("init", folder, "--json").result
    testnet(tmp_path / "net")
    document = json.loads((tmp_path / "net" / "genesis.json").read_text())
    document["validators"][0].update(key=public["key"], node_key=public["node_key"])
    (tmp_path / "genesis.json").write_text(json.dumps(document))

    words = ("--listen", "0.0.0.0:17", "--advertise", "node.example:17")
    done = mithaq("init", folder, "--genesis", tmp_path / "genesis.json", *words)

    node = load_node(folder)
    assert done.code == 0, done.err
    assert node.validator_key is not None
    assert node.config.p2p.listen == "0.0.0.0:17"
    assert node.config.p2p.advertise == ("node.example:17",)
    assert "write [[p2p.bootstrap]]" in done.err
    assert "does not know this node" not in done.err
    assert node.config.name == "finance"
    assert "not among" not in done.err


def test_an_observer_has_no_key_that_votes(tmp_path: Path) -> None:
    """It begins with the nodes that it is given, and a registrar has to admit it."""
    testnet(tmp_path / "net")
    genesis = tmp_path / "net" / "genesis.json"
    first = ("--bootstrap", "health@10.0.0.4:17000", "--bootstrap", f"{'1f' * 32}@[::1]:1")

    done = mithaq("init", tmp_path / "press", "--observer", "--genesis", genesis, *first)

    node = load_node(tmp_path / "press")
    assert done.code == 0, done.err
    assert node.validator_key is None
    assert [(one.name, one.address) for one in node.bootstrap] == [
        ("health", "10.0.0.4:17000"),
        ("", "[::1]:1"),
    ]
    assert node.bootstrap[0].node_key == node.document.validators[3].node_key
    assert "advertise" in done.err
    assert "`mithaq observer request`" in done.err
    assert not (tmp_path / "press" / "signer.state").exists()


def test_a_key_that_genesis_does_not_name_is_remarked(tmp_path: Path) -> None:
    """The node would refuse to start; better to know now."""
    testnet(tmp_path / "net")

    done = mithaq("init", tmp_path / "x", "--genesis", tmp_path / "net" / "genesis.json")

    assert done.code == 0
    assert "is not among the 4 validators of this genesis" in done.err


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    """A second time changes no byte, whatever the options say."""
    testnet(tmp_path / "net")
    words = ["init", str(tmp_path / "x"), "--genesis", str(tmp_path / "net" / "genesis.json")]
    mithaq(*words)
    before = files(tmp_path / "x")

    done = mithaq(*words, "--name", "other", "--api", "127.0.0.1:1")

    assert done.code == 0
    assert files(tmp_path / "x") == before


def test_a_signer_s_memory_is_never_made_for_a_key_that_may_have_voted(tmp_path: Path) -> None:
    """Who lost it cannot know what was promised."""
    mithaq("init", tmp_path / "x")
    (tmp_path / "x" / "signer.state").unlink()

    done = mithaq("init", tmp_path / "x")

    assert done.code == ExitCode.LOCAL_FAULT
    assert "signer.state is missing" in done.err
    assert not (tmp_path / "x" / "signer.state").exists()


def test_bad_addresses_and_bad_genesis_files_make_no_config(tmp_path: Path) -> None:
    """One line each."""
    testnet(tmp_path / "net")
    genesis = tmp_path / "net" / "genesis.json"
    (tmp_path / "bad.json").write_text("{}")

    document = mithaq("init", tmp_path / "y", "--genesis", tmp_path / "bad.json")

    assert document.code == ExitCode.LOCAL_FAULT
    assert "is no genesis document" in document.err
    for words, said in (
        (("--listen", "17000"), "is not host:port"),
        (("--advertise", "node.example:0"), "expected host:port that can be dialled"),
        (("--bootstrap", "10.0.0.4:17000"), "for NODE one of finance, interior, justice, health"),
        (("--bootstrap", "treasury@10.0.0.4:17000"), "found 'treasury@10.0.0.4:17000'"),
        (("--bootstrap", "finance@10.0.0.4"), "found '10.0.0.4'"),
    ):
        address = mithaq("init", tmp_path / "x", "--genesis", genesis, *words)
        assert address.code == ExitCode.USAGE
        assert said in address.err
    assert not (tmp_path / "x" / "config.toml").exists()
    assert not (tmp_path / "y").exists()


def test_the_example_config_is_one(tmp_path: Path) -> None:
    """configs/config.toml loads, but for the keys that it cannot know."""
    from kit.tree import ROOT

    text = (ROOT / "configs" / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text)

    config = load_config(tmp_path / "config.toml")

    assert config.p2p.bootstrap
    assert config.p2p.advertise
    assert config.api.listen == "127.0.0.1:18000"
