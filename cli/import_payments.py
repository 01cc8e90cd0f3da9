"""`mithaq import payments`: an agency's file of payments becomes transactions, row by row.

Safe to repeat: what is booked stays booked once, whether this machine did it or another with a copy
of the vendor book. So whatever stopped an import, the same command goes on with it.
"""

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from cli.files import read_file
from cli.home import Home, home_of, nodes_of
from cli.session import Session, asking_command, facts
from exchange import limits
from primitives.errors import Malformed, OperatorFault, Rejected

if TYPE_CHECKING:
    from cli.booking import Booking, Refusal, Signer
    from cli.courier import Courier
    from exchange.payments import Columns, Payment, RowFault
    from primitives.ids import AccountId

_REJECT_TITLES: Final = ("line", "field", "expected", "actual", "row")
_OWNER_ONLY: Final = 0o600
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes."""

AGENCY: Final = click.option(
    "--agency", required=True, metavar="NAME", help="Key of the agency that pays."
)
REGISTRAR: Final = click.option(
    "--registrar",
    default="registrar",
    show_default=True,
    metavar="NAME",
    help="Key that opens accounts for new vendors.",
)
REJECTS: Final = click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where refused rows go.  [default: FILE's name with .rejects.csv, in this folder]",
)
PATIENCE: Final = click.option(
    "--patience",
    default=60,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long to wait for a network that does not move.",
)


@final
@dataclass(frozen=True, slots=True)
class PaymentFile:
    """A file that was read: its content, and its rows as payments or faults."""

    path: Path
    data: bytes
    payments: "list[Payment]"
    faults: "list[RowFault]"


@asking_command("payments")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--map",
    "mapping",
    required=True,
    metavar="MAPPING",
    help="The column of each field, vendor=…,date=…,amount=…,reference=…,description=… (the last "
    "two may be left out); or gla, the Greater London Authority's.",
)
@AGENCY
@REGISTRAR
@click.option("--asset", metavar="CODE", help="What is paid.  [default: what the agency holds]")
@REJECTS
@PATIENCE
@click.option("--quiet", is_flag=True, help="No progress; the summary only.")
def payments(
    session: Session,
    file: Path,
    mapping: str,
    agency: str,
    registrar: str,
    asset: str | None,
    rejects: Path | None,
    patience: int,
    quiet: bool,
) -> None:
    """Book every row of FILE (CSV) as a payment, or as a credit note where it is negative.

    Vendors get running accounts that the agency keeps; their names stay in the agency's vendor book
    beside its key. Run it again to go on where it stopped: no row is booked twice.
    """
    from cli.booking import signer_of
    from cli.courier import Courier
    from cli.vendor_book import book_path, open_book

    columns = columns_named(mapping)
    home = home_of(session)
    signer = signer_of(home, agency)
    target = beside(file, rejects, ".rejects.csv")
    with (
        Courier(nodes_of(session), patience_s=patience) as courier,
        open_book(book_path(home, agency)) as book,
    ):
        paid = _asset(courier, home, signer, asset)
        data = content_of(file)
        file_id = book.file_id(data)
        read = read_rows(file, data, columns, paid[1], file_id)
        new = book.enter(payment.vendor for payment in read.payments)

        from cli.booking import Booking

        booking = Booking(courier, signer, paid[0], read.payments, book.vendors, file_id)
        run = _Run(session, courier, booking, paid, quiet=quiet)
        run.go(new, lambda: signer_of(home, registrar), f"account {agency}")
    rejected = rejected_of(read, booking.refusals)
    result = _summary(read, run, len(rejected))
    report(session, result, _text(result, run.asset, str(book.path)), rejected, target)


def _asset(courier: "Courier", home: Home, agency: "Signer", code: str | None) -> tuple[str, int]:
    """The asset's code and decimal places."""
    held = courier.ask(lambda client: client.account(agency.account)).balances
    known = {each.asset: each.exponent for each in held}
    known |= {asset.code: asset.exponent for asset in home.document.assets}
    if code is None and len(known) == 1:
        [code] = known
    if code not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise click.UsageError(f"--asset: expected one of {listed}, found {code or 'none'}")
    return code, known[code]


