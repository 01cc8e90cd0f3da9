"""Casework: how flows are published, cases opened and moved, and every way to say no."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from kit.flows import (
    ANYONE,
    APPLICANT,
    DAY,
    FLOW,
    case_of,
    flow,
    moving,
    opening,
    paper,
    party,
    silent,
    simple,
    state,
    way,
)
from kit.ledger import Chain, account_id, genesis_account, genesis_document
from kit.records import LICENCE, define, issue, judged
from ledger.accounts import UnknownAccount
from ledger.agenda import AGENDA
from ledger.calls import NoneGiven, NotAuthorised, Unreadable
from ledger.cases import (
    AssigneeMissing,
    Case,
    CaseMoved,
    CaseParty,
    DocumentMissing,
    NobodyYet,
    NoSuchMove,
    NotAskedFor,
    NotTheirs,
    OtherParties,
    OwnCause,
    RecordMissing,
    SameHand,
    SilenceFirst,
    TooEarly,
    UnknownCase,
)
from ledger.flows import (
    FLOW_STATES,
    FLOWS,
    Consent,
    Definition,
    Flow,
    FlowIsRetired,
    FlowKey,
    HandedIn,
    Holder,
    HolderFor,
    Impartial,
    NotTheLatest,
    OtherHand,
    Party,
    StateKey,
    TooManyVersions,
    UnknownFlow,
    Unreachable,
    ValidRecord,
)
from ledger.kinds import PerSubject, UnknownKind
from ledger.operation import Operation, Refusal, sentence
from ledger.placeholders import UnknownPlaceholder, placeholder
from ledger.receipt import Outcome
from ledger.records import RecordStatus
from ledger.roles import NOTARY, REGISTRAR, MissingRole, UnknownRole
from ledger.transaction import Call
from ledger.worklist import WORKLIST, Task, place_of
from primitives import kernel_limits as limits
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import AccountId, Digest, TimeMs
from services.casework.cases import CaseOpened, DefineFlow, FlowDefined, RetireFlow
from services.casework.cases import FlowRetired as FlowWasRetired
from services.registry.stamps import StampAct, StampDocument

WORKS, HEALTH = account_id("works"), account_id("health")
APPLYING = (party("applicant", "health"),)


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def publish(chain: Chain, definition: Definition, kinds: Sequence[Operation] = ()) -> None:
    for kind in kinds:
        done(chain, "registrar", kind)
    (receipt,) = chain.block(chain.act("works", DefineFlow(FLOW, definition)))
    assert receipt.refusal is None


def opened(chain: Chain, actor: str = "health", **fields: Any) -> Digest:  # noqa: ANN401
    """A case that was opened in the next block."""
    (receipt,) = chain.block(chain.act(actor, opening(**fields)))
    assert receipt.refusal is None
    return next(event.case for event in receipt.events if isinstance(event, CaseOpened))


def done(chain: Chain, actor: str, operation: Operation) -> tuple[Any, ...]:
    """The events of an operation that is applied in the next block."""
    *_, receipt = chain.block(chain.act(actor, operation))
    assert receipt.refusal is None
    events: tuple[Any, ...] = receipt.events
    return events


def refused(chain: Chain, actor: str, operation: Operation) -> Refusal:
    """Why an operation is refused; a refusal has a sentence and leaves no trace."""
    run = chain.run()
    before = dict(chain.state.rows)
    tx = chain.act(actor, operation)
    run.admit(tx)
    receipt = run.apply(tx)
    assert receipt.outcome is Outcome.REFUSED
    assert not run.written
    assert chain.state.rows == before
    refusal: Any = receipt.refusal
    assert sentence(refusal)
    return refusal  # type: ignore[no-any-return]


def later(chain: Chain, days: int) -> list[Any]:
    """So many days go by without a block; then comes an empty one: the receipts of its duties."""
    chain.time_ms = TimeMs(chain.time_ms + days * DAY)
    chain.block()
    return chain.done


def desks(chain: Chain, name: Digest) -> set[tuple[bytes, Task]]:
    """Where a case lies."""
    places = [place_of(key) for key, _ in WORKLIST.scan(chain.state, limit=1_000)]
    return {(place.desk, place.task) for place in places if place.id == name}


def test_a_flow_is_published_in_versions(chain: Chain) -> None:
    """Its code is its owner's; a case of the first version goes on under it."""
    first = done(chain, "works", DefineFlow(FLOW, simple()))
    name = opened(chain)
    changed = replace(
        simple(),
        states=(state("door", way("apply", "open")), state("open", way("decline", "declined")),
                state("declined")),
    )  # fmt: skip
    second = done(chain, "works", DefineFlow(FLOW, changed))

    assert first == (FlowDefined(WORKS, FLOW, 1),)
    assert second == (FlowDefined(WORKS, FLOW, 2),)
    assert FLOWS.read(chain.state, FlowKey(WORKS, FLOW)) == Flow(2, False, ("applicant",), "door")  # noqa: FBT003
    done(chain, "treasury", moving(name, "grant"))
    assert case_of(chain, name).state == "granted"
    assert case_of(chain, name).version == 1


