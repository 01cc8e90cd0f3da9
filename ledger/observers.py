"""Observers: which nodes without a vote may connect, and whose they are (rule R64).

A row binds a node key to the account that answers for the node. It stays when the node is revoked,
with the block that did it: whoever meets the key afterwards finds out what became of it. One row
besides lists the keys in force, so that nobody walks over the revoked ones.

**Consent.** Who operates a node signs, with the key of the node, the record and the block time up
to which it may be used. So nobody is bound to an account by others, and no old word is used again
for ever.

**Validators.** A validator's node needs no row. It may have one of the same account: then it stays
connected when it votes no longer. Apart from that no name and no key is used twice, neither among
observers nor between them and the newest validators (`require_apart`).

Invariant: the keys in force are those of the rows without an end, ascending.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.accounts import ACCOUNTS, Account, PublicName, UnknownAccount
from ledger.act import Act
from ledger.operation import Refusal, Refused
from ledger.state import EntrySource, Table
from ledger.validators import ValidatorRecord
from primitives import limits
from primitives.codec import encode
from primitives.crypto import check_signature
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
)


@final
class ObserverRecord(Struct, array_like=True, frozen=True):
    """A node that follows, and whose it is."""

    name: Annotated[PublicName, Meta(min_length=1, description="what the node is called")]
    node_key: Annotated[
        NodeKey, Meta(min_length=32, max_length=32, description="key of the node on the network")
    ]
    account: Annotated[
        AccountId,
        Meta(min_length=32, max_length=32, description="account that answers for the node"),
    ]


@final
class Consent(Struct, array_like=True, frozen=True):
    """A node's own word that it is to be an observer, for this account and under this name."""

    record: ObserverRecord
    valid_until: Annotated[
        Natural[TimeMs], Meta(description="block time after which it is worth nothing")
    ]
    signature: Annotated[
        Sized64[Signature], Meta(description="by the node key of the record, over all of this")
    ]


@final
class ObserverRow(Struct, array_like=True, frozen=True):
    """The row of a node key: whose node it is, since when, and until when."""

    name: PublicName
    account: Sized32[AccountId]
    since: Annotated[Natural[Height], Meta(description="the block that admitted it")]
    until: Annotated[
        Natural[Height] | None, Meta(description="the block that revoked it; none is in force")
    ]

    @property
    def in_force(self) -> bool:
        """Whether the node may connect."""
        return self.until is None


@final
class InForceRow(Struct, array_like=True, frozen=True):
    """The one row that lists the observers in force; where there never was one, there is none."""

    changed: Annotated[Natural[Height], Meta(description="the last block that changed any of them")]
    node_keys: Annotated[
        tuple[Sized32[NodeKey], ...],
        Meta(max_length=limits.OBSERVERS_MAX, description="ascending"),
    ]


def _key(key: NodeKey) -> bytes:
    return key


def _only(_: None) -> bytes:
    return b"\0"


OBSERVERS: Final = Table[NodeKey, ObserverRow](16, "observers", _key, ObserverRow)
OBSERVERS_IN_FORCE: Final = Table[None, InForceRow](17, "observers_in_force", _only, InForceRow)

NOBODY: Final = InForceRow(Height(0), ())


class AlreadyObserver(Refusal, tag="observers.already_admitted", frozen=True):
    """The node {node_key} is the observer {name} of account {account} since block {since}."""

    node_key: Sized32[NodeKey]
    name: PublicName
    account: Sized32[AccountId]
    since: Natural[Height]


class NotAnObserver(Refusal, tag="observers.not_an_observer", frozen=True):
    """The node {node_key} is not, or no longer, an observer."""

    node_key: Sized32[NodeKey]


class ObserverTaken(Refusal, tag="observers.already_taken", frozen=True):
    """The {field} {value} is that of the {role} {holder} already."""

    field: Literal["name", "key", "node_key"]
    value: PublicName
    role: Literal["validator", "observer"]
    holder: PublicName


class ObserverIsKept(Refusal, tag="observers.account_is_kept", frozen=True):
    """Account {account} has no keys itself, so it cannot answer for a node."""

    account: Sized32[AccountId]


class TooManyObservers(Refusal, tag="observers.too_many", frozen=True):
    """There are {most} observers, and no more can be connected."""

    most: Annotated[int, Meta(ge=0, le=limits.OBSERVERS_MAX)]


class ConsentExpired(Refusal, tag="observers.consent_expired", frozen=True):
    """The consent of node {node_key} was good until {valid_until}, this block's time is {time}."""

    node_key: Sized32[NodeKey]
    valid_until: Natural[TimeMs]
    time: Natural[TimeMs]


class ConsentNotSigned(Refusal, tag="observers.consent_not_signed", frozen=True):
    """The consent of node {node_key} is not signed by that key for this chain and this record."""

    node_key: Sized32[NodeKey]


def consent_statement(chain: ChainId, record: ObserverRecord, valid_until: TimeMs) -> bytes:
    """What the key of a node signs to be an observer."""
    return Domain.OBSERVER_CONSENT.tag + chain + encode((record, valid_until))


# --- reading ------------------------------------------------------------------------------------


def changed_at(state: EntrySource) -> Height:
    """The last block that changed who is an observer."""
    return (OBSERVERS_IN_FORCE.read(state, None) or NOBODY).changed


