"""`mithaq export …` of a treasury's books: files that other people's programs read and judge.

Each command reads the books of a month that a node has, and where the form asks for the year, those
of the month before the fiscal year too. Names of accounts are those of this machine, and so are the
names of programs; they stand in the files, and nowhere on the chain.
"""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from cli.completion import key_names
from cli.home import client_of, home_of
from cli.session import Session, asking_command

if TYPE_CHECKING:
    from client.client import Client
    from exchange.budget_figures import Books
    from exchange.treasury_data import Names, TreasuryData
    from exchange.workbook import Sheet

_PERIOD: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NAMED: Final = ("code", "name")
_WORKBOOK: Final = ".xlsx"


def a_month(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 - click's
    """What an option says, if it is a month."""
    if value is not None and not _PERIOD.fullmatch(value):
        raise click.BadParameter(f"expected a month such as 2026-04, found {value!r}")
    return value


TREASURY: Final = click.argument("treasury", shell_complete=key_names)
PERIOD: Final = click.option(
    "--period",
    metavar="MONTH",
    callback=a_month,
    help="The books as of the end of this month, such as 2026-04.  [default: as they are now]",
)
NAMES: Final = click.option(
    "--names",
    "names_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="CSV with the columns code and name: names of accounts (by id) and of programs.",
)
_YEAR: Final = click.option(
    "--fiscal-year-from",
    "first_month",
    type=click.IntRange(1, 12),
    default=1,
    show_default=True,
    metavar="MONTH",
    help="The number of the month that a fiscal year begins with.",
)
FOLDER: Final = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that gets the files.",
)
_FILE: Final = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the table: a workbook if this ends in .xlsx, else CSV.",
)


@asking_command("data-act")
@TREASURY
@PERIOD
@_YEAR
@NAMES
@FOLDER
def data_act(
    session: Session,
    treasury: str,
    period: str | None,
    first_month: int,
    names_file: Path | None,
    output: Path,
) -> None:
    """Write the files A, B and C of the DATA Act for a TREASURY.

    file-a.csv has a row for each fund, file-b.csv for each program and object class, file-c.csv for
    each award; columns have the names of the GSDM. Balances are of the fiscal year until the end of
    the month, and what was obligated by an award is of the month alone.
    """
    from exchange.data_act import data_act_files

    names = names_in(session, names_file)
    with client_of(session) as client:
        reader = TreasuryReader(session, client, treasury)
        books = reader.books(period, first_month)
        month_before = reader.before(books.now)
    files = data_act_files(books, month_before, names)
    contents = {
        "file-a.csv": files.appropriations,
        "file-b.csv": files.program_activity,
        "file-c.csv": files.award_financial,
    }
    write_folder(session, output, contents, books.now)


@asking_command("fiscal-data-package")
@TREASURY
@PERIOD
@_YEAR
@NAMES
@FOLDER
def fiscal_data_package(
    session: Session,
    treasury: str,
    period: str | None,
    first_month: int,
    names_file: Path | None,
    output: Path,
) -> None:
    """Write the budget of a TREASURY and every payment as a Fiscal Data Package.

    Tables and a descriptor that says what each column means; any tool for data packages reads them,
    and `frictionless validate datapackage.json` judges them.
    """
    from exchange.budget_figures import fiscal_year
    from exchange.fiscal_package import fiscal_package

    names = names_in(session, names_file)
    with client_of(session) as client:
        books = TreasuryReader(session, client, treasury).books(period, first_month)
    year = fiscal_year(books.now.month, first_month=first_month)
    write_folder(session, output, fiscal_package(books, year, names), books.now)


@asking_command("trial-balance")
@TREASURY
@PERIOD
@_FILE
def trial_balance(session: Session, treasury: str, period: str | None, output: Path) -> None:
    """Write the trial balance of each fund of a TREASURY.

    Each account with its debits, credits and balance; the sums of a fund are equal.
    """
    from exchange import statements

    with client_of(session) as client:
        data = TreasuryReader(session, client, treasury).at(period)
    _write_table(session, output, statements.trial_balance(data), data)


def _statement(name: str, summary: str, detail: str) -> click.Command:
    """A command that writes a table of the fiscal year."""

    def write(
        session: Session, treasury: str, period: str | None, first_month: int, output: Path
    ) -> None:
        from exchange import statements

        make: Callable[[Books], Sheet] = getattr(statements, name)
        with client_of(session) as client:
            books = TreasuryReader(session, client, treasury).books(period, first_month)
        _write_table(session, output, make(books), books.now)

    write.__doc__ = f"{summary}\n\n{detail}"
    for option in (_FILE, _YEAR, PERIOD, TREASURY):
        write = option(write)
    return asking_command(name)(write)


