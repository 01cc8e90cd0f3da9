"""`mithaq db log`: the signed record of what a node dropped, shown and verified."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number, time_text
from cli.faults import ExitCode
from cli.session import Session, command, facts, table
from cli.upkeep import node_command, run_here, run_work
from primitives import limits
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from node.retention_report import LogAnswer, LogEntry

_LAST = click.option(
    "--last",
    type=click.IntRange(0, limits.RETENTION_SHOWN_MAX),
    default=20,
    show_default=True,
    help="Show so many records, the newest. All are verified.",
)


@node_command("log")
@_LAST
@click.option(
    "--to",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all of them to a new file that `mithaq db verify-log` checks without the node.",
)
def log(session: Session, folder: Path, last: int, file: Path | None) -> None:
    """Show what a node dropped of its history, and verify that the record of it is whole.

    Each record is signed with the node's key and names the one before it. Ends with 1 if the log is
    not what the node wrote, or does not tell of everything that is missing.
    """
    from node.retention_report import LOG, LogRequest

    asked = LogRequest(last=last, file=None if file is None else str(file.absolute()))
    _show(session, run_work(session, folder, LOG, asked))


@command("verify-log")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_LAST
def verify_log(session: Session, file: Path, last: int) -> None:
    """Verify a retention log in FILE, as `mithaq db log --to` wrote it, without any node.

    Compare the chain and the node's key that it shows with those that you know: the keys of all
    nodes stand in genesis.json and on chain.
    """
    from node.retention_report import judge_file

    try:
        with file.open("rb") as opened:
            found = run_here(session, judge_file(opened, file, last=last))
    except OSError as error:
        raise OperatorFault(f"{file} cannot be read: {error.strerror}") from error
    _show(session, found)


def _show(session: Session, found: "LogAnswer") -> None:
    from primitives.named import to_named

    session.show(to_named(found), _text(found))
    if found.fault is not None:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _text(found: "LogAnswer") -> str:
    from primitives.named import to_named

    kept = to_named(found.kept_from)
    shown = [
        ("chain", found.chain.hex()),
        ("records", number(found.count)),
        ("verdict", "whole" if found.fault is None else f"NOT WHOLE: {found.fault}"),
        *(("signed by", key.hex()) for key in found.keys),
        *((f"{part} from", number(edge)) for part, edge in kept.items()),
        *([("file", found.file)] if found.file is not None else []),
    ]
    if not found.entries:
        return facts(shown)
    columns = ("record", "part", "dropped", "policy", "at height", "at block time")
    return facts(shown) + "\n\n" + table(columns, [_row(entry) for entry in found.entries])


def _row(entry: "LogEntry") -> tuple[str, ...]:
    return (
        number(entry.sequence),
        entry.part.value,
        f"{number(entry.first)} to {number(entry.last)}",
        number(entry.policy),
        number(entry.head),
        time_text(entry.head_time_ms),
    )
