"""`mithaq db prune`: drop what a node's policy does not keep, without waiting for its strides."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number
from cli.session import Session, table
from cli.upkeep import node_command, run_work

if TYPE_CHECKING:
    from node.prune import Pruned, PrunedPart


@node_command("prune")
@click.option("--dry-run", is_flag=True, help="Only say what would be dropped.")
def prune(session: Session, folder: Path, *, dry_run: bool) -> None:
    """Drop the history that the policy in config.toml does not keep, and all its rows.

    A running node drops the same by itself, a hundred heights at a time, by the policy that it was
    started with. What is dropped does not come back. Its space is free for new rows; `mithaq db
    compact` gives it back to the disk.
    """
    from node.prune import PRUNE, PRUNE_PLAN, PruneRequest
    from primitives.named import to_named

    done = run_work(session, folder, PRUNE_PLAN if dry_run else PRUNE, PruneRequest())
    session.show(to_named(done), _text(done, "to drop" if dry_run else "dropped"))


def _text(done: "Pruned", what: str) -> str:
    rows = [_row(part) for part in done.parts]
    shown = table(("part", "policy", what, "heights", "about", "kept from"), rows)
    return f"height {number(done.height)}\n\n{shown}"


def _row(part: "PrunedPart") -> tuple[str, ...]:
    first = part.kept_from - part.dropped
    return (
        part.part.value,
        "all" if part.policy is None else number(part.policy),
        f"{number(first)} to {number(part.kept_from - 1)}" if part.dropped else "-",
        number(part.dropped),
        f"{number(part.bytes)} bytes" if part.dropped and part.bytes is not None else "-",
        number(part.kept_from),
    )
