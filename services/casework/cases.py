"""Publishing flows, opening cases and moving them."""

from typing import Annotated, final

from msgspec import Meta

from ledger import cases, flows
from ledger.act import Act
from ledger.cases import Brought, Parties
from ledger.flows import (
    Code,
    Definition,
    FlowKey,
    Version,
)
from ledger.operation import Event, Operation
from ledger.records import Number
from primitives import kernel_limits
from primitives.ids import AccountId, Digest, Sized32

Document = Annotated[
    Sized32[Digest] | None,
    Meta(description="salted commitment of what is handed in, or of the reasons"),
]
Assignee = Annotated[
    Sized32[AccountId] | None, Meta(description="who becomes the party that the transition names")
]
Records = Annotated[
    tuple[Number, ...],
    Meta(
        max_length=kernel_limits.TRANSITION_NEEDS_MAX,
        description="number of a needed record of a kind with several a subject, in order",
    ),
]


@final
class FlowDefined(Event, tag="casework.flow_defined", frozen=True):
    """{owner} published version {version} of its flow {flow}."""

    owner: Sized32[AccountId]
    flow: Code
    version: Version


@final
class FlowRetired(Event, tag="casework.flow_retired", frozen=True):
    """No case of the flow {flow} of {owner} is opened any more."""

    owner: Sized32[AccountId]
    flow: Code


@final
class CaseOpened(Event, tag="casework.case_opened", frozen=True):
    """{by} opened case {case} under version {version} of the flow {flow} of {owner}."""

    case: Sized32[Digest]
    owner: Sized32[AccountId]
    flow: Code
    version: Version
    by: Sized32[AccountId]
    parties: Parties


@final
class DefineFlow(Operation, tag="casework.define_flow", frozen=True):
    """Publish a flow: how a matter is dealt with, step by step. The actor owns it.

    A flow that the actor has already gets its next version; cases under way go on under theirs.
    What a transition performs, it performs with the actor's authority.
    """

    flow: Annotated[Code, Meta(description="the owner's code for it, such as building_permit")]
    definition: Annotated[Definition, Meta(description="its parties, states and transitions")]

    def apply(self, act: Act) -> None:
        """Check and write it."""
        version = flows.define(act, self.flow, self.definition)
        act.emit(FlowDefined(act.actor, self.flow, version))


@final
class RetireFlow(Operation, tag="casework.retire_flow", frozen=True):
    """Let no case of a flow of the actor's be opened any more. Cases under way go on."""

    flow: Annotated[Code, Meta(description="the owner's code for it")]

    def apply(self, act: Act) -> None:
        """Close the door."""
        flows.retire(act, self.flow)
        act.emit(FlowRetired(act.actor, self.flow))


@final
class OpenCase(Operation, tag="casework.open_case", frozen=True):
    """Open a case, by a transition of the first state of its flow.

    The version is named, so that nobody applies under rules that he did not read. Accounts are
    public for ever; what the case is about stands in documents, of which only salted commitments
    are on chain.
    """

    owner: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account whose flow it is")
    ]
    flow: Annotated[Code, Meta(description="the owner's code for it")]
    version: Annotated[Version, Meta(description="latest version of the flow")]
    parties: Annotated[Parties, Meta(description="the parties of the flow, in its order")]
    transition: Annotated[Code, Meta(description="transition that opens the case")]
    document: Document
    assignee: Assignee
    records: Records

    def apply(self, act: Act) -> None:
        """Open it; say so before what its first transition does."""
        key = FlowKey(self.owner, self.flow)
        case = cases.begin(act, key, version=self.version, parties=self.parties)
        act.emit(
            CaseOpened(
                case=case,
                owner=self.owner,
                flow=self.flow,
                version=self.version,
                by=act.actor,
                parties=self.parties,
            )
        )
        brought = Brought(self.document, self.assignee, self.records)
        cases.move(act, case, transition=self.transition, brought=brought)


@final
class MoveCase(Operation, tag="casework.move_case", frozen=True):
    """Move a case by a transition that leads out of its state.

    Who may, after how long, and what it takes, stands in the version of the flow under which the
    case was opened.
    """

    case: Annotated[Digest, Meta(min_length=32, max_length=32, description="which case")]
    transition: Annotated[Code, Meta(description="how it moves")]
    document: Document
    assignee: Assignee
    records: Records

    def apply(self, act: Act) -> None:
        """Judge and move."""
        brought = Brought(self.document, self.assignee, self.records)
        cases.move(act, self.case, transition=self.transition, brought=brought)
