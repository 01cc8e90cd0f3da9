"""Handing a transaction to a node, waiting for its block, and saying what became of it."""

from typing import Any

from msgspec import Struct, structs

from cli.conventions import time_text
from cli.home import Home, client_of, home_of
from cli.session import Session, facts
from cli.transaction_file import replace_file
from cli.waiting import Waiting
from client.client import check_applied
from client.faults import NotFinal
from client.wallet import id_of
from ledger.operation import code
from ledger.transaction import Transaction
from node.queries import FinalTransaction
from primitives.errors import Rejected
from primitives.named import to_named


def submit(session: Session, transaction: Transaction[Any], waiting: Waiting) -> None:
    """Hand it over; wait if that is wanted; print what is known.

    Raises:
        Rejected: by the node, or it stands in a block with a refusal.
        NotFinal: the time is over. It may still become final, until its `valid_until`.
    """
    with client_of(session) as client:
        if not waiting.waits:
            taken = client.submit(transaction)
            named = to_named(taken)
            session.show(named, f"{taken.id.hex()} is {named['status']}")
            return
        try:
            found = client.settle(transaction, timeout_s=waiting.timeout_s)
        except NotFinal as error:
            raise NotFinal(f"{error}; {_later(transaction)}") from error
        if waiting.proof is not None:
            replace_file(waiting.proof, client.proof(found.id))
    home = home_of(session)
    result, text = to_named(found), final_text(home, found)
    if waiting.proof is not None:
        result["proof"] = str(waiting.proof)
        text += f"\nproof written to {waiting.proof}"
    session.show(result, text)
    try:
        check_applied(found)
    except Rejected as refusal:
        raise Rejected(refusal.code, home.with_names(refusal.message), refusal.facts) from None


def _later(transaction: Transaction[Any]) -> str:
    return f"`mithaq tx show {id_of(transaction).hex()}` tells when it is"


def final_text(home: Home, found: FinalTransaction) -> str:
    """A final transaction for people: where it stands, and what it did."""
    receipt = found.receipt
    said = [("event", spoken(event)) for event in receipt.events]
    if receipt.refusal is not None:
        said.append(("refusal", code(receipt.refusal)))
    lines = [
        ("transaction", found.id.hex()),
        ("block", f"{found.height}, number {found.index + 1} in it"),
        ("time", time_text(found.block_time_ms)),
        ("outcome", receipt.outcome.value),
        *said,
    ]
    return home.with_names(facts(lines))


def spoken(event: Struct) -> str:
    """An event in English: its docstring with its fields filled in."""
    shown = {name: to_named(field) for name, field in structs.asdict(event).items()}
    return (event.__doc__ or "").strip().format(**shown)
