"""A wallet: the keys of one actor, building and signing what it does.

    wallet = Wallet.open(Path("keys/treasury.key"), chain=client.chain())
    payment = wallet.transfer("GBP", line(to=health, amount=125_000, reference="INV-2026-0001"))
    client.settle(payment)

Nothing here talks to a node, and keys never leave this process. A wallet changes nothing, so that
threads may share one.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, final

from ledger.accounts import account_of_key
from ledger.books import Line
from ledger.operation import Operation
from ledger.transaction import Body, Call, Transaction, sign_body, transaction_id
from node.keys import Purpose, read_key
from primitives import limits
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.ids import AccountId, ChainId, TimeMs, TransactionId
from services.money import Transfer

VALID_FOR_MS: Final = 3_600_000
"""How long a transaction may be committed, unless told otherwise: an hour."""


@final
@dataclass(frozen=True)
class Wallet:
    """Acts as one account, with as many of its keys as its threshold wants."""

    chain: ChainId
    keys: tuple[SigningKey, ...]
    account: AccountId

    @classmethod
    def of_key(cls, key: SigningKey, *, chain: ChainId, account: AccountId | None = None) -> Self:
        """For one key; of the account that is named for it, unless told otherwise."""
        return cls(chain, (key,), account_of_key(key.public) if account is None else account)

    @classmethod
    def open(cls, file: Path, *, chain: ChainId, account: AccountId | None = None) -> Self:
        """For the key in a file, as `mithaq keys new` makes it.

        Raises:
            OperatorFault: it cannot be read, or is no key of an account.
        """
        return cls.of_key(read_key(file, Purpose.ACCOUNT).signing(), chain=chain, account=account)

    def transaction(
        self, *operations: Operation, valid_for_ms: int = VALID_FOR_MS
    ) -> Transaction[Any]:
        """Sign operations that this account does together: all of them, or none."""
        calls = [Call(self.account, operation) for operation in operations]
        return sign_body(new_body(self.chain, calls, valid_for_ms=valid_for_ms), self.keys)

    def transfer(
        self, asset: str, *lines: Line, valid_for_ms: int = VALID_FOR_MS
    ) -> Transaction[Any]:
        """Sign a payment to one or several."""
        return self.transaction(Transfer(asset, lines), valid_for_ms=valid_for_ms)


def id_of(transaction: Transaction[Any]) -> TransactionId:
    """By which everybody calls it; signatures do not change it."""
    return transaction_id(encode(transaction.body))


def line(
    *,
    to: AccountId,
    amount: int,
    reference: str,
    description: str = "",
    value_date: str | None = None,
    lot: str | None = None,
) -> Line:
    """A line of a payment: `amount` in minor units, a reference that its payer uses once.

    `lot` is the earlier payment that it is paid out of, as `ledger.lots.lot_of` names it.
    """
    return Line(to, amount, reference, description, value_date, lot)


def new_body(
    chain: ChainId, calls: Sequence[Call[Any]], *, valid_for_ms: int = VALID_FOR_MS
) -> Body[Any]:
    """What is to be signed: calls with a salt of their own, good for so long from now."""
    return Body(
        chain=chain,
        valid_until=TimeMs(time.time_ns() // 1_000_000 + valid_for_ms),
        salt=secrets.token_bytes(limits.SALT_BYTES_MIN),
        calls=tuple(calls),
    )
