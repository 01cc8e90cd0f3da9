"""What consensus and the ledger are set to (consensus.md §15), and who may set it.

Parameters stand on chain, in no local file. Genesis names a **governor**: a body without keys,
which acts by its motions alone (K6). Nobody else changes a parameter, so none changes without a
motion that its members passed; in a network that has no governor none ever changes.

A change takes effect with the next block: block H+1 is proposed, built, timed and judged by what
stands in the state of block H. So whoever reads a state, at whatever height, reads with it what was
in force for the block after it; nobody remembers parameters anywhere else.
"""

from collections.abc import Iterator
from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, final

import msgspec
from msgspec import Meta, Struct

from ledger.accounts import PublicName
from ledger.operation import Refusal, Refused
from ledger.state import EntrySource, Table
from primitives import kernel_limits, limits
from primitives.ids import AccountId, Natural, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

_Milliseconds = Annotated[int, Meta(ge=1, le=limits.WINDOW_MS_MAX)]


@final
class Parameters(Struct, array_like=True, frozen=True):
    """Times in milliseconds."""

    t0_ms: Annotated[_Milliseconds, Meta(description="timeout of view 0")]
    tmax_ms: Annotated[_Milliseconds, Meta(description="longest timeout of a view")]
    heartbeat_ms: Annotated[_Milliseconds, Meta(description="an empty block is due after")]
    minimum_interval_ms: Annotated[_Milliseconds, Meta(description="between two blocks at least")]
    drift_ms: Annotated[
        _Milliseconds, Meta(description="a fresh block's time may be ahead of a clock by")
    ]
    window_ms: Annotated[
        _Milliseconds, Meta(description="a transaction's valid_until may be ahead of a block by")
    ]
    minimum_validators: Annotated[
        int, Meta(ge=1, le=limits.VALIDATORS_MAX, description="a network has at least")
    ]


DEFAULTS: Final = Parameters(
    t0_ms=1_000,
    tmax_ms=10_000,
    heartbeat_ms=60_000,
    minimum_interval_ms=100,
    drift_ms=500,
    window_ms=7_200_000,
    minimum_validators=4,
)


@unique
class ParameterName(Enum):
    """Which parameter."""

    T0_MS = "t0_ms"
    TMAX_MS = "tmax_ms"
    HEARTBEAT_MS = "heartbeat_ms"
    MINIMUM_INTERVAL_MS = "minimum_interval_ms"
    DRIFT_MS = "drift_ms"
    WINDOW_MS = "window_ms"
    MINIMUM_VALIDATORS = "minimum_validators"


@final
class ParameterChange(Struct, array_like=True, frozen=True):
    """One parameter and its new value. Only what is named changes, whatever was set meanwhile."""

    name: Annotated[ParameterName, Meta(description="which parameter")]
    value: Annotated[Natural[int], Meta(description="times in milliseconds")]


ParameterChanges = Annotated[
    tuple[ParameterChange, ...], Meta(min_length=1, max_length=kernel_limits.PARAMETER_CHANGES_MAX)
]


@final
class Network(Struct, array_like=True, frozen=True):
    """The row of the network itself."""

    name: PublicName
    governor: Sized32[AccountId] | None


def _only(_: None) -> bytes:
    return b"\0"


PARAMETERS: Final = Table[None, Parameters](8, "parameters", _only, Parameters)
NETWORK: Final = Table[None, Network](9, "network", _only, Network)


class NotTheGovernor(Refusal, tag="parameters.not_the_governor", frozen=True):
    """Account {account} is not the governor ({governor}), which decides this by motion."""

    account: Sized32[AccountId]
    governor: Sized32[AccountId] | None


class ParameterOutOfRange(Refusal, tag="parameters.out_of_range", frozen=True):
    """The parameter {name} cannot be {value}: expected {least} to {most}."""

    name: ParameterName
    value: Natural[int]
    least: Natural[int]
    most: Natural[int]


class ParameterTwice(Refusal, tag="parameters.named_twice", frozen=True):
    """The parameter {name} is changed twice."""

    name: ParameterName


