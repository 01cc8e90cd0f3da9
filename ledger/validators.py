"""One validator: its record, its READY, and what can be wrong with it.

**READY** (rule R56). Who joins signs, with the key that will vote, its own record and the time of a
recent block: it has the key, it consents, and it was level with the chain a moment ago. Nobody
knows the time of a block before the block, so this cannot be signed ahead.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, Account, PublicName, UnknownAccount
from ledger.act import Act
from ledger.operation import Refusal, Refused
from ledger.parameters import PARAMETERS
from ledger.suspensions import SUSPENSIONS, KeySuspended
from ledger.window import WINDOW_IDS
from primitives.codec import encode
from primitives.crypto import check_signature
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import BadSignature
from primitives.ids import (
    AccountId,
    ChainId,
    Height,
    Natural,
    NodeKey,
    Signature,
    Sized32,
    Sized64,
    TimeMs,
    ValidatorKey,
)
from primitives.statements import ready_bytes


@final
class ValidatorRecord(Struct, array_like=True, frozen=True):
    """A public body with a vote."""

    name: Annotated[PublicName, Meta(min_length=1, description="the public body")]
    key: Annotated[ValidatorKey, Meta(min_length=32, max_length=32, description="key that votes")]
    node_key: Annotated[
        NodeKey, Meta(min_length=32, max_length=32, description="key of the node on the network")
    ]
    account: Annotated[
        AccountId,
        Meta(min_length=32, max_length=32, description="account that decides for the body"),
    ]


@final
class Ready(Struct, array_like=True, frozen=True):
    """A new validator's own word that it is there: it has the key, consents, and follows."""

    record: ValidatorRecord
    height: Annotated[Natural[Height], Meta(description="a recent block that its node has")]
    time_ms: Annotated[Natural[TimeMs], Meta(description="that block's time")]
    signature: Annotated[
        Sized64[Signature], Meta(description="by the key of the record, over all of this")
    ]


def ready_statement(
    chain: ChainId, record: ValidatorRecord, height: Height, time_ms: TimeMs
) -> bytes:
    """What the new validator's key signs."""
    named = digest(Domain.VALIDATOR_RECORD, encode(record))
    return ready_bytes(chain, height, time_ms, named)


@final
class Replacement(Struct, array_like=True, frozen=True):
    """One validator in another's place; with the same name and account it is a new key."""

    old: Annotated[Sized32[ValidatorKey], Meta(description="key that votes no longer")]
    new: Ready


class AlreadyTaken(Refusal, tag="validators.already_taken", frozen=True):
    """The {field} {value} is that of the validator {validator} already."""

    field: Literal["name", "key", "node_key", "account"]
    value: PublicName
    validator: PublicName


class AccountIsKept(Refusal, tag="validators.account_is_kept", frozen=True):
    """Account {account} has no keys itself, so it cannot decide for a validator."""

    account: Sized32[AccountId]


class KeyDecides(Refusal, tag="validators.key_decides", frozen=True):
    """The key {key} votes, so it must not sign for account {account} as well."""

    account: Sized32[AccountId]
    key: Sized32[ValidatorKey]


class ReadyNotRecent(Refusal, tag="validators.ready_not_recent", frozen=True):
    """READY of {key} names height {height}: not a recent block of this chain with that time."""

    key: Sized32[ValidatorKey]
    height: Natural[Height]


class ReadyNotSigned(Refusal, tag="validators.ready_not_signed", frozen=True):
    """READY of {key} is not signed by that key for this chain and this record."""

    key: Sized32[ValidatorKey]


def record_contradictions(record: ValidatorRecord, account: Account | None) -> Iterator[Refusal]:
    """What about one validator and its account cannot be."""
    if account is None:
        yield UnknownAccount(record.account)
    elif not account.keys:
        yield AccountIsKept(record.account)
    elif any(bytes(entry.key) == record.key for entry in account.keys):
        yield KeyDecides(record.account, record.key)


def taken(record: ValidatorRecord, others: Sequence[ValidatorRecord]) -> Iterator[AlreadyTaken]:
    """What of a validator is somebody else's: each name and key is one validator's own."""
    for other in others:
        if record.name == other.name:
            yield AlreadyTaken("name", record.name, other.name)
        if record.key in (bytes(other.key), bytes(other.node_key)):
            yield AlreadyTaken("key", record.key.hex(), other.name)
        if bytes(record.node_key) in (bytes(other.key), bytes(other.node_key)):
            yield AlreadyTaken("node_key", record.node_key.hex(), other.name)
        if record.account == other.account:
            yield AlreadyTaken("account", record.account.hex(), other.name)
    if bytes(record.key) == bytes(record.node_key):
        yield AlreadyTaken("node_key", record.node_key.hex(), record.name)


def require_fit(act: Act, record: ValidatorRecord) -> None:
    """Whether it can be a validator, whoever the others are.

    Raises:
        Refused: its key was suspended, or its account cannot decide for it.
    """
    culprit = act.state[SUSPENSIONS].find(record.key)
    if culprit is not None:
        raise Refused(KeySuspended(record.key, culprit.since))
    account = act.state[ACCOUNTS].find(record.account)
    for contradiction in record_contradictions(record, account):
        raise Refused(contradiction)


def require_ready(act: Act, ready: Ready) -> None:
    """Whether a newcomer said READY: recently, and with its own key (rule R56).

    Raises:
        Refused: it did not.
    """
    key = ready.record.key
    parameters = act.state[PARAMETERS].find(None)
    assert parameters is not None, "genesis sets the parameters"
    block = act.state[WINDOW_IDS].find(ready.height)
    if (
        block is None
        or block.time_ms != ready.time_ms
        or block.time_ms + parameters.window_ms < act.time_ms
    ):
        raise Refused(ReadyNotRecent(key, ready.height))
    statement = ready_statement(act.chain, ready.record, ready.height, ready.time_ms)
    try:
        check_signature(key, statement, ready.signature)
    except BadSignature as error:
        raise Refused(ReadyNotSigned(key)) from error
