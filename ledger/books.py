"""Books: many assets, integers in minor units, supply = Σ balances at every block (K5).

A transfer has one payer and several lines, all or nothing. No balance falls below the floor of its
account: 0, unless it is a running account that was granted another; what is below zero is owed. A
part of a balance may be **held** for somebody (`holds`): it is in the balance and in the supply,
but it cannot be spent, so what is available is the balance less what is held, above the floor. A
payer uses a reference once: the second act with it is refused, so that a statement sent twice is
paid once. A row of zero is no row.

An asset has one issuer, who alone makes it and takes it back: to and from balances, so that what
exists is always their sum. Balances below zero count in it, so a balance may be larger than the
supply; all three stay within ±(2^63 − 1).

A line may say out of which earlier payment it is paid (`lots`): nobody passes on more of that than
he got by it.

Whatever leaves an account by a call is judged by the earmark of its asset (`assets`), by freezes
and limits of the account (`restraints`), and by what a delegated key may spend (`act.spend`).
"""

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger import assets, checkpoints, lots, restraints
from ledger.accounts import ACCOUNTS, Account, Floor, PublicText, UnknownAccount
from ledger.assets import Amount, Asset, AssetCode, NoSnapshots, asset_key
from ledger.lots import REFERENCES, Lot, PayerReference, ReferenceUse
from ledger.operation import Refusal, Refused
from ledger.state import Overlay, Table
from primitives import limits
from primitives.ids import INTEGER_MAX, AccountId, Height, Natural, Signed, Sized32, TransactionId

if TYPE_CHECKING:
    from ledger.act import Act

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
    lot: Annotated[
        Lot | None, Meta(description="earlier payment it is paid out of, as PAYER/REFERENCE")
    ]


References = dict[str, ReferenceUse]
"""A payer's references of one act, each with what it is used for."""
Lines = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=limits.LINES_MAX)]


@final
class Balance(Struct, array_like=True, frozen=True):
    """The row of what an account holds of an asset, or owes, and what of it is held for others."""

    amount: Signed[int]
    held: Natural[int]


@final
class Supply(Struct, array_like=True, frozen=True):
    """The row of what exists of an asset."""

    amount: Natural[int]


class Holding(NamedTuple):
    """What a balance is found by."""

    account: AccountId
    asset: str


def _holding_key(holding: Holding) -> bytes:
    return holding.account + holding.asset.encode("ascii")


BALANCES: Final = Table[Holding, Balance](4, "balances", _holding_key, Balance)
SUPPLIES: Final = Table[str, Supply](5, "supplies", asset_key, Supply)


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


NOTHING: Final = Balance(0, 0)


def holding_of(state: Overlay, holding: Holding) -> Balance:
    """The row of a balance, where there is none, that of nothing."""
    return state[BALANCES].find(holding) or NOTHING


def balance_of(state: Overlay, account: AccountId, asset: str) -> int:
    """What an account holds of an asset; below zero, what it owes."""
    return holding_of(state, Holding(account, asset)).amount


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
    return checkpoints.value_at(state, asset_key(asset), height, supply_of(state, asset))


