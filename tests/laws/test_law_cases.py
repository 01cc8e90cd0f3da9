"""The law of cases: any flow, any hands, any time.

- A case is always in a state of its version, and gets from one to another only along a transition
  that leads there, by whom it admits.
- A deadline fires exactly once, in the state that it belongs to, and never after the case left it.
- The worklist shows exactly what is open: each case on the desks of those who may move it, and with
  its other parties; nothing else.

The model below is written from docs/kernel/cases.md and not from the interpreter: it keeps cases in
dictionaries, moves them by hand and by the clock, and knows who should be refused.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.flows import DAY, case_of, flow, moving, opening, party, silent, state, way
from kit.ledger import Chain, account_id, genesis_account, genesis_document
from ledger.agenda import AGENDA
from ledger.cases import CASES, CaseMoved
from ledger.flows import Anyone, Definition, Holder, Party, Silence, Transition, contradictions
from ledger.receipt import Receipt
from ledger.roles import NOTARY, REGISTRAR
from ledger.transaction import CheckedTransaction
from ledger.worklist import WORKLIST, Task, place_of
from primitives.ids import Digest, TimeMs
from services.casework.cases import CaseOpened, DefineFlow

ACTORS = ("works", "health", "registrar", "notary")
WHO = (
    Anyone(),
    Party("applicant"),
    Party("officer"),
    Holder(REGISTRAR, None),
    Holder(NOTARY, None),
)
ROLES = {REGISTRAR: "registrar", NOTARY: "notary"}


def some_flow(seed: int) -> Definition:
    """A flow that nobody thought up: any ways between four states, hands and silences mixed."""
    dice = random.Random(seed)
    while True:
        codes = [f"s{index}" for index in range(4)]
        ways: dict[str, list[Transition]] = {code: [] for code in codes[:-1]}
        for code in codes[:-1]:
            for number in range(dice.randint(0, 3)):
                name, to = f"t{number}", dice.choice(codes)
                assigns = "officer" if dice.random() < 0.2 else None
                rest_ms = dice.choice((0, 0, DAY))
                ways[code].append(way(name, to, dice.choice(WHO), rest_ms=rest_ms, assigns=assigns))
            if dice.random() < 0.6:
                ways[code].append(silent("hush", dice.choice(codes), dice.randint(1, 4) * DAY))
        definition = flow(
            state("door", way("apply", "s0"), way("enter", "s1")),
            *(state(code, *ways[code]) for code in ways),
            state(codes[-1]),
        )
        if is_rich(definition) and not list(contradictions(definition)):
            return definition


def is_rich(definition: Definition) -> bool:
    """Somebody is named on the way, and a hand may leave a case where silence would move it."""
    ways = [(each, way) for each in definition.states for way in each.transitions]
    stays = [way for each, way in ways if way.to == each.state and each.silence is not None]
    return bool(stays) and any(way.assigns == "officer" for _, way in ways)


FLOWS = tuple(some_flow(seed) for seed in range(6))


@dataclass(frozen=True)
class Model:
    """A case as it should be."""

    flow: int
    state: str
    since_ms: int
    applicant: str
    officer: str | None
    moves: int

    def ways(self) -> tuple[Transition, ...]:
        (found,) = [each for each in FLOWS[self.flow].states if each.state == self.state]
        return found.transitions

    def silence(self) -> tuple[Transition, int] | None:
        for each in self.ways():
            if isinstance(each.who, Silence):
                return each, self.since_ms + each.who.after_ms
        return None

    def mover_of(self, each: Transition | None) -> str | None:
        """Somebody whom a transition admits."""
        if each is None:
            return None
        match each.who:
            case Party("applicant"):
                return self.applicant
            case Party("officer"):
                return self.officer
            case Holder(role, _):
                return ROLES[role]
        return None

    def admits(self, each: Transition, actor: str, time_ms: int) -> bool:
        if time_ms < self.since_ms + each.rest_ms:
            return False
        match each.who:
            case Party("applicant"):
                return actor == self.applicant
            case Party("officer"):
                return actor == self.officer
            case Holder(role, _):
                return actor == ROLES[role]
            case Silence():
                return False  # its duty came in time, and is never refused here
        return True

    def moved(self, each: Transition, time_ms: int, officer: str | None = None) -> "Model":
        return replace(
            self,
            state=each.to,
            since_ms=self.since_ms if each.to == self.state else time_ms,
            officer=officer or self.officer,
            moves=self.moves + 1,
        )

    def desks(self) -> set[tuple[bytes, Task]]:
        if not self.ways():
            return set()
        may = {
            ROLES[way.who.role]: way.who.role for way in self.ways() if isinstance(way.who, Holder)
        }
        found = {(role.encode() + b"\0", Task.CASE) for role in may.values()}
        parties = {"applicant": self.applicant, "officer": self.officer}
        mine = {way.who.party for way in self.ways() if isinstance(way.who, Party)}
        movers = {parties[code] for code in mine} - {None}
        for name in {name for name in parties.values() if name is not None}:
            task = Task.CASE if name in movers else Task.AWAITED
            found.add((b"\0" + account_id(name), task))
        return found


class Cases(RuleBasedStateMachine):
    """Cases of several flows under way at once, moved by several hands."""

    @initialize()
    def publish(self) -> None:
        self.chain = Chain.begin(genesis_document(accounts=[genesis_account("visitor")]))
        defined = [DefineFlow(f"flow{index}", each) for index, each in enumerate(FLOWS)]
        self.chain.block(self.chain.act("works", *defined))
        self.models: dict[Digest, Model] = {}
        self.fired: list[tuple[Digest, int]] = []
        for number in range(len(FLOWS)):
            self.open(number, "health", "apply")

    def block(self, *transactions: CheckedTransaction) -> list[Receipt[Any, Any]]:
        """The next block; the model does first what silence does in it."""
        time_ms = self.chain.time_ms + 1_000
        due = []
        for name, model in self.models.items():
            silence = model.silence()
            if silence is not None and silence[1] <= time_ms:
                due.append((name, model, silence[0]))
        receipts = self.chain.block(*transactions)
        events = [event for receipt in self.chain.done for event in receipt.events]
        moved = {event.case: event for event in events if isinstance(event, CaseMoved)}
        assert len(self.chain.done) == len(events) == len(due)
        assert set(moved) == {name for name, _, _ in due}
        for name, model, each in due:
            event = moved[name]
            assert (event.left, event.state, event.mover) == (model.state, each.to, None)
            self.fired.append((name, model.moves))
            self.models[name] = model.moved(each, time_ms)
        return receipts

    @rule(
        number=st.integers(0, len(FLOWS) - 1),
        applicant=st.sampled_from(ACTORS),
        transition=st.sampled_from(("apply", "enter")),
    )
    def open(self, number: int, applicant: str, transition: str) -> None:
        """Anybody opens a case about anybody."""
        operation = opening(
            transition,
            flow=f"flow{number}",
            parties=(party("applicant", applicant),),
        )
        (receipt,) = self.block(self.chain.act("health", operation))
        (name,) = [event.case for event in receipt.events if isinstance(event, CaseOpened)]
        to = "s0" if transition == "apply" else "s1"
        self.models[name] = Model(number, to, self.chain.time_ms, applicant, None, 1)

    @rule(
        data=st.data(),
        which=st.integers(0, 1_000),
        number=st.integers(0, 3),
        stranger=st.sampled_from((None, None, "works", "visitor")),
        officer=st.sampled_from(ACTORS),
    )
    def move(
        self, data: st.DataObject, which: int, number: int, stranger: str | None, officer: str
    ) -> None:
        """Somebody tries, more often than not whom the flow admits; the model knows the outcome."""
        self.block()  # only when silence had its turn is it known where a case is
        name = sorted(self.models)[which % len(self.models)]
        model = self.models[name]
        ways = model.ways()
        each = ways[number] if number < len(ways) else None
        actor = stranger or model.mover_of(each) or data.draw(st.sampled_from(ACTORS))
        assignee = account_id(officer) if each is not None and each.assigns else None
        transition = "nowhere" if each is None else each.transition
        time_ms = self.chain.time_ms + 1_000
        (receipt,) = self.block(self.chain.act(actor, moving(name, transition, assignee=assignee)))
        model = self.models[name]  # silence came first in this block, too
        each = next((way for way in model.ways() if way.transition == transition), None)
        fits = each is not None and (each.assigns is None) == (assignee is None)
        if each is not None and fits and model.admits(each, actor, time_ms):
            assert receipt.refusal is None, receipt.refusal
            self.models[name] = model.moved(each, time_ms, officer if assignee else None)
        else:
            assert receipt.refusal is not None

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        """Time goes by, and one block comes."""
        self.chain.time_ms = TimeMs(self.chain.time_ms + hours * 3_600_000)
        self.block()

    @invariant()
    def every_case_is_where_it_should_be(self) -> None:
        """In a state of its version, since the right time, after so many moves."""
        for name, model in self.models.items():
            row = case_of(self.chain, name)
            officer = None if model.officer is None else account_id(model.officer)
            assert (row.state, row.since_ms, row.moves) == (
                model.state,
                model.since_ms,
                model.moves,
            )
            assert row.party("officer") == officer
            assert row.state in {each.state for each in FLOWS[model.flow].states}
        assert len(list(CASES.scan(self.chain.state, limit=10_000))) == len(self.models)

    @invariant()
    def the_agenda_holds_each_open_deadline_once(self) -> None:
        """And a deadline that fired or was left behind never again."""
        found = sorted(int.from_bytes(key[:8], "big") for key, _ in AGENDA.scan(
            self.chain.state, limit=10_000))  # fmt: skip
        silences = [model.silence() for model in self.models.values()]
        assert found == sorted(each[1] for each in silences if each is not None)
        assert len(set(self.fired)) == len(self.fired)

    @invariant()
    def the_worklist_shows_exactly_what_is_open(self) -> None:
        """Each case on each desk where somebody should find it, with its deadline."""
        shown = set()
        for key, row in WORKLIST.scan(self.chain.state, limit=10_000):
            place = place_of(key)
            shown.add((place.id, place.desk, place.task, row.due_ms))
        expected = set()
        for name, model in self.models.items():
            silence = model.silence()
            due_ms = None if silence is None else silence[1]
            expected |= {(name, desk, task, due_ms) for desk, task in model.desks()}
        assert shown == expected


TestCases = Cases.TestCase
TestCases.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
