"""Intents: who may answer, when their calls run and with whose authority, and how they end."""

from typing import Any

import pytest

from kit.intents import HOUR_MS, asks, intent_of, kept, opened
from kit.ledger import (
    GBP,
    Chain,
    account_id,
    genesis_account,
    genesis_document,
    key,
    line,
    pay,
    running_account,
)
from kit.policies import all_of, either, holders, signers, way
from kit.records import PAPER, define, issue
from ledger import views, worklist
from ledger.accounts import AccountKind, UnknownAccount, WeightedKey
from ledger.calls import NestedTooDeep, NoneGiven, TooMany, Unreadable
from ledger.intents import (
    TERMS,
    AlreadyAnswered,
    IntentExpired,
    IntentExpiryOutOfRange,
    IntentOver,
    IntentStatus,
    KeysJustChanged,
    NotAParty,
    NotTheOpener,
    Stance,
    TooManyAnswers,
    UnknownIntent,
)
from ledger.operation import Operation
from ledger.policy import OutOfReach
from ledger.receipt import Outcome
from ledger.records import RECORDS, VERSIONS, RecordKey, VersionKey
from ledger.worklist import WORKLIST, Desk, Place, Task
from primitives import kernel_limits
from primitives.ids import Digest, TimeMs
from services.authority.accounts import RotateKeys
from services.authority.roles import GrantRole, RevokeRole
from services.consent import (
    ApproveIntent,
    CancelIntent,
    IntentApproved,
    IntentCancelled,
    IntentDone,
    IntentFailed,
    IntentOpened,
    IntentRefused,
    OpenIntent,
    RefuseIntent,
)
from services.money import Transfer, Transferred
from services.registry.stamps import StampAct, StampDocument

A, B = account_id("treasury"), account_id("health")
PAID = ("treasury", pay("works", 100, "INV-1"))
BOTH = all_of("treasury", "health")
NOBODY = Digest(b"\x55" * 32)


@pytest.fixture
def chain() -> Chain:
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in ("amina", "bilal")]
    kept_by_amina = running_account("stall", "amina")
    return Chain.begin(genesis_document(accounts=[*people, kept_by_amina]))


