"""Accounts: weighted keys and a threshold stand for a person, a body or a device (K1).

An account acts when the keys that signed weigh at least its threshold. The kernel knows an account
by its id alone; a name stands on chain only for a public body, never for a person.

A **running account** has no keys. It names a keeper, an account with keys, which signs for it: the
book that an agency keeps about somebody who does not sign for himself, such as a vendor. Its floor
is granted when it is opened: how far its balance may fall. An account with keys has the floor 0.

A **body**, such as an assembly, has neither keys nor a keeper: it acts by what it resolves, never
by a signature. An **escrow** may have neither, too: then no signature moves its money, only the
rules of the service that opened it.

Keys change by the account's own act (**rotation**), or by its guardians' (ledger/recoveries.py).
Either way the new keys sign for the change and reach the new threshold: nobody locks an account
with keys that he does not have. `changed` says when that was last. Whatever rests on the keys of
before (a delegated key, an approval) counts no longer, so it need not be looked for.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.operation import Refusal, Refused
from ledger.state import Table
from primitives import limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import INTEGER_MAX, AccountId, Height, Natural, PublicKey, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

PublicText = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*(?!\n)$")]
"""Text on one line, without control characters."""

Weight = Annotated[int, Meta(ge=1, le=limits.KEY_WEIGHT_MAX)]


@unique
class AccountKind(Enum):
    """Whom an account stands for."""

    PERSON = "person"
    ORGANISATION = "organisation"
    OFFICE = "office"
    DEVICE = "device"
    ESCROW = "escrow"
    BODY = "body"


NAMELESS: Final = frozenset({AccountKind.PERSON, AccountKind.DEVICE})
"""Kinds that never stand for a public body."""


@final
class WeightedKey(Struct, array_like=True, frozen=True):
    """A key that signs for an account, and how much it counts."""

    key: Annotated[PublicKey, Meta(min_length=32, max_length=32, description="Ed25519 public key")]
    weight: Annotated[Weight, Meta(description="what this key's signature counts")]


Keys = Annotated[tuple[WeightedKey, ...], Meta(max_length=limits.ACCOUNT_KEYS_MAX)]
Threshold = Annotated[int, Meta(ge=0, le=limits.KEY_WEIGHT_MAX * limits.ACCOUNT_KEYS_MAX)]
PublicName = Annotated[PublicText, Meta(max_length=limits.NAME_LENGTH_MAX)]
Floor = Annotated[int, Meta(ge=-INTEGER_MAX, le=0)]


@final
class Account(Struct, array_like=True, frozen=True):
    """The row of an account; without keys it is a body, or a running account with its `keeper`.

    No balance of it falls below `floor`; None is no floor. Its keys and threshold are those of
    block `changed`.
    """

    kind: AccountKind
    threshold: Threshold
    keys: Keys
    name: PublicName
    keeper: Sized32[AccountId] | None
    floor: Floor | None
    changed: Natural[Height]

    @property
    def lowest(self) -> int:
        """The lowest balance that it may have; without a floor, the lowest integer there is."""
        return -INTEGER_MAX if self.floor is None else self.floor


ACCOUNTS: Final = Table[AccountId, Account](1, "accounts", bytes, Account)


class UnknownAccount(Refusal, tag="accounts.unknown", frozen=True):
    """There is no account {account}."""

    account: Sized32[AccountId]


class AccountInUse(Refusal, tag="accounts.in_use", frozen=True):
    """There is an account {account} already."""

    account: Sized32[AccountId]


class KeysOrKeeper(Refusal, tag="accounts.keys_or_keeper", frozen=True):
    """Account {account} must have keys or a keeper, one of the two."""

    account: Sized32[AccountId]


class BodyHasNoKeys(Refusal, tag="accounts.body_has_no_keys", frozen=True):
    """Account {account} is a body: it has neither keys nor a keeper, and acts by motions alone."""

    account: Sized32[AccountId]


class NoKeysToChange(Refusal, tag="accounts.no_keys_to_change", frozen=True):
    """Account {account} has no keys, so none can be changed."""

    account: Sized32[AccountId]


class NewKeysMustSign(Refusal, tag="accounts.new_keys_must_sign", frozen=True):
    """The new keys of account {account} must sign for the change, which no kept call can show."""

    account: Sized32[AccountId]


class JustChanged(Refusal, tag="accounts.just_changed", frozen=True):
    """The keys of account {account} changed in this very block, {height}."""

    account: Sized32[AccountId]
    height: Natural[Height]


class KeyTwice(Refusal, tag="accounts.key_twice", frozen=True):
    """Account {account} has the key {key} twice."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]


