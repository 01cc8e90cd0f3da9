"""Lots: money that is followed from payment to payment (K5).

Money has no serial numbers: whoever got 100 from the treasury and 100 from elsewhere and pays 50
has paid out of either. So whoever pays may say out of what, and is held to it. **Every payment is a
lot**: it is named by who paid and the reference, which a payer uses once for ever. What was paid by
it is the payee's share of the lot. A later line may name the lot; then it takes from the payer's
share and adds to the payee's, who may go on in the same way.

Nobody passes on more of a lot than his share, so the shares of a lot always sum to what was paid
first, and a trace of it never shows more money than there was. What a line without a lot is paid
out of, nobody said.

A payment costs nothing more for being a lot: it is found by the row of its reference. The first
payee's share has a row once something of it was passed on.
"""

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.assets import Amount, AssetCode
from ledger.operation import Refusal, Refused
from ledger.state import Overlay, Table
from primitives import limits
from primitives.ids import AccountId, Natural, Sized32, TransactionId

if TYPE_CHECKING:
    from ledger.act import Act

Lot = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}/[!-~]([ -~]*[!-~])?(?!\n)$",
        min_length=66,
        max_length=65 + limits.REFERENCE_LENGTH_MAX,
    ),
]
"""A payment by its payer's id in hexadecimal and its reference."""
_PAYER_DIGITS: Final = 64


@final
class ReferenceUse(Struct, array_like=True, frozen=True):
    """The row of a payer's reference: the transaction that used it, and whom it paid what.

    Nobody is paid where money was taken back, or promised only.
    """

    transaction: Sized32[TransactionId]
    to: Sized32[AccountId] | None
    asset: AssetCode
    amount: Amount


@final
class LotShare(Struct, array_like=True, frozen=True):
    """The row of what an account has of a lot."""

    amount: Natural[int]


class PayerReference(NamedTuple):
    """What a used reference is found by."""

    payer: AccountId
    reference: str


class ShareKey(NamedTuple):
    """What a share is found by."""

    lot: str
    holder: AccountId


Shares = dict[ShareKey, int]
"""What accounts have of lots after the lines that were judged so far."""


def _reference_key(used: PayerReference) -> bytes:
    return used.payer + used.reference.encode("ascii")


def _share_key(share: ShareKey) -> bytes:
    return share.holder + _reference_key(payment_of(share.lot))


REFERENCES: Final = Table[PayerReference, ReferenceUse](
    6, "references", _reference_key, ReferenceUse
)
LOT_SHARES: Final = Table[ShareKey, LotShare](53, "lot_shares", _share_key, LotShare)


class UnknownLot(Refusal, tag="lots.unknown", frozen=True):
    """Line {line}: there is no payment {lot} in {asset}."""

    lot: Lot
    line: Natural[int]
    asset: AssetCode


class LotTooSmall(Refusal, tag="lots.too_small", frozen=True):
    """Line {line}: of payment {lot} account {account} has {left} {asset} left, not {amount}."""

    lot: Lot
    line: Natural[int]
    account: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    left: Natural[int]


def lot_of(payer: AccountId, reference: str) -> str:
    """The name of a payment."""
    return f"{payer.hex()}/{reference}"


def payment_of(lot: str) -> PayerReference:
    """Who paid, and under which reference."""
    return PayerReference(AccountId(bytes.fromhex(lot[:_PAYER_DIGITS])), lot[_PAYER_DIGITS + 1 :])


def share_of(state: Overlay, lot: str, holder: AccountId) -> int:
    """What an account has of a lot; 0 where there is no such payment."""
    row = state[LOT_SHARES].find(ShareKey(lot, holder))
    if row is not None:
        return row.amount
    first = state[REFERENCES].find(payment_of(lot))
    return 0 if first is None or first.to != holder else first.amount


def pass_on(
    act: "Act",
    shares: Shares,
    lot: str,
    line: int,
    asset: str,
    *,
    payer: AccountId,
    to: AccountId,
    amount: int,
) -> None:
    """Judge a line that is paid out of a lot, and note what its two accounts have of it then.

    Raises:
        Refused: no such payment in this asset, or less of it is left to the payer.
    """
    first = act.state[REFERENCES].find(payment_of(lot))
    if first is None or first.to is None or first.asset != asset:
        raise Refused(UnknownLot(lot, line, asset))
    giving, taking = ShareKey(lot, payer), ShareKey(lot, to)
    for key in (giving, taking):
        if key not in shares:
            shares[key] = share_of(act.state, lot, key.holder)
    if amount > shares[giving]:
        raise Refused(LotTooSmall(lot, line, payer, asset, amount, shares[giving]))
    shares[giving] -= amount
    shares[taking] += amount


def write(act: "Act", shares: Shares) -> None:
    """Write what was judged. A share of nothing keeps its row if it is the first payee's."""
    for key, amount in shares.items():
        first = act.state[REFERENCES].find(payment_of(key.lot))
        if amount or (first is not None and first.to == key.holder):
            act.state[LOT_SHARES][key] = LotShare(amount)
        else:
            del act.state[LOT_SHARES][key]


def lot_if_left(
    state: Overlay, payer: AccountId, reference: str, *, holder: AccountId, amount: int
) -> str | None:
    """The lot of a payment, if an account has so much of it; money that comes back says so."""
    lot = lot_of(payer, reference)
    return lot if share_of(state, lot, holder) >= amount else None
