"""Profiles: which faults a seed is drawn from. Each is a function of the seed's own chance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, final

from msgspec.structs import replace

from sim.byzantine import KINDS
from sim.faults import Faults

Draw = Callable[[Random, int], Faults]


@final
@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of bad weather."""

    what: str
    """In a line, for `mithaq sim profiles`."""
    draw: Draw
    share: int
    """How many of a hundred schedules of a full run are of this profile."""


def _network(random: Random) -> Faults:
    return Faults(
        delay_ms=(1, random.choice((5, 20, 100))),
        loss=random.choice((0.0, 0.02, 0.1, 0.3)),
        duplication=random.choice((0.0, 0.05, 0.3)),
        stragglers=random.choice((0.0, 0.02, 0.1)),
        skew_ms=random.choice((0, 50, 200)),
        heartbeat_ms=random.choice((1_000, 60_000)),
        t0_ms=random.choice((500, 1_000)),
        tmax_ms=random.choice((4_000, 10_000)),
    )


def calm(random: Random, validators: int) -> Faults:  # noqa: ARG001 - as all profiles
    """Little goes wrong."""
    return Faults(crashes=0.5, pauses=0.2, partitions=0.3)


def weather(random: Random, validators: int) -> Faults:  # noqa: ARG001
    """The network: loss, doubles, stragglers, partitions of every shape."""
    return replace(
        _network(random),
        partitions=random.uniform(0.3, 1.5),
        one_way=random.random(),
        pauses=random.uniform(0.0, 0.4),
    )


def phases(random: Random, validators: int) -> Faults:  # noqa: ARG001
    """Cuts by view and phase: blocks prepared at one node only, views that see half a quorum."""
    return replace(
        _network(random),
        loss=random.choice((0.0, 0.02)),
        cuts=random.randint(1, 4),
        partitions=random.uniform(0.0, 0.4),
        crashes=random.uniform(0.2, 0.6),
    )


def power(random: Random, validators: int) -> Faults:  # noqa: ARG001
    """Disks and power: before and after every effect, one and all, failed syncs, upgrades."""
    return replace(
        _network(random),
        loss=0.0,
        crashes=random.uniform(0.0, 1.0),
        fuses=random.uniform(0.3, 2.0),
        failed_syncs=random.uniform(0.0, 0.6),
        blackouts=random.uniform(0.0, 0.4),
        traps=random.uniform(0.1, 0.8),
        upgrades=random.uniform(0.0, 0.3),
        down_ms=random.choice(((20, 200), (50, 3_000))),
        cuts=random.choice((0, 0, 1, 2)),
    )


def clocks(random: Random, validators: int) -> Faults:  # noqa: ARG001
    """Clocks that are off and jump, machines that are paused."""
    return replace(
        _network(random),
        loss=random.choice((0.0, 0.05)),
        skew_ms=random.choice((100, 450, 900)),
        jumps=random.uniform(0.3, 1.0),
        pauses=random.uniform(0.3, 1.0),
        cuts=random.choice((0, 1)),
    )


def backups(random: Random, validators: int) -> Faults:
    """Up to f weak nodes: old backups, lost signer's files, rotten state, under crashes."""
    return replace(
        power(random, validators),
        crashes=random.uniform(0.5, 1.5),
        rollbacks=random.choice((0.3, 0.8)),
        amnesia=random.choice((0.0, 0.2)),
        lost_files=random.choice((0.0, 0.2)),
        rot=random.choice((0.0, 0.4)),
    )


def liars(random: Random, validators: int) -> Faults:
    """Up to f seats of any byzantine kind, in bad weather."""
    faults = random.choice((weather, phases, power))(random, validators)
    most = (validators - 1) // 3
    seats = random.sample(range(validators), most)
    kinds = sorted(KINDS)
    return replace(faults, byzantine=tuple((seat, random.choice(kinds)) for seat in sorted(seats)))


def turmoil(random: Random, validators: int) -> Faults:
    """Everything at once, with up to f weak or byzantine nodes."""
    faults = liars(random, validators) if random.random() < 0.5 else backups(random, validators)
    return replace(
        faults,
        loss=random.choice((0.0, 0.05, 0.2)),
        partitions=random.uniform(0.0, 1.0),
        one_way=random.random(),
        jumps=random.uniform(0.0, 0.3),
        pauses=random.uniform(0.0, 0.5),
        cuts=random.randint(0, 3),
    )


def changes(random: Random, validators: int) -> Faults:
    """Validators join, leave and replace each other, and liars are reported, in bad weather."""
    lying = random.sample(range(validators), min(1, (validators - 1) // 3))
    kinds = ("equivocator", "twins", "silent")
    return replace(
        random.choice((weather, phases, power))(random, validators),
        loss=random.choice((0.0, 0.02)),
        changes=random.uniform(0.5, 1.5),
        reports=random.choice((0.0, 1.0)),
        heights=8,
        byzantine=tuple((seat, random.choice(kinds)) for seat in lying)
        if random.random() < 0.6
        else (),
    )


def night(random: Random, validators: int) -> Faults:  # noqa: ARG001
    """An hour without a quorum, and back."""
    return Faults(
        loss=random.choice((0.0, 0.05)), crashes=1.5, turmoil_ms=3_000, night_ms=3_600_000
    )


def dusk(random: Random, validators: int) -> Faults:
    """Minutes without a quorum, and back."""
    return replace(night(random, validators), night_ms=random.randint(30_000, 180_000))


PROFILES: Final[Mapping[str, Profile]] = {
    name: Profile((draw.__doc__ or "").strip(), draw, share)
    for name, draw, share in (
        ("calm", calm, 2),
        ("weather", weather, 15),
        ("phases", phases, 18),
        ("power", power, 16),
        ("clocks", clocks, 6),
        ("backups", backups, 10),
        ("liars", liars, 14),
        ("turmoil", turmoil, 10),
        ("changes", changes, 6),
        ("dusk", dusk, 3),
        ("night", night, 0),
    )
}
"""By name; the shares are of a hundred; a night is drawn apart (sim/sweep.py)."""
