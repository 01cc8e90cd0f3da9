"""Cases: one matter each, dealt with as its flow says (K7). This is the interpreter of all flows.

A case is always in one state of the version it began with, and moves only along a transition that
leads out of it, by whom the flow admits. A move judges in this order: is silence first, may this
account move, did the case rest long enough, are the needs met. Then the case stands in its new
state, with its deadline and on the desks of those who may move it next; last come the transition's
calls, with the authority of the flow's owner alone. If one is refused, so is the move.

**Silence.** Entering a state that silence leads out of schedules a duty; leaving it takes the duty
back, so it runs exactly once, in that state, or never. Between the due time and the duty's turn
nobody moves by hand: the case is judged as if the duty had run on time. If its calls are refused
then, the case stays where it is, the receipt says why, and hands may move it again; the transition
of silence by anybody's hand. A move that stays in its state (a note, an officer named) leaves the
clock running.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, assert_never, final

from msgspec import Meta, Struct, structs

from ledger import flows, worklist
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.agenda import AGENDA, AgendaKey
from ledger.calls import NO_CALLS
from ledger.flows import (
    FLOW_STATES,
    Anyone,
    Code,
    Consent,
    FlowKey,
    FlowState,
    HandedIn,
    Holder,
    HolderFor,
    Impartial,
    OtherHand,
    Party,
    PartyCode,
    Silence,
    StateKey,
    Transition,
    ValidRecord,
    Version,
)
from ledger.kinds import KindCode
from ledger.operation import Duty, Event, Refusal, Refused
from ledger.placeholders import fill
from ledger.records import Number, RecordKey, is_valid
from ledger.state import Table
from ledger.worklist import Desk, Task
from primitives import kernel_limits as limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act


@final
class CaseParty(Struct, array_like=True, frozen=True):
    """Who is a party of a case."""

    party: Annotated[PartyCode, Meta(description="as the flow calls it")]
    account: Annotated[AccountId, Meta(min_length=32, max_length=32, description="who it is")]


Parties = Annotated[tuple[CaseParty, ...], Meta(max_length=limits.FLOW_PARTIES_MAX)]


@final
class Case(Struct, array_like=True, frozen=True):
    """The row of a case.

    `mover` brought it into its state; none, it was silence. `document` is the latest that came with
    a change of its state: what silence grants is what was applied for.
    """

    owner: Sized32[AccountId]
    flow: Code
    version: Version
    state: Code
    since_ms: Natural[TimeMs]
    parties: Parties
    mover: Sized32[AccountId] | None
    document: Sized32[Digest] | None
    moves: Natural[int]
    deadline: AgendaKey | None

    def party(self, code: str) -> AccountId | None:
        """The account that is a party."""
        return next((each.account for each in self.parties if each.party == code), None)


def _key(case: Digest) -> bytes:
    return case


CASES: Final = Table[Digest, Case](45, "cases", _key, Case)


@final
@dataclass(frozen=True, slots=True)
class Brought:
    """What a move brings along; whatever else its transition asks for is in the state."""

    document: Digest | None
    assignee: AccountId | None
    records: tuple[int, ...]


NOTHING: Final = Brought(None, None, ())


class UnknownCase(Refusal, tag="cases.unknown", frozen=True):
    """There is no case {case}."""

    case: Sized32[Digest]


class OtherParties(Refusal, tag="cases.other_parties", frozen=True):
    """A case of the flow {flow} is opened with the parties {expected}, in this order."""

    flow: Code
    expected: Annotated[tuple[PartyCode, ...], Meta(max_length=limits.FLOW_PARTIES_MAX)]


class NoSuchMove(Refusal, tag="cases.no_such_move", frozen=True):
    """Case {case} is in {state}, from where there is no transition {transition}."""

    case: Sized32[Digest]
    state: Code
    transition: Code


class SilenceFirst(Refusal, tag="cases.silence_first", frozen=True):
    """The deadline of case {case} is past (due_ms {due_ms}): what silence does comes first."""

    case: Sized32[Digest]
    due_ms: Natural[TimeMs]


class NotTheirs(Refusal, tag="cases.not_theirs", frozen=True):
    """Account {account} may not move case {case} by {transition}."""

    case: Sized32[Digest]
    transition: Code
    account: Sized32[AccountId]


class NobodyYet(Refusal, tag="cases.nobody_yet", frozen=True):
    """Nobody is the {party} of case {case} yet."""

    case: Sized32[Digest]
    party: PartyCode


class TooEarly(Refusal, tag="cases.too_early", frozen=True):
    """Case {case} can be moved by {transition} from {from_ms} on."""

    case: Sized32[Digest]
    transition: Code
    from_ms: Natural[TimeMs]


class RecordMissing(Refusal, tag="cases.record_missing", frozen=True):
    """The {party} {subject} of case {case} has no valid record {kind} number {number}."""

    case: Sized32[Digest]
    party: PartyCode
    subject: Sized32[AccountId]
    kind: KindCode
    number: Number


class DocumentMissing(Refusal, tag="cases.document_missing", frozen=True):
    """To move case {case} by {transition} takes a document."""

    case: Sized32[Digest]
    transition: Code


class AssigneeMissing(Refusal, tag="cases.assignee_missing", frozen=True):
    """To move case {case} by {transition} is to say who becomes its {party}."""

    case: Sized32[Digest]
    transition: Code
    party: PartyCode


class NotAskedFor(Refusal, tag="cases.not_asked_for", frozen=True):
    """The move of case {case} by {transition} names an account or a record for nothing."""

    case: Sized32[Digest]
    transition: Code


class OwnCause(Refusal, tag="cases.own_cause", frozen=True):
    """Account {account} is a party of case {case}, and so may not move it by {transition}."""

    case: Sized32[Digest]
    transition: Code
    account: Sized32[AccountId]


class SameHand(Refusal, tag="cases.same_hand", frozen=True):
    """Account {account} brought case {case} here: another must move it on by {transition}."""

    case: Sized32[Digest]
    transition: Code
    account: Sized32[AccountId]


@final
class CaseMoved(Event, tag="cases.moved", frozen=True):
    """Case {case} went from {left} to {state} by {transition}. Whose hand it was: {mover}."""

    # The parties and the owner are named, so that each of them finds it among what concerns its
    # account: the owner's procedures are told of from here. No hand is silence.
    case: Sized32[Digest]
    owner: Sized32[AccountId]
    flow: Code
    version: Version
    left: Code
    transition: Code
    state: Code
    mover: Sized32[AccountId] | None
    document: Sized32[Digest] | None
    parties: Parties


@final
class Deadline(Duty, tag="cases.deadline", frozen=True):
    """Silence moves the case {case}."""

    case: Sized32[Digest]

    def fall_due(self, act: "Act") -> None:
        """Move it. It rests where it did when this was scheduled: whoever leaves takes it back."""
        case = act.state[CASES].need(self.case, UnknownCase(self.case))
        left = _state(act, case, case.state)
        assert left.silence is not None, "only what silence moves has a deadline"
        _enter(act, self.case, case, left, left.silence, NOTHING, mover=None)


def begin(act: "Act", key: FlowKey, *, version: int, parties: Parties) -> Digest:
    """Let a case stand at the door of its flow; `move` it in the same act, or it is none.

    Raises:
        Refused: there is no such flow, its latest version or its parties are others.
    """
    flow = flows.need_open(act, key)
    act.require(version == flow.version, flows.NotTheLatest(key.flow, version, flow.version))
    named = tuple(each.party for each in parties)
    act.require(named == flow.parties, OtherParties(key.flow, flow.parties))
    for each in parties:
        act.state[ACCOUNTS].need(each.account, UnknownAccount(each.account))

    name = act.fresh_id(Domain.CASE)
    act.state[CASES][name] = Case(
        owner=key.owner,
        flow=key.flow,
        version=version,
        state=flow.first,
        since_ms=act.time_ms,
        parties=parties,
        mover=None,
        document=None,
        moves=0,
        deadline=None,
    )
    return name


def move(act: "Act", name: Digest, *, transition: str, brought: Brought) -> None:
    """Move a case as the actor.

    Raises:
        Refused: there is no such case, or its flow does not let the actor move it so, now, with
            what was brought; or a call of the transition is refused.
    """
    case = act.state[CASES].need(name, UnknownCase(name))
    left = _state(act, case, case.state)
    step = left.find(transition)
    if step is None:
        raise Refused(NoSuchMove(name, case.state, transition))
    if case.deadline is not None and act.time_ms >= case.deadline.due_ms:
        pending = case.deadline in act.state[AGENDA]
        act.require(not pending, SilenceFirst(name, case.deadline.due_ms))
    _require_mover(act, name, case, step)
    rested_ms = step.who.after_ms if isinstance(step.who, Silence) else step.rest_ms
    from_ms = TimeMs(case.since_ms + rested_ms)
    act.require(act.time_ms >= from_ms, TooEarly(name, transition, from_ms))
    _require_needs(act, name, case, step, brought)

    _enter(act, name, case, left, step, brought, mover=act.actor)


def _require_mover(act: "Act", name: Digest, case: Case, step: Transition) -> None:
    match step.who:
        case Anyone() | Silence():  # silence by hand: when its duty ran and was refused
            pass
        case Party(party):
            theirs = NotTheirs(name, step.transition, act.actor)
            act.require(case.party(party) == act.actor, theirs)
        case Holder(role, scope):
            act.require_role(role, scope)
        case HolderFor(role, party):
            act.require_role(role, _account(case, name, party))
        case _:
            assert_never(step.who)


def _require_needs(
    act: "Act", name: Digest, case: Case, step: Transition, brought: Brought
) -> None:
    code, numbers = step.transition, iter(brought.records)
    for need in step.needs:
        match need:
            case Consent(party):
                act.require_present(_account(case, name, party))
            case ValidRecord(kind, party):
                subject, number = _account(case, name, party), next(numbers, 0)
                valid = is_valid(act, RecordKey(kind, subject, number))
                act.require(valid, RecordMissing(name, party, subject, kind, number))
            case HandedIn():
                act.require(brought.document is not None, DocumentMissing(name, code))
            case Impartial():
                party_to_it = any(each.account == act.actor for each in case.parties)
                act.require(not party_to_it, OwnCause(name, code, act.actor))
            case OtherHand():
                act.require(act.actor != case.mover, SameHand(name, code, act.actor))
            case _:
                assert_never(need)
    act.require(next(numbers, None) is None, NotAskedFor(name, code))
    if step.assigns is None:
        act.require(brought.assignee is None, NotAskedFor(name, code))
    elif brought.assignee is None:
        raise Refused(AssigneeMissing(name, code, step.assigns))
    else:
        act.state[ACCOUNTS].need(brought.assignee, UnknownAccount(brought.assignee))


def _enter(
    act: "Act",
    name: Digest,
    case: Case,
    left: FlowState,
    step: Transition,
    brought: Brought,
    *,
    mover: AccountId | None,
) -> None:
    """Everything that a judged move changes, its calls last."""
    rests = step.to == case.state
    entered = left if rests else _state(act, case, step.to)
    moved = structs.replace(
        case,
        state=step.to,
        since_ms=case.since_ms if rests else act.time_ms,
        parties=_assigned(case.parties, step.assigns, brought.assignee),
        mover=case.mover if rests else mover,
        document=case.document if rests else brought.document or case.document,
        moves=case.moves + 1,
        deadline=case.deadline if rests else _reschedule(act, name, case, entered),
    )
    act.state[CASES][name] = moved
    _lay_out(act, name, before=_desks(case, left), after=_desks(moved, entered))
    act.emit(
        CaseMoved(
            case=name,
            owner=case.owner,
            flow=case.flow,
            version=case.version,
            left=case.state,
            transition=step.transition,
            state=step.to,
            mover=mover,
            document=brought.document,
            parties=moved.parties,
        )
    )
    if step.calls != NO_CALLS:
        ids = _ids(name, moved, brought, mover)
        act.run(fill(step.calls, ids), authority=frozenset({case.owner}))


def _reschedule(act: "Act", name: Digest, case: Case, entered: FlowState) -> AgendaKey | None:
    if case.deadline is not None:
        act.unschedule(case.deadline)
    silence = entered.silence
    if silence is None:
        return None
    assert isinstance(silence.who, Silence)
    return act.schedule(TimeMs(act.time_ms + silence.who.after_ms), Deadline(name))


def _ids(name: Digest, moved: Case, brought: Brought, mover: AccountId | None) -> dict[str, bytes]:
    """What stands for each placeholder in the calls of this move."""
    ids: dict[str, bytes] = {each.party: each.account for each in moved.parties}
    ids[flows.CASE] = name
    ids[flows.OWNER] = moved.owner
    ids[flows.MOVER] = moved.owner if mover is None else mover
    ids[flows.MOVE] = digest(Domain.CASE_MOVE, name + moved.moves.to_bytes(8, "big"))
    document = brought.document or moved.document
    if document is not None:
        ids[flows.DOCUMENT] = document
    return ids


def _desks(case: Case, state: FlowState) -> dict[tuple[Desk, Task], TimeMs | None]:
    """Where a case lies in a state: with whoever may move it, and with its other parties."""
    if not state.transitions or case.moves == 0:  # it is over, or not open yet
        return {}
    due_ms = None if case.deadline is None else case.deadline.due_ms
    desks = {desk: Task.CASE for each in state.transitions for desk in _desk_of(case, each)}
    for each in case.parties:
        desks.setdefault(worklist.desk_of_account(each.account), Task.AWAITED)
    return dict.fromkeys(desks.items(), due_ms)


def _desk_of(case: Case, step: Transition) -> Iterator[Desk]:
    """The desk of whoever may make a transition happen; that of everybody is nobody's."""
    match step.who:
        case Party(party):
            account = case.party(party)
            if account is not None:
                yield worklist.desk_of_account(account)
        case Holder(role, scope):
            yield worklist.desk_of_role(role, scope)
        case HolderFor(role, party):
            account = case.party(party)
            if account is not None:
                yield worklist.desk_of_role(role, account)


def _lay_out(
    act: "Act",
    name: Digest,
    *,
    before: Mapping[tuple[Desk, Task], TimeMs | None],
    after: Mapping[tuple[Desk, Task], TimeMs | None],
) -> None:
    for desk, task in before:
        if (desk, task) not in after:
            worklist.drop(act, desk, task, name)
    for (desk, task), due_ms in after.items():
        if (desk, task) not in before or before[desk, task] != due_ms:
            worklist.put(act, desk, task, name, due_ms)


def _assigned(parties: Parties, code: str | None, account: AccountId | None) -> Parties:
    if code is None or account is None:
        return parties
    others = [each for each in parties if each.party != code]
    return (*others, CaseParty(code, account))


def _account(case: Case, name: Digest, party: str) -> AccountId:
    account = case.party(party)
    if account is None:
        raise Refused(NobodyYet(name, party))
    return account


def _state(act: "Act", case: Case, code: str) -> FlowState:
    state = act.state[FLOW_STATES].find(StateKey(case.owner, case.flow, case.version, code))
    assert state is not None, "a version keeps all its states"
    return state
