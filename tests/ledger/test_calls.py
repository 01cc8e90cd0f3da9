"""Calls that are kept and performed later: what is judged when, and with whose authority."""

import pytest

from kit.ledger import Chain, account_id, line
from kit.toylaw import (
    TOY,
    TOY_TRANSACTION,
    Failed,
    Keep,
    Made,
    Make,
    Never,
    Note,
    Noted,
    Perform,
    Try,
    kept,
)
from ledger.act import BLOCK_FULL, THRESHOLD_NOT_REACHED
from ledger.calls import (
    NO_CALLS,
    NoneGiven,
    NotAuthorised,
    RejectedWhenKept,
    TooDeep,
    TooMany,
    Unreadable,
    kept_in,
)
from ledger.operation import Operation, Refusal
from ledger.receipt import Outcome
from ledger.transaction import SUPERFLUOUS_SIGNATURE
from ledger.views import balance
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId
from primitives.kernel_limits import (
    CALLS_BYTES_MAX,
    CALLS_DEPTH_MAX,
    CALLS_RUN_BLOCK_BYTES_MAX,
    CALLS_RUN_BYTES_MAX,
    CODE_BYTES_MAX,
)
from primitives.named import from_named, to_named
from services.authority.validators import ProposeValidatorChange
from services.money import Transfer

WORKS, TREASURY = account_id("works"), account_id("treasury")


@pytest.fixture
def chain() -> Chain:
    chain = Chain.begin()
    chain.law, chain.kind = TOY, TOY_TRANSACTION
    return chain


def refusal_of(chain: Chain, operation: Operation, actor: str = "works") -> Refusal | None:
    [receipt] = chain.block(chain.act(actor, operation))
    refusal: Refusal | None = receipt.refusal
    return refusal


def payment(amount: int, reference: str) -> tuple[AccountId, Operation]:
    return TREASURY, Transfer("GBP", (line("works", amount, reference),))


def test_kept_calls_are_performed_with_the_authority_that_is_given(chain: Chain) -> None:
    """The treasury did not sign this transaction; whoever ran the calls answers for it."""
    before = balance(chain.state, WORKS, "GBP")
    calls = kept(payment(5, "a"), payment(7, "b"))

    assert refusal_of(chain, Perform(calls, (TREASURY,), 1)) is None
    assert balance(chain.state, WORKS, "GBP") == before + 12


def test_a_signature_is_no_authority_for_kept_calls(chain: Chain) -> None:
    """Works signed the transaction, but the calls are performed for the treasury alone."""
    calls = kept((WORKS, Note("hello")))

    assert refusal_of(chain, Perform(calls, (TREASURY,), 1)) == NotAuthorised(WORKS)
    assert refusal_of(chain, Perform(calls, (WORKS,), 1)) is None


def test_calls_that_are_tried_leave_no_trace_when_one_is_refused(chain: Chain) -> None:
    """Neither rows nor events, but the running operation goes on."""
    before = balance(chain.state, WORKS, "GBP")
    calls = kept(payment(5, "a"), (TREASURY, Note("never")))

    [receipt] = chain.block(chain.act("works", Try(calls, (TREASURY,)), Note("after")))

    assert receipt.outcome is Outcome.APPLIED
    assert receipt.events == (
        Failed("toy.never"),
        Noted("after", chain.time_ms, WORKS),
    )
    assert balance(chain.state, WORKS, "GBP") == before


def test_calls_that_are_tried_stay_when_none_is_refused(chain: Chain) -> None:
    """In the state, and in the receipt in their order."""
    [receipt] = chain.block(chain.act("works", Try(kept((WORKS, Note("in"))), (WORKS,))))

    assert receipt.events == (Noted("in", chain.time_ms, WORKS),)


def test_a_trial_within_a_trial_is_dropped_with_the_outer_one(chain: Chain) -> None:
    """Savepoints nest."""
    before = balance(chain.state, WORKS, "GBP")
    inner = Try(kept(payment(5, "a")), (TREASURY,))
    outer = Try(kept((WORKS, inner), (WORKS, Note("never"))), (WORKS,))

    [receipt] = chain.block(chain.act("works", outer))

    assert receipt.events == (Failed("toy.never"),)
    assert balance(chain.state, WORKS, "GBP") == before


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param(b"", Unreadable(), id="no bytes"),
        pytest.param(b"\x91\x00", Unreadable(), id="no call"),
        pytest.param(kept((WORKS, Note("a"))) + b"\0", Unreadable(), id="a byte too many"),
        pytest.param(NO_CALLS, NoneGiven(), id="an empty list"),
    ],
)
def test_what_cannot_be_performed_is_refused_when_it_is_kept(
    chain: Chain, calls: bytes, expected: Refusal
) -> None:
    """Not when it is due."""
    assert refusal_of(chain, Keep(calls)) == expected


def nested(depth: int) -> bytes:
    calls = kept((WORKS, Note("innermost")))
    for _ in range(depth - 1):
        calls = kept((WORKS, Keep(calls)))
    return calls


def test_calls_keep_calls_to_a_depth(chain: Chain) -> None:
    """CALLS_DEPTH_MAX, and one more."""
    assert refusal_of(chain, Keep(nested(CALLS_DEPTH_MAX))) is None
    assert refusal_of(chain, Keep(nested(CALLS_DEPTH_MAX + 1))) == TooDeep(CALLS_DEPTH_MAX)


