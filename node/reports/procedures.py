"""How procedures fare: how long, through how many hands, how often back, and where files lie.

Counted from the moves of cases alone (`moves`): nobody fills in a form about his own speed. A
**stay** is the time of a case in one state. In it a case is *waiting* until a first hand touches
it, be it only to name an officer or to add a note, and *worked on* from then until it leaves; where
the first touch is the leaving, all of it was waiting. A **hand-off** is a move by another hand than
the last one; silence is no hand. A **return** is a move into a state in which the case has been
before. What **silence** moved, nobody moved in time.

Versions of a flow stand side by side, because each case keeps the version that it was opened under:
what a simplification brought is the difference of two rows. Percentiles are by nearest rank, so
each is a time that some case really took; times are whole seconds.

**Who is late** is told of desks (a role, a party), never of people: an open case is late when its
deadline is past, or when it has rested longer than nine of ten ended stays in the same state did.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.cases import CASES
from ledger.flows import Code, FlowState, Silence, Version
from ledger.query import Page, entry_name
from node.reports.moment import Moment, Report
from node.reports.moves import Move, States, walk
from node.reports.page import at_most
from primitives import limits
from primitives.ids import AccountId, Digest, Natural, Sized32, TimeMs
from services.casework.queries import FlowParameter, OwnerParameter, in_words

_OpenedFrom = Annotated[TimeMs, Meta(ge=0, description="only cases opened from then on")]
_Seconds = Natural[int]


@final
class ProcedureRow(Struct, frozen=True, kw_only=True):
    """A version of a flow. Elapsed, waiting and worked are of finished cases; null if none is."""

    flow: Code
    version: Version
    cases: Natural[int]
    finished: Natural[int]
    open: Natural[int]
    moves_median: Natural[int] | None
    hand_offs_median: Natural[int] | None
    elapsed_median_s: _Seconds | None
    elapsed_p90_s: _Seconds | None
    waiting_median_s: _Seconds | None
    worked_median_s: _Seconds | None
    returns: Natural[int]
    silences: Natural[int]


@final
class StepRow(Struct, frozen=True, kw_only=True):
    """A state of a version: who moves cases on from it, and how long they stay.

    Times are of stays that ended; `resting` cases are there now, the oldest for `oldest_s`.
    """

    flow: Code
    version: Version
    state: Code
    who: tuple[str, ...]
    stays: Natural[int]
    median_s: _Seconds | None
    p90_s: _Seconds | None
    longest_s: _Seconds | None
    waiting_median_s: _Seconds | None
    returns: Natural[int]
    silences: Natural[int]
    resting: Natural[int]
    oldest_s: _Seconds | None


@final
class LateRow(Struct, frozen=True, kw_only=True):
    """An open case that rests for longer than usual, and whose turn it is.

    `usual_s` is what nine of ten stays in this state took; null, none has ended yet.
    """

    case: Sized32[Digest]
    flow: Code
    version: Version
    state: Code
    who: tuple[str, ...]
    since_ms: Natural[TimeMs]
    rested_s: _Seconds
    usual_s: _Seconds | None
    deadline_ms: Natural[TimeMs] | None


@final
class Procedures(Report, tag="casework.procedures", frozen=True, kw_only=True):
    """How an owner's procedures fare, version by version: before and after each change."""

    owner: OwnerParameter
    flow: FlowParameter | None
    from_ms: _OpenedFrom | None

    def tell(self, moment: Moment) -> Page[ProcedureRow]:
        """Sum up.

        Raises:
            Rejected: no such account, too much to go over, or not all of it is kept here.
        """
        courses = _courses(moment, self.owner, self.flow, self.from_ms)
        grouped: defaultdict[tuple[str, int], list[_Course]] = defaultdict(list)
        for each in courses.values():
            grouped[each.flow, each.version].append(each)
        return Page([_procedure_row(*key, grouped[key]) for key in sorted(grouped)])


