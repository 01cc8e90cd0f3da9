"""`mithaq query … --proof FOLDER`: proofs of the rows, and the rows made again from them.

A node may be wrong or lie, so its rows are not believed. A query of the state is asked a second
time here, of nothing but entries whose proofs hold: those that the rows were made of, and every
other one that it looks at, each fetched with its proof. Rows that come out otherwise are refused,
and so is a row that names another transaction than the one that is proved.

What proofs of entries cannot show is that a list is whole. Whoever must know that asks for the
absence of an entry, or lists the state of a snapshot.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from cli.files import replace_file
from cli.home import HEX32
from cli.proof_question import Question
from ledger.query import Query, Reading
from node.reports import QueryKind
from primitives.errors import OperatorFault, RemoteFault
from primitives.ids import Digest, Height, TimeMs, TransactionId
from primitives.named import to_named
from services.table import TABLES

if TYPE_CHECKING:
    from client.client import Client
    from verifier import Pin

SUFFIX: Final = ".proof"
_NAMES: Final = {table.number: table.name for table in TABLES}
_NUMBERS: Final = {name: number for number, name in _NAMES.items()}


class Proofs(Protocol):
    """Proofs by what they prove."""

    def proof(self, name: str, height: int) -> bytes:
        """The proof of what an answer names; of an entry, after the block of `height`."""


@final
@dataclass(frozen=True, slots=True)
class ProofFolder:
    """Where proofs of one chain go, each once, as they are fetched and checked."""

    client: "Client"
    pin: "Pin | None"
    path: Path
    _written: dict[tuple[str, int | None], tuple[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise OperatorFault(f"{self.path} is no folder")
        if any(self.path.glob(f"*{SUFFIX}")):
            raise OperatorFault(f"{self.path} holds proofs already; give a folder of their own")

    @property
    def count(self) -> int:
        """How many proofs there are."""
        return len(self._written)

    def proof(self, name: str, height: int) -> bytes:
        """The proof of what an answer names; of an entry, after the block of `height`.

        Raises:
            RemoteFault: the node proves nothing, or something else.
        """
        question = _question(name, height)
        slot = (name, question.height)
        if slot not in self._written:
            data = question.ask(self.client, 0)
            question.check(data, self.pin)
            file = f"{self.count + 1:04}-{name.split('/')[1][:16]}{SUFFIX}"
            self._written[slot] = file, data
            self.path.mkdir(parents=True, exist_ok=True)
            replace_file(self.path / file, data)
        return self._written[slot][1]

    @property
    def files(self) -> dict[str, tuple[str, bytes]]:
        """What was proved → the name of its file, and what is in it."""
        return {name: written for (name, _), written in self._written.items()}


@unique
class Made(Enum):
    """Whether rows were made again from their proofs, or why not."""

    AGAIN = ""
    NOTHING = "no proof was written: this answer has no rows, or they are sums"
    HISTORY = "a proof shows what its transaction did; what a row adds to that, it does not show"
    OF_LISTS = "the proofs hold, but rows with lists in them cannot be made again from them"


class _Unlisted(Exception):
    """A list was asked for of which the answer names no entries."""


def prove(folder: ProofFolder, kind: QueryKind, words: Mapping[str, str], answer: Any) -> Made:  # noqa: ANN401 - JSON
    """Fetch the proofs of one page, and make its rows again.

    Raises:
        RemoteFault: the node proves something else than it says.
    """
    height, rows = int(answer["height"]), answer["rows"]
    names = [name for name in answer["proved_by"] if name is not None]
    for name in names:
        folder.proof(name, height)
    if not names:
        return Made.NOTHING
    if issubclass(kind.parameters, Query):
        asked = kind.read(words)
        assert isinstance(asked, Query), "it reads its own parameters"
        state = ProvenState(folder, height, names)
        try:
            again = asked.answer(Reading(state, state.time_ms)).rows
        except _Unlisted:
            return Made.OF_LISTS
        if [to_named(row) for row in again] != rows:
            raise RemoteFault(f"the rows of {kind.name} are not what the node's proofs say")
        return Made.AGAIN
    if len(rows) != len(answer["proved_by"]):
        raise RemoteFault(f"{len(rows)} rows of {kind.name}, and as many proofs are not named")
    for row, name in zip(rows, answer["proved_by"], strict=True):
        known = row.values()
        if name is not None and name.split("/")[1] not in known and name not in known:
            raise RemoteFault(f"a row of {kind.name} and its proof name different transactions")
    return Made.HISTORY


def _question(name: str, height: int) -> Question:
    match name.split("/"):
        case ["state", table, key] if table in _NUMBERS and _is_hex(key):
            return Question(state=(table, bytes.fromhex(key)), height=height)
        case ["transactions", identifier] if HEX32.fullmatch(identifier):
            return Question(transaction=identifier)
        case ["transactions", identifier, "events", number] if HEX32.fullmatch(identifier):
            if number.isascii() and number.isdecimal() and len(number) < 10:
                return Question(transaction=identifier, event=int(number))
    raise RemoteFault(f"the node names a proof that there is none of: {name!r}")


def _is_hex(word: str) -> bool:
    return len(word) % 2 == 0 and all(digit in "0123456789abcdef" for digit in word) and word != ""


@final
class ProvenState:
    """A `StateReader` of entries with proofs. Lists are of those that the answer named."""

    def __init__(
        self,
        proofs: Proofs,
        height: int,
        listed: list[str],
        *,
        whole: frozenset[str] = frozenset(),
    ) -> None:
        """`listed` names some entry: its proof says when the block was.

        Of the tables in `whole` it has all that are listed, also where it has none.
        """
        from verifier.proof_file import read_proof_file

        if not all(name.startswith("state/") for name in listed):
            raise RemoteFault("the node proves entries of the state by something else")
        self._proofs = proofs
        self._whole = {_NUMBERS[table] for table in whole}
        self._listed = sorted(_slot(name) for name in listed)
        self.height = Height(height)
        self.time_ms = TimeMs(read_proof_file(proofs.proof(listed[0], height)).header.time_ms)

    @property
    def root(self) -> Digest:
        """Whatever a query makes of it could not be compared."""
        raise AssertionError("no query asks for a root")

    def get(self, table: int, key: bytes) -> bytes | None:
        """The value that a proof shows, or None where it shows that there is none."""
        from verifier.proof_file import AbsentSubject, EntrySubject, read_proof_file

        data = self._proofs.proof(state_name(table, key), self.height)
        subject = read_proof_file(data).subject
        assert isinstance(subject, EntrySubject | AbsentSubject), "the question was for an entry"
        return subject.value if isinstance(subject, EntrySubject) else None

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """Those that the answer named, in the order of their keys."""
        unlisted = self._listed and all(number != table for number, _ in self._listed)
        if unlisted and table not in self._whole:
            raise _Unlisted
        start = prefix if after is None else max(prefix, after + b"\0")
        found = (
            (key, self.get(table, key))
            for number, key in self._listed
            if number == table and key.startswith(prefix) and key >= start
        )
        return islice(((key, value) for key, value in found if value is not None), limit)

    def node(self, key: bytes) -> bytes | None:
        """Queries read entries."""
        raise AssertionError(f"no query asks for the tree node {key.hex()}")

    def is_committed(self, valid_until: TimeMs, transaction_id: TransactionId) -> bool:
        """Queries read entries."""
        raise AssertionError(f"no query asks for {transaction_id.hex()} until {valid_until}")


def state_name(table: int, key: bytes) -> str:
    """How the proof of an entry is named; by the table's number where that has no name here."""
    return f"state/{_NAMES.get(table, table)}/{key.hex()}"


def _slot(name: str) -> tuple[int, bytes]:
    _, table, key = name.split("/")
    number = _NUMBERS.get(table)
    return int(table) if number is None else number, bytes.fromhex(key)
