"""Books payments: one row of a file is one transaction with its own signature.

The chain is the truth about what is booked already, and nothing else is remembered between runs:
the agency's entries are read before (what an earlier run or another machine did) and after (what
this one did). A payer uses a reference once, so a row cannot be booked twice, whoever tries and
however often. A row whose reference the chain knows with another payee, amount or day is a
conflict, and refused.

A payment is a transfer from the agency to the vendor's running account; a credit note is a transfer
back, made by the vendor's account and signed by its keeper, the agency.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any, Final, final

from cli.courier import Courier, Errand, Parcel
from cli.home import Home
from client.client import Client, check_applied
from exchange.payments import Payment
from ledger.accounts import AccountKind
from ledger.books import Line
from ledger.operation import Operation
from ledger.transaction import Body, Call, sign_body, transaction_id
from node.queries import FinalTransaction
from primitives import limits
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.errors import OperatorFault, Rejected
from primitives.ids import AccountId, ChainId, TimeMs, TransactionId
from services.authority.accounts import OpenAccount
from services.money import Transfer

VALID_FOR_MS: Final = 3_600_000
"""At least half of the window: room for a clock that is half an hour wrong either way."""
VALID_STEP_MS: Final = 1_800_000
"""Ends of validity lie so far apart: signed again within it, a row is the same transaction."""
_DUPLICATE: Final = "books.duplicate_reference"
_UNKNOWN_ACCOUNT: Final = "accounts.unknown"
_ACCOUNT_ABSENT: Final = "account.unknown"
"""The API's own code, for a question about one."""
_IN_USE: Final = "accounts.in_use"
_ROUNDS_MAX: Final = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs on which chain."""

    chain: ChainId
    account: AccountId
    key: SigningKey = field(repr=False)

    def parcel(self, number: int, actor: AccountId, salt: bytes, *what: Operation) -> Parcel:
        """A transaction of one actor, signed."""
        until = time.time_ns() // 1_000_000 + VALID_FOR_MS
        body = Body(
            chain=self.chain,
            valid_until=TimeMs(-(-until // VALID_STEP_MS) * VALID_STEP_MS),
            salt=salt,
            calls=tuple(Call(actor, operation) for operation in what),
        )
        signed = sign_body(body, (self.key,))
        return Parcel(number, transaction_id(encode(body)), encode(signed))


def signer_of(home: Home, name: str) -> Signer:
    """Who signs with a key of a home.

    Raises:
        OperatorFault: there is no such key, or it cannot be used.
    """
    key = home.key(name)
    return Signer(chain=home.chain, account=home.account_of(key.public), key=key.signing())


@unique
class State(Enum):
    """Where a row stands."""

    MISSING = "missing"
    BOOKED_BEFORE = "booked before"
    BOOKED_NOW = "booked now"
    REFUSED = "refused"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a row is not booked."""

    field: str
    expected: str
    actual: str


