"""Whether a validator signs, and if not, why: what the guard says, and status and metrics show."""

from enum import Enum, unique
from typing import Final, assert_never, final

from msgspec import Struct

from primitives.ids import Height, Natural, TimeMs


@unique
class SigningState(Enum):
    """Whether a validator signs."""

    SIGNING = "signing"
    ASLEEP = "asleep"
    """Since its start it has not heard enough others."""
    FENCED = "fenced"
    """Its signer's memory was lost; it signs again from a height that is certainly new."""
    CLONED = "cloned"
    """Somebody else signs with its key; silent until its operator acts."""
    MUTED = "muted"
    """Silent for another reason, at this height or at all."""


@final
class SigningStatus(Struct, frozen=True, kw_only=True):
    """Whether a validator signs, and if not, why, since when, and what it waits for.

    `answered` of `needed` others have answered in this run: to wake up, or, while fenced, in a way
    that counts for the return. `sign_from` is the height at which a fenced one begins to sign.
    """

    state: SigningState
    reason: str | None
    since_ms: Natural[TimeMs] | None
    answered: Natural[int]
    needed: Natural[int]
    sign_from: Natural[Height] | None


OBSERVING: Final = "observing"
HALTED: Final = "halted"


def in_one_word(signing: SigningStatus | None, halted: str | None) -> str:
    """Whether a node signs, for other nodes: a state, or that it observes, or has halted."""
    if halted is not None:
        return HALTED
    return OBSERVING if signing is None else signing.state.value


def in_words(signing: SigningStatus) -> str:
    """Whether a validator signs, for people."""
    answered = f"{signing.answered} of {signing.needed} others answered"
    match signing.state:
        case SigningState.SIGNING:
            return "at work"
        case SigningState.ASLEEP:
            return f"listening, since its start: {answered}"
        case SigningState.FENCED if signing.sign_from is not None:
            return f"fenced, signs from height {signing.sign_from} on: {signing.reason}"
        case SigningState.FENCED:
            return f"fenced, signs nothing: {signing.reason}; {answered}"
        case SigningState.CLONED:
            return f"cloned, signs nothing: {signing.reason}"
        case SigningState.MUTED:
            return f"follows, signs nothing: {signing.reason}"
        case _:
            assert_never(signing.state)
