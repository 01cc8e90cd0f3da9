"""Validators: which public bodies vote at which height, and how that changes.

A row says which validators govern from its height on, until the next row; it names the row before
it, and all of them stay: evidence about an old height needs its validators. Membership is so a
function of height (rule R45): what block h decides is in force at h + 2, and the state before a
block already says who votes on it and on the next.

**Changes.** One change is a validator that joins, one that leaves, or one that takes another's
place. `change_validators` is the rule; `require_quorum` asks the bodies of the validators for it,
and another way of deciding may take its place. `suspend` is what evidence does. Nobody else writes
these rows (rules R53-R55).

**READY** (rule R56). Who joins signs, with the key that will vote, its own record and the time of a
recent block: it has the key, it consents, and it was level with the chain a moment ago. Nobody
knows the time of a block before the block, so this cannot be signed ahead.

Invariants: records ascend by key; no two share a name, a key, a node key or an account; there are
at least `minimum_validators`; a marked validator (suspended, but needed for that minimum) is one of
the newest row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.accounts import ACCOUNTS, Account, PublicName, UnknownAccount
from ledger.act import THRESHOLD_NOT_REACHED, Act
from ledger.operation import Refusal, Refused
from ledger.parameters import PARAMETERS
from ledger.state import EntrySource, StateReader, Table
from ledger.suspensions import SUSPENSIONS, KeySuspended
from ledger.window import WINDOW_IDS
from primitives import limits
from primitives.codec import encode
from primitives.crypto import check_signature
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import BadSignature, Rejected
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
from primitives.validators import ValidatorSet, faults_tolerated, quorum

Count = Annotated[int, Meta(ge=0, le=4 * limits.VALIDATORS_MAX)]


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


Records = Annotated[
    tuple[ValidatorRecord, ...], Meta(min_length=1, max_length=limits.VALIDATORS_MAX)
]


@final
class ValidatorsRow(Struct, array_like=True, frozen=True):
    """The row of the validators that govern from a height on, ascending by key."""

    validators: Records
    previous: Annotated[
        Natural[Height] | None, Meta(description="height of the row before; none at genesis")
    ]


@final
class Membership(Struct, array_like=True, frozen=True):
    """The one row that says where the rows of validators end, and who is marked."""

    newest: Annotated[Natural[Height], Meta(description="height of the newest row")]
    changes: Annotated[Count, Meta(description="changes that made it, all of one block")]
    suspended: Annotated[
        tuple[Sized32[ValidatorKey], ...],
        Meta(max_length=limits.VALIDATORS_MAX, description="marked validators, the first first"),
    ]


def _from_height(height: Height) -> bytes:
    return height.to_bytes(8, "big")


def _only(_: None) -> bytes:
    return b"\0"


VALIDATORS: Final = Table[Height, ValidatorsRow](7, "validators", _from_height, ValidatorsRow)
MEMBERSHIP: Final = Table[None, Membership](12, "membership", _only, Membership)


# --- reading ------------------------------------------------------------------------------------


def validator_records(state: StateReader, height: Height) -> tuple[ValidatorRecord, ...]:
    """Who votes at a height, in order of seats. The state after block h knows heights ≤ h + 2."""
    assert height <= state.height + 2, f"state of height {state.height} asked about {height}"
    membership = MEMBERSHIP.read(state, None)
    return _row_of(height, membership, lambda at: VALIDATORS.read(state, at)).validators


def validators_at(state: StateReader, height: Height) -> ValidatorSet:
    """The validator set of a height, as `validator_records`."""
    return _set_of(validator_records(state, height))


def records_in(act: Act, height: Height) -> tuple[ValidatorRecord, ...]:
    """Who votes at a height, as a rule sees it: with what this block has changed already."""
    assert height <= act.height + 2, f"a rule at height {act.height} asks about {height}"
    membership = act.state[MEMBERSHIP].find(None)
    return _row_of(height, membership, act.state[VALIDATORS].find).validators


def validators_in(act: Act, height: Height) -> ValidatorSet:
    """The validator set of a height, as `records_in`."""
    return _set_of(records_in(act, height))


def suspended(state: EntrySource) -> frozenset[ValidatorKey]:
    """Who is marked: proved to have broken a promise, and kept for the minimum's sake."""
    membership = MEMBERSHIP.read(state, None)
    assert membership is not None, "genesis says who is a member"
    return frozenset(membership.suspended)