def test_two_owners_may_call_their_flows_alike(chain: Chain) -> None:
    """Nobody takes a code from anybody."""
    publish(chain, simple())
    done(chain, "treasury", DefineFlow(FLOW, simple()))

    assert FLOWS.read(chain.state, FlowKey(account_id("treasury"), FLOW)) is not None
    assert refused(chain, "health", opening(owner=HEALTH)) == UnknownFlow(HEALTH, FLOW)


def test_a_flow_that_contradicts_itself_is_not_published(chain: Chain) -> None:
    """Nor one that speaks of roles or kinds of records that there are not, or keeps no calls."""
    lost = replace(simple(), states=(*simple().states, state("lost")))
    door, ends = state("door", way("apply", "open")), state("closed")

    def with_way(*ways: Any) -> Definition:  # noqa: ANN401
        return flow(door, state("open", *ways), ends)

    refusals = [
        refused(chain, "works", DefineFlow(FLOW, definition))
        for definition in (
            lost,
            with_way(way("close", "closed", Holder("nobody", None))),
            with_way(way("close", "closed", HolderFor("nobody", "applicant"))),
            with_way(way("close", "closed", ANYONE, ValidRecord("fishing", "applicant"))),
            with_way(way("close", "closed", calls=b"\x91\x01")),
            with_way(way("close", "closed", calls=stamps(WORKS, placeholder("nobody")))),
        )
    ]

    assert refusals == [
        Unreachable("lost"),
        UnknownRole("nobody"),
        UnknownRole("nobody"),
        UnknownKind("fishing"),
        Unreadable(),
        UnknownPlaceholder("nobody"),
    ]


def stamps(actor: bytes, commitment: bytes) -> bytes:
    """Calls that stamp a document."""
    operation = StampDocument(Digest(commitment), StampAct.TIMESTAMP)
    return encode((Call(AccountId(actor), operation),))


def test_a_flow_has_so_many_versions(chain: Chain) -> None:
    """FLOW_VERSIONS_MAX: the last one is published, one more is not."""
    publish(chain, simple())
    key = FlowKey(WORKS, FLOW)
    row = FLOWS.read(chain.state, key)
    assert row is not None
    before_last = replace(row, version=limits.FLOW_VERSIONS_MAX - 1)
    chain.state.rows[FLOWS.number, FLOWS.key(key)] = encode(before_last)
    run = chain.run()
    at_limit, above = (chain.act("works", DefineFlow(FLOW, simple())) for _ in range(2))

    assert run.apply(at_limit).refusal is None
    assert run.apply(above).refusal == TooManyVersions(FLOW, limits.FLOW_VERSIONS_MAX)


def test_a_retired_flow_opens_no_case_and_ends_those_it_has(chain: Chain) -> None:
    """Until its next version."""
    publish(chain, simple())
    name = opened(chain)

    assert done(chain, "works", RetireFlow(FLOW)) == (FlowWasRetired(WORKS, FLOW),)
    assert refused(chain, "health", opening()) == FlowIsRetired(WORKS, FLOW)
    assert refused(chain, "works", RetireFlow(FLOW)) == FlowIsRetired(WORKS, FLOW)
    assert refused(chain, "health", RetireFlow(FLOW)) == UnknownFlow(HEALTH, FLOW)
    done(chain, "health", moving(name, "grant"))
    publish(chain, simple())
    opened(chain, version=2)


