"""`mithaq db compact`: the space of deleted rows, given back to the disk."""

from pathlib import Path

from cli.conventions import number
from cli.session import Session, facts
from cli.upkeep import node_command, run_work


@node_command("compact")
def compact(session: Session, folder: Path) -> None:
    """Rewrite a node's tables without what is deleted; reads and writes go on meanwhile."""
    from node.compact import COMPACT, CompactRequest
    from primitives.named import to_named

    done = run_work(session, folder, COMPACT, CompactRequest())
    before = done.tables_before + done.logs_before
    after = done.tables_after + done.logs_after
    won = (
        f"{number(before - after)} bytes"
        if after <= before
        else f"none: {number(after - before)} bytes more"
    )
    lines = [
        ("tables", f"{number(done.tables_before)} bytes, now {number(done.tables_after)}"),
        ("logs", f"{number(done.logs_before)} bytes, now {number(done.logs_after)}"),
        ("reclaimed", won),
    ]
    session.show(to_named(done), facts(lines))
