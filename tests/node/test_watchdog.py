"""The thread that ends a half-dead node, and what a supervisor is told (rules of sd_notify(3))."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from cli.faults import EXPLAINED, ExitCode
from kit.tree import ROOT
from node.config import LogLevel
from node.log import Log
from node.notify import Notifier
from node.watchdog import HALF_DEAD, Watchdog, stacks
from primitives import limits

UNIT = (ROOT / "configs/systemd/mithaq.service").read_text()


def setting(name: str) -> str:
    (value,) = [line.partition("=")[2] for line in UNIT.splitlines() if line.startswith(f"{name}=")]
    return value


def test_a_loop_that_stands_still_is_ended_with_its_stacks_in_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Once, with the code that systemd sees."""
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    Watchdog(Log("node0", LogLevel.ERROR), patience_s=0.05, end=end).start()

    assert ended.wait(20)
    assert codes == [HALF_DEAD]
    line = json.loads(capfd.readouterr().out)
    assert line["event"] == "node.half_dead"
    assert any(name.startswith("MainThread") for name in line["stacks"])


def test_an_end_in_order_is_not_watched() -> None:
    """Closing the database may take its time."""
    codes: list[int] = []
    watchdog = Watchdog(Log("node0", LogLevel.ERROR), patience_s=20, end=codes.append)

    watchdog.start()
    watchdog.stop()
    watching = [thread for thread in threading.enumerate() if thread.name == "watchdog"]
    for thread in watching:
        thread.join(30)

    assert codes == []
    assert not any(thread.is_alive() for thread in watching)


def test_stacks_name_threads_and_where_they_are() -> None:
    """The innermost call is last."""
    mine = [lines for name, lines in stacks().items() if name.startswith("MainThread")]

    assert mine[0][-1].endswith(" stacks")
    assert any("test_watchdog.py" in line for line in mine[0])


def test_a_supervisor_hears_datagrams(tmp_path: Path) -> None:
    """At a path, as systemd of old, and at an abstract name, as in containers."""
    for name, address in (
        (str(tmp_path / "notify"), str(tmp_path / "notify")),
        (f"@mithaq-test-{tmp_path.name}", f"\0mithaq-test-{tmp_path.name}"),
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(address)
            supervisor.settimeout(5)
            notifier = Notifier({"NOTIFY_SOCKET": name})
            notifier.ready()
            notifier.alive()
            notifier.stopping()
            notifier.close()
            notifier.alive()

            said = [supervisor.recv(100) for _ in range(3)]

        assert said == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_a_supervisor_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    """Started by hand; or the supervisor is gone, or does not read."""
    Notifier({}).ready()
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.ready()
    gone.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        for _ in range(1_000):
            notifier.alive()
        notifier.close()


def test_the_unit_agrees_with_the_node() -> None:
    """It waits for READY, is more patient than the node itself, and does not start for ever."""
    assert (setting("Type"), setting("NotifyAccess")) == ("notify", "main")
    assert int(setting("WatchdogSec")) == 2 * limits.WATCHDOG_S
    assert setting("Restart") == "on-failure"
    assert int(setting("RestartPreventExitStatus")) == ExitCode.LOCAL_FAULT
    assert int(setting("StartLimitBurst")) == 20
    assert UNIT.index("StartLimitBurst") < UNIT.index("[Service]"), "it belongs to [Unit]"


def test_the_exit_code_is_explained() -> None:
    """One number in the node and at the command line."""
    assert ExitCode(HALF_DEAD) is ExitCode.HALF_DEAD
    assert "start it again" in EXPLAINED[ExitCode.HALF_DEAD]
