"""What many schedules showed: violations with their commands, rules with their counts, figures.

A figure with a goal is a promise of issue and docs/simulation.md; a full run is one of at least
`FULL` schedules, and only a full run is held to the counts per rule.
"""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Final, final

from sim.byzantine.deeds import Toll
from sim.rules import RULES
from sim.run import Outcome

FULL: Final = 20_000
RULE_COUNT_MIN: Final = 100
VIEW_TWO_SHARE_MIN: Final = 0.30
REPROPOSED_SHARE_MIN: Final = 0.05
RECOVERY_MEDIAN_MS_MAX: Final = 2_000


@final
@dataclass
class Report:
    """Adds outcomes up."""

    schedules: int = 0
    deliveries: int = 0
    cpu_s: float = 0.0
    """Of all processes: what a core would need for it alone."""
    heights: int = 0
    incidents: int = 0
    simulated_ms: int = 0
    view_two: int = 0
    reproposed: int = 0
    failures: list[Outcome] = field(default_factory=list)
    recoveries: list[int] = field(default_factory=list)
    rules: Counter[int] = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    tolls: dict[str, Toll] = field(default_factory=dict)
    """What byzantine seats did, by kind and deed."""

    def add(self, outcome: Outcome, cpu_s: float) -> None:
        """One more, and what it cost."""
        self.cpu_s += cpu_s
        self.schedules += 1
        self.deliveries += outcome.deliveries
        self.heights += outcome.heights
        self.incidents += outcome.incidents
        self.simulated_ms += outcome.simulated_ms
        self.view_two += outcome.highest_view >= 2
        self.reproposed += outcome.reproposed > 0
        self.rules.update(outcome.rules)
        self.profiles[outcome.plan.profile] += 1
        self.kinds.update(outcome.kinds)
        for deed, toll in outcome.tolls.items():
            self.tolls[deed] = self.tolls.get(deed, Toll()).plus(toll)
        if outcome.violation is not None:
            self.failures.append(outcome)
        elif outcome.recovery_ms is not None:
            self.recoveries.append(outcome.recovery_ms)

    @property
    def missed(self) -> list[str]:
        """Goals that were not met; the counts are goals of a full run only."""
        missed = [f"{one.violation}: {one.plan.command()}" for one in self.failures]
        if self.recoveries and median(self.recoveries) > RECOVERY_MEDIAN_MS_MAX:
            missed.append(f"median recovery of {median(self.recoveries):.0f} ms")
        if self.schedules < FULL:
            return missed
        missed += [
            f"R{rule} fired {self.rules[rule]} times, at least {RULE_COUNT_MIN} are wanted"
            for rule in RULES
            if self.rules[rule] < RULE_COUNT_MIN
        ]
        if self.view_two < VIEW_TWO_SHARE_MIN * self.schedules:
            missed.append(f"view 2 in {self.view_two} of {self.schedules} schedules")
        if self.reproposed < REPROPOSED_SHARE_MIN * self.schedules:
            missed.append(f"a re-proposal in {self.reproposed} of {self.schedules} schedules")
        return missed

    def lines(self) -> list[str]:
        """For people."""
        count = max(self.schedules, 1)
        per_core = self.deliveries / max(self.cpu_s, 0.001)
        found = [
            (
                f"schedules            {self.schedules:,} "
                f"({self.heights:,} heights, {self.incidents:,} incidents, "
                f"{self.simulated_ms / 3_600_000:,.1f} simulated hours)"
            ),
            f"profiles             {_counts(self.profiles)}",
        ]
        if self.kinds:
            found.append(f"byzantine seats      {_counts(self.kinds)}")
            found += [
                (
                    f"  {kind:18} {toll.told:,} deeds in {toll.views:,} views, "
                    f"{toll.lost / max(toll.views, 1):.0%} of these lost"
                )
                for kind, toll in sorted(self._by_kind().items())
            ]
        found += [
            (
                f"deliveries           {self.deliveries:,} checked, "
                f"{per_core:,.0f} per second and core"
            ),
            f"view 2 or higher     {self.view_two / count:.1%} of schedules",
            f"re-proposed blocks   {self.reproposed / count:.1%} of schedules",
        ]
        if self.recoveries:
            found.append(
                f"recovery             median {median(self.recoveries):,.0f} ms, "
                f"max {max(self.recoveries):,} ms simulated"
            )
        found.append(f"rules fired          {_rules(self.rules)}")
        found.append(f"violations           {len(self.failures)}")
        for one in self.failures:
            found += [f"  {one.violation}: {one.message}", f"    {one.plan.command()}"]
        return found

    def _by_kind(self) -> dict[str, Toll]:
        found: dict[str, Toll] = {}
        for deed, toll in self.tolls.items():
            kind = deed.partition(":")[0]
            found[kind] = found.get(kind, Toll()).plus(toll)
        return found

    def facts(self) -> dict[str, object]:
        """For programs."""
        return {
            "schedules": self.schedules,
            "heights": self.heights,
            "incidents": self.incidents,
            "deliveries": self.deliveries,
            "view_two": self.view_two,
            "reproposed": self.reproposed,
            "recovery_median_ms": median(self.recoveries) if self.recoveries else None,
            "recovery_max_ms": max(self.recoveries, default=None),
            "deeds": {
                deed: {"told": toll.told, "views": toll.views, "lost": toll.lost}
                for deed, toll in sorted(self.tolls.items())
            },
            "rules": {f"R{rule}": self.rules[rule] for rule in RULES},
            "violations": [
                {"law": one.violation, "message": one.message, "command": one.plan.command()}
                for one in self.failures
            ],
        }


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items()))


def _rules(counter: Counter[int]) -> str:
    fired = [rule for rule in RULES if counter[rule]]
    least = sorted(fired, key=lambda rule: (counter[rule], rule))[:8]
    never = [f"R{rule}" for rule in RULES if counter[rule] == 0]
    rarest = ", ".join(f"R{rule} {counter[rule]:,}" for rule in least)
    silent = f"; never: {' '.join(never)}" if never else ""
    return f"{len(RULES) - len(never)} of {len(RULES)}; rarest: {rarest}{silent}"
