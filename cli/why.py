"""`mithaq why`: why the chain is slow or halted, in words, and what to do about it."""

import click

from cli.faults import ExitCode
from cli.home import home_of, nodes_of
from cli.session import Session, asking_command
from client.faults import Unreachable


@asking_command("why")
def why(session: Session) -> None:
    """Ask all nodes of the home, or the one of --node, how the chain fares and why.

    The exit code is 0 where all that answer say that it is healthy, 1 where one does not, and 4
    where none answers.
    """
    from cli.second_opinion import opinion_of
    from cli.silence import silence_of

    nodes, home = nodes_of(session), home_of(session)
    chain = home.chain if home.genesis_file.exists() and session.node is None else None
    found = opinion_of(nodes, chain, lambda node: silence_of(home, node.name))
    session.show(found.named(), found.text())
    if all(one.mute for one in found.witnesses):
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")
    if found.verdict != "healthy":
        raise click.exceptions.Exit(ExitCode.REFUSED)
