"""`mithaq export holdings`: the register of an agency's holdings, for whoever audits it."""

from pathlib import Path

import click

from cli.completion import key_names
from cli.home import client_of, home_of
from cli.session import Session, asking_command


@asking_command("holdings")
@click.argument("agency", shell_complete=key_names)
@click.option("--period", metavar="YYYY-MM", help="As of the end of this month.  [default: now]")
@click.option(
    "--since",
    metavar="YYYY-MM",
    help="First month of the roll-forward.  [default: from the beginning]",
)
@click.option("--campaign", metavar="CODE", help="Add the reconciliation of this count.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write the tables to.",
)
def holdings(
    session: Session,
    agency: str,
    period: str | None,
    since: str | None,
    campaign: str | None,
    output: Path,
) -> None:
    """Write the register of an AGENCY's holdings as a data package: tables, and what they mean.

    The register, the roll-forward of each class of holdings, and a count against the register. Its
    sums are the property accounts of the trial balance of the same month.
    """
    from cli.files import replace_file
    from exchange.holdings import HoldingsData, holdings_package

    account = home_of(session).account(agency)
    with client_of(session) as client:
        asked = {"agency": account, "period": period, "limit": 1_000}
        register = list(client.rows("treasury.holdings", **asked))
        rolled = [
            row
            for fund in sorted({row.fund for row in register})
            for row in client.rows("treasury.roll_forward", fund=fund, since=since, period=period)
        ]
        found = []
        if campaign is not None:
            found = list(client.rows("treasury.reconciliation", agency=account, campaign=campaign))
    data = HoldingsData(
        agency=account,
        period=period,
        since=since,
        register=register,
        roll_forward=rolled,
        campaign=campaign,
        reconciliation=found,
    )
    output.mkdir(parents=True, exist_ok=True)
    files = holdings_package(data)
    for name, content in files.items():
        replace_file(output / name, content)
    session.show(
        {"folder": str(output), "holdings": len(register), "files": sorted(files)},
        f"wrote {', '.join(sorted(files))} to {output}: {len(register)} holdings",
    )
