"""`mithaq status`: one look at the whole network, or a view of it that goes on."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.home import home_of, nodes_of
from cli.session import Session, asking_command, on_terminal
from client.faults import Unreachable

if TYPE_CHECKING:
    from cli.standing import Standing


@asking_command("status")
@click.option("--watch", is_flag=True, help="Go on asking and showing until Ctrl-C.")
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="With --watch: the pause between two looks.",
)
def status(session: Session, watch: bool, every: float) -> None:
    """Ask all nodes of the home at once: heights, views, links, answer times, who is missing.

    The exit code is 4 only when no node answers; with --watch it is 0 when Ctrl-C ends it.
    """
    from cli.standing import overview, standing_of

    nodes = nodes_of(session)
    home = home_of(session)
    known = home if home.genesis_file.exists() and session.node is None else None
    if watch:
        _watch(session, lambda: standing_of(nodes, known), every)
        return
    found = standing_of(nodes, known)
    session.show(found.named(), overview(found))
    if all(report.status is None for report in found.reports):
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")


def _watch(session: Session, look: "Callable[[], Standing]", every_s: float) -> None:
    from cli.standing import overview

    def view() -> str:
        return f"{datetime.now(UTC):%H:%M:%S} UTC  {overview(look())}"

    def pause() -> None:
        time.sleep(every_s)

    try:
        if on_terminal() and not session.machine:
            from cli.drawing import redraw

            redraw(view, pause)
        while True:
            # For programs one value to a line; for a log one view after the other.
            line = json.dumps(look().named(), ensure_ascii=False) if session.machine else view()
            click.echo(line)
            pause()
    except KeyboardInterrupt:
        return
