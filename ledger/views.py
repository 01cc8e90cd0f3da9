"""Answers about a snapshot: what the API, the engine and the command line ask of the kernel."""

from ledger.accounts import ACCOUNTS, Account
from ledger.assets import ASSETS, Asset
from ledger.books import BALANCES, SUPPLIES, Holding
from ledger.membership import validator_records, validators_at
from ledger.parameters import NETWORK, Parameters, parameters
from ledger.roles import ROLES, RoleKey
from ledger.state import EntrySource, StateReader
from primitives.ids import AccountId

__all__ = [
    "Parameters",
    "account",
    "asset",
    "balances",
    "has_role",
    "network_name",
    "parameters",
    "supply",
    "validator_records",
    "validators_at",
]


def account(state: EntrySource, account_id: AccountId) -> Account | None:
    """The account of an id."""
    return ACCOUNTS.read(state, account_id)


def balances(
    state: StateReader, account_id: AccountId, *, after: str = "", limit: int
) -> dict[str, int]:
    """What an account holds of at most `limit` assets above `after`, by their codes in order."""
    key = account_id + after.encode("ascii") if after else None
    rows = BALANCES.scan(state, prefix=account_id, after=key, limit=limit)
    return {key[32:].decode("ascii"): row.amount for key, row in rows}


def balance(state: EntrySource, account_id: AccountId, code: str) -> int:
    """What an account holds of one asset."""
    row = BALANCES.read(state, Holding(account_id, code))
    return 0 if row is None else row.amount


def asset(state: EntrySource, code: str) -> Asset | None:
    """The asset of a code."""
    return ASSETS.read(state, code)


def supply(state: EntrySource, code: str) -> int:
    """What exists of an asset."""
    row = SUPPLIES.read(state, code)
    return 0 if row is None else row.amount


def has_role(state: EntrySource, role: str, holder: AccountId, scope: AccountId | None) -> bool:
    """Whether an account was granted a role for exactly this scope."""
    return ROLES.read(state, RoleKey(role, scope, holder)) is not None


def network_name(state: EntrySource) -> str:
    """The name that genesis gave the network."""
    row = NETWORK.read(state, None)
    assert row is not None, "genesis names the network"
    return row.name
