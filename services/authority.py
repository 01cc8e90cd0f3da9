"""Authority: who has an account, and who may do what.

A registrar opens accounts and defines roles; whoever has a role's grantor role grants and revokes
it. A registrar for one body alone may open running accounts that this body keeps, with the floor 0.
Below zero takes a registrar for the network: with a floor below zero the keeper can pay out what
nobody has, so an agency does not grant that to itself.

Who votes is decided by nobody alone: the bodies of a quorum of the validators sign for it. Who
votes no longer is also a matter of proof: evidence suspends a validator by itself. Which other
nodes may connect, as observers, is a registrar's to say.
"""

from typing import Annotated, final

from msgspec import Meta

from ledger import accounts, membership, observers, roles, validators
from ledger.act import Act
from ledger.evidence import report
from ledger.operation import Event, Operation, Refusal
from primitives import limits
from primitives.evidence import Evidence, EvidenceKind
from primitives.ids import (
    AccountId,
    Height,
    Natural,
    NodeKey,
    Sized32,
    ValidatorKey,
    View,
    ViewNumber,
)


@final
class IdMissing(Refusal, tag="authority.id_missing", frozen=True):
    """A running account has no key that an id could be made of: it must be given one."""

    keeper: Sized32[AccountId] | None


@final
class AccountOpened(Event, tag="authority.account_opened", frozen=True):
    """Account {account} exists. Its keeper, if it has one, is {keeper}; its floor is {floor}."""

    account: Sized32[AccountId]
    kind: accounts.AccountKind
    keeper: Sized32[AccountId] | None
    floor: accounts.Floor | None


@final
class RoleDefined(Event, tag="authority.role_defined", frozen=True):
    """There is a role {role}, granted by who has the role {grantor}."""

    role: roles.Role
    grantor: roles.Role


@final
class RoleGranted(Event, tag="authority.role_granted", frozen=True):
    """Account {holder} has the role {role} for {scope}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


@final
class RoleRevoked(Event, tag="authority.role_revoked", frozen=True):
    """Account {holder} no longer has the role {role} for {scope}."""

    role: roles.Role
    scope: Sized32[AccountId] | None
    holder: Sized32[AccountId]


@final
class ValidatorAdded(Event, tag="authority.validator_added", frozen=True):
    """From block {height} on {name} votes, with {key}; its account is {account}."""

    height: Natural[Height]
    name: accounts.PublicName
    key: Sized32[ValidatorKey]
    node_key: Sized32[NodeKey]
    account: Sized32[AccountId]


@final
class ValidatorRemoved(Event, tag="authority.validator_removed", frozen=True):
    """From block {height} on {name} votes no longer with {key}; its account is {account}."""

    height: Natural[Height]
    name: accounts.PublicName
    key: Sized32[ValidatorKey]
    account: Sized32[AccountId]


@final
class EquivocationProved(Event, tag="authority.equivocation_proved", frozen=True):
    """Validator {signer} broke a promise ({kind} at {height}, view {view}); it is {outcome}."""

    kind: EvidenceKind
    signer: Sized32[ValidatorKey]
    height: Natural[Height]
    view: ViewNumber[View]
    outcome: membership.Suspension


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
        )
        accounts.open_account(act, account_id, row)
        act.emit(AccountOpened(account_id, self.kind, self.keeper, self.floor))


@final
class DefineRole(Operation, tag="authority.define_role", frozen=True):
    """Define a role, and the role whose holders grant and revoke it.

    Needs the role registrar for the network. A role may be its own grantor.
    """

    role: Annotated[roles.Role, Meta(description="code of the new role, such as payer")]
    grantor: Annotated[roles.Role, Meta(description="role whose holders grant and revoke it")]

    def apply(self, act: Act) -> None:
        """Write the role."""
        act.require_role(roles.REGISTRAR)
        roles.define(act, self.role, self.grantor)
        act.emit(RoleDefined(self.role, self.grantor))


@final
class GrantRole(Operation, tag="authority.grant_role", frozen=True):
    """Grant a role to an account, for one account or for the whole network.

    Needs the role's grantor role, for the same account or for the network.
    """

    role: Annotated[roles.Role, Meta(description="role that is granted")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that gets it")
    ]

    def apply(self, act: Act) -> None:
        """Write the grant."""
        roles.grant(act, roles.RoleKey(self.role, self.scope, self.holder))
        act.emit(RoleGranted(self.role, self.scope, self.holder))


@final
class RevokeRole(Operation, tag="authority.revoke_role", frozen=True):
    """Take a granted role away from an account.

    Needs the role's grantor role, as granting does; nobody takes a role that grants itself from
    its own account.
    """

    role: Annotated[roles.Role, Meta(description="role that is taken away")]
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that loses it")
    ]

    def apply(self, act: Act) -> None:
        """Delete the grant."""
        roles.revoke(act, roles.RoleKey(self.role, self.scope, self.holder))
        act.emit(RoleRevoked(self.role, self.scope, self.holder))


Readies = Annotated[tuple[validators.Ready, ...], Meta(max_length=limits.VALIDATORS_MAX)]


@final
class ProposeValidatorChange(Operation, tag="authority.propose_validator_change", frozen=True):
    """Change who votes, from the second block after this one on.

    Needs the signatures of the accounts of a quorum of the validators. Who joins has said READY a
    moment ago; it takes the place of the validator that has been suspended the longest, if any is.
    """

    add: Annotated[Readies, Meta(description="READY of each validator that joins")]
    remove: Annotated[
        tuple[Sized32[ValidatorKey], ...],
        Meta(max_length=limits.VALIDATORS_MAX, description="keys that vote no longer"),
    ]
    replace: Annotated[
        tuple[validators.Replacement, ...],
        Meta(max_length=limits.VALIDATORS_MAX, description="who takes whose place"),
    ]

    def apply(self, act: Act) -> None:
        """Write the validators of the height after the next (rules R53-R56)."""
        membership.require_quorum(act)
        change = membership.Change(add=self.add, remove=self.remove, replace=self.replace)
        changed = membership.change_validators(act, change)
        for gone in changed.removed:
            act.emit(ValidatorRemoved(changed.height, gone.name, gone.key, gone.account))
        for new in changed.added:
            act.emit(ValidatorAdded(changed.height, new.name, new.key, new.node_key, new.account))


@final
class ReportEquivocation(Operation, tag="authority.report_equivocation", frozen=True):
    """Prove that a validator signed two statements that exclude each other: it is suspended.

    Anybody may. From the second block after this one on the validator has no vote; where the
    network would fall below its minimum, it is marked instead and leaves when another one joins.
    """

    evidence: Annotated[Evidence, Meta(description="the signer and both statements")]

    def apply(self, act: Act) -> None:
        """Suspend the signer (rule R49)."""
        case, outcome = report(act, self.evidence)
        act.emit(EquivocationProved(case.kind, case.signer, case.height, case.view, outcome))


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
