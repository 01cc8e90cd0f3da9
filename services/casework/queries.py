"""What can be asked about flows and cases."""

from typing import Annotated, final

from msgspec import Meta, Struct, structs

from ledger import cases
from ledger.cases import CASES
from ledger.flows import (
    FLOW_STATES,
    FLOWS,
    Code,
    FlowKey,
    FlowState,
    Silence,
    StateKey,
    Transition,
    Version,
    version_prefix,
)
from ledger.query import (
    After,
    Limit,
    Page,
    Query,
    Reading,
    entry_name,
)
from primitives import kernel_limits
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs, TransactionId

CaseId = Annotated[Digest, Meta(min_length=32, max_length=32, description="id of the case")]
OwnerParameter = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="account whose flow it is")
]
FlowParameter = Annotated[Code, Meta(description="the owner's code for it")]


@final
class CaseRow(Struct, frozen=True, kw_only=True):
    """A case as it stands: under which rules, where, since when, and who moves it next."""

    case: Sized32[Digest]
    owner: Sized32[AccountId]
    flow: Code
    version: Version
    state: Code
    since_ms: Natural[TimeMs]
    deadline_ms: Natural[TimeMs] | None
    parties: tuple[str, ...]
    moves: Natural[int]


@final
class WayRow(Struct, frozen=True, kw_only=True):
    """A way out of the state in which a case is, and from when on it may be gone."""

    transition: Code
    to: Code
    who: str
    from_ms: Natural[TimeMs]
    needs: tuple[str, ...]
    assigns: str | None


@final
class FlowRow(Struct, frozen=True, kw_only=True):
    """A way out of a state of a flow: after how many seconds there, by whom, and what it takes."""

    state: Code
    transition: Code
    to: Code
    who: str
    after_s: Natural[int]
    needs: tuple[str, ...]
    assigns: str | None


@final
class MoveRow(Struct, frozen=True, kw_only=True):
    """A move: from where to where, who may make it, and whose hand made it; null is silence."""

    case: Sized32[Digest]
    flow: Code
    version: Version
    left: Code
    transition: Code
    state: Code
    who: str
    mover: Sized32[AccountId] | None
    time_ms: Natural[TimeMs]
    document: Sized32[Digest] | None
    transaction: Sized32[TransactionId]
    height: Natural[Height]
    index: Natural[int]
    entry: Natural[int]


def _case_row(name: bytes, case: cases.Case) -> CaseRow:
    return CaseRow(
        case=Digest(name),
        owner=case.owner,
        flow=case.flow,
        version=case.version,
        state=case.state,
        since_ms=case.since_ms,
        deadline_ms=None if case.deadline is None else case.deadline.due_ms,
        parties=tuple(f"{each.party}={each.account.hex()}" for each in case.parties),
        moves=case.moves,
    )


@final
class OneCase(Query, tag="casework.case", frozen=True, kw_only=True):
    """A case as it stands, or the proof that there is none of this id."""

    case: CaseId

    def answer(self, reading: Reading) -> Page[CaseRow]:
        """Look it up."""
        return reading.look_up(CASES, self.case, lambda row: _case_row(self.case, row))


@final
class Cases(Query, tag="casework.cases", frozen=True, kw_only=True):
    """Cases, of an owner, of a flow, in a state; in the order of their ids."""

    owner: OwnerParameter | None
    flow: FlowParameter | None
    state: Annotated[Code, Meta(description="only those that are in this state")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[CaseRow]:
        """List them."""

        def row(name: bytes, case: cases.Case) -> CaseRow | None:
            asked = (self.owner, self.flow, self.state)
            there = (case.owner, case.flow, case.state)
            fits = all(a is None or a == b for a, b in zip(asked, there, strict=True))
            return _case_row(name, case) if fits else None

        return reading.list(CASES, row, after=self.after, limit=self.limit)


@final
class Ways(Query, tag="casework.ways", frozen=True, kw_only=True):
    """What may be done with a case now, by whom, from when on, and what it takes."""

    case: CaseId

    def answer(self, reading: Reading) -> Page[WayRow]:
        """The ways out of its state."""
        case = CASES.read(reading.state, self.case)
        if case is None:
            return Page([], None, [entry_name(CASES, self.case)])
        key = StateKey(case.owner, case.flow, case.version, case.state)
        state = FLOW_STATES.read(reading.state, key)
        rows = [] if state is None else [_way_row(each, case) for each in state.transitions]
        entry = entry_name(FLOW_STATES, FLOW_STATES.key(key))
        return Page(rows, None, [entry] * len(rows) or [entry])


@final
class FlowWays(Query, tag="casework.flow", frozen=True, kw_only=True):
    """A version of a flow: its states, and the ways out of them."""

    owner: OwnerParameter
    flow: FlowParameter
    version: (
        Annotated[Version, Meta(description="which version; the latest, if none is named")] | None
    )

    def answer(self, reading: Reading) -> Page[FlowRow]:
        """Read all its states; the latest version, unless another is asked for."""
        known = FLOWS.read(reading.state, FlowKey(self.owner, self.flow))
        if known is None:
            key = FLOWS.key(FlowKey(self.owner, self.flow))
            return Page([], None, [entry_name(FLOWS, key)])
        prefix = version_prefix(self.owner, self.flow, self.version or known.version)
        rows, entries = [], []
        found = FLOW_STATES.scan(reading.state, prefix=prefix, limit=kernel_limits.FLOW_STATES_MAX)
        for key, state in found:
            rows += [_flow_row(state, each) for each in state.transitions]
            entries += [entry_name(FLOW_STATES, key)] * len(state.transitions)
        return Page(rows, None, entries)


def _way_row(way: Transition, case: cases.Case) -> WayRow:
    return WayRow(
        transition=way.transition,
        to=way.to,
        who=in_words(way.who, case),
        from_ms=TimeMs(case.since_ms + _rest_ms(way)),
        needs=tuple(in_words(each, case) for each in way.needs),
        assigns=way.assigns,
    )


def _flow_row(state: FlowState, way: Transition) -> FlowRow:
    return FlowRow(
        state=state.state,
        transition=way.transition,
        to=way.to,
        who=in_words(way.who, None),
        after_s=_rest_ms(way) // 1000,
        needs=tuple(in_words(each, None) for each in way.needs),
        assigns=way.assigns,
    )


def _rest_ms(way: Transition) -> int:
    return way.who.after_ms if isinstance(way.who, Silence) else way.rest_ms


def in_words(value: Struct, case: cases.Case | None) -> str:
    """A condition in a few words: its tag, its fields, and which account a party is."""
    words = [str(value.__struct_config__.tag)]
    if isinstance(value, Silence):  # its time has a column of its own
        return words[0]
    for name, found in structs.asdict(value).items():
        account = case.party(found) if case is not None and name == "party" else None
        if isinstance(found, bytes):
            words.append(found.hex())
        elif found is not None:
            words.append(str(found) if account is None else f"{found}={account.hex()}")
    return " ".join(words)
