"""What every suite shares: how much Hypothesis tries, and the time each suite took.

On a developer's machine Hypothesis looks in new places at each run. In CI it is derandomised: a
change is judged by the change, not by luck. No deadline anywhere, and no complaint that making an
example takes long: a busy machine is not a defect.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, settings

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", PATIENT, max_examples=50)
settings.register_profile("ci", PATIENT, max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# A shell starts what runs in the background with SIGINT ignored, and so would be every command that
# a test starts and ends with Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Nobody's own trust decides a test; nor a terminal's width, its colours or its language, nor a
# proxy, to which a browser's driver would turn for this very machine.
os.environ["MITHAQ_TRUST"] = "/nonexistent/trust.json"
os.environ["COLUMNS"] = "80"
for _name in (
    *(name for name in os.environ if name.startswith("LC_")),
    *("LANGUAGE", "MITHAQ_LANG", "MITHAQ_HOME", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"),
    *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
):
    os.environ.pop(_name, None)
os.environ["LANG"] = "C.UTF-8"


def suite_of(nodeid: str) -> str:
    """The folder below tests/ that a test belongs to."""
    parts = PurePosixPath(nodeid.partition("::")[0]).parts
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per suite: its tests and the time they took."""
    seconds: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[suite_of(report.nodeid)] += report.duration
                tests[suite_of(report.nodeid)] += report.when == "call"
    if seconds:
        terminalreporter.section("time by suite")
    for suite in sorted(seconds):
        terminalreporter.write_line(f"{suite:<24}{tests[suite]:>6} tests{seconds[suite]:>9.2f} s")
