"""`mithaq export journal`: a treasury's books for another program of double entry."""

from pathlib import Path

import click

from cli.export_treasury import PERIOD, TREASURY
from cli.home import client_of, home_of
from cli.session import Session, asking_command


@asking_command("journal")
@TREASURY
@PERIOD
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the journal.",
)
def journal(session: Session, treasury: str, period: str | None, output: Path) -> None:
    """Write every posting of a TREASURY's books, and the balances that they must lead to.

    The language is Beancount's: `bean-check` adds everything up by itself, and says where the
    chain's balances are others.
    """
    from cli.files import replace_file
    from cli.treasury_data import treasury_data
    from exchange.iso20022 import utc_day
    from exchange.journal import Posting
    from exchange.journal import journal as written
    from services.treasury.chart import Step

    ministry = home_of(session).account(treasury)
    with client_of(session) as client:
        data = treasury_data(client, ministry, period)
        postings = [
            Posting(
                day=utc_day(row.time_ms),
                fund=row.fund,
                step=Step(row.step),
                amount=row.amount_minor,
                about=row.line or row.apportionment or row.fund,
                transaction=row.transaction,
                event=row.entry,
            )
            for row in client.rows("treasury.journal", treasury=ministry)
            if row.height <= data.height
        ]
    replace_file(output, written(data, postings))
    session.show(
        {"file": str(output), "postings": len(postings), "height": data.height},
        f"wrote {output}: {len(postings)} postings, as of height {data.height}",
    )
