"""How long a command takes from its call to its end: the smallest of five, as one waits for it.

Every command of a person pays for the interpreter and for what it imports; the smallest of a few
runs is what the program costs, and the rest is the machine's.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from bench.report import Report

RUNS: Final = 5
ALONE_S: Final = 0.4
"""For a command that needs no node."""
ASKING_S: Final = 0.9
"""For one that talks to a node."""


def run(report: Report, home: Path) -> None:
    """In the home of a network that runs: with and without its nodes."""
    proof = home / "bench.proof"
    line = "to=agency-1,amount=1,reference=bench-of-the-command-line"
    payment = ("tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP")
    _mithaq(home, *payment, "--line", line, "--proof", str(proof))
    for name, words, goal in (
        ("cli/help", ("--help",), ALONE_S),
        ("cli/keys list", ("keys", "list"), ALONE_S),
        ("cli/proof verify", ("proof", "verify", str(proof)), ALONE_S),
        ("cli/account", ("account", "treasury"), ASKING_S),
        ("cli/status of four nodes", ("status",), ASKING_S),
    ):
        report.goal(name, min(_mithaq(home, *words) for _ in range(RUNS)), "s", at_most=goal)


def _mithaq(home: Path, *words: str) -> float:
    command = [str(Path(sys.executable).parent / "mithaq"), *words]
    own = [] if words == ("--help",) else ["--home", str(home)]
    began = time.perf_counter()
    subprocess.run([*command, *own], check=True, capture_output=True)
    return time.perf_counter() - began
