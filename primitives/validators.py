"""The validators of a height, and the arithmetic of quorums.

Invariants of a `ValidatorSet`: 1 to VALIDATORS_MAX keys of 32 bytes, strictly ascending. A seat is
an index in that order. Membership is a function of height (consensus.md §9); a set never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

from primitives import limits
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import Digest, Height, Seat, ValidatorKey, View


def faults_tolerated(n: int) -> int:
    """f = ⌊(n − 1) / 3⌋, the Byzantine validators that n validators withstand (rule R1)."""
    return (n - 1) // 3


def quorum(n: int) -> int:
    """q = n − f (rule R1), never 2f + 1: two quorums of any n share at least f + 1 validators."""
    return n - faults_tolerated(n)


def primary_of(n: int, height: Height, view: View) -> Seat:
    """The seat that proposes at (height, view) (rule R2)."""
    return Seat((height + view) % n)


@final
@dataclass(frozen=True)
class ValidatorSet:
    """Voting keys in canonical order."""

    keys: tuple[ValidatorKey, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= limits.VALIDATORS_MAX:
            raise Malformed(f"{len(self.keys)} validators, expected 1 to {limits.VALIDATORS_MAX}")
        if any(len(key) != 32 for key in self.keys):
            raise Malformed("a validator key is not 32 bytes long")
        if any(a >= b for a, b in zip(self.keys, self.keys[1:], strict=False)):
            raise Malformed("validator keys must be strictly ascending")

    @classmethod
    def of(cls, keys: Sequence[ValidatorKey]) -> "ValidatorSet":
        """Any order in, canonical order out.

        Raises:
            Malformed: a duplicate key, or too few or too many.
        """
        return cls(tuple(sorted(keys)))

    @property
    def size(self) -> int:
        """n."""
        return len(self.keys)

    @property
    def quorum(self) -> int:
        """q = n − f."""
        return quorum(self.size)

    @property
    def faults(self) -> int:
        """f."""
        return faults_tolerated(self.size)

    def primary(self, height: Height, view: View) -> ValidatorKey:
        """The key that proposes at (height, view)."""
        return self.keys[primary_of(self.size, height, view)]

    def seat(self, key: ValidatorKey) -> Seat | None:
        """The seat of a key, or None for a stranger."""
        return self._seats.get(key)

    @cached_property
    def _seats(self) -> dict[ValidatorKey, Seat]:
        return {key: Seat(index) for index, key in enumerate(self.keys)}

    @cached_property
    def hash(self) -> Digest:
        """What a header names: SHA-256 over the canonical list of keys."""
        return digest(Domain.VALIDATORS, encode(self.keys))
