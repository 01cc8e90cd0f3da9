"""Validators join, leave and change their keys in a network of processes, while payments go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.localnet import free_base_port
from kit.ministries import Ministries


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Ministries]:
    made = Ministries(tmp_path / "home")
    base = str(free_base_port(6))
    made.run("localnet", "up", "--observers", "2", "--base-port", base)
    try:
        yield made
    finally:
        made.run("localnet", "down")


def test_one_joins_one_leaves_and_one_changes_its_key(net: Ministries) -> None:
    """No node is started again to take its seat or to lose it."""
    energy = net.ready("observer0", "--name", "energy", "--account", "agency-1")
    since = net.decide("--add", energy, bodies=("finance", "interior", "justice"))
    coming = net.run("validator", "list").result["change"]
    assert [one["name"] for one in coming["added"]] == ["energy"]
    assert coming["height"] == since
    net.pay_until(since)
    net.wait_for_role("observer-0", "validator")

    net.run("localnet", "kill", "health")  # four of five: energy's votes are needed now
    net.pay_until(net.pay() + 1)
    net.run("localnet", "start", "health")

    since = net.decide("--remove", "health", bodies=("finance", "interior", "justice", "agency-1"))
    net.pay_until(since)
    net.wait_for_role("health", "observer")

    justice = net.ready("observer1", "--name", "justice", "--account", "agency-2")
    since = net.decide("--replace", "justice", justice, bodies=("finance", "interior", "agency-1"))
    net.pay_until(since + 1)

    folder, said = net.home / "nodes" / "node1", net.home / "interior.json"
    new_key = ("--account", "interior", "--new-key", "-o", said)
    new = net.run("validator", "ready", folder, *new_key).result["key"]
    net.run("validator", "switch", folder, code=ExitCode.LOCAL_FAULT)  # while it runs
    since = net.decide("--replace", "interior", said, bodies=("finance", "interior", "agency-1"))
    net.run("localnet", "kill", "interior")
    net.run("validator", "switch", folder)
    net.run("localnet", "start", "interior")
    net.pay_until(since + 1)
    voting = net.run("validator", "list").result["validators"]
    assert new in [one["key"] for one in voting if one["name"] == "interior"]

    net.wait_for_validators({"finance", "interior", "observer-0", "observer-1"})
    net.wait_for_present({one["name"] for one in voting})
    refused = net.run("validator", "propose", "--remove", "energy", code=ExitCode.REFUSED)
    assert refused.error["code"] == "membership.too_few"
    line = ("--asset", "GBP", "--line", "to=agency-1,amount=1.00GBP,reference=proved")
    sent = ("tx", "send", "money.transfer", "--key", "treasury", *line)
    proof = net.home / "payment.proof"
    net.run(*sent, "--proof", proof)
    net.run("proof", "verify", proof)  # across four changes, under the chain id of genesis
    checked = net.run("db", "check", "--node", "node0").result
    assert checked["damages"] == []  # certificates, each by the validators of its height
