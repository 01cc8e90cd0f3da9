"""The votes of one height and one kind, first per (seat, view) (rule R20).

Memory is bounded by what the replica keeps: views wish−2 to wish+2, one vote per seat each
(rule R42), so at most 5 · n votes of a kind.
"""

from collections.abc import Callable
from typing import Generic, TypeVar, final

from consensus.messages import Commit, Prepare
from primitives.certificate import Certificate, Seal
from primitives.ids import BlockId, Height, Seat, View

V = TypeVar("V", Prepare, Commit)


@final
class Votes(Generic[V]):
    """Who voted for what, by view. Written by the replica alone."""

    def __init__(self) -> None:
        self._by_view: dict[View, dict[Seat, V]] = {}

    def add(self, vote: V) -> V:
        """Keep the first vote of a seat in a view. Returns the vote that counts."""
        return self._by_view.setdefault(vote.view, {}).setdefault(vote.seat, vote)

    def find(self, view: View, seat: Seat) -> V | None:
        """The vote that counts of a seat in a view."""
        return self._by_view.get(view, {}).get(seat)

    def seats(self, view: View) -> set[Seat]:
        """Whose vote of this view is here, whatever it says."""
        return set(self._by_view.get(view, ()))

    def of(self, view: View) -> tuple[V, ...]:
        """The votes of a view by seat."""
        votes = self._by_view.get(view, {})
        return tuple(votes[seat] for seat in sorted(votes))

    def views(self) -> tuple[View, ...]:
        """Views with a vote, ascending."""
        return tuple(sorted(self._by_view))

    def keep(self, wanted: Callable[[View], bool]) -> None:
        """Forget the votes of views that are not wanted."""
        self._by_view = {view: votes for view, votes in self._by_view.items() if wanted(view)}

    def certificate(
        self, height: Height, view: View, block_id: BlockId, quorum: int
    ) -> Certificate | None:
        """A certificate of exactly a quorum of signers, lowest seats first; None with fewer."""
        seals = [
            Seal(vote.seat, vote.signature) for vote in self.of(view) if vote.block_id == block_id
        ]
        if len(seals) < quorum:
            return None
        return Certificate(height, view, block_id, tuple(seals[:quorum]))
