"""Which nodes without a vote may connect and follow: a registrar's to say."""

from typing import Annotated, final

from msgspec import Meta

from ledger import accounts, membership, observers, roles
from ledger.act import Act
from ledger.operation import Event, Operation
from primitives.ids import AccountId, Height, NodeKey, Sized32


@final
class ObserverAdmitted(Event, tag="authority.observer_admitted", frozen=True):
    """The node {name} may connect and follow, with {node_key}; its account is {account}."""

    name: accounts.PublicName
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]


@final
class ObserverRevoked(Event, tag="authority.observer_revoked", frozen=True):
    """The node {name} is no observer any more, with {node_key}; its account is {account}."""

    name: accounts.PublicName
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]


@final
class AdmitObserver(Operation, tag="authority.admit_observer", frozen=True):
    """Let a node without a vote connect, from this block on, and bind it to an account.

    Needs the role registrar for the network, and the consent of the node. A node that is an
    observer already is bound anew, to what its new consent names.
    """

    consent: Annotated[
        observers.Consent, Meta(description="the node's own word, from `mithaq observer request`")
    ]

    def apply(self, act: Act) -> None:
        """Write the observer (rule R64)."""
        act.require_role(roles.REGISTRAR)
        newest = membership.records_in(act, Height(act.height + 2))
        row = observers.admit(act, self.consent, newest)
        act.emit(ObserverAdmitted(row.name, self.consent.record.node_key, row.account))


@final
class RevokeObserver(Operation, tag="authority.revoke_observer", frozen=True):
    """Let a node connect as an observer no longer: its links end with this block.

    Needs the role registrar for its account or for the network, or to be that account.
    """

    node_key: Annotated[
        NodeKey, Meta(min_length=32, max_length=32, description="key of the node on the network")
    ]

    def apply(self, act: Act) -> None:
        """End the observer's row (rule R64)."""
        account = observers.in_force(act, self.node_key).account
        if act.actor != account:
            act.require_role(roles.REGISTRAR, account)
        row = observers.revoke(act, self.node_key)
        act.emit(ObserverRevoked(row.name, self.node_key, row.account))
