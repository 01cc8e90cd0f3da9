"""Holds: money that is promised to somebody, and stays where it is until it is taken (K5).

A hold sets an amount of an account's balance aside for a **beneficiary**: a bond, a pledge, a fee.
Nobody spends it meanwhile. It ends in one of three ways: the beneficiary captures it, at once or in
parts; the beneficiary releases what is left; or it expires. Whoever promised cannot take it back
before.

The functions here do not ask who may: an operation does. A service that itself decides who is paid
(an escrow, an auction) names an account without keys as the beneficiary, such as its body, and
captures to whom its rule says.

A hold expires when its time has come, not when its duty runs: from then on nothing is captured. Its
money is available again once the duty ran, or somebody released it, whichever is first.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, NewType, final

from msgspec import Struct
from msgspec.structs import replace

from ledger import assets, books, restraints
from ledger.agenda import AgendaKey
from ledger.assets import Amount, AssetCode, PurposeCode
from ledger.books import Balance, Holding, Reference
from ledger.lots import ReferenceUse
from ledger.movements import Movement, MovementKind
from ledger.operation import Duty, Event, Refusal, Refused
from ledger.state import Overlay, Table
from primitives import kernel_limits
from primitives.domains import Domain
from primitives.ids import INTEGER_MAX, AccountId, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

HoldId = NewType("HoldId", bytes)
"""32 bytes that name a hold."""


@final
class Hold(Struct, array_like=True, frozen=True):
    """The row of a hold: what is left of it."""

    account: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    beneficiary: Sized32[AccountId]
    purpose: PurposeCode | None
    reference: Reference | None
    expires_ms: Natural[TimeMs]
    expiry: AgendaKey


@final
class HoldOf(Struct, array_like=True, frozen=True):
    """The row that lists a hold with an account: it promised, or it is the beneficiary."""

    asset: AssetCode


class PartyHold(NamedTuple):
    """What a listed hold is found by."""

    party: AccountId
    hold: HoldId


def _party_key(key: PartyHold) -> bytes:
    return key.party + key.hold


HOLDS: Final = Table[HoldId, Hold](32, "holds", bytes, Hold)
HOLDS_OF: Final = Table[PartyHold, HoldOf](33, "holds_of", _party_key, HoldOf)


class Placed(Event, tag="holds.placed", frozen=True):
    """{account} promised {amount} {asset} to {beneficiary} until {expires_ms}: hold {hold}."""

    hold: Sized32[HoldId]
    account: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    beneficiary: Sized32[AccountId]
    purpose: PurposeCode | None
    reference: Reference | None
    expires_ms: Natural[TimeMs]


class Captured(Event, tag="holds.captured", frozen=True):
    """Of hold {hold} on {account}, {amount} {asset} went to {to}; {left} are left."""

    hold: Sized32[HoldId]
    account: Sized32[AccountId]
    to: Sized32[AccountId]
    asset: AssetCode
    amount: Amount
    left: Natural[int]
    reference: Reference | None

    def moves(self) -> Movement:
        """A payment that was promised."""
        return Movement(MovementKind.PAID, self.account, self.to, self.asset, self.amount, None)


class Released(Event, tag="holds.released", frozen=True):
    """Hold {hold} was released: {amount} {asset} are available to {account} again."""

    hold: Sized32[HoldId]
    account: Sized32[AccountId]
    beneficiary: Sized32[AccountId]
    asset: AssetCode
    amount: Amount


class Expired(Event, tag="holds.expired", frozen=True):
    """Hold {hold} expired: {amount} {asset} are available to {account} again."""

    hold: Sized32[HoldId]
    account: Sized32[AccountId]
    beneficiary: Sized32[AccountId]
    asset: AssetCode
    amount: Amount


class UnknownHold(Refusal, tag="holds.unknown", frozen=True):
    """There is no hold {hold}, or no more."""

    hold: Sized32[HoldId]


class HoldsForItself(Refusal, tag="holds.for_itself", frozen=True):
    """Account {account} cannot hold its own money for itself."""

    account: Sized32[AccountId]


class HoldExpiryOutOfRange(Refusal, tag="holds.expiry_out_of_range", frozen=True):
    """A hold expires between {earliest_ms} and {latest_ms}, not at {expires_ms}."""

    expires_ms: Natural[TimeMs]
    earliest_ms: Natural[TimeMs]
    latest_ms: Natural[TimeMs]


class HoldExpired(Refusal, tag="holds.is_expired", frozen=True):
    """Hold {hold} expired at {expires_ms}."""

    hold: Sized32[HoldId]
    expires_ms: Natural[TimeMs]


class HoldTooSmall(Refusal, tag="holds.too_small", frozen=True):
    """Of hold {hold} {left} are left, not {amount}."""

    hold: Sized32[HoldId]
    left: Amount
    amount: Amount


class HeldTooMuch(Refusal, tag="holds.too_much", frozen=True):
    """Of account {account} {held} {asset} are held, and {amount} more cannot be counted."""

    account: Sized32[AccountId]
    asset: AssetCode
    held: Natural[int]
    amount: Amount


class NotTheBeneficiary(Refusal, tag="holds.not_the_beneficiary", frozen=True):
    """Hold {hold} is for {beneficiary}, not for {account}."""

    hold: Sized32[HoldId]
    account: Sized32[AccountId]
    beneficiary: Sized32[AccountId]


@final
class Expire(Duty, tag="holds.expire", frozen=True):
    """A hold ends, because its time has come."""

    hold: Sized32[HoldId]

    def fall_due(self, act: "Act") -> None:
        """What is left of it is available again."""
        hold = need(act.state, self.hold)
        _end(act, self.hold, hold)
        act.emit(Expired(self.hold, hold.account, hold.beneficiary, hold.asset, hold.amount))


def need(state: Overlay, hold_id: HoldId) -> Hold:
    """The hold of an id.

    Raises:
        Refused: there is none, or no more.
    """
    return state[HOLDS].need(hold_id, UnknownHold(hold_id))


def place(
    act: "Act",
    *,
    account: AccountId,
    asset: str,
    amount: int,
    beneficiary: AccountId,
    expires_ms: TimeMs,
    purpose: str | None = None,
    reference: str | None = None,
) -> HoldId:
    """Set an amount aside for a beneficiary. Whether the account agrees is not asked.

    Raises:
        Refused: unknown asset or account, an expiry too near or too far, a reference used before,
            less than the amount available, more than can be counted, not what the asset is
            earmarked for, or beyond what restrains the account.
        Rejected: a delegated key may not spend it.
    """
    row = assets.need(act.state, asset)
    lowest = books.need_account(act, account).lowest
    books.need_account(act, beneficiary)
    if beneficiary == account:
        raise Refused(HoldsForItself(account))
    earliest, latest = TimeMs(act.time_ms + 1), TimeMs(act.time_ms + kernel_limits.HOLD_MS_MAX)
    if not earliest <= expires_ms <= latest:
        raise Refused(HoldExpiryOutOfRange(expires_ms, earliest, latest))
    assets.judge_payment(act, asset, row, line=0, to=beneficiary, purpose=purpose)
    references: books.References = {}
    if reference is not None:
        # Who is paid is not known yet, so what is captured later is no lot.
        use = ReferenceUse(act.transaction_id, None, asset, amount)
        books.judge_reference(act, account, 0, reference, use, references)
    holding = Holding(account, asset)
    before = books.holding_of(act.state, holding)
    books.judge_floor(holding, 0, amount, before.amount - before.held, lowest)
    if before.held + amount > INTEGER_MAX:  # without a floor, more is covered than is counted
        raise Refused(HeldTooMuch(account, asset, before.held, amount))
    restraint = restraints.judge(act, account, asset, amount)
    act.spend(account, asset, amount, beneficiary)

    if restraint is not None:
        restraints.write(act, account, restraint)
    books.use_references(act, account, references)
    books.set_balance(act, row, holding, Balance(before.amount, before.held + amount))
    hold_id = HoldId(act.fresh_id(Domain.HOLD))
    expiry = act.schedule(expires_ms, Expire(hold_id))
    act.state[HOLDS][hold_id] = Hold(
        account, asset, amount, beneficiary, purpose, reference, expires_ms, expiry
    )
    for party in (account, beneficiary):
        act.state[HOLDS_OF][PartyHold(party, hold_id)] = HoldOf(asset)
    act.emit(Placed(hold_id, account, asset, amount, beneficiary, purpose, reference, expires_ms))
    return hold_id


def capture(act: "Act", hold_id: HoldId, *, amount: int, to: AccountId) -> None:
    """Pay an amount of what is held to an account. Whether the beneficiary agrees is not asked.

    Raises:
        Refused: no such hold, expired, less is left, who promised is frozen, unknown payee or the
            one who promised, not what the asset is earmarked for, or more than the payee can hold.
    """
    hold = need(act.state, hold_id)
    if act.time_ms >= hold.expires_ms:
        raise Refused(HoldExpired(hold_id, hold.expires_ms))
    if amount > hold.amount:
        raise Refused(HoldTooSmall(hold_id, hold.amount, amount))
    if to == hold.account:
        raise Refused(HoldsForItself(to))
    books.need_account(act, to)
    restraints.require_free(act, hold.account)
    row = assets.need(act.state, hold.asset)
    assets.judge_payment(act, hold.asset, row, line=0, to=to, purpose=hold.purpose)
    payee = Holding(to, hold.asset)
    after = books.raised(payee, 0, books.holding_of(act.state, payee), amount)

    payer = Holding(hold.account, hold.asset)
    before = books.holding_of(act.state, payer)
    books.set_balance(act, row, payer, Balance(before.amount - amount, before.held - amount))
    books.set_balance(act, row, payee, after)
    left = hold.amount - amount
    if left:
        act.state[HOLDS][hold_id] = replace(hold, amount=left)
    else:
        act.unschedule(hold.expiry)
        _forget(act, hold_id, hold)
    act.emit(Captured(hold_id, hold.account, to, hold.asset, amount, left, hold.reference))


def release(act: "Act", hold_id: HoldId) -> None:
    """Give back what is left of a hold. Whether the beneficiary agrees is not asked.

    Raises:
        Refused: no such hold.
    """
    hold = need(act.state, hold_id)

    act.unschedule(hold.expiry)
    _end(act, hold_id, hold)
    act.emit(Released(hold_id, hold.account, hold.beneficiary, hold.asset, hold.amount))


def _end(act: "Act", hold_id: HoldId, hold: Hold) -> None:
    holding = Holding(hold.account, hold.asset)
    before = books.holding_of(act.state, holding)
    row = assets.need(act.state, hold.asset)
    books.set_balance(act, row, holding, Balance(before.amount, before.held - hold.amount))
    _forget(act, hold_id, hold)


def _forget(act: "Act", hold_id: HoldId, hold: Hold) -> None:
    del act.state[HOLDS][hold_id]
    for party in (hold.account, hold.beneficiary):
        del act.state[HOLDS_OF][PartyHold(party, hold_id)]
