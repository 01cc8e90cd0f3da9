"""`make demo`: public money from the budget law to the tarmac, on four nodes of this machine.

One story and two readers: this prints it, and tests/e2e/test_road_contract.py asks of every chapter
whether it is true.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

from kit.road.country import Country
from kit.road.process import Process
from kit.road.stage import Stage
from kit.road.story import CHAPTERS
from kit.road.telling import Teller


def main() -> int:
    """Tell the story; the nodes end and their folders go with it, however it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # also then nothing is left
    began = time.monotonic()
    process = Process.at_hand()
    with tempfile.TemporaryDirectory(prefix="mithaq-road-") as folder:
        home = Path(folder) / "home"
        with Country.founded(home, process.begins) as country:
            teller = Teller(sys.stdout)
            stage = Stage(country, process, teller)
            for chapter in CHAPTERS:
                chapter(stage)
    teller.tell(
        f"{len(stage.attempts)} attempts were refused. All of it took "
        f"{time.monotonic() - began:.0f} seconds on four nodes; they are stopped, and nothing of "
        "them is left on this machine."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
