"""money.transfer: what it does, and every way in which it says no."""

import pytest

from kit.ledger import GBP, TREASURY_BALANCE, Chain, account_id, line, pay
from ledger import views
from ledger.accounts import UnknownAccount
from ledger.assets import UnknownAsset
from ledger.books import DuplicateReference, NoSuchDate, Overdraft, PaysItself
from ledger.operation import Refusal, sentence
from ledger.receipt import Outcome
from primitives.ids import INTEGER_MAX, TransactionId
from services.money import Transfer, Transferred

TREASURY = account_id("treasury")


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def refusal_of(chain: Chain, operation: Transfer, payer: str = "treasury") -> Refusal:
    before = dict(chain.state.rows)
    (receipt,) = chain.block(chain.act(payer, operation))
    changed = {slot[0] for slot, _ in chain.state.rows.items() ^ before.items()}
    assert changed <= {10}, "only the window's entry of ids may change"
    assert isinstance(receipt.refusal, Refusal)
    return receipt.refusal


def test_every_line_is_paid_and_told(chain: Chain) -> None:
    """With its reference and value date; the description stays in the transaction."""
    lines = (
        line("health", 100, "a/1", description="vaccines", value_date="2026-12-31"),
        line("works", 50, "a/2"),
        line("health", 1, "a/3"),
    )

    (receipt,) = chain.block(chain.act("treasury", Transfer(GBP, lines)))

    assert receipt.events == (
        Transferred(TREASURY, 0, account_id("health"), GBP, 100, "a/1", "2026-12-31", None),
        Transferred(TREASURY, 1, account_id("works"), GBP, 50, "a/2", None, None),
        Transferred(TREASURY, 2, account_id("health"), GBP, 1, "a/3", None, None),
    )
    assert views.balances(chain.state, account_id("health"), limit=9) == {GBP: 101}
    assert views.balances(chain.state, account_id("works"), limit=9) == {GBP: 50}
    assert views.balances(chain.state, TREASURY, limit=9) == {GBP: TREASURY_BALANCE - 151}


def test_a_balance_can_be_paid_out_to_the_last_penny(chain: Chain) -> None:
    """One more is an overdraft."""
    assert refusal_of(chain, pay("health", TREASURY_BALANCE + 1, "r")) == Overdraft(
        TREASURY, GBP, 0, TREASURY_BALANCE + 1, TREASURY_BALANCE, 0
    )

    (receipt,) = chain.block(chain.act("treasury", pay("health", TREASURY_BALANCE, "r")))

    assert receipt.outcome is Outcome.APPLIED
    assert views.balances(chain.state, TREASURY, limit=9) == {}


def test_an_overdraft_names_the_line_that_is_not_covered(chain: Chain) -> None:
    """And what was left for it."""
    lines = (line("health", TREASURY_BALANCE - 5, "a"), line("works", 6, "b"))

    refusal = refusal_of(chain, Transfer(GBP, lines))

    assert refusal == Overdraft(TREASURY, GBP, 1, 6, 5, 0)
    assert sentence(refusal) == (f"Line 1 takes 6 GBP from {TREASURY.hex()}: 5 left above floor 0.")


def test_lines_whose_sum_is_beyond_any_integer_are_an_overdraft(chain: Chain) -> None:
    """The refusal stays encodable."""
    lines = (line("health", INTEGER_MAX, "a"), line("works", INTEGER_MAX, "b"))

    assert refusal_of(chain, Transfer(GBP, lines)) == Overdraft(
        TREASURY, GBP, 0, INTEGER_MAX, TREASURY_BALANCE, 0
    )


def test_an_account_that_holds_nothing_pays_nothing(chain: Chain) -> None:
    """Its balance is zero, not unknown."""
    assert refusal_of(chain, pay("works", 1, "r"), payer="health") == Overdraft(
        account_id("health"), GBP, 0, 1, 0, 0
    )


def test_an_unknown_asset_is_refused(chain: Chain) -> None:
    """Even if its code is well formed."""
    assert refusal_of(chain, Transfer("XAU", (line("health", 1, "r"),))) == UnknownAsset("XAU")


def test_an_unknown_payee_is_refused(chain: Chain) -> None:
    """Money cannot fall into an account that nobody opened."""
    operation = Transfer(GBP, (line("health", 1, "a"), line("stranger", 1, "b")))

    assert refusal_of(chain, operation) == UnknownAccount(account_id("stranger"))


def test_paying_oneself_is_refused(chain: Chain) -> None:
    """It would be a line in a statement that moved nothing."""
    operation = Transfer(GBP, (line("health", 1, "a"), line("treasury", 1, "b")))

    assert refusal_of(chain, operation) == PaysItself(TREASURY, 1)


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "0000-01-01"]
)
def test_a_day_that_does_not_exist_is_refused(chain: Chain, day: str) -> None:
    """The form is right, the calendar is not."""
    operation = pay("health", 1, "r", value_date=day)

    assert refusal_of(chain, operation) == NoSuchDate(0, day)


def test_a_leap_day_exists(chain: Chain) -> None:
    """In 2028."""
    (receipt,) = chain.block(chain.act("treasury", pay("health", 1, "r", value_date="2028-02-29")))

    assert receipt.outcome is Outcome.APPLIED


def test_a_payer_uses_a_reference_once_and_for_ever(chain: Chain) -> None:
    """The refusal names the transaction that used it."""
    first = chain.act("treasury", pay("health", 1, "inv-7"))
    chain.block(first)
    for _ in range(3):
        chain.block()

    assert refusal_of(chain, pay("works", 2, "inv-7")) == DuplicateReference(
        TREASURY, 0, "inv-7", first.id
    )


def test_a_reference_stands_once_in_a_transfer(chain: Chain) -> None:
    """The second line with it is refused, in the name of this very transaction."""
    tx = chain.act("treasury", Transfer(GBP, (line("health", 1, "a"), line("works", 1, "a"))))

    (receipt,) = chain.block(tx)

    assert receipt.refusal == DuplicateReference(TREASURY, 1, "a", TransactionId(tx.id))


def test_a_reference_is_the_payers_own(chain: Chain) -> None:
    """Another payer may use the same one; so may the same payer with another case."""
    body = chain.body(
        ("treasury", pay("health", 5, "r")),
        ("health", pay("works", 5, "r")),
        ("treasury", pay("health", 5, "R")),
    )

    (receipt,) = chain.block(chain.check(body, "treasury", "health"))

    assert receipt.outcome is Outcome.APPLIED
