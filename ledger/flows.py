"""Flows: how a matter is dealt with, written down as data (K7).

A flow belongs to its **owner**, who publishes it in **versions**; what is under way ends under the
version that it began with. A version is a list of **states**, each with the **transitions** that
lead out of it: to which state, who may move, what it needs, how long the case must have rested, and
which calls are performed with the owner's authority. A state that nothing leads out of is an end.

- The **first** state is the door: a case is opened by one of its transitions, in the same act, and
  nothing leads back. Whoever that transition admits may open.
- **Silence** moves too: a transition that `silence` makes happens by itself when the case has
  rested in its state for so long. A state has at most one, and silences alone never go in a circle,
  so that a case that nobody touches comes to rest: whatever a flow says, it cannot keep a network
  busy. Every other circle takes a hand for each round.
- **Parties** are the accounts that a case is about. Those that the flow lists are named when it is
  opened; others are named by a transition that `assigns` them, an officer in charge for instance.

Calls are written before anybody knows the case, so ids in them may be placeholders
(ledger/placeholders.py). They are called like the parties, or CASE, OWNER, MOVER (whose hand it
was; the owner for silence), DOCUMENT (what the move brought) and MOVE, an id that no other move of
any case has.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct, structs

from ledger import kinds
from ledger.calls import NO_CALLS, Calls
from ledger.kinds import KindCode
from ledger.operation import Refusal, Refused
from ledger.placeholders import UnknownPlaceholder, names_in
from ledger.roles import ROLE_DEFINITIONS, Role, UnknownRole
from ledger.state import Table
from primitives import kernel_limits as limits
from primitives.ids import AccountId, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

Code = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=limits.FLOW_CODE_LENGTH_MAX)
]
"""Of a flow, a state or a transition; what people read about it stands outside, in any language."""
PartyCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=limits.FLOW_PARTY_LENGTH_MAX)
]
Lapse = Annotated[int, Meta(ge=0, le=limits.FLOW_LAPSE_MS_MAX)]
"""Milliseconds of a case's rest."""
Version = Annotated[int, Meta(ge=1, le=limits.FLOW_VERSIONS_MAX)]

CASE: Final = "CASE"
OWNER: Final = "OWNER"
MOVER: Final = "MOVER"
DOCUMENT: Final = "DOCUMENT"
MOVE: Final = "MOVE"
ALWAYS: Final = (CASE, OWNER, MOVER, DOCUMENT, MOVE)
"""Placeholders besides the parties, which have small letters."""


class Who(Struct, array_like=True, frozen=True, tag_field="who"):
    """Who may make a transition happen."""


@final
class Anyone(Who, tag="anyone", frozen=True):
    """Whoever has an account."""


@final
class Party(Who, tag="party", frozen=True):
    """The account that is this party of the case."""

    party: PartyCode


@final
class Holder(Who, tag="holder", frozen=True):
    """Whoever holds a role for this account, or for the network."""

    role: Role
    scope: Sized32[AccountId] | None


@final
class HolderFor(Who, tag="holder_for", frozen=True):
    """Whoever holds a role for the account that is this party of the case."""

    role: Role
    party: PartyCode


@final
class Silence(Who, tag="silence", frozen=True):
    """Nobody: it happens by itself when the case has rested in its state for so long."""

    after_ms: Annotated[int, Meta(ge=1, le=limits.FLOW_LAPSE_MS_MAX)]


class Need(Struct, array_like=True, frozen=True, tag_field="need"):
    """What must hold when a transition happens."""


@final
class Consent(Need, tag="consent", frozen=True):
    """A party of the case is present: it signed, or approved the intent that moves the case."""

    party: PartyCode


@final
class ValidRecord(Need, tag="record", frozen=True):
    """A party of the case has a valid record of this kind; the move names it."""

    kind: KindCode
    party: PartyCode


