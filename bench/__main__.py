"""`make bench`: every benchmark in turn; exits with 1 when a goal is missed."""

import platform
import sys
from typing import Final

from bench import (
    api,
    audit,
    catchup,
    disk,
    flood,
    guards,
    joining,
    kernel_actors,
    kernel_agenda,
    kernel_books,
    kernel_cases,
    kernel_consent,
    kernel_law,
    kernel_motions,
    ledger,
    links,
    load,
    network,
    payments,
    portal,
    proofs,
    queries,
    sim,
    snapshots,
    storage,
    treasury_close,
    treasury_report,
    treasury_trace,
    treasury_vouchers,
    tree,
    upkeep,
)
from bench.report import Report

MODULES: Final = (
    ledger,
    kernel_agenda,
    kernel_actors,
    kernel_books,
    kernel_consent,
    kernel_cases,
    kernel_motions,
    kernel_law,
    treasury_close,
    tree,
    storage,
    proofs,
    snapshots,
    joining,
    upkeep,
    disk,
    audit,
    catchup,
    sim,
    queries,
    treasury_report,
    treasury_trace,
    portal,
    links,
    api,
    network,
    guards,
    flood,
    payments,
    treasury_vouchers,
    load,
)
"""The slowest last."""


def main() -> int:
    """Run all."""
    report = Report()
    sys.stdout.write(f"{platform.platform()}, Python {platform.python_version()}\n")
    for module in MODULES:
        module.run(report)
    if report.missed:
        sys.stdout.write(f"missed: {', '.join(report.missed)}\n")
    return 1 if report.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