def transfer(
    act: "Act",
    *,
    payer: AccountId,
    asset: str,
    lines: Sequence[Line],
    purpose: str | None = None,
) -> None:
    """Move each line's amount from the payer to its payee. Whether the payer agrees is not asked.

    Raises:
        Refused: unknown asset or payee, a day that does not exist, a reference used before, less
            than the sum of the lines above the payer's floor, more than a payee can hold, more of a
            lot than is left, not what the asset is earmarked for or not in its time, or beyond what
            restrains the payer.
        Rejected: a delegated key may not spend it.
    """
    state = act.state
    row = assets.need(state, asset)
    lowest = need_account(act, payer).lowest
    before = holding_of(state, Holding(payer, asset))
    left = before.amount
    bound = row.earmark or purpose is not None or row.expires_ms is not None
    received: dict[AccountId, Balance] = {}
    references: References = {}
    shares: lots.Shares = {}
    for index, line in enumerate(lines):
        _judge_line(act, payer, index, line)
        if bound:
            assets.judge_payment(act, asset, row, line=index, to=line.to, purpose=purpose)
        use = ReferenceUse(act.transaction_id, line.to, asset, line.amount)
        judge_reference(act, payer, index, line.reference, use, references)
        if line.lot is not None:
            lots.pass_on(
                act, shares, line.lot, index, asset, payer=payer, to=line.to, amount=line.amount
            )
        judge_floor(Holding(payer, asset), index, line.amount, left - before.held, lowest)
        left -= line.amount
        payee = Holding(line.to, asset)
        had = received[line.to] if line.to in received else holding_of(state, payee)
        received[line.to] = raised(payee, index, had, line.amount)
    restraint = restraints.judge(act, payer, asset, before.amount - left)
    for line in lines:
        act.spend(payer, asset, line.amount, line.to)

    if restraint is not None:
        restraints.write(act, payer, restraint)
    set_balance(act, row, Holding(payer, asset), Balance(left, before.held))
    for account, balance in received.items():
        set_balance(act, row, Holding(account, asset), balance)
    use_references(act, payer, references)
    lots.write(act, shares)


def define_asset(act: "Act", code: str, asset: Asset) -> None:
    """Write a new asset, of which nothing exists yet. Whether the actor may is not asked.

    Raises:
        Refused: the code is in use, or the asset cannot be.
    """
    assets.judge_definition(act, code, asset)

    act.state[assets.ASSETS][code] = asset
    act.state[SUPPLIES][code] = Supply(0)


def issue(act: "Act", *, asset: str, to: AccountId, amount: int, reference: str) -> None:
    """Make an amount of an asset, as its issuer, into an account's balance.

    Raises:
        Refused: unknown asset or account, the actor is not the issuer, the asset's time is over, a
            reference used before, or more than can exist or the account can hold.
    """
    assets.need_of_issuer(act, asset)
    references: References = {}
    use = ReferenceUse(act.transaction_id, to, asset, amount)
    judge_reference(act, act.actor, 0, reference, use, references)

    create(act, asset=asset, to=to, amount=amount)
    use_references(act, act.actor, references)


def create(act: "Act", *, asset: str, to: AccountId, amount: int) -> None:
    """Make an amount of an asset into an account's balance. Whether its issuer agrees is not asked.

    Raises:
        Refused: unknown asset or account, the asset's time is over, or more than can exist or the
            account can hold.
    """
    row = assets.need(act.state, asset)
    assets.judge_time(act, asset, row)
    supply = supply_of(act.state, asset)
    need_account(act, to)
    if supply + amount > INTEGER_MAX:
        raise Refused(SupplyTooLarge(asset, supply, amount))
    payee = Holding(to, asset)
    after = raised(payee, 0, holding_of(act.state, payee), amount)

    set_balance(act, row, payee, after)
    _set_supply(act, row, asset, supply + amount)


def retire(act: "Act", *, asset: str, amount: int, reference: str) -> None:
    """Take an amount of an asset out of the world, as its issuer, from the issuer's own balance.

    Raises:
        Refused: unknown asset, the actor is not the issuer, a reference used before, less than the
            amount above the issuer's floor, or beyond what restrains the issuer.
        Rejected: a delegated key may not spend it.
    """
    assets.need_of_issuer(act, asset)
    references: References = {}
    use = ReferenceUse(act.transaction_id, None, asset, amount)
    judge_reference(act, act.actor, 0, reference, use, references)

    destroy(act, asset=asset, holder=act.actor, amount=amount)
    use_references(act, act.actor, references)


