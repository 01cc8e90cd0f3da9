"""`mithaq query`: a command for each query of the node, made from its Structs.

The node answers with ids and minor units. People get names where this machine knows them, from the
agency's vendor book and the keys of the home, and amounts in whole units; nothing of that was ever
sent anywhere. JSON and CSV keep what the node said and add a column for the name; so does a
workbook, which is for people and for their programs and has amounts as numbers in whole units.
"""

import csv
import inspect
import io
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from cli import trace
from cli.completion import key_names
from cli.conventions import money, time_text
from cli.event_text import sentence_of_named
from cli.field_kinds import FieldKind, fields_of
from cli.fields import options_of
from cli.home import HEX32, Home, client_of, home_of
from cli.language import normalised
from cli.pin import trust_of
from cli.query_proofs import Made, ProofFolder, prove
from cli.session import Session, SessionCommand, program, table
from cli.times import moment_ms, span_text
from cli.vendor_book import read_book
from node.reports import QUERIES, QueryKind
from primitives.errors import Malformed, OperatorFault
from primitives.ids import AccountId, TimeMs

if TYPE_CHECKING:
    from client.client import Client

FORMATS: Final = ("table", "json", "csv", "xlsx")
_ACCOUNT: Final = "account"
"""The parameter that is given without an option."""
_MINOR: Final = "_minor"
_SECONDS: Final = "_s"
_NAME: Final = "_name"
_UNSHOWN: Final = frozenset({"asset", "exponent", "entries", "index", "entry", "proof"})
"""Columns for programs; a table has the asset in its amounts."""


@click.group("query")
def query() -> None:
    """Ask for totals, statements and lists."""


@final
@dataclass(frozen=True)
class Names:
    """Who stands behind an account, as far as this machine knows."""

    home: Home
    by_account: Mapping[str, str]
    """Account id in hexadecimal → name."""

    def account(self, word: str) -> str:
        """The id of an account that is named by its id, its vendor's or its key's name."""
        for account, name in self.by_account.items():
            if name == word and not HEX32.fullmatch(word):
                return account
        return self.home.account(word).hex()

    def shown(self, account: bytes) -> str:
        """What people call an account: its name, else its id."""
        return self.by_account.get(account.hex(), account.hex())

    def named(self, value: str) -> str | None:
        """An id, or a word with ids in it, as people call it; none, where no name is known."""
        text = self.in_text(value)
        return None if text == value else text

    def in_text(self, text: str) -> str:
        """A sentence with names in the place of the ids behind them."""
        for account, name in self.by_account.items():
            text = text.replace(account, name)
        return text


def names_of(home: Home, book: Path | None) -> Names:
    """The names in a vendor book, else in all of the home's; and those of the home's keys.

    Raises:
        OperatorFault: a book cannot be read.
    """
    from node.keys import public_of

    known: dict[str, str] = {}
    for name in home.key_names():
        with suppress(OperatorFault):  # a key that cannot be read names nobody
            known[home.account_of(public_of(home.key_file(name))).hex()] = name
    for path in [book] if book else sorted(home.keys.glob("*.vendors.json")):
        for account, name in read_book(path).known_names().items():
            known[account.hex()] = name
    return Names(home, known)


def _command(asked: QueryKind) -> SessionCommand:
    def ask(
        session: Session,
        *,
        form: str | None,
        every: bool,
        vendor_book: Path | None,
        proof: Path | None,
        **given: str | None,
    ) -> None:
        if session.machine and form not in (None, "json"):
            raise click.UsageError(f"--json and --format {form}: expected one of the two")
        names = names_of(home_of(session), vendor_book)
        words = _words(asked, names, given)
        answer = _asked(session, asked, words, every=every, proof=proof)
        answer["rows"] = rows = with_names(asked, words, answer["rows"], names)
        match form or ("json" if session.machine else "table"):
            case "json":
                click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
            case "csv":
                click.echo(_csv(asked, words, rows), nl=False)
                session.remark(_foot(answer))
            case "graphml" | "svg" as graph:
                trace.draw(graph, words[trace.START], rows)
                session.remark(_foot(answer))
            case "xlsx":
                from cli.query_workbook import write_workbook

                write_workbook(asked, columns_of(asked, words), rows)
                session.remark(_foot(answer))
            case _:
                click.echo(_table(asked, words, rows))
                session.remark(_foot(answer) + _way_down(asked, given, rows))

    options = [each for each in options_of(asked.parameters) if each.name != _ACCOUNT]
    named = any(name == _ACCOUNT for name, _, _ in fields_of(asked.parameters))
    paged = any(name == "after" for name, _, _ in fields_of(asked.parameters))
    return SessionCommand(
        asks_a_node=True,
        name=asked.name,
        callback=ask if paged else _unpaged(ask),
        params=[
            *([click.Argument([_ACCOUNT], shell_complete=key_names)] if named else []),
            *options,
            *([_EVERY] if paged else []),
            _form((*FORMATS, *trace.GRAPHS) if asked.name == trace.QUERY else FORMATS),
            _VENDOR_BOOK,
            _PROOF,
        ],
        help=inspect.getdoc(asked.parameters),
    )


