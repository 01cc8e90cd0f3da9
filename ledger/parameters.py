"""What consensus and the ledger are set to (consensus.md §15): on chain, in no local file."""

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.accounts import PublicName
from ledger.state import EntrySource, Table
from primitives import limits

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


@final
class Network(Struct, array_like=True, frozen=True):
    """The row of the network itself."""

    name: PublicName


def _only(_: None) -> bytes:
    return b"\0"


PARAMETERS: Final = Table[None, Parameters](8, "parameters", _only, Parameters)
NETWORK: Final = Table[None, Network](9, "network", _only, Network)


def parameters(state: EntrySource) -> Parameters:
    """The parameters in force."""
    row = PARAMETERS.read(state, None)
    assert row is not None, "genesis sets the parameters"
    return row
