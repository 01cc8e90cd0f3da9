"""Twins: every way to split four validators, one of them doubled, over two views.

Bano, Sonnino, Chursin, Perelman, Li, Ching and Malkhi, *Twins: BFT Systems Made Robust*, OPODIS
2021. An honest node is run twice with one key: the twins equivocate, forget and contradict each
other without a line of malicious code. A scenario says for each view which nodes hear each other;
nobody needs to know what attack that is.

**What is enumerated.** The primary of a view is fixed by the protocol (R2), so no scenario chooses
leaders; it chooses which seat is doubled: that of the primary of view 0 (P), of view 1 (Q), or
another (R; S would be the same). Five nodes have 52 set partitions; two views make 2,704 pairs for
each of the three, 8,112 in all. Scenarios that differ only by which twin is which, or by which of
two seats without a scripted view is which, are one, and the smallest stands for all: 3,376.

**What is drawn by lot.** In longer ones whoever is cut off soon stands still, so they go further
from PBFT's phases: one partition for proposals and prepares, another for commits, and view changes
reach everybody. So blocks are prepared here and there, and claimed in every later view.

**Notation.** `P: PQ|RSp PRS|Qp`: the seat of P is doubled, p is the twin; in view 0 the nodes P and
Q hear each other, and R, S and p; in view 1 P, R and S, and Q and p. A statement belongs to the
view that it names, a view change to the view that it asks for; each is heard inside its group only.
`PQRSp/PQ|RSp` is a view in which all hear proposals and prepares, and view changes, and commits
stay within P and Q, and within R, S and p. After the scripted views everybody hears everybody.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final, final

from sim.letters import Phase

SEATS: Final = "PQRS"
"""Primary of view 0, of view 1, of view 2, of view 3."""
DOUBLED: Final = "PQR"
_COMMITTED: Final = (Phase.COMMIT, Phase.DECIDED)

Groups = tuple[str, ...]
"""Nodes that hear each other, in the order of their names; groups in the order of their first."""
Script = tuple[Groups, ...]
"""The groups of a view: of all its statements, or of proposals and prepares, and of commits."""


@final
@dataclass(frozen=True, slots=True)
class Scenario:
    """Which seat is doubled, and who hears whom in each view."""

    doubled: str
    views: tuple[Script, ...]

    def __str__(self) -> str:
        views = ("/".join("|".join(groups) for groups in script) for script in self.views)
        return f"{self.doubled}: {' '.join(views)}"

    @staticmethod
    def parse(line: str) -> "Scenario":
        """As it is written.

        Raises:
            ValueError: it does not name each node once in every grouping.
        """
        doubled, _, views = line.partition(": ")
        scripts = tuple(
            tuple(tuple(groups.split("|")) for groups in view.split("/")) for view in views.split()
        )
        for groups in (groups for script in scripts for groups in script):
            if sorted("".join(groups)) != sorted(nodes(doubled)):
                raise ValueError(f"{line!r}: {groups} are not {nodes(doubled)}, each once")
        if any(len(script) > 2 for script in scripts):
            raise ValueError(f"{line!r}: a view has one or two groupings")
        return Scenario(doubled, scripts)

    def as_other_seat(self) -> "Scenario":
        """The same with R and S exchanged: neither leads the first two views."""
        return _renamed(self, str.maketrans("RSrs", "SRsr"))

    def hears(self, view: int, phase: Phase, one: str, other: str) -> bool:
        """Whether two nodes hear each other's statements of a view and phase."""
        if view >= len(self.views):
            return True
        script = self.views[view]
        if len(script) == 2 and phase is Phase.VIEW_CHANGE:
            return True
        groups = script[-1] if phase in _COMMITTED else script[0]
        return any(one in group and other in group for group in groups)


def nodes(doubled: str) -> str:
    """The five nodes: the seats, and the twin in small."""
    return SEATS + doubled.lower()


def partitions(names: str) -> list[Groups]:
    """Every way to put these nodes into groups."""
    if not names:
        return [()]
    first, rest = names[0], names[1:]
    found: list[Groups] = []
    for groups in partitions(rest):
        found.append(_ordered((first, *groups)))
        for index, group in enumerate(groups):
            found.append(_ordered((*groups[:index], first + group, *groups[index + 1 :])))
    return found


def _ordered(groups: Iterable[str]) -> Groups:
    return tuple(sorted("".join(sorted(group)) for group in groups))


def canonical(scenario: Scenario) -> Scenario:
    """The one that stands for all that differ only by names."""
    same = (_renamed(scenario, names) for names in _renamings(scenario.doubled))
    return min(same, key=lambda renamed: renamed.views)


def _renamings(doubled: str) -> Iterator[dict[int, int]]:
    """Which names may be exchanged: the twins', and those of seats that lead no scripted view."""
    one, other = doubled, doubled.lower()
    yield {}
    yield str.maketrans(one + other, other + one)
    if doubled in "PQ":
        yield str.maketrans("RS", "SR")
        yield str.maketrans(one + other + "RS", other + one + "SR")


def _renamed(scenario: Scenario, names: dict[int, int]) -> Scenario:
    doubled = scenario.doubled.translate(names).upper()
    return Scenario(
        doubled,
        tuple(
            tuple(_ordered(group.translate(names) for group in groups) for groups in script)
            for script in scenario.views
        ),
    )


def two_views() -> list[Scenario]:
    """All of them, each once."""
    found = {
        canonical(Scenario(doubled, ((first,), (second,))))
        for doubled in DOUBLED
        for first, second in product(partitions(nodes(doubled)), repeat=2)
    }
    return sorted(found, key=str)


def sampled(views: int, count: int, *, seed: int) -> list[Scenario]:
    """Longer ones by lot: as many different ones as asked for."""
    dice = Random(f"twins {views} {seed}")
    found: dict[Scenario, None] = {}
    while len(found) < count:
        doubled = dice.choice(SEATS)
        splits = partitions(nodes(doubled))
        scripts = [(dice.choice(splits), dice.choice(splits)) for _ in range(views)]
        found[Scenario(doubled, tuple(scripts))] = None
    return list(found)


def read(text: str) -> list[Scenario]:
    """One scenario a line; what begins with # is said to people."""
    lines = (line.strip() for line in text.splitlines())
    return [Scenario.parse(line) for line in lines if line and not line.startswith("#")]


def write(scenarios: Sequence[Scenario], *about: str) -> str:
    """A file of them."""
    return "".join(f"{line}\n" for line in (*(f"# {line}" for line in about), *scenarios))