def said(chain: Chain, actor: str, *operations: Operation, signers: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """The receipt of one actor's transaction, which others may sign too."""
    body = chain.body(*((actor, operation) for operation in operations))
    (receipt, *_) = chain.block(chain.check(body, *(signers or (actor,))))
    return receipt


def refused(chain: Chain, actor: str, operation: Operation) -> Any:  # noqa: ANN401
    """Why an operation is refused; the block that tries it writes nothing."""
    run = chain.run()
    receipt = run.apply(chain.act(actor, operation))
    assert receipt.outcome is Outcome.REFUSED
    assert not run.written
    return receipt.refusal


def grant(role: str, holder: str, scope: str | None = None) -> GrantRole:
    return GrantRole(role, None if scope is None else account_id(scope), account_id(holder), None)


def rotated(name: str) -> RotateKeys:
    """The keys of an account become one new key, named after it."""
    return RotateKeys(threshold=1, signers=(WeightedKey(key(f"new {name}").public, 1),))


def lies_on(chain: Chain, desk: Desk, name: Digest) -> bool:
    return WORKLIST.read(chain.state, Place(desk, Task.INTENT, name)) is not None


def works_has(chain: Chain) -> int:
    return views.balance(chain.state, account_id("works"), GBP)


# --- from opening to running --------------------------------------------------------------------


def test_the_last_approval_that_is_needed_runs_the_calls(chain: Chain) -> None:
    """With the authority of both, in the same block; the opener's approval was its opening."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID))
    assert works_has(chain) == 0

    receipt = said(chain, "health", ApproveIntent(name))

    approved, paid, done = receipt.events
    assert approved == IntentApproved(name, B)
    assert isinstance(paid, Transferred)
    assert done == IntentDone(name, (A, B))
    assert works_has(chain) == 100
    assert intent_of(chain, name).status is IntentStatus.DONE
    assert TERMS.read(chain.state, name) is None


def test_an_intent_that_its_opener_alone_can_meet_runs_at_once(chain: Chain) -> None:
    """Opening is the approval of whom the policy asks."""
    receipt = said(chain, "treasury", asks(chain, all_of("treasury"), PAID))

    kinds = [type(event) for event in receipt.events]
    assert kinds == [IntentOpened, IntentApproved, Transferred, IntentDone]


def test_who_is_not_asked_opens_without_approving_and_lends_no_authority(chain: Chain) -> None:
    """A clerk writes down what others decide; what the clerk would have to sign is refused."""
    name = opened(chain, "works", asks(chain, all_of("treasury"), ("works", pay("health", 1, "r"))))
    assert intent_of(chain, name).answers == ()

    receipt = said(chain, "treasury", ApproveIntent(name))

    assert isinstance(receipt.events[-1], IntentFailed)
    assert receipt.events[-1].refusal == "calls.not_authorised"


def test_holders_of_a_role_approve_and_one_of_two_ways_is_enough(chain: Chain) -> None:
    """Two notaries for health; the account of works stands by."""
    said(chain, "registrar", grant("notary", "amina", "health"), grant("notary", "bilal", "health"))
    policy = either(
        way(holders(2, "notary", "health"), signers(1, "treasury")), all_of("treasury", "works")
    )
    name = opened(chain, "treasury", asks(chain, policy, PAID))

    assert refused(chain, "registrar", ApproveIntent(name)) == NotAParty(
        name, account_id("registrar")
    )
    said(chain, "amina", ApproveIntent(name))
    assert intent_of(chain, name).status is IntentStatus.OPEN
    receipt = said(chain, "bilal", ApproveIntent(name))

    assert receipt.events[-1] == IntentDone(name, (A, account_id("amina"), account_id("bilal")))


def test_a_record_with_consents_is_issued_by_an_intent(chain: Chain) -> None:
    """Nobody has to sign at one table: approving the intent is the consent of each."""
    said(chain, "registrar", define(subject_consents=True, consents=all_of("bilal")))
    operation = issue("amina", consenting=(account_id("bilal"),))
    parties = all_of("amina", "bilal", "notary")
    name = opened(chain, "notary", asks(chain, parties, ("notary", operation)))

    said(chain, "amina", ApproveIntent(name))
    said(chain, "bilal", ApproveIntent(name))

    record = RecordKey(operation.kind, account_id("amina"), 0)
    assert RECORDS.read(chain.state, record) is not None
    version = VERSIONS.read(chain.state, VersionKey(record, 0))
    assert version is not None
    assert version.draft.commitment == PAPER


def test_a_running_account_approves_by_its_keeper(chain: Chain) -> None:
    """And its keeper's new keys void the approval."""
    stamp = StampDocument(PAPER, StampAct.TIMESTAMP)
    name = opened(chain, "works", asks(chain, all_of("stall", "health"), ("stall", stamp)))
    said(chain, "stall", ApproveIntent(name), signers=("amina",))
    said(chain, "amina", rotated("amina"), signers=("amina", "new amina"))

    said(chain, "health", ApproveIntent(name))

    assert intent_of(chain, name).status is IntentStatus.OPEN
    said(chain, "stall", ApproveIntent(name), signers=("new amina",))
    assert intent_of(chain, name).status is IntentStatus.DONE


def test_a_keepers_approval_lends_the_authority_of_what_it_keeps_and_not_the_reverse(
    chain: Chain,
) -> None:
    """As its signature does in a transaction."""
    stamp = StampDocument(PAPER, StampAct.TIMESTAMP)
    by_keeper = opened(chain, "works", asks(chain, all_of("amina"), ("stall", stamp)))
    by_kept = opened(chain, "works", asks(chain, all_of("stall"), ("amina", stamp)))

    said(chain, "amina", ApproveIntent(by_keeper))
    said(chain, "stall", ApproveIntent(by_kept), signers=("amina",))

    assert intent_of(chain, by_keeper).status is IntentStatus.DONE
    assert intent_of(chain, by_kept).status is IntentStatus.FAILED


def test_calls_that_are_refused_leave_no_trace_and_a_failed_intent(chain: Chain) -> None:
    """The approval stands, the intent is over, and its money is where it was."""
    calls = (PAID, ("health", pay("works", 1, "r")))
    name = opened(chain, "treasury", asks(chain, BOTH, *calls))

    receipt = said(chain, "health", ApproveIntent(name))

    assert receipt.outcome is Outcome.APPLIED
    assert receipt.events == (
        IntentApproved(name, B),
        IntentFailed(name, (A, B), "books.overdraft"),
    )
    assert works_has(chain) == 0
    assert intent_of(chain, name).status is IntentStatus.FAILED
    over = IntentOver(name, IntentStatus.FAILED)
    assert refused(chain, "health", ApproveIntent(name)) == over


def test_an_intent_whose_calls_approve_another_runs_both(chain: Chain) -> None:
    """With the authority of the first one's parties, once."""
    second = opened(chain, "works", asks(chain, BOTH, PAID))
    calls = (("treasury", ApproveIntent(second)), ("health", ApproveIntent(second)))
    first = opened(chain, "treasury", asks(chain, BOTH, *calls))

    said(chain, "health", ApproveIntent(first))

    assert intent_of(chain, second).status is IntentStatus.DONE
    assert works_has(chain) == 100


# --- approvals that do not count any more -------------------------------------------------------


def test_an_approval_is_void_after_the_keys_changed_and_may_be_given_anew(chain: Chain) -> None:
    """Who found the old key on a lost telephone has approved nothing."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID))
    said(chain, "treasury", rotated("treasury"), signers=("treasury", "new treasury"))

    said(chain, "health", ApproveIntent(name))
    assert intent_of(chain, name).status is IntentStatus.OPEN

    said(chain, "treasury", ApproveIntent(name), signers=("new treasury",))
    assert works_has(chain) == 100


def test_who_changed_keys_in_this_block_approves_in_a_later_one(chain: Chain) -> None:
    """Rows know blocks alone: an earlier change could not be told from a later one."""
    name = opened(chain, "works", asks(chain, BOTH, PAID))
    body = chain.body(("health", rotated("health")), ("health", ApproveIntent(name)))

    (receipt,) = chain.block(chain.check(body, "health", "new health"))

    assert receipt.refusal == KeysJustChanged(B)


def test_an_approval_before_a_change_of_keys_in_the_same_block_is_void(chain: Chain) -> None:
    """Whichever came first in the block."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID))
    body = chain.body(("health", ApproveIntent(name)), ("health", rotated("health")))
    (receipt,) = chain.block(chain.check(body, "health", "new health"))
    assert receipt.outcome is Outcome.APPLIED  # it was the last one, and ran before

    other = opened(chain, "works", asks(chain, all_of("health", "works", "notary"), PAID))
    body = chain.body(
        ("notary", ApproveIntent(other)),
        ("notary", rotated("notary")),
    )
    chain.block(chain.check(body, "notary", "new notary"))
    said(chain, "health", ApproveIntent(other), signers=("new health",))

    assert intent_of(chain, other).status is IntentStatus.OPEN


def test_an_approval_by_a_role_that_ended_is_void_and_lends_no_authority(chain: Chain) -> None:
    """It is judged when it would take effect."""
    said(chain, "registrar", grant("notary", "amina"), grant("notary", "bilal"))
    name = opened(chain, "works", asks(chain, way(holders(2, "notary")), PAID))
    said(chain, "amina", ApproveIntent(name))
    said(chain, "registrar", RevokeRole("notary", None, account_id("amina")))

    said(chain, "bilal", ApproveIntent(name))
    assert intent_of(chain, name).status is IntentStatus.OPEN

    receipt = said(chain, "notary", ApproveIntent(name))
    assert receipt.events[-1].authority == (account_id("bilal"), account_id("notary"))


# --- refusing, cancelling, expiring -------------------------------------------------------------


def test_a_refusal_ends_an_intent_that_needs_everybody(chain: Chain) -> None:
    """With its reason."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID))

    receipt = said(chain, "health", RefuseIntent(name, "too_dear"))

    assert receipt.events == (IntentRefused(name, B, "too_dear", IntentStatus.REFUSED),)
    over = IntentOver(name, IntentStatus.REFUSED)
    assert refused(chain, "treasury", ApproveIntent(name)) == over


def test_a_refusal_that_leaves_a_way_is_an_answer_that_may_change(chain: Chain) -> None:
    """Two of three: one refuses, thinks again, and approves; one approves, and takes it back."""
    policy = way(signers(2, "treasury", "health", "notary"))
    name = opened(chain, "works", asks(chain, policy, PAID))

    still_open = said(chain, "health", RefuseIntent(name, "unclear"))
    assert still_open.events == (IntentRefused(name, B, "unclear", IntentStatus.OPEN),)
    said(chain, "health", ApproveIntent(name))
    said(chain, "health", RefuseIntent(name, "unclear"))
    said(chain, "treasury", ApproveIntent(name))
    assert intent_of(chain, name).status is IntentStatus.OPEN

    receipt = said(chain, "notary", ApproveIntent(name))
    assert receipt.events[-1] == IntentDone(name, (A, account_id("notary")))


def test_the_same_answer_twice_is_refused(chain: Chain) -> None:
    """With the block of the first."""
    policy = way(signers(2, "treasury", "health", "notary", "works"))
    name = opened(chain, "registrar", asks(chain, policy, PAID))
    said(chain, "health", ApproveIntent(name))
    height = chain.state.height
    assert refused(chain, "health", ApproveIntent(name)) == AlreadyAnswered(
        name, B, Stance.APPROVED, height
    )
    said(chain, "health", RefuseIntent(name, "unclear"))

    assert refused(chain, "health", RefuseIntent(name, "unclear")) == AlreadyAnswered(
        name, B, Stance.REFUSED, chain.state.height
    )


def test_only_the_opener_cancels(chain: Chain) -> None:
    """While it is open."""
    name = opened(chain, "works", asks(chain, BOTH, PAID))
    assert refused(chain, "health", CancelIntent(name)) == NotTheOpener(
        name, B, account_id("works")
    )

    assert said(chain, "works", CancelIntent(name)).events == (
        IntentCancelled(name, account_id("works")),
    )

    over = IntentOver(name, IntentStatus.CANCELLED)
    for operation in (CancelIntent(name), ApproveIntent(name), RefuseIntent(name, "late")):
        assert refused(chain, "works", operation) == over


def test_an_intent_expires_by_itself_and_by_the_clock(chain: Chain) -> None:
    """At its very millisecond, whether its duty ran already or not."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID, lasts_ms=3_000))
    body = chain.body(("health", ApproveIntent(name)))
    chain.block()

    (late,) = chain.block(chain.check(body, "health"))

    assert chain.time_ms == intent_of(chain, name).expires_ms
    assert late.refusal == IntentOver(name, IntentStatus.EXPIRED)
    (duty,) = chain.done
    assert duty.events == (IntentExpired(name),)
    assert intent_of(chain, name).status is IntentStatus.EXPIRED


def test_an_intent_has_expired_though_its_duty_waits_for_the_next_block(chain: Chain) -> None:
    """A crowded minute gives nobody more time."""
    many = kernel_limits.AGENDA_DUTIES_MAX + 1
    until = TimeMs(chain.time_ms + 3_000)
    intent = OpenIntent(kept(PAID), BOTH, until)
    sent = [chain.act("works", *[intent] * min(60, many - n)) for n in range(0, many, 60)]
    names = [event.intent for receipt in chain.block(*sent) for event in receipt.events]
    last = max(names, key=lambda name: intent_of(chain, name).expiry.id)
    approval = chain.act("health", ApproveIntent(last))
    chain.block()

    (late,) = chain.block(approval)

    assert chain.time_ms == until
    assert len(chain.done) == many - 1
    assert intent_of(chain, last).status is IntentStatus.OPEN
    assert late.refusal == IntentOver(last, IntentStatus.EXPIRED)
    chain.block()
    assert intent_of(chain, last).status is IntentStatus.EXPIRED


def test_the_duty_of_an_intent_that_is_over_is_gone(chain: Chain) -> None:
    """Nothing expires twice, or after it was done."""
    name = opened(chain, "treasury", asks(chain, BOTH, PAID, lasts_ms=3_000))
    said(chain, "health", ApproveIntent(name))

    for _ in range(3):
        chain.block()
        assert chain.done == []
    assert intent_of(chain, name).status is IntentStatus.DONE


def test_what_is_unknown_is_refused(chain: Chain) -> None:
    """Any answer to an intent that there is not."""
    for operation in (ApproveIntent(NOBODY), RefuseIntent(NOBODY, "why"), CancelIntent(NOBODY)):
        assert refused(chain, "health", operation) == UnknownIntent(NOBODY)


# --- what cannot be opened ----------------------------------------------------------------------


def test_an_intent_is_open_for_a_while_and_not_for_ever(chain: Chain) -> None:
    """From the next millisecond to a year; one more, or one less, is refused."""
    now = chain.time_ms + 1_000  # of the next block
    latest = now + kernel_limits.INTENT_LIFETIME_MS_MAX
    for lasts_ms in (1_001, 1_000 + kernel_limits.INTENT_LIFETIME_MS_MAX):
        run = chain.run()
        operation = asks(chain, BOTH, PAID, lasts_ms=lasts_ms)
        assert run.apply(chain.act("works", operation)).outcome is Outcome.APPLIED
    for lasts_ms in (1_000, 1_001 + kernel_limits.INTENT_LIFETIME_MS_MAX):
        operation = asks(chain, BOTH, PAID, lasts_ms=lasts_ms)
        assert refused(chain, "works", operation) == IntentExpiryOutOfRange(
            operation.expires_ms, TimeMs(now), TimeMs(latest)
        )


def test_an_intent_without_calls_or_with_a_policy_that_cannot_be_met_is_refused(
    chain: Chain,
) -> None:
    """What could never run is refused when it is said."""
    until = TimeMs(chain.time_ms + HOUR_MS)

    for calls, refusal in ((b"\xc1", Unreadable()), (kept(), NoneGiven())):
        assert refused(chain, "works", OpenIntent(calls, BOTH, until)) == refusal
    impossible = asks(chain, way(signers(3, "treasury", "health")), PAID)
    assert refused(chain, "works", impossible) == OutOfReach(0)
    stranger = asks(chain, all_of("stranger"), PAID)
    assert refused(chain, "works", stranger) == UnknownAccount(account_id("stranger"))


def test_an_intent_takes_as_many_answers_as_the_limit_allows_and_no_more() -> None:
    """Holders of a role are as many as they are."""
    names = [f"clerk {number}" for number in range(kernel_limits.INTENT_ANSWERS_MAX + 1)]
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in names]
    chain = Chain.begin(genesis_document(accounts=people))
    said(chain, "registrar", *(grant("notary", name) for name in names[:40]))
    said(chain, "registrar", *(grant("notary", name) for name in names[40:]))
    policy = way(holders(2, "notary"), signers(1, "treasury"))
    name = opened(chain, "works", asks(chain, policy, PAID))
    *most, last = names
    chain.block(*(chain.act(each, RefuseIntent(name, "no")) for each in most))
    assert len(intent_of(chain, name).answers) == kernel_limits.INTENT_ANSWERS_MAX

    full = TooManyAnswers(name, kernel_limits.INTENT_ANSWERS_MAX)
    assert refused(chain, last, ApproveIntent(name)) == full
    assert said(chain, most[0], ApproveIntent(name)).outcome is Outcome.APPLIED  # instead


