"""Lives that are recorded: `python -m kit.crashes.life validator|file FOLDER`.

What is said on the standard output is durable: a height, or the number of a version.
"""

import sys
from pathlib import Path
from typing import Final

from kit import alone
from kit.mortal import say, version
from kit.soak.acts import shrink_buffers
from storage.durable_file import DiskFile

RUNS: Final = 3
BLOCKS: Final = 12
VERSIONS: Final = 6


def validator(folder: Path) -> None:
    """Begin a chain, decide a dozen blocks, be started again, twice."""
    shrink_buffers()
    alone.begin(folder)
    say(0)
    for _ in range(RUNS):
        with alone.awake(folder) as awake:
            for _ in range(BLOCKS):
                say(awake.decide())


def file(folder: Path) -> None:
    """Make the signer's file, and replace it a few times."""
    memory = DiskFile(folder / "memory")
    memory.create(version(0))
    say(0)
    for number in range(1, VERSIONS):
        memory.replace(version(number))
        say(number)


if __name__ == "__main__":
    {"validator": validator, "file": file}[sys.argv[1]](Path(sys.argv[2]))
