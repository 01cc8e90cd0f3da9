"""Validators: which public bodies vote at which height, and how that changes.

A row says which validators govern from its height on, until the next row; it names the row before
it, and all of them stay: evidence about an old height needs its validators. Membership is so a
function of height (rule R45): what block h decides is in force at h + 2, and the state before a
block already says who votes on it and on the next.

**Changes.** One change is a validator that joins, one that leaves, or one that takes another's
place. `change_validators` is the rule; `require_quorum` asks the bodies of the validators for it,
and another way of deciding may take its place. `suspend` is what evidence does. Nobody else writes
these rows (rules R53-R55). Who may join is `ledger.validators`' to say (R56).

Invariants: records ascend by key; no two share a name, a key, a node key or an account; there are
at least `minimum_validators`; a marked validator (suspended, but needed for that minimum) is one of
the newest row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.act import THRESHOLD_NOT_REACHED, Act
from ledger.observers import require_apart
from ledger.operation import Refusal, Refused
from ledger.parameters import PARAMETERS
from ledger.state import EntrySource, StateReader, Table
from ledger.validators import Ready, Replacement, ValidatorRecord, require_fit, require_ready, taken
from primitives import limits
from primitives.errors import Rejected
from primitives.ids import (
    Height,
    Natural,
    Sized32,
    ValidatorKey,
)
from primitives.validators import ValidatorSet, faults_tolerated, quorum

Count = Annotated[int, Meta(ge=0, le=4 * limits.VALIDATORS_MAX)]


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


def newest_row(state: EntrySource) -> Height:
    """From which height on the newest validators govern."""
    membership = MEMBERSHIP.read(state, None)
    assert membership is not None, "genesis says who is a member"
    return membership.newest


def earlier_records(
    state: EntrySource, *, down_to: Height
) -> Iterator[tuple[ValidatorRecord, ...]]:
    """Who voted, row by row from the newest down to the one that governs from `down_to` on."""
    at: Height | None = newest_row(state)
    while at is not None and at >= down_to:
        row = VALIDATORS.read(state, at)
        assert row is not None, f"no row of validators at height {at}, which another one names"
        yield row.validators
        at = row.previous


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


# --- changing -----------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who joins, who leaves, who takes whose place."""

    add: tuple[Ready, ...] = ()
    remove: tuple[ValidatorKey, ...] = ()
    replace: tuple[Replacement, ...] = ()

    @property
    def size(self) -> int:
        """How many changes it is (rule R53)."""
        return len(self.add) + len(self.remove) + len(self.replace)

    @property
    def leaving(self) -> tuple[ValidatorKey, ...]:
        """Whose vote it takes."""
        return (*self.remove, *(one.old for one in self.replace))

    @property
    def joining(self) -> tuple[Ready, ...]:
        """Whom it gives one."""
        return (*self.add, *(one.new for one in self.replace))


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


def changes_allowed(validators: int) -> int:
    """How many changes a block may make where so many vote: max(1, f) (rule R53)."""
    return max(1, faults_tolerated(validators))


def altered(
    records: Sequence[ValidatorRecord],
    marked: Sequence[ValidatorKey],
    change: Change,
    *,
    height: Height,
    minimum: int,
) -> tuple[tuple[ValidatorRecord, ...], tuple[ValidatorRecord, ...]]:
    """Who would vote after a change, and who no longer: what is about the validators alone (R55).

    Raises:
        Refused: the change is not one, or what would come of it must not be.
    """
    if change.size == 0:
        raise Refused(NothingToChange())
    left = {record.key: record for record in records}
    removed: list[ValidatorRecord] = []
    replaced = [key for key in marked if key not in change.leaving][: len(change.add)]
    for key in (*change.leaving, *replaced):
        if key not in left:
            raise Refused(NotAValidator(key, height))
        removed.append(left.pop(key))
    size = len(left) + len(change.joining)
    if size < minimum:
        raise Refused(TooFewValidators(size, minimum))
    if size > limits.VALIDATORS_MAX:
        raise Refused(TooManyValidators(size, limits.VALIDATORS_MAX))
    for ready in change.joining:
        for refusal in taken(ready.record, tuple(left.values())):
            raise Refused(refusal)
        left[ready.record.key] = ready.record
    return tuple(sorted(left.values(), key=lambda record: record.key)), tuple(removed)


def change_validators(act: Act, change: Change) -> Changed:
    """Change who votes from height h + 2 on; who decided it is not asked (rules R53, R55, R56).

    A validator that joins takes the place of the one that is marked the longest, if any is.

    Raises:
        Refused: the change is not one, or what would come of it must not be.
    """
    now = _Newest.of(act)
    now.require_room(change.size)
    records, removed = altered(
        now.records, now.marked, change, height=now.height, minimum=now.minimum
    )
    for ready in change.joining:
        require_fit(act, ready.record)
        require_apart(act, ready.record)
        require_ready(act, ready)
    now.write(records, change.size)
    added = tuple(ready.record for ready in change.joining)
    return Changed(height=now.height, added=added, removed=removed)


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
    now.write([record for record in now.records if record.key != key], 1)
    return Suspension.REMOVED


@final
@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest validators as a rule finds them; written back as those of height h + 2."""

    act: Act
    membership: Membership
    records: tuple[ValidatorRecord, ...]

    @classmethod
    def of(cls, act: Act) -> "_Newest":
        membership = act.state[MEMBERSHIP].find(None)
        assert membership is not None, "genesis says who is a member"
        return cls(act, membership, records_in(act, Height(act.height + 2)))

    @property
    def height(self) -> Height:
        return Height(self.act.height + 2)

    @property
    def marked(self) -> tuple[ValidatorKey, ...]:
        return self.membership.suspended

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
        """All transactions of a block together make at most so many changes (rule R53)."""
        most = changes_allowed(len(records_in(self.act, Height(self.act.height + 1))))
        if self.made + count > most:
            raise Refused(TooManyChanges(self.act.height, self.made + count, most))

    def mark(self, key: ValidatorKey) -> None:
        marked = (*self.marked, key)
        self.act.state[MEMBERSHIP][None] = replace(self.membership, suspended=marked)

    def write(self, records: Sequence[ValidatorRecord], count: int) -> None:
        """Nobody is marked who is not there any more."""
        rows, newest = self.act.state[VALIDATORS], self.membership.newest
        row = rows.find(newest)
        assert row is not None, "the newest row is there"
        previous = row.previous if newest == self.height else newest
        rows[self.height] = ValidatorsRow(tuple(records), previous)
        left = {record.key for record in records}
        marked = tuple(key for key in self.marked if key in left)
        self.act.state[MEMBERSHIP][None] = Membership(self.height, self.made + count, marked)
