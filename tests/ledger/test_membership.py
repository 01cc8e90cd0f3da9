"""Who votes: what the bodies of a quorum may change, and what nobody may (rules R45, R53-R56)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.acting import act_of
from kit.ledger import (
    Chain,
    account_id,
    genesis_account,
    key,
    pay,
    running_account,
    validator_record,
)
from kit.membership import (
    bodies_of,
    change,
    decide,
    decided,
    founded,
    ready,
    ready_now,
    records,
    votes,
)
from ledger import membership
from ledger.accounts import UnknownAccount
from ledger.act import THRESHOLD_NOT_REACHED, Act
from ledger.block import BlockRun
from ledger.membership import (
    MEMBERSHIP,
    VALIDATORS,
    NotAValidator,
    NothingToChange,
    Suspension,
    TooFewValidators,
    TooManyChanges,
    TooManyValidators,
    suspend,
    suspended,
    validator_records,
    validators_at,
)
from ledger.operation import Operation, Refusal, Refused
from ledger.receipt import Outcome
from ledger.transaction import Transaction
from ledger.validators import (
    AccountIsKept,
    AlreadyTaken,
    KeyDecides,
    Ready,
    ReadyNotRecent,
    ReadyNotSigned,
    ValidatorRecord,
    ready_statement,
)
from primitives import limits
from primitives.errors import Rejected
from primitives.ids import (
    AccountId,
    ChainId,
    Height,
    NodeKey,
    Signature,
    TimeMs,
    ValidatorKey,
)
from primitives.validators import faults_tolerated, quorum
from services.authority.validators import ProposeValidatorChange, ValidatorAdded, ValidatorRemoved
from services.money import Transfer


class Accuse(Operation, tag="test.accuse", frozen=True):
    """Evidence, as far as membership is concerned."""

    key: ValidatorKey

    def apply(self, act: Act) -> None:
        suspend(act, self.key)


KIND: Any = Transaction[ProposeValidatorChange | Transfer | Accuse]


def begun(validators: int = 4, *, minimum: int = 4) -> Chain:
    """A chain with its first block, so that a READY has one to name."""
    chain = Chain.begin(founded(validators, minimum=minimum))
    chain.kind = KIND
    chain.block()
    return chain


def names(chain: Chain, *, ahead: int) -> set[str]:
    return {record.name for record in records(chain, ahead=ahead)}


def refused(chain: Chain, operation: ProposeValidatorChange) -> Refusal | None:
    """Why every node says no; membership stays what it was."""
    before = chain.state.rows[MEMBERSHIP.number, MEMBERSHIP.key(None)]
    receipt = decide(chain, operation)
    assert receipt.outcome is Outcome.REFUSED
    assert chain.state.rows[MEMBERSHIP.number, MEMBERSHIP.key(None)] == before
    refusal: Refusal | None = receipt.refusal
    return refusal


def test_a_new_validator_votes_from_the_second_block_after_on() -> None:
    """Decided at h: the sets of h and h + 1 are what they were, that of h + 2 has one more."""
    chain = begun()

    receipt = decide(chain, change(add=[ready_now(chain, 4)]))

    assert chain.state.height == 2
    sizes = [validators_at(chain.state, Height(height)).size for height in range(5)]
    assert sizes == [4, 4, 4, 4, 5]
    record = validator_record(4)
    assert receipt.events == (
        ValidatorAdded(Height(4), "Ministry 4", votes(4), record.node_key, record.account),
    )


def test_who_leaves_votes_until_then() -> None:
    """The mirror image: the set of h + 2 has one less."""
    chain = begun(5)

    receipt = decide(chain, change(remove=[votes(2)]))

    sizes = [validators_at(chain.state, Height(height)).size for height in range(5)]
    assert sizes == [5, 5, 5, 5, 4]
    assert receipt.events == (
        ValidatorRemoved(Height(4), "Ministry 2", votes(2), account_id("body 2")),
    )


def test_a_new_key_of_the_same_body_is_one_change() -> None:
    """Name, node and account may be those of the one that goes (rotation)."""
    chain = begun()

    receipt = decide(chain, change(replace=[(votes(1), ready_now(chain, 1, 1))]))

    assert receipt.outcome is Outcome.APPLIED
    kept = {record.name: record.key for record in records(chain, ahead=2)}
    assert kept["Ministry 1"] == votes(1, 1)
    assert len(kept) == 4


def test_the_rows_of_all_heights_stay() -> None:
    """Evidence about an old height finds its validators, whatever came since (R45)."""
    chain = begun(5)
    sets = []
    for step in range(6):
        if step % 2 == 0:
            decide(chain, change(remove=[votes(0)]))
        else:
            decide(chain, change(add=[ready_now(chain, 0)]))
        sets.append(validators_at(chain.state, Height(chain.state.height + 2)))

    heights = range(chain.state.height - 6 + 3, chain.state.height + 3)
    assert [validators_at(chain.state, Height(height)) for height in heights] == sets
    assert [len(found.keys) for found in sets] == [4, 5, 4, 5, 4, 5]


def test_the_newest_state_knows_two_heights_ahead_and_no_more() -> None:
    """What h + 3 is like, block h + 1 may still decide."""
    chain = begun()

    with pytest.raises(AssertionError, match="state of height 1 asked about 4"):
        validator_records(chain.state, Height(4))


# --- who decides --------------------------------------------------------------------------------


@pytest.mark.parametrize("validators", [4, 5, 7])
def test_the_bodies_of_a_quorum_decide(validators: int) -> None:
    """n − f signatures are enough; every one of them counts (R54)."""
    chain = begun(validators)
    bodies = bodies_of(chain)[: quorum(validators)]

    [receipt] = chain.block(decided(chain, change(add=[ready_now(chain, 9)]), bodies))

    assert receipt.outcome is Outcome.APPLIED


@pytest.mark.parametrize("validators", [4, 5, 7])
def test_one_body_less_decides_nothing_and_burns_nothing(validators: int) -> None:
    """No receipt: whoever relays could leave a signature away, and the id would be spent (R54)."""
    chain = begun(validators)
    operation = change(add=[ready_now(chain, 9)])
    bodies = bodies_of(chain)
    body = chain.body((bodies[0], operation))
    run = chain.run()

    with pytest.raises(
        Rejected, match=f"{quorum(validators) - 1} of {validators} validators'"
    ) as no:
        run.apply(chain.check(body, *bodies[: quorum(validators) - 1]))

    assert no.value.code == THRESHOLD_NOT_REACHED
    assert len(no.value.facts["missing"]) == faults_tolerated(validators) + 1  # type: ignore[arg-type]
    whole = chain.check(body, *bodies[: quorum(validators)])
    assert run.apply(whole).outcome is Outcome.APPLIED


def test_signatures_are_counted_before_anything_else_is_judged() -> None:
    """A change that is wrong besides gets no receipt either while signatures are missing."""
    chain = begun()

    with pytest.raises(Rejected, match="expected 3"):
        chain.run().apply(decided(chain, change(), ["body 0"]))


def test_a_key_that_votes_decides_nothing() -> None:
    """The bodies' administrative keys do; a signature of any other key is superfluous."""
    chain = begun()
    bodies = bodies_of(chain)
    body = chain.body((bodies[0], change(add=[ready_now(chain, 4)])))

    with pytest.raises(Rejected, match="1 of 4 validators' accounts signed"):
        chain.run().apply(chain.check(body, bodies[0], "validator 1", "validator 2", "validator 3"))


