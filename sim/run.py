"""One schedule: turmoil, then healing, then proof that the chain goes on.

A schedule has at least five heights and three incidents. Then a core of q honest nodes is healed,
all else stays for ever as it is, and the core must decide again within 2·Tmax and go on from there.
Everything follows from (seed, profile, validators, heights).
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Final, final

from msgspec import Struct
from msgspec.structs import replace

from ledger.parameters import DEFAULTS
from sim.byzantine import KINDS
from sim.byzantine.clone import Clone
from sim.byzantine.deeds import Deeds, Toll, seats_of
from sim.changes import Changes
from sim.director import Director
from sim.faults import Faults
from sim.founding import GENESIS_TIME, found, found_with_real_keys
from sim.laws.agreement import quorum_of
from sim.laws.book import LawBook
from sim.machine import Machine
from sim.profiles import PROFILES
from sim.tally import Tally
from sim.trace import Trace, nowhere
from sim.violations import Stuck, Violation
from sim.weather import Weather
from sim.world import World

HEIGHTS: Final = 5
INCIDENTS: Final = 3
PATIENCE: Final = 4
"""Times the length of the turmoil: so long a schedule waits for its incidents."""
WAITING_MAX: Final = 20
"""A node at which so many transactions wait is given no more: they cost time and show nothing."""
SIZES: Final = (4, 4, 4, 4, 5, 6, 7, 7)
"""Validators of a schedule that does not say how many."""


@final
class Plan(Struct, frozen=True, kw_only=True):
    """What a schedule is made of; two runs of one plan are the same to the last byte."""

    seed: int
    profile: str
    validators: int
    heights: int = HEIGHTS

    def command(self) -> str:
        """What reproduces it."""
        more = f" --heights {self.heights}" if self.heights != HEIGHTS else ""
        return (
            f"mithaq sim run --seed {self.seed} --validators {self.validators} "
            f"--profile {self.profile}{more}"
        )


@final
class Outcome(Struct, frozen=True, kw_only=True):
    """What came of it."""

    plan: Plan
    violation: str | None
    """The name of the law that was broken, or None."""
    message: str
    heights: int
    incidents: int
    deliveries: int
    simulated_ms: int
    highest_view: int
    reproposed: int
    recovery_ms: int | None
    """From the healing to the next decision."""
    trace: str
    """The hash of the trace."""
    rules: dict[int, int]
    kinds: tuple[str, ...]
    """Of the byzantine seats."""
    tolls: dict[str, Toll]
    """What these seats did, by kind and deed, and what it cost."""


def size_of(seed: int) -> int:
    """How many validators a seed has if nobody says."""
    return Random(f"{seed} size").choice(SIZES)


def run(plan: Plan, write: Callable[[str], None] = nowhere) -> Outcome:
    """Run one schedule to its end, or to the first violation."""
    faults = PROFILES[plan.profile].draw(Random(f"{plan.seed} faults"), plan.validators)
    schedule = Schedule(plan, replace(faults, heights=plan.heights), write)
    violation, message = None, ""
    try:
        schedule.play()
    except Violation as broken:
        violation, message = type(broken).__name__, str(broken)
        schedule.world.say_of(f"{violation}: {message}")
    except Exception as error:
        error.add_note(plan.command())
        raise
    return schedule.outcome(violation, message)


@final
class Schedule:
    """A world with everything that acts on it and watches it."""

    def __init__(self, plan: Plan, faults: Faults, write: Callable[[str], None] = nowhere) -> None:
        self.plan, self.faults = plan, faults
        self.random = Random(f"{plan.seed} schedule")
        parameters = replace(
            DEFAULTS,
            t0_ms=faults.t0_ms,
            tmax_ms=faults.tmax_ms,
            heartbeat_ms=faults.heartbeat_ms,
        )
        if faults.changes or faults.reports:
            founding = found_with_real_keys(plan.validators, waiting=3, parameters=parameters)
        else:
            founding = found(plan.validators, parameters=parameters)
        names = [*founding.keys, *founding.waiting]
        self.weather = Weather(faults, Random(f"{plan.seed} weather"), names)
        actors = {f"v{seat}": KINDS[kind] for seat, kind in faults.byzantine}
        self.world = World(founding, seed=plan.seed, air=self.weather, actors=actors)
        self.trace = Trace(self.world, write)
        self.tally = Tally()
        self.deeds = Deeds()
        self.world.watches += [self.trace, self.tally, self.deeds]
        self.laws = LawBook(self.world)
        chance = Random(f"{plan.seed} director")
        self.director = Director(self.world, faults, self.weather, self.laws, chance)
        changes = Changes(self.world, founding, Random(f"{plan.seed} changes"))
        self.director.also(faults.changes, "change of validators", changes.propose)
        self.director.also(faults.reports, "report", changes.report)
        self.recovery_ms: int | None = None
        self.doors = frozenset(self.world.nodes)
        """At whose doors payments are made."""

    # --- the acts ---------------------------------------------------------------------------

    def play(self) -> None:
        """All acts."""
        self.world.start()
        self.director.begin()
        self._pay()
        self._turmoil()
        if self.faults.night_ms:
            self._night()
        self._heal()

    def _turmoil(self) -> None:
        """Until enough was seen; without enough incidents a little longer."""
        world, span_ms = self.world, self.faults.turmoil_ms
        began = world.now_ms
        while world.next_ms() <= began + PATIENCE * span_ms:
            enough = self.director.incidents >= INCIDENTS
            if enough and (self.laws.top >= self.faults.heights or world.now_ms > began + span_ms):
                return
            world.step()

    def _night(self) -> None:
        """More than f nodes go down together, and stay so."""
        world = self.world
        names = sorted(machine.name for machine in world.validators())
        size = world.members.size
        gone = self.random.sample(names, size - quorum_of(size) + 1)
        world.say_of(f"night falls on {' '.join(gone)}")
        self.director.keep_down(frozenset(gone))
        world.run_for(self.faults.night_ms)

    def _heal(self) -> None:
        """A core of q is whole, all else stays as it is; the core must go on."""
        world, bound_ms = self.world, 2 * self.faults.tmax_ms
        core = self._core()
        world.say_of(f"healed: {' '.join(sorted(core))}")
        self.director.heal(core)
        self.doors = core
        nodes = [world.nodes[name] for name in sorted(core)]
        began, height = world.now_ms, self.laws.top + 1
        self._require(nodes, height, bound_ms)
        self.recovery_ms = world.now_ms - began
        goal = max(height + 2, self.faults.heights)
        absent = len(world.nodes) + len(world.actors) - len(core)
        per_height_ms = (absent + 1) * 2 * self.faults.t0_ms + 1_000
        self._require(nodes, goal, bound_ms + (goal - height) * per_height_ms)

    def _core(self) -> frozenset[str]:
        """q honest nodes that lost nothing; where validators change, every such node."""
        able = [
            machine.name
            for machine in self.world.validators()
            if machine.name not in self.director.weak
        ]
        if self.faults.changes:
            return frozenset(able)
        return frozenset(self.random.sample(able, self.world.members.quorum))

    def _require(self, nodes: Iterable[Machine], height: int, limit_ms: int) -> None:
        world, end = self.world, self.world.now_ms + limit_ms
        waiting = list(nodes)
        while True:
            waiting = [machine for machine in waiting if machine.height < height]
            if not waiting:
                return
            if world.next_ms() > end:
                raise Stuck(
                    f"{', '.join(machine.name for machine in waiting)} did not decide {height} "
                    f"within {limit_ms} ms; {world.heights()}"
                )
            world.step()

    def _pay(self) -> None:
        """A payment at a drawn door, and the next one later."""
        world = self.world
        world.call_later(self.random.randint(*self.faults.payment_ms), self._pay)
        doors = [one for one in world.up() if one.signing and one.name in self.doors]
        if not doors:
            return
        node = self.random.choice(doors)
        if len(node.alive.mempool) < WAITING_MAX:
            world.submit(node, world.payment())

    # --- the end ----------------------------------------------------------------------------

    def outcome(self, violation: str | None, message: str) -> Outcome:
        """What came of it."""
        for actor in self.world.actors.values():
            if isinstance(actor, Clone):
                self.tally.count_notes(note for one in actor.machines for note in one.notes)
        return Outcome(
            plan=self.plan,
            violation=violation,
            message=message,
            heights=self.laws.top,
            incidents=self.director.incidents,
            deliveries=self.world.deliveries,
            simulated_ms=self.world.now_ms - GENESIS_TIME - 1_000,
            highest_view=self.tally.highest_view,
            reproposed=self.tally.reproposed,
            recovery_ms=self.recovery_ms,
            trace=self.trace.digest(),
            rules=dict(self.tally.rules),
            kinds=tuple(kind for _, kind in self.faults.byzantine),
            tolls=self._tolls(),
        )

    def _tolls(self) -> dict[str, Toll]:
        found: dict[str, Toll] = {}
        for seat, kind in self.faults.byzantine:
            actor = self.world.actors[f"v{seat}"]
            for deed, toll in self.deeds.tolls(seats_of([actor])).items():
                name = f"{kind}: {deed}"
                found[name] = found.get(name, Toll()).plus(toll)
        return found