def observers_in_force(state: EntrySource) -> dict[NodeKey, ObserverRow]:
    """The observers that may connect, ascending by node key."""
    rows: dict[NodeKey, ObserverRow] = {}
    for key in (OBSERVERS_IN_FORCE.read(state, None) or NOBODY).node_keys:
        row = OBSERVERS.read(state, key)
        assert row is not None, f"no row of the observer {key.hex()}, which is in force"
        rows[key] = row
    return rows


# --- what cannot be -----------------------------------------------------------------------------


def observer_contradictions(record: ObserverRecord, account: Account | None) -> Iterator[Refusal]:
    """What about one observer and its account cannot be."""
    if account is None:
        yield UnknownAccount(record.account)
    elif not account.keys:
        yield ObserverIsKept(record.account)


def taken_by_validators(
    record: ObserverRecord, validators: Sequence[ValidatorRecord]
) -> Iterator[ObserverTaken]:
    """What of an observer is a validator's; a validator's own node of its own account is not."""
    node = bytes(record.node_key)
    for other in validators:
        if node == bytes(other.node_key) and record.account == other.account:
            continue
        if record.name == other.name:
            yield ObserverTaken("name", record.name, "validator", other.name)
        if node in (bytes(other.key), bytes(other.node_key)):
            yield ObserverTaken("node_key", node.hex(), "validator", other.name)


def taken_by_observers(
    record: ObserverRecord | ValidatorRecord, observers: dict[NodeKey, ObserverRow]
) -> Iterator[ObserverTaken]:
    """What of a node is another observer's; of a validator, also its own as somebody else's."""
    votes = isinstance(record, ValidatorRecord)
    for key, row in observers.items():
        if key == record.node_key:
            if votes and row.account != record.account:
                yield ObserverTaken("node_key", key.hex(), "observer", row.name)
            continue
        if row.name == record.name:
            yield ObserverTaken("name", record.name, "observer", row.name)
        if isinstance(record, ValidatorRecord) and bytes(key) == bytes(record.key):
            yield ObserverTaken("key", record.key.hex(), "observer", row.name)


# --- changing -----------------------------------------------------------------------------------


def require_apart(act: Act, record: ValidatorRecord) -> None:
    """A validator that joins uses no name and no key of an observer, but its own account's.

    Raises:
        Refused: it does.
    """
    for refusal in taken_by_observers(record, _rows(act)):
        raise Refused(refusal)


def admit(act: Act, consent: Consent, validators: Sequence[ValidatorRecord]) -> ObserverRow:
    """Let a node connect from now on, or bind one in force anew; who decided it is not asked.

    `validators` are the newest.

    Raises:
        Refused: the node did not consent, or such an observer must not be.
    """
    record, observers = consent.record, _rows(act)
    known = observers.get(record.node_key)
    if known is not None and (known.name, known.account) == (record.name, record.account):
        raise Refused(AlreadyObserver(record.node_key, known.name, known.account, known.since))
    for contradiction in observer_contradictions(record, act.state[ACCOUNTS].find(record.account)):
        raise Refused(contradiction)
    for refusal in taken_by_validators(record, validators):
        raise Refused(refusal)
    for refusal in taken_by_observers(record, observers):
        raise Refused(refusal)
    if known is None and len(observers) >= limits.OBSERVERS_MAX:
        raise Refused(TooManyObservers(limits.OBSERVERS_MAX))
    _require_consent(act, consent)
    row = ObserverRow(record.name, record.account, act.height, None)
    act.state[OBSERVERS][record.node_key] = row
    _write_in_force(act, {*observers, record.node_key})
    return row


def revoke(act: Act, key: NodeKey) -> ObserverRow:
    """Let a node connect no longer; who decided it is not asked.

    Raises:
        Refused: it is not an observer.
    """
    row = in_force(act, key)
    act.state[OBSERVERS][key] = replace(row, until=act.height)
    _write_in_force(act, set(_keys(act)) - {key})
    return row


def in_force(act: Act, key: NodeKey) -> ObserverRow:
    """The row of an observer that may connect.

    Raises:
        Refused: it is not an observer.
    """
    row = act.state[OBSERVERS].find(key)
    if row is None or not row.in_force:
        raise Refused(NotAnObserver(key))
    return row


def _require_consent(act: Act, consent: Consent) -> None:
    key = consent.record.node_key
    if consent.valid_until < act.time_ms:
        raise Refused(ConsentExpired(key, consent.valid_until, act.time_ms))
    statement = consent_statement(act.chain, consent.record, consent.valid_until)
    try:
        check_signature(key, statement, consent.signature)
    except BadSignature as error:
        raise Refused(ConsentNotSigned(key)) from error


def _keys(act: Act) -> tuple[NodeKey, ...]:
    return (act.state[OBSERVERS_IN_FORCE].find(None) or NOBODY).node_keys


def _rows(act: Act) -> dict[NodeKey, ObserverRow]:
    return {key: in_force(act, key) for key in _keys(act)}


def _write_in_force(act: Act, keys: set[NodeKey]) -> None:
    act.state[OBSERVERS_IN_FORCE][None] = InForceRow(act.height, tuple(sorted(keys)))
