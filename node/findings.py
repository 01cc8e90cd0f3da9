"""A finding: one thing that is not as it should be, in words, and what to do about it.

Codes are for programs and stay (docs/why.md); words are for whoever is called at night. Each says
what is seen from here and since when, never more; the advice names who has to do what.
"""

from enum import Enum, StrEnum, unique
from typing import Final, final

from msgspec import Struct

from node.facts import Facts, Seen
from node.plain_words import names, since
from primitives.ids import Natural, TimeMs


@unique
class Code(StrEnum):
    """In the order in which findings of one weight are told."""

    HALTED = "halted"
    NOT_ADMITTED = "not_admitted"
    QUORUM_MISSING = "quorum.missing"
    PARTITION = "partition"
    VALIDATOR_MISSING = "validator.missing"
    VALIDATOR_FENCED = "validator.fenced"
    VALIDATOR_STARTING = "validator.starting"
    PHASE_WAITING = "phase.waiting"
    PRIMARY_SILENT = "primary.silent"
    CLOCK_OFF = "clock.off"
    DISK_LOW = "disk.low"
    CATCHING_UP = "catching_up"
    VALIDATOR_BEHIND = "validator.behind"
    LOOP_LAGGING = "loop.lagging"
    MEMPOOL_FULL = "mempool.full"
    PARAMETERS_DIFFER = "parameters.differ"
    VERSION_DIFFERS = "version.differs"
    VALIDATOR_SUSPENDED = "validator.suspended"
    IDLE = "idle"


RANK: Final = {code.value: rank for rank, code in enumerate(Code)}


@unique
class Weight(Enum):
    """What follows from a finding, the worst first."""

    STOPS = "stops"
    """No block is decided while it lasts, or this node follows none."""
    SLOWS = "slows"
    """It costs time, or the margin for the next failure."""
    REMARK = "remark"
    """It is good to know."""


@final
class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    code: str
    weight: Weight
    words: str
    advice: str
    """What to do, in one sentence; empty where nothing is to be done."""
    validators: tuple[str, ...]
    """Whom it is about, by name, in the order of their seats."""
    since_ms: Natural[TimeMs] | None
    """By this machine's clock; None where there is no such moment, or nobody knows it."""


def found(
    code: Code,
    weight: Weight,
    words: str,
    advice: str,
    *,
    about: tuple[Seen, ...] = (),
    since_ms: TimeMs | None = None,
) -> Finding:
    """Made in one way."""
    return Finding(
        code=code.value,
        weight=weight,
        words=words,
        advice=advice,
        validators=tuple(one.name for one in about),
        since_ms=since_ms,
    )


def listed(of: tuple[Seen, ...], *, last: str = "and") -> str:
    """Their names."""
    return names([one.name for one in of], last=last)


def ago(facts: Facts, age_ms: int) -> str:
    """Since when, for people."""
    return since(age_ms, facts.now_ms)


def moment(facts: Facts, age_ms: int) -> TimeMs:
    """Since when, for programs."""
    return TimeMs(max(0, facts.now_ms - age_ms))
