"""What a file proves: the verdict, in a form for programs and in words for people."""

from dataclasses import dataclass
from enum import Enum
from typing import final


@final
class Invalid(Exception):
    """The proof fails; the message says at what, with expected and actual."""


@final
class Outcome(Enum):
    """Each outcome's value is its exit code."""

    VALID = 0
    INVALID = 1
    NOT_PINNED = 3
    OLDER = 4


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` is what is proved, or why nothing is; `details` are labelled facts in order.

    `headline` sums it up; `advice` says what a reader can do about it; `pin` is the one of the
    reader's that the verdict rests on.
    """

    outcome: Outcome
    headline: str
    sentence: str
    details: tuple[tuple[str, str], ...] = ()
    chain: bytes | None = None
    pin: str | None = None
    advice: str = ""

    def text(self) -> str:
        """Plain text for a terminal or a file, ending in a newline."""
        lines = [self.headline, "", self.sentence]
        if self.details:
            width = max(len(label) for label, _ in self.details) + 2
            lines += ["", *(f"  {label:<{width}}{fact}" for label, fact in self.details)]
        if self.advice:
            lines += ["", self.advice]
        return "\n".join(lines) + "\n"


def invalid(reason: Invalid) -> Verdict:
    """The verdict about a file that breaks a rule."""
    return Verdict(Outcome.INVALID, "INVALID", f"This file proves nothing: {reason}.")
