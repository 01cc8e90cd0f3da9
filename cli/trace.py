"""What `mithaq query treasury.trace` has beside other queries: names in its start, and pictures.

A trace begins at an account that people call by a name, and it can be drawn.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from exchange.trace_graph import Flow, graphml, sankey

QUERY: Final = "treasury.trace"
START: Final = "from_"
ENDS: Final = ("giver", "receiver")
"""The columns that name an account, or a thing with an account in its name."""
GRAPHS: Final = ("graphml", "svg")
_WITH_ACCOUNT: Final = re.compile(r"(account|voucher|payment):([^/]*)(/.*)?", re.DOTALL)


def start_word(account: Callable[[str], str], word: str) -> str:
    """Where a trace begins, with an id in the place of a name that this machine knows.

    Raises:
        OperatorFault: nobody is known by the name.
    """
    found = _WITH_ACCOUNT.fullmatch(word)
    if found is None or not found[2]:
        return word
    return f"{found[1]}:{account(found[2])}{found[3] or ''}"


def draw(form: str, start: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the steps as a graph, to standard output.

    Raises:
        UsageError: a person's terminal would get it.
    """
    if sys.stdout.isatty():
        raise click.UsageError(
            f"--format {form} is for a file: send it there, as in > trace.{form}"
        )
    flows = [_flow(row) for row in rows]
    made = graphml(flows) if form == "graphml" else sankey(flows, title=start)
    click.echo(made.decode("utf-8"), nl=False)


def _flow(row: Mapping[str, Any]) -> Flow:
    values = {name: row[name] for name in Flow.__dataclass_fields__}
    return Flow(**{**values, **{end: row.get(f"{end}_name") or row[end] for end in ENDS}})
