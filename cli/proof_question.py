"""What a proof is asked for, and whether a file answers it.

A node may be wrong or lie. A file that holds is no answer yet: it could prove another payment, the
absence of the same key in another table, or a fact of another chain.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from primitives.errors import RemoteFault

if TYPE_CHECKING:
    from client.client import Client
    from verifier import Pin, Verdict


@final
@dataclass(frozen=True, slots=True)
class Question:
    """A transaction, perhaps one event of it; or a key of the state, perhaps after some block."""

    transaction: str | None = None
    event: int | None = None
    state: tuple[str, bytes] | None = None
    height: int | None = None

    def ask(self, client: "Client", since: int) -> bytes:
        """The file as a node gives it, from a checkpoint on; 0 is genesis."""
        from primitives.ids import TransactionId

        if self.state is not None:
            return client.state_proof(*self.state, height=self.height, since=since)
        assert self.transaction is not None, "one of the two is asked for"
        identifier = TransactionId(bytes.fromhex(self.transaction))
        if self.event is not None:
            return client.event_proof(identifier, self.event, since=since)
        return client.proof(identifier, since=since)

    def check(self, data: bytes, pin: "Pin | None") -> "Verdict":
        """What the file says.

        Raises:
            RemoteFault: it proves nothing, something of another chain or checkpoint than `pin`, or
                something else than was asked for.
        """
        import verifier

        verdict = verifier.verify(data, pin)
        if verdict.outcome is verifier.Outcome.INVALID:
            raise RemoteFault(f"the node's answer is no proof. {verdict.sentence}")
        if not self._is_answered_by(data):
            raise RemoteFault(f"the node proved something else. {verdict.sentence}")
        return verdict

    def _is_answered_by(self, data: bytes) -> bool:
        from verifier.proof_file import EventSubject, ReceiptSubject, read_proof_file

        file = read_proof_file(data)
        if self.height not in {None, file.header.height}:
            return False
        match file.subject:
            case ReceiptSubject(receipt=receipt):
                return self.event is None and receipt.transaction_id.hex() == self.transaction
            case EventSubject(receipt=receipt, event=event):
                found = (receipt.transaction_id.hex(), event + 1)
                return found == (self.transaction, self.event)
            case subject:
                if self.state is None:
                    return False
                table, key = self.state
                return (subject.table, subject.key) == (_number(table), key)


def _number(table: str) -> int:
    """The number of a table by its name or its number; -1 of one that is not known here."""
    from services.table import TABLES

    known = {each.name: each.number for each in TABLES}
    return int(table) if table.isdecimal() else known.get(table, -1)
