"""Accounts: weighted keys and a threshold stand for a person, a body or a device (K1).

An account acts when the keys that signed weigh at least its threshold. The kernel knows an account
by its id alone; a name stands on chain only for a public body, never for a person.
"""

from enum import Enum, unique
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.operation import Refusal
from ledger.state import Table
from primitives import limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, PublicKey, Sized32

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


@final
class WeightedKey(Struct, array_like=True, frozen=True):
    """A key that signs for an account, and how much it counts."""

    key: Annotated[PublicKey, Meta(min_length=32, max_length=32, description="Ed25519 public key")]
    weight: Annotated[Weight, Meta(description="what this key's signature counts")]


Keys = Annotated[tuple[WeightedKey, ...], Meta(min_length=1, max_length=limits.ACCOUNT_KEYS_MAX)]
Threshold = Annotated[int, Meta(ge=1, le=limits.KEY_WEIGHT_MAX * limits.ACCOUNT_KEYS_MAX)]
PublicName = Annotated[PublicText, Meta(max_length=limits.NAME_LENGTH_MAX)]


@final
class Account(Struct, array_like=True, frozen=True):
    """The row of an account."""

    kind: AccountKind
    threshold: Threshold
    keys: Keys
    name: PublicName


ACCOUNTS: Final = Table[AccountId, Account](1, "accounts", bytes, Account)


class UnknownAccount(Refusal, tag="accounts.unknown", frozen=True):
    """There is no account {account}."""

    account: Sized32[AccountId]


def account_of_key(key: PublicKey) -> AccountId:
    """The id that an account takes from its first key, unless genesis gives it another."""
    return AccountId(digest(Domain.ACCOUNT, key))


def weight_of(account: Account, signers: frozenset[PublicKey]) -> int:
    """What these signers weigh together for an account."""
    return sum(entry.weight for entry in account.keys if entry.key in signers)
