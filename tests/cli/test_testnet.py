"""`mithaq testnet`: folders that make one network, whole or not at all."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.founding import (
    API_OFFSET,
    BOOTSTRAPS,
    MINISTRIES,
    OBSERVED_BY,
    Plan,
    check_plan,
    found,
)
from cli.home import Home
from kit.commandline import mithaq, testnet
from ledger.genesis import genesis_block
from node.folder import load_genesis, load_node
from node.signer import Signer
from primitives import limits
from primitives.errors import OperatorFault
from services.treasury.offices import ROLE_DEFINITIONS
from storage.durable_file import DiskFile


def test_every_folder_is_a_node_of_the_same_chain(tmp_path: Path) -> None:
    """Each loads, with a signer that may sign; observers have no validator key."""
    done = testnet(tmp_path, "--observers", "2")

    nodes = [load_node(Path(node["folder"])) for node in done.result["nodes"]]
    assert {node.genesis.chain.hex() for node in nodes} == {done.result["chain"]}
    assert [node.config.name for node in nodes] == [*MINISTRIES[:4], "observer-0", "observer-1"]
    for node in nodes[:4]:
        assert node.validator_key is not None
        memory = DiskFile(node.folder.signer_state)
        signer = Signer(node.validator_key.signing(), memory, node.genesis.chain)
        assert signer.muted is None
    assert [node.validator_key for node in nodes[4:]] == [None, None]


def test_every_node_begins_with_a_few_validators(tmp_path: Path) -> None:
    """The others' addresses travel; who may connect stands in genesis."""
    done = testnet(tmp_path, "--validators", "7", "--observers", "2", "--base-port", "20000")

    nodes = {n["name"]: load_node(Path(n["folder"])) for n in done.result["nodes"]}
    first = {name: [one.name for one in node.bootstrap] for name, node in nodes.items()}
    assert first["finance"] == list(MINISTRIES[1 : BOOTSTRAPS + 1])
    assert first["energy"] == first["observer-0"] == list(MINISTRIES[:BOOTSTRAPS])
    assert nodes["observer-0"].bootstrap[0].address == "127.0.0.1:20000"


def test_observers_stand_in_genesis_bound_to_the_agencies(tmp_path: Path) -> None:
    """In turn, each with its own node key."""
    done = testnet(tmp_path, "--observers", "3")

    nodes = [load_node(Path(node["folder"])) for node in done.result["nodes"]]
    found = nodes[0].document.observers
    accounts = [done.result["keys"][name] for name in OBSERVED_BY]
    assert [one.account.hex() for one in found] == [accounts[0], accounts[1], accounts[0]]
    assert [bytes(one.node_key) for one in found] == [n.node_key.public for n in nodes[4:]]


def test_node_i_listens_on_the_base_port_and_a_thousand_above(tmp_path: Path) -> None:
    """Observers continue the count."""
    testnet(tmp_path, "--validators", "2", "--observers", "1", "--base-port", "20000")

    for index, folder in enumerate(["node0", "node1", "observer0"]):
        config = tomllib.loads((tmp_path / "nodes" / folder / "config.toml").read_text())
        assert config["p2p"]["listen"] == f"127.0.0.1:{20000 + index}"
        assert config["api"]["listen"] == f"127.0.0.1:{21000 + index}"


def test_with_a_first_address_each_node_is_a_machine_of_its_own(tmp_path: Path) -> None:
    """All with the same ports, and each tells the others its own address."""
    done = testnet(tmp_path, "--observers", "1", "--first-address", "10.1.0.254")

    nodes = [(node["p2p"], node["api"]) for node in done.result["nodes"]]
    hosts = ["10.1.0.254", "10.1.0.255", "10.1.1.0", "10.1.1.1", "10.1.1.2"]
    assert nodes == [(f"{host}:17000", f"{host}:18000") for host in hosts]
    config = load_node(Path(done.result["nodes"][4]["folder"])).config
    assert (config.p2p.listen, config.api.listen) == nodes[4]


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("10.1", "first address '10.1', expected an IPv4 address with 3 more above it"),
        ("255.255.255.254", "first address '255.255.255.254', expected an IPv4 address with 3"),
        ("223.255.255.254", "addresses 223.255.255.254 to 224.0.0.1: not all of them are"),
    ],
)
def test_addresses_that_no_machine_has_are_refused(tmp_path: Path, first: str, words: str) -> None:
    """Before anything is written."""
    done = mithaq("testnet", "--home", tmp_path, "--first-address", first)

    assert done.code == ExitCode.LOCAL_FAULT
    assert words in done.err
    assert list(tmp_path.iterdir()) == []


def test_without_another_base_port_it_is_17000(tmp_path: Path) -> None:
    """Links from 17000 on, APIs from 18000 on; what is printed and documented."""
    made = testnet(tmp_path)

    config = tomllib.loads((tmp_path / "nodes" / "node3" / "config.toml").read_text())
    assert made.code == 0
    assert config["p2p"]["listen"] == "127.0.0.1:17003"
    assert config["api"]["listen"] == "127.0.0.1:18003"


def test_the_treasury_begins_with_250_million_pounds(tmp_path: Path) -> None:
    """And it is the only one that has money."""
    done = testnet(tmp_path)

    document = load_genesis(tmp_path / "genesis.json")
    [balance] = document.balances
    assert balance.account.hex() == done.result["keys"]["treasury"]
    assert (balance.asset, balance.amount) == ("GBP", 25_000_000_000)
    assert [(asset.code, asset.exponent) for asset in document.assets] == [("GBP", 2)]
    assert [account.name for account in document.accounts] == [
        "Treasury",
        "Registrar",
        "First agency",
        "Second agency",
        *("Finance", "Interior", "Justice", "Health"),
        "Council of the validators",
    ]
    granted = {grant.role for grant in document.roles}
    assert granted == {"registrar", "notary", "asset_issuer", "treasurer", "member"}
    assert document.role_definitions == ROLE_DEFINITIONS


