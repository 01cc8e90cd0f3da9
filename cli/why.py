"""`mithaq why`: why the chain is slow or halted, in words, and what to do about it."""

import click

from cli.faults import ExitCode
from cli.home import nodes_of
from cli.session import Session, asking_command
from client.faults import Unreachable


@asking_command("why")
def why(session: Session) -> None:
    """Ask all nodes of the home, or the one of --node, how the chain fares and why.

    The exit code is 0 where all that answer say that it is healthy, 1 where one does not, and 4
    where none answers.
    """
    from cli.second_opinion import opinion_of

    nodes = nodes_of(session)
    found = opinion_of(nodes)
    session.show(found.named(), found.text())
    if not found.answering:
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")
    if found.verdict != "healthy":
        raise click.exceptions.Exit(ExitCode.REFUSED)