def test_a_case_is_opened_and_moved(chain: Chain) -> None:
    """Its row and its events say who did what."""
    publish(chain, simple())
    tx = chain.act("health", opening(document=paper("application")))
    (receipt,) = chain.block(tx)
    begun, moved = receipt.events
    name = begun.case

    parties = APPLYING
    assert begun == CaseOpened(name, WORKS, FLOW, 1, HEALTH, parties)
    assert moved == CaseMoved(
        name, WORKS, FLOW, 1, "door", "apply", "open", HEALTH, paper("application"), parties
    )
    row = case_of(chain, name)
    assert row.deadline is not None
    assert row == Case(
        owner=WORKS,
        flow=FLOW,
        version=1,
        state="open",
        since_ms=chain.time_ms,
        parties=parties,
        mover=HEALTH,
        document=paper("application"),
        moves=1,
        deadline=row.deadline,
    )
    assert row.deadline.due_ms == chain.time_ms + 10 * DAY

    events = done(chain, "treasury", moving(name, "grant"))

    assert events == (
        CaseMoved(
            name, WORKS, FLOW, 1, "open", "grant", "granted", account_id("treasury"), None, parties
        ),
    )
    row = case_of(chain, name)
    assert (row.state, row.deadline, row.moves) == ("granted", None, 2)
    assert row.document == paper("application")
    assert refused(chain, "health", moving(name, "grant")) == NoSuchMove(name, "granted", "grant")


def test_two_cases_opened_in_one_transaction_are_two(chain: Chain) -> None:
    """However alike they are."""
    publish(chain, simple())
    (receipt,) = chain.block(chain.act("health", opening(), opening()))

    names = [event.case for event in receipt.events if isinstance(event, CaseOpened)]
    assert len(set(names)) == 2


def test_a_case_opened_and_closed_in_one_block_leaves_nothing_to_do(chain: Chain) -> None:
    """Neither on a desk nor on the agenda."""
    publish(chain, simple())
    run = chain.run()
    first = run.apply(chain.act("health", opening()))
    name = first.events[0].case
    assert run.apply(chain.act("health", moving(name, "grant"))).refusal is None
    chain.state.commit(run.finish())

    assert desks(chain, name) == set()
    assert list(AGENDA.scan(chain.state, limit=10)) == []


def test_who_opens_a_case_read_its_rules(chain: Chain) -> None:
    """The version and the parties are those of the flow as it is now."""
    publish(chain, simple())
    publish(chain, simple())
    twice = (party("applicant", "health"), party("applicant", "works"))

    assert refused(chain, "health", opening()) == NotTheLatest(FLOW, 1, 2)
    for parties in ((), twice, (party("clerk", "health"),)):
        operation = opening(version=2, parties=parties)
        assert refused(chain, "health", operation) == OtherParties(FLOW, ("applicant",))
    unknown = AccountId(b"\7" * 32)
    operation = opening(version=2, parties=(CaseParty("applicant", unknown),))
    assert refused(chain, "health", operation) == UnknownAccount(unknown)
    assert refused(chain, "health", opening("enter", version=2)).__class__ is NoSuchMove


def test_there_is_no_moving_what_there_is_not(chain: Chain) -> None:
    """Neither a case nor a way out of its state."""
    publish(chain, simple())
    name = opened(chain)

    assert refused(chain, "health", moving(paper("x"), "grant")) == UnknownCase(paper("x"))
    assert refused(chain, "health", moving(name, "apply")) == NoSuchMove(name, "open", "apply")


def between(*ways: Any, parties: tuple[str, ...] = ("applicant",)) -> Definition:  # noqa: ANN401
    """A flow whose cases rest in one state, open, until something closes them."""
    return flow(state("door", way("apply", "open")), state("open", *ways), state("closed"),
                parties=parties)  # fmt: skip


