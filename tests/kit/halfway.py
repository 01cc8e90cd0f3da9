"""A node that comes half-way: it catches up to about a height, and stands there until it is ended.

    PYTHONPATH=.:tests python -m kit.halfway HEIGHT NODE_FOLDER

Whoever wants to look at a node that catches up, or to end it meanwhile, has all the time for it.
"""

import sys
from pathlib import Path

from node import wire
from node.app import run
from node.catchup import Catchup
from node.catchup_plan import Held
from node.shell import Shell
from p2p.peers import PeerId
from primitives.validators import ValidatorSet

next_run, sort = Catchup._next_run, Shell._sort


def stand_at(height: int) -> None:
    """No block from here on: none of a range, and none that somebody passes on."""

    def no_further_run(self: Catchup) -> tuple[list[Held], ValidatorSet | None]:
        return ([], None) if self._checked_to >= height else next_run(self)

    def no_further_block(self: Shell, peer: PeerId, message: wire.Wire) -> None:
        if not isinstance(message, wire.Decided) or self.engine.height < height:
            sort(self, peer, message)

    Catchup._next_run = no_further_run  # type: ignore[method-assign]  # that is the point
    Shell._sort = no_further_block  # type: ignore[method-assign]


if __name__ == "__main__":
    stand_at(int(sys.argv[1]))
    run(Path(sys.argv[2]))
