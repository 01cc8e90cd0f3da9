"""Who votes.

That is decided by nobody alone: the bodies of a quorum of the validators sign for it. Who votes no
longer is also a matter of proof: evidence suspends a validator by itself.
"""

from typing import Annotated, final

from msgspec import Meta

from ledger import accounts, membership, validators
from ledger.act import Act
from ledger.evidence import report
from ledger.operation import Event, Operation
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
