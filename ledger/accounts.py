"""Accounts: weighted keys and a threshold stand for a person, a body or a device (K1).

An account acts when the keys that signed weigh at least its threshold. The kernel knows an account
by its id alone; a name stands on chain only for a public body, never for a person.

A **running account** has no keys. It names a keeper, an account with keys, which signs for it: the
book that an agency keeps about somebody who does not sign for himself, such as a vendor. Its floor
is granted when it is opened: how far its balance may fall. An account with keys has the floor 0.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct

from ledger.operation import Refusal, Refused
from ledger.state import Table
from primitives import limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import INTEGER_MAX, AccountId, PublicKey, Sized32

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
    """The row of an account. Without keys it is a running account: `keeper` signs for it.

    No balance of it falls below `floor`; None is no floor.
    """

    kind: AccountKind
    threshold: Threshold
    keys: Keys
    name: PublicName
    keeper: Sized32[AccountId] | None
    floor: Floor | None

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


def contradictions(account_id: AccountId, account: Account) -> Iterator[Refusal]:
    """What about an account cannot be, whoever opens it; its keeper is not looked up."""
    if bool(account.keys) == (account.keeper is not None):
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
        if keeper.keeper is not None:
            raise Refused(KeeperIsKept(account_id, account.keeper))

    rows[account_id] = account
