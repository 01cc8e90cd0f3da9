"""`mithaq export`: what the chain holds, in the formats of the outside world.

Each command asks a node, writes one file or folder, and says how to check it. The formats are in
`exchange`; nothing of them is known to a node.
"""

from typing import Final

import click

from cli.lazy import LazyGroup

MEMBERS: Final = {
    "xes": ("cli.export_xes", "The moves of cases, for process miners (IEEE 1849)."),
}


@click.group("export", cls=LazyGroup, members=MEMBERS)
def export() -> None:
    """Write what the chain holds in the formats of the outside world."""
