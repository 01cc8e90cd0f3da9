"""The page's verdict and that of the verifier in Python, side by side."""

from collections.abc import Sequence
from typing import Final

from kit.browser import Case, Page, Told
from verifier import AgeLimit, Outcome, Verdict, read_pin, verify

OUTCOMES: Final = {
    "valid": Outcome.VALID,
    "invalid": Outcome.INVALID,
    "old": Outcome.OLDER,
    "unpinned_chain": Outcome.NOT_PINNED,
    "unpinned_checkpoint": Outcome.NOT_PINNED,
    "unpinned_before": Outcome.NOT_PINNED,
}
"""What the page calls an outcome, and what Python does."""


def python_says(case: Case) -> Verdict:
    pin = None if case.pin is None else read_pin(case.pin)
    age = None if case.max_age_ms is None else AgeLimit(case.now_ms, case.max_age_ms)
    return verify(case.data, pin, age=age)


def judged(page: Page, cases: Sequence[Case]) -> list[tuple[Told, Verdict]]:
    """What both say of each; the outcome is the same, and what is proved is said in one way."""
    told = list(zip(page.judge(cases), map(python_says, cases), strict=True))
    differ = [
        f"case {number}: page {(mine.outcome, mine.sentence, *mine.facts)!s:.2000}\n"
        f"Python {(python.outcome.name, python.sentence, *python.details)!s:.2000}"
        for number, (mine, python) in enumerate(told)
        if not _agree(mine, python)
    ]
    assert not differ, f"{len(differ)} of {len(cases)} differ:\n" + "\n".join(differ[:3])
    untold = [mine for mine, _ in told if "undefined" in mine.sentence + mine.arabic]
    assert not untold, untold[:3]
    return told


def _agree(mine: Told, python: Verdict) -> bool:
    if OUTCOMES[mine.outcome] is not python.outcome:
        return False
    if mine.outcome == "invalid":
        return True  # why is said by each in its own words
    return mine.sentence == python.sentence and mine.facts == python.details
