"""A censor proposes what it likes: half of all transactions never stand in a block of its own.

It follows every other rule: proposes in time, votes for the blocks of others, whatever stands in
them. No rule says what a primary must take, so nothing can be proved against it. What stands
against it is that the primary changes at each height (R2) and that every transaction reaches every
validator (R66): the next honest primary takes what it left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from node import wire
from primitives.block import transaction_hash
from primitives.ids import TransactionHash
from sim.byzantine.seat import Seat


@final
@dataclass
class Censor(Seat):
    """Deaf for what it will not have: its engine never hears of it, but in others' blocks."""

    def hear(self, sender: str, message: wire.Wire) -> wire.Wire | None:
        """Without what is censored, whether it was pushed or offered."""
        del sender
        match message:
            case wire.Transactions(transactions):
                left = tuple(
                    data for data in transactions if not self.hates(transaction_hash(data))
                )
                self._tell_of(message, transactions, left)
                return wire.Transactions(left)
            case wire.Offer(hashes):
                return wire.Offer(tuple(name for name in hashes if not self.hates(name)))
            case _:
                return message

    def hates(self, name: TransactionHash) -> bool:
        """Whether it censors a transaction: one half of them, the same half always."""
        return bool(self.means.dice("censored", name.hex()).getrandbits(1))

    def _tell_of(self, message: wire.Wire, before: Iterable[bytes], after: Iterable[bytes]) -> None:
        for _ in set(before) - set(after):
            self.tell("transaction censored", message)