def test_only_who_is_admitted_moves_a_case(chain: Chain) -> None:
    """A party, a holder of a role for the network or for an account, also for a party's."""
    publish(
        chain,
        between(
            way("withdraw", "closed", APPLICANT),
            way("register", "closed", Holder(REGISTRAR, None)),
            way("certify", "closed", Holder(NOTARY, WORKS)),
            way("clear", "closed", HolderFor(REGISTRAR, "applicant")),
            way("decide", "closed", Party("officer")),
            way("hand_over", "closed", HolderFor(REGISTRAR, "officer")),
            way("name", "open", assigns="officer"),
        ),
    )
    name = opened(chain)

    def no(transition: str) -> Refusal:
        return refused(chain, "works", moving(name, transition))

    assert no("withdraw") == NotTheirs(name, "withdraw", WORKS)
    assert no("register") == MissingRole(WORKS, REGISTRAR, None)
    assert no("certify") == MissingRole(WORKS, NOTARY, WORKS)
    assert no("clear") == MissingRole(WORKS, REGISTRAR, HEALTH)
    assert no("decide") == NotTheirs(name, "decide", WORKS)
    assert no("hand_over") == NobodyYet(name, "officer")
    done(chain, "treasury", moving(name, "name", assignee=WORKS))
    done(chain, "works", moving(name, "decide"))
    for actor, transition in (
        ("health", "withdraw"),
        ("registrar", "register"),
        ("notary", "certify"),
        ("registrar", "clear"),
    ):
        done(chain, actor, moving(opened(chain), transition))


def test_a_case_rests_as_long_as_its_flow_says(chain: Chain) -> None:
    """To the millisecond; the rest begins when it enters its state."""
    publish(chain, between(way("close", "closed", rest_ms=3 * DAY), way("note", "open")))
    name = opened(chain)
    since = case_of(chain, name).since_ms

    early = TooEarly(name, "close", TimeMs(since + 3 * DAY))
    assert refused(chain, "health", moving(name, "close")) == early
    chain.time_ms = TimeMs(since + 3 * DAY - 1_001)
    assert refused(chain, "health", moving(name, "close")) == early
    done(chain, "health", moving(name, "note"))
    assert case_of(chain, name).since_ms == since
    done(chain, "health", moving(name, "close"))


def test_a_move_brings_what_its_transition_asks_for_and_no_more(chain: Chain) -> None:
    """A document where one is needed, an account where a party is named; a note anywhere."""
    publish(
        chain,
        between(
            way("refuse", "closed", ANYONE, HandedIn()),
            way("name", "open", assigns="officer"),
            way("close", "closed"),
        ),
    )
    name = opened(chain)
    unknown = AccountId(b"\7" * 32)

    for operation, refusal in (
        (moving(name, "refuse"), DocumentMissing(name, "refuse")),
        (moving(name, "name"), AssigneeMissing(name, "name", "officer")),
        (moving(name, "name", assignee=unknown), UnknownAccount(unknown)),
        (moving(name, "close", assignee=WORKS), NotAskedFor(name, "close")),
        (moving(name, "close", records=(0,)), NotAskedFor(name, "close")),
    ):
        assert refused(chain, "health", operation) == refusal
    done(chain, "health", moving(name, "name", assignee=WORKS))
    done(chain, "health", moving(name, "name", assignee=account_id("treasury")))
    officers = [each for each in case_of(chain, name).parties if each.party == "officer"]
    assert officers == [party("officer", "treasury")]
    done(chain, "health", moving(name, "refuse", document=paper("reasons")))
    assert case_of(chain, name).document == paper("reasons")


def test_nobody_decides_in_his_own_cause(chain: Chain) -> None:
    """Whatever roles he holds."""
    publish(chain, between(way("close", "closed", ANYONE, Impartial())))
    name = opened(chain)

    assert refused(chain, "health", moving(name, "close")) == OwnCause(name, "close", HEALTH)
    done(chain, "works", moving(name, "close"))


