"""`mithaq join` that is killed on the way: by itself, when the first of a snapshot has come.

    PYTHONPATH=.:tests python -m kit.mortal_join WORD…

Nobody who reads what it tells could be as quick.
"""

import os
import signal
import sys

from cli.join import _Shown
from cli.main import main
from node.work import Progress

hear = _Shown.hear


def hear_and_die(self: _Shown, progress: Progress) -> None:
    """Say it, and be gone."""
    hear(self, progress)
    if "of the snapshot" in progress.what:
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _Shown.hear = hear_and_die  # type: ignore[method-assign]  # that is the point
    raise SystemExit(main(["join", *sys.argv[1:]]))
