"""What a machine holds only grows where it must, and never beyond its bounds."""

from typing import final

from consensus.events import ClaimTimedOut, IntervalOver, TimerFired
from node.outbox import HeartbeatDue, Outbox, Timer
from node.signer_memory import Memory, Signed
from primitives import limits
from primitives.codec import decode
from primitives.errors import RemoteFault
from primitives.ids import NO_VIEW, Height, View
from sim.disk import MortalDatabase, MortalFile
from sim.letters import Letter
from sim.machine import Machine
from sim.spoken import Statement
from sim.violations import Blamed, NotDurable, Overgrown, RestartDiffers, StaleTimer, WentBack
from sim.watch import Watch
from storage import schema

Standing = tuple[object, ...]


def standing(machine: Machine) -> Standing:
    """Where a machine stands, as far as a stale timer or a restart must not change it."""
    now = machine.alive.instance
    return (
        now.height,
        now.wish,
        now.entered,
        now.accepted,
        now.prepared,
        now.sent_commit,
        now.proposed,
        tuple(sorted(now.voted.items())),
        tuple(sorted(now.proposals)),
        tuple(sorted(now.bodies)),
        machine.alive.awake,
    )


@final
class Upward(Watch):
    """Views, prepared views and the signer's memory never fall (R8, R36, R39)."""

    def __init__(self) -> None:
        self._views: dict[str, tuple[int, Height, View, View]] = {}
        self._prepared: dict[str, tuple[Height, View]] = {}
        self._said: dict[str, tuple[Height, View]] = {}

    def forgive(self, name: str) -> None:
        """This machine was given an older disk."""
        for known in (self._views, self._prepared, self._said):
            known.pop(name, None)

    def watch_signer(self, machine: Machine) -> None:
        """Judge every new version of a signer's file."""
        machine.memory.overwriting = lambda data: _judge_memory(machine, data)

    def spoke(self, machine: Machine, statement: Statement) -> None:
        """What was said is a floor for the wish."""
        place = (statement.height, statement.view)
        self._said[machine.name] = max(place, self._said.get(machine.name, place))

    def started(self, machine: Machine) -> None:
        """A restart remembers what the node had said."""
        said = self._said.get(machine.name)
        now = machine.alive.instance
        if said is not None and now.seat is not None and (now.height, now.wish) < said:
            raise WentBack(
                f"{machine.name} begins at {now.height}/{now.wish}, "
                f"it had spoken in {said[0]}/{said[1]}"
            )

    def stepped(self, machine: Machine) -> None:
        """Compare with the last step."""
        if machine.engine is None:
            return
        now = machine.engine.instance
        here = (machine.run, now.height, now.wish, now.entered)
        before = self._views.get(machine.name)
        self._views[machine.name] = here
        if before is not None and before[0] == machine.run:
            fell = now.height < before[1]
            same = now.height == before[1]
            if fell or (same and (now.wish < before[2] or now.entered < before[3])):
                raise WentBack(f"{machine.name} went from {before[1:]} to {here[1:]}")
        prepared = now.prepared.view if now.prepared is not None else NO_VIEW
        height, view = self._prepared.get(machine.name, (Height(0), NO_VIEW))
        if height == now.height and prepared < view and now.seat is not None:
            raise WentBack(f"{machine.name} was prepared in {view} of {height}, now in {prepared}")
        self._prepared[machine.name] = (now.height, prepared)