def test_those_who_decide_are_the_validators_of_the_height_itself() -> None:
    """Not those of the change: who joins has no say in it, who leaves has one until it goes."""
    chain = begun(5)
    decide(chain, change(remove=[votes(0)]))
    others = [body for body in bodies_of(chain) if body != "body 0"]
    assert len(others) == 4

    [receipt] = chain.block(
        decided(chain, change(add=[ready_now(chain, 5)]), ["body 0", *others[:3]])
    )

    assert receipt.outcome is Outcome.APPLIED
    with pytest.raises(Rejected, match="speaks for no account"):  # it has gone meanwhile
        chain.run().apply(decided(chain, change(add=[ready_now(chain, 6)]), [*others, "body 0"]))


# --- what may be changed ------------------------------------------------------------------------


def test_nothing_is_no_change() -> None:
    """A decision about nobody is refused."""
    assert refused(begun(), change()) == NothingToChange()


def test_a_block_makes_one_change_where_f_is_one() -> None:
    """The second of one transaction is one too many (R53)."""
    chain = begun(6)

    said = refused(chain, change(add=[ready_now(chain, 6)], remove=[votes(0)]))

    assert said == TooManyChanges(Height(2), 2, 1)


def test_the_changes_of_a_block_are_counted_over_all_its_transactions() -> None:
    """With n = 7 two of them pass and the third is refused; the next block makes two more."""
    chain = begun(7)
    run = chain.run()
    receipts = [
        run.apply(decided(chain, change(add=[ready_now(chain, 7 + number)]))) for number in range(3)
    ]

    assert [receipt.outcome.value for receipt in receipts] == ["applied", "applied", "refused"]
    assert receipts[2].refusal == TooManyChanges(Height(2), 3, 2)
    chain.state.commit(run.finish())
    assert len(records(chain, ahead=2)) == 9
    assert decide(chain, change(remove=[votes(0), votes(1)])).outcome is Outcome.APPLIED
    assert len(records(chain, ahead=2)) == 7


