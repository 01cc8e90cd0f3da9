"""A process that runs killers against mutants: `python -m kit.mutants.worker`.

Reads one job a line (JSON: the fields of a mutant or null, and killers), answers one line for each.
Every job runs in a fork of its own, made after the foreign libraries were loaded and before any
module of the product was: there a finder hands out the changed text in place of the module's own.
The tree is never touched, nothing is cached, and what a mutant breaks is gone with its process.

**Judgement.** A killer that fails by an assertion of a test, by an exception that a test expected
and did not see, or by a law of the simulator has *noticed* the mutant. A killer that fails by any
other exception, or by an assertion inside the product, only *crashed* over it: that says nothing
about the rule.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import select
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import hypothesis  # noqa: F401 - loaded here once for all forks
import msgspec  # noqa: F401 - as above
import nacl.bindings  # noqa: F401 - as above
import pytest

from kit.mutants.catalogue import SIMULATION, Mutant
from kit.tree import ROOT, packages

NOTICED: Final = "noticed"
CRASHED: Final = "crashed"
SURVIVED: Final = "survived"
UNTOUCHED: Final = "untouched"
"""The killer never loaded the changed module: it cannot say anything."""
LATE: Final = "late"

JOB_S_MAX: Final = 600.0

_NO_LAW: Final = "ProcessEnded"
"""The violation that is a crash (sim/violations.py)."""

_SIMULATION: Final = argparse.ArgumentParser(prog=SIMULATION)
"""Options of `mithaq sim run` that say which schedules are run."""
for _name, _type in (
    ("--seed", str),
    ("--seeds", str),
    ("--profile", str),
    ("--validators", int),
    ("--heights", int),
):
    _SIMULATION.add_argument(_name, type=_type)

_QUIET: Final = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
"""hypothesis was loaded before pytest could look into it; it asserts nothing for us."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module of the product, and loads it with a mutant's text."""

    def __init__(self, mutant: Mutant) -> None:
        self._module, self._file = mutant.module, mutant.file
        self._source = mutant.source()
        self.loaded = False

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Only for the module that is changed."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._file)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed text under the file's own name."""
        self.loaded = True
        module.__file__ = str(ROOT / self._file)
        exec(compile(self._source, module.__file__, "exec"), module.__dict__)  # noqa: S102 - the product's own text, changed once


class Judge:
    """A plugin of pytest that notes how each test ended."""

    def __init__(self) -> None:
        self.verdicts: dict[str, str] = {}
        self.reasons: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ANN401 - a hook of pytest, typed there
        """The worst end of set-up, call and tear-down."""
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            self.verdicts[item.nodeid] = verdict_on(call.excinfo.value)
            self.reasons[item.nodeid] = reason_of(call.excinfo.value)
        else:
            self.verdicts.setdefault(item.nodeid, SURVIVED)
        return (yield)


def verdict_on(error: BaseException) -> str:
    """Whether a failure says that a rule was broken."""
    if isinstance(error, BaseExceptionGroup):
        inner = {verdict_on(one) for one in error.exceptions}
        return NOTICED if NOTICED in inner else CRASHED
    if isinstance(error, pytest.fail.Exception):
        return NOTICED  # DID NOT RAISE
    laws = [kind.__name__ for kind in type(error).__mro__]
    if "Violation" in laws:
        return CRASHED if _NO_LAW in laws else NOTICED
    if isinstance(error, AssertionError) and not _is_products(error):
        return NOTICED
    return CRASHED


def _is_products(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return False
    rooms = set(packages()) - {"sim"}
    with contextlib.suppress(ValueError):
        return Path(frames[-1].filename).relative_to(ROOT).parts[0] in rooms
    return False


def reason_of(error: BaseException) -> str:
    """The first line of what it says."""
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {said}"[:200]


def run_tests(nodes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Run tests in this process; how each ended, and why."""
    judge = Judge()
    asked = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *_QUIET, *nodes]
    code = pytest.main(asked, plugins=[judge])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        # A module that does not even load, or a test that does not exist.
        return dict.fromkeys(nodes, (CRASHED, f"pytest ended with {code!r}"))
    return {
        node: (verdict, judge.reasons.get(node, "")) for node, verdict in judge.verdicts.items()
    }


def run_simulation(killer: str) -> tuple[str, str]:
    """Run one seed in this process, or many until one sees a law broken."""
    sweep, play = importlib.import_module("sim.sweep"), importlib.import_module("sim.run")
    asked = _SIMULATION.parse_args(shlex.split(killer.removeprefix(SIMULATION)))
    first, _, last = (asked.seeds or asked.seed).partition("..")
    crash = (SURVIVED, "")
    for seed in range(int(first), int(last or first) + 1):
        plan = sweep.plan(
            seed,
            profile=asked.profile,
            validators=asked.validators,
            heights=asked.heights or play.HEIGHTS,
        )
        try:
            outcome = play.run(plan)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            crash = (verdict_on(error), reason_of(error))
            continue
        if outcome.violation == _NO_LAW:
            crash = (CRASHED, f"{outcome.violation}: {outcome.message}"[:200])
        elif outcome.violation is not None:
            where = f" [{plan.command()}]" if asked.seeds else ""
            return NOTICED, f"{outcome.violation}: {outcome.message}"[:200] + where
    return crash


def judged(mutant: Mutant | None, killers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What each killer says about a mutant; None is the product as it stands."""
    finder = None
    if mutant is not None:
        assert mutant.module not in sys.modules, f"{mutant.module} is loaded already"
        finder = Changed(mutant)
        sys.meta_path.insert(0, finder)
    tests = [killer for killer in killers if not killer.startswith(SIMULATION)]
    found = run_tests(tests) if tests else {}
    for killer in killers:
        if killer.startswith(SIMULATION):
            found[killer] = run_simulation(killer)
    if finder is not None and not finder.loaded:
        return dict.fromkeys(found, (UNTOUCHED, f"{mutant and mutant.module} was never loaded"))
    return found


def in_a_fork(mutant: Mutant | None, killers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The same in a process of its own, which may do as it likes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            answer = json.dumps(judged(mutant, killers))
        except BaseException as error:  # noqa: BLE001 - it must reach the parent
            answer = json.dumps(dict.fromkeys(killers, (CRASHED, reason_of(error))))
        with os.fdopen(writing, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    said = _read(reading, child)
    os.waitpid(child, 0)
    if not said:
        return dict.fromkeys(killers, (LATE, f"no answer within {JOB_S_MAX:.0f} s"))
    answer = json.loads(said)
    return {name: (verdict, reason) for name, (verdict, reason) in answer.items()}


def _read(pipe: int, child: int) -> bytes:
    """Everything the child says, or nothing when it takes too long."""
    said = b""
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while True:
            ready, _, _ = select.select([file], [], [], JOB_S_MAX)
            if not ready:
                os.kill(child, signal.SIGKILL)
                return b""
            part = file.read(65_536)
            if not part:
                return said
            said += part


def main() -> None:
    """Answer jobs until there are no more."""
    os.environ["CI"] = "1"  # tests/conftest.py: the same examples in every run
    for line in sys.stdin:
        job = json.loads(line)
        mutant = Mutant(**job["mutant"]) if job["mutant"] is not None else None
        print(json.dumps(in_a_fork(mutant, job["killers"])), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