class ThresholdOutOfReach(Refusal, tag="accounts.threshold_out_of_reach", frozen=True):
    """The keys of account {account} weigh {weight}, the threshold is {threshold}."""

    account: Sized32[AccountId]
    weight: Threshold
    threshold: Threshold


class NameNotPublic(Refusal, tag="accounts.name_not_public", frozen=True):
    """Account {account} must have no name on chain: only a public body that signs has one."""

    account: Sized32[AccountId]


class FloorWithoutKeeper(Refusal, tag="accounts.floor_without_keeper", frozen=True):
    """Account {account} has keys, so its floor must be 0."""

    account: Sized32[AccountId]


class KeeperIsKept(Refusal, tag="accounts.keeper_is_kept", frozen=True):
    """The keeper {keeper} of account {account} has no keys itself."""

    account: Sized32[AccountId]
    keeper: Sized32[AccountId]


def account_of_key(key: PublicKey) -> AccountId:
    """The id that an account takes from its first key, unless it is given another."""
    return AccountId(digest(Domain.ACCOUNT, key))


def weight_of(account: Account, signers: frozenset[PublicKey]) -> int:
    """What these signers weigh together for an account."""
    return sum(entry.weight for entry in account.keys if entry.key in signers)


def speaks_for(account: Account, signers: frozenset[PublicKey]) -> bool:
    """Whether these signers act for an account: it has keys, and theirs reach its threshold."""
    return bool(account.keys) and weight_of(account, signers) >= account.threshold


def is_ruled(account: Account) -> bool:
    """Whether no signature, but the rules of a service alone move what an escrow holds."""
    return account.kind is AccountKind.ESCROW and not account.keys and account.keeper is None


def contradictions(account_id: AccountId, account: Account) -> Iterator[Refusal]:
    """What about an account cannot be, whoever opens it; its keeper is not looked up."""
    if account.kind is AccountKind.BODY:
        if account.keys or account.keeper is not None:
            yield BodyHasNoKeys(account_id)
            return
    elif bool(account.keys) == (account.keeper is not None) and not is_ruled(account):
        yield KeysOrKeeper(account_id)
        return
    for key, count in Counter(entry.key for entry in account.keys).items():
        if count > 1:
            yield KeyTwice(account_id, key)
    weight = sum(entry.weight for entry in account.keys)
    if not min(weight, 1) <= account.threshold <= weight:
        yield ThresholdOutOfReach(account_id, weight, account.threshold)
    if account.name and (account.kind in NAMELESS or account.keeper is not None):
        yield NameNotPublic(account_id)
    if account.floor != 0 and account.keeper is None:
        yield FloorWithoutKeeper(account_id)


def open_account(act: "Act", account_id: AccountId, account: Account) -> None:
    """Write a new account. Whether the actor may open it is not asked.

    Raises:
        Refused: the id is in use, the account cannot be, or its keeper is unknown or has no keys.
    """
    rows = act.state[ACCOUNTS]
    if account_id in rows:
        raise Refused(AccountInUse(account_id))
    for refusal in contradictions(account_id, account):
        raise Refused(refusal)
    if account.keeper is not None:
        keeper = rows.need(account.keeper, UnknownAccount(account.keeper))
        if not keeper.keys:
            raise Refused(KeeperIsKept(account_id, account.keeper))

    rows[account_id] = account


def change_keys(
    act: "Act", account_id: AccountId, *, keys: tuple[WeightedKey, ...], threshold: int
) -> None:
    """Give an account other keys. Whether the actor may is not asked.

    The new keys must have signed this transaction, up to the new threshold: as with any threshold
    that is not reached, the transaction stands in no block where they have not.

    Raises:
        Refused: the account is unknown or has no keys, or the new ones cannot be.
        Rejected: the new keys' signatures do not reach the new threshold.
    """
    rows = act.state[ACCOUNTS]
    account = rows.need(account_id, UnknownAccount(account_id))
    if not account.keys:
        raise Refused(NoKeysToChange(account_id))
    changed = replace(account, keys=keys, threshold=threshold, changed=act.height)
    for refusal in contradictions(account_id, changed):
        raise Refused(refusal)
    act.require_new_keys(account_id, changed)

    rows[account_id] = changed
