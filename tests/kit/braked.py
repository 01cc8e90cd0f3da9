"""The command line with a brake: it hands over no more transactions than a file says.

    PYTHONPATH=.:tests python -m kit.braked FILE WORD…

Whoever wants to end an import in its middle has all the time for it. Each errand counts for itself:
the accounts that are opened first, then the payments.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.courier import Courier, Errand
from cli.main import main

POLL_S = 0.05
carry = Courier.carry


class Brake:
    """What its file says."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def let(self, count: int) -> None:
        """So many may be handed over from now on."""
        beside = self.file.with_suffix(".new")
        beside.write_text(str(count))
        beside.replace(self.file)

    def hold(self, numbers: Iterable[int]) -> Iterator[int]:
        """Each number as soon as it may go."""
        for count, number in enumerate(numbers):
            while count >= int(self.file.read_text()):
                time.sleep(POLL_S)
            yield number


if __name__ == "__main__":
    brake = Brake(Path(sys.argv[1]))

    def carry_braked(self: Courier, numbers: Iterable[int], errand: Errand) -> None:
        carry(self, brake.hold(numbers), errand)

    Courier.carry = carry_braked  # type: ignore[method-assign]  # that is the point
    raise SystemExit(main(sys.argv[2:]))
