"""The nodes of a manifest as processes, each on a host of its own.

They are asked from their own consoles (`Console`), so that an answer never depends on what is done
to the network between them.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kit.hosts.hosts import FIRST_ADDRESS, Hosts
from kit.perturb.manifest import Manifest
from kit.tree import ROOT, packages
from primitives import limits

CLIENTS: Final = "clients"
"""The host of those who pay."""
API_PORT: Final = 18_000
ROOM_BYTES: Final = 48 * 1024 * 1024
"""What a small disk has beside the reserve that a node insists on."""
NEXT_VERSION: Final = "99.0.0"
"""Of the tree that an upgraded node is started from."""
_MITHAQ: Final = (sys.executable, "-P", "-m", "cli")
_STOP_S: Final = 60.0
_COMMAND_S: Final = 300.0


class Console:
    """One connection to a node's API, made again when it broke. For one thread."""

    def __init__(self, hosts: Hosts, name: str) -> None:
        self._hosts, self._name = hosts, name
        self._line: http.client.HTTPConnection | None = None

    def get(self, path: str, *, timeout_s: float = 5.0) -> tuple[int, Any]:
        """GET as JSON; status 0 where the node does not answer."""
        status, data = self.read(path, timeout_s=timeout_s)
        try:
            return (status, json.loads(data)) if status else (0, None)
        except json.JSONDecodeError:
            self.close()
            return 0, None

    def read(self, path: str, *, timeout_s: float = 5.0) -> tuple[int, bytes]:
        """GET; status 0 where the node does not answer."""
        try:
            if self._line is None:
                self._line = http.client.HTTPConnection("node")
                self._line.sock = self._hosts.connect(self._name, API_PORT, timeout_s=timeout_s)
            assert self._line.sock is not None, "it was connected and not closed since"
            self._line.sock.settimeout(timeout_s)
            self._line.request("GET", path)
            answer = self._line.getresponse()
            data = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, data
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, b""

    def close(self) -> None:
        """The next question connects anew."""
        if self._line is not None:
            self._line.close()
            self._line = None