def _unpaged(ask: Any) -> Any:  # noqa: ANN401 - click's callbacks
    def ask_once(session: Session, **given: Any) -> None:  # noqa: ANN401 - as above
        ask(session, every=False, **given)

    return ask_once


def _form(forms: Sequence[str]) -> click.Option:
    return click.Option(
        ["--format", "form"],
        type=click.Choice(forms),
        help="Amounts are in whole units in a table and in a workbook (xlsx, to be sent to a file),"
        " in minor units for programs.  [default: table]",
    )


_EVERY: Final = click.Option(
    ["--all", "every"], is_flag=True, help="All pages, from --after on; --limit is then a page's."
)
_VENDOR_BOOK: Final = click.Option(
    ["--vendor-book"],
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Names of vendors' accounts.  [default: keys/*.vendors.json of the home]",
)
_PROOF: Final = click.Option(
    ["--proof"],
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the proofs of the rows there, or that there are none; check the rows by them.",
)


def _words(asked: QueryKind, names: Names, given: Mapping[str, str | None]) -> dict[str, str]:
    """The parameters as the API has them.

    Raises:
        UsageError: one is not what it must be.
    """
    words: dict[str, str] = {}
    for name, kind, _ in fields_of(asked.parameters):
        word = given[name]
        if word is not None and asked.name == trace.QUERY and name == trace.START:
            words[name] = trace.start_word(names.account, word)
        elif word is not None:
            words[name] = _word(names, kind, word)
    try:
        asked.read(words)
    except Malformed as fault:
        raise click.UsageError(str(fault)) from fault
    return words


def _word(names: Names, kind: FieldKind, word: str) -> str:
    if kind.core is AccountId:
        return names.account(word)
    moment = moment_ms(word) if kind.core is TimeMs else None
    return normalised(word) if moment is None else str(moment)


def _asked(
    session: Session,
    asked: QueryKind,
    words: Mapping[str, str],
    *,
    every: bool,
    proof: Path | None,
) -> dict[str, Any]:
    """The answer; with `every`, all pages as one, and the heights that they were read at."""
    path, asking = f"/v1/queries/{asked.name}", dict(words)
    with client_of(session) as client:
        proofs = None if proof is None else _proofs(session, client, proof)
        pages: list[dict[str, Any]] = []
        said: set[str] = set()
        while not pages or (every and pages[-1]["next"] is not None):
            if pages:
                asking["after"] = pages[-1]["next"]
            pages.append(client.get(path, asking))
            if proofs is not None:
                found = prove(proofs, asked, asking, pages[-1])
                if found is not Made.AGAIN and found.value not in said:
                    said.add(found.value)
                    session.remark(found.value)
        if proofs is not None and proofs.count:
            check = f"{program()} proof verify {shlex.quote(str(proof))}"
            session.remark(f"{proofs.count} proofs written; check them: {check}")
    if not every:
        return pages[0]
    rows = [row for page in pages for row in page["rows"]]
    proved_by = [name for page in pages for name in page["proved_by"]]
    heights = [pages[0]["height"], pages[-1]["height"]]
    return {**pages[-1], "heights": heights, "rows": rows, "proved_by": proved_by}


def _proofs(session: Session, client: "Client", path: Path) -> ProofFolder:
    trust = trust_of(session, None, None)
    if trust.home is None:
        session.remark("this home knows no chain: see with proof verify which chain this is")
    return ProofFolder(client, trust.home, path)


def _accounts_in(asked: QueryKind, words: Mapping[str, str]) -> list[str]:
    """The columns that hold an account's id."""
    found = [name for name, kind, _ in fields_of(asked.row) if kind.core is AccountId]
    found += ["key"] if words.get("by") == "payee" else []
    return [*found, *(trace.ENDS if asked.name == trace.QUERY else ())]