sf133 = _statement(
    "sf133",
    "Write where the money of each fund of a TREASURY comes from, and what became of it.",
    "Lines and their numbers are those of the SF-133, Report on Budget Execution and Budgetary "
    "Resources (OMB Circular A-11, appendix F).",
)
cofog = _statement(
    "cofog",
    "Write what a TREASURY spent by function of government.",
    "Divisions and groups are those of the COFOG of the United Nations.",
)
gfsm = _statement(
    "gfsm",
    "Write the statement of operations of a TREASURY.",
    "Codes are those of the Government Finance Statistics Manual 2014 of the IMF: expense by its "
    "nature and net investment, accrued and in cash.",
)


@final
@dataclass(frozen=True)
class TreasuryReader:
    """Reads the books of one treasury."""

    session: Session
    client: "Client"
    treasury: str

    def at(self, period: str | None) -> "TreasuryData":
        """The books of a month.

        Raises:
            UsageError: the month has not begun, or was over before there was a treasury.
            OperatorFault, RemoteFault: as `treasury_data`.
        """
        from cli.treasury_data import treasury_data
        from exchange.treasury_data import day_of

        data = treasury_data(self.client, home_of(self.session).account(self.treasury), period)
        if period is not None and period > (today := day_of(data.time_ms)):
            raise click.UsageError(f"--period: {period} has not begun, the books are of {today}")
        if period is not None and period < (opened := data.treasury.opened):
            raise click.UsageError(f"--period: {period} is before {opened}, when the books begin")
        return data

    def books(self, period: str | None, first_month: int) -> "Books":
        """The books of a month, and those of the opening of its fiscal year."""
        from exchange.budget_figures import Books, opening_period

        now = self.at(period)
        return Books(now, self._earlier(now, opening_period(now.month, first_month=first_month)))

    def before(self, now: "TreasuryData") -> "TreasuryData | None":
        """The books of the month before."""
        from cli.treasury_data import month_before

        return self._earlier(now, month_before(now.month))

    def _earlier(self, now: "TreasuryData", period: str) -> "TreasuryData | None":
        return None if period < now.treasury.opened else self.at(period)


def names_in(session: Session, file: Path | None) -> "Names":
    """The names that this home has for accounts, and those of a file.

    Raises:
        OperatorFault: the file is not what it must be.
    """
    from cli.query import names_of
    from exchange.treasury_data import Names
    from primitives.ids import AccountId

    known = names_of(home_of(session), None).by_account
    accounts = {AccountId(bytes.fromhex(account)): name for account, name in known.items()}
    programs: dict[str, str] = {}
    for code, name in _names_listed(file).items():
        if re.fullmatch(r"[0-9a-f]{64}", code):
            accounts[AccountId(bytes.fromhex(code))] = name
        else:
            programs[code] = name
    return Names(accounts=accounts, programs=programs)


def _names_listed(file: Path | None) -> Mapping[str, str]:
    from primitives.errors import OperatorFault

    if file is None:
        return {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise OperatorFault(f"{file} cannot be read: {error}") from error
    if not rows or tuple(rows[0]) != _NAMED or any(len(row) != 2 for row in rows):
        raise OperatorFault(
            f"{file}: expected the columns code and name, and two cells in each row"
        )
    return dict(row for row in rows[1:] if row)


def write_folder(
    session: Session, folder: Path, files: Mapping[str, bytes], data: "TreasuryData"
) -> None:
    """Write the files of an export, and say so.

    Raises:
        OperatorFault: the folder cannot be made, or a file cannot be written.
    """
    from cli.files import replace_file
    from primitives.errors import OperatorFault

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorFault(f"{folder} cannot be made: {error.strerror}") from error
    for name, content in files.items():
        replace_file(folder / name, content)
    _say(session, [folder / name for name in files], data)


def _write_table(session: Session, path: Path, sheet: "Sheet", data: "TreasuryData") -> None:
    from cli.files import replace_file
    from exchange.tables import sheet_csv
    from exchange.workbook import workbook

    is_workbook = path.suffix.lower() == _WORKBOOK
    replace_file(path, workbook([sheet]) if is_workbook else sheet_csv(sheet))
    _say(session, [path], data)


def _say(session: Session, paths: list[Path], data: "TreasuryData") -> None:
    listed: dict[str, Any] = {
        "files": [str(path) for path in paths],
        "period": data.period,
        "height": data.height,
    }
    wrote = "\n".join(f"wrote {path}" for path in paths)
    session.show(listed, f"{wrote}\nbooks until {data.last_day}, read at height {data.height}")