def _row_of(
    height: Height,
    membership: Membership | None,
    find: Callable[[Height], ValidatorsRow | None],
) -> ValidatorsRow:
    assert membership is not None, "genesis says who is a member"
    at = membership.newest
    while True:
        row = find(at)
        assert row is not None, f"no row of validators at height {at}, which another one names"
        if at <= height:
            return row
        assert row.previous is not None, "the row of genesis governs from height 0"
        at = row.previous


def _set_of(records: Sequence[ValidatorRecord]) -> ValidatorSet:
    return ValidatorSet(tuple(record.key for record in records))


# --- who joins ----------------------------------------------------------------------------------


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


# --- refusals -----------------------------------------------------------------------------------


class NothingToChange(Refusal, tag="membership.nothing_to_change", frozen=True):
    """The change names no validator."""


class TooManyChanges(Refusal, tag="membership.too_many_changes", frozen=True):
    """Block {height} would change {changes} validators, at most {most} are allowed in one block."""

    height: Natural[Height]
    changes: Count
    most: Count


class NotAValidator(Refusal, tag="membership.not_a_validator", frozen=True):
    """{key} is not, or no longer, a validator's key at height {height}."""

    key: Sized32[ValidatorKey]
    height: Natural[Height]


class TooFewValidators(Refusal, tag="membership.too_few", frozen=True):
    """There would be {size} validators, at least {minimum} must remain."""

    size: Count
    minimum: Count


class TooManyValidators(Refusal, tag="membership.too_many", frozen=True):
    """There would be {size} validators, at most {most} can vote."""

    size: Count
    most: Count


class AlreadyTaken(Refusal, tag="membership.already_taken", frozen=True):
    """The {field} {value} is that of the validator {validator} already."""

    field: Literal["name", "key", "node_key", "account"]
    value: PublicName
    validator: PublicName


class AccountIsKept(Refusal, tag="membership.account_is_kept", frozen=True):
    """Account {account} has no keys itself, so it cannot decide for a validator."""

    account: Sized32[AccountId]


class KeyDecides(Refusal, tag="membership.key_decides", frozen=True):
    """The key {key} votes, so it must not sign for account {account} as well."""

    account: Sized32[AccountId]
    key: Sized32[ValidatorKey]


class ReadyNotRecent(Refusal, tag="membership.ready_not_recent", frozen=True):
    """READY of {key} names height {height}: not a recent block of this chain with that time."""

    key: Sized32[ValidatorKey]
    height: Natural[Height]


class ReadyNotSigned(Refusal, tag="membership.ready_not_signed", frozen=True):
    """READY of {key} is not signed by that key for this chain and this record."""

    key: Sized32[ValidatorKey]


def record_contradictions(record: ValidatorRecord, account: Account | None) -> Iterator[Refusal]:
    """What about one validator and its account cannot be."""
    if account is None:
        yield UnknownAccount(record.account)
    elif account.keeper is not None:
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