def destroy(act: "Act", *, asset: str, holder: AccountId, amount: int) -> None:
    """Take an amount out of the world, from an account. Whether it or the issuer agrees: not asked.

    Raises:
        Refused: unknown asset, less than the amount above the account's floor, or beyond what
            restrains it.
        Rejected: a delegated key may not spend it.
    """
    row = assets.need(act.state, asset)
    supply = supply_of(act.state, asset)
    holding = Holding(holder, asset)
    before = holding_of(act.state, holding)
    lowest = need_account(act, holder).lowest
    judge_floor(holding, 0, amount, before.amount - before.held, lowest)
    if amount > supply:  # where others are below zero, one may hold more than there is
        raise Refused(SupplyTooSmall(asset, supply, amount))
    restraint = restraints.judge(act, holder, asset, amount)
    act.spend(holder, asset, amount, None)

    if restraint is not None:
        restraints.write(act, holder, restraint)
    set_balance(act, row, holding, Balance(before.amount - amount, before.held))
    _set_supply(act, row, asset, supply - amount)


def need_account(act: "Act", account: AccountId) -> Account:
    """The account of an id.

    Raises:
        Refused: there is none.
    """
    return act.state[ACCOUNTS].need(account, UnknownAccount(account))


def supply_of(state: Overlay, asset: str) -> int:
    """What exists of an asset that is defined."""
    supply = state[SUPPLIES].find(asset)
    assert supply is not None, f"the asset {asset} has no supply"
    return supply.amount


def judge_reference(
    act: "Act", payer: AccountId, index: int, reference: str, use: ReferenceUse, here: References
) -> None:
    """It is new to the payer; then it is one of those used `here`, in this way.

    Raises:
        Refused: it was used before.
    """
    used = act.state[REFERENCES].find(PayerReference(payer, reference))
    if used is not None or reference in here:
        by = act.transaction_id if used is None else used.transaction
        raise Refused(DuplicateReference(payer, index, reference, by))
    here[reference] = use


def judge_floor(payer: Holding, line: int, amount: int, free: int, lowest: int) -> None:
    """What is not held covers an amount, above the floor.

    Raises:
        Refused: it does not.
    """
    if free - amount < lowest:
        raise Refused(Overdraft(payer.account, payer.asset, line, amount, free - lowest, lowest))


def raised(payee: Holding, line: int, before: Balance, amount: int) -> Balance:
    """A balance after it received an amount.

    Raises:
        Refused: that is more than can be counted.
    """
    if before.amount + amount > INTEGER_MAX:
        raise Refused(BalanceTooLarge(payee.account, payee.asset, line, amount, before.amount))
    return Balance(before.amount + amount, before.held)


def use_references(act: "Act", payer: AccountId, references: References) -> None:
    """Write that a payer used these, which were judged."""
    for reference, use in references.items():
        act.state[REFERENCES][PayerReference(payer, reference)] = use


def set_balance(act: "Act", asset: Asset, holding: Holding, balance: Balance) -> None:
    """Write what an account holds, and what it held, if that is asked for."""
    if asset.snapshots:
        before = holding_of(act.state, holding).amount
        if before != balance.amount:
            checkpoints.note(act, _holding_key(holding), before)
    if balance.amount or balance.held:
        act.state[BALANCES][holding] = balance
    else:
        del act.state[BALANCES][holding]


def _need_snapshots(state: Overlay, asset: str) -> None:
    if not assets.need(state, asset).snapshots:
        raise Refused(NoSnapshots(asset))


def _judge_line(act: "Act", payer: AccountId, index: int, line: Line) -> None:
    if line.to == payer:
        raise Refused(PaysItself(payer, index))
    need_account(act, line.to)
    if line.value_date is not None:
        try:
            datetime.date.fromisoformat(line.value_date)
        except ValueError:
            raise Refused(NoSuchDate(index, line.value_date)) from None


def _set_supply(act: "Act", asset: Asset, code: str, amount: int) -> None:
    if asset.snapshots:
        checkpoints.note(act, asset_key(code), supply_of(act.state, code))
    act.state[SUPPLIES][code] = Supply(amount)
