"""Books: many assets, integers in minor units, supply = Σ balances at every block (K5).

A transfer has one payer and several lines, all or nothing. No balance falls below zero. A payer
uses a reference once: the second transfer with it is refused, so that a statement sent twice is
paid once. A row of zero is no row.
"""

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, PublicText, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.state import Overlay, Table
from primitives import limits
from primitives.ids import INTEGER_MAX, AccountId, Natural, Sized32, TransactionId

if TYPE_CHECKING:
    from ledger.act import Act

AssetCode = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9]{2,11}(?!\n)$", max_length=12)]
Amount = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Reference = Annotated[
    str,
    # ASCII, so that what looks equal is equal; no space at either end.
    Meta(
        pattern=r"^[!-~]([ -~]*[!-~])?(?!\n)$", min_length=1, max_length=limits.REFERENCE_LENGTH_MAX
    ),
]
Description = Annotated[PublicText, Meta(max_length=limits.DESCRIPTION_LENGTH_MAX)]
ValueDate = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?!\n)$", max_length=10)]


@final
class Line(Struct, array_like=True, frozen=True):
    """One payment of a transfer."""

    to: Annotated[AccountId, Meta(min_length=32, max_length=32, description="account that is paid")]
    amount: Annotated[Amount, Meta(description="in minor units of the asset")]
    reference: Annotated[Reference, Meta(description="the payer's own; a payer uses it once")]
    description: Annotated[
        Description, Meta(description="public for ever: must not name or describe a person")
    ]
    value_date: Annotated[
        ValueDate | None,
        Meta(description="day that the payment counts for (YYYY-MM-DD); none is the block's day"),
    ]


Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=limits.LINES_MAX)]


@final
class Asset(Struct, array_like=True, frozen=True):
    """The row of an asset: decimal places, and the account that answers for it."""

    exponent: Annotated[int, Meta(ge=0, le=limits.EXPONENT_MAX)]
    issuer: Sized32[AccountId]


@final
class Balance(Struct, array_like=True, frozen=True):
    """The row of what an account holds of an asset; never zero."""

    amount: Natural[int]


@final
class Supply(Struct, array_like=True, frozen=True):
    """The row of what exists of an asset."""

    amount: Natural[int]


@final
class ReferenceUse(Struct, array_like=True, frozen=True):
    """The row of a payer's reference: the transaction that used it."""

    transaction: Sized32[TransactionId]


class Holding(NamedTuple):
    """What a balance is found by."""

    account: AccountId
    asset: str


class PayerReference(NamedTuple):
    """What a used reference is found by."""

    payer: AccountId
    reference: str


def _asset_key(asset: str) -> bytes:
    return asset.encode("ascii")


def _holding_key(holding: Holding) -> bytes:
    return holding.account + holding.asset.encode("ascii")


def _reference_key(used: PayerReference) -> bytes:
    return used.payer + used.reference.encode("ascii")


ASSETS: Final = Table[str, Asset](3, "assets", _asset_key, Asset)
BALANCES: Final = Table[Holding, Balance](4, "balances", _holding_key, Balance)
SUPPLIES: Final = Table[str, Supply](5, "supplies", _asset_key, Supply)
REFERENCES: Final = Table[PayerReference, ReferenceUse](
    6, "references", _reference_key, ReferenceUse
)


class UnknownAsset(Refusal, tag="books.unknown_asset", frozen=True):
    """There is no asset {asset}."""

    asset: AssetCode


class Overdraft(Refusal, tag="books.overdraft", frozen=True):
    """Line {line} takes {amount} {asset} from account {account}, which has {available} left."""

    account: Sized32[AccountId]
    asset: AssetCode
    line: int
    amount: Amount
    available: Natural[int]


class DuplicateReference(Refusal, tag="books.duplicate_reference", frozen=True):
    """Line {line}: {account} already used the reference {reference}, in {transaction}."""

    account: Sized32[AccountId]
    line: int
    reference: Reference
    transaction: Sized32[TransactionId]


class PaysItself(Refusal, tag="books.pays_itself", frozen=True):
    """Line {line} pays from account {account} to the same account."""

    account: Sized32[AccountId]
    line: int


class NoSuchDate(Refusal, tag="books.no_such_date", frozen=True):
    """Line {line}: there is no day {value_date}."""

    line: int
    value_date: ValueDate


def balance_of(state: Overlay, account: AccountId, asset: str) -> int:
    """What an account holds of an asset."""
    row = state[BALANCES].find(Holding(account, asset))
    return 0 if row is None else row.amount


def transfer(act: "Act", *, payer: AccountId, asset: str, lines: Sequence[Line]) -> None:
    """Move each line's amount from the payer to its payee. Whether the payer agrees is not asked.

    Raises:
        Refused: unknown asset or payee, a day that does not exist, a reference used before, or less
            than the sum of the lines in the payer's balance.
    """
    state = act.state
    if asset not in state[ASSETS]:
        raise Refused(UnknownAsset(asset))
    left = balance_of(state, payer, asset)
    references = state[REFERENCES]
    here: set[str] = set()
    for index, line in enumerate(lines):
        _check_line(act, payer, index, line)
        used = references.find(PayerReference(payer, line.reference))
        if used is not None or line.reference in here:
            by = act.transaction_id if used is None else used.transaction
            raise Refused(DuplicateReference(payer, index, line.reference, by))
        here.add(line.reference)
        if line.amount > left:
            raise Refused(Overdraft(payer, asset, index, line.amount, left))
        left -= line.amount

    _set_balance(state, payer, asset, left)
    for line in lines:
        _set_balance(state, line.to, asset, balance_of(state, line.to, asset) + line.amount)
        references[PayerReference(payer, line.reference)] = ReferenceUse(act.transaction_id)


def _check_line(act: "Act", payer: AccountId, index: int, line: Line) -> None:
    if line.to == payer:
        raise Refused(PaysItself(payer, index))
    act.state[ACCOUNTS].need(line.to, UnknownAccount(line.to))
    if line.value_date is not None:
        try:
            datetime.date.fromisoformat(line.value_date)
        except ValueError:
            raise Refused(NoSuchDate(index, line.value_date)) from None


def _set_balance(state: Overlay, account: AccountId, asset: str, amount: int) -> None:
    if amount == 0:
        del state[BALANCES][Holding(account, asset)]
    else:
        state[BALANCES][Holding(account, asset)] = Balance(amount)


def check_supply(overlay: Overlay) -> None:
    """What the block did to the balances of an asset, it did to its supply: else money was made.

    An assertion: no rule may do it, so a rule that does is our bug, and its block has no roots.
    """
    drift: dict[bytes, int] = {}
    for key, before, now in overlay.changed(BALANCES):
        asset = key[32:]
        change = (now.amount if now else 0) - (before.amount if before else 0)
        drift[asset] = drift.get(asset, 0) + change
    for key, was, is_now in overlay.changed(SUPPLIES):
        change = (is_now.amount if is_now else 0) - (was.amount if was else 0)
        drift[key] = drift.get(key, 0) - change
    broken = {asset.decode(): amount for asset, amount in drift.items() if amount}
    assert not broken, f"balances and supply of a block drift apart by {broken}"