def beside(file: Path, given: Path | None, suffix: str) -> Path:
    """Where what is said of a file goes: never where the file itself is.

    Raises:
        UsageError: it would.
    """
    target = given or Path(f"{file.stem}{suffix}")
    if target.exists() and file.exists() and target.samefile(file):
        raise click.UsageError(f"{target} is the file that is read, expected another to write")
    return target


def columns_named(mapping: str) -> "Columns":
    """What --map says.

    Raises:
        click.BadParameter: it is no mapping.
    """
    from exchange.payments import columns_of

    try:
        return columns_of(mapping)
    except Malformed as fault:
        raise click.BadParameter(str(fault), param_hint="--map") from fault


def content_of(path: Path) -> bytes:
    """What is in a file.

    Raises:
        OperatorFault: it cannot be read, or is too large.
    """
    data = read_file(path, limits.IMPORT_FILE_BYTES_MAX)
    if len(data) > limits.IMPORT_FILE_BYTES_MAX:
        raise OperatorFault(
            f"{path} has more than {limits.IMPORT_FILE_BYTES_MAX} bytes: import it in parts, each "
            "with the header"
        )
    return data


def read_rows(
    path: Path, data: bytes, columns: "Columns", exponent: int, file_id: str
) -> PaymentFile:
    """The rows of a file, as payments or faults."""
    from exchange.payments import Payment, lines_of, read_payments

    found = PaymentFile(path, data, [], [])
    lines = lines_of(io.BytesIO(data))
    for row in read_payments(lines, columns, exponent=exponent, file_id=file_id):
        if isinstance(row, Payment):
            found.payments.append(row)
        else:
            found.faults.append(row)
    return found


@final
class _Run:
    """Takes a booking through its steps and remembers what people want to know."""

    def __init__(
        self,
        session: Session,
        courier: "Courier",
        booking: "Booking",
        asset: tuple[str, int],
        *,
        quiet: bool,
    ) -> None:
        self._session, self._courier, self.booking = session, courier, booking
        self.asset, self._quiet = asset, quiet or session.machine
        self.opened = 0
        self.seconds = 0.0

    def go(
        self, new: "frozenset[AccountId]", registrar: "Callable[[], Signer]", payer: str
    ) -> None:
        """Everything, from the first question to the last."""
        from cli.booking import State

        booking = self.booking
        booking.read_chain(State.BOOKED_BEFORE)
        self._check_funds(payer)
        missing = booking.missing
        if not missing:
            return
        absent = booking.unopened(new)
        if absent:
            self._say(f"opening {len(absent):,} vendor accounts")
            booking.open_accounts(absent, registrar())
            self.opened = len(absent)
        self._say(f"booking {len(missing):,} rows")
        self._book(missing)
        booking.read_chain(State.BOOKED_NOW)
        booking.explain_missing()

    def _check_funds(self, payer: str) -> None:
        from cli.booking import State

        code, exponent = self.asset
        while (held := self.booking.held()) < (needed := self.booking.needed()):
            # Rows that an earlier run left waiting may have been paid since the entries were read.
            waiting = len(self.booking.missing)
            self.booking.read_chain(State.BOOKED_BEFORE)
            if len(self.booking.missing) < waiting:
                continue

            from cli.conventions import conventions

            money = conventions().money
            raise Rejected(
                "import.insufficient_funds",
                f"{payer} holds {money(held, exponent, code)}, the rows that are not booked yet "
                f"pay {money(needed, exponent, code)}: it needs "
                f"{money(needed - held, exponent, code)} more. Nothing was booked",
                {"asset": code, "held": held, "needed": needed},
            )

    def _book(self, numbers: Sequence[int]) -> None:
        from cli.progress import Progress

        with io.StringIO() as nowhere:
            progress = Progress(len(numbers), "rows", stream=nowhere if self._quiet else None)
            try:
                self.booking.book(numbers, progress.advance)
            finally:
                progress.close()
                self.seconds = progress.seconds

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._session.remark(text)


