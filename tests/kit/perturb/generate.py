"""A manifest from a seed: what nobody thought of putting together."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from kit.perturb.manifest import Expect, Manifest, Perturbation, node_names

VALIDATORS: Final = (4, 4, 5, 7)
AGAIN_S: Final = 18.0
"""After most perturbations, so that it is known whose fault a delay is."""
TOGETHER: Final = 0.3
"""How often the next one begins before the last is over."""
HALTING: Final = 0.25
"""How often one more than f are taken away."""
ONE_BY_ONE: Final = frozenset({"disk_full", "clock", "wipe", "upgrade"})
"""Kinds for one node at a time."""
ANYBODY: Final = ("kill", "pause", "restart", "disconnect", "cut", "partition")
LASTING: Final = (*ANYBODY, *ANYBODY, "lossy", "slow", "disk_full", "clock", "upgrade", "wipe")


def generate(seed: int) -> Manifest:
    """The same seed, the same manifest."""
    chance = Random(seed)
    validators, observers = chance.choice(VALIDATORS), chance.randint(0, 2)
    names = node_names(validators, observers)
    far = {name: chance.choice((5, 20, 60)) for name in names if chance.random() < 0.25}
    ones: list[Perturbation] = []
    at_s = 4.0
    late = [name for name in names[validators:] if chance.random() < 0.3]
    for _ in range(chance.randint(2, 5)):
        lasting = float(chance.randint(3, 12))
        one = _perturbation(chance, names, validators, at_s, lasting, late)
        ones.append(one)
        overlaps = chance.random() < TOGETHER
        at_s = round(one.at_s + one.for_s * 0.5 if overlaps else one.until_s + AGAIN_S, 1)
    for name in late:
        ones.append(Perturbation(kind="join", nodes=(name,), at_s=at_s))
        at_s += AGAIN_S
    return Manifest(
        title=f"Seed {seed}",
        validators=validators,
        observers=observers,
        far_ms=far,
        rate=chance.choice((5, 20, 40)),
        expect=Expect(block_s=12.0, first_block_s=10.0, level_s=15.0),
        perturbations=tuple(_sorted_out(ones)),
    )


def _perturbation(
    chance: Random,
    names: Sequence[str],
    validators: int,
    at_s: float,
    for_s: float,
    late: Sequence[str],
) -> Perturbation:
    kind = chance.choice(LASTING)
    present = [name for name in names if name not in late]
    faulty = (validators - 1) // 3
    most = 1 if kind in ONE_BY_ONE else faulty + (1 if chance.random() < HALTING else 0)
    voters = [name for name in present if name.startswith("node")]
    if kind == "partition":
        mixed = chance.sample(present, len(present))
        here = chance.randint(1, max(1, len(mixed) // 2))
        sides = (tuple(sorted(mixed[:here])), tuple(sorted(mixed[here:])))
        return Perturbation(kind=kind, sides=sides, at_s=at_s, for_s=for_s)
    chosen = chance.sample(voters, chance.randint(1, most))
    if chance.random() < 0.2 and len(present) > len(voters):
        chosen.append(present[-1])
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
        case "wipe":
            return replace(one, for_s=0.0)
    return one


def _sorted_out(ones: Sequence[Perturbation]) -> list[Perturbation]:
    """Nothing happens to a node while something else that ends its process does."""
    kept: list[Perturbation] = []
    for one in ones:
        ends = _ends(one)
        meets = [
            other
            for other in kept
            if (ends or _ends(other))
            and set(one.nodes) & set(other.nodes)
            and one.at_s <= other.until_s
            and other.at_s <= one.until_s
        ]
        if not meets:
            kept.append(one)
    return kept


def _ends(one: Perturbation) -> bool:
    return one.kind in {"kill", "restart", "upgrade", "disk_full", "wipe", "pause", "join"}
