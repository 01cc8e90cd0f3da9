"""An import: an agency books a file of payments, and the client shares two cores with four nodes.

The file is four years of a city's payments where it is at hand, else generated rows of that number.
One row is one transaction with its own signature; account openings are not counted.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Final

from bench.network import VALIDATORS, Network, signature_checks_per_second, start
from bench.report import Report

FILE: Final = Path(__file__).parents[2] / "shared/data/gla-payments-2008-2011.csv"
ROWS: Final = 15_742
RUNS: Final = 3
GOAL_RATE: Final = 500
FUNDS: Final = "249000000.00GBP"
_PURPOSES: Final = ("Road repair", "Catering", "Legal fees", "Street lighting", "Office supplies")


def _file(folder: Path) -> Path:
    if FILE.exists():
        return FILE
    made = folder / "payments.csv"
    with made.open("w", encoding="utf-8") as file:
        file.write("Vendor,AccountDescription,Amount,Date,Source\n")
        for number in range(ROWS):
            pounds = -7 if number % 23 == 22 else 1 + number * 7919 % 9_000
            day = f"{2008 + number * 4 // ROWS}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
            purpose = _PURPOSES[number % len(_PURPOSES)]
            file.write(f"Vendor {number % 2_313},{purpose},{pounds}.25,{day},row-{number}\n")
    return made


def _import(network: Network) -> dict[str, float]:
    file = _file(network.home)
    funds = ["--line", f"to=agency-1,amount={FUNDS},reference=funds", "--wait"]
    network.mithaq("tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP", *funds)
    began = time.perf_counter()
    words = ["--map", "gla", "--agency", "agency-1", "--json"]
    result = json.loads(network.mithaq("import", "payments", str(file), *words))
    assert result["refused"] == 0, result
    return {
        "rate": float(result["rows_per_second"]),
        "whole": time.perf_counter() - began,
        "again": _again(network, file),
        "memory": max(map(_peak_mib, _nodes(network))),
    }


def _again(network: Network, file: Path) -> float:
    """Seconds until an import that has nothing to do says so."""
    began = time.perf_counter()
    words = ["--map", "gla", "--agency", "agency-1", "--json"]
    result = json.loads(network.mithaq("import", "payments", str(file), *words))
    assert (result["booked"], result["already_booked"]) == (0, result["rows"]), result
    return time.perf_counter() - began


def _nodes(network: Network) -> list[int]:
    """The processes of this network's nodes."""
    folders = [str(network.home / "nodes" / f"node{index}").encode() for index in range(VALIDATORS)]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(folder in words for folder in folders):
            found.append(int(process.name))
    assert len(found) == VALIDATORS, f"{len(found)} nodes run, expected {VALIDATORS}"
    return found


def _peak_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kib) / 1024


def run(report: Report) -> None:
    """Rate of an import, medians of RUNS."""
    runs = []
    for number in range(RUNS):
        network = start(18_500 + 10 * number)
        try:
            runs.append(_import(network))
        finally:
            network.mithaq("localnet", "down")
    found = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
    checks = signature_checks_per_second()
    report.goal_at_least("import.rate", found["rate"], "payments/s", at_least=GOAL_RATE)
    report.fact("import.rate/signature checks", found["rate"] / checks, "of the machine's rate")
    report.fact("import.whole command", found["whole"], "s")
    report.fact("import.again, nothing new", found["again"], "s")
    report.goal("import.node memory, peak", found["memory"], "MiB", at_most=250)