@final
class HandedIn(Need, tag="document", frozen=True):
    """The move brings a document: the salted commitment of what was handed in, or of reasons."""


@final
class Impartial(Need, tag="impartial", frozen=True):
    """Who moves is no party of the case."""


@final
class OtherHand(Need, tag="other_hand", frozen=True):
    """Who moves is not whoever brought the case into its state: four eyes see it."""


@final
class Transition(Struct, array_like=True, frozen=True):
    """One way out of a state."""

    transition: Annotated[Code, Meta(description="its code; once in a state")]
    to: Annotated[Code, Meta(description="state that it leads to")]
    who: Annotated[
        Anyone | Party | Holder | HolderFor | Silence, Meta(description="who may make it happen")
    ]
    rest_ms: Annotated[Lapse, Meta(description="the case has been in its state at least so long")]
    needs: Annotated[
        tuple[Consent | ValidRecord | HandedIn | Impartial | OtherHand, ...],
        Meta(max_length=limits.TRANSITION_NEEDS_MAX, description="all of these hold"),
    ]
    assigns: Annotated[PartyCode | None, Meta(description="party that the move names")]
    calls: Annotated[
        Calls, Meta(description="performed with the owner's authority; none: the empty list")
    ]


@final
class FlowState(Struct, array_like=True, frozen=True):
    """A state and the ways out of it; none: the case ends here."""

    state: Annotated[Code, Meta(description="its code; once in a flow")]
    transitions: Annotated[
        tuple[Transition, ...],
        Meta(max_length=limits.STATE_TRANSITIONS_MAX, description="the ways out of it"),
    ]

    def find(self, code: str) -> Transition | None:
        """The transition of a code."""
        return next((each for each in self.transitions if each.transition == code), None)

    @property
    def silence(self) -> Transition | None:
        """What happens here by itself."""
        return next((each for each in self.transitions if isinstance(each.who, Silence)), None)


@final
class Definition(Struct, array_like=True, frozen=True):
    """One version of a flow."""

    parties: Annotated[
        tuple[PartyCode, ...],
        Meta(max_length=limits.FLOW_PARTIES_MAX, description="accounts named when it is opened"),
    ]
    states: Annotated[
        tuple[FlowState, ...],
        Meta(
            min_length=2,
            max_length=limits.FLOW_STATES_MAX,
            description="the first is the door: its transitions open a case",
        ),
    ]


class FlowKey(NamedTuple):
    """What a flow is found by: nobody can take another's code."""

    owner: AccountId
    flow: str


@final
class Flow(Struct, array_like=True, frozen=True):
    """The row of a flow: its latest version, and what a case of it is opened with."""

    version: Version
    retired: bool
    parties: tuple[PartyCode, ...]
    first: Code


class StateKey(NamedTuple):
    """What a state of a version is found by."""

    owner: AccountId
    flow: str
    version: int
    state: str


def _key(key: FlowKey) -> bytes:
    return key.owner + key.flow.encode("ascii")


def _state_key(key: StateKey) -> bytes:
    return version_prefix(key.owner, key.flow, key.version) + key.state.encode("ascii")


def version_prefix(owner: AccountId, flow: str, version: int) -> bytes:
    """What the keys of all states of a version begin with."""
    # A code has no zero byte, so it ends the flow's; the version has a fixed size.
    return owner + flow.encode("ascii") + b"\0" + version.to_bytes(4, "big")


FLOWS: Final = Table[FlowKey, Flow](43, "flows", _key, Flow)
FLOW_STATES: Final = Table[StateKey, FlowState](44, "flow_states", _state_key, FlowState)


class UnknownFlow(Refusal, tag="flows.unknown", frozen=True):
    """Account {owner} has no flow {flow}."""

    owner: Sized32[AccountId]
    flow: Code


class FlowIsRetired(Refusal, tag="flows.retired", frozen=True):
    """No case of the flow {flow} of {owner} may be opened any more."""

    owner: Sized32[AccountId]
    flow: Code


