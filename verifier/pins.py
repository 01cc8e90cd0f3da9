"""What the reader brings: the chains and checkpoints that they trust, and how old is too old.

A pin of a chain trusts the validators of its genesis, a checkpoint those of one height; neither
says anything about blocks below its own height. Whoever pins a checkpoint does not want to depend
on older keys any more, so of several pins the highest one at or below a fact's height is the only
one that counts (docs/proof-format.md §5, rule R59).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from verifier.lineage import Anchor
from verifier.values import INTEGER_MAX
from verifier.verdict import Invalid

_PIN: Final = re.compile(r"([0-9a-f]{64})(?:@([1-9][0-9]{0,18}):([0-9a-f]{64}))?")
_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_WORDS: Final = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_AGE: Final = re.compile(r"([1-9][0-9]{0,8})([dhms])")


@final
@dataclass(frozen=True, slots=True)
class Pin:
    """A chain, or the validators of one of its heights; of height 0 without a hash."""

    chain: bytes
    height: int = 0
    validators_hash: bytes | None = None

    def __str__(self) -> str:
        """As people write it."""
        if self.validators_hash is None:
            return self.chain.hex()
        return f"{self.chain.hex()}@{self.height}:{self.validators_hash.hex()}"


def read_pin(text: str) -> Pin:
    """A pin as people write it.

    Raises:
        ValueError: it is none.
    """
    found = _PIN.fullmatch(text.lower())
    if found is None:
        raise ValueError(
            "expected CHAINID or CHAINID@HEIGHT:VALIDATORSHASH, ids in 64 hexadecimal digits, "
            f"found {text[:160]!r}"
        )
    chain, height, validators = found.groups()
    if height is None:
        return Pin(bytes.fromhex(chain))
    if int(height) > INTEGER_MAX:
        raise ValueError(f"height {height} is above {INTEGER_MAX}")
    return Pin(bytes.fromhex(chain), int(height), bytes.fromhex(validators))


@final
@dataclass(frozen=True, slots=True)
class AgeLimit:
    """What is older than so many milliseconds at this moment is too old."""

    now_ms: int
    most_ms: int

    def exceeded_by(self, time_ms: int) -> bool:
        """Whether a block of this time is too old."""
        return time_ms < self.now_ms - self.most_ms


def read_age(text: str) -> int:
    """`30d`, `12h`, `90m` or `45s` in milliseconds.

    Raises:
        ValueError: it is none.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a number with d, h, m or s, as 30d; found {text[:40]!r}")
    return int(found[1]) * _UNITS[found[2]]


def age_text(age_ms: int) -> str:
    """So many milliseconds in the largest unit that counts them without a rest."""
    for unit, size in _UNITS.items():
        count, rest = divmod(age_ms, size)
        if count and not rest:
            return f"{count} {_WORDS[unit]}{'s' if count > 1 else ''}"
    return f"{age_ms} milliseconds"


def check_asked(anchor: Anchor, pin: Pin) -> None:
    """The file is of the chain that the reader asks about."""
    if anchor.chain != pin.chain:
        raise Invalid(f"it is of chain {anchor.chain.hex()}, you pinned {pin.chain.hex()}")


def check_contradiction(anchor: Anchor, pins: Sequence[Pin]) -> None:
    """No checkpoint of the anchor's own height is another one."""
    for pin in pins:
        if (
            (pin.chain, pin.height) == (anchor.chain, anchor.height)
            and pin.validators_hash is not None
            and pin.validators_hash != anchor.hash
        ):
            raise Invalid(
                f"it begins with the validators {anchor.hash.hex()} of height {anchor.height}, "
                f"you pinned {pin.validators_hash.hex()} there"
            )


def pin_that_counts(chain: bytes, height: int, pins: Sequence[Pin]) -> Pin | None:
    """The highest pin of a chain at or below a height; its genesis is height 0."""
    below = [pin for pin in pins if pin.chain == chain and pin.height <= height]
    return max(below, key=lambda pin: pin.height, default=None)
