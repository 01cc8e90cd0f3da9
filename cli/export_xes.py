"""`mithaq export xes`: the diary of an owner's procedures, for process miners."""

from pathlib import Path

import click

from cli.completion import key_names
from cli.home import client_of, home_of
from cli.session import Session, asking_command


@asking_command("xes")
@click.argument("owner", shell_complete=key_names)
@click.option("--flow", metavar="CODE", help="Only the cases of this flow.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the log.",
)
def xes(session: Session, owner: str, flow: str | None, output: Path) -> None:
    """Write every move of the cases of an OWNER's flows as an event log.

    XES (IEEE 1849) is read by every tool for process mining. Accounts stand in it as ids, as they
    do on the chain; who is behind them, the log does not say.
    """
    from cli.files import replace_file
    from exchange.event_log import event_log

    account = home_of(session).account(owner)
    with client_of(session) as client:
        moves = list(client.rows("casework.moves", owner=account, flow=flow, limit=1_000))
    replace_file(output, event_log(account, moves))
    cases = len({move.case for move in moves})
    session.show(
        {"file": str(output), "moves": len(moves), "cases": cases},
        f"wrote {output}: {len(moves)} moves of {cases} cases",
    )