# --- the worklist -------------------------------------------------------------------------------


def test_an_intent_lies_on_the_desks_of_whom_it_asks_until_they_answer(chain: Chain) -> None:
    """A role's holders share one desk; when the intent is over, it lies on none."""
    policy = way(signers(2, "treasury", "health"), holders(1, "notary"))
    name = opened(chain, "treasury", asks(chain, policy, PAID))
    mine, theirs = worklist.desk_of_account(A), worklist.desk_of_account(B)
    notaries = worklist.desk_of_role("notary", None)

    assert [lies_on(chain, desk, name) for desk in (mine, theirs, notaries)] == [False, True, True]
    said(chain, "health", ApproveIntent(name))
    assert [lies_on(chain, desk, name) for desk in (mine, theirs, notaries)] == [False, False, True]
    said(chain, "notary", ApproveIntent(name))
    assert not lies_on(chain, notaries, name)


def test_an_intent_that_expires_or_is_cancelled_leaves_every_desk(chain: Chain) -> None:
    """Nobody is asked for what is over."""
    desk = worklist.desk_of_account(B)
    cancelled = opened(chain, "works", asks(chain, BOTH, PAID))
    expires = opened(chain, "works", asks(chain, BOTH, PAID, lasts_ms=5_000))
    assert lies_on(chain, desk, cancelled)
    said(chain, "works", CancelIntent(cancelled))
    for _ in range(5):
        chain.block()

    assert not lies_on(chain, desk, cancelled)
    assert not lies_on(chain, desk, expires)


