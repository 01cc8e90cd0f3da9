"""Real nodes as real processes on loopback: folders by `mithaq testnet`, one process each.

Everything is seen through the API, as a client would. Ports are looked for, never fixed; every wait
has a deadline; only our own children are signalled.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any

from kit.nursery import Nursery, Nursling
from ledger.accounts import account_of_key
from ledger.books import Line
from ledger.genesis import genesis_block
from ledger.transaction import Body, Call, sign_body
from node.folder import load_genesis
from node.keys import Purpose, read_key
from primitives.codec import encode
from primitives.ids import ChainId, TimeMs
from services.money import Transfer

START_S = 180.0
"""Against hanging only: four Pythons load libp2p at once, perhaps on two slow and busy cores."""
FINAL_S = 60
"""As long as a node lets a client wait."""
ANSWER_S = 60.0
"""A machine that is busy with others may stand still for seconds."""
BUSY = "node.busy"
POLL_S = 0.05
"""Between two questions: who asks without a pause takes a core from those who start."""


def free_base_port(nodes: int) -> int:
    """A base with free ports for p2p (base + i) and the API (base + 1000 + i).

    Below the ports that the system gives to clients; each process begins its search elsewhere, so
    that two test runs at the same time do not meet.
    """
    bases = range(20_000, 31_000, 40)
    begin = os.getpid() * 31 % len(bases)
    for step in range(len(bases)):
        base = bases[(begin + step) % len(bases)]
        try:
            for index in range(nodes):
                for port in (base + index, base + 1000 + index):
                    with socket.socket() as one:
                        one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("no free ports on loopback")


Process = subprocess.Popen[bytes] | Nursling


@dataclass
class Localnet:
    """Validators 0..n−1, then observers."""

    home: Path
    base: int
    validators: int
    observers: int
    chain: ChainId
    processes: dict[int, Process] = field(default_factory=dict)
    payments: int = 0
    environment: dict[int, dict[str, str]] = field(default_factory=dict)
    """What the process of a node is given beside our own environment."""
    programs: dict[int, list[str]] = field(default_factory=dict)
    """What runs a node's folder instead of `mithaq start`: a module of this kit."""
    nursery: Nursery | None = None
    """Starts all nodes, where they start so often that loading them is what takes the time."""

    @classmethod
    def create(cls, home: Path, validators: int = 4, observers: int = 0) -> "Localnet":
        """Write the folders of a network."""
        base = free_base_port(validators + observers)
        words = ["testnet", "--output", str(home), "--validators", str(validators)]
        words += ["--observers", str(observers), "--base-port", str(base)]
        _mithaq(*words)
        chain = genesis_block(load_genesis(home / "genesis.json")).chain
        return cls(home, base, validators, observers, chain)

    def folder(self, index: int) -> Path:
        name = f"node{index}"
        if index >= self.validators:
            name = f"observer{index - self.validators}"
        return self.home / "nodes" / name

    def start(self, *indexes: int) -> None:
        """Start nodes, all by default."""
        for index in indexes or range(self.validators + self.observers):
            if self.nursery is not None:
                self.processes[index] = self.nursery.start(self.folder(index))
                continue
            with (self.folder(index) / "node.log").open("ab") as log:
                self.processes[index] = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-m"),
                        *self.programs.get(index, ["cli", "start"]),
                        str(self.folder(index)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.environment.get(index, {})},
                )

    def kill(self, *indexes: int) -> None:
        """SIGKILL, all at once."""
        chosen = [self.processes.pop(index) for index in indexes or tuple(self.processes)]
        for process in chosen:
            process.kill()
        for process in chosen:
            process.wait(timeout=60)

    def stop(self) -> None:
        """Whatever still runs is ended."""
        self.kill()
        if self.nursery is not None:
            self.nursery.close()

    def get(self, index: int, path: str, timeout_s: float = ANSWER_S) -> tuple[int, Any]:
        """GET as JSON; status 0 where the node does not answer."""
        return self._ask(index, "GET", path, None, timeout_s)

    def submit(self, index: int, data: bytes, wait_s: int = FINAL_S) -> tuple[int, Any]:
        """POST one transaction and wait until it is final."""
        path = f"/v1/transactions?wait_s={wait_s}"
        return self._ask(index, "POST", path, data, wait_s + ANSWER_S)

    def _ask(
        self, index: int, method: str, path: str, body: bytes | None, timeout_s: float
    ) -> tuple[int, Any]:
        """What it says in the end: where a late node asks to come back, as it may, we do."""
        end = time.monotonic() + timeout_s
        while True:
            status, answer = self._asked(index, method, path, body, timeout_s)
            is_late = status == HTTPStatus.SERVICE_UNAVAILABLE and answer.get("code") == BUSY
            if not is_late or time.monotonic() >= end:
                return status, answer
            Event().wait(POLL_S)

    def _asked(
        self, index: int, method: str, path: str, body: bytes | None, timeout_s: float
    ) -> tuple[int, Any]:
        port = self.base + 1000 + index
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        try:
            headers = {"Content-Type": "application/msgpack"} if body is not None else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def height(self, index: int) -> int:
        """The height that a node has decided; −1 where it does not answer."""
        status, answer = self.get(index, "/v1/status")
        return int(answer["height"]) if status == 200 else -1

    def wait(self, until: Callable[[], bool], *, timeout_s: float = START_S) -> None:
        """Ask until something holds."""
        end = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() >= end:
                heights = {index: self.height(index) for index in self.processes}
                raise AssertionError(f"not within {timeout_s} s; heights {heights}")
            for index, process in self.processes.items():
                ended = process.poll()
                assert ended is None, f"node {index} ended with {ended}: {self.last_line(index)}"
            Event().wait(POLL_S)

    def last_line(self, index: int) -> str:
        lines = (self.folder(index) / "node.log").read_text().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def payment(
        self,
        payer: str = "treasury",
        payee: str = "agency-1",
        *,
        name: str = "test",
        valid_ms: int = 3_600_000,
    ) -> bytes:
        """A signed payment of one penny with a reference of its own."""
        self.payments += 1
        payer_key = read_key(self.home / "keys" / f"{payer}.key", Purpose.ACCOUNT).signing()
        payee_key = read_key(self.home / "keys" / f"{payee}.key", Purpose.ACCOUNT)
        reference = f"{name}-{os.getpid()}-{self.payments}"
        line = Line(account_of_key(payee_key.public), 1, reference, "", None, None)
        body = Body(
            chain=self.chain,
            valid_until=TimeMs(time.time_ns() // 1_000_000 + valid_ms),
            salt=self.payments.to_bytes(16, "big"),
            calls=(Call(account_of_key(payer_key.public), Transfer("GBP", (line,))),),
        )
        return encode(sign_body(body, [payer_key]))


def _mithaq(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    return done.stdout
