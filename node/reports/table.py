"""Every query, in one list, and the one way to ask them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from msgspec import Struct, inspect

from ledger.genesis import GenesisDocument
from ledger.query import Query, Reading, row_of
from node.reports import happenings, law, lists, money, moves, procedures, trace, treasury
from node.reports.moment import Moment, Report
from node.reports.page import UNKNOWN_QUERY, QueryAnswer
from primitives.codec import TAKING_TYPES_APART
from primitives.errors import Malformed, Rejected
from primitives.ids import Height
from primitives.named import from_named
from services import table
from storage.chain import ChainStore


@final
@dataclass(frozen=True, slots=True)
class QueryKind:
    """A query as the API, the command line and the pages know it: made from its class alone."""

    parameters: type[Query | Report]
    name: str = field(init=False)
    row: type[Struct] = field(init=False)
    _fields: Mapping[str, inspect.Type] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with TAKING_TYPES_APART:
            seen = inspect.type_info(self.parameters)
        assert isinstance(seen, inspect.StructType), f"{self.parameters} is a Struct"
        asked = self.parameters
        object.__setattr__(self, "name", seen.tag)
        object.__setattr__(
            self, "row", row_of(asked.tell if issubclass(asked, Report) else asked.answer)
        )
        object.__setattr__(self, "_fields", {each.name: each.type for each in seen.fields})

    def read(self, given: Mapping[str, str]) -> Query | Report:
        """The parameters as words, which is how the API and the command line have them.

        Raises:
            Malformed: one is unknown, missing, or not what it must be; names it.
        """
        for name in given:
            if name not in self._fields:
                known = ", ".join(self._fields)
                raise Malformed(f"{name}: there is no such parameter, known are {known}")
        named: dict[str, object] = {"query": self.name}
        for name, kind in self._fields.items():
            if name not in given and not _may_be_left_out(kind):
                raise Malformed(f"{name}: it is required")
            named[name] = _value(kind, given[name]) if name in given else None
        return from_named(named, self.parameters)


def _may_be_left_out(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.UnionType) and any(
        isinstance(member, inspect.NoneType) for member in kind.types
    )


def _value(kind: inspect.Type, word: str) -> object:
    """A word as the named form has it: a number where the field is one."""
    digits = word.isascii() and word.isdigit() and len(word) < 19
    return int(word) if digits and _is_integer(kind) else word


def _is_integer(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(map(_is_integer, kind.types))
    if isinstance(kind, inspect.Metadata):
        return _is_integer(kind.type)
    return isinstance(kind, inspect.IntType)


_KINDS: Final[tuple[type[Query | Report], ...]] = (
    money.Totals,
    money.Entries,
    money.Statement,
    lists.Accounts,
    lists.Observers,
    lists.Transactions,
    lists.Blocks,
    happenings.Events,
    law.NormOf,
    treasury.Journal,
    trace.Trace,
    moves.Moves,
    procedures.Procedures,
    procedures.Steps,
    procedures.Late,
    *table.QUERIES,
)
QUERIES: Final = {kind.name: kind for kind in map(QueryKind, _KINDS)}
"""By name: those of the node and its history, then those of the services."""


@final
class Reports:
    """Asks queries of one store; safe in any number of threads."""

    def __init__(self, store: ChainStore, genesis: GenesisDocument) -> None:
        self._store = store
        self._genesis = genesis

    def answer(self, name: str, given: Mapping[str, str]) -> QueryAnswer[Any]:
        """The answer to the query of a name, at the head.

        Raises:
            Malformed: a parameter is wrong.
            Rejected: there is no such query, or it cannot be answered so.
        """
        query = QUERIES.get(name)
        if query is None:
            raise Rejected(
                UNKNOWN_QUERY,
                f"there is no query {name[:80]!r}",
                {"expected": list(QUERIES), "actual": name[:80]},
            )
        asked = query.read(given)
        with self._store.state() as state:
            header, since = state.header, Height(0)
            if isinstance(asked, Report):
                moment = Moment(self._store, self._genesis, state)
                page, since = asked.tell(moment), moment.since
            else:
                page = asked.answer(Reading(state, header.time_ms))
        return QueryAnswer(
            query=query.name,
            height=header.height,
            since=since,
            time_ms=header.time_ms,
            rows=tuple(page.rows),
            proved_by=tuple(page.proved_by),
            next=page.next,
        )
