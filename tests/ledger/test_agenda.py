"""The agenda: what falls due, in which order, how often, and how much of it in one block."""

import pytest

from kit.ledger import Chain, account_id
from kit.toylaw import (
    TOY,
    TOY_TRANSACTION,
    ChangeOfMind,
    Failed,
    Later,
    Never,
    Note,
    Noted,
    Saying,
    kept,
)
from ledger.agenda import AGENDA, EchoesSpent, next_due
from ledger.agenda import Failed as DutyFailed
from ledger.receipt import Outcome
from primitives.codec import encode
from primitives.ids import NOBODY
from primitives.kernel_limits import (
    AGENDA_DUTIES_MAX,
    AGENDA_RUN_BYTES_MAX,
    CALLS_RUN_BYTES_MAX,
    DUTY_BYTES_MAX,
    ECHOES_MAX,
)
from services.authority.validators import ProposeValidatorChange

WORKS, TREASURY = account_id("works"), account_id("treasury")


@pytest.fixture
def chain() -> Chain:
    chain = Chain.begin()
    chain.law, chain.kind = TOY, TOY_TRANSACTION
    return chain


def later(chain: Chain, in_ms: int, duty: Saying, times: int = 1) -> None:
    [receipt] = chain.block(chain.act("works", Later(chain.time_ms + 1_000 + in_ms, duty, times)))
    assert receipt.outcome is Outcome.APPLIED


def saying(word: str, *, times: int = 0, calls: bytes = b"", tries: int = 0) -> Saying:
    return Saying(word, times, 0, calls, tries)


def words(chain: Chain) -> list[str]:
    return [event.word for receipt in chain.done for event in receipt.events]


def test_a_duty_is_done_by_the_first_block_that_is_not_before_it(chain: Chain) -> None:
    """Blocks are a second apart: one due in two seconds is done in the second block after."""
    later(chain, 2_000, saying("due"))

    chain.block()
    assert words(chain) == []
    chain.block()
    assert words(chain) == ["due"]
    assert next_due(chain.state) is None
    chain.block()
    assert words(chain) == []


def test_what_is_due_at_once_is_done_by_the_next_block(chain: Chain) -> None:
    """Never by the block that scheduled it: what a block does first follows from its parent."""
    later(chain, -5_000, saying("past"))

    assert words(chain) == []
    chain.block()
    assert words(chain) == ["past"]


def test_duties_are_done_in_the_order_of_their_times(chain: Chain) -> None:
    """Whatever was scheduled first."""
    later(chain, 9_500, saying("third"))
    later(chain, 5_500, saying("first"))
    later(chain, 5_500, saying("second"))
    for _ in range(4):
        chain.block()
        assert words(chain) == []
    chain.block()
    assert words(chain) == ["first"]
    chain.block()
    assert words(chain) == ["second"]


def test_nobody_acts_where_a_duty_falls_due(chain: Chain) -> None:
    """And nobody is present: kept calls of an account are refused."""
    later(chain, 0, saying("alone", calls=kept((WORKS, Note("in its name"))), tries=1))
    chain.block()

    [receipt] = chain.done
    assert receipt.events == (
        Noted("alone", chain.time_ms, NOBODY),
        Failed("calls.not_authorised"),
    )


def test_a_duty_that_is_refused_is_over_and_says_so(chain: Chain) -> None:
    """Its receipt has the refusal; it does not come again."""
    later(chain, 0, saying("never"))
    chain.block()

    [receipt] = chain.done
    assert (receipt.outcome, receipt.refusal) == (Outcome.REFUSED, Never("never"))
    chain.block()
    assert not chain.done


def test_receipts_of_duties_stand_behind_those_of_the_transactions(chain: Chain) -> None:
    """What is done first is told last, so a transaction keeps its number."""
    later(chain, 0, saying("due"))
    run = chain.run()
    tx = chain.act("works", Note("by hand"))
    run.admit(tx)
    receipt = run.apply(tx)
    execution = run.finish()

    assert len(execution.receipts) == 2
    assert execution.done == (run.done[0].transaction_id,)
    assert execution.committed[0][1] == receipt.transaction_id
    assert execution.touched == ((WORKS,), (NOBODY,))


