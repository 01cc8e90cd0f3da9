"""Stages what befalls the nodes of a world, until the world is healed.

Incidents follow each other at random distances, by the rates of the faults; each is counted. A node
that ends, by whatever cause, comes back after a while, on the disk that it left or, if it is weak,
on a worse one. When the world is healed, the director goes: what is down outside the core stays
down, and what is cut off stays cut off.
"""

from collections.abc import Callable
from random import Random
from typing import Final, final

from node import wire
from sim.disk import Fuse, MortalDatabase, MortalFile, PowerLoss, failed_sync, no_danger, power_loss
from sim.faults import Faults, Span
from sim.laws.book import LawBook
from sim.letters import Letter
from sim.machine import Machine
from sim.spoken import STEPS, Statement
from sim.watch import Watch
from sim.weather import Weather
from sim.world import World
from storage.decision import VoteStep
from storage.schema import Region

ROTTEN: Final = 6
"""Nodes of the state tree in which a bit has flipped: few enough for most reads to be good."""
Incident = tuple[float, Callable[[], None]]
Backup = tuple[dict[bytes, bytes], bytes | None]


@final
class Director(Watch):
    """Written by itself alone; begins with `begin`, ends with `heal`."""

    def __init__(
        self, world: World, faults: Faults, weather: Weather, laws: LawBook, random: Random
    ) -> None:
        self.incidents = 0
        self.weak: frozenset[str] = frozenset()
        """Nodes whose disks may come back worse than they were."""
        self._world, self._faults, self._weather, self._random = world, faults, weather, random
        self._laws = laws
        self._ended = False
        self._staying_down: frozenset[str] = frozenset()
        self._numbers = 0
        self._trap: VoteStep | None = None
        self._upgrading: list[str] = []
        self._backups: dict[str, Backup] = {}
        self._kinds: list[Incident] = [
            (faults.partitions, self._partition),
            (faults.crashes, self._crash),
            (faults.fuses, self._fuse),
            (faults.failed_syncs, self._failed_sync),
            (faults.blackouts, self._blackout),
            (faults.traps, self._set_trap),
            (faults.upgrades, self._upgrade),
            (faults.pauses, self._pause),
            (faults.jumps, self._jump),
        ]
        world.watches.append(self)

    def also(self, rate: float, what: str, deed: Callable[[], None]) -> None:
        """Let something else happen at a rate."""

        def incident() -> None:
            self._say(what)
            deed()

        if rate:
            self._kinds.append((rate, incident))

    def begin(self) -> None:
        """Set the clocks, choose who is weak, and let things happen."""
        world, faults, random = self._world, self._faults, self._random
        for machine in world.nodes.values():
            machine.skew_ms = random.randint(-faults.skew_ms, faults.skew_ms)
        honest = [machine.name for machine in world.validators()]
        most = world.members.faults - len(world.actors)
        if faults.rollbacks or faults.amnesia or faults.lost_files or faults.rot:
            self.weak = frozenset(random.sample(honest, max(0, most)))
        self._next()

    def heal(self, core: frozenset[str]) -> None:
        """Nothing more befalls anybody; the core is whole again."""
        self._ended = True
        self._trap = None
        self._upgrading = []
        self._weather.heal(core)
        for machine in self._world.nodes.values():
            machine.arm(no_danger)
            if machine.name in core:
                machine.frozen_until_ms = 0
                limit = 100
                machine.skew_ms = max(-limit, min(limit, machine.skew_ms))
                if machine.engine is None:
                    self._world.start(machine.name)

    def keep_down(self, names: frozenset[str]) -> None:
        """These end, and stay down until the world is healed."""
        self._staying_down = names
        self.incidents += 1
        for name in sorted(names):
            if self._world.nodes[name].engine is not None:
                self._world.end(self._world.nodes[name], "night")

    # --- the next incident ------------------------------------------------------------------

    def _next(self) -> None:
        total = sum(rate for rate, _ in self._kinds)
        if total > 0:
            delay_ms = int(self._random.expovariate(total) * 1000) + 1
            self._world.call_later(delay_ms, self._happen)

    def _happen(self) -> None:
        if self._ended:
            return
        self._next()
        rates = [rate for rate, _ in self._kinds]
        (_, incident), *_ = self._random.choices(self._kinds, rates)
        incident()

    def _say(self, what: str, who: str = "") -> None:
        self.incidents += 1
        self._world.say_of(what, who)

    def _drawn(self, span: Span) -> int:
        return self._random.randint(*span)

    def _somebody(self) -> Machine | None:
        """A node that is up."""
        up = self._world.up()
        return self._random.choice(up) if up else None

    # --- nodes ------------------------------------------------------------------------------

    def _crash(self) -> None:
        machine = self._somebody()
        if machine is not None:
            self._say("killed", machine.name)
            self._world.end(machine, "killed")

    def _fuse(self) -> None:
        machine = self._somebody()
        if machine is not None:
            self._say("fuse", machine.name)
            machine.arm(Fuse(self._random.randint(1, 12), power_loss))

    def _failed_sync(self) -> None:
        machine = self._somebody()
        if machine is not None:
            self._say("sync will fail", machine.name)
            fuse = Fuse(self._random.randint(1, 8), failed_sync)
            machine.arm(no_danger)
            machine.database.danger = machine.memory.danger = fuse

    def _blackout(self) -> None:
        if self._ended:
            return
        self._say("blackout")
        for machine in self._world.up():
            self._world.end(machine, "blackout")

    def _set_trap(self) -> None:
        self._trap = self._random.choice(list(VoteStep))

    def _upgrade(self) -> None:
        self._upgrading = [machine.name for machine in self._world.nodes.values()]
        self._say("upgrade of all")

    def _pause(self) -> None:
        machine = self._somebody()
        if machine is not None:
            self._say("paused", machine.name)
            machine.frozen_until_ms = self._world.now_ms + self._drawn(self._faults.pause_ms)

    def _jump(self) -> None:
        machine = self._somebody()
        if machine is None:
            return
        right = machine.skew_ms
        jump = self._drawn(self._faults.jump_ms) * self._random.choice((-1, 1))
        self._say(f"clock jumps by {jump}", machine.name)
        machine.skew_ms = right + jump

        def put_right() -> None:
            if not self._ended:
                machine.skew_ms = right

        self._world.call_later(self._random.randint(500, 5_000), put_right)

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """A trap springs when the kind of statement that it waits for leaves its author."""
        if self._trap is not STEPS[type(statement)]:
            return
        self._trap = None
        self._world.call_later(0, self._blackout)
        if self._random.random() < 0.5:
            raise PowerLoss(
                f"power lost before a {STEPS[type(statement)].name} left {machine.name}"
            )

    def decided(self, machine: Machine, decided: wire.Decided) -> None:
        """Between two heights: time for a backup, or for an upgrade."""
        del decided
        if self._ended:
            return
        if machine.name in self.weak and self._random.random() < 0.3:
            self._backups[machine.name] = (machine.database.contents(), machine.memory.read())
        if self._upgrading and self._upgrading[0] == machine.name:
            self._upgrading.pop(0)
            self._world.call_later(0, lambda: self._restart(machine))

    def _restart(self, machine: Machine) -> None:
        if machine.engine is not None and not self._ended:
            self._world.end(machine, "upgraded")

    def ended(self, machine: Machine, why: str) -> None:
        """It comes back."""
        if self._ended:
            return
        machine.arm(no_danger)
        delay_ms = 20 if why == "upgraded" else self._drawn(self._faults.down_ms)
        run = machine.run

        def come_back() -> None:
            if self._ended or machine.name in self._staying_down:
                return
            if machine.engine is None and machine.run == run:
                if machine.name in self.weak:
                    self._spoil(machine)
                self._world.start(machine.name)

        self._world.call_later(delay_ms, come_back)

    # --- worse disks ------------------------------------------------------------------------

    def _spoil(self, machine: Machine) -> None:
        faults, chance = self._faults, self._random.random
        backup = self._backups.get(machine.name)
        if backup is not None and chance() < faults.rollbacks:
            contents, memory = backup[0], machine.memory.read()
            self._say("database from a backup", machine.name)
            self._give(machine, contents, memory)
            self._laws.forgive(machine.name)
        elif backup is not None and chance() < faults.amnesia:
            self._say("both files from a backup", machine.name)
            self._give(machine, *backup)
            self._laws.excuse(machine.name)
        elif chance() < faults.lost_files:
            self._say("no signer's file", machine.name)
            self._give(machine, machine.database.contents(), None)
            self._laws.excuse(machine.name)
        elif chance() < faults.rot:
            self._say("rotten state", machine.name)
            contents = machine.database.contents()
            names = [key for key in contents if key[0] == Region.NODE]
            for name in self._random.sample(names, min(ROTTEN, len(names))):
                contents[name] = contents[name][:-1] + bytes([contents[name][-1] ^ 1])
            self._give(machine, contents, machine.memory.read())
            self._laws.excuse(machine.name)

    def _give(self, machine: Machine, contents: dict[bytes, bytes], memory: bytes | None) -> None:
        overwriting = machine.memory.overwriting
        machine.database, machine.memory = MortalDatabase(contents), MortalFile(memory)
        machine.memory.overwriting = overwriting
        top = machine.height
        machine.reported = {h: name for h, name in machine.reported.items() if h <= top}

    # --- the network ------------------------------------------------------------------------

    def _partition(self) -> None:
        names = [*self._world.nodes, *self._world.actors]
        self._random.shuffle(names)
        kind = self._random.choice(("halves", "alone", "bridge"))
        size = 1 if kind == "alone" else len(names) // 2
        left = frozenset(names[:size])
        bridge = frozenset(names[-1:] if kind == "bridge" else ())
        one_way = self._random.random() < self._faults.one_way

        def stops(letter: Letter) -> bool:
            if letter.sender in bridge or letter.receiver in bridge:
                return False
            from_left, to_left = letter.sender in left, letter.receiver in left
            return from_left and not to_left if one_way else from_left != to_left

        self._numbers += 1
        number = self._numbers
        self._weather.partitions[number] = stops
        way = "one way " if one_way else ""
        self._say(f"partition {number} {way}{kind}: {' '.join(sorted(left))}")

        def end() -> None:
            if not self._ended and number in self._weather.partitions:
                del self._weather.partitions[number]
                self._world.say_of(f"partition {number} ends")

        self._world.call_later(self._drawn(self._faults.partition_ms), end)
