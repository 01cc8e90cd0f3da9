"""A validator that comes back from an old backup, in a real network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.commandline import mithaq
from kit.localnet import Localnet


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home")
    try:
        yield made
    finally:
        made.stop()


def pay(net: Localnet, at: int) -> None:
    status, answer = net.submit(at, net.payment())
    assert status == 200, answer
    assert answer["receipt"]["outcome"] == "applied", answer


def signing(net: Localnet, index: int) -> str | None:
    status, answer = net.get(index, "/v1/status")
    return str(answer["signing"]["state"]) if status == 200 else None


def test_an_old_backup_makes_no_validator_sign_twice(net: Localnet, tmp_path: Path) -> None:
    """It is fenced, catches up, signs again when the others have told, and is accused of nothing.

    Seconds, because the rules of the fence count blocks of a real network.
    """
    net.start()
    net.wait(lambda: all(net.height(index) >= 1 for index in range(4)))
    folder, file = net.folder(0), tmp_path / "node0.backup"
    pay(net, 1)
    made = mithaq("db", "backup", file, "--home", folder, "--json")
    assert made.code == 0, made.err
    for _ in range(3):
        pay(net, 1)
    checked = mithaq("db", "check", "--home", folder, "--json")
    net.kill(0)
    shutil.rmtree(folder / "data")
    (folder / "signer.state").unlink()
    restored = mithaq("db", "restore", file, "--home", folder, "--json")
    net.start(0)
    net.wait(lambda: net.height(0) == net.height(1))
    first = signing(net, 0)
    for _ in range(40):
        if signing(net, 0) == "signing":
            break
        pay(net, 1)
        net.wait(lambda: net.height(0) >= net.height(1))
    net.kill(2)
    pay(net, 1)  # not without the vote of the one that was restored

    assert json.loads(checked.out)["damage"] == 0
    assert restored.code == 0, restored.err
    assert restored.result["height"] == made.result["height"]
    assert first == "fenced"
    assert signing(net, 0) == "signing"
    for index in (0, 1, 3):
        assert net.get(index, "/v1/status")[1]["evidence"] == 0
