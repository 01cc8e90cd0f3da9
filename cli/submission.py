"""Handing a transaction to a node, waiting for its block, and saying what became of it."""

from enum import Enum
from typing import Any, final

from msgspec import Struct, structs

from cli.amounts import Amounts, is_of_a_treasury
from cli.conventions import time_text
from cli.field_kinds import fields_of
from cli.files import replace_file
from cli.home import client_of, home_of
from cli.language import told, word
from cli.session import Session, facts
from cli.waiting import Waiting
from client.client import check_applied
from client.faults import NotFinal
from client.wallet import id_of
from ledger.operation import code
from ledger.transaction import Transaction
from node.queries import FinalTransaction
from primitives.errors import Malformed, Rejected
from primitives.ids import TimeMs
from primitives.named import from_named, to_named
from services.table import Refusals


def submit(session: Session, transaction: Transaction[Any], waiting: Waiting) -> None:
    """Hand it over; wait if that is wanted; print what is known.

    Raises:
        Rejected: by the node, or it stands in a block with a refusal.
        NotFinal: the time is over. It may still become final, until its `valid_until`.
    """
    words = Words(session)
    try:
        with client_of(session) as client:
            if not waiting.waits:
                taken = client.submit(transaction)
                named = to_named(taken)
                session.show(named, f"{taken.id.hex()} is {named['status']}")
                return
            found = client.settle(transaction, timeout_s=waiting.timeout_s)
            if waiting.proof is not None:
                replace_file(waiting.proof, client.proof(found.id))
    except NotFinal as error:
        raise NotFinal(f"{error}; {_later(transaction)}") from error
    except Rejected as refusal:
        raise words.of_refusal(refusal) from refusal
    result, text = to_named(found), words.of_transaction(found)
    if waiting.proof is not None:
        result["proof"] = str(waiting.proof)
        text += f"\nproof written to {waiting.proof}"
    session.show(result, text)
    try:
        check_applied(found)
    except Rejected as refusal:
        raise words.of_refusal(refusal) from refusal


def _later(transaction: Transaction[Any]) -> str:
    return f"`mithaq tx show {id_of(transaction).hex()}` tells when it is"


@final
class Words:
    """What a node says, for people: amounts in whole units, accounts by the names of the home."""

    def __init__(self, session: Session) -> None:
        self._home = home_of(session)
        self._amounts = Amounts(self._home, lambda: client_of(session))

    def of_transaction(self, found: FinalTransaction) -> str:
        """A final transaction: where it stands, and what it did."""
        receipt = found.receipt
        said = [("event", self.of(event)) for event in receipt.events]
        if receipt.refusal is not None:
            said.append(("refusal", code(receipt.refusal)))
        lines = [
            ("transaction", found.id.hex()),
            ("block", f"{found.height}, number {found.index + 1} in it"),
            ("time", time_text(found.block_time_ms)),
            ("outcome", receipt.outcome.value),
            *said,
        ]
        return self._home.with_names(facts(lines))

    def of_refusal(self, error: Rejected) -> Rejected:
        """What a rule said, in our words; what the node itself said, with our names."""
        message = error.message
        kinds: Any = Refusals
        try:
            message = self.of(from_named({"refusal": error.code, **error.facts}, kinds))
        except Malformed:  # not a rule's, or of a service that this version does not know
            message = self._home.with_names(message)
        return Rejected(error.code, message, error.facts)

    def of(self, said: Struct) -> str:
        """An event or a refusal for people: its docstring with its fields filled in."""
        fields = structs.asdict(said)
        shown = {name: to_named(field) for name, field in fields.items()}
        times = {name for name, kind, _ in fields_of(type(said)) if kind.core is TimeMs}
        amounts = self._amounts
        of_treasury = is_of_a_treasury(type(said))
        words = amounts.written_of_treasury(shown) if of_treasury else amounts.written(shown)
        for name, field in fields.items():
            if field is None or field == ():
                words[name] = word("none")
            elif isinstance(field, Enum):
                words[name] = word(str(field.value))
            elif isinstance(field, tuple):
                words[name] = ", ".join(map(str, shown[name]))
            elif name in times:
                words[name] = time_text(field)
        return self._home.with_names(told((said.__doc__ or "").strip(), words))
