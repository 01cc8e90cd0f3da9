"""Snapshots on a real network: written while it pays, restored into an observer and a validator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cli.faults import ExitCode
from kit.commandline import Done, mithaq
from kit.localnet import Localnet
from node.config import NodeFolder
from node.snapshots import Snapshot, snapshots_in

EVERY: Final = 3
OBSERVER: Final = 4


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    config = NodeFolder(made.folder(0)).config
    config.write_text(config.read_text().replace("every = 0", f"every = {EVERY}"))
    try:
        yield made
    finally:
        made.stop()


def pay(net: Localnet, count: int) -> str:
    """Payments, a block for each; the id of the last one."""
    last = ""
    for _ in range(count):
        status, answer = net.submit(0, net.payment())
        assert (status, answer["status"]) == (200, "final")
        last = answer["id"]
    return last


def written(net: Localnet) -> list[Snapshot]:
    return snapshots_in(NodeFolder(net.folder(0)).snapshots)


def restored(net: Localnet, index: int, snapshot: Snapshot) -> Done:
    return mithaq("snapshot", "restore", snapshot.folder, "--home", net.folder(index))


def test_a_network_hands_its_state_to_who_begins_and_to_who_lost_it(
    net: Localnet, tmp_path: Path
) -> None:
    """Both end with the same state; the validator votes, the observer proves from genesis on."""
    net.start(0, 1, 2, 3)
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in range(4)))
    pay(net, 2 * EVERY)
    newest = net.height(0) // EVERY * EVERY  # two are kept, so that this one stays to the end
    net.wait(lambda: newest in [one.height for one in written(net)])
    snapshot = next(one for one in written(net) if one.height == newest)
    asked = mithaq("snapshot", "create", "--home", net.folder(1), "--into", tmp_path / "shelf")
    checked = mithaq("snapshot", "verify", snapshot.folder, "--chain", net.chain.hex())
    assert (asked.code, checked.code) == (ExitCode.OK, ExitCode.OK), asked.err + checked.err
    assert snapshot.height % EVERY == 0

    net.kill(3)
    shutil.rmtree(NodeFolder(net.folder(3)).data)
    pay(net, 2)
    for index in (3, OBSERVER):
        done = restored(net, index, snapshot)
        assert done.code == ExitCode.OK, done.err
    net.start(3, OBSERVER)
    net.wait(lambda: net.height(3) == net.height(OBSERVER) == net.height(0) > snapshot.height)
    net.wait(lambda: net.get(3, "/v1/ready")[0] == 200)
    net.kill(2)  # of the other validators two remain: the third vote is that of the restored one
    last = pay(net, 1)
    net.wait(lambda: net.height(OBSERVER) == net.height(3) == net.height(0))

    height = net.height(0)
    blocks = [net.get(index, f"/v1/blocks/{height}")[1] for index in (0, 3, OBSERVER)]
    assert blocks[0]["header"] == blocks[1]["header"] == blocks[2]["header"]
    status, refused = net.get(OBSERVER, f"/v1/blocks/{snapshot.height}")
    assert (status, refused["code"]) == (410, "history.pruned")
    assert net.get(OBSERVER, f"/v1/blocks/{snapshot.height + 1}")[0] == 200
    file = tmp_path / "payment.proof"
    node = f"http://127.0.0.1:{net.base + 1000 + OBSERVER}"
    words = ("--node", node, "--home", net.home)
    assert mithaq("proof", "get", last, "-o", file, *words).code == ExitCode.OK
    verdict = mithaq("proof", "verify", file, "--chain", net.chain.hex(), "--home", tmp_path)
    assert verdict.code == ExitCode.OK, verdict.out
