"""Keys that speak for an account in a few things, within limits and for a time."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import delegations
from ledger.accounts import ACCOUNTS
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.query import After, Limit, OneAccount, Page, Query, Reading
from primitives.ids import AccountId, Natural, PublicKey, Sized32, TimeMs

_Key = Annotated[
    PublicKey, Meta(min_length=32, max_length=32, description="Ed25519 public key of who is to act")
]


@final
class KeyDelegated(Event, tag="authority.key_delegated", frozen=True):
    """The key {key} speaks for account {account} in some things until {until_ms}."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]
    until_ms: Natural[TimeMs]


@final
class KeyWithdrawn(Event, tag="authority.key_withdrawn", frozen=True):
    """The key {key} speaks for account {account} no longer."""

    account: Sized32[AccountId]
    key: Sized32[PublicKey]


@final
class DelegateKey(Operation, tag="authority.delegate_key", frozen=True):
    """Let a key perform some operations for the account that acts, within limits, for a time.

    It speaks for nobody else, and spends an asset only if it has an allowance of it. Delegating to
    the same key again replaces what it may do. When the account changes its keys, it is over.
    """

    delegate: _Key
    operations: Annotated[
        delegations.Powers, Meta(description="operations that it may perform: money.transfer")
    ]
    allowances: Annotated[
        delegations.Allowances, Meta(description="what it may spend of each asset")
    ]
    payees: Annotated[
        delegations.Payees | None, Meta(description="accounts that it may pay; none is anybody")
    ]
    until_ms: Annotated[
        Natural[TimeMs], Meta(description="from this block time (ms) on it may no more")
    ]

    def apply(self, act: Act) -> None:
        """Write the delegation."""
        mandate = delegations.Mandate(
            operations=self.operations,
            allowances=self.allowances,
            payees=self.payees,
            until_ms=self.until_ms,
        )
        delegations.delegate(act, self.delegate, mandate)
        act.emit(KeyDelegated(act.actor, self.delegate, self.until_ms))


@final
class WithdrawKey(Operation, tag="authority.withdraw_key", frozen=True):
    """Let a delegated key of the account that acts perform nothing any more, at once."""

    delegate: _Key

    def apply(self, act: Act) -> None:
        """Delete the delegation."""
        delegations.withdraw(act, self.delegate)
        act.emit(KeyWithdrawn(act.actor, self.delegate))


@final
class DelegatedKeyRow(Struct, frozen=True, kw_only=True):
    """A key that speaks for an account; without payees it pays anybody."""

    key: Sized32[PublicKey]
    operations: tuple[str, ...]
    allowances: tuple[delegations.Allowance, ...]
    payees: tuple[Sized32[AccountId], ...] | None
    until_ms: Natural[TimeMs]


@final
class DelegatedKeys(Query, tag="authority.delegated_keys", frozen=True, kw_only=True):
    """The keys to which an account delegates something now."""

    account: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[DelegatedKeyRow]:
        """List those in force."""
        account = ACCOUNTS.read(reading.state, self.account)

        def row(data: bytes, found: delegations.Delegation) -> DelegatedKeyRow | None:
            mandate = found.mandate
            if account is None or not found.stands(account, reading.time_ms):
                return None
            return DelegatedKeyRow(
                key=PublicKey(data[32:]),
                operations=mandate.operations,
                allowances=mandate.allowances,
                payees=mandate.payees,
                until_ms=mandate.until_ms,
            )

        return reading.list(
            delegations.DELEGATIONS, row, prefix=self.account, after=self.after, limit=self.limit
        )
