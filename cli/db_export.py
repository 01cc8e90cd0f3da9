"""`mithaq db export`: a chain into a file that anybody can read and check."""

from pathlib import Path

import click

from cli.conventions import number
from cli.session import Session
from cli.upkeep import node_command, run_work


@node_command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="First height.",
)
@click.option("--to", "last", type=click.IntRange(min=0), help="Last height.  [default: the head]")
def export(session: Session, folder: Path, file: Path, first: int, last: int | None) -> None:
    """Write the chain to FILE: genesis, and each height's block, certificate and receipts.

    All of it is public. `mithaq db import` and `mithaq audit run` read it, and
    docs/export-format.md says how anybody else can. An export that was interrupted goes on where it
    stopped when the same command is given again.
    """
    from node.exporting import EXPORT, ExportRequest
    from primitives.ids import Height
    from primitives.named import to_named

    asked = ExportRequest(
        file=str(file.absolute()),
        first=Height(first),
        last=None if last is None else Height(last),
    )
    done = run_work(session, folder, EXPORT, asked)
    text = f"wrote {file}: heights {number(done.first)} to {number(done.last)}"
    if done.kept:
        text += f", of which an interrupted export had {number(done.kept)}"
    session.show(to_named(done), f"{text}; {number(done.bytes)} bytes")
