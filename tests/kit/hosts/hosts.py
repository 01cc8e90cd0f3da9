"""Hosts of their own on one machine: network namespaces around a bridge.

```
 ┌ node0 ┐   ┌ node1 ┐   ┌ node2 ┐  ┌ clients ┐
 │ eth0  │   │ eth0  │   │ eth0  │  │  eth0   │      a namespace each, 10.77.0.1 and up
 └──┬────┘   └──┬────┘   └──┬────┘  └───┬─────┘
  veth        veth     delay line     veth
 ┌──┴───────────┴───────────┴───────────┴─────┐
 │ p0          p1          p2          p3     │      the switch: a namespace with a bridge
 └────────────────────────────────────────────┘
```

The machine's own network has no part in it, so that many such networks live side by side with the
same addresses, and removing the namespaces removes everything. A process of a host is started by a
thread that is there; we ourselves ask a host from inside it (`Hosts.connect`), past every cut, as
its operator would from its console.

What can be wrong: the cable out (`unplug`), packets of one host not taken by another (`cut`, one
way), some of them lost (`lose`), few bytes per second (`slow`), and time on the way (`delay_ms`).
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import IO, Final

from kit.hosts.system import NAMESPACES, PREFIX, Visitor, new_tag, owned, run, sweep

FIRST_ADDRESS: Final = "10.77.0.1"
_BITS: Final = 16
_SWITCH: Final = "switch"
_BURST: Final = "32kbit"
"""What a slow link lets through at once: two packets and a bit."""
_QUEUE: Final = "400ms"
"""What waits before a slow link; the rest is dropped, as by any router."""
_READY_S: Final = 300.0
_LOOK_S: Final = 0.01


@dataclass
class Hosts:
    """Named hosts, from the first address on in the order of their names."""

    tag: str
    names: tuple[str, ...]
    _visitor: Visitor = field(default_factory=Visitor)
    _carrier: "subprocess.Popen[bytes] | None" = None
    """The process of the delay lines."""
    _cuts: set[tuple[str, str]] = field(default_factory=set)
    """Whose packets are not taken by whom."""
    _losses: dict[str, int] = field(default_factory=dict)
    """Host → how many of a thousand packets to it are lost."""

    @classmethod
    @contextmanager
    def made(
        cls, names: Sequence[str], *, delay_ms: Mapping[str, int] | None = None
    ) -> Iterator["Hosts"]:
        """Make hosts; whatever happens, all of it is removed afterwards.

        `delay_ms`: how long a packet is on the wire of a host, either way.
        """
        sweep()
        hosts = cls(new_tag(), tuple(names))
        with owned(hosts.tag):
            try:
                hosts._make(delay_ms or {})
                yield hosts
            finally:
                hosts._visitor.leave()
                if hosts._carrier is not None:
                    hosts._carrier.kill()
                    hosts._carrier.communicate()

    def namespace(self, name: str) -> str:
        """How the system calls a host."""
        return f"{PREFIX}{self.tag}-{name}"

    def address(self, name: str) -> str:
        """Where a host is."""
        return str(IPv4Address(FIRST_ADDRESS) + self.names.index(name))

    def _make(self, delay_ms: Mapping[str, int]) -> None:
        switch = self.namespace(_SWITCH)
        run("ip", "netns", "add", switch)
        run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "bridge", "up")
        slow = {name: ms for name, ms in delay_ms.items() if ms}
        for name in self.names:
            run("ip", "netns", "add", self.namespace(name))
            if name not in slow:
                ends = ("name", self._port(name), "type", "veth", "peer", "name", "eth0")
                run("ip", "-n", switch, "link", "add", *ends, "netns", self.namespace(name))
        if slow:
            self._start_delay_lines(slow)
        for name in self.names:
            inside = ("ip", "-n", self.namespace(name))
            run(*inside, "address", "add", f"{self.address(name)}/{_BITS}", "dev", "eth0")
            run(*inside, "link", "set", "lo", "up")
            run(*inside, "link", "set", "eth0", "up")
            run("ip", "-n", switch, "link", "set", self._port(name), "master", "bridge", "up")
        for name in self.names:
            self._wait_for_cable(name)

    def _wait_for_cable(self, name: str) -> None:
        """The kernel says that a link is up, and lets packets through a moment after."""
        deadline = time.monotonic() + _READY_S
        while not self._is_through(name):
            assert time.monotonic() < deadline, f"the cable of {name} is dead"
            threading.Event().wait(_LOOK_S)

    def _is_through(self, name: str) -> bool:
        asked = ("-details", "-json", "link", "show", "dev")
        [own] = json.loads(run("ip", "-n", self.namespace(name), *asked, "eth0"))
        [port] = json.loads(run("ip", "-n", self.namespace(_SWITCH), *asked, self._port(name)))
        forwards = port["linkinfo"]["info_slave_data"]["state"] == "forwarding"
        return forwards and own["operstate"] in {"UP", "UNKNOWN"}

    def _port(self, name: str) -> str:
        return f"p{self.names.index(name)}"

    def _start_delay_lines(self, delay_ms: Mapping[str, int]) -> None:
        lines = [f"{self.namespace(name)}:{self._port(name)}:{ms}" for name, ms in delay_ms.items()]
        self._carrier = process = self.spawn(
            _SWITCH,
            [sys.executable, "-m", "kit.hosts.delay", self.namespace(_SWITCH), *lines],
            output=subprocess.PIPE,
            environment={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert process.stdout is not None, "a pipe was asked for"
        said = process.stdout.readline()
        assert said == b"ready\n", f"the delay lines ended with {process.wait(_READY_S)}"

    # --- processes and sockets ----------------------------------------------------------------

    def spawn(
        self,
        name: str,
        words: Sequence[str],
        *,
        output: int | IO[bytes],
        environment: Mapping[str, str],
    ) -> "subprocess.Popen[bytes]":
        """Start a process on a host, born there: no moment at which it is anywhere else."""
        return self._visitor.bring(
            self.namespace(name),
            lambda: subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output == subprocess.PIPE else output,
                env=dict(environment),
            ),
        )

    def open(self, name: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """A socket on a host, for us to use from here."""

        return self._visitor.bring(
            self.namespace(name), lambda: socket.socket(socket.AF_INET, kind)
        )

    def connect(self, name: str, port: int, *, timeout_s: float) -> socket.socket:
        """Speak to a port of a host from its own console: no cut is in between."""
        line = self.open(name)
        try:
            line.settimeout(timeout_s)
            line.connect((self.address(name), port))
        except OSError:
            line.close()
            raise
        return line

    # --- what is wrong with the network -------------------------------------------------------

    def unplug(self, name: str) -> None:
        """Take a host's cable out; it sees that."""
        run("ip", "-n", self.namespace(_SWITCH), "link", "set", self._port(name), "down")

    def plug(self, name: str) -> None:
        """Put it in again."""
        run("ip", "-n", self.namespace(_SWITCH), "link", "set", self._port(name), "up")
        self._wait_for_cable(name)

    def cut(self, pairs: set[tuple[str, str]]) -> None:
        """(a, b): what a sends, b does not get; neither is told."""
        self._cuts |= pairs
        self._write_rules()

    def join(self, pairs: set[tuple[str, str]]) -> None:
        """Take cuts back."""
        self._cuts -= pairs
        self._write_rules()

    def lose(self, name: str, *, per_thousand: int) -> None:
        """So many of the packets to a host, and of those from it, are lost; 0 ends it."""
        self._losses[name] = per_thousand
        self._write_rules()

    def _write_rules(self) -> None:
        """All in the switch and all at once; what a sender's own host drops it would be told."""
        rules = [
            f"ip saddr {self.address(one)} ip daddr {self.address(other)} drop"
            for one, other in sorted(self._cuts)
        ]
        rules += [
            f"ip {end} {self.address(name)} numgen random mod 1000 < {lost} drop"
            for name, lost in sorted(self._losses.items())
            for end in ("saddr", "daddr")
            if lost
        ]
        table, hook = "table bridge faults", "type filter hook forward priority 0"
        lines = [table, f"delete {table}", f"{table} {{", "chain passed {", hook, *rules, "}", "}"]
        nft = ("nsenter", f"--net={NAMESPACES / self.namespace(_SWITCH)}", "nft", "-f", "-")
        run(*nft, given="\n".join(lines) + "\n")

    def slow(self, name: str, *, kbit_s: int) -> None:
        """So many thousand bits per second to a host, and as many from it."""
        limit = ("rate", f"{kbit_s}kbit", "burst", _BURST, "latency", _QUEUE)
        for where in self._ends(name):
            run("tc", "-n", *where, "root", "tbf", *limit)

    def hasten(self, name: str) -> None:
        """As fast as before."""
        for where in self._ends(name):
            namespace, _, _, *device = where
            with suppress(AssertionError):  # it was not slow
                run("tc", "-n", namespace, "qdisc", "delete", *device, "root")

    def _ends(self, name: str) -> list[tuple[str, ...]]:
        change = ("qdisc", "replace", "dev")
        return [
            (self.namespace(name), *change, "eth0"),
            (self.namespace(_SWITCH), *change, self._port(name)),
        ]

    # --- disks --------------------------------------------------------------------------------

    def disk(self, folder: Path, *, size_bytes: int) -> None:
        """A file system of this size on a folder, which is made; gone with the hosts."""
        folder.mkdir(parents=True, exist_ok=True)
        kind = ("-t", "tmpfs", "-o", f"size={size_bytes}")
        run("mount", *kind, f"{PREFIX}{self.tag}", str(folder))