def _judge_memory(machine: Machine, data: bytes) -> None:
    new = decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
    before, known = machine.memory.read(), set[Signed]()
    if before is not None:
        old = decode(before, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
        same = (old.height, old.view) == (new.height, new.view)
        if (old.height, old.view) > (new.height, new.view) or (
            same and not set(old.signed) <= set(new.signed)
        ):
            raise WentBack(
                f"the signer of {machine.name} went from {old.height}/{old.view} "
                f"to {new.height}/{new.view}"
            )
        known = set(old.signed) if same else known
    for signed in new.signed:
        if signed in known:
            continue  # signed before: the vote log may have been lost since
        key = schema.vote_key(new.height, new.view, signed.step)
        if machine.height < new.height and machine.database.get(key) is None:
            raise NotDurable(
                f"{machine.name} signs {signed.step.name} of {new.height}/{new.view} unrecorded"
            )


@final
class Bounds(Watch):
    """Memory per height (R42, R43), whatever is thrown at a node."""

    def stepped(self, machine: Machine) -> None:
        """Count what it holds."""
        if machine.engine is None:
            return
        now = machine.engine.instance
        n = now.validators
        views = limits.VIEWS_BEHIND_KEPT + 1 + limits.VIEWS_AHEAD_KEPT
        logged = len(now.log)
        bodies = limits.VIEWS_AHEAD_KEPT + 1 + views + n + 2 + logged
        for what, count, most in (
            ("proposals", len(now.proposals), limits.VIEWS_AHEAD_KEPT + 1),
            ("views of prepares", len(now.prepares.views()), views),
            ("views of commits", len(now.commits.views()), views),
            ("view changes", len(now.view_changes), n),
            ("blocks", len(now.kept_blocks), bodies),
            ("bodies", len(now.bodies), bodies),
            ("verdicts", len(now.verdicts), 2 * bodies),
            ("fetches", len(now.wanted), limits.FETCHES_MAX),
        ):
            if count > most:
                raise Overgrown(f"{machine.name} holds {count} {what}, at most {most} are allowed")
        unnamed = 0 if now.decided else len(now.bodies - now.kept_blocks)
        if unnamed:  # the engine keeps no body that nothing names
            raise Overgrown(f"{machine.name} counts on {unnamed} bodies that nothing names")


@final
class Timers(Watch):
    """A timer of another height or view has no effect (R24)."""

    def __init__(self) -> None:
        self._before: Standing = ()
        self._stale = False

    def firing(self, machine: Machine, timer: Timer) -> None:
        """Remember, if it must not matter."""
        now = machine.alive.instance
        match timer:
            case TimerFired(height, view):
                self._stale = height != now.height or not view == now.wish == now.entered
            case ClaimTimedOut(height, view):
                self._stale = height != now.height or view != now.wish
            case IntervalOver(height) | HeartbeatDue(height):
                self._stale = height != now.height
        if self._stale:
            self._before = standing(machine)

    def fired(self, machine: Machine, timer: Timer, out: Outbox) -> None:
        """Compare."""
        if self._stale and (
            standing(machine) != self._before or out.messages or out.timers or out.decided
        ):
            raise StaleTimer(f"{machine.name}: {timer} had an effect")


@final
class Restarts(Watch):
    """Two starts from one disk stand at the same place, and a start writes nothing (R39)."""

    def __init__(self) -> None:
        self._disk: dict[str, tuple[dict[bytes, bytes], bytes | None]] = {}

    def began(self, machine: Machine) -> None:
        """Remember the disk."""
        self._disk[machine.name] = (machine.database.contents(), machine.memory.read())

    def started(self, machine: Machine) -> None:
        """Start once more, on a copy."""
        contents, memory = self._disk.pop(machine.name)
        alone = machine.alive.awake  # nobody to wait for: it may sign at once
        if not alone and (machine.database.contents(), machine.memory.read()) != (contents, memory):
            raise RestartDiffers(f"{machine.name} wrote to its disk by starting")
        twin = machine.site.machine(machine.name, machine.key)
        twin.database, twin.memory = MortalDatabase(contents), MortalFile(memory)
        twin.start(0)
        if not alone and standing(twin) != standing(machine):
            raise RestartDiffers(
                f"{machine.name} begins at {standing(machine)[:3]}, then at {standing(twin)[:3]}"
            )


@final
class Courtesy(Watch):
    """What one honest node says, no honest node refuses (R32)."""

    def __init__(self, honest: frozenset[str]) -> None:
        self._honest = set(honest)

    def excuse(self, name: str) -> None:
        """This machine is not what it was."""
        self._honest.discard(name)

    def refused(self, machine: Machine, letter: Letter, fault: RemoteFault) -> None:
        """Who sent it?"""
        if letter.sender in self._honest and machine.name in self._honest:
            raise Blamed(f"{machine.name} refuses {letter.phase.value} of {letter.sender}: {fault}")