def test_another_hand_decides_than_the_one_that_proposed(chain: Chain) -> None:
    """A note in between does not make two of one."""
    publish(chain, between(way("close", "closed", ANYONE, OtherHand()), way("note", "open")))
    name = opened(chain)

    assert refused(chain, "health", moving(name, "close")) == SameHand(name, "close", HEALTH)
    done(chain, "works", moving(name, "note", document=paper("a note")))
    assert case_of(chain, name).document is None
    assert refused(chain, "health", moving(name, "close")) == SameHand(name, "close", HEALTH)
    done(chain, "works", moving(name, "close"))


def test_a_party_whose_consent_is_needed_signs_too(chain: Chain) -> None:
    """Without its signature the transaction stands in no block; without a party there is none."""
    publish(
        chain,
        between(
            way("settle", "closed", ANYONE, Consent("applicant")),
            way("agree", "closed", ANYONE, Consent("officer")),
            way("name", "open", assigns="officer"),
        ),
    )
    name = opened(chain)
    alone = chain.check(chain.body(("works", moving(name, "settle"))), "works")
    both = chain.check(chain.body(("works", moving(name, "settle"))), "works", "health")

    with pytest.raises(Rejected):
        chain.run().apply(alone)
    assert refused(chain, "works", moving(name, "agree")) == NobodyYet(name, "officer")
    (receipt,) = chain.block(both)
    assert receipt.refusal is None


def test_silence_moves_a_case_once(chain: Chain) -> None:
    """In the first block that is not before its time; the receipt is the duty's own."""
    publish(chain, simple())
    name = opened(chain)
    due_ms = case_of(chain, name).since_ms + 10 * DAY

    chain.time_ms = TimeMs(due_ms - 1_001)
    chain.block()
    assert chain.done == []
    chain.block()

    (receipt,) = chain.done
    assert receipt.events == (
        CaseMoved(name, WORKS, FLOW, 1, "open", "lapse", "lapsed", None, None, APPLYING),
    )
    row = case_of(chain, name)
    assert (row.state, row.mover, row.deadline) == ("lapsed", None, None)
    assert later(chain, 100) == []


def test_a_case_that_left_is_not_moved_by_silence(chain: Chain) -> None:
    """Its deadline is gone with its state."""
    publish(chain, simple())
    name = opened(chain)
    done(chain, "works", moving(name, "grant"))

    assert later(chain, 100) == []
    assert case_of(chain, name).state == "granted"


def test_a_case_that_comes_back_has_a_deadline_anew(chain: Chain) -> None:
    """Each stay in a state has one of its own."""
    publish(
        chain,
        flow(
            state("door", way("apply", "open")),
            state("open", way("return", "returned"), silent("lapse", "closed", 10 * DAY)),
            state("returned", way("supplement", "open")),
            state("closed"),
        ),
    )
    name = opened(chain)
    done(chain, "works", moving(name, "return"))
    assert later(chain, 20) == []
    done(chain, "health", moving(name, "supplement"))

    assert later(chain, 9) == []
    assert case_of(chain, name).state == "open"
    assert len(later(chain, 1)) == 1
    assert case_of(chain, name).state == "closed"


def test_a_move_that_stays_leaves_the_clock_running(chain: Chain) -> None:
    """An officer named on the ninth day does not delay the tenth."""
    publish(chain, between(way("note", "open"), silent("lapse", "closed", 10 * DAY)))
    name = opened(chain)
    later(chain, 9)
    done(chain, "works", moving(name, "note"))

    assert len(later(chain, 1)) == 1
    assert case_of(chain, name).state == "closed"


def test_silence_after_silence(chain: Chain) -> None:
    """Each in a block of its own, with the time of its own state."""
    publish(
        chain,
        flow(
            state("door", way("apply", "open")),
            state("open", silent("remind", "reminded", 10 * DAY)),
            state("reminded", silent("lapse", "closed", 5 * DAY)),
            state("closed"),
        ),
    )
    name = opened(chain)

    assert len(later(chain, 11)) == 1
    assert case_of(chain, name).state == "reminded"
    assert later(chain, 4) == []
    assert len(later(chain, 1)) == 1
    assert case_of(chain, name).state == "closed"