class NotTheLatest(Refusal, tag="flows.not_the_latest", frozen=True):
    """Version {version} of the flow {flow} was named, the latest is {latest}."""

    flow: Code
    version: Version
    latest: Version


class TooManyVersions(Refusal, tag="flows.too_many_versions", frozen=True):
    """The flow {flow} has {versions} versions, as many as there may be."""

    flow: Code
    versions: Version


class StateTwice(Refusal, tag="flows.state_twice", frozen=True):
    """The state {state} stands twice in the flow."""

    state: Code


class TransitionTwice(Refusal, tag="flows.transition_twice", frozen=True):
    """The state {state} has the transition {transition} twice."""

    state: Code
    transition: Code


class PartyTwice(Refusal, tag="flows.party_twice", frozen=True):
    """The party {party} stands twice in the flow."""

    party: PartyCode


class TooManyParties(Refusal, tag="flows.too_many_parties", frozen=True):
    """The flow knows {count} parties, {most} are allowed, those that moves name included."""

    count: int
    most: int


class UnknownState(Refusal, tag="flows.unknown_state", frozen=True):
    """The transition {transition} of {state} leads to {to}, which the flow does not have."""

    state: Code
    transition: Code
    to: Code


class UnknownParty(Refusal, tag="flows.unknown_party", frozen=True):
    """The transition {transition} of {state} speaks of the party {party}, which nobody names."""

    state: Code
    transition: Code
    party: PartyCode


class Unreachable(Refusal, tag="flows.unreachable", frozen=True):
    """No case ever gets to the state {state}."""

    state: Code


class IntoTheDoor(Refusal, tag="flows.into_the_door", frozen=True):
    """The transition {transition} of {state} leads to the first state, which only opens cases."""

    state: Code
    transition: Code


class SilentDoor(Refusal, tag="flows.silent_door", frozen=True):
    """The transition {transition} opens cases by silence: somebody must open a case."""

    transition: Code


class SilenceTwice(Refusal, tag="flows.silence_twice", frozen=True):
    """Silence moves out of {state} by {transition} and by another transition."""

    state: Code
    transition: Code


class SilenceAsks(Refusal, tag="flows.silence_asks", frozen=True):
    """Silence moves by {transition} out of {state}, so it needs, names and waits for nothing."""

    state: Code
    transition: Code


class SilenceCircles(Refusal, tag="flows.silence_circles", frozen=True):
    """From {state}, silence alone leads back to {state}: it would never come to rest."""

    state: Code


def define(act: "Act", flow: str, definition: Definition) -> int:
    """Publish the next version of the actor's flow; new cases follow it from now on.

    Raises:
        Refused: it contradicts itself, its calls are none, or it speaks of an unknown role or kind.
    """
    for refusal in contradictions(definition):
        raise Refused(refusal)
    for each in _ways(definition):
        _check_known(act, each)
    names = frozenset((*parties_of(definition), *ALWAYS))
    for each in _ways(definition):
        if each.calls != NO_CALLS:
            act.read_calls(each.calls)
            for name in names_in(each.calls):
                act.require(name in names, UnknownPlaceholder(name))
    key = FlowKey(act.actor, flow)
    known = act.state[FLOWS].find(key)
    version = 1 if known is None else known.version + 1
    if version > limits.FLOW_VERSIONS_MAX:
        raise Refused(TooManyVersions(flow, version - 1))

    for state in definition.states:
        act.state[FLOW_STATES][StateKey(act.actor, flow, version, state.state)] = state
    act.state[FLOWS][key] = Flow(
        version=version,
        retired=False,
        parties=definition.parties,
        first=definition.states[0].state,
    )
    return version


def retire(act: "Act", flow: str) -> None:
    """Let no case of the actor's flow be opened any more, until its next version.

    Raises:
        Refused: there is no such flow, or it is retired.
    """
    key = FlowKey(act.actor, flow)
    row = need_open(act, key)

    act.state[FLOWS][key] = structs.replace(row, retired=True)


