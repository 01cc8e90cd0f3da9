"""`make bench`: every benchmark in turn; exits with 1 when a goal is missed."""

import platform
import sys

from bench import api, ledger, load, network, p2p, payments, queries, sim, storage, tree
from bench.report import Report


def main() -> int:
    """Run all; the slowest last."""
    report = Report()
    sys.stdout.write(f"{platform.platform()}, Python {platform.python_version()}\n")
    for module in (ledger, tree, storage, sim, queries, p2p, api, network, payments, load):
        module.run(report)
    if report.missed:
        sys.stdout.write(f"missed: {', '.join(report.missed)}\n")
    return 1 if report.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