def test_even_a_network_that_withstands_nobody_can_be_changed() -> None:
    """max(1, f): with f = 0 one change per block, so that a network can grow."""
    chain = begun(1, minimum=1)
    for index in range(1, 5):
        assert decide(chain, change(add=[ready_now(chain, index)])).outcome is Outcome.APPLIED
        chain.block()

    assert len(records(chain, ahead=2)) == 5
    said = refused(chain, change(add=[ready_now(chain, 5)], remove=[votes(0)]))
    assert said == TooManyChanges(Height(10), 2, 1)


def test_only_a_validator_can_leave() -> None:
    """A stranger, and one that has left by the height in question."""
    chain = begun(5)
    assert refused(chain, change(remove=[votes(9)])) == NotAValidator(votes(9), Height(4))
    decide(chain, change(remove=[votes(0)]))

    assert refused(chain, change(remove=[votes(0)])) == NotAValidator(votes(0), Height(6))
    said = refused(chain, change(replace=[(votes(0), ready_now(chain, 5))]))
    assert said == NotAValidator(votes(0), Height(7))


def test_nobody_leaves_twice_in_one_change() -> None:
    """The second time it is no longer there."""
    chain = begun(7)

    assert refused(chain, change(remove=[votes(0), votes(0)])) == NotAValidator(votes(0), Height(4))


def test_the_minimum_remains() -> None:
    """One less than `minimum_validators` is refused; exactly as many pass."""
    chain = begun(5)
    assert decide(chain, change(remove=[votes(0)])).outcome is Outcome.APPLIED

    assert refused(chain, change(remove=[votes(1)])) == TooFewValidators(3, 4)


def test_there_are_at_most_as_many_validators_as_a_certificate_holds() -> None:
    """VALIDATORS_MAX + 1 is refused."""
    chain = begun(limits.VALIDATORS_MAX, minimum=4)
    run = chain.run()
    act = _act(run, chain)

    with pytest.raises(Refused) as no:
        membership.change_validators(act, membership.Change(add=(ready_now(chain, 130),)))

    assert no.value.refusal == TooManyValidators(limits.VALIDATORS_MAX + 1, limits.VALIDATORS_MAX)


def _act(run: BlockRun, chain: Chain) -> Act:
    return act_of(
        run._overlay,
        account_id("body 0"),
        chain=chain.id,
        height=chain.state.height + 1,
        time_ms=chain.time_ms,
    )


TAKEN: list[tuple[str, dict[str, Any], AlreadyTaken]] = [
    ("name", {"name": "Ministry 1"}, AlreadyTaken("name", "Ministry 1", "Ministry 1")),
    (
        "node key",
        {"node_key": validator_record(1).node_key},
        AlreadyTaken("node_key", validator_record(1).node_key.hex(), "Ministry 1"),
    ),
    (
        "account",
        {"account": account_id("body 1")},
        AlreadyTaken("account", account_id("body 1").hex(), "Ministry 1"),
    ),
    (
        "node key that votes",
        {"node_key": NodeKey(votes(1))},
        AlreadyTaken("node_key", votes(1).hex(), "Ministry 1"),
    ),
    (
        "own node key that votes",
        {"node_key": NodeKey(votes(4))},
        AlreadyTaken("node_key", votes(4).hex(), "Ministry 4"),
    ),
]


@pytest.mark.parametrize(
    ("fields", "said"), [(f, s) for _, f, s in TAKEN], ids=[n for n, *_ in TAKEN]
)
def test_what_is_one_validators_is_no_others(fields: dict[str, Any], said: AlreadyTaken) -> None:
    """Names, keys, nodes and accounts are unique among the validators of a height."""
    chain = begun()

    assert refused(chain, change(add=[ready_now(chain, 4, **fields)])) == said