def need_open(act: "Act", key: FlowKey) -> Flow:
    """A flow of which cases may be opened.

    Raises:
        Refused: there is no such flow, or it is retired.
    """
    row = act.state[FLOWS].need(key, UnknownFlow(key.owner, key.flow))
    act.require(not row.retired, FlowIsRetired(key.owner, key.flow))
    return row


def parties_of(definition: Definition) -> list[str]:
    """The parties that a case may have: named when it is opened, or by a move."""
    assigned = (each.assigns for each in _ways(definition) if each.assigns is not None)
    return list(dict.fromkeys((*definition.parties, *assigned)))


def contradictions(definition: Definition) -> Iterator[Refusal]:
    """What about a flow cannot be; nothing is looked up."""
    yield from _twice(definition)
    parties = parties_of(definition)
    if len(parties) > limits.FLOW_PARTIES_MAX:
        yield TooManyParties(len(parties), limits.FLOW_PARTIES_MAX)
    states = {each.state: each for each in definition.states}
    door = definition.states[0]
    for state in definition.states:
        for each in state.transitions:
            code = each.transition
            if each.to not in states:
                yield UnknownState(state.state, code, each.to)
                return  # nothing can be said about a flow that leads nowhere
            if each.to == door.state:
                yield IntoTheDoor(state.state, code)
            for party in _parties_in(each):
                if party not in parties:
                    yield UnknownParty(state.state, code, party)
            if isinstance(each.who, Silence):
                if state is door:
                    yield SilentDoor(code)
                if each.needs or each.rest_ms or each.assigns is not None:
                    yield SilenceAsks(state.state, code)
    yield from _rest(definition, states)


def _twice(definition: Definition) -> Iterator[Refusal]:
    for party in _repeated(definition.parties):
        yield PartyTwice(party)
    for state in _repeated(each.state for each in definition.states):
        yield StateTwice(state)
    for each in definition.states:
        for code in _repeated(way.transition for way in each.transitions):
            yield TransitionTwice(each.state, code)
        silent = [way.transition for way in each.transitions if isinstance(way.who, Silence)]
        if len(silent) > 1:
            yield SilenceTwice(each.state, silent[0])


def _rest(definition: Definition, states: Mapping[str, FlowState]) -> Iterator[Refusal]:
    """Every state is reached, and from each of them silence comes to an end."""
    reached, ahead = {definition.states[0].state}, [definition.states[0]]
    while ahead:
        for each in ahead.pop().transitions:
            if each.to not in reached:
                reached.add(each.to)
                ahead.append(states[each.to])
    silent = {code: each.silence for code, each in states.items()}
    for state in states:
        if state not in reached:
            yield Unreachable(state)
        ahead_of = state
        for _ in states:
            if (silence := silent[ahead_of]) is None:
                break
            ahead_of = silence.to
            if ahead_of == state:
                yield SilenceCircles(state)
                break


def _ways(definition: Definition) -> Iterator[Transition]:
    return chain.from_iterable(each.transitions for each in definition.states)


def _repeated(codes: Iterable[str]) -> Iterator[str]:
    return (code for code, count in Counter(codes).items() if count > 1)


def _parties_in(transition: Transition) -> Iterator[str]:
    if isinstance(transition.who, Party | HolderFor):
        yield transition.who.party
    for need in transition.needs:
        if isinstance(need, Consent | ValidRecord):
            yield need.party


def _check_known(act: "Act", transition: Transition) -> None:
    if isinstance(transition.who, Holder | HolderFor):
        role = transition.who.role
        act.state[ROLE_DEFINITIONS].need(role, UnknownRole(role))
    for need in transition.needs:
        if isinstance(need, ValidRecord):
            kinds.find(act, need.kind)