def filled(size: int) -> bytes:
    """Calls of exactly so many bytes."""
    empty = len(kept((WORKS, Note("x" * 70_000)))) - 70_000
    rest = size - empty + (2 if size < 65_536 else 0)
    calls = kept((WORKS, Note("x" * rest)))
    assert len(calls) == size
    return calls


def test_kept_calls_have_a_size(chain: Chain) -> None:
    """CALLS_BYTES_MAX, and one more: that can stand in no transaction."""
    assert refusal_of(chain, Keep(filled(CALLS_BYTES_MAX))) is None
    with pytest.raises(Malformed):
        chain.act("works", Keep(filled(CALLS_BYTES_MAX + 1)))


def test_a_transaction_performs_so_many_kept_calls(chain: Chain) -> None:
    """CALLS_RUN_BYTES_MAX in all, however often and nested, and one call more."""
    calls = filled(CALLS_BYTES_MAX)
    times = CALLS_RUN_BYTES_MAX // CALLS_BYTES_MAX

    assert refusal_of(chain, Perform(calls, (WORKS,), times)) is None
    assert refusal_of(chain, Perform(calls, (WORKS,), times + 1)) == TooMany(CALLS_RUN_BYTES_MAX)


def test_a_block_performs_so_many_kept_calls(chain: Chain) -> None:
    """CALLS_RUN_BLOCK_BYTES_MAX; what comes then stands in a later block."""
    calls = filled(CALLS_BYTES_MAX)
    times = CALLS_RUN_BYTES_MAX // CALLS_BYTES_MAX
    one_more = chain.act("works", Perform(kept((WORKS, Note("a"))), (WORKS,), 1))
    run = chain.run()
    for _ in range(CALLS_RUN_BLOCK_BYTES_MAX // CALLS_RUN_BYTES_MAX):
        run.apply(chain.act("works", Perform(calls, (WORKS,), times)))

    with pytest.raises(Rejected) as raised:
        run.apply(one_more)

    assert raised.value.code == BLOCK_FULL
    assert run.apply(chain.act("works", Note("plain"))).outcome is Outcome.APPLIED
    [receipt] = chain.block(one_more)
    assert receipt.outcome is Outcome.APPLIED


def test_a_refused_call_refuses_what_performs_it(chain: Chain) -> None:
    """`run` has no savepoint: all or nothing."""
    assert refusal_of(chain, Perform(kept((WORKS, Note("never"))), (WORKS,), 1)) == Never("never")


def test_no_id_comes_twice(chain: Chain) -> None:
    """Within a transaction, and in the next."""
    receipts = [
        *chain.block(chain.act("works", Make(), Make())),
        *chain.block(chain.act("works", Make())),
    ]
    made = [event.id for receipt in receipts for event in receipt.events if isinstance(event, Made)]

    assert len(set(made)) == len(made) == 6


def test_calls_are_found_wherever_they_stand() -> None:
    """In a field, and in fields of fields."""
    calls = kept((WORKS, Note("a")))

    assert list(kept_in(Keep(calls))) == [calls]
    assert list(kept_in((Note("a"), Try(calls, ())))) == [calls]


def test_people_see_the_calls_themselves() -> None:
    """The named form has no bytes to decipher, and leads back to the same ones."""
    calls = kept((TREASURY, Transfer("GBP", (line("works", 5, "a"),))))

    named = to_named(Perform(calls, (), 1))

    assert named["calls"][0]["operation"]["operation"] == "money.transfer"
    assert named["calls"][0]["actor"] == TREASURY.hex()
    assert from_named(named, Perform) == Perform(calls, (), 1)


def test_a_fault_in_kept_calls_is_named_with_its_place() -> None:
    """As any other field's."""
    named = to_named(Perform(kept((TREASURY, Transfer("GBP", (line("works", 5, "a"),)))), (), 1))
    named["calls"][0]["operation"]["lines"][0]["amount"] = -1

    with pytest.raises(Malformed, match=r"\$\.calls.*amount.*found -1"):
        from_named(named, Perform)


def test_what_only_signatures_give_is_refused_to_kept_calls(chain: Chain) -> None:
    """With a rejection there would be no block for whatever performs them: what falls due least."""
    change = ProposeValidatorChange(add=(), remove=(), replace=())
    calls = kept((WORKS, change))

    [receipt] = chain.block(chain.act("works", Try(calls, (WORKS,))))

    assert receipt.events == (Failed("calls.rejected_when_kept"),)
    assert refusal_of(chain, Perform(calls, (WORKS,), 1)) == RejectedWhenKept(THRESHOLD_NOT_REACHED)
    assert len(THRESHOLD_NOT_REACHED) <= CODE_BYTES_MAX


def test_what_is_rejected_or_only_tried_takes_no_room_of_the_block(chain: Chain) -> None:
    """Else a primary that dropped a transaction would judge the next by what nobody else did."""
    calls = filled(CALLS_BYTES_MAX)
    most = CALLS_RUN_BYTES_MAX // CALLS_BYTES_MAX
    heavy = chain.act("works", Perform(calls, (WORKS,), most))
    stranger = chain.body(("works", Perform(calls, (WORKS,), most)))
    run = chain.run()
    for _ in range(2 * CALLS_RUN_BLOCK_BYTES_MAX // CALLS_RUN_BYTES_MAX):
        assert run.preview(heavy).outcome is Outcome.APPLIED
        with pytest.raises(Rejected) as raised:
            run.apply(chain.check(stranger, "works", "treasury"))
        assert raised.value.code == SUPERFLUOUS_SIGNATURE

    assert run.apply(heavy).outcome is Outcome.APPLIED