def with_names(
    asked: QueryKind, words: Mapping[str, str], rows: Sequence[Mapping[str, Any]], names: Names
) -> list[dict[str, Any]]:
    """Rows of a query with a column behind each account, for the name that this machine knows."""
    accounts = _accounts_in(asked, words)
    return [_with_names(row, accounts, names) for row in rows]


def _with_names(row: Mapping[str, Any], accounts: Sequence[str], names: Names) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for column, value in row.items():
        named[column] = value
        if column in accounts:
            named[column + _NAME] = None if value is None else names.named(value)
        if isinstance(value, dict) and "event" in value:
            named[column + _NAME] = names.in_text(sentence_of_named(value))
    return named


def columns_of(asked: QueryKind, words: Mapping[str, str]) -> list[str]:
    """All that a row has, and behind an account the name that this machine knows for it."""
    columns: list[str] = []
    accounts = _accounts_in(asked, words)
    for name, _, _ in fields_of(asked.row):
        columns += [name, name + _NAME] if name in accounts else [name]
    return columns


def _csv(asked: QueryKind, words: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    columns = columns_of(asked, words)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell_for_programs(row[column]) for column in columns])
    return text.getvalue()


def _cell_for_programs(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _table(asked: QueryKind, words: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    columns = [name for name, _, _ in fields_of(asked.row) if name not in _UNSHOWN]
    titles = [_title(column, words) for column in columns]
    shown = [*rows, *_sum_of(rows)] if asked.name == "money.totals" else rows
    kinds = {name: kind for name, kind, _ in fields_of(asked.row)}
    rows_shown = [[_cell(row, column, kinds[column]) for column in columns] for row in shown]
    return table(titles, rows_shown)


def _title(column: str, words: Mapping[str, str]) -> str:
    if column == "key" and "by" in words:
        return words["by"]
    plain = column.removesuffix(_MINOR).removesuffix("_ms").removesuffix(_SECONDS)
    return plain.replace("_", " ")


def _sum_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The row below totals; all of them are of one asset."""
    if rows:
        summed = [name for name in rows[0] if name.endswith(_MINOR) or name == "count"]
        sums = {name: sum(int(row[name]) for row in rows) for name in summed}
        yield {**rows[0], "key": "all", "key_name": None, **sums}


def _cell(row: Mapping[str, Any], column: str, kind: FieldKind) -> str:
    """A value as people read it."""
    value = row[column]
    if value is None or value == []:
        return "-"
    if column.endswith(_MINOR) and "exponent" in row:
        return money(int(value), row["exponent"], row["asset"])
    if kind.core is TimeMs:
        return time_text(int(value))
    if column.endswith(_SECONDS) and kind.plain is int:
        return span_text(int(value))
    if isinstance(value, list):
        return ", ".join(map(_item, value))
    if isinstance(value, dict):
        return str(row.get(column + _NAME) or json.dumps(value))
    if column == "kind" and kind.is_enum:
        return str(value).replace("_", " ")
    return str(row.get(column + _NAME) or value)


def _item(item: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(item, dict):
        return str(item)
    if {"amount", "exponent", "asset"} <= item.keys():
        return money(int(item["amount"]), item["exponent"], item["asset"])
    if any(isinstance(value, list | dict) for value in item.values()):
        return json.dumps(item, ensure_ascii=False)
    return ",".join(f"{name}={value}" for name, value in item.items())


def _foot(answer: Mapping[str, Any]) -> str:
    first, last = answer.get("heights", [answer["height"]] * 2)
    read = f"height {last}" if first == last else f"heights {first} to {last}"
    more = f"; there are more: --all, or --after {answer['next']}" if answer["next"] else ""
    part = f"; nothing from below height {answer['since']}, which this node no longer keeps"
    return f"{len(answer['rows'])} rows, read at {read}{part if answer['since'] else ''}{more}"


def _way_down(
    asked: QueryKind, given: Mapping[str, str | None], rows: Sequence[Mapping[str, Any]]
) -> str:
    """What to ask next: from totals to entries, from entries to a proof."""
    if not rows:
        return ""
    if asked.name == "money.totals":
        key = shlex.quote(str(rows[0].get("key_name") or rows[0]["key"]))
        account = shlex.quote(str(given[_ACCOUNT]))
        entries = f"{program()} query money.entries {account} --{given['by']} {key}"
        return f"\nwhat a row sums: {entries}"
    if asked.name in ("money.entries", "money.statement"):
        named = [row["transaction"] for row in rows if row["transaction"] is not None]
        return f"\nproof of an entry: {program()} proof get {named[0]}" if named else ""
    return ""


for _each in QUERIES.values():
    query.add_command(_command(_each))
