"""A real node of `p2p` in a process of its own, which is attacked and says how it fares.

    PYTHONPATH=.:tests python -m kit.hostile_victim NUMBER PEERS

It echoes what its peers deliver, and answers each line on its standard input with one of JSON: its
tasks, its longest turn of the loop since the last line, its counters. Memory, processor time and
descriptors are read from outside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trio

from kit.nets import EAGER, node, peer
from kit.tree import ROOT
from p2p.frames import Lane
from p2p.inbox import Delivery
from p2p.network import Network
from p2p.peers import PeerId

ANSWER_BYTES: Final = 1024 * 1024
_TURN_S: Final = 0.005


@dataclass
class Lag:
    """The longest turn of the loop, in processor time: what the machine does else is not ours."""

    worst_s: float = 0.0

    async def watch(self) -> None:
        while True:
            began = time.thread_time()
            await trio.sleep(_TURN_S)
            self.worst_s = max(self.worst_s, time.thread_time() - began)


async def _echo(network: Network) -> None:
    async for event in network.inbox:
        if isinstance(event, Delivery):
            network.send(event.peer, event.payload, Lane.VOTES)


async def _answer(_peer: PeerId, _question: bytes) -> bytes:
    return bytes(ANSWER_BYTES)


def facts(network: Network, lag: Lag) -> dict[str, object]:
    worst, lag.worst_s = lag.worst_s, 0.0
    links = network.links().values()
    return {
        "lag_s": worst,
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "refusals": dict(network.refusals()),
        "violations": {link.name: link.penalised for link in links},
        "penalties": {link.name: link.penalties[0].reason for link in links if link.penalties},
        "connected": sorted(link.name for link in links if link.connected),
        "inbox_bytes": network.inbox.waiting_bytes,
    }


async def _main(number: int, peers: int) -> None:
    others = [peer(other) for other in range(peers) if other != number]
    lag = Lag()
    async with (
        node(number, *others, answer=_answer, timing=EAGER) as network,
        trio.open_nursery() as tasks,
    ):
        tasks.start_soon(lag.watch)
        tasks.start_soon(_echo, network)
        _say(network.address)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            _say(json.dumps(facts(network, lag)))
        tasks.cancel_scope.cancel()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Victim:
    """The process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the node under attack has ended"
        return line.strip()

    async def facts(self) -> dict[str, Any]:
        """How it fares; the longest turn of its loop counts from the last time it was asked."""
        return await trio.to_thread.run_sync(self._ask)

    def _ask(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._read())
        return said

    @property
    def memory_bytes(self) -> int:
        """Resident now."""
        return self._memory("VmRSS")

    @property
    def peak_bytes(self) -> int:
        """The most that was resident since `forget_peak`."""
        return self._memory("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _memory(self, name: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields[name].split()[0]) * 1024

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def cpu_s(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def unharmed(
    target: Victim, *, memory_bytes: int = 24 << 20, cpu: float = 0.6, lag_s: float = 2.0
) -> AsyncIterator[None]:
    """What happens within may cost the node so much, and leaves nothing behind.

    `cpu` is a share of one core's time. Where nothing lasts, half a second's work is free.
    """
    before = await target.facts()
    descriptors, cpu_s = target.descriptors, target.cpu_s
    target.forget_peak()
    held, began = target.memory_bytes, trio.current_time()
    yield
    spent_s, lasted_s = target.cpu_s - cpu_s, trio.current_time() - began
    during = await target.facts()
    assert during["lag_s"] <= lag_s, during
    assert target.peak_bytes - held <= memory_bytes
    assert spent_s <= 0.5 + cpu * lasted_s, (spent_s, lasted_s)
    with trio.fail_after(20):
        while target.descriptors > descriptors or (await target.facts())["tasks"] > before["tasks"]:
            await trio.lowlevel.checkpoint()


@contextmanager
def victim(number: int = 0, *, peers: int) -> Iterator[Victim]:
    """Start it, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "kit.hostile_victim", str(number), str(peers)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Victim(process)
        finally:
            process.kill()


if __name__ == "__main__":
    trio.run(_main, int(sys.argv[1]), int(sys.argv[2]))
