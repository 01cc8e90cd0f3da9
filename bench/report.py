"""One line per figure: its stable name, the value, the goal, and whether it was met."""

import sys


class Report:
    """Prints as it goes and remembers what was missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def fact(self, name: str, value: float, unit: str) -> None:
        """A figure without a goal."""
        _say(f"{name:<42} {_shown(value):>10} {unit}")

    def goal(self, name: str, value: float, unit: str, *, at_most: float) -> None:
        """A figure that must not be larger."""
        self._judged(name, value, unit, f"at most {at_most:g}", met=value <= at_most)

    def goal_at_least(self, name: str, value: float, unit: str, *, at_least: float) -> None:
        """A figure that must not be smaller."""
        self._judged(name, value, unit, f"at least {at_least:g}", met=value >= at_least)

    def _judged(self, name: str, value: float, unit: str, goal: str, *, met: bool) -> None:
        if not met:
            self.missed.append(name)
        verdict = "met" if met else "MISSED"
        _say(f"{name:<42} {_shown(value):>10} {unit}   goal: {goal}   {verdict}")


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
