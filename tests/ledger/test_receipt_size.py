"""No receipt is larger than what anybody reads: a rule that would say more is refused."""

import pytest

from kit.ledger import Chain, account_id
from kit.toylaw import TOY, TOY_TRANSACTION, Later, Noted, Saying, Shout, kept
from ledger.calls import SaysTooMuch
from ledger.receipt import Outcome, Receipt
from primitives.codec import encode
from primitives.ids import TransactionId
from primitives.limits import RECEIPT_BYTES_MAX

TIMES = 360
WORD = "w" * 1_000
TREASURY = account_id("treasury")


@pytest.fixture
def chain() -> Chain:
    chain = Chain.begin()
    chain.law, chain.kind = TOY, TOY_TRANSACTION
    return chain


def last_word(chain: Chain, *, bytes_over: int) -> str:
    """The last word of a shout, so that the receipt has that many bytes more than the limit."""

    def size(length: int) -> int:
        said = [Noted(WORD, chain.time_ms, TREASURY)] * TIMES
        last = Noted("x" * length, chain.time_ms, TREASURY)
        return len(encode(Receipt(TransactionId(bytes(32)), Outcome.APPLIED, None, (*said, last))))

    rest = 10_000
    length = rest + RECEIPT_BYTES_MAX + bytes_over - size(rest)
    assert size(length) == RECEIPT_BYTES_MAX + bytes_over
    return "x" * length


def test_a_receipt_of_the_largest_size_is_kept_and_read(chain: Chain) -> None:
    """The limit itself is allowed."""
    run = chain.run()
    run.apply(chain.act("treasury", Shout(WORD, TIMES, last_word(chain, bytes_over=0))))

    (receipt,) = run.finish().receipts

    assert len(receipt) == RECEIPT_BYTES_MAX


def test_what_would_say_one_byte_more_is_refused_without_a_trace(chain: Chain) -> None:
    """Otherwise a block would be decided whose receipt nobody can read again."""
    run = chain.run()

    receipt = run.apply(chain.act("treasury", Shout(WORD, TIMES, last_word(chain, bytes_over=1))))

    assert receipt.refusal == SaysTooMuch(RECEIPT_BYTES_MAX + 1, RECEIPT_BYTES_MAX)
    assert receipt.events == ()
    assert not run.written


def test_a_duty_that_would_say_too_much_is_over(chain: Chain) -> None:
    """It is refused as a transaction is, and does not stand in the way of the next block."""
    loud = kept((TREASURY, Shout(WORD[:500], 4 * TIMES, "last")))
    chain.block(chain.act("works", Later(0, Saying("s", 0, 0, loud, 1), 1)))

    chain.block()

    [done] = chain.done
    assert isinstance(done.refusal, SaysTooMuch)
    assert done.refusal.actual > done.refusal.most == RECEIPT_BYTES_MAX
    chain.block()
    assert chain.done == []
