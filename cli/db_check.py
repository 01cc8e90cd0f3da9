"""`mithaq db check`: everything that a node's database holds, verified again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import number
from cli.faults import ExitCode
from cli.session import Session, facts
from cli.upkeep import node_command, run_work
from primitives.errors import StorageFault

if TYPE_CHECKING:
    from node.check.run import CheckReport

ADVICE = (
    "Nothing was changed, and nothing is repaired here. Stop the node, move data/ away (keep "
    "signer.state\nwhere it is) and start it again: it fetches the chain from the others; or "
    "restore a backup that\n`mithaq db check` finds whole. Then look at the disk."
)


@node_command("check")
@click.option("--from", "first", type=click.IntRange(min=0), metavar="HEIGHT", help="First height.")
@click.option("--to", "last", type=click.IntRange(min=0), metavar="HEIGHT", help="Last height.")
def check(session: Session, folder: Path, first: int | None, last: int | None) -> None:
    """Verify again everything that a node's database holds; exit code 1 if anything is damaged.

    Headers and their links, every signature of every certificate, the roots of transactions,
    receipts and state, indexes in both directions, the tree, votes and evidence. With --from or
    --to, the blocks of these heights and what follows from them.
    """
    from node.check.run import CHECK, CheckRequest
    from primitives.ids import Height
    from primitives.named import to_named

    asked = CheckRequest(
        first=None if first is None else Height(first), last=None if last is None else Height(last)
    )
    try:
        found = run_work(session, folder, CHECK, asked)
    except StorageFault as fault:  # so badly that there is nothing to begin with
        session.show({"damage": None, "reason": str(fault)}, f"{fault}\n\n{ADVICE}")
        raise click.exceptions.Exit(ExitCode.REFUSED) from fault
    session.show(to_named(found), _text(found))
    if found.damage:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _text(found: "CheckReport") -> str:
    heights = f"{found.first} to {found.last}"
    if found.last < found.height or not found.whole:
        heights += f" of {found.height}"
    pairs = [
        ("chain", found.chain.hex()),
        ("head", f"{number(found.height)}, block {found.block_id.hex()}"),
        ("heights", heights),
        ("blocks", number(found.blocks)),
        ("signatures", f"{number(found.signatures)} in certificates"),
        ("transactions", number(found.transactions)),
        ("rows of indexes", number(found.index_rows)),
    ]
    if found.whole:
        tree = f"{number(found.tree_records)} in the tree, {number(found.tree_heights)} heights"
        pairs += [
            ("entries", f"{number(found.entries)} of the state"),
            ("records", tree),
            ("promises", f"{number(found.promises)} (votes, evidence, records of retention)"),
        ]
    else:
        pairs.append(("not checked", "state, tree, window and votes: say neither --from nor --to"))
    if not found.damage:
        return facts([*pairs, ("damage", "none")])
    lines = [facts([*pairs, ("damage", number(found.damage))]), ""]
    lines += [f"  {damage.in_words()}" for damage in found.damages]
    if found.damage > len(found.damages):
        lines.append(f"  and {number(found.damage - len(found.damages))} more")
    return "\n".join([*lines, "", ADVICE])
