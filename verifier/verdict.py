"""What a proof file proves: the verdict, in a form for programs and in words for people."""

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


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` is what is proved, or why nothing is; `details` are labelled facts in order."""

    outcome: Outcome
    sentence: str
    details: tuple[tuple[str, str], ...] = ()
    chain: bytes | None = None

    def text(self) -> str:
        """Plain text for a terminal or a file, ending in a newline."""
        lines = [self._headline(), "", self.sentence]
        if self.details:
            width = max(len(label) for label, _ in self.details) + 2
            lines += ["", *(f"  {label:<{width}}{fact}" for label, fact in self.details)]
        if self.outcome is Outcome.NOT_PINNED:
            lines += ["", _HOW_TO_PIN]
        return "\n".join(lines) + "\n"

    def _headline(self) -> str:
        match self.outcome:
            case Outcome.VALID:
                return "VALID"
            case Outcome.INVALID:
                return "INVALID"
            case Outcome.NOT_PINNED:
                chain = self.chain.hex() if self.chain is not None else "unknown"
                return f"VALID UNDER CHAIN {chain}, WHICH YOU HAVE NOT PINNED"


_HOW_TO_PIN = (
    "Anybody can start a chain of their own and prove anything under it. Compare this chain id\n"
    "with one from a source that you trust (a gazette, the ministry's page, a printed notice),\n"
    "then give it to the verifier: --chain HEX."
)
