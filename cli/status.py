"""`mithaq status`: one look at the whole network."""

from cli.home import home_of, nodes_of
from cli.session import Session, asking_command
from client.faults import Unreachable


@asking_command("status")
def status(session: Session) -> None:
    """Ask all nodes of the home at once: heights, views, links, who is missing.

    The exit code is 4 only when no node answers.
    """
    from cli.standing import overview, standing_of

    nodes = nodes_of(session)
    home = home_of(session)
    known = home.genesis_file.exists() and session.node is None
    found = standing_of(nodes, home if known else None)
    session.show(found.named(), overview(found))
    if all(report.status is None for report in found.reports):
        raise Unreachable(f"none of {len(nodes)} nodes answers: is the network running?")
