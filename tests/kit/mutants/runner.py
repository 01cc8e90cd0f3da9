"""Mutants against killers, in several processes at once (each is a `kit.mutants.worker`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from kit.mutants.catalogue import Mutant
from kit.mutants.worker import CRASHED, LATE, NOTICED, SURVIVED, UNTOUCHED
from kit.tree import ROOT


@dataclass(frozen=True, slots=True)
class Job:
    """One mutant, or the product as it stands, and the killers to set on it."""

    mutant: Mutant | None
    killers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How each test and each simulation ended, and how long all took."""

    job: Job
    found: dict[str, tuple[str, str]]
    seconds: float

    def of(self, killer: str) -> tuple[str, str]:
        """The verdict of a killer, which may be a file or a test with many cases, and why."""
        own = [
            ended
            for name, ended in self.found.items()
            if name == killer or name.startswith((f"{killer}::", f"{killer}["))
        ]
        for verdict in (NOTICED, LATE, CRASHED, UNTOUCHED, SURVIVED):
            for ended in own:
                if ended[0] == verdict:
                    return ended
        return CRASHED, "no such test"

    def noticed(self) -> list[str]:
        """Everything that noticed the mutant."""
        return [name for name, (verdict, _) in self.found.items() if verdict == NOTICED]

    def crashed(self) -> list[str]:
        """Everything that only crashed over it."""
        return [name for name, (verdict, _) in self.found.items() if verdict in (CRASHED, LATE)]


def run_all(
    jobs: Iterable[Job], *, workers: int, told: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Every job's outcome, in the order in which they ended; `told` hears each at once."""
    waiting, outcomes = deque(jobs), list[Outcome]()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with _worker() as process:
                while waiting and not failures:
                    outcome = _ask(process, waiting.popleft())
                    outcomes.append(outcome)
                    told(outcome)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return outcomes


def run_one(mutant: Mutant | None, killers: Sequence[str]) -> Outcome:
    """One job alone."""
    return run_all([Job(mutant, tuple(killers))], workers=1)[0]


def _worker() -> subprocess.Popen[str]:
    paths = [str(ROOT), str(ROOT / "tests")]
    return subprocess.Popen(
        [sys.executable, "-m", "kit.mutants.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def _ask(process: subprocess.Popen[str], job: Job) -> Outcome:
    assert process.stdin is not None
    assert process.stdout is not None
    began = time.monotonic()
    fields = None if job.mutant is None else asdict(job.mutant)
    process.stdin.write(json.dumps({"mutant": fields, "killers": job.killers}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, f"the worker died over {job}"
    found = {one: (verdict, reason) for one, (verdict, reason) in json.loads(line).items()}
    return Outcome(job, found, time.monotonic() - began)
