"""`mithaq db stats`: what a node's database holds, and what that costs."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.conventions import number
from cli.session import Session, facts, table
from cli.upkeep import node_command, run_work

if TYPE_CHECKING:
    from node.stats import Share, Stats


@node_command("stats")
def stats(session: Session, folder: Path) -> None:
    """Count what a node's database holds: bytes per block, per transaction and per table."""
    from node.stats import STATS, StatsRequest
    from primitives.named import to_named

    found = run_work(session, folder, STATS, StatsRequest())
    session.show(to_named(found), _text(found))


def _text(found: "Stats") -> str:
    pairs = [
        ("chain", found.chain.hex()),
        ("height", number(found.height)),
        ("kept from", _kept(found)),
        ("transactions", number(found.transactions)),
        ("keys and values", f"{number(found.bytes)} bytes"),
        ("files", f"{number(found.files)} bytes"),
        ("per block", f"{number(found.files // (found.height + 1))} bytes of files"),
    ]
    if found.transactions:
        each = found.files // found.transactions
        pairs.append(("per transaction", f"{number(each)} bytes of files"))
    return "\n\n".join(
        (
            facts(pairs),
            _shares("region", found.regions, found.transactions),
            _shares("state table", found.tables, found.transactions),
        )
    )


def _kept(found: "Stats") -> str:
    from primitives.named import to_named

    edges = to_named(found.kept)
    if all(height <= 1 for height in edges.values()):  # block 0 has neither body nor receipts
        return "the beginning: everything is here"
    return ", ".join(f"{part} {number(height)}" for part, height in edges.items())


def _shares(title: str, shares: "tuple[Share, ...]", transactions: int) -> str:
    return table(
        (title, "records", "bytes", "bytes per transaction", "on disk"),
        [
            (
                share.name,
                number(share.records),
                number(share.bytes),
                f"{share.bytes / transactions:.1f}" if transactions else "-",
                number(share.on_disk),
            )
            for share in shares
        ],
    )