class Net:
    """A founded network; nodes are started and ended one by one."""

    def __init__(self, home: Path, manifest: Manifest, hosts: Hosts) -> None:
        self.home, self.manifest, self.hosts = home, manifest, hosts
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._clocks: dict[str, Path] = {}
        """Whose clock can be wrong, and the file that says by how much."""
        self.names: dict[str, str] = {}
        """How each calls itself, and how the others see it."""
        self.upgraded: set[str] = set()
        """Nodes that run the next version."""

    @classmethod
    @contextmanager
    def founded(cls, home: Path, manifest: Manifest) -> Iterator["Net"]:
        """Hosts and folders; everything ends with the block."""
        with Hosts.made([*manifest.nodes, CLIENTS], delay_ms=manifest.far_ms) as hosts:
            net = cls(home, manifest, hosts)
            try:
                net._found()
                yield net
            finally:
                net.end()

    def _found(self) -> None:
        counts = ["--validators", str(self.manifest.validators)]
        counts += ["--observers", str(self.manifest.observers)]
        made = self.mithaq("testnet", "--first-address", FIRST_ADDRESS, *counts)
        self.names = {Path(one["folder"]).name: one["name"] for one in made["nodes"]}
        for one in self.manifest.perturbations:
            for name in one.nodes:
                if one.kind == "disk_full":
                    size = limits.DISK_FREE_BYTES_MIN + ROOM_BYTES
                    self.hosts.disk(self.folder(name) / "data", size_bytes=size)
                if one.kind == "clock":
                    self._clocks[name] = self.folder(name) / "clock"
                    self.set_clock(name, 0)

    def folder(self, name: str) -> Path:
        """A node's folder."""
        return self.home / "nodes" / name

    def console(self, name: str) -> Console:
        """A new connection to a node."""
        return Console(self.hosts, name)

    def get(self, name: str, path: str, *, timeout_s: float = 5.0) -> tuple[int, Any]:
        """One question."""
        console = self.console(name)
        try:
            return console.get(path, timeout_s=timeout_s)
        finally:
            console.close()

    def mithaq(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Run the command line on the clients' host; its result."""
        code, said = self.try_mithaq(*words)
        assert code == 0, f"mithaq {' '.join(words)}: {said}"
        return json.loads(said)

    def try_mithaq(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was printed."""
        process = self.hosts.spawn(
            CLIENTS,
            [*_MITHAQ, *words, "--home", str(self.home), "--json"],
            output=subprocess.PIPE,
            environment={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        said, _ = process.communicate(timeout=_COMMAND_S)
        return process.returncode, said.decode()

    # --- processes ----------------------------------------------------------------------------

    def start(self, names: Sequence[str]) -> None:
        """Start nodes that do not run."""
        for name in names:
            self._spawn(name, [*_MITHAQ, "start", str(self.folder(name))])

    def join(self, name: str) -> None:
        """Start a node that has nothing, with the bundle that an operator would be given."""
        bundle = self.home / "net.bundle"
        if not bundle.exists():
            self.mithaq("bundle", "create", "--out", str(bundle))
        self._spawn(name, [*_MITHAQ, "join", str(bundle), str(self.folder(name))])

    def attack(self, name: str) -> None:
        """In place of an observer whom the chain admits: its identity, and the worst it can do.

        It yields the cores to the nodes: a real one has its own.
        """
        hostile = [sys.executable, "-m", "kit.hostile_observer", str(self.folder(name))]
        self._spawn(name, ["nice", "-n", "19", *hostile])

    def _spawn(self, name: str, words: Sequence[str]) -> None:
        assert name not in self.processes, f"{name} runs already"
        path = [str(ROOT), str(ROOT / "tests")]
        if name in self.upgraded:
            path.insert(0, str(self._next_tree()))
        environment = dict(os.environ)
        if name in self._clocks:
            path.insert(0, str(Path(__file__).with_name("off")))
            environment["WRONG_CLOCK"] = str(self._clocks[name])
        environment["PYTHONPATH"] = ":".join(path)
        with (self.folder(name) / "node.log").open("ab") as log:
            self.processes[name] = self.hosts.spawn(
                name, words, output=log, environment=environment
            )

    def kill(self, names: Sequence[str]) -> None:
        """SIGKILL, all at once."""
        doomed = [self.processes.pop(name) for name in names]
        for process in doomed:
            process.kill()
        for process in doomed:
            process.wait(_STOP_S)

    def stop(self, names: Sequence[str]) -> None:
        """SIGTERM, all at once, and wait."""
        ending = [(name, self.processes.pop(name)) for name in names]
        for _, process in ending:
            process.terminate()
        for name, process in ending:
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_S)
                raise AssertionError(f"{name} did not end within {_STOP_S:g} s") from None

    def pause(self, names: Sequence[str]) -> None:
        """As a machine that is suspended."""
        for name in names:
            self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, names: Sequence[str]) -> None:
        """It goes on."""
        for name in names:
            self.processes[name].send_signal(signal.SIGCONT)

    def set_clock(self, name: str, seconds: int) -> None:
        """So far ahead, or behind if negative, from now on."""
        beside = self._clocks[name].with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self._clocks[name])

    def wipe(self, name: str) -> None:
        """Lose a stopped node's database; what its signer remembers is kept."""
        assert name not in self.processes, f"{name} runs"
        shutil.rmtree(self.folder(name) / "data")

    def end(self) -> None:
        """Whatever still runs is killed."""
        self.kill(tuple(self.processes))

    def last_line(self, name: str) -> str:
        """What a node said last."""
        lines = (self.folder(name) / "node.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def _next_tree(self) -> Path:
        """The same code under another version, as an upgrade brings it."""
        tree = self.home / "next"
        if not tree.exists():
            for package in (*packages(), "portal"):
                shutil.copytree(ROOT / package, tree / package)
            said = tree / f"mithaq-{NEXT_VERSION}.dist-info"
            said.mkdir()
            text = f"Metadata-Version: 2.1\nName: mithaq\nVersion: {NEXT_VERSION}\n"
            (said / "METADATA").write_text(text)
        return tree
