"""`mithaq unfence`: the operator answers for it that a validator may sign again."""

import getpass
import json
import socket
from pathlib import Path
from typing import Final

import click

from cli.session import Session, command
from client.connection import Connection, operator_of
from primitives import limits

WARNING: Final = (
    "A validator that signs twice at one height is a liar to everybody else, and its key is named "
    "in evidence for ever. You answer for it that this key is on no other machine that runs"
)
WARNING_HEIGHT: Final = (
    ", and that it never signed at height {height} or above: ask the operators of all other "
    "validators for the highest block that they have, and for the height that `mithaq status` "
    "shows them trying."
)


@command("unfence")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option(
    "--height",
    type=click.IntRange(min=1),
    help="Sign from this height on.  [default: the one that the others' answers prove]",
)
@click.option(
    "--by", metavar="WHO", help="Who answers for it; kept in signer.state.  [default: USER@HOST]"
)
@click.option("--yes", is_flag=True, help="You have read the warning.")
def unfence(session: Session, folder: Path, height: int | None, by: str | None, yes: bool) -> None:
    """Let the fenced or cloned validator of a FOLDER sign again.  [default: the current one]

    Its node must run: it follows the chain, so that it knows what is decided, and refuses a height
    that is. A fenced node needs this only where too few others can answer for it; a cloned one
    always.
    """
    from node.standing import SigningStatus, in_words
    from primitives.named import from_named

    warning = WARNING + ("." if height is None else WARNING_HEIGHT.format(height=height))
    if not yes:
        raise click.UsageError(f"{warning} Then say --yes.")
    session.remark(f"WARNING: {warning}")
    who = by or f"{getpass.getuser()}@{socket.gethostname()}"[: limits.OPERATOR_LENGTH_MAX]
    asked = json.dumps({"height": height, "by": who}).encode()
    with Connection(operator_of(folder)) as connection:
        answer = connection.post("/v1/admin/unfence", asked, kind="application/json")
    session.show(answer, in_words(from_named(answer, SigningStatus)))
