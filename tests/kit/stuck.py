"""A node whose loop can be made to stand still, and whose watchdog has little patience.

    PYTHONPATH=.:tests python -m kit.stuck NODE_FOLDER

SIGUSR1 has the loop's thread go in circles for ever, as a bug of ours would.
"""

import signal
import sys
from pathlib import Path

from node.app import run

PATIENCE_S = 3.0


def stand_still(*_: object) -> None:
    """For ever, at full speed."""
    while True:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, stand_still)
    run(Path(sys.argv[1]), patience_s=PATIENCE_S)
