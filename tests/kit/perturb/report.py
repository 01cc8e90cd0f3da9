"""A run in words: what was done, what followed, what is wrong."""

from kit.perturb.judge import Verdict
from kit.perturb.record import Record


def report(record: Record, verdict: Verdict) -> str:
    """For a terminal."""
    manifest = record.manifest
    nodes = f"{manifest.validators} validators, {manifest.observers} observers"
    paid = f"{verdict.final} payments final ({verdict.rate:.0f}/s)"
    lines = [f"{manifest.title}: {nodes}, {verdict.blocks} blocks, {paid}"]
    for outcome in verdict.outcomes:
        one = outcome.event.perturbation
        whom = " ".join(outcome.event.nodes) or " | ".join(" ".join(side) for side in one.sides)
        lines.append(
            f"  {one.kind:<16} {whom:<32} longest gap {outcome.gap_s:5.1f} s, "
            f"next block {_seconds(outcome.next_block_s)}, level {_seconds(outcome.level_s)}"
        )
    lines += [f"  WRONG: {one}" for one in verdict.wrong]
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "   never" if value is None else f"{value:5.1f} s"
