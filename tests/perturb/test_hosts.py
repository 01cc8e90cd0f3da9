"""Hosts in network namespaces: who hears whom, and that nothing of them remains."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from kit.hosts import system
from kit.hosts.hosts import Hosts
from kit.hosts.needed import needs_hosts
from kit.tree import ROOT

PORT = 9_000
ENOUGH_S = 60.0
"""For what comes, on a machine that is busy with other things."""
NOTHING_S = 0.1
"""So long nothing came."""
FAR_MS = 40


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """Two near ones and a far one."""
    needs_hosts()
    with Hosts.made(["a", "b", "far"], delay_ms={"far": FAR_MS}) as made:
        yield made


class Ear:
    """Hears what is sent to a host."""

    def __init__(self, hosts: Hosts, name: str) -> None:
        self._hosts, self._name = hosts, name
        self.line = hosts.open(name, socket.SOCK_DGRAM)
        self.line.bind((hosts.address(name), PORT))

    def heard(self, *, from_: str, count: int = 1, within_s: float = ENOUGH_S) -> int:
        """How many of so many packets come."""
        with self._hosts.open(from_, socket.SOCK_DGRAM) as mouth:
            for _ in range(count):
                mouth.sendto(b"word", (self._hosts.address(self._name), PORT))
        self.line.settimeout(within_s)
        came = 0
        try:
            while came < count:
                self.line.recv(16)
                came += 1
        except TimeoutError:
            pass
        return came

    def heard_of(self, count: int, *, from_: str, at_least: int) -> int:
        """How many of so many packets come, where some are lost: those that are there when one
        comes that is sent after them, again and again until it comes."""
        end, came, deadline = os.urandom(8), 0, time.monotonic() + ENOUGH_S
        self.line.settimeout(NOTHING_S)
        with self._hosts.open(from_, socket.SOCK_DGRAM) as mouth:
            target = (self._hosts.address(self._name), PORT)
            for _ in range(count):
                mouth.sendto(b"word", target)
            while time.monotonic() < deadline:
                mouth.sendto(end, target)
                with suppress(TimeoutError):
                    while (word := self.line.recv(16)) != end:
                        came += word == b"word"
                    if came >= at_least:
                        return came
        raise AssertionError(f"{came} came, and no end")


@pytest.fixture
def ears(hosts: Hosts) -> Iterator[dict[str, Ear]]:
    made = {name: Ear(hosts, name) for name in hosts.names}
    yield made
    for ear in made.values():
        ear.line.close()


def hears(ears: dict[str, Ear], whom: str, who: str) -> bool:
    return ears[who].heard(from_=whom) == 1


def deaf(ears: dict[str, Ear], whom: str, who: str) -> bool:
    return ears[who].heard(from_=whom, within_s=NOTHING_S) == 0


def test_everybody_hears_everybody(ears: dict[str, Ear]) -> None:
    """The far one too."""
    assert all(hears(ears, one, other) for one in ears for other in ears)


def test_a_cut_goes_one_way_until_it_is_taken_back(hosts: Hosts, ears: dict[str, Ear]) -> None:
    """The other way, and third parties, do not notice."""
    hosts.cut({("a", "b")})
    assert deaf(ears, "a", "b")
    assert hears(ears, "b", "a")
    assert hears(ears, "far", "b")

    hosts.join({("a", "b")})
    assert hears(ears, "a", "b")


def test_without_its_cable_a_host_still_speaks_to_itself(
    hosts: Hosts, ears: dict[str, Ear]
) -> None:
    """Nobody else hears it, nor it them; its operator at the console does."""
    hosts.unplug("b")
    assert deaf(ears, "b", "a")
    assert deaf(ears, "a", "b")
    assert hears(ears, "b", "b")

    hosts.plug("b")
    assert hears(ears, "a", "b")


def test_a_lossy_host_loses_about_as_many_packets_as_it_is_told(
    hosts: Hosts, ears: dict[str, Ear]
) -> None:
    """Those that come and those that go; none of those to itself."""
    assert hears(ears, "b", "a")  # they know where the other is
    hosts.lose("b", per_thousand=500)
    assert ears["b"].heard_of(200, from_="a", at_least=40) < 160
    assert ears["a"].heard_of(200, from_="b", at_least=40) < 160
    assert ears["b"].heard(from_="b", count=100) == 100

    hosts.lose("b", per_thousand=0)
    assert ears["b"].heard(from_="a", count=100) == 100


def test_a_slow_host_takes_its_time(hosts: Hosts, ears: dict[str, Ear]) -> None:
    """What does not fit into its queue is lost, and it is fast again when told so."""
    hosts.slow("a", kbit_s=64)
    began = time.monotonic()
    came = ears["b"].heard(from_="a", count=2_000, within_s=3 * NOTHING_S)
    assert came < 2_000
    assert time.monotonic() - began > came * 46 * 8 / 64_000 / 2

    hosts.hasten("a")
    assert ears["b"].heard(from_="a", count=100) == 100


def test_a_far_host_answers_late_and_in_order(hosts: Hosts, ears: dict[str, Ear]) -> None:
    """The delay of its line, either way: never less, and at best not much more."""
    for one, other in (("a", "far"), ("far", "a")):
        took_ms = []
        for _ in range(5):
            began = time.monotonic()
            assert hears(ears, one, other)
            took_ms.append((time.monotonic() - began) * 1_000)
        assert FAR_MS <= min(took_ms) < FAR_MS + 500
    with hosts.open("a", socket.SOCK_DGRAM) as mouth:
        for number in range(50):
            mouth.sendto(bytes([number]), (hosts.address("far"), PORT))
    ears["far"].line.settimeout(ENOUGH_S)
    assert [ears["far"].line.recv(16)[0] for _ in range(50)] == list(range(50))


def test_a_stream_of_megabytes_passes_the_delay_line_whole(hosts: Hosts) -> None:
    """Large segments are cut to frames before it, and no checksum is left for hardware to make."""
    data = os.urandom(1_000_000)
    with hosts.open("far") as listener:
        listener.bind((hosts.address("far"), PORT))
        listener.listen()
        listener.settimeout(ENOUGH_S)
        with hosts.open("a") as mouth:
            mouth.settimeout(ENOUGH_S)
            mouth.connect((hosts.address("far"), PORT))
            ear, _ = listener.accept()
            with ear, ThreadPoolExecutor(max_workers=1) as beside:
                ear.settimeout(ENOUGH_S)
                beside.submit(mouth.sendall, data)
                came = bytearray()
                while len(came) < len(data):
                    came += ear.recv(65_536)
    assert came == data


def test_a_small_disk_is_full_soon_and_gone_afterwards(hosts: Hosts, tmp_path: Path) -> None:
    """Of the size that was asked for."""
    folder = tmp_path / "disk"
    hosts.disk(folder, size_bytes=1_000_000)

    with pytest.raises(OSError, match="No space left"):
        (folder / "hog").write_bytes(bytes(2_000_000))

    assert system.mounted(hosts.tag) == [str(folder)]


_RUN = textwrap.dedent(
    """
    import pathlib, subprocess, sys, time
    from kit.hosts.hosts import Hosts
    with Hosts.made(["one", "far"], delay_ms={"far": 1}) as hosts:
        hosts.disk(pathlib.Path(sys.argv[1]), size_bytes=1_000_000)
        hosts.spawn("one", ["tail", "-f", "/dev/null"], output=subprocess.DEVNULL, environment={})
        print(hosts.tag, flush=True)
        for _ in range(6_000):  # a Ctrl-C that comes just before one is heard after it
            time.sleep(0.1)
    """
)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_nothing_is_left_of_a_run_that_was_ended(tmp_path: Path, ending: signal.Signals) -> None:
    """After Ctrl-C at once; after a kill by whoever comes next, who finds it by its tag."""
    needs_hosts()
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(tmp_path / "disk")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    tag = process.stdout.readline().strip()
    assert _leftovers(tag) == {f"mithaq-{tag}-{name}" for name in ("one", "far", "switch")}
    [pid] = system.run("ip", "netns", "pids", f"mithaq-{tag}-one").split()
    inside = os.pidfd_open(int(pid))

    process.send_signal(ending)
    process.wait(ENOUGH_S)
    process.stdout.close()
    if ending is signal.SIGKILL:
        assert _leftovers(tag), "nobody was left to remove it"
        assert tag in system.sweep()

    assert not _leftovers(tag)
    assert not system.mounted(tag)
    assert not (system.LOCKS / tag).exists()
    ended, _, _ = select.select([inside], [], [], ENOUGH_S)
    os.close(inside)
    assert ended, "its process lives on"


def test_a_process_is_on_its_host_from_the_beginning(hosts: Hosts) -> None:
    """What is asked of it, or done to its host, in the next moment already finds it there."""
    process = hosts.spawn(
        "b", ["tail", "-f", "/dev/null"], output=subprocess.DEVNULL, environment=os.environ
    )
    try:
        inside = Path(f"/proc/{process.pid}/ns/net").stat().st_ino
        assert inside == (system.NAMESPACES / hosts.namespace("b")).stat().st_ino
    finally:
        process.kill()
        process.wait()


def test_a_lock_that_was_swept_before_it_was_taken_is_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another run finds the file between its making and its locking, locked by nobody."""
    needs_hosts()
    tag, real = system.new_tag(), fcntl.flock
    swept: list[str] = []

    def late(lock: IO[str], how: int) -> None:
        if how == fcntl.LOCK_EX and not swept:
            swept.append(tag)
            assert tag in system.sweep()
        real(lock, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with system.owned(tag):
        assert (system.LOCKS / tag).exists()
        assert tag not in system.sweep()
    assert swept
    assert not (system.LOCKS / tag).exists()


def test_what_a_living_run_has_is_left_alone(hosts: Hosts) -> None:
    """Its lock says that it lives."""
    assert hosts.tag not in system.sweep()
    assert _leftovers(hosts.tag)


def _leftovers(tag: str) -> set[str]:
    return {path.name for path in system.NAMESPACES.glob(f"mithaq-{tag}-*")}
