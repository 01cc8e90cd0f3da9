"""`mithaq start`: one node, in the foreground."""

from pathlib import Path

import click

from cli.processes import forget_own, record_own
from cli.session import Session, command
from node.config import NodeFolder
from node.folder import load_node
from primitives.errors import OperatorFault


@command("start")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def start(session: Session, folder: Path) -> None:  # noqa: ARG001 - a node has no home but its folder
    """Run a node in the foreground, from its FOLDER.  [default: the current one]

    The node ends on SIGTERM or SIGINT. What is wrong with the folder is said in one line, with exit
    code 6.
    """
    if not __debug__:
        raise OperatorFault("python -O removes the assertions, which are part of the product")
    node = NodeFolder(folder.absolute())
    load_node(node.path)  # what is wrong with a folder is said before a second is spent on imports
    from node.app import run

    record_own(node)
    try:
        run(node.path)
    finally:
        forget_own(node)
