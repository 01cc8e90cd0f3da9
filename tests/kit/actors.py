"""Builders of what accounts and roles are given: with few words where little is said."""

from typing import Any

from kit.acting import act_of
from kit.ledger import Chain, account_id, key
from ledger.accounts import Keys, WeightedKey
from ledger.act import Act
from ledger.operation import Event
from ledger.state import Overlay
from primitives.ids import AccountId, TimeMs
from services.authority.roles import DefineRole, GrantRole


def new_role(role: str, grantor: str = "registrar", **limits: Any) -> DefineRole:  # noqa: ANN401
    """A role with the grantor and the limits that are named."""
    given = {"max_holders": None, "max_term_ms": None, "incompatible": (), **limits}
    return DefineRole(role=role, grantor=grantor, **given)


def give(
    role: str, scope: AccountId | None, holder: AccountId, until_ms: TimeMs | None = None
) -> GrantRole:
    """A grant without a term, unless one is named."""
    return GrantRole(role, scope, holder, until_ms)


def keys_of(*names: str) -> Keys:
    """The keys of these names, of weight 1 each."""
    return tuple(WeightedKey(key(name).public, 1) for name in names)


def moment(
    chain: Chain,
    actor: str,
    *signers: str,
    state: Overlay | None = None,
    after_ms: int = 0,
) -> Act:
    """A call of an account in the next block, signed by the keys of these names."""
    return act_of(
        state or Overlay(chain.state),
        account_id(actor),
        chain=chain.id,
        time_ms=TimeMs(chain.time_ms + after_ms),
        height=chain.state.height + 1,
        signers=frozenset(key(name).public for name in signers),
    )


def fell_due(chain: Chain) -> list[Event]:
    """What duties made true in the next block, which is empty otherwise."""
    chain.block()
    return [event for receipt in chain.done for event in receipt.events]