class TimeoutsReversed(Refusal, tag="parameters.timeouts_reversed", frozen=True):
    """t0_ms is {t0_ms}, expected at most tmax_ms, {tmax_ms}."""

    t0_ms: Natural[int]
    tmax_ms: Natural[int]


class HeartbeatTooShort(Refusal, tag="parameters.heartbeat_too_short", frozen=True):
    """minimum_interval_ms is {minimum_interval_ms}, expected at most {heartbeat_ms}."""

    minimum_interval_ms: Natural[int]
    heartbeat_ms: Natural[int]


class MinimumNotReached(Refusal, tag="parameters.minimum_not_reached", frozen=True):
    """There are {validators} validators, expected at least minimum_validators, {minimum}."""

    validators: Natural[int]
    minimum: Natural[int]


def parameters(state: EntrySource) -> Parameters:
    """The parameters in force."""
    row = PARAMETERS.read(state, None)
    assert row is not None, "genesis sets the parameters"
    return row


def governor_of(act: "Act") -> AccountId | None:
    """The body that decides by motion what nobody may decide alone; None if there is none."""
    row = act.state[NETWORK].find(None)
    assert row is not None, "genesis names the network"
    return row.governor


def require_governor(act: "Act") -> None:
    """The actor is the governor, so a motion of it was passed.

    Raises:
        Refused: it is somebody else.
    """
    governing = governor_of(act)
    if act.actor != governing:
        raise Refused(NotTheGovernor(act.actor, governing))


def value_of(set_to: Parameters, name: ParameterName) -> int:
    """What one parameter is set to."""
    value: int = getattr(set_to, name.value)
    return value


def set_parameters(act: "Act", changes: ParameterChanges, validators: int) -> Parameters:
    """Change what is named, in a network of so many validators; what was set before.

    Whether the actor may is not asked.

    Raises:
        Refused: one is named twice or out of its range, or together they contradict each other.
    """
    rows = act.state[PARAMETERS]
    row = rows.find(None)
    assert row is not None, "genesis sets the parameters"
    values: dict[str, int] = msgspec.structs.asdict(row)
    named: set[ParameterName] = set()
    for change in changes:
        if change.name in named:
            raise Refused(ParameterTwice(change.name))
        named.add(change.name)
        least, most = RANGES[change.name]
        if not least <= change.value <= most:
            raise Refused(ParameterOutOfRange(change.name, change.value, least, most))
        values[change.name.value] = change.value
    changed = Parameters(**values)
    for refusal in contradictions(changed, validators):
        raise Refused(refusal)

    rows[None] = changed
    return row


def contradictions(set_to: Parameters, validators: int) -> Iterator[Refusal]:
    """What about parameters cannot be in a network of so many validators; genesis asks it too."""
    if set_to.t0_ms > set_to.tmax_ms:
        yield TimeoutsReversed(set_to.t0_ms, set_to.tmax_ms)
    if set_to.minimum_interval_ms > set_to.heartbeat_ms:
        yield HeartbeatTooShort(set_to.minimum_interval_ms, set_to.heartbeat_ms)
    if validators < set_to.minimum_validators:
        yield MinimumNotReached(validators, set_to.minimum_validators)


def _ranges() -> dict[ParameterName, tuple[int, int]]:
    found = msgspec.inspect.type_info(Parameters)
    assert isinstance(found, msgspec.inspect.StructType)
    kinds = {field.name: _integer(field.type) for field in found.fields}
    return {name: (kinds[name.value].ge or 0, kinds[name.value].le or 0) for name in ParameterName}


def _integer(kind: msgspec.inspect.Type) -> msgspec.inspect.IntType:
    if isinstance(kind, msgspec.inspect.Metadata):  # it carries the description
        kind = kind.type
    assert isinstance(kind, msgspec.inspect.IntType), f"{kind} is no integer"
    return kind


RANGES: Final = _ranges()
"""The lowest and the highest value of each: what its type says."""
