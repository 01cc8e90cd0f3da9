"""A refused operation leaves no trace: the state root is as if it had not been there.

Nor do kept calls that are tried and refused, however deep, whatever they wrote before.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ledger import GENESIS_TIME, Chain, account_id, line
from kit.toylaw import TOY, TOY_TRANSACTION, Later, Note, Perform, Saying, Try, kept
from ledger.operation import Operation
from ledger.receipt import Outcome
from ledger.window import WINDOW_IDS
from services.money import Transfer

WORKS, TREASURY = account_id("works"), account_id("treasury")
SETTINGS = settings(max_examples=60, deadline=None)

payments = st.builds(
    lambda amount, reference: Transfer("GBP", (line("works", amount, f"r{reference}"),)),
    st.integers(1, 10**13),
    st.integers(0, 3),
)
plain: st.SearchStrategy[Operation] = st.one_of(
    payments,
    st.builds(Note, st.just("a word")),
    st.builds(
        Later, st.just(GENESIS_TIME + 60_000), st.just(Saying("w", 0, 0, b"", 0)), st.just(2)
    ),
)


def trials(inner: st.SearchStrategy[Operation]) -> st.SearchStrategy[Operation]:
    """Calls of the treasury, tried or performed."""
    calls = st.lists(inner, min_size=1, max_size=3).map(
        lambda operations: kept(*((TREASURY, operation) for operation in operations))
    )
    authority = st.just((TREASURY,))
    return st.builds(Try, calls, authority) | st.builds(Perform, calls, authority, st.just(1))


operations = st.recursive(plain, trials, max_leaves=6)


def begun() -> Chain:
    chain = Chain.begin()
    chain.law, chain.kind = TOY, TOY_TRANSACTION
    return chain


@SETTINGS
@given(st.lists(operations, max_size=4))
def test_a_refused_transaction_leaves_the_state_as_it_was(acts: list[Operation]) -> None:
    """Whatever it did before the call that is refused."""
    chain, other = begun(), begun()
    chain.block(chain.act("treasury", *acts, Note("never")))
    other.block(other.act("treasury", Note("never")))

    assert without_window(chain) == without_window(other)


@SETTINGS
@given(st.lists(operations, min_size=1, max_size=3))
def test_a_refused_trial_leaves_the_state_as_it_was(acts: list[Operation]) -> None:
    """The operation that tried goes on, in a state that knows nothing of the trial."""
    calls = kept(*((TREASURY, act) for act in acts), (WORKS, Note("never")))
    chain, other = begun(), begun()
    [tried] = chain.block(chain.act("treasury", Try(calls, (TREASURY, WORKS))))
    [noted] = other.block(other.act("treasury", Note("a word")))

    assert tried.outcome is noted.outcome is Outcome.APPLIED
    assert [event.code for event in tried.events] != []
    assert without_window(chain) == without_window(other)


def without_window(chain: Chain) -> dict[tuple[int, bytes], bytes]:
    """All entries but the block's own list of transaction ids."""
    rows = chain.state.rows
    return {slot: value for slot, value in rows.items() if slot[0] != WINDOW_IDS.number}
