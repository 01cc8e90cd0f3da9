"""`mithaq db backup` and `mithaq db verify`: all that a node must not lose, in one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number, time_text
from cli.session import Session, command, facts
from cli.upkeep import node_command, run_here, run_work
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from node.backup import Backup


@node_command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(session: Session, folder: Path, file: Path) -> None:
    """Write everything that a node's database holds into FILE, but its votes; and read it again.

    A node that runs goes on meanwhile, and writes the file itself. No key is in it and no memory of
    the signer's: a validator that is restored from it asks the others what it has said.
    """
    from node.backup import BACKUP, BackupRequest
    from primitives.named import to_named

    made = run_work(session, folder, BACKUP, BackupRequest(file=str(file.absolute())))
    session.show(to_named(made), _text(made))


@command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def verify(session: Session, file: Path) -> None:
    """Read the backup FILE to its end: whether it is whole, and what it is of.

    What stands in it is not judged: `mithaq db restore` does that.
    """
    from node.backup import verified
    from primitives.named import to_named

    try:
        with file.open("rb") as opened:
            found = run_here(session, verified(opened, file))
    except OSError as error:
        raise OperatorFault(f"{file} cannot be read: {error.strerror}") from error
    session.show(to_named(found), _text(found))


def _text(found: "Backup") -> str:
    return facts(
        [
            ("backup", found.file),
            ("chain", found.chain.hex()),
            ("height", number(found.height)),
            ("block", found.block_id.hex()),
            ("block time", time_text(found.block_time_ms)),
            ("rows", number(found.rows)),
            ("bytes", number(found.bytes)),
            ("SHA-256", found.sha256.hex()),
        ]
    )