def test_a_key_votes_once() -> None:
    """Another body cannot join with a key that votes; two that join cannot share one."""
    chain = begun(7)
    again = ready_now(chain, 1, name="Another", account=account_id("body 9"))
    again = _signed(chain, replace(again.record, node_key=validator_record(9).node_key), again)

    said = refused(chain, change(add=[again]))

    assert said == AlreadyTaken("key", votes(1).hex(), "Ministry 1")
    twice = refused(chain, change(add=[ready_now(chain, 8), ready_now(chain, 8)]))
    assert twice == AlreadyTaken("name", "Ministry 8", "Ministry 8")


def _signed(chain: Chain, record: ValidatorRecord, like: Ready) -> Ready:
    statement = ready_statement(chain.id, record, like.height, like.time_ms)
    return replace(like, record=record, signature=key("validator 1").sign(statement))


def test_a_body_has_an_account_that_signs_with_keys_of_its_own() -> None:
    """Not none, not one that another signs for, and never with the key that votes."""
    document = founded()
    document = replace(
        document,
        accounts=(
            *document.accounts,
            running_account("kept", "treasury"),
            genesis_account("hasty", signers=[("hasty", 1), ("validator 4", 1)]),
        ),
    )
    chain = Chain.begin(document)
    chain.block()

    def joining(account: AccountId) -> Refusal | None:
        return refused(chain, change(add=[ready_now(chain, 4, account=account)]))

    assert joining(AccountId(bytes(32))) == UnknownAccount(AccountId(bytes(32)))
    assert joining(account_id("kept")) == AccountIsKept(account_id("kept"))
    assert joining(account_id("hasty")) == KeyDecides(account_id("hasty"), votes(4))


# --- READY --------------------------------------------------------------------------------------


def test_ready_is_signed_by_the_key_that_will_vote() -> None:
    """Its bytes, its chain, its record, its height and its time are all under the signature."""
    chain = begun()
    good = ready_now(chain, 4)
    chain.block()
    other = ready_now(chain, 4)
    wrong: list[Ready] = [
        replace(good, signature=Signature(bytes(64))),
        replace(good, signature=ready_now(chain, 5).signature),
        replace(good, record=replace(good.record, name="Another")),
        replace(good, height=other.height, time_ms=other.time_ms),
        ready(ChainId(bytes(32)), 4, height=good.height, time_ms=good.time_ms),
    ]

    assert [refused(chain, change(add=[one])) for one in wrong] == [
        ReadyNotSigned(votes(4)) for _ in wrong
    ]
    assert decide(chain, change(add=[good])).outcome is Outcome.APPLIED


def test_ready_names_a_block_of_this_chain_by_its_height_and_time() -> None:
    """Nobody knows a block's time before the block: a READY of the future is a guess (R56)."""
    chain = begun()
    newest = ready_now(chain, 4)

    ahead = ready(chain.id, 4, height=2, time_ms=chain.time_ms)
    guessed = ready(chain.id, 4, height=1, time_ms=TimeMs(newest.time_ms + 1))
    founding = ready(chain.id, 4, height=0, time_ms=chain.genesis.header.time_ms)

    assert refused(chain, change(add=[ahead])) == ReadyNotRecent(votes(4), Height(2))
    assert refused(chain, change(add=[guessed])) == ReadyNotRecent(votes(4), Height(1))
    assert refused(chain, change(add=[founding])) == ReadyNotRecent(votes(4), Height(0))


def test_ready_is_recent_for_the_length_of_the_window() -> None:
    """At its last millisecond it is; one later it is not (R56)."""
    window_ms = founded().parameters.window_ms
    for late_ms, outcome in ((0, Outcome.APPLIED), (1, Outcome.REFUSED)):
        chain = begun()
        said = ready_now(chain, 4)
        chain.time_ms = TimeMs(said.time_ms + window_ms + late_ms - 1_000)

        receipt = decide(chain, change(add=[said]))

        assert receipt.outcome is outcome
        if outcome is Outcome.REFUSED:
            assert receipt.refusal == ReadyNotRecent(votes(4), Height(1))


# --- suspension ---------------------------------------------------------------------------------


def accuse(chain: Chain, *indices: int) -> list[Outcome]:
    """A block with one accusation after the other."""
    accused = [chain.act("treasury", Accuse(votes(index))) for index in indices]
    return [receipt.outcome for receipt in chain.block(*accused)]


def test_who_is_proved_guilty_loses_its_vote() -> None:
    """From h + 2 on, where the minimum remains (R55)."""
    chain = begun(5)

    accuse(chain, 3)

    assert names(chain, ahead=1) - names(chain, ahead=2) == {"Ministry 3"}
    assert suspended(chain.state) == frozenset()


