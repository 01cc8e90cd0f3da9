"""Builders for policies: conditions over the accounts of names."""

from kit.ledger import account_id
from ledger.policy import Holders, Policy, Signers, Way


def signers(least: int, *names: str) -> Signers:
    """So many of the accounts of these names."""
    return Signers(least, tuple(account_id(name) for name in names))


def holders(least: int, role: str, scope: str | None = None) -> Holders:
    """So many holders of a role, for the account of a name or for the network."""
    return Holders(least, role, None if scope is None else account_id(scope))


def way(*conditions: Signers | Holders) -> Policy:
    """All of these."""
    return Policy((Way(conditions),))


def either(*policies: Policy) -> Policy:
    """One of these."""
    return Policy(tuple(one for policy in policies for one in policy.ways))


def all_of(*names: str) -> Policy:
    """Every account of these names."""
    return way(signers(len(names), *names))
