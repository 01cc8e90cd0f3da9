"""An account's statement as banks write it: the bank to customer statement, camt.053.001.08.

What the account held before, every entry in order, what it holds after: the file proves itself,
because the one is the sum of the others, and we refuse to write it where it is not. Each entry
carries its transaction in full, so that whoever doubts it can ask a node for the proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from exchange.iso20022 import (
    NAMESPACE,
    TEXT_500,
    Party,
    account,
    amount,
    currency,
    moment,
    name,
    reference,
    short,
)
from exchange.treasury_data import whole_units
from exchange.xml import Element, document, element
from primitives.errors import Malformed

VERSION: Final = "camt.053.001.08"
_OPENING: Final = "OPBD"
_CLOSING: Final = "CLBD"
_BOOKED: Final = "BOOK"
_RECEIVED: Final = ("PMNT", "RCDT", "ESCT")
"""Bank transaction codes (external code sets): a credit transfer that was received, and one that
was issued, inside the country."""
_ISSUED: Final = ("PMNT", "ICDT", "ESCT")
_RETURNED: Final = ("PMNT", "ICDT", "RRTN")
"""A credit transfer of ours that came back."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement: `change` is what the account got, or gave where it is negative.

    `day` is its block's, `value_day` the one that its sender gave. `other` is whom it came from or
    went to, with the account's id where nobody knows a name; `returned` is the code of the reason,
    where a payment of ours came back.
    """

    transaction: bytes
    event: int
    day: str
    value_day: str
    change: int
    reference: str
    description: str
    other: str
    returned: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """An account's days from `first_ms` to `last_ms`, and what was on it before and after."""

    id: str
    time_ms: int
    owner: Party
    ledger_account: bytes
    asset: str
    exponent: int
    first_day: str
    last_day: str
    first_ms: int
    last_ms: int
    opening: int
    closing: int
    entries: Sequence[Entry]


def camt053(statement: AccountStatement) -> bytes:
    """The file of a statement.

    Raises:
        Malformed: its entries do not lead from one balance to the other, the asset is no currency
            of ISO 20022, or an amount is too large for it.
    """
    code, exponent = currency(statement.asset, statement.exponent), statement.exponent
    reached = statement.opening + sum(each.change for each in statement.entries)
    if reached != statement.closing:
        raise Malformed(
            f"the entries lead from {statement.opening} to {reached}, the statement says "
            f"{statement.closing}"
        )
    received = [each.change for each in statement.entries if each.change > 0]
    spent = [-each.change for each in statement.entries if each.change < 0]
    made = element(
        "Stmt",
        element("Id", statement.id),
        element("CreDtTm", moment(statement.time_ms)),
        element(
            "FrToDt",
            element("FrDtTm", moment(statement.first_ms)),
            element("ToDtTm", moment(statement.last_ms)),
        ),
        _owned(statement, code),
        _balance(_OPENING, statement.opening, statement.first_day, exponent, code),
        _balance(_CLOSING, statement.closing, statement.last_day, exponent, code),
        element(
            "TxsSummry",
            _sum("TtlNtries", received + spent, exponent),
            _sum("TtlCdtNtries", received, exponent),
            _sum("TtlDbtNtries", spent, exponent),
        ),
        *(_entry(each, exponent, code) for each in statement.entries),
    )
    header = element(
        "GrpHdr", element("MsgId", statement.id), element("CreDtTm", moment(statement.time_ms))
    )
    body = element("BkToCstmrStmt", header, made)
    return document(element("Document", body), f"{NAMESPACE}{VERSION}")


def _owned(statement: AccountStatement, code: str) -> Element:
    made = account("Acct", statement.owner.account)
    made.append(element("Ccy", code))
    made.append(element("Nm", statement.ledger_account.hex()))
    made.append(element("Ownr", name(statement.owner.name)))
    return made


def _side(change: int) -> Element:
    return element("CdtDbtInd", "CRDT" if change >= 0 else "DBIT")


def _balance(kind: str, held: int, day: str, exponent: int, code: str) -> Element:
    return element(
        "Bal",
        element("Tp", element("CdOrPrtry", element("Cd", kind))),
        amount("Amt", abs(held), exponent, code),
        _side(held),
        element("Dt", element("Dt", day)),
    )


def _sum(tag: str, amounts: Sequence[int], exponent: int) -> Element:
    return element(
        tag,
        element("NbOfNtries", str(len(amounts))),
        element("Sum", whole_units(sum(amounts), exponent)),
    )


def _entry(each: Entry, exponent: int, code: str) -> Element:
    known = reference(each.transaction)
    return element(
        "Ntry",
        element("NtryRef", f"{known[:24]}/{each.event}"),
        amount("Amt", abs(each.change), exponent, code),
        _side(each.change),
        element("Sts", element("Cd", _BOOKED)),
        element("BookgDt", element("Dt", each.day)),
        element("ValDt", element("Dt", each.value_day)),
        element("AcctSvcrRef", known),
        _kind(each),
        element("NtryDtls", _details(each)),
        element("AddtlNtryInf", each.description[:TEXT_500]) if each.description else None,
    )


def _kind(each: Entry) -> Element:
    domain, family, part = _ISSUED if each.change < 0 else _RECEIVED
    if each.returned is not None:
        domain, family, part = _RETURNED
    sub = element("Fmly", element("Cd", family), element("SubFmlyCd", part))
    return element("BkTxCd", element("Domn", element("Cd", domain), sub))


def _details(each: Entry) -> Element:
    side = "Dbtr" if each.change > 0 else "Cdtr"
    returned = None
    if each.returned is not None:
        returned = element("RtrInf", element("Rsn", element("Cd", each.returned)))
    return element(
        "TxDtls",
        element(
            "Refs",
            element("EndToEndId", short(each.reference)) if each.reference else None,
            element("TxId", reference(each.transaction)),
        ),
        element("RltdPties", element(side, element("Pty", name(each.other)))),
        returned,
        element("AddtlTxInf", f"{each.transaction.hex()} event {each.event}"),
    )