def test_a_founded_network_knows_the_offices_of_a_treasury(tmp_path: Path) -> None:
    """So that a registrar only grants them."""
    testnet(tmp_path)

    document = load_genesis(tmp_path / "genesis.json")
    defined = {each.role: each.incompatible for each in document.role_definitions}
    assert "disbursing_officer" in defined["certifying_officer"]
    assert set(defined["auditor"]) == set(defined) - {"auditor"}


def test_the_governor_decides_by_the_accounts_of_the_validators(tmp_path: Path) -> None:
    """Law by more than two thirds, after a day and an hour; on one machine at once."""
    testnet(tmp_path, "--first-address", "10.0.0.1")
    document = load_genesis(tmp_path / "genesis.json")
    found(Home(tmp_path / "local"), plan())
    local = load_genesis(tmp_path / "local" / "genesis.json")

    [body] = document.bodies
    law, ordinary = body.charter.procedures
    members = {grant.holder for grant in document.roles if grant.role == "member"}

    assert document.governor == body.account
    assert members == {record.account for record in document.validators}
    assert (law.quorum_bp, law.pass_bp, law.operations) == (6_667, 6_666, None)
    assert (law.least_ms, law.timelock_ms) == (86_400_000, 3_600_000)
    assert ordinary.operations is not None
    for entrenched in ("set_parameters", "enact_norm", "grant_role", "create_office"):
        assert f"authority.{entrenched}" not in ordinary.operations
    assert [each.least_ms for each in local.bodies[0].charter.procedures] == [2_000, 2_000]


def test_no_secret_is_readable_by_others(tmp_path: Path) -> None:
    """Every key file, and the folders that they lie in."""
    testnet(tmp_path)

    secret = [*tmp_path.rglob("*.key"), *tmp_path.rglob("signer.state")]
    assert len(secret) == 4 + 4 + 4 + 4 + 4
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in secret} == {0o700}


def test_a_second_network_in_the_same_home_is_refused(tmp_path: Path) -> None:
    """Nothing of the first is changed."""
    testnet(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    done = mithaq("testnet", "--home", tmp_path)

    assert done.code == ExitCode.LOCAL_FAULT
    assert "holds a network already" in done.err
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_what_an_interrupted_attempt_left_is_named(tmp_path: Path) -> None:
    """And what clears it away."""
    testnet(tmp_path)
    (tmp_path / "localnet.json").unlink()

    refused = mithaq("testnet", "--home", tmp_path)
    cleared = mithaq("localnet", "reset", "--yes", "--home", tmp_path)

    assert refused.code == ExitCode.LOCAL_FAULT
    assert "`mithaq localnet reset --yes` clears it away" in refused.err
    assert cleared.code == 0
    testnet(tmp_path)


def test_keys_that_the_home_has_are_used(tmp_path: Path) -> None:
    """A reset network keeps its accounts."""
    first = testnet(tmp_path).result
    mithaq("localnet", "reset", "--yes", "--home", tmp_path)

    second = testnet(tmp_path).result

    assert second["keys"] == first["keys"]
    assert second["chain"] != first["chain"]


def test_a_small_network_has_a_small_minimum(tmp_path: Path) -> None:
    """One validator is enough to try something out."""
    testnet(tmp_path, "--validators", "1")

    document = load_genesis(tmp_path / "genesis.json")
    assert document.parameters.minimum_validators == 1
    assert genesis_block(document).validators.quorum == 1


def plan(validators: int = 4, observers: int = 0, base_port: int = 17000) -> Plan:
    return Plan(network="n", validators=validators, observers=observers, base_port=base_port)


def test_a_plan_within_its_limits_passes() -> None:
    """At each limit."""
    check_plan(plan(validators=1))
    check_plan(plan(validators=limits.VALIDATORS_MAX))
    check_plan(plan(observers=limits.OBSERVERS_MAX))
    check_plan(plan(base_port=1))
    check_plan(plan(base_port=65535 - API_OFFSET - 3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (plan(validators=0), "0 validators, expected 1 to 128"),
        (plan(validators=limits.VALIDATORS_MAX + 1), "129 validators, expected 1 to 128"),
        (plan(observers=-1), "-1 observers, expected 0 to 256"),
        (plan(observers=limits.OBSERVERS_MAX + 1), "257 observers, expected 0 to 256"),
        (plan(base_port=0), "base port 0, expected 1 to 64532"),
        (plan(base_port=65535 - API_OFFSET - 2), "base port 64533, expected 1 to 64532"),
    ],
)
def test_a_plan_beyond_its_limits_is_refused(wrong: Plan, words: str) -> None:
    """With what would do."""
    with pytest.raises(OperatorFault, match=words):
        check_plan(wrong)


def test_validators_beyond_the_ministries_have_names_of_their_own(tmp_path: Path) -> None:
    """Twenty of them."""
    done = testnet(tmp_path, "--validators", "20")

    names = [node["name"] for node in done.result["nodes"]]
    assert len(set(names)) == 20
    assert names[:16] == list(MINISTRIES)
    assert names[16:] == ["ministry-17", "ministry-18", "ministry-19", "ministry-20"]


def test_the_files_state_their_format(tmp_path: Path) -> None:
    """Name and version first."""
    testnet(tmp_path)

    for name in ("localnet.json", "genesis.json"):
        stated = json.loads((tmp_path / name).read_text())
        assert list(stated)[:2] == ["format", "version"]
        assert stated["format"] == f"mithaq.{name.removesuffix('.json')}"