def test_whom_the_minimum_needs_is_marked_until_another_takes_its_place() -> None:
    """The first that joins takes the place of the one that is marked the longest (R55)."""
    chain = begun(4)
    accuse(chain, 3)
    accuse(chain, 1)
    assert suspended(chain.state) == {votes(1), votes(3)}
    assert len(names(chain, ahead=2)) == 4

    receipt = decide(chain, change(add=[ready_now(chain, 4)]))

    assert [type(event) for event in receipt.events] == [ValidatorRemoved, ValidatorAdded]
    assert names(chain, ahead=2) == {f"Ministry {index}" for index in (0, 1, 2, 4)}
    assert suspended(chain.state) == {votes(1)}
    decide(chain, change(replace=[(votes(1), ready_now(chain, 1, 1))]))
    assert suspended(chain.state) == frozenset()


def test_a_suspension_counts_among_the_changes_of_its_block() -> None:
    """The second accused of a block waits for the next (R53); marks change nobody."""
    chain = begun(6)

    assert accuse(chain, 1, 2) == [Outcome.APPLIED, Outcome.REFUSED]
    assert accuse(chain, 2) == [Outcome.APPLIED]
    assert accuse(chain, 3, 4) == [Outcome.APPLIED, Outcome.APPLIED]
    assert suspended(chain.state) == {votes(3), votes(4)}


def test_to_suspend_twice_changes_nothing_more() -> None:
    """One who is marked stays marked; one who left is absent."""
    chain = begun(5)
    accuse(chain, 0)
    assert _suspended(chain, 0) is Suspension.ABSENT
    assert _suspended(chain, 9) is Suspension.ABSENT
    assert _suspended(chain, 1) is Suspension.MARKED
    accuse(chain, 1)
    assert _suspended(chain, 1) is Suspension.MARKED


def _suspended(chain: Chain, index: int) -> Suspension:
    return suspend(_act(chain.run(), chain), votes(index))


# --- any sequence -------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "replace", "accuse", "pay"]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=24,
)


@given(validators=st.integers(1, 7), steps=STEPS)
@settings(deadline=None)
def test_whatever_is_proposed_the_invariants_hold(
    validators: int, steps: list[tuple[str, int, int, bool]]
) -> None:
    """Applied or refused: canonical, unique, at least the minimum, bounded per block, for ever."""
    minimum = min(4, validators)
    chain = begun(validators, minimum=minimum)
    history: dict[int, tuple[ValidatorKey, ...]] = {}
    run = chain.run()
    for generation, (kind, who, other, ends) in enumerate(steps, 1):
        run.apply(_step(chain, kind, who, other, generation))
        if ends:
            chain.state.commit(run.finish())
            chain.time_ms = TimeMs(chain.time_ms + 1_000)
            _check(chain, minimum, history)
            run = chain.run()
    chain.state.commit(run.finish())
    _check(chain, minimum, history)


def _step(chain: Chain, kind: str, who: int, other: int, generation: int) -> Any:  # noqa: ANN401
    newest = [record.key for record in records(chain, ahead=2)]
    present = newest[who % len(newest)]
    match kind:
        case "add":
            return decided(chain, change(add=[ready_now(chain, other)]))
        case "remove":
            return decided(chain, change(remove=[present if who < 7 else votes(who)]))
        case "replace":
            new = ready_now(chain, other, generation)
            return decided(chain, change(replace=[(present, new)]))
        case "accuse":
            return chain.act("treasury", Accuse(present))
        case _:
            return chain.act("treasury", pay("health", 1, f"r{generation}"))


def _check(chain: Chain, minimum: int, history: dict[int, tuple[ValidatorKey, ...]]) -> None:
    height = chain.state.height
    before, after = (validators_at(chain.state, Height(height + n)) for n in (1, 2))
    found = validator_records(chain.state, Height(height + 2))
    for field in ("name", "key", "node_key", "account"):
        assert len({getattr(record, field) for record in found}) == len(found)
    assert minimum <= len(found) <= limits.VALIDATORS_MAX
    assert suspended(chain.state) <= set(after.keys)
    assert not suspended(chain.state) or len(found) == minimum
    most = max(1, faults_tolerated(before.size))
    assert len(set(before.keys) - set(after.keys)) <= most
    assert len(set(after.keys) - set(before.keys)) <= most
    history[height + 2] = after.keys
    for at, keys in history.items():
        assert validators_at(chain.state, Height(at)).keys == keys
    assert VALIDATORS.read(chain.state, Height(0)) is not None