def test_a_case_whose_deadline_is_past_waits_for_silence(chain: Chain) -> None:
    """Where more fell due than a block does, nobody moves it by hand meanwhile."""
    publish(chain, simple())
    calls = 32
    for _ in range(limits.AGENDA_DUTIES_MAX // calls):
        chain.block(chain.act("works", *[opening() for _ in range(calls)]))
    name = opened(chain)
    due_ms = case_of(chain, name).since_ms + 10 * DAY
    chain.time_ms = TimeMs(due_ms)
    operation = moving(name, "grant")

    run = chain.run()
    receipt = run.apply(chain.act("works", operation))
    chain.state.commit(run.finish())

    assert receipt.refusal == SilenceFirst(name, TimeMs(due_ms))
    chain.block()
    assert case_of(chain, name).state == "lapsed"


PAID = Digest(placeholder("DOCUMENT"))


def stamping(who: bytes = placeholder("OWNER")) -> Definition:
    """A flow that stamps a document in its owner's name, by hand or by silence."""
    calls = stamps(who, PAID)
    return between(
        way("close", "closed", calls=calls),
        silent("lapse", "closed", 10 * DAY, calls=calls),
        way("submit", "submitted"),
    )


def with_submitted(definition: Definition) -> Definition:
    more = state("submitted", way("close", "closed"))
    return replace(definition, states=(*definition.states, more))


def test_a_transition_acts_with_its_owners_authority(chain: Chain) -> None:
    """The owner did not sign; the document is the one that was handed in with the application."""
    publish(chain, with_submitted(stamping()))
    name = opened(chain, document=paper("application"))

    moved, stamped = done(chain, "health", moving(name, "close"))

    assert moved == CaseMoved(
        name, WORKS, FLOW, 1, "open", "close", "closed", HEALTH, None, APPLYING
    )
    assert (stamped.by, stamped.commitment) == (WORKS, paper("application"))


def test_a_transition_has_no_other_authority(chain: Chain) -> None:
    """Not that of who moves, nor that of a party."""
    for who in (placeholder("MOVER"), placeholder("applicant"), account_id("treasury")):
        publish(chain, with_submitted(stamping(who)))
    name = opened(chain, version=3, document=paper("application"))

    refusal = refused(chain, "health", moving(name, "close"))

    assert refusal == NotAuthorised(account_id("treasury"))


def test_a_refused_call_refuses_the_move(chain: Chain) -> None:
    """All or nothing: without a document there is nothing to stamp."""
    publish(chain, with_submitted(stamping()))
    name = opened(chain)

    assert refused(chain, "health", moving(name, "close")) == UnknownPlaceholder("DOCUMENT")
    assert case_of(chain, name).state == "open"


def test_silence_whose_calls_are_refused_leaves_the_case_to_hands(chain: Chain) -> None:
    """It does not try again; anybody may, when what was missing is there."""
    publish(chain, with_submitted(stamping()))
    name = opened(chain, "health")

    (receipt,) = later(chain, 11)

    assert receipt.refusal == UnknownPlaceholder("DOCUMENT")
    assert case_of(chain, name).state == "open"
    assert later(chain, 11) == []
    again = moving(name, "lapse", document=paper("application"))
    events = done(chain, "treasury", again)
    assert events[0] == CaseMoved(
        name,
        WORKS,
        FLOW,
        1,
        "open",
        "lapse",
        "closed",
        account_id("treasury"),
        paper("application"),
        APPLYING,
    )


def test_nobody_hurries_silence(chain: Chain) -> None:
    """By hand it moves a case only when its time is over."""
    publish(chain, simple())
    name = opened(chain)
    from_ms = TimeMs(case_of(chain, name).since_ms + 10 * DAY)

    assert refused(chain, "health", moving(name, "lapse")) == TooEarly(name, "lapse", from_ms)


def test_a_case_lies_on_the_desks_of_those_who_may_move_it(chain: Chain) -> None:
    """And with its other parties, who wait; when it is over, on none."""
    publish(
        chain,
        between(
            way("register", "closed", Holder(REGISTRAR, None)),
            way("decide", "closed", Party("officer")),
            way("clear", "closed", HolderFor(REGISTRAR, "officer")),
            way("name", "open", assigns="officer"),
        ),
    )
    name = opened(chain)
    own = b"\0" + HEALTH

    assert desks(chain, name) == {(b"registrar\0", Task.CASE), (own, Task.AWAITED)}
    done(chain, "works", moving(name, "name", assignee=WORKS))
    assert desks(chain, name) == {
        (b"registrar\0", Task.CASE),
        (own, Task.AWAITED),
        (b"\0" + WORKS, Task.CASE),
        (b"registrar\1" + WORKS, Task.CASE),
    }
    done(chain, "works", moving(name, "name", assignee=HEALTH))
    assert desks(chain, name) == {
        (b"registrar\0", Task.CASE),
        (own, Task.CASE),
        (b"registrar\1" + HEALTH, Task.CASE),
    }
    done(chain, "health", moving(name, "decide"))
    assert desks(chain, name) == set()


def test_a_version_keeps_the_states_that_it_was_published_with(chain: Chain) -> None:
    """Each is a row of its own, so that a move reads only those that it concerns."""
    publish(chain, simple())

    rows = [FLOW_STATES.read(chain.state, StateKey(WORKS, FLOW, 1, each.state)) for each in
            simple().states]  # fmt: skip

    assert tuple(rows) == simple().states


def test_kept_calls_of_a_flow_are_not_empty_bytes(chain: Chain) -> None:
    """The empty list says that there are none; nothing at all is unreadable."""
    definition = between(way("close", "closed", calls=b""))

    assert refused(chain, "works", DefineFlow(FLOW, definition)) == Unreadable()
    assert sentence(NoneGiven())


def test_a_case_may_be_about_many() -> None:
    """FLOW_PARTIES_MAX accounts, each in its place."""
    names = [f"party{index}" for index in range(limits.FLOW_PARTIES_MAX)]
    crowd = Chain.begin(genesis_document(accounts=[genesis_account(name) for name in names]))
    codes = tuple(names)
    publish(crowd, between(way("close", "closed", Party(names[-1])), parties=codes))

    name = opened(crowd, parties=tuple(party(code, code) for code in codes))

    assert len(desks(crowd, name)) == limits.FLOW_PARTIES_MAX
    done(crowd, names[-1], moving(name, "close"))


def test_a_party_needs_a_valid_record(chain: Chain) -> None:
    """Of its kind and number, in force now; nobody hands in what the register has."""
    publish(
        chain,
        between(
            way("open_shop", "closed", ANYONE, ValidRecord(LICENCE, "applicant")),
            way("merge", "closed", ANYONE, *[ValidRecord(LICENCE, "applicant")] * 2),
        ),
        kinds=[define(per_subject=PerSubject.MANY)],
    )
    name = opened(chain)

    def missing(number: int) -> RecordMissing:
        return RecordMissing(name, "applicant", HEALTH, LICENCE, number)

    assert refused(chain, "works", moving(name, "open_shop")) == missing(0)
    done(chain, "notary", issue("health"))
    done(chain, "notary", issue("health"))
    assert refused(chain, "works", moving(name, "open_shop", records=(2,))) == missing(2)
    assert refused(chain, "works", moving(name, "merge", records=(1, 7))) == missing(7)
    done(chain, "notary", judged("health", RecordStatus.SUSPENDED, number=0))
    assert refused(chain, "works", moving(name, "open_shop")) == missing(0)
    more = moving(name, "open_shop", records=(1, 1))
    assert refused(chain, "works", more) == NotAskedFor(name, "open_shop")
    done(chain, "works", moving(name, "open_shop", records=(1,)))


def test_a_flow_that_breeds_dies_out(chain: Chain) -> None:
    """Each deadline opens two cases with deadlines: without a hand that ends, and soon."""
    breed = Call(AccountId(placeholder("OWNER")), opening(parties=(), document=None, assignee=None))
    publish(
        chain,
        flow(
            state("door", way("apply", "open")),
            state("open", silent("breed", "bred", DAY, calls=encode((breed, breed)))),
            state("bred"),
            parties=(),
        ),
    )
    opened(chain, parties=())
    fell_due, days = 0, 0

    while list(AGENDA.scan(chain.state, limit=1)):
        fell_due += len(later(chain, 1))
        days += 1
        assert days < 30

    assert 100 < fell_due <= limits.ECHOES_MAX
