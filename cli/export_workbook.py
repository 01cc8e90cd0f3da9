"""`mithaq export workbook`: all that a treasury's books hold, a worksheet for each list."""

from pathlib import Path

import click

from cli.export_treasury import PERIOD, TREASURY
from cli.home import client_of, home_of
from cli.session import Session, asking_command


@asking_command("workbook")
@TREASURY
@PERIOD
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the workbook (.xlsx).",
)
def workbook(session: Session, treasury: str, period: str | None, output: Path) -> None:
    """Write the funds, lines, awards, deliveries, vouchers and balances of a TREASURY's books.

    Amounts are numbers in whole units. Names are those of this machine, beside the ids.
    """
    from cli.files import replace_file
    from cli.query import names_of
    from cli.query_workbook import workbook_of
    from cli.treasury_data import treasury_data

    home = home_of(session)
    names = names_of(home, None)
    with client_of(session) as client:
        data = treasury_data(client, home.account(treasury), period)
    lists = {
        "treasury.funds": data.funds,
        "treasury.apportionments": data.apportionments,
        "treasury.lines": data.lines,
        "treasury.awards": data.awards,
        "treasury.deliveries": data.deliveries,
        "treasury.vouchers": data.vouchers,
        "treasury.refunds": data.refunds,
        "treasury.trial_balance": data.trial_balances,
    }
    replace_file(output, workbook_of(lists, names))
    count = sum(map(len, lists.values()))
    session.show(
        {"file": str(output), "sheets": len(lists), "rows": count, "height": data.height},
        f"wrote {output}: {len(lists)} sheets with {count} rows, as of height {data.height}",
    )