@final
class Booking:
    """The rows of one file, on their way into the agency's books.

    Invariant: a row is `BOOKED` only if the chain's entries of the agency say so.
    """

    def __init__(
        self,
        courier: Courier,
        agency: Signer,
        asset: str,
        payments: Sequence[Payment],
        accounts: Mapping[str, AccountId],
        file_id: str,
    ) -> None:
        self._courier, self._agency, self._asset = courier, agency, asset
        self.payments = payments
        self._accounts = accounts
        self._file_salt = bytes.fromhex(file_id)
        self.states = [State.MISSING] * len(payments)
        self.refusals: dict[int, Refusal] = {}
        self._numbers = {self._key(each): n for n, each in enumerate(payments)}
        self._duplicates: dict[int, Rejected] = {}
        self._ids: dict[int, TransactionId] = {}
        self._known: set[AccountId] = set()
        self._after: str | None = None

    def _key(self, payment: Payment) -> tuple[AccountId, str]:
        """What the ledger finds a used reference by: the payer and the reference."""
        vendor = self._accounts[payment.vendor]
        return (vendor if payment.amount < 0 else self._agency.account), payment.reference

    @property
    def missing(self) -> list[int]:
        """Rows that are neither booked nor refused."""
        return [n for n, state in enumerate(self.states) if state is State.MISSING]

    # what the chain says

    def read_chain(self, found: State) -> None:
        """Compare the agency's entries with the rows; those that are there become `found`."""
        parameters = {
            "account": self._agency.account.hex(),
            "asset": self._asset,
            "limit": str(limits.QUERY_ROWS_MAX),
        }
        self._courier.catch_up()
        while True:
            behind = {} if self._after is None else {"after": self._after}
            answer = self._courier.ask(_question({**parameters, **behind}))
            if answer["since"]:
                raise OperatorFault(
                    f"this node keeps its history from height {answer['since']} on, and cannot say "
                    "what is booked already: name one that keeps all of it"
                )
            for entry in answer["rows"]:
                self._compare(entry, found)
            if answer["next"] is None:
                return  # the last page is read again next time: there may be more on it then
            self._after = answer["next"]

    def _compare(self, entry: Mapping[str, Any], found: State) -> None:
        payee = AccountId(bytes.fromhex(entry["payee"]))
        self._known.add(payee)
        amount = int(entry["payment_minor"]) - int(entry["credit_note_minor"])
        payer = payee if amount < 0 else self._agency.account
        number = self._numbers.get((payer, entry["reference"]))
        if number is None or self.states[number] is not State.MISSING:
            return
        row = self.payments[number]
        if (self._accounts[row.vendor], row.amount, row.value_date) == (
            payee,
            amount,
            entry["date"],
        ):
            self.states[number] = found
        else:
            booked = f"{amount} minor units, {entry['date']}, account {payee.hex()}"
            self._refuse(
                number,
                field="reference",
                expected="a reference that the agency never used for anything else",
                actual=f"{row.reference!r}, in {entry['transaction']}: {booked}",
            )

    def _refuse(self, number: int, *, field: str, expected: str, actual: str) -> None:
        self.states[number] = State.REFUSED
        self.refusals[number] = Refusal(field=field, expected=expected, actual=actual)

    # vendor accounts

    def unopened(self, new: Collection[AccountId]) -> list[AccountId]:
        """Accounts of missing rows that are not open yet.

        Those that are `new` in the book are taken to be, the others are asked for one by one.
        """
        wanted = {self._accounts[self.payments[n].vendor] for n in self.missing} - self._known
        return [each for each in sorted(wanted) if each in new or not self._is_open(each)]

    def _is_open(self, account: AccountId) -> bool:
        try:
            self._courier.ask(lambda client: client.get(f"/v1/accounts/{account.hex()}"))
        except Rejected as rejected:
            if rejected.code != _ACCOUNT_ABSENT:
                raise
            return False
        return True

    def open_accounts(self, accounts: Sequence[AccountId], registrar: Signer) -> None:
        """Open running accounts that the agency keeps, without a floor.

        Raises:
            Rejected: the registrar may not, or the agency has no keys.
        """
        left = list(accounts)
        for _ in range(_ROUNDS_MAX):
            if not left:
                return
            refused = self._open(left, registrar)
            if refused is not None and refused.code != _IN_USE:
                raise refused
            self._courier.catch_up()
            # Another machine with a copy of the book may open the same at the same time.
            left = [each for each in left if not self._is_open(each)]
        if left:
            raise OperatorFault(f"{len(left)} vendor accounts could not be opened; run it again")

    def _open(self, accounts: Sequence[AccountId], registrar: Signer) -> Rejected | None:
        size = limits.CALLS_MAX
        parts = [accounts[at : at + size] for at in range(0, len(accounts), size)]
        refusals: list[Rejected] = []

        def sign(number: int) -> Parcel:
            openings = [
                OpenAccount(
                    account=account,
                    kind=AccountKind.ORGANISATION,
                    threshold=0,
                    signers=(),
                    name="",
                    keeper=self._agency.account,
                    floor=None,
                )
                for account in parts[number]
            ]
            # The first account makes the salt: no two transactions ever open the same.
            return registrar.parcel(number, registrar.account, parts[number][0], *openings)

        errand = Errand(
            sign=sign,
            settled=lambda _: None,
            refused=lambda _, refusal: refusals.append(refusal),
        )
        self._courier.carry(range(len(parts)), errand)
        return refusals[0] if refusals else None

    # rows

    def held(self) -> int:
        """What the agency holds."""
        found = self._courier.ask(lambda client: client.account(self._agency.account))
        return sum(each.amount for each in found.balances if each.asset == self._asset)

    def needed(self) -> int:
        """What the agency must hold: the payments, as their credit notes may come later."""
        return sum(max(self.payments[n].amount, 0) for n in self.missing)

    def book(self, numbers: Iterable[int], settled: Callable[[], None]) -> None:
        """Hand rows over; afterwards the chain says what became of them."""

        def refused(number: int, refusal: Rejected) -> None:
            settled()
            if refusal.code == _DUPLICATE:
                self._duplicates[number] = refusal  # the entries will tell by what it was used
            else:
                self._refuse_as(number, refusal)

        errand = Errand(
            sign=self._sign,
            settled=lambda _: settled(),
            refused=refused,
            passing=frozenset({_UNKNOWN_ACCOUNT}),
        )
        self._courier.carry(numbers, errand)

    def _sign(self, number: int) -> Parcel:
        payment = self.payments[number]
        vendor, agency = self._accounts[payment.vendor], self._agency.account
        payer, payee = (vendor, agency) if payment.amount < 0 else (agency, vendor)
        line = Line(
            payee,
            abs(payment.amount),
            payment.reference,
            payment.description,
            payment.value_date,
            None,
        )
        salt = self._file_salt + payment.line.to_bytes(8, "big")
        parcel = self._agency.parcel(number, payer, salt, Transfer(self._asset, (line,)))
        self._ids[number] = parcel.id
        return parcel

    def explain_missing(self) -> None:
        """What was settled and is not in the books was refused in its block, or is a duplicate."""
        for number in self.missing:
            if number in self._duplicates:
                self._refuse_as(number, self._duplicates[number])
                continue
            identifier = self._ids[number]
            try:
                check_applied(self._courier.ask(_wait_for(identifier)))
            except Rejected as refusal:
                self._refuse_as(number, refusal)
            else:
                self.states[number] = State.BOOKED_NOW

    def _refuse_as(self, number: int, refusal: Rejected) -> None:
        expected = "a payment that the chain takes"
        self._refuse(number, field=refusal.code, expected=expected, actual=refusal.message)


def _wait_for(identifier: TransactionId) -> Callable[[Client], FinalTransaction]:
    return lambda client: client.wait(identifier)


def _question(parameters: Mapping[str, str]) -> Callable[[Client], Any]:
    return lambda client: client.get("/v1/queries/money.entries", parameters)
