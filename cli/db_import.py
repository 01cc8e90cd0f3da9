"""`mithaq db import`: a file's chain into a node's folder, every block executed again."""

from pathlib import Path

import click

from cli.conventions import number
from cli.session import Session
from cli.upkeep import is_running, node_command, run_here
from primitives.errors import OperatorFault


@node_command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_(session: Session, folder: Path, file: Path) -> None:
    """Bring a stopped node's folder to the height that an export in FILE has.

    Nothing in the file is believed: each block is checked and executed as if a peer had sent it.
    What the folder has already is compared, what it lacks is added; the first height that is not
    what it claims ends the import, and what came before it stays. An import that was interrupted,
    in whatever way, goes on when the same command is given again.
    """
    from node.folder import load_node
    from node.importing import import_chain
    from primitives.named import to_named

    if is_running(folder):
        raise OperatorFault(
            f"the node of {folder} runs, and catches up from its peers: stop it to import a file"
        )
    done = run_here(session, import_chain(load_node(folder), file))
    if done.blocks == 0:
        text = f"nothing new: the folder has height {number(done.last)}"
    else:
        text = (
            f"imported heights {number(done.first)} to {number(done.last)}: "
            f"{number(done.blocks)} blocks, {number(done.transactions)} transactions"
        )
    if done.already:
        text += f"; {number(done.already)} heights of the file were here already, and are the same"
    session.show(to_named(done), text)