@final
class Steps(Report, tag="casework.steps", frozen=True, kw_only=True):
    """Where the cases of an owner's flow lie and for how long, version by version, step by step."""

    owner: OwnerParameter
    flow: FlowParameter
    from_ms: _OpenedFrom | None

    def tell(self, moment: Moment) -> Page[StepRow]:
        """Sum up.

        Raises:
            Rejected: no such account, too much to go over, or not all of it is kept here.
        """
        courses = _courses(moment, self.owner, self.flow, self.from_ms)
        states, now_ms = States(moment, self.owner), moment.header(moment.height).time_ms
        stays: defaultdict[tuple[int, str], list[_Stay]] = defaultdict(list)
        resting: defaultdict[tuple[int, str], list[_Course]] = defaultdict(list)
        for course in courses.values():
            for stay in course.stays:
                stays[course.version, stay.state].append(stay)
            if not course.over:
                resting[course.version, course.state].append(course)
        rows = [
            _step_row(
                self.flow, version, states.find(self.flow, version, state), stays[key], rest, now_ms
            )
            for key in sorted({*stays, *resting})
            for (version, state), rest in [(key, resting[key])]
        ]
        return Page(rows)


@final
class Late(Report, tag="casework.late", frozen=True, kw_only=True):
    """Open cases of an owner that rest for longer than nine of ten did, the longest rest first.

    Also those whose deadline is past and that silence could not move.
    """

    owner: OwnerParameter
    flow: FlowParameter | None

    def tell(self, moment: Moment) -> Page[LateRow]:
        """Compare.

        Raises:
            Rejected: no such account, too much to go over, or not all of it is kept here.
        """
        courses = _courses(moment, self.owner, self.flow, None)
        states, now_ms = States(moment, self.owner), moment.header(moment.height).time_ms
        taken: defaultdict[tuple[str, int, str], list[int]] = defaultdict(list)
        for course in courses.values():
            for stay in course.stays:
                taken[course.flow, course.version, stay.state].append(stay.rested_ms)
        usual = {key: _p90(every) for key, every in taken.items()}
        rows = []
        for name, course in courses.items():
            if course.over:
                continue
            key = course.flow, course.version, course.state
            row = _late_row(moment, name, course, states.find(*key), usual.get(key), now_ms)
            if row is not None:
                rows.append(row)
        rows.sort(key=lambda row: (-row.rested_s, row.case))
        return Page(rows, None, [entry_name(CASES, row.case) for row in rows])


# the way of one case


@final
class _Stay(NamedTuple):
    """The time of a case in a state."""

    state: str
    rested_ms: int
    waited_ms: int
    returned: bool
    silent: bool
    """By silence it ended."""


@final
@dataclass(slots=True)
class _Course:
    """What a case went through so far."""

    flow: str
    version: int
    opened_ms: int
    state: str
    since_ms: int
    hand: AccountId | None
    moves: int = 1
    hand_offs: int = 0
    touched_ms: int | None = None
    over: bool = False
    returned: bool = False
    """The state in which it is, it had left before."""
    stays: list[_Stay] = field(default_factory=list)

    def go_on(self, move: Move) -> None:
        """What a later move did to it."""
        event, time_ms = move.event, move.time_ms
        self.moves += 1
        if event.mover is not None:
            self.hand_offs += event.mover != self.hand
            self.hand = event.mover
        if event.state == self.state:
            self.touched_ms = self.touched_ms or time_ms
            return
        touched_ms = time_ms if self.touched_ms is None else self.touched_ms
        self.stays.append(
            _Stay(
                state=self.state,
                rested_ms=time_ms - self.since_ms,
                waited_ms=touched_ms - self.since_ms,
                returned=self.returned,
                silent=event.mover is None,
            )
        )
        self.state, self.since_ms, self.touched_ms = event.state, time_ms, None
        self.returned = any(stay.state == event.state for stay in self.stays)

    @property
    def elapsed_ms(self) -> int:
        """From its opening to its last change of state."""
        return self.since_ms - self.opened_ms

    @property
    def waited_ms(self) -> int:
        """While nobody had touched it."""
        return sum(stay.waited_ms for stay in self.stays)


def _courses(
    moment: Moment, owner: AccountId, flow: str | None, from_ms: int | None
) -> dict[Digest, _Course]:
    """Every case of the owner, in the order in which they were opened."""
    moment.need_all()
    moment.account(owner)
    courses: dict[Digest, _Course] = {}
    for move in _moves(moment, owner):
        event = move.event
        if flow not in (None, event.flow):
            continue
        course = courses.get(event.case)
        if course is not None:
            course.go_on(move)
        else:
            courses[event.case] = _Course(
                flow=event.flow,
                version=event.version,
                opened_ms=move.time_ms,
                state=event.state,
                since_ms=move.time_ms,
                hand=event.mover,
            )
    states = States(moment, owner)
    for course in courses.values():
        course.over = not states.find(course.flow, course.version, course.state).transitions
    return {
        name: each for name, each in courses.items() if from_ms is None or each.opened_ms >= from_ms
    }


