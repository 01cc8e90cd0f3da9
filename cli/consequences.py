"""What a change of validators would mean for the network as it stands now.

The rules are the ledger's own (`ledger.membership.altered`). What no rule can know is who is there:
a change that is allowed can still leave fewer validators at work than a quorum, and the chain would
halt two heights later. Who says so is any node that answers: a validator is there if one of them
has a link to it and it does not say that it signs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from cli.standing import is_at_work
from ledger.membership import Change, TooManyChanges, altered, changes_allowed
from ledger.operation import Refused, code, sentence
from ledger.validators import ValidatorRecord
from node.status import MemberStatus, NodeStatus, ValidatorStatus
from primitives.errors import Rejected
from primitives.ids import Height, NodeKey, ValidatorKey
from primitives.named import to_named
from primitives.validators import faults_tolerated, quorum

WOULD_HALT: Final = "validators.would_halt"


@final
@dataclass(frozen=True, slots=True)
class Council:
    """Validators, and which of them are at work."""

    names: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def size(self) -> int:
        """n."""
        return len(self.names)

    @property
    def spare(self) -> int:
        """How many more may fail before the chain halts; below 0 it does."""
        return self.size - len(self.missing) - quorum(self.size)

    def sentence(self) -> str:
        """n, f, q, who is missing, and what follows."""
        counts = f"n={self.size}, f={faults_tolerated(self.size)}, q={quorum(self.size)}"
        count = len(self.missing)
        if count == 0:
            there = "all are at work"
        else:
            there = f"{count} not at work now ({', '.join(self.missing)})"
        if self.spare < 0:
            then = f"the chain would halt: {self.size - count} are fewer than {quorum(self.size)}"
        elif self.spare == 0:
            then = "one more failure would halt the chain"
        else:
            then = f"{self.spare} more may fail"
        return f"{counts}; {there}: {then}"

    def named(self) -> dict[str, Any]:
        """For programs."""
        return {
            "validators": list(self.names),
            "n": self.size,
            "f": faults_tolerated(self.size),
            "q": quorum(self.size),
            "missing": list(self.missing),
            "spare": self.spare,
        }


@final
@dataclass(frozen=True, slots=True)
class Consequences:
    """The validators that a change starts from, and those that it makes."""

    now: Council
    then: Council
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def require_going_on(self) -> None:
        """Raises:
        Rejected: the chain would halt.
        """
        if self.then.spare < 0:
            raise Rejected(
                WOULD_HALT,
                f"with this change {self.then.sentence()}",
                {"missing": list(self.then.missing), "q": quorum(self.then.size)},
            )

    def named(self) -> dict[str, Any]:
        """For programs."""
        return {
            "now": self.now.named(),
            "then": self.then.named(),
            "added": list(self.added),
            "removed": list(self.removed),
        }


def consequences(statuses: Sequence[NodeStatus], change: Change, *, minimum: int) -> Consequences:
    """What a change would make of the validators that are decided now.

    Raises:
        Rejected: a rule of the ledger refuses it, as every node would.
    """
    newest = max(statuses, key=lambda status: status.height)
    records = decided_records(newest)
    marked = [validator.key for validator in newest.validators if validator.suspended]
    height = Height(newest.height + 3)  # in force, if the next block decides it
    try:
        most = changes_allowed(len(records))
        if change.size > most:
            raise Refused(TooManyChanges(Height(newest.height + 1), change.size, most))
        after, removed = altered(records, marked, change, height=height, minimum=minimum)
    except Refused as verdict:
        refusal = verdict.refusal
        raise Rejected(code(refusal), sentence(refusal), to_named(refusal)) from verdict
    at_work = nodes_at_work(statuses)
    return Consequences(
        now=_council(records, at_work),
        then=_council(after, at_work),
        added=tuple(ready.record.name for ready in change.joining),
        removed=tuple(record.name for record in removed),
    )


def decided_records(status: NodeStatus) -> tuple[ValidatorRecord, ...]:
    """The newest validators that are decided, whether in force or not, by key."""
    records: dict[ValidatorKey, ValidatorRecord] = {v.key: _record(v) for v in status.validators}
    if status.change is not None:
        for gone in status.change.removed:
            del records[gone.key]
        records |= {new.key: _record(new) for new in status.change.added}
    return tuple(sorted(records.values(), key=lambda record: record.key))


def nodes_at_work(statuses: Sequence[NodeStatus]) -> frozenset[NodeKey]:
    """Nodes that somebody has a link to, but for validators that sign nothing.

    What a validator says of itself counts more than what others last heard of it.
    """
    own = {status.key: is_at_work(status) for status in statuses if status.key is not None}
    there: set[NodeKey] = set()
    silent: set[NodeKey] = set()
    for status in statuses:
        there |= {peer.node_key for peer in status.peers if peer.connected}
        for one in status.validators:
            if one.connected:
                there.add(one.node_key)
            if not own.get(one.key, one.signs is not False):
                silent.add(one.node_key)
    return frozenset(there - silent)


def _record(member: ValidatorStatus | MemberStatus) -> ValidatorRecord:
    return ValidatorRecord(member.name, member.key, member.node_key, member.account)


def _council(records: Sequence[ValidatorRecord], at_work: frozenset[NodeKey]) -> Council:
    names = tuple(record.name for record in records)
    missing = tuple(record.name for record in records if record.node_key not in at_work)
    return Council(names, missing)
