"""`mithaq db restore`: a node's database from a backup."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number, time_text
from cli.session import Session, facts
from cli.upkeep import is_running, node_command, run_here
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from node.config import NodeFolder

KEPT = "signer.state is kept as it is: this validator signs nothing below what that remembers."
FENCED = (
    "There is no signer.state: this validator starts fenced. It follows the chain, asks the others "
    "what it\nhas said, and signs again three blocks after enough of them answered. Never put an "
    "old copy of\nsigner.state there."
)


@node_command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def restore(session: Session, folder: Path, file: Path) -> None:
    """Make the database of a node that has none from the backup FILE.

    The node's folder has its genesis.json, whose chain is the one that is trusted, and no data/.
    Everything is checked as `mithaq db check` does before the database has its name. Then start the
    node: it fetches the blocks above from its peers.
    """
    from node.folder import load_node
    from node.restore import restore as build
    from primitives.named import to_named

    if is_running(folder):
        raise OperatorFault(f"the node of {folder} runs: stop it first, and move its data/ away")
    node = load_node(folder)
    made = run_here(session, build(node, file))
    lines = [
        ("database", made.database),
        ("chain", made.chain.hex()),
        ("height", number(made.height)),
        ("block", made.block_id.hex()),
        ("block time", time_text(made.block_time_ms)),
        ("rows", number(made.rows)),
        ("signatures", f"{number(made.signatures)} checked"),
        ("transactions", f"{number(made.transactions)} checked"),
        ("entries", f"{number(made.entries)} checked"),
    ]
    session.show(to_named(made), facts(lines) + _about_signer(node.folder))


def _about_signer(folder: "NodeFolder") -> str:
    if not folder.validator_key.exists():
        return ""
    return "\n\n" + (KEPT if folder.signer_state.exists() else FENCED)
