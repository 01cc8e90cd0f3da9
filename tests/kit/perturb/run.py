"""A manifest, played: the network is made, the load begins, what is to happen happens at its time,
and then everybody is waited for and asked.

A perturbation that begins when no other lasts waits until everybody is ready again, and none ends
before `why` has said what the manifest expects. Those after it are put off as much, and by what a
change of validators takes: a machine that is busy with other things makes a run longer, not wrong.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from kit.perturb.acts import ACTS
from kit.perturb.judge import CALM_S, SHOWN_LATER, level_s_of, unsaid
from kit.perturb.manifest import PRIMARY, Manifest, Perturbation
from kit.perturb.network import API_PORT, CLIENTS, Console, Net
from kit.perturb.record import Chain, Event, Record, Seen
from kit.perturb.watch import SIGHT_S, Watch
from kit.tree import ROOT
from ledger.accounts import account_of_key
from node.keys import Purpose, read_key
from primitives.ids import AccountId

START_S: Final = 300.0
"""Nine Pythons that load libp2p at once on two busy cores, a few times over."""
PATIENCE_S: Final = 60.0
"""For what is judged anyway; what comes after it is not to be judged for it too."""
POLL_S: Final = 0.1
HEIGHTS_ASKED: Final = 50
"""Of each node in the end; they name all the others."""
BUSY: Final = 503
TAIL_S: Final = 180.0
"""After the load has ended, until everybody has everything."""

Say = Callable[[str], None]


def play(manifest: Manifest, home: Path, say: Say, *, sight_s: float = SIGHT_S) -> Record:
    """Everything of a manifest; what was seen."""
    record = Record(manifest)
    with Net.founded(home, manifest) as net:
        player = _Player(net, record, say)
        player.begin()
        watch = Watch(net, sight_s=sight_s)
        record.sights, record.whys, record.weights = watch.sights, watch.whys, watch.weights
        with watch:
            player.perform()
            player.settle()
        player.ask()
    (home / "record.json").write_bytes(msgspec.json.encode(record))
    return record


class _Player:
    def __init__(self, net: Net, record: Record, say: Say) -> None:
        self._net, self._record, self._say = net, record, say
        self._manifest = net.manifest
        self._active: dict[int, tuple[str, ...]] = {}
        self._lines = net.home / "load.jsonl"
        self._clients: subprocess.Popen[bytes] | None = None

    # --- before -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start who is there from the beginning; until everybody is ready."""
        early = [name for name in self._manifest.nodes if name not in self._manifest.late]
        self._net.start(early)
        self._until(
            lambda: all(self._net.get(name, "/v1/ready")[0] == 200 for name in early),
            START_S,
            "not everybody is ready",
        )

    def _until(self, holds: Callable[[], bool], patience_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + patience_s
        while not holds():
            for name, process in self._net.processes.items():
                if (code := process.poll()) is not None:
                    raise AssertionError(f"{name} ended, {code}: {self._net.last_line(name)}")
            assert time.monotonic() < deadline, f"{otherwise} after {patience_s:g} s"
            threading.Event().wait(POLL_S)

    def _pay(self) -> None:
        rate = [] if self._manifest.rate is None else ["--rate", str(self._manifest.rate)]
        doors = [f"{self._net.hosts.address(name)}:{API_PORT}" for name in self._manifest.doors]
        with self._lines.open("wb") as out:
            self._clients = self._net.hosts.spawn(
                CLIENTS,
                [
                    *(sys.executable, "-P", "-m", "kit.perturb.load"),
                    *("--home", str(self._net.home), *rate, *doors),
                ],
                output=out,
                environment={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            )

    # --- meanwhile ----------------------------------------------------------------------------

    def perform(self) -> None:
        """Begin and end each perturbation at its time."""
        if self._manifest.rate != 0:
            self._pay()
        self._record.loaded = time.time()
        ones = self._manifest.perturbations
        steps = [(one.at_s, 1, index, one) for index, one in enumerate(ones)]
        steps += [(one.until_s, 0, index, one) for index, one in enumerate(ones)]
        # Of what happens at the same time, ends come first, unless it is the end of the same.
        steps.sort(key=lambda step: (step[0], step[1] if step[3].for_s else 1 - step[1], step[2]))
        late_s = 0.0
        for at_s, begins, index, one in steps:
            self._wait_until(self._record.loaded + at_s + late_s)
            late_s = max(late_s, time.time() - self._record.loaded - at_s)
            if begins and not self._active and self._record.events:
                late_s += self._wait_while(self._recovers) + self._wait_while(self._is_unsaid)
            if begins:
                self._begin(index, one)
                continue
            if one.kind not in SHOWN_LATER:
                late_s += self._wait_while(partial(self._is_unsaid, index))
            self._end(index, one)

        self._wait_until(self._record.loaded + self._manifest.pays_s)

    def _wait_until(self, at: float) -> None:
        while (left := at - time.time()) > 0:
            threading.Event().wait(min(left, 1.0))
            self._notice_the_dead()

    def _notice_the_dead(self) -> None:
        for name, process in list(self._net.processes.items()):
            if (code := process.poll()) is not None:
                self._net.processes.pop(name)
                words = f"{name} ended by itself, {code}: {self._net.last_line(name)}"
                self._record.faults.append(words)
                self._say(words)

    def _wait_while(self, holds: Callable[[], bool]) -> float:
        """On a busy machine things take longer; all that comes is put off until they are done."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE_S and holds():
            self._wait_until(time.time() + SIGHT_S)
        return time.monotonic() - began

    def _recovers(self) -> bool:
        running = list(self._net.processes)
        return not all(self._net.get(name, "/v1/ready")[0] == 200 for name in running)

    def _is_unsaid(self, index: int | None = None) -> bool:
        """Whether the manifest expects of a `why` what it has not said; of all that are over."""
        if index is None:
            events = [one for one in self._record.events if one.perturbation.kind in SHOWN_LATER]
        else:
            events = [self._record.events[self._place(index)]]
        return any(True for one in events for _ in unsaid(self._record, one, inf))

    def _place(self, index: int) -> int:
        """Of the event that a perturbation has become."""
        one = self._manifest.perturbations[index]
        [place] = [
            place
            for place, event in enumerate(self._record.events)
            if event.perturbation is one and event.nodes == self._active[index]
        ]
        return place

    def _begin(self, index: int, one: Perturbation) -> None:
        names = tuple(self._primary() if name == PRIMARY else name for name in one.nodes)
        self._active[index] = names
        ACTS[one.kind][0](self._net, one, names)
        begun = time.time()
        self._record.events.append(Event(one, names, begun, begun))
        self._say(f"{begun - self._record.loaded:6.1f} s  {one.kind} {_whom(one, names)}")

    def _end(self, index: int, one: Perturbation) -> None:
        place, ended = self._place(index), time.time()
        names = self._active.pop(index)
        ACTS[one.kind][1](self._net, one, names)
        begun = self._record.events[place].begun
        self._record.events[place] = Event(one, names, begun, ended)
        if one.for_s:
            self._say(f"{ended - self._record.loaded:6.1f} s  over: {one.kind}")

    def _primary(self) -> str:
        """Who proposes the next block in its first view."""
        for name in self._net.processes:
            status, answer = self._net.get(name, "/v1/status")
            if status == 200 and answer["validators"]:
                seats = answer["validators"]
                wanted = seats[(answer["height"] + 1) % len(seats)]["name"]
                return next(own for own, said in self._net.names.items() if said == wanted)
        raise AssertionError("nobody can say who the primary is")

    # --- afterwards ---------------------------------------------------------------------------

    def settle(self) -> None:
        """Some time under load without trouble, then without load until everybody is level."""
        level_s, began = self._manifest.expect.level_s, time.time()
        self._wait_until(began + min(level_s, CALM_S))
        while time.time() < began + level_s and not self._is_level():
            self._wait_until(time.time() + SIGHT_S)
        self._wait_while(self._is_unsaid)
        self._record.over = time.time()
        if self._clients is not None:
            self._clients.terminate()
            self._clients.wait(TAIL_S)
            lines = self._lines.read_text().splitlines()
            self._record.seen = [_seen(line) for line in lines]
        deadline = time.monotonic() + TAIL_S
        while not self._is_quiet():
            self._wait_until(time.time() + SIGHT_S)
            if time.monotonic() > deadline:
                self._record.faults.append(f"blocks still come {TAIL_S:g} s after the load")
                return

    def _is_level(self) -> bool:
        """Everybody, after whatever was done."""
        levels = (level_s_of(self._record, event) for event in self._record.events)
        return all(level is not None for level in levels)

    def _is_quiet(self) -> bool:
        """Everybody is equally high, and nothing waits for a block."""
        running = list(self._net.processes)
        answers = [self._net.get(name, "/v1/status") for name in running]
        if any(status != 200 for status, _ in answers):
            return False
        heights = {answer["height"] for _, answer in answers}
        waiting = sum(answer["mempool"]["count"] for _, answer in answers)
        return len(heights) == 1 and waiting == 0

    def ask(self) -> None:
        """Every running node for what it has, one of them for every block."""
        payee = read_key(self._net.home / "keys" / "agency-1.key", Purpose.ACCOUNT).public
        account = account_of_key(payee)
        heights: Sequence[int] = ()
        for name in self._net.processes:
            console = self._net.console(name)
            try:
                if not heights:
                    top = told(console, "/v1/status")["height"]
                    heights = [*range(1, top, max(1, top // HEIGHTS_ASKED)), top]
                    self._record.transactions = [
                        tuple(told(console, f"/v1/blocks/{height}")["transactions"])
                        for height in range(1, top + 1)
                    ]
                self._record.chains[name] = _chain_of(console, heights, account)
            except NoAnswer as fault:
                self._record.faults.append(f"{name} does not answer in the end: {fault}")
            finally:
                console.close()


class Asked(Protocol):
    """A node's console."""

    def get(self, path: str, *, timeout_s: float) -> tuple[int, Any]:
        """Status and answer."""
        ...


class NoAnswer(Exception):
    """A node that runs did not say what it was asked."""


def told(console: Asked, path: str) -> Any:  # noqa: ANN401 - JSON
    """What a node answers, when it is not too busy to answer: it says so where its loop is late.

    Raises:
        NoAnswer: it says something else, or that it is busy for very long.
    """
    deadline = time.monotonic() + TAIL_S
    while True:
        status, answer = console.get(path, timeout_s=30)
        if status == 200:
            return answer
        if status != BUSY or time.monotonic() > deadline:
            raise NoAnswer(f"GET {path}: {status}")
        threading.Event().wait(POLL_S)


def _chain_of(console: Console, heights: Sequence[int], account: AccountId) -> Chain:
    blocks = {height: told(console, f"/v1/blocks/{height}") for height in heights}
    balances = told(console, f"/v1/accounts/{account.hex()}")["balances"]
    return Chain(
        blocks={height: block["id"] for height, block in blocks.items()},
        roots={height: block["header"]["state_root"] for height, block in blocks.items()},
        paid=sum(one["amount"] for one in balances),
    )


def _seen(line: str) -> Seen:
    one = json.loads(line)
    return Seen(one["at"], one["height"], one["id"], one["view"], tuple(one["final"]))


def _whom(one: Perturbation, names: tuple[str, ...]) -> str:
    if one.kind == "partition":
        return " | ".join(" ".join(side) for side in one.sides)
    return " ".join(names)
