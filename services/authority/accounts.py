"""Who has an account, and with which keys.

A registrar opens accounts. A registrar for one body alone may open running accounts that this body
keeps, with the floor 0. Below zero takes a registrar for the network: with a floor below zero the
keeper can pay out what nobody has, so an agency does not grant that to itself. An account changes
its keys itself.
"""

from typing import Annotated, final

from msgspec import Meta

from ledger import accounts, recoveries, roles
from ledger.act import Act
from ledger.operation import Event, Operation, Refusal
from primitives.ids import AccountId, Sized32


@final
class IdMissing(Refusal, tag="authority.id_missing", frozen=True):
    """A running account has no key that an id could be made of: it must be given one."""

    keeper: Sized32[AccountId] | None


@final
class BodyIsFounded(Refusal, tag="authority.body_is_founded", frozen=True):
    """A body is not opened but founded, with the charter by which it acts."""


@final
class AccountOpened(Event, tag="authority.account_opened", frozen=True):
    """Account {account} exists. Its keeper, if it has one, is {keeper}; its floor is {floor}."""

    account: Sized32[AccountId]
    kind: accounts.AccountKind
    keeper: Sized32[AccountId] | None
    floor: accounts.Floor | None


@final
class KeysChanged(Event, tag="authority.keys_changed", frozen=True):
    """Account {account} is signed for by other keys from here on."""

    account: Sized32[AccountId]


@final
class OpenAccount(Operation, tag="authority.open_account", frozen=True):
    """Open an account: with keys that sign for it, or as a running account with a keeper.

    Needs the role registrar. An account with keys has a threshold from 1 to their weight, and the
    floor 0. A running account has no keys, the threshold 0 and no name; its keeper signs for it,
    and its balance may fall to the floor that is granted here.
    """

    account: Annotated[
        Sized32[AccountId] | None,
        Meta(description="id of the new account; none makes it of the first key"),
    ]
    kind: Annotated[accounts.AccountKind, Meta(description="whom it stands for")]
    threshold: Annotated[
        accounts.Threshold, Meta(description="weight of signatures that acts; 0 without keys")
    ]
    signers: Annotated[accounts.Keys, Meta(description="keys that sign for it")]
    name: Annotated[
        accounts.PublicName,
        Meta(description="of a public body that signs; else empty, public for ever"),
    ]
    keeper: Annotated[
        Sized32[AccountId] | None, Meta(description="account that signs for one without keys")
    ]
    floor: Annotated[
        accounts.Floor | None,
        Meta(description="lowest balance in minor units; 0 with keys, none is no floor"),
    ]

    def apply(self, act: Act) -> None:
        """Write the account."""
        act.require_role(roles.REGISTRAR, self.keeper if self.floor == 0 else None)
        act.require(self.kind is not accounts.AccountKind.BODY, BodyIsFounded())
        account_id = self.account
        if account_id is None:
            act.require(bool(self.signers), IdMissing(self.keeper))
            account_id = accounts.account_of_key(self.signers[0].key)
        row = accounts.Account(
            kind=self.kind,
            threshold=self.threshold,
            keys=self.signers,
            name=self.name,
            keeper=self.keeper,
            floor=self.floor,
            changed=act.height,
        )
        act.require(not accounts.is_ruled(row), accounts.KeysOrKeeper(account_id))
        accounts.open_account(act, account_id, row)
        act.emit(AccountOpened(account_id, self.kind, self.keeper, self.floor))


@final
class RotateKeys(Operation, tag="authority.rotate_keys", frozen=True):
    """Give the account that acts other keys and another threshold, from the next call on.

    Besides the account itself the new keys sign, up to the new threshold: nobody locks an account
    with keys that he does not have. What the old keys delegated or approved is over, and so is a
    recovery under way.
    """

    threshold: Annotated[
        accounts.Threshold, Meta(description="weight of signatures that acts from now on")
    ]
    signers: Annotated[accounts.Keys, Meta(description="all keys that sign for it from now on")]

    def apply(self, act: Act) -> None:
        """Write the keys."""
        accounts.change_keys(act, act.actor, keys=self.signers, threshold=self.threshold)
        recoveries.end_all(act, act.actor)
        act.emit(KeysChanged(act.actor))
