"""A new observer of a network with a large state: from `mithaq join` to following, by a snapshot.

Four validators that begin with the state (bench/seed.py) and the newcomer share this machine. Once
each of them has the snapshot already, and once none has it, and one of them writes it on request:
that takes the time to write it longer, and has no goal. `python -m bench.joining 100000` takes a
smaller state; its goal stays.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.report import Report
from bench.seed import seed
from cli import processes
from cli.home import Home
from cli.upkeep import is_running
from node.config import NodeFolder

ENTRIES: Final = 1_000_000
GOAL_S: Final = 60
BASE_PORT: Final = 24_900
UP_S: Final = 60.0
END_S: Final = 600.0
_COMMAND: Final = [sys.executable, "-P", "-m", "cli"]


def _mithaq(*words: str) -> None:
    subprocess.run([*_COMMAND, *words], check=True, capture_output=True)


def _found(home: Path, entries: int) -> tuple[list[NodeFolder], NodeFolder, int]:
    """The validators' folders with their state, that of an admitted observer, and the entries."""
    words = ["--observers", "1", "--base-port", str(BASE_PORT)]
    _mithaq("testnet", "--output", str(home), *words)
    made = seed(home, entries)
    *validators, observer = (NodeFolder(home / entry.folder) for entry in Home(home).entries())
    return validators, observer, made


def _wait_until_up(folders: list[NodeFolder]) -> None:
    deadline = time.monotonic() + UP_S
    while not all(is_running(folder.path) for folder in folders):
        for folder in folders:
            alive = processes.running(folder) is not None
            assert alive, f"{folder.path}: {processes.last_words(folder)}"
        assert time.monotonic() < deadline, f"not up within {UP_S} s"
        time.sleep(0.2)


def _join(report: Report, what: str, bundle: Path, observer: NodeFolder, folder: Path) -> float:
    """The seconds until it follows; how many of them each part took is reported."""
    folder.mkdir()
    shutil.copy(observer.node_key, folder)
    began = time.perf_counter()
    ports = ["--listen", f"127.0.0.1:{BASE_PORT + 50}", "--api", f"127.0.0.1:{BASE_PORT + 51}"]
    words = ["join", str(bundle), str(folder), *ports, "--stop", "--json"]
    process = subprocess.Popen(
        [*_COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    phase, since, took = "starting", began, dict[str, float]()
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        told = json.loads(line)
        if "progress" in told and told["progress"]["what"] != phase:
            now = time.perf_counter()
            took[phase] = took.get(phase, 0.0) + now - since
            phase, since = told["progress"]["what"], now
        elif "the node runs" in told.get("said", ""):
            now = time.perf_counter()
            took[phase] = took.get(phase, 0.0) + now - since
            phase, since = "start and blocks", now
    output, _ = process.communicate(timeout=END_S)
    assert process.returncode == 0, f"it did not join: {said[-5:]}"
    for one, seconds in took.items():
        report.fact(f"joining.{what}, {one}", seconds, "s")
    return float(json.loads(output)["seconds"])


def run(report: Report, entries: int = ENTRIES) -> None:
    """Join twice."""
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name:
        home, bundle = Path(name) / "home", Path(name) / "network.bundle"
        validators, observer, made = _found(home, entries)
        _mithaq("snapshot", "create", "--home", str(validators[0].path))
        for folder in validators[1:]:
            shutil.copytree(validators[0].snapshots, folder.snapshots)
        try:
            for folder in validators:
                processes.launch(folder)
            _wait_until_up(validators)
            _mithaq("bundle", "create", "--home", str(home), "--out", str(bundle))
            seconds = _join(report, "by snapshot", bundle, observer, home / "first")
            report.goal(f"joining.by snapshot/{made:,} entries", seconds, "s", at_most=GOAL_S)
            for folder in validators:
                shutil.rmtree(folder.snapshots)
            seconds = _join(report, "on request", bundle, observer, home / "second")
            report.fact(f"joining.on request/{made:,} entries", seconds, "s")
        finally:
            _mithaq("localnet", "down", "--home", str(home))


if __name__ == "__main__":
    run(Report(), int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES)