def test_a_block_does_so_many_duties(chain: Chain) -> None:
    """AGENDA_DUTIES_MAX; the rest is done by the next, and nothing twice."""
    later(chain, 0, saying("many"), AGENDA_DUTIES_MAX + 1)

    chain.block()
    assert len(chain.done) == AGENDA_DUTIES_MAX
    chain.block()
    assert len(chain.done) == 1


def test_the_duties_of_a_block_perform_so_many_kept_calls(chain: Chain) -> None:
    """AGENDA_RUN_BYTES_MAX: room for a whole duty more must be left, or the next block goes on."""
    heavy = saying("heavy", calls=kept((WORKS, Note("x" * 900))), tries=30)
    size = 30 * len(heavy.calls)
    later(chain, 0, heavy, AGENDA_DUTIES_MAX)
    chain.block()

    room = (AGENDA_RUN_BYTES_MAX - CALLS_RUN_BYTES_MAX) // size + 1
    assert len(chain.done) == room < AGENDA_DUTIES_MAX
    for _ in range(AGENDA_DUTIES_MAX // room):
        chain.block()
    assert next_due(chain.state) is None


def test_what_is_taken_back_does_not_fall_due(chain: Chain) -> None:
    """Taking it back twice is no matter."""
    chain.block(chain.act("works", ChangeOfMind(chain.time_ms + 2_000)))

    assert next_due(chain.state) is None


def test_a_duty_has_a_size(chain: Chain) -> None:
    """DUTY_BYTES_MAX: a longer one is a mistake of the rule that schedules it."""
    frame = len(encode(saying("w" * 300))) - 300
    fits = saying("w" * (DUTY_BYTES_MAX - frame))
    later(chain, 0, fits)
    with pytest.raises(AssertionError, match="a duty of"):
        later(chain, 0, saying(fits.word + "w"))


def test_a_chain_of_duties_ends(chain: Chain) -> None:
    """ECHOES_MAX of them, each scheduled by the last, and then no more without a transaction."""
    later(chain, 0, saying("again", times=1))
    for done in range(ECHOES_MAX - 1):
        chain.block()
        assert words(chain) == ["again"], done

    chain.block()

    [receipt] = chain.done
    assert receipt.refusal == EchoesSpent(ECHOES_MAX)
    chain.block()
    assert not chain.done


def test_duties_that_multiply_share_what_is_left(chain: Chain) -> None:
    """A tree of them is no larger than a chain."""
    later(chain, 0, saying("two more", times=2))
    said = 0
    while next_due(chain.state) is not None:
        chain.block()
        said += len(words(chain))

    assert said == ECHOES_MAX // 2 - 1  # nine generations; the tenth cannot be shared out


def test_a_duty_whose_rule_fails_is_over_like_any_other(chain: Chain) -> None:
    """It would come again in every block, and nobody could build one."""
    later(chain, 0, saying("bug"))
    later(chain, 0, saying("fine"))
    chain.block()
    chain.block()

    assert {(receipt.outcome, receipt.refusal) for receipt in chain.done} <= {
        (Outcome.APPLIED, None),
        (Outcome.REFUSED, DutyFailed()),
    }
    assert next_due(chain.state) is None


def test_kept_calls_of_a_duty_may_ask_for_signatures_in_vain(chain: Chain) -> None:
    """A change of validators without a quorum is refused, and the chain goes on."""
    change = ProposeValidatorChange(add=(), remove=(), replace=())
    later(chain, 0, saying("coup", calls=kept((TREASURY, change)), tries=1))
    chain.block()

    [receipt] = chain.done
    assert receipt.events[1:] == (Failed("calls.rejected_when_kept"),)


def test_what_is_only_tried_does_not_do_what_is_due(chain: Chain) -> None:
    """A node tries every transaction that arrives; the block that is built does the rest first."""
    later(chain, 0, saying("due"))
    run = chain.run()
    tx = chain.act("works", Note("by hand"))
    before = len(run.seen)
    run.preview(tx)

    assert AGENDA.number not in {number for number, _ in list(run.seen)[before:]}
    run.apply(tx)
    assert [receipt.outcome for receipt in run.done] == [Outcome.APPLIED]
