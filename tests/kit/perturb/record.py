"""What was seen of a run, and by whom: the facts that `kit.perturb.judge` judges. All times are of
this machine's clock, in seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kit.perturb.manifest import Manifest, Perturbation


@dataclass(frozen=True)
class Sight:
    """What a node said of itself; height −1 where it did not answer."""

    at: float
    height: int
    block: str
    halted: str | None = None


@dataclass(frozen=True)
class Why:
    """A node's diagnosis."""

    at: float
    verdict: str
    codes: tuple[str, ...]
    words: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """The nodes whom it calls missing."""


@dataclass(frozen=True)
class Weight:
    """What a process takes of the machine."""

    at: float
    pid: int
    memory_mb: float
    descriptors: int
    cpu_s: float
    blocks: int | None = None
    """That Python's objects take, as the node says; None where it did not answer."""


@dataclass(frozen=True)
class Seen:
    """A block as the clients read it, and which of their payments are in it."""

    at: float
    height: int
    block: str
    view: int
    final: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """A perturbation, as it was done: `nodes` has names in place of `primary`."""

    perturbation: Perturbation
    nodes: tuple[str, ...]
    begun: float
    ended: float


@dataclass(frozen=True)
class Chain:
    """What a node's API gives in the end, of some heights: each block's id names all before it."""

    blocks: Mapping[int, str]
    roots: Mapping[int, str]
    paid: int
    """Pennies on the payee's account."""


@dataclass
class Record:
    """All of a run."""

    manifest: Manifest
    loaded: float = 0.0
    """When the load began."""
    over: float = 0.0
    sights: Mapping[str, list[Sight]] = field(default_factory=dict)
    whys: Mapping[str, list[Why]] = field(default_factory=dict)
    weights: Mapping[str, list[Weight]] = field(default_factory=dict)
    seen: Sequence[Seen] = ()
    events: list[Event] = field(default_factory=list)
    chains: dict[str, Chain] = field(default_factory=dict)
    transactions: Sequence[tuple[str, ...]] = ()
    """Of each block from 1 on, as one node gives them."""
    faults: list[str] = field(default_factory=list)
    """What went wrong on the way: a node that ended by itself, an answer that never came."""