def _moves(moment: Moment, owner: AccountId) -> Iterator[Move]:
    most = limits.QUERY_TRANSACTIONS_MAX
    for _, found in at_most(walk(moment, owner), most, "transactions"):
        yield from found


# rows


def _procedure_row(flow: str, version: int, courses: Sequence[_Course]) -> ProcedureRow:
    finished = [each for each in courses if each.over]
    elapsed = [each.elapsed_ms for each in finished]
    stays = [stay for each in courses for stay in each.stays]
    return ProcedureRow(
        flow=flow,
        version=version,
        cases=len(courses),
        finished=len(finished),
        open=len(courses) - len(finished),
        moves_median=_median([each.moves for each in finished]),
        hand_offs_median=_median([each.hand_offs for each in finished]),
        elapsed_median_s=_seconds(_median(elapsed)),
        elapsed_p90_s=_seconds(_p90(elapsed)),
        waiting_median_s=_seconds(_median([each.waited_ms for each in finished])),
        worked_median_s=_seconds(
            _median([each.elapsed_ms - each.waited_ms for each in finished]),
        ),
        returns=sum(stay.returned for stay in stays) + sum(each.returned for each in courses),
        silences=sum(stay.silent for stay in stays),
    )


def _step_row(
    flow: str,
    version: int,
    state: FlowState,
    stays: Sequence[_Stay],
    resting: Sequence[_Course],
    now_ms: int,
) -> StepRow:
    rested = [stay.rested_ms for stay in stays]
    oldest_ms = min((each.since_ms for each in resting), default=None)
    return StepRow(
        flow=flow,
        version=version,
        state=state.state,
        who=_desks(state),
        stays=len(stays),
        median_s=_seconds(_median(rested)),
        p90_s=_seconds(_p90(rested)),
        longest_s=_seconds(max(rested, default=None)),
        waiting_median_s=_seconds(_median([stay.waited_ms for stay in stays])),
        returns=sum(stay.returned for stay in stays) + sum(each.returned for each in resting),
        silences=sum(stay.silent for stay in stays),
        resting=len(resting),
        oldest_s=None if oldest_ms is None else (now_ms - oldest_ms) // _MS,
    )


def _late_row(
    moment: Moment,
    name: Digest,
    course: _Course,
    state: FlowState,
    usual_ms: int | None,
    now_ms: int,
) -> LateRow | None:
    case = CASES.read(moment.state, name)
    assert case is not None, "a case stays"
    deadline_ms = None if case.deadline is None else case.deadline.due_ms
    rested_ms = now_ms - course.since_ms
    overdue = deadline_ms is not None and now_ms >= deadline_ms
    if not overdue and (usual_ms is None or rested_ms <= usual_ms):
        return None
    return LateRow(
        case=name,
        flow=course.flow,
        version=course.version,
        state=course.state,
        who=_desks(state),
        since_ms=case.since_ms,
        rested_s=rested_ms // _MS,
        usual_s=_seconds(usual_ms),
        deadline_ms=deadline_ms,
    )


def _desks(state: FlowState) -> tuple[str, ...]:
    """Who may move a case on from a state, each once; silence is nobody's desk."""
    ways = (
        way
        for way in state.transitions
        if way.to != state.state and not isinstance(way.who, Silence)
    )
    return tuple(dict.fromkeys(in_words(way.who, None) for way in ways))


_MS: Final = 1_000


def _seconds(span_ms: int | None) -> int | None:
    return None if span_ms is None else span_ms // _MS


def _median(values: Sequence[int]) -> int | None:
    return at_rank(values, 50)


def _p90(values: Sequence[int]) -> int | None:
    return at_rank(values, 90)


def at_rank(values: Sequence[int], hundredths: int) -> int | None:
    """The value by nearest rank: at least so many hundredths are as small, or smaller."""
    if not values:
        return None
    return sorted(values)[-(-hundredths * len(values) // 100) - 1]
