"""`mithaq status`: one look at the whole network, or a view of it that goes on."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli.home import home_of, nodes_of
from cli.session import Session, asking_command, on_terminal
from client.faults import Unreachable

if TYPE_CHECKING:
    from cli.home import Home
    from client.connection import Node


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

    With --watch one screen is drawn again and again: validators, heights, views, how fast blocks
    come and transactions become final, what waits, and disks. The exit code is 4 only when no node
    answers; with --watch it is 0 when Ctrl-C ends it.
    """
    from cli.standing import overview, standing_of

    nodes = nodes_of(session)
    home = home_of(session)
    known = home if home.genesis_file.exists() and session.node is None else None
    if watch:
        _watch(session, nodes, known, every)
        return
    found = standing_of(nodes, known)
    session.show(found.named(), overview(found))
    if all(report.status is None for report in found.reports):
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")


def _watch(session: Session, nodes: "Sequence[Node]", known: "Home | None", every_s: float) -> None:
    from cli.screen import screen
    from cli.second_opinion import opinion_of
    from cli.silence import silence_of
    from cli.standing import standing_of

    home = home_of(session)

    def view() -> str:
        chain = None if known is None else known.chain
        found = opinion_of(nodes, chain, lambda node: silence_of(home, node.name))
        return screen(found, time.time_ns() // 1_000_000)

    def line() -> str:
        if session.machine:  # for programs one value to a line
            return json.dumps(standing_of(nodes, known).named(), ensure_ascii=False)
        return f"{view()}\n"  # for a log one screen after the other

    def pause() -> None:
        time.sleep(every_s)

    try:
        if on_terminal() and not session.machine:
            from cli.drawing import redraw

            redraw(view, pause)
        while True:
            click.echo(line())
            pause()
    except KeyboardInterrupt:
        return
