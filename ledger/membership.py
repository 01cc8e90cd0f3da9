"""Validators: which public bodies vote at which height.

A row says which validators govern from its height on, until the next row. Membership is so a
function of height: what a block decides takes effect two heights later, and the state before a
block already says who votes on it and on the next (rule R45).
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.accounts import PublicName
from ledger.state import StateReader, Table
from primitives import limits
from primitives.ids import Height, NodeKey, ValidatorKey
from primitives.validators import ValidatorSet


@final
class ValidatorRecord(Struct, array_like=True, frozen=True):
    """A public body with a vote."""

    name: Annotated[PublicName, Meta(min_length=1, description="the public body")]
    key: Annotated[ValidatorKey, Meta(min_length=32, max_length=32, description="key that votes")]
    node_key: Annotated[
        NodeKey, Meta(min_length=32, max_length=32, description="key of the node on the network")
    ]


@final
class ValidatorsRow(Struct, array_like=True, frozen=True):
    """The row of the validators that govern from a height on, ascending by key."""

    validators: Annotated[
        tuple[ValidatorRecord, ...], Meta(min_length=1, max_length=limits.VALIDATORS_MAX)
    ]


def _from_height(height: Height) -> bytes:
    return height.to_bytes(8, "big")


VALIDATORS: Final = Table[Height, ValidatorsRow](7, "validators", _from_height, ValidatorsRow)


def validator_records(state: StateReader, height: Height) -> tuple[ValidatorRecord, ...]:
    """Who votes at a height, in order of seats. The state after block h knows heights ≤ h + 2."""
    assert height <= state.height + 2, f"state of height {state.height} asked about {height}"
    latest: ValidatorsRow | None = None
    for key, row in VALIDATORS.scan(state, limit=2**31):
        if int.from_bytes(key, "big") > height:
            break
        latest = row
    assert latest is not None, "genesis names the validators of every height to come"
    return latest.validators


def validators_at(state: StateReader, height: Height) -> ValidatorSet:
    """The validator set of a height, as `validator_records`."""
    return ValidatorSet(tuple(record.key for record in validator_records(state, height)))
