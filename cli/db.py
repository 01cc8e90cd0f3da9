"""`mithaq db`: look after a node's database, whether the node runs or not."""

from typing import Final

import click

from cli.lazy import LazyGroup

MEMBERS: Final = {
    "log": ("cli.db_log", "Show and verify the record of what was dropped."),
    "verify-log": ("cli.db_log", "Verify such a record in a file."),
    "prune": ("cli.db_prune", "Drop what the node's policy does not keep, at once."),
    "stats": ("cli.db_stats", "What the database holds, and what it costs."),
    "check": ("cli.db_check", "Verify again everything that the database holds."),
    "backup": ("cli.db_backup", "Write all that a node must not lose into one file."),
    "verify": ("cli.db_backup", "Read a backup to its end."),
    "restore": ("cli.db_restore", "Make a node's database from a backup."),
    "compact": ("cli.db_compact", "Give the space of deleted rows back to the disk."),
    "export": ("cli.db_export", "Write the chain to a file that anybody can check."),
    "import": ("cli.db_import", "Execute the chain of a file into a folder."),
}


@click.group("db", cls=LazyGroup, members=MEMBERS)
def db() -> None:
    """Look after a node's database.

    A node that runs is asked through the socket in its folder, does the work beside its blocks, and
    stops it when the command is interrupted. Of a node that does not run, the files are used.
    """
