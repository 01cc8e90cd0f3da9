"""Who may connect: a function of the state, read anew after each block (rule R63).

**Admitted** are the observers in force, and the validators of three heights: the one decided last,
the one at hand and the next. So who joins is linked before its first vote, and who left hears what
became of its last one. **Dropped** is a node key that the chain once knew and admits no longer.
A node's **peers** are

    a validator's      everybody who is admitted
    anybody else's     the validators: two observers have nothing to tell each other
    both               and those of the operator's bootstrap list that the chain does not know

The last ones are for a newcomer, whose own state is old: the chain may have admitted them since.
What it has dropped is not dialled, with one exception: who does not vote and knows no way to any
validator goes on with the whole list, for its state may be too old to say who is there now.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from ledger.membership import earlier_records, newest_row, validator_records
from ledger.observers import OBSERVERS, changed_at, observers_in_force
from ledger.state import StateReader
from primitives import limits
from primitives.ids import AccountId, Height, NodeKey

ADDRESSES_BESIDE: Final = limits.ADDRESSES_PER_PEER_MAX - 1
"""A node's own addresses that are tried beside the one of the bootstrap list."""


@final
@dataclass(frozen=True, slots=True)
class Admitted:
    """A node that the chain lets connect."""

    name: str
    account: AccountId
    votes: bool
    """At one of the three heights; whoever does not is an observer."""


@final
@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A node that the operator lists, so that there is somebody to begin with."""

    node_key: NodeKey
    address: str
    name: str


@final
@dataclass(frozen=True, slots=True)
class Neighbour:
    """A node that this one is to be linked with, and where it can be dialled."""

    node_key: NodeKey
    name: str
    votes: bool
    addresses: tuple[str, ...]


@final
class Admission:
    """Who is admitted by the newest state that was read. Written by the shell's thread alone."""

    def __init__(self, state: StateReader) -> None:
        self.admitted: Mapping[NodeKey, Admitted] = {}
        self._gone: set[NodeKey] = set()
        """Node keys of validators of the rows that were walked."""
        self._walked_to = Height(0)
        """The first height whose row is not among them."""
        self._read_at: tuple[Height, ...] = ()
        """What decides who is admitted: two rows' heights, and how near the newest one is."""
        self.read(state)

    def read(self, state: StateReader) -> bool:
        """Read the state after a block; whether anything about who is admitted changed."""
        newest = newest_row(state)
        read_at = (newest, min(newest, state.height), changed_at(state))
        if read_at == self._read_at:
            return False
        self._read_at = read_at
        self.admitted = admitted(state)
        return True

    def is_dropped(self, state: StateReader, node_key: NodeKey) -> bool:
        """Whether the chain knew this node once and admits it no longer."""
        if node_key in self.admitted:
            return False
        if OBSERVERS.read(state, node_key) is not None:
            return True
        for records in earlier_records(state, down_to=self._walked_to):
            self._gone.update(record.node_key for record in records)
        self._walked_to = Height(state.height + 3)
        return node_key in self._gone


def admitted(state: StateReader) -> dict[NodeKey, Admitted]:
    """Whom the state after a block lets connect, validators first."""
    found: dict[NodeKey, Admitted] = {}
    for height in _heights(state):
        for record in validator_records(state, height):
            found[record.node_key] = Admitted(record.name, record.account, votes=True)
    for node_key, row in observers_in_force(state).items():
        found.setdefault(node_key, Admitted(row.name, row.account, votes=False))
    return found


def _heights(state: StateReader) -> tuple[Height, ...]:
    return tuple(Height(state.height + ahead) for ahead in range(3))


def neighbours(
    own: NodeKey,
    admitted: Mapping[NodeKey, Admitted],
    addresses: Mapping[NodeKey, tuple[str, ...]],
    bootstrap: Sequence[Bootstrap],
    dropped: Collection[NodeKey],
) -> tuple[Neighbour, ...]:
    """The nodes to be linked with; each once, under a name of its own."""
    votes = own in admitted and admitted[own].votes
    named: dict[NodeKey, tuple[str, bool]] = {
        key: (one.name, one.votes)
        for key, one in admitted.items()
        if key != own and (votes or one.votes)
    }
    listed = {one.node_key: one for one in bootstrap}
    has_a_way = any(addresses.get(key) or key in listed for key in named)
    for key, entry in listed.items():
        unknown = key != own and key not in admitted
        if unknown and (key not in dropped or not (votes or has_a_way)):
            # A newcomer takes what it lacks from them; a validator owes them no more than a reader.
            named[key] = (entry.name or key.hex()[:8], not votes)
    return tuple(
        Neighbour(key, name, voting, _ways(addresses.get(key, ()), listed.get(key)))
        for (key, (_, voting)), name in zip(named.items(), _distinct(named), strict=True)
    )


def _ways(signed: tuple[str, ...], entry: Bootstrap | None) -> tuple[str, ...]:
    """What the node says of itself first, then what the operator says of it."""
    if entry is None or entry.address in signed:
        return signed
    return (*signed[:ADDRESSES_BESIDE], entry.address)


def _distinct(named: Mapping[NodeKey, tuple[str, bool]]) -> list[str]:
    """Names as logs and metrics need them: who has another's is called by its key as well."""
    taken: set[str] = set()
    names = []
    for key, (name, _) in named.items():
        chosen = name if name not in taken else f"{name} {key.hex()}"
        taken.add(chosen)
        names.append(chosen)
    return names
