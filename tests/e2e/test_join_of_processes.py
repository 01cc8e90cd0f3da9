"""`mithaq join` among real processes: from a bundle to following, killed on the way, and anew."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Final

import pytest

from bench.seed import seed
from cli.faults import ExitCode
from kit.commandline import mithaq
from kit.localnet import START_S, Localnet
from kit.tree import ROOT
from node.config import NodeFolder

ENTRIES: Final = 30_000
OBSERVER: Final = 4
PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "tests")])


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    try:
        yield made
    finally:
        made.stop()
        for join in Join.begun:
            join.process.kill()
            join.process.communicate(timeout=60)
            join.told.close()
        Join.begun.clear()


@dataclass
class Join:
    """A newcomer with the key of the network's observer, whose ports it has too."""

    net: Localnet
    bundle: Path
    folder: Path
    process: subprocess.Popen[str]
    told: IO[str]
    """What it says on standard error: a file, which is never full."""
    begun: ClassVar[list[Join]] = []

    @classmethod
    def begin(
        cls, net: Localnet, bundle: Path, folder: Path, *options: str, program: str = "cli"
    ) -> Join:
        if not folder.exists():
            folder.mkdir()
            shutil.copy(NodeFolder(net.folder(OBSERVER)).node_key, folder / "node.key")
        port = net.base + OBSERVER
        ports = ["--listen", f"127.0.0.1:{port}", "--api", f"127.0.0.1:{port + 1000}"]
        words = [str(bundle), str(folder), *ports, "--json", *options]
        told = folder.with_name(f"told-{len(cls.begun)}").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", program, *(["join"] if program == "cli" else []), *words],
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            env={**os.environ, "PYTHONPATH": PATH},
        )
        cls.begun.append(cls(net, bundle, folder, process, told))
        return cls.begun[-1]

    @property
    def said(self) -> str:
        self.told.seek(0)
        return self.told.read()

    def result(self) -> Any:  # noqa: ANN401 - JSON
        """What it prints when it follows."""
        text = ""
        for line in _lines(self.process.stdout):
            text += line
            if line.startswith("}"):
                return json.loads(text)
        raise AssertionError(f"it ended: {self.said}")

    def end(self, number: signal.Signals) -> int:
        """What comes of it, when it is signalled."""
        self.process.send_signal(number)
        self.process.communicate(timeout=START_S)
        return self.process.returncode


def _lines(stream: IO[str] | None) -> Iterator[str]:
    assert stream is not None
    return iter(stream.readline, "")


def bundle_of(net: Localnet, path: Path) -> Any:  # noqa: ANN401 - JSON
    done = mithaq("bundle", "create", "--home", net.home, "--out", path, "--json")
    assert done.code == ExitCode.OK, done.err
    return done.result


def ready(net: Localnet, height: int) -> bool:
    """Whether all are, with the block that they make before anybody pays."""
    nodes = range(4)
    return all(net.get(one, "/v1/ready")[0] == 200 and net.height(one) >= height for one in nodes)


def test_a_newcomer_follows_though_it_was_killed_on_the_way(net: Localnet, tmp_path: Path) -> None:
    """By a snapshot that a peer writes for it, then the blocks; it goes on where it was."""
    seed(net.home, ENTRIES)
    net.start(0, 1, 2, 3)
    net.wait(lambda: ready(net, 1))
    bundle, folder = tmp_path / "network.bundle", tmp_path / "joined"
    made = bundle_of(net, bundle)
    assert made["checkpoint"]["height"] >= 2
    assert len(made["bootstrap"]) == 4

    first = Join.begin(net, bundle, folder, program="kit.mortal_join")
    assert first.process.wait(START_S) == -signal.SIGKILL
    assert "is asked to write one" in first.said
    begun = re.search(r"of the snapshot of height (\d+)", first.said)
    assert begun is not None
    assert not (folder / "data").exists()
    assert (folder / "joining").is_dir()
    for _ in range(3):
        assert net.submit(0, net.payment())[0] == 200

    second = Join.begin(net, bundle, folder)
    result = second.result()
    assert result["height"] >= 4
    assert net.height(OBSERVER) >= 4
    status, answer = net.submit(OBSERVER, net.payment())
    assert (status, answer["status"]) == (200, "final")
    assert second.end(signal.SIGTERM) == ExitCode.OK
    assert f"going on with the snapshot of height {begun[1]}" in second.said
    assert not (folder / "joining").exists()

    again = mithaq("join", bundle, folder)
    assert again.code == ExitCode.LOCAL_FAULT
    assert f"mithaq start {folder}" in again.err


def test_a_newcomer_fetches_every_block_where_it_is_told_to(net: Localnet, tmp_path: Path) -> None:
    """With a bundle that has no genesis document: that comes from the others, and is checked."""
    net.start(0, 1, 2, 3)
    net.wait(lambda: ready(net, 1))
    for _ in range(3):
        assert net.submit(0, net.payment())[0] == 200
    bundle, folder = tmp_path / "network.bundle", tmp_path / "joined"
    bundle_of(net, bundle)
    named = json.loads(bundle.read_text())
    bundle.write_text(json.dumps({**named, "genesis": None}))

    joined = Join.begin(net, bundle, folder, "--from-genesis", "--stop")
    result = joined.result()
    joined.process.communicate(timeout=START_S)

    assert joined.process.returncode == ExitCode.OK
    assert result["height"] >= 4
    assert result["chain"] == net.chain.hex()