# --- changing -----------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who joins, who leaves, who takes whose place."""

    add: tuple[Ready, ...] = ()
    remove: tuple[ValidatorKey, ...] = ()
    replace: tuple[Replacement, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a change did, and from which height on it is in force."""

    height: Height
    added: tuple[ValidatorRecord, ...]
    removed: tuple[ValidatorRecord, ...]


@unique
class Suspension(Enum):
    """What became of a validator that evidence names."""

    REMOVED = "removed"
    """It has no vote from height h + 2 on."""
    MARKED = "marked"
    """The minimum needs it: it votes until a new validator takes its place."""
    ABSENT = "absent"
    """It has no vote at height h + 2 anyway."""


def require_quorum(act: Act) -> None:
    """The bodies of a quorum of the validators of this height signed (rule R54).

    Not a refusal, as `Act.require_present`: whoever relays could leave a signature away.

    Raises:
        Rejected: fewer did.
    """
    records = records_in(act, act.height)
    needed = quorum(len(records))
    present = [record for record in records if act.is_present(record.account)]
    if len(present) < needed:
        missing = [record.name for record in records if record not in present]
        raise Rejected(
            THRESHOLD_NOT_REACHED,
            f"{len(present)} of {len(records)} validators' accounts signed, expected {needed}; "
            f"without: {', '.join(missing)}",
            {
                "expected": f"at least {needed} accounts of validators",
                "actual": len(present),
                "missing": [record.account.hex() for record in records if record not in present],
            },
        )
    for record in present:
        act.require_present(record.account)


def change_validators(act: Act, change: Change) -> Changed:
    """Change who votes from height h + 2 on; who decided it is not asked (rules R53, R55, R56).

    A validator that joins takes the place of the one that is marked the longest, if any is.

    Raises:
        Refused: the change is not one, or what would come of it must not be.
    """
    now = _Newest.of(act)
    count = len(change.add) + len(change.remove) + len(change.replace)
    if count == 0:
        raise Refused(NothingToChange())
    now.require_room(count)
    gone = [*change.remove, *(one.old for one in change.replace)]
    removed = [now.take(key) for key in gone]
    removed += [now.take(key) for key in now.marked[: len(change.add)]]
    joining = [*change.add, *(one.new for one in change.replace)]
    now.require_size(len(now.records) + len(joining))
    for ready in joining:
        _require_fit(act, ready.record, now.records)
        _require_ready(act, ready)
        now.records.append(ready.record)
    now.write(count)
    added = tuple(ready.record for ready in joining)
    return Changed(height=now.height, added=added, removed=tuple(removed))


def suspend(act: Act, key: ValidatorKey) -> Suspension:
    """Take a validator's vote from height h + 2 on, or mark it if the minimum needs it (R55).

    Raises:
        Refused: this block has changed as many validators as it may.
    """
    now = _Newest.of(act)
    if key in now.marked:
        return Suspension.MARKED
    if all(record.key != key for record in now.records):
        return Suspension.ABSENT
    if len(now.records) - 1 < now.minimum:
        now.mark(key)
        return Suspension.MARKED
    now.require_room(1)
    now.take(key)
    now.write(1)
    return Suspension.REMOVED


@final
@dataclass(slots=True)
class _Newest:
    """The newest validators while a rule changes them; written back as those of height h + 2."""

    act: Act
    membership: Membership
    records: list[ValidatorRecord]
    marked: list[ValidatorKey]

    @classmethod
    def of(cls, act: Act) -> "_Newest":
        membership = act.state[MEMBERSHIP].find(None)
        assert membership is not None, "genesis says who is a member"
        records = records_in(act, Height(act.height + 2))
        return cls(act, membership, list(records), list(membership.suspended))

    @property
    def height(self) -> Height:
        return Height(self.act.height + 2)

    @property
    def minimum(self) -> int:
        parameters = self.act.state[PARAMETERS].find(None)
        assert parameters is not None, "genesis sets the parameters"
        return parameters.minimum_validators

    @property
    def made(self) -> int:
        """Changes that this block has made already."""
        return self.membership.changes if self.membership.newest == self.height else 0

    def require_room(self, count: int) -> None:
        """At most max(1, f) changes per block, all its transactions together (rule R53)."""
        before = len(records_in(self.act, Height(self.act.height + 1)))
        most = max(1, faults_tolerated(before))
        if self.made + count > most:
            raise Refused(TooManyChanges(self.act.height, self.made + count, most))

    def require_size(self, size: int) -> None:
        if size < self.minimum:
            raise Refused(TooFewValidators(size, self.minimum))
        if size > limits.VALIDATORS_MAX:
            raise Refused(TooManyValidators(size, limits.VALIDATORS_MAX))

    def take(self, key: ValidatorKey) -> ValidatorRecord:
        """Out with a validator, and with its mark."""
        for record in self.records:
            if record.key == key:
                self.records.remove(record)
                self.marked = [other for other in self.marked if other != key]
                return record
        raise Refused(NotAValidator(key, self.height))

    def mark(self, key: ValidatorKey) -> None:
        marked = (*self.marked, key)
        self.act.state[MEMBERSHIP][None] = replace(self.membership, suspended=marked)

    def write(self, count: int) -> None:
        rows, newest = self.act.state[VALIDATORS], self.membership.newest
        row = rows.find(newest)
        assert row is not None, "the newest row is there"
        previous = row.previous if newest == self.height else newest
        ordered = tuple(sorted(self.records, key=lambda record: record.key))
        rows[self.height] = ValidatorsRow(ordered, previous)
        self.act.state[MEMBERSHIP][None] = Membership(
            self.height, self.made + count, tuple(self.marked)
        )


def _require_fit(act: Act, record: ValidatorRecord, others: Sequence[ValidatorRecord]) -> None:
    for refusal in taken(record, others):
        raise Refused(refusal)
    culprit = act.state[SUSPENSIONS].find(record.key)
    if culprit is not None:
        raise Refused(KeySuspended(record.key, culprit.since))
    account = act.state[ACCOUNTS].find(record.account)
    for contradiction in record_contradictions(record, account):
        raise Refused(contradiction)


def _require_ready(act: Act, ready: Ready) -> None:
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