def rejected_of(
    read: PaymentFile, refusals: "Mapping[int, Refusal]"
) -> list[tuple[int, str, str, str, str]]:
    """Line, field, expected, actual and row of each row that is not booked, in order."""
    from exchange.payments import lines_of

    rows = [(each.line, each.field, each.expected, each.actual, each.row) for each in read.faults]
    if refusals:
        lines = list(lines_of(io.BytesIO(read.data)))
        for number, refusal in refusals.items():
            line = read.payments[number].line
            row = lines[line - 1].rstrip(b"\r\n").decode("utf-8")
            rows.append((line, refusal.field, refusal.expected, refusal.actual, row))
    return sorted(rows)


def report(
    session: Session,
    result: dict[str, Any],
    text: str,
    rejected: Sequence[tuple[int, str, str, str, str]],
    target: Path,
) -> None:
    """Write the rejects, print the summary.

    Raises:
        Rejected: rows were refused.
    """
    if rejected or target.exists():
        _write_rejects(target, rejected)
    session.show({**result, "rejects": str(target)} if rejected else result, text)
    if rejected:
        line, field, expected, actual, _ = rejected[0]
        raise Rejected(
            "import.rows_refused",
            f"{len(rejected)} of {result['rows']} rows are refused, see {target}; the first is "
            f"line {line}, {field}: expected {expected}, found {actual}",
            {"refused": len(rejected), "rejects": str(target)},
        )


def _write_rejects(path: Path, rows: Sequence[tuple[int, str, str, str, str]]) -> None:
    """They hold names, so only the owner may read them."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(path, flags, _OWNER_ONLY), "w", newline="", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _OWNER_ONLY)
            writer = csv.writer(file)
            writer.writerow(_REJECT_TITLES)
            writer.writerows([*each[:-1], _as_text(each[-1])] for each in rows)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be written: {error.strerror}") from error


def _as_text(row: str) -> str:
    """A row as a spreadsheet shows it; one that begins like a formula is not computed there."""
    return f"'{row}" if row.startswith(_FORMULA) else row


def _summary(read: PaymentFile, run: _Run, refused: int) -> dict[str, Any]:
    from cli.booking import State

    booking = run.booking
    amounts: dict[State, list[int]] = {state: [] for state in State}
    for payment, state in zip(booking.payments, booking.states, strict=True):
        amounts[state].append(payment.amount)
    now, before = amounts[State.BOOKED_NOW], amounts[State.BOOKED_BEFORE]
    return {
        "file": str(read.path),
        "rows": len(read.payments) + len(read.faults),
        "booked": len(now),
        "already_booked": len(before),
        "refused": refused,
        "asset": run.asset[0],
        "payments_minor": sum(amount for amount in now + before if amount > 0),
        "credit_notes_minor": -sum(amount for amount in now + before if amount < 0),
        "net_minor": sum(now) + sum(before),
        "vendors": len({payment.vendor for payment in booking.payments}),
        "accounts_opened": run.opened,
        "seconds": round(run.seconds, 3),
        "rows_per_second": round(len(now) / run.seconds, 1) if run.seconds else None,
    }


def _text(result: dict[str, Any], asset: tuple[str, int], book: str) -> str:
    from cli.conventions import conventions
    from cli.progress import duration

    spoken, (code, exponent) = conventions(), asset
    speed = result["rows_per_second"]
    rate = f", {spoken.number(round(speed))} rows a second" if speed else ""
    opened = f"{spoken.number(result['accounts_opened'])} accounts opened"
    return facts(
        [
            ("rows", spoken.number(result["rows"])),
            ("booked", spoken.number(result["booked"])),
            ("already booked", spoken.number(result["already_booked"])),
            ("refused", spoken.number(result["refused"])),
            ("payments", spoken.money(result["payments_minor"], exponent, code)),
            ("credit notes", spoken.money(result["credit_notes_minor"], exponent, code)),
            ("net", spoken.money(result["net_minor"], exponent, code)),
            ("vendors", f"{spoken.number(result['vendors'])}, {opened}; names in {book}"),
            ("time", f"{duration(result['seconds'])}{rate}"),
        ]
    )
