"""`mithaq import vouchers`: an agency's file of payments becomes vouchers under its budget.

Where `import payments` moves money, this spends a budget: each row goes through the offices of the
treasury, under the award that its description belongs to. Safe to repeat: no invoice is paid twice.
"""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.home import home_of, nodes_of
from cli.import_payments import (
    AGENCY,
    PATIENCE,
    REGISTRAR,
    REJECTS,
    PaymentFile,
    beside,
    columns_named,
    content_of,
    read_rows,
    rejected_of,
    report,
)
from cli.session import Session, asking_command, facts
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from cli.voucher_run import VoucherRun

_COLUMNS: Final = ["description", "award"]


@asking_command("vouchers")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--map",
    "mapping",
    required=True,
    metavar="MAPPING",
    help="The column of each field, vendor=…,date=…,amount=…,reference=…,description=…; or gla, "
    "the Greater London Authority's.",
)
@click.option(
    "--awards",
    "awards_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="CSV with the columns description and award: under which award the rows of each "
    "description are paid.",
)
@AGENCY
@click.option("--receiver", required=True, metavar="NAME", help="Key of the receiving officer.")
@click.option("--certifier", required=True, metavar="NAME", help="Key of the certifying officer.")
@click.option("--payer", required=True, metavar="NAME", help="Key of the disbursing officer.")
@REGISTRAR
@click.option(
    "--treasury", metavar="ACCOUNT", help="Whose money it is.  [default: the only treasury]"
)
@REJECTS
@PATIENCE
def vouchers(
    session: Session,
    file: Path,
    mapping: str,
    awards_file: Path,
    agency: str,
    receiver: str,
    certifier: str,
    payer: str,
    registrar: str,
    treasury: str | None,
    rejects: Path | None,
    patience: int,
) -> None:
    """Pay every row of FILE (CSV) as an invoice under an award; book it back where it is negative.

    What the invoices of an award are for is accepted as one delivery, each invoice is certified,
    and each is paid: by three officers, many rows in a transaction. Vendors get running accounts
    that the agency keeps. Run it again to go on where it stopped: no invoice is paid twice.
    """
    from cli.booking import Booking, signer_of
    from cli.courier import Courier
    from cli.import_pain001 import treasury_of
    from cli.query import names_of
    from cli.vendor_book import book_path, open_book
    from cli.voucher_run import Officers, VoucherRun

    columns = columns_named(mapping)
    home = home_of(session)
    target = beside(file, rejects, ".rejects.csv")
    names = names_of(home, None)
    officers = Officers(
        receiver=signer_of(home, receiver),
        certifier=signer_of(home, certifier),
        payer=signer_of(home, payer),
        keeper=signer_of(home, agency),
    )
    with (
        Courier(nodes_of(session), patience_s=patience) as courier,
        open_book(book_path(home, agency)) as book,
    ):
        ours = courier.ask(lambda client: treasury_of(client, names, treasury))
        data = content_of(file)
        file_id = book.file_id(data)
        read = read_rows(file, data, columns, ours.exponent, file_id)
        new = book.enter(payment.vendor for payment in read.payments)
        run = VoucherRun(
            courier=courier,
            officers=officers,
            treasury=ours,
            payments=read.payments,
            accounts=book.vendors,
            awards=_awards(awards_file),
            file_id=file_id,
        )
        booking = Booking(
            courier, officers.keeper, ours.asset, read.payments, book.vendors, file_id
        )
        unopened = booking.unopened(new)
        if unopened:
            session.progress(f"opening {len(unopened):,} vendor accounts")
            booking.open_accounts(unopened, signer_of(home, registrar))
        run.go(session.progress)
    rejected = rejected_of(read, run.refusals)
    result = _summary(read, run, len(rejected))
    report(session, result, _text(result, run), rejected, target)


def _awards(path: Path) -> dict[str, str]:
    """Description → award."""
    try:
        rows = list(csv.reader(io.StringIO(content_of(path).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise OperatorFault(f"{path} is no CSV in UTF-8: {error}") from error
    if not rows or rows[0] != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise OperatorFault(
            f"{path}: expected the columns {' and '.join(_COLUMNS)}, and two cells in each row"
        )
    awards: dict[str, str] = {}
    for description, award in rows[1:]:
        if description in awards:
            raise OperatorFault(f"{path}: {description!r} is given twice, expected once")
        awards[description] = award
    return awards


def _summary(read: PaymentFile, run: "VoucherRun", refused: int) -> dict[str, Any]:
    from cli.voucher_run import Stage

    amounts = [run.payments[number].amount for number in run.at(Stage.DONE)]
    return {
        "file": str(read.path),
        "rows": len(read.payments) + len(read.faults),
        "booked": len(amounts),
        "refused": refused,
        "asset": run.treasury.asset,
        "payments_minor": sum(amount for amount in amounts if amount > 0),
        "credit_notes_minor": -sum(amount for amount in amounts if amount < 0),
        "net_minor": sum(amounts),
        "awards": len({run.awards.get(each.description) for each in run.payments} - {None}),
    }


def _text(result: dict[str, Any], run: "VoucherRun") -> str:
    from cli.conventions import conventions

    spoken, unit = conventions(), (run.treasury.exponent, run.treasury.asset)
    return facts(
        [
            ("rows", spoken.number(result["rows"])),
            ("booked", spoken.number(result["booked"])),
            ("refused", spoken.number(result["refused"])),
            ("payments", spoken.money(result["payments_minor"], *unit)),
            ("credit notes", spoken.money(result["credit_notes_minor"], *unit)),
            ("net", spoken.money(result["net_minor"], *unit)),
            ("awards", spoken.number(result["awards"])),
        ]
    )
