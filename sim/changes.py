"""Validators that come and go in a simulated world: changes that the bodies decide, and reports.

A change is made from what some node has, as an operator's command would make it: who joins has said
READY for the newest block there, and the bodies of a quorum sign. What the chain then makes of it
is the chain's affair; a change that comes too late, or beside another one, is refused there.
"""

from random import Random
from typing import final

from ledger.membership import validator_records
from ledger.operation import Operation
from ledger.validators import Ready, Replacement, ready_statement
from ledger.window import WINDOW_IDS
from primitives.codec import decode
from primitives.evidence import Evidence
from primitives.ids import Height, TimeMs, ValidatorKey
from primitives.validators import quorum
from services.authority.validators import ProposeValidatorChange, ReportEquivocation
from sim.founding import Founding, transaction_of
from sim.machine import Machine
from sim.world import World

SIZE_MAX = 8
"""Above it nobody joins: a world of this size is slow enough."""


@final
class Changes:
    """Makes changes and reports, and submits them at somebody's door."""

    def __init__(self, world: World, founding: Founding, random: Random) -> None:
        self._world, self._founding, self._random = world, founding, random
        self._keys = {**founding.keys, **founding.waiting}
        self._reported: set[bytes] = set()

    def propose(self) -> None:
        """One change of a drawn kind, as far as one is possible."""
        node = self._newest()
        if node is None:
            return
        with node.store.state() as state:
            height = Height(state.height + 1)
            now = validator_records(state, height)
            then = validator_records(state, Height(height + 1))
            window = WINDOW_IDS.read(state, state.height)
        if window is None:
            return
        names = {record.key: name for name, record in self._founding.records.items()}
        present = [names[record.key] for record in then]
        absent = [name for name in self._world.nodes if name not in present]
        operation = self._change(present, absent, Height(height - 1), window.time_ms)
        if operation is None:
            return
        bodies = [self._body(names[record.key]) for record in now]
        signers = self._random.sample(bodies, quorum(len(bodies)))
        self._submit(node, signers, operation)

    def _change(
        self, present: list[str], absent: list[str], height: Height, time_ms: TimeMs
    ) -> ProposeValidatorChange | None:
        minimum = min(4, len(self._founding.keys))
        kinds = ["replace"] if absent else []
        kinds += ["add", "add"] if absent and len(present) < SIZE_MAX else []
        kinds += ["remove"] if len(present) > minimum else []
        if not kinds:
            return None
        kind = self._random.choice(kinds)
        leaving = self._key(self._random.choice(present))
        if kind == "remove":
            return ProposeValidatorChange(add=(), remove=(leaving,), replace=())
        joining = self._ready(self._random.choice(absent), height, time_ms)
        if kind == "add":
            return ProposeValidatorChange(add=(joining,), remove=(), replace=())
        return ProposeValidatorChange(add=(), remove=(), replace=(Replacement(leaving, joining),))

    def _ready(self, name: str, height: Height, time_ms: TimeMs) -> Ready:
        record = self._founding.records[name]
        statement = ready_statement(self._world.chain, record, height, time_ms)
        return Ready(record, height, time_ms, self._keys[name].sign(statement))

    def _key(self, name: str) -> ValidatorKey:
        return ValidatorKey(self._keys[name].public)

    def _body(self, name: str) -> str:
        return f"body {name[1:]}"

    def report(self) -> None:
        """Whoever holds evidence that was not reported yet takes it to the chain."""
        for node in self._world.up():
            for kept in node.store.evidence():
                if kept.case in self._reported:
                    continue
                self._reported.add(kept.case)
                evidence = decode(kept.data, Evidence, limit=len(kept.data))
                self._submit(node, ["treasury"], ReportEquivocation(evidence))
                return

    def _newest(self) -> Machine | None:
        """A node that votes and has the newest block of all that are up."""
        voting = [node for node in self._world.up() if node.alive.seat is not None]
        return max(voting, key=lambda node: node.height, default=None)

    def _submit(self, node: Machine, signers: list[str], operation: Operation) -> None:
        world = self._world
        world.salts += 1
        tx = transaction_of(
            signers,
            world.chain,
            operation,
            number=world.salts,
            valid_until=TimeMs(world.now_ms + 30_000),
        )
        world.site.transactions[tx.hash] = tx
        (refused,) = world.submit(node, tx) or [None]
        world.say_of(f"submits {type(operation).__name__}: {refused or 'accepted'}", node.name)
