"""A node whose loop stands still ends itself; what systemd is told, on a real socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from kit.localnet import START_S, Localnet
from kit.stuck import PATIENCE_S
from kit.tree import ROOT
from node.watchdog import HALF_DEAD, REPORT_S

PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "tests")])


class Supervisor:
    """The end of systemd: what a node says on the socket that its environment names."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))

    def hear(self, wanted: str) -> None:
        """Until this is said."""
        end = time.monotonic() + START_S
        said: list[str] = []
        while wanted not in said:
            assert time.monotonic() < end, f"only {set(said)}"
            self._socket.settimeout(START_S)
            said.append(self._socket.recv(4096).decode())

    def is_silent_for(self, duration_s: float) -> bool:
        """Whether nothing is said for so long, once what was said is read."""
        try:
            while True:
                self._socket.settimeout(duration_s)
                self._socket.recv(4096)
        except TimeoutError:
            return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "net")
    try:
        yield made
    finally:
        made.stop()


def test_a_node_that_stands_still_ends_itself_and_a_paused_one_does_not(
    net: Localnet, tmp_path: Path
) -> None:
    """READY when it serves, WATCHDOG while it turns; then exit code 7, and every stack logged."""
    supervisor = Supervisor(tmp_path)
    net.programs[0] = ["kit.stuck"]
    net.environment[0] = {"NOTIFY_SOCKET": str(supervisor.address), "PYTHONPATH": PATH}
    net.start(0)
    process = net.processes.pop(0)
    try:
        supervisor.hear("READY=1")
        assert net.get(0, "/v1/health")[0] == 200
        supervisor.hear("WATCHDOG=1")

        process.send_signal(signal.SIGSTOP)
        assert supervisor.is_silent_for(PATIENCE_S + 1)
        process.send_signal(signal.SIGCONT)
        supervisor.hear("WATCHDOG=1")
        assert net.get(0, "/v1/health")[0] == 200

        process.send_signal(signal.SIGUSR1)
        code = process.wait(PATIENCE_S + REPORT_S + START_S)
    finally:
        process.kill()
        process.wait()
        supervisor.close()

    last = json.loads(net.last_line(0))
    assert code == HALF_DEAD
    assert (last["event"], last["level"], last["exit_code"]) == ("node.half_dead", "error", 7)
    (main,) = [lines for name, lines in last["stacks"].items() if name.startswith("MainThread")]
    assert main[-1].endswith("stand_still")


def test_a_node_that_stops_says_so(net: Localnet, tmp_path: Path) -> None:
    """STOPPING at SIGTERM; the watchdog has nothing to do with an end in order."""
    supervisor = Supervisor(tmp_path)
    net.environment[0] = {"NOTIFY_SOCKET": str(supervisor.address)}
    net.start(0)
    process = net.processes.pop(0)
    try:
        supervisor.hear("READY=1")
        process.terminate()
        supervisor.hear("STOPPING=1")
        code = process.wait(30)
    finally:
        process.kill()
        process.wait()
        supervisor.close()

    assert code == 0
