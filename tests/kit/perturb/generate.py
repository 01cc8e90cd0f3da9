"""A manifest from a seed: what nobody thought of putting together, and what can be judged.

**Theory.** Who is away is no fault of a manifest: the judge counts, and asks for no block where a
quorum is away. But it counts whoever is merely hindered (slow, lossy, by a wrong clock) among those
at work, and whoever is new or begins anew too. So the hindered and the away are together f at most,
and whoever comes, goes or begins anew does so while nothing else happens.
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from kit.perturb.manifest import (
    ENDS,
    PRIMARY,
    Expect,
    Manifest,
    Perturbation,
    node_names,
)

VALIDATORS: Final = (4, 4, 5, 7)
AGAIN_S: Final = 18.0
"""After most perturbations, so that it is known whose fault a delay is."""
TOGETHER: Final = 0.3
"""How often the next one begins before the last is over."""
HALTING: Final = 0.25
"""How often one more than f are taken away."""
ONE_BY_ONE: Final = frozenset({"disk_full", "clock", "wipe", "add_validator", "remove_validator"})
"""Kinds for one node at a time."""
ALONE: Final = frozenset({"wipe", "flood", "join", "add_validator", "remove_validator"})
"""Nothing else happens meanwhile, nor while they settle."""
HINDERS: Final = frozenset({"slow", "lossy", "clock"})
"""Who can still take part, but nobody may have to rely on it."""
LINES: Final = frozenset({"cut", "partition"})
"""Made of the same rules of a switch: the end of one would mend the other."""
ANYBODY: Final = ("kill", "pause", "restart", "disconnect", "cut", "partition")
RARER: Final = ("lossy", "slow", "disk_full", "clock", "upgrade", "wipe", "flood")
MEMBERS: Final = ("add_validator", "remove_validator")
DRAWN: Final = (*ANYBODY, *ANYBODY, *RARER, *MEMBERS)
OF_THE_PRIMARY: Final = frozenset({"kill", "pause", "restart", "disconnect", "cut"})
VALIDATORS_MIN: Final = 4
"""As the genesis of `mithaq testnet` has it: fewer may not remain."""


@dataclass
class _Bodies:
    """Who votes, and who follows, at the time that is being planned."""

    voters: list[str]
    observers: list[str]
    late: list[str]
    """Who joins in the end."""
    ones: list[Perturbation] = field(default_factory=list)

    @property
    def faulty(self) -> int:
        return (len(self.voters) - 1) // 3


def generate(seed: int) -> Manifest:
    """The same seed, the same manifest."""
    chance = Random(seed)
    validators, observers = chance.choice(VALIDATORS), chance.randint(0, 2)
    names = node_names(validators, observers)
    far = {name: chance.choice((5, 20, 60)) for name in names if chance.random() < 0.25}
    late = [name for name in names[validators:] if chance.random() < 0.3]
    there = [name for name in names[validators:] if name not in late]
    bodies = _Bodies(list(names[:validators]), there, late)
    at_s = 4.0
    for _ in range(chance.randint(2, 5)):
        one = _perturbation(chance, bodies, at_s)
        if not _fits(one, bodies):
            one = replace(one, at_s=_free_s(bodies))
        bodies.ones.append(one)
        _elect(one, bodies)
        overlaps = one.kind not in ALONE and chance.random() < TOGETHER
        at_s = round(one.at_s + one.for_s * 0.5 if overlaps else _settled_s(one), 1)
    for name in late:
        at_s = _free_s(bodies)
        by = chance.choice(("blocks", "snapshot"))
        bodies.ones.append(Perturbation(kind="join", nodes=(name,), at_s=at_s, by=by))
    comes = any(one.kind in ALONE for one in bodies.ones)
    return Manifest(
        title=f"Seed {seed}",
        validators=validators,
        observers=observers,
        far_ms=far,
        rate=chance.choice((5, 20, 40)),
        expect=Expect(block_s=12.0, first_block_s=10.0, level_s=40.0 if comes else 15.0),
        perturbations=tuple(bodies.ones),
    )


def _perturbation(chance: Random, bodies: _Bodies, at_s: float) -> Perturbation:
    can = {"flood": bool(bodies.observers), "add_validator": bool(bodies.observers)}
    can["remove_validator"] = len(bodies.voters) > VALIDATORS_MIN
    kind = chance.choice([kind for kind in DRAWN if can.get(kind, True)])
    for_s = 0.0 if kind in ALONE - {"flood"} else float(chance.randint(3, 12))
    if kind == "partition":
        present = [*bodies.voters, *bodies.observers]
        mixed = chance.sample(present, len(present))
        here = chance.randint(1, max(1, len(mixed) // 2))
        sides = (tuple(sorted(mixed[:here])), tuple(sorted(mixed[here:])))
        return Perturbation(kind=kind, sides=sides, at_s=at_s, for_s=for_s)
    if kind in {"flood", "add_validator"}:
        nodes = (chance.choice(bodies.observers),)
        return Perturbation(kind=kind, nodes=nodes, at_s=at_s, for_s=for_s)
    if kind in OF_THE_PRIMARY and chance.random() < 0.2:
        return Perturbation(kind=kind, nodes=(PRIMARY,), at_s=at_s, for_s=for_s)
    most = 1 if kind in ONE_BY_ONE else bodies.faulty
    if kind not in ONE_BY_ONE | HINDERS and chance.random() < HALTING:
        most += 1
    chosen = chance.sample(bodies.voters, chance.randint(1, most))
    if bodies.observers and kind not in ONE_BY_ONE and chance.random() < 0.2:
        chosen.append(bodies.observers[-1])
    one = Perturbation(kind=kind, nodes=tuple(sorted(chosen)), at_s=at_s, for_s=for_s)
    return _with_measure(chance, one)


def _with_measure(chance: Random, one: Perturbation) -> Perturbation:
    """How lossy, how slow, how wrong."""
    match one.kind:
        case "lossy":
            return replace(one, per_thousand=chance.choice((10, 50, 100)))
        case "slow":
            return replace(one, kbit_s=chance.choice((128, 512, 2_000)))
        case "clock":
            return replace(one, seconds=chance.choice((-3_600, -5, 5, 3_600)))
    return one


def _elect(one: Perturbation, bodies: _Bodies) -> None:
    """Who votes from now on."""
    for name in one.nodes:
        if one.kind == "add_validator":
            bodies.observers.remove(name)
            bodies.voters.append(name)
        if one.kind == "remove_validator":
            bodies.voters.remove(name)


def _settled_s(one: Perturbation) -> float:
    return one.until_s + AGAIN_S


def _free_s(bodies: _Bodies) -> float:
    """When nothing happens any more."""
    return max(map(_settled_s, bodies.ones))


# --- what can be together -------------------------------------------------------------------------


def _fits(one: Perturbation, bodies: _Bodies) -> bool:
    """Whether it can be done, taken back and judged with what was planned before."""
    others = [
        other
        for other in bodies.ones
        if one.at_s < (_settled_s(other) if other.kind in ALONE else other.until_s)
    ]
    together = [one, *others]
    if others and any(each.kind in ALONE for each in together):
        return False
    for other in others:
        same = _touched(one, bodies) & _touched(other, bodies)
        if {one.kind, other.kind} <= LINES or (same and one.kind == other.kind):
            return False
        if same and (one.kind in ENDS or other.kind in ENDS):
            return False
    if any(each.kind in HINDERS for each in together):
        touched = set().union(*(_touched(each, bodies) for each in together))
        return len(touched & set(bodies.voters)) <= bodies.faulty
    return True


def _touched(one: Perturbation, bodies: _Bodies) -> set[str]:
    """Whoever it may happen to: of a partition, who may be on the smaller side."""
    if one.kind == "partition":
        voters = set(bodies.voters)
        largest = max(one.sides, key=lambda side: len(voters & set(side)))
        return {name for side in one.sides if side != largest for name in side}
    return set(bodies.voters) if PRIMARY in one.nodes else set(one.nodes)
