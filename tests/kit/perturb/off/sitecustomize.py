"""A node whose clock is wrong: on its PYTHONPATH, this is what Python runs before anything else.

What reads the time of day reads it with the seconds of the file `$WRONG_CLOCK` added; durations and
everything else stay as they are. libfaketime, which tests/e2e/test_wrong_clock.py uses, puts itself
between a process and more than its clock: under load a node with it fell behind, one with this did
not.
"""

import os
import time
from pathlib import Path

_FILE = Path(os.environ["WRONG_CLOCK"])
_LOOK_NS = 200_000_000

_true_ns, _monotonic_ns = time.time_ns, time.monotonic_ns
_seen_ns = 0
_ahead_ns = 0


def _wrong_ns() -> int:
    global _seen_ns, _ahead_ns
    now_ns = _monotonic_ns()
    if now_ns - _seen_ns > _LOOK_NS:
        _seen_ns, _ahead_ns = now_ns, int(_FILE.read_text()) * 1_000_000_000
    return _true_ns() + _ahead_ns


time.time_ns = _wrong_ns
time.time = lambda: _wrong_ns() / 1e9
