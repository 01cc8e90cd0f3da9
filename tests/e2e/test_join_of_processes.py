"""`mithaq join` among real processes: from a bundle to following, killed on the way, and anew."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Final

import pytest

from bench.seed import seed
from cli.faults import ExitCode
from kit.commandline import mithaq
from kit.localnet import Localnet
from node.config import NodeFolder

ENTRIES: Final = 30_000
OBSERVER: Final = 4


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
        Join.begun.clear()


@dataclass
class Join:
    """A newcomer with the key of the network's observer, whose ports it has too."""

    net: Localnet
    bundle: Path
    folder: Path
    process: subprocess.Popen[str]
    said: list[str]
    begun: ClassVar[list[Join]] = []

    @classmethod
    def begin(cls, net: Localnet, bundle: Path, folder: Path, *options: str) -> Join:
        if not folder.exists():
            folder.mkdir()
            shutil.copy(NodeFolder(net.folder(OBSERVER)).node_key, folder / "node.key")
        port = net.base + OBSERVER
        ports = ["--listen", f"127.0.0.1:{port}", "--api", f"127.0.0.1:{port + 1000}"]
        words = ["join", str(bundle), str(folder), *ports, "--json", *options]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        cls.begun.append(cls(net, bundle, folder, process, []))
        return cls.begun[-1]

    def until(self, heard: Callable[[Any], bool]) -> None:
        """Read what it tells, until it tells this."""
        for line in _lines(self.process.stderr):
            self.said.append(line)
            if heard(json.loads(line)):
                return
        raise AssertionError(f"it ended: {self.said}")

    def has_said(self, words: str) -> bool:
        return any(words in line for line in self.said)

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
        _, rest = self.process.communicate(timeout=60)
        self.said += rest.splitlines()
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

    first = Join.begin(net, bundle, folder)
    first.until(lambda told: "of the snapshot" in told.get("progress", {}).get("what", ""))
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    assert first.has_said("is asked to write one")
    assert not (folder / "data").exists()
    assert (folder / "joining").is_dir()
    for _ in range(3):
        assert net.submit(0, net.payment(), wait_s=30)[0] == 200

    second = Join.begin(net, bundle, folder)
    result = second.result()
    assert result["height"] >= 4
    assert net.height(OBSERVER) >= 4
    status, answer = net.submit(OBSERVER, net.payment(), wait_s=30)
    assert (status, answer["status"]) == (200, "final")
    assert second.end(signal.SIGTERM) == ExitCode.OK
    assert second.has_said("going on with the snapshot of height 1")
    assert not (folder / "joining").exists()

    again = mithaq("join", bundle, folder)
    assert again.code == ExitCode.LOCAL_FAULT
    assert f"mithaq start {folder}" in again.err


def test_a_newcomer_fetches_every_block_where_it_is_told_to(net: Localnet, tmp_path: Path) -> None:
    """With a bundle that has no genesis document: that comes from the others, and is checked."""
    net.start(0, 1, 2, 3)
    net.wait(lambda: ready(net, 1))
    for _ in range(3):
        assert net.submit(0, net.payment(), wait_s=30)[0] == 200
    bundle, folder = tmp_path / "network.bundle", tmp_path / "joined"
    bundle_of(net, bundle)
    named = json.loads(bundle.read_text())
    bundle.write_text(json.dumps({**named, "genesis": None}))

    joined = Join.begin(net, bundle, folder, "--from-genesis", "--stop")
    result = joined.result()
    joined.process.communicate(timeout=60)

    assert joined.process.returncode == ExitCode.OK
    assert result["height"] >= 4
    assert result["chain"] == net.chain.hex()
