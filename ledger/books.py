"""Books: many assets, integers in minor units, supply = Σ balances at every block (K5).

A transfer has one payer and several lines, all or nothing. No balance falls below the floor of its
account: 0, unless it is a running account that was granted another; what is below zero is owed. A
payer uses a reference once: the second act with it is refused, so that a statement sent twice is
paid once. A row of zero is no row.

An asset has one issuer, who alone makes it and takes it back: to and from balances, so that what
exists is always their sum. Balances below zero count in it, so a balance may be larger than the
supply; all three stay within ±(2^63 − 1).
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger import checkpoints
from ledger.accounts import ACCOUNTS, Account, Floor, PublicText, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.state import Overlay, Table
from primitives import limits
from primitives.ids import INTEGER_MAX, AccountId, Height, Natural, Signed, Sized32, TransactionId

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


Exponent = Annotated[int, Meta(ge=0, le=limits.EXPONENT_MAX)]
Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=limits.LINES_MAX)]


@final
class Asset(Struct, array_like=True, frozen=True):
    """The row of an asset: decimal places, and the account that answers for it.

    With snapshots, what each account held of it after any earlier block is known (`balance_at`).
    """

    exponent: Exponent
    issuer: Sized32[AccountId]
    snapshots: bool


@final
class Balance(Struct, array_like=True, frozen=True):
    """The row of what an account holds of an asset, or owes; never zero."""

    amount: Signed[int]


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


class AssetInUse(Refusal, tag="books.asset_in_use", frozen=True):
    """There is an asset {asset} already, issued by {issuer}."""

    asset: AssetCode
    issuer: Sized32[AccountId]


class NoSnapshots(Refusal, tag="books.no_snapshots", frozen=True):
    """Of {asset} is not kept what accounts held of it earlier."""

    asset: AssetCode


class NotTheIssuer(Refusal, tag="books.not_the_issuer", frozen=True):
    """Account {account} does not issue {asset}, {issuer} does."""

    account: Sized32[AccountId]
    asset: AssetCode
    issuer: Sized32[AccountId]


class SupplyTooLarge(Refusal, tag="books.supply_too_large", frozen=True):
    """There are {supply} {asset}; with {amount} more there were too many to count."""

    asset: AssetCode
    supply: Natural[int]
    amount: Amount


class SupplyTooSmall(Refusal, tag="books.supply_too_small", frozen=True):
    """There are {supply} {asset}, so {amount} cannot be retired."""

    asset: AssetCode
    supply: Natural[int]
    amount: Amount


class BalanceTooLarge(Refusal, tag="books.balance_too_large", frozen=True):
    """Line {line}: account {account} has {balance} {asset}, and {amount} more cannot be counted."""

    account: Sized32[AccountId]
    asset: AssetCode
    line: Natural[int]
    amount: Amount
    balance: Natural[int]


class Overdraft(Refusal, tag="books.overdraft", frozen=True):
    """Line {line} takes {amount} {asset} from {account}: {available} left above floor {floor}."""

    account: Sized32[AccountId]
    asset: AssetCode
    line: int
    amount: Amount
    available: Natural[int]
    floor: Floor


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
    """What an account holds of an asset; below zero, what it owes."""
    row = state[BALANCES].find(Holding(account, asset))
    return 0 if row is None else row.amount


def balance_at(state: Overlay, account: AccountId, asset: str, height: Height) -> int:
    """What an account held of an asset after the block of a height, in O(log n) point reads.

    Of the running block it is what is true now: ask for an earlier one.

    Raises:
        Refused: unknown asset, or one without snapshots.
    """
    _need_snapshots(state, asset)
    now = balance_of(state, account, asset)
    return checkpoints.value_at(state, _holding_key(Holding(account, asset)), height, now)


def supply_at(state: Overlay, asset: str, height: Height) -> int:
    """What existed of an asset after the block of a height; as `balance_at`.

    Raises:
        Refused: unknown asset, or one without snapshots.
    """
    _need_snapshots(state, asset)
    return checkpoints.value_at(state, _asset_key(asset), height, _supply(state, asset))


def transfer(act: "Act", *, payer: AccountId, asset: str, lines: Sequence[Line]) -> None:
    """Move each line's amount from the payer to its payee. Whether the payer agrees is not asked.

    Raises:
        Refused: unknown asset or payee, a day that does not exist, a reference used before, less
            than the sum of the lines above the payer's floor, or more than a payee can hold.
    """
    state = act.state
    row = _asset(state, asset)
    lowest = _account(act, payer).lowest
    left = balance_of(state, payer, asset)
    held: dict[AccountId, int] = {}
    references: dict[str, None] = {}
    for index, line in enumerate(lines):
        _check_line(act, payer, index, line)
        _check_reference(act, payer, index, line.reference, references)
        _check_floor(Holding(payer, asset), index, line.amount, left, lowest)
        left -= line.amount
        before = held[line.to] if line.to in held else balance_of(state, line.to, asset)
        _check_ceiling(Holding(line.to, asset), index, line.amount, before)
        held[line.to] = before + line.amount
    for line in lines:
        act.spend(payer, asset, line.amount, line.to)

    _set_balance(act, row, Holding(payer, asset), left)
    for payee, amount in held.items():
        _set_balance(act, row, Holding(payee, asset), amount)
    _use_references(act, payer, references)


def define_asset(act: "Act", code: str, asset: Asset) -> None:
    """Write a new asset. Whether the actor may define it is not asked.

    Raises:
        Refused: the code is in use.
    """
    known = act.state[ASSETS].find(code)
    if known is not None:
        raise Refused(AssetInUse(code, known.issuer))

    act.state[ASSETS][code] = asset
    act.state[SUPPLIES][code] = Supply(0)


def issue(act: "Act", *, asset: str, to: AccountId, amount: int, reference: str) -> None:
    """Make an amount of an asset, as its issuer, into an account's balance.

    Raises:
        Refused: unknown asset or account, the actor is not the issuer, a reference used before, or
            more than can exist or the account can hold.
    """
    row = _asset_of_issuer(act, asset)
    supply = _supply(act.state, asset)
    _account(act, to)
    references: dict[str, None] = {}
    _check_reference(act, act.actor, 0, reference, references)
    if supply + amount > INTEGER_MAX:
        raise Refused(SupplyTooLarge(asset, supply, amount))
    held = balance_of(act.state, to, asset)
    _check_ceiling(Holding(to, asset), 0, amount, held)

    _set_balance(act, row, Holding(to, asset), held + amount)
    _set_supply(act, row, asset, supply + amount)
    _use_references(act, act.actor, references)


def retire(act: "Act", *, asset: str, amount: int, reference: str) -> None:
    """Take an amount of an asset out of the world, as its issuer, from the issuer's own balance.

    Raises:
        Refused: unknown asset, the actor is not the issuer, a reference used before, or less than
            the amount above the issuer's floor.
    """
    row = _asset_of_issuer(act, asset)
    supply = _supply(act.state, asset)
    references: dict[str, None] = {}
    _check_reference(act, act.actor, 0, reference, references)
    held = balance_of(act.state, act.actor, asset)
    lowest = _account(act, act.actor).lowest
    _check_floor(Holding(act.actor, asset), 0, amount, held, lowest)
    if amount > supply:  # where others are below zero, one may hold more than there is
        raise Refused(SupplyTooSmall(asset, supply, amount))
    act.spend(act.actor, asset, amount, None)

    _set_balance(act, row, Holding(act.actor, asset), held - amount)
    _set_supply(act, row, asset, supply - amount)
    _use_references(act, act.actor, references)


def _account(act: "Act", account: AccountId) -> Account:
    return act.state[ACCOUNTS].need(account, UnknownAccount(account))


def _asset(state: Overlay, asset: str) -> Asset:
    return state[ASSETS].need(asset, UnknownAsset(asset))


def _need_snapshots(state: Overlay, asset: str) -> None:
    if not _asset(state, asset).snapshots:
        raise Refused(NoSnapshots(asset))


def _asset_of_issuer(act: "Act", asset: str) -> Asset:
    row = _asset(act.state, asset)
    if row.issuer != act.actor:
        raise Refused(NotTheIssuer(act.actor, asset, row.issuer))
    return row


def _supply(state: Overlay, asset: str) -> int:
    supply = state[SUPPLIES].find(asset)
    assert supply is not None, f"the asset {asset} has no supply"
    return supply.amount


def _check_line(act: "Act", payer: AccountId, index: int, line: Line) -> None:
    if line.to == payer:
        raise Refused(PaysItself(payer, index))
    _account(act, line.to)
    if line.value_date is not None:
        try:
            datetime.date.fromisoformat(line.value_date)
        except ValueError:
            raise Refused(NoSuchDate(index, line.value_date)) from None


def _check_reference(
    act: "Act", payer: AccountId, index: int, reference: str, here: dict[str, None]
) -> None:
    """It is new to the payer; then it is one of those used `here`."""
    used = act.state[REFERENCES].find(PayerReference(payer, reference))
    if used is not None or reference in here:
        by = act.transaction_id if used is None else used.transaction
        raise Refused(DuplicateReference(payer, index, reference, by))
    here[reference] = None


def _check_floor(payer: Holding, line: int, amount: int, left: int, lowest: int) -> None:
    if left - amount < lowest:
        raise Refused(Overdraft(payer.account, payer.asset, line, amount, left - lowest, lowest))


def _check_ceiling(payee: Holding, line: int, amount: int, held: int) -> None:
    if held + amount > INTEGER_MAX:
        raise Refused(BalanceTooLarge(payee.account, payee.asset, line, amount, held))


def _use_references(act: "Act", payer: AccountId, references: Iterable[str]) -> None:
    for reference in references:
        act.state[REFERENCES][PayerReference(payer, reference)] = ReferenceUse(act.transaction_id)


def _set_balance(act: "Act", asset: Asset, holding: Holding, amount: int) -> None:
    if asset.snapshots:
        before = balance_of(act.state, *holding)
        checkpoints.note(act, _holding_key(holding), before)
    if amount == 0:
        del act.state[BALANCES][holding]
    else:
        act.state[BALANCES][holding] = Balance(amount)


def _set_supply(act: "Act", asset: Asset, code: str, amount: int) -> None:
    if asset.snapshots:
        checkpoints.note(act, _asset_key(code), _supply(act.state, code))
    act.state[SUPPLIES][code] = Supply(amount)


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
