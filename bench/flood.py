"""What an admitted but hostile observer costs a chain: its pace, before and under every flood.

Four validators as processes, a steady load on one of them, and an observer that the chain admits,
whose identity an attacker uses from a process of its own (`tests/kit/hostile_observer.py`): votes
with forged signatures, lies about heights, names of transactions that nobody has, garbage, tiny
frames, questions with long answers that nobody reads, gossip that is no block, abuse of yamux,
connections that come and go. All of them at once, upon every validator. The attacker is nice to the
machine: in earnest it would have one of its own.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import network
from bench.guards import intervals_ms
from bench.report import Report

WINDOW_S: Final = 10.0
REFUSED_MAX: Final = int(network.RATE * WINDOW_S / 5)
"""A loop that lags sheds what clients submit, before votes suffer."""
OBSERVER: Final = "observer-0"
ROOT: Final = Path(__file__).resolve().parent.parent
_NICE: Final = 19


@contextmanager
def attacked(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """All floods, from the folder of the observer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kit.hostile_observer", _folder(home)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        stderr=subprocess.PIPE,
        text=True,
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _folder(home: Path) -> str:
    return str(home / "nodes" / OBSERVER.replace("-", ""))


def _cpu_s(home: Path) -> float:
    """Of all validators together, so far."""
    spent = 0.0
    for folder in (home / "nodes").glob("node*"):
        pid = json.loads((folder / "node.pid").read_text())["pid"]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def _measured(net: network.Network) -> tuple[list[float], float]:
    """Intervals between blocks, and the share of a core that a validator took."""
    spent_s, began = _cpu_s(net.home), time.perf_counter()
    intervals = intervals_ms(net, WINDOW_S, REFUSED_MAX)
    share = (_cpu_s(net.home) - spent_s) / (time.perf_counter() - began) / network.VALIDATORS
    return intervals, share


def run(report: Report) -> None:
    """The pace without and with the floods."""
    net = network.start(24_300, observers=1)
    try:
        net.mithaq("localnet", "kill", OBSERVER)
        calm, calm_share = _measured(net)
        with attacked(net.home):
            time.sleep(5)  # what it may save up is spent
            flooded, flooded_share = _measured(net)
    finally:
        net.mithaq("localnet", "down")
        shutil.rmtree(net.home)
    before, during = statistics.mean(calm), statistics.mean(flooded)
    report.fact("flood.block interval", before, "ms")
    report.fact("flood.block interval/hostile observer", during, "ms")
    report.fact("flood.longest interval", max(calm), "ms")
    report.fact("flood.longest interval/hostile observer", max(flooded), "ms")
    report.fact("flood.a validator's processor", 100 * calm_share, "%")
    report.fact("flood.a validator's processor/hostile observer", 100 * flooded_share, "%")
    report.goal("flood.interval flooded ÷ calm", during / before, "", at_most=1.5)


if __name__ == "__main__":
    run(Report())
