"""`mithaq export pacs008`: what a treasury paid, for the bank that carries it out."""

from pathlib import Path

import click

from cli.export_treasury import TREASURY, a_month
from cli.home import client_of, home_of
from cli.session import Session, asking_command


@asking_command("pacs008")
@TREASURY
@click.option(
    "--period",
    metavar="MONTH",
    callback=a_month,
    help="Only what was paid in this month, such as 2026-04.  [default: all that was ever paid]",
)
@click.option(
    "--agency",
    required=True,
    metavar="NAME",
    help="Key of the agency in whose vendor book the bank accounts are, also the treasury's own.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files, one for each day of payment.",
)
def pacs008(session: Session, treasury: str, period: str | None, agency: str, output: Path) -> None:
    """Write the payments of a TREASURY as credit transfers (ISO 20022 pacs.008.001.08).

    The same payments are the same files with the same identifiers, so that no bank pays twice.
    """
    from cli.files import replace_file
    from cli.payees import parties_of
    from cli.treasury_data import treasury_data
    from exchange.iso20022 import utc_day
    from exchange.pacs008 import pacs008, settlements

    home = home_of(session)
    parties = parties_of(home, agency)
    with client_of(session) as client:
        data = treasury_data(client, home.account(treasury), period)
    days = settlements(data, parties)
    files = []
    output.mkdir(parents=True, exist_ok=True)
    for day in days:
        path = output / f"pacs008-{day.day}.xml"
        replace_file(path, pacs008(day), mode=0o600)  # it has names and bank accounts
        files.append({"file": str(path), "day": day.day, "payments": len(day.transfers)})
    if days and days[-1].day == utc_day(data.time_ms):
        session.remark(
            f"{days[-1].day} is not over: what is paid later today comes in another file, together "
            "with these payments"
        )
    count = sum(len(day.transfers) for day in days)
    session.show(
        {"files": files, "payments": count, "height": data.height},
        f"wrote {len(files)} files with {count} payments to {output}, as of height {data.height}",
    )