# --- calls that perform calls -------------------------------------------------------------------


def chained(chain: Chain, links: int) -> Digest:
    """The last of so many intents, each of which approves the one before; the first one pays."""
    name = opened(chain, "works", asks(chain, all_of("treasury"), PAID))
    for _ in range(links - 1):
        calls = ("treasury", ApproveIntent(name))
        name = opened(chain, "works", asks(chain, all_of("treasury"), calls))
    return name


def test_intents_approve_each_other_as_deep_as_the_limit_allows_and_no_deeper(chain: Chain) -> None:
    """One more is refused, and uses no intent up; a chain of hundreds stops no node."""
    most = kernel_limits.CALLS_NESTING_MAX
    one_more, long = chained(chain, most + 1), chained(chain, 300)

    for name in (one_more, long):
        assert refused(chain, "treasury", ApproveIntent(name)) == NestedTooDeep(most)
        assert intent_of(chain, name).status is IntentStatus.OPEN
    said(chain, "treasury", ApproveIntent(chained(chain, most)))
    assert works_has(chain) == 100


def test_what_is_too_much_for_one_transaction_uses_no_intent_up(chain: Chain) -> None:
    """The approval is refused, and with it its transaction; another one can do it."""
    names = []
    for number in range(3):
        lines = tuple(line("works", 1, f"{number}/{n}", description="d" * 140) for n in range(80))
        calls = ("treasury", Transfer(GBP, lines))
        names.append(opened(chain, "works", asks(chain, all_of("treasury"), calls)))

    at_once = said(chain, "treasury", *(ApproveIntent(name) for name in names))

    assert at_once.refusal == TooMany(kernel_limits.CALLS_RUN_BYTES_MAX)
    for name in names:
        assert said(chain, "treasury", ApproveIntent(name)).outcome is Outcome.APPLIED
    assert works_has(chain) == 240
