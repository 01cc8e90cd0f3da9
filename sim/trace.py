"""One line per event, and a hash over all lines: two runs of a seed are equal or they are not.

```
    0.123  <  v2  prepare 3/0 1a2b3c4d from v0
```

Milliseconds since the beginning, a sign, who, what. `LEGEND` says what the signs mean.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, final

from consensus.events import ClaimTimedOut, TimerFired
from consensus.messages import Commit, Prepare
from node import wire
from node.outbox import Note, Outbox, Timer
from primitives.errors import RemoteFault
from primitives.ids import short
from sim.founding import GENESIS_TIME
from sim.letters import Letter
from sim.machine import Machine
from sim.spoken import STEPS, Statement
from sim.watch import Watch
from sim.world import World

LEGEND: Final[Mapping[str, str]] = {
    "^": "a node starts, on whatever disk it has",
    "v": "a node ends, and why",
    "<": "a letter arrives: phase, height/view, block, sender",
    "x": "a letter is lost: the same, at its receiver who never sees it",
    "!": "a letter was refused, and why",
    ">": "a node signs and lets go of a statement: kind, height/view, block",
    "t": "a timer fires",
    "#": "a node decides: height, view, block, transactions",
    "n": "a node notes something in its log",
    "*": "the world does something: a fault begins or ends, the network is healed",
}
"""The sign in a line of the trace, and what it means."""

QUIET: Final = ("status",)
"""Phases that are hashed, but printed only if they are asked for: most letters are of these."""


def nowhere(_line: str) -> None:
    """Nobody reads it."""


@final
class Trace(Watch):
    """Writes lines, and hashes them whether they are read or not."""

    def __init__(self, world: World, write: Callable[[str], None] = nowhere) -> None:
        self._world, self._write = world, write
        self._hash = hashlib.sha256()

    def digest(self) -> str:
        """Of all lines so far."""
        return self._hash.hexdigest()

    def _line(self, sign: str, who: str, what: str) -> None:
        elapsed = self._world.now_ms - GENESIS_TIME - 1_000
        line = f"{elapsed / 1000:9.3f}  {sign}  {who:<3} {what}"
        self._hash.update(line.encode())
        self._write(line)

    def began(self, machine: Machine) -> None:
        """See the legend."""
        self._line("^", machine.name, f"start {machine.run + 1}")

    def ended(self, machine: Machine, why: str) -> None:
        """See the legend."""
        self._line("v", machine.name, why)

    def heard(self, machine: Machine, letter: Letter) -> None:
        """See the legend."""
        self._line("<", machine.name, f"{described(letter)} from {letter.sender}")

    def sent(self, letter: Letter, delays: tuple[int, ...]) -> None:
        """See the legend."""
        if not delays:
            self._line("x", letter.receiver, f"{described(letter)} from {letter.sender}")

    def refused(self, machine: Machine, letter: Letter, fault: RemoteFault) -> None:
        """See the legend."""
        self._line("!", machine.name, f"{described(letter)} from {letter.sender}: {fault}")

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """See the legend."""
        kind = STEPS[type(statement)].name.lower().replace("_", "-")
        named = getattr(statement, "block_id", getattr(statement, "prepared_id", b""))
        where = f"{statement.height}/{statement.view}"
        self._line(">", machine.name, f"{kind} {where} {short(named)}")

    def fired(self, machine: Machine, timer: Timer, out: Outbox) -> None:
        """See the legend."""
        del out
        view = f"/{timer.view}" if isinstance(timer, TimerFired | ClaimTimedOut) else ""
        self._line("t", machine.name, f"{type(timer).__name__} {timer.height}{view}")

    def noted(self, machine: Machine, note: Note) -> None:
        """See the legend."""
        if note.event != "block.decided":
            reason = note.facts.get("reason", "")
            self._line("n", machine.name, f"{note.event} {reason}".rstrip())

    def decided(self, machine: Machine, decided: wire.Decided) -> None:
        """See the legend."""
        certificate = decided.certificate
        count = len(decided.block.transactions)
        where = f"{certificate.height} in view {certificate.view}"
        self._line("#", machine.name, f"{where} {short(certificate.block_id)} {count} tx")

    def happened(self, what: str, who: str = "") -> None:
        """See the legend."""
        self._line("*", who, what)


def described(letter: Letter) -> str:
    """Phase, place and block."""
    message = letter.message
    where = "" if letter.height is None else f" {letter.height}"
    if letter.view is not None:
        where += f"/{letter.view}"
    match message:
        case wire.Proposed(pre_prepare, _):
            where += f" {short(pre_prepare.block_id)}"
        case wire.Decided(_, certificate):
            where += f" {short(certificate.block_id)}"
        case wire.Fetch(block_id) | Prepare(block_id=block_id) | Commit(block_id=block_id):
            where += f" {short(block_id)}"
        case _:
            pass
    return f"{letter.phase.value}{where}"
