"""What may befall a world: one options Struct, drawn per seed from a profile.

Rates are per simulated second of the whole network, shares are between 0 and 1, spans are (least,
most). What happens follows from these numbers and the seed alone. The docstrings below are the
documentation of the fault model; `mithaq sim legend` prints them.
"""

import ast
import inspect
import itertools
from functools import cache
from typing import final

from msgspec import Struct

Span = tuple[int, int]


@final
class Faults(Struct, frozen=True, kw_only=True):
    """The fault model of one schedule."""

    # the network
    delay_ms: Span = (1, 20)
    """An ordinary letter takes so long; differing delays reorder letters."""
    loss: float = 0.0
    """Share of letters that are lost, each by itself."""
    duplication: float = 0.0
    """Share of letters that arrive twice."""
    stragglers: float = 0.0
    """Share of letters that take very much longer, by a heavy-tailed distribution."""
    straggle_ms: int = 4_000
    """The longest that a straggler takes."""
    partitions: float = 0.0
    """Rate of partitions: halves, an isolated node, or halves with one node that bridges them."""
    one_way: float = 0.0
    """Share of partitions that let letters through in one direction."""
    partition_ms: Span = (200, 4_000)
    """How long a partition lasts."""
    cuts: int = 0
    """Cuts correlated with (view, phase, sender, receiver), in force at every other height or so:
    by chance alone a block is hardly ever prepared at one node only."""

    # nodes
    crashes: float = 0.0
    """Rate of kills of one node between two deeds."""
    fuses: float = 0.0
    """Rate of power losses of one node before or after one of its next effects: a write of the
    database, one of the signer's file, or a message."""
    failed_syncs: float = 0.0
    """Rate of writes that fail, or whose sync fails although the data is there: the process
    ends."""
    blackouts: float = 0.0
    """Rate of power losses of all nodes at once."""
    traps: float = 0.0
    """Rate of power losses of all nodes just when a statement of a drawn kind leaves its author."""
    upgrades: float = 0.0
    """Rate of upgrades: each node in turn is restarted when it has decided a height."""
    down_ms: Span = (50, 3_000)
    """How long a node is down."""
    pauses: float = 0.0
    """Rate of pauses of one node, as by a suspended machine: what comes waits, timers are late."""
    pause_ms: Span = (200, 4_000)
    """How long a pause lasts."""
    skew_ms: int = 100
    """Every clock is off by up to this, ahead or behind."""
    jumps: float = 0.0
    """Rate of jumps of one clock, ahead or behind; put right after a while."""
    jump_ms: Span = (1_000, 60_000)
    """How far a clock jumps."""

    # weak nodes: at most f together with the byzantine ones
    rollbacks: float = 0.0
    """Share of restarts of a weak node that find an old backup of the database, and the signer's
    file as it was (R40)."""
    amnesia: float = 0.0
    """Share of restarts of a weak node that find an old backup of both; the node may break its word
    then, and is excused from honesty (R41)."""
    lost_files: float = 0.0
    """Share of restarts of a weak node that find no signer's file."""
    rot: float = 0.0
    """Share of restarts of a weak node that find bits of the state tree flipped (R31)."""
    byzantine: tuple[tuple[int, str], ...] = ()
    """Seats that lie, and how (sim/byzantine)."""

    # validators that come and go; such worlds have real keys
    changes: float = 0.0
    """Rate of changes of validators that the bodies sign: one joins, one leaves, or one
    takes another's place."""
    reports: float = 0.0
    """Rate at which somebody takes evidence that a node holds to the chain."""

    # the load and the length
    payment_ms: Span = (50, 600)
    """Between two payments, each to the door of a drawn node."""
    heartbeat_ms: int = 60_000
    """The network's heartbeat: without work an empty block is due after this."""
    t0_ms: int = 1_000
    """The network's timeout of view 0."""
    tmax_ms: int = 10_000
    """The network's longest timeout."""
    heights: int = 5
    """Blocks that are decided at least, before the world is healed or afterwards."""
    turmoil_ms: int = 20_000
    """The world is healed after this, or when it has seen enough heights and faults."""
    night_ms: int = 0
    """How long there is no quorum at all before the world is healed."""


@cache
def documentation() -> dict[str, str]:
    """What each fault is, by its name: the docstrings above, each in one line."""
    (struct,) = ast.parse(inspect.getsource(Faults)).body
    assert isinstance(struct, ast.ClassDef), "Faults is a class"
    found: dict[str, str] = {}
    for field, text in itertools.pairwise(struct.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                found[name] = " ".join(words.split())
    return found
