"""The way back of a node that does not know what it has signed (rule R51).

It follows the chain and asks the others where they stand. Let t be its newest block. When a quorum
of *other* members of validators(t + 2) has answered in this run, each signing itself and each
claiming no more than what is proved here, then nothing was ever signed with its key above t + 2:

    Suppose it was, at s ≥ t + 3. One signs at s only with block s − 1 in hand, so block t + 2 was
    decided: q members of validators(t + 2) committed to it. Of any q others f + 1 are among them,
    so at least one is honest and knows what it signed. That one decides t + 2 or something later,
    and says so: it claims more than t + 1, which is not proved here. It does not count.

So it signs from t + 3. An answer that lies about more is not counted, one that lies about less is
one of f. A member that is fenced itself, asleep, or behind its own signer does not count either:
what it knows may be less than what it signed. With more than f such members nobody's way back is
found, and the chain waits for the operators: that is meant.
"""

from typing import final

from consensus.messages import Status
from node.execution import Parent
from primitives.ids import Height, ValidatorKey


@final
class Fence:
    """What others answered in this run. Written by the guard alone."""

    def __init__(self, own: ValidatorKey | None) -> None:
        self._own = own
        self._answers: dict[ValidatorKey, Height] = {}
        self._highest: dict[ValidatorKey, Height] = {}

    def hear(self, author: ValidatorKey, status: Status) -> None:
        """Keep an answer. Of several the lowest claim is enough: each holds for itself."""
        self._highest[author] = max(self._highest.get(author, status.height), status.height)
        if status.signs:
            known = self._answers.get(author, status.height)
            self._answers[author] = min(known, status.height)

    def forget_answers(self) -> None:
        """Somebody signed with our key after they were given: ask again."""
        self._answers.clear()

    def answered(self, parent: Parent) -> int:
        """How many others count, with the block below `parent.height` as the newest."""
        others = set(parent.next_validators.keys) - {self._own}
        return sum(self._answers.get(key, parent.height + 1) <= parent.height for key in others)

    def needed(self, parent: Parent) -> int:
        """How many must count; at one to three validators more than there are."""
        return parent.next_validators.quorum

    def height_to_sign_from(self, parent: Parent) -> Height | None:
        """t + 3, once it is certain."""
        if self.answered(parent) < self.needed(parent):
            return None
        return Height(parent.height + 2)

    def certainly_decided(self, parent: Parent) -> Height:
        """The highest block that exists for certain: ours, or one that f + 1 others claim."""
        others = set(parent.validators.keys) - {self._own}
        claims = sorted((self._highest.get(key, Height(0)) for key in others), reverse=True)
        claimed = claims[parent.validators.faults] if claims else Height(0)
        return Height(max(parent.height, claimed) - 1)
