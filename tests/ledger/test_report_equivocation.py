"""Reports of equivocation: who broke a promise loses its vote, and nobody else ever does."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.accused import pieces_of_evidence, two_prepares, vote
from kit.acting import act_of
from kit.disks import MortalFile
from kit.ledger import Chain, account_id, key
from kit.membership import change, decide, founded, ready_now, records, votes
from ledger.act import Act
from ledger.evidence import (
    EVIDENCE_CASES,
    AlreadyReported,
    OutOfRange,
    TooManyReports,
    Unproven,
    report,
)
from ledger.membership import Suspension, TooManyChanges, suspended, validators_at
from ledger.operation import Refusal, Refused
from ledger.receipt import Outcome, Receipt
from ledger.suspensions import SUSPENSIONS, KeySuspended
from node.signer import Request, Signer
from primitives import limits
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.evidence import Evidence, EvidenceKind, Flaw, case_of, evidence_of
from primitives.ids import (
    BlockId,
    ChainId,
    Height,
    Signature,
    ValidatorKey,
    View,
)
from primitives.statements import Witness, view_change_bytes, vote_bytes
from services.authority.validators import EquivocationProved, ReportEquivocation
from storage.decision import VoteStep


def voter(index: int) -> SigningKey:
    return key(f"validator {index}")


def begun(validators: int, *, minimum: int = 4) -> Chain:
    """A chain that has decided block 1."""
    chain = Chain.begin(founded(validators, minimum=minimum))
    chain.block()
    return chain


def proof(chain: Chain, index: int, *, height: int = 1, view: int = 0) -> Evidence:
    return two_prepares(voter(index), chain.id, height=height, view=view)


def told(chain: Chain, *evidence: Evidence) -> list[Receipt[Any, Any]]:
    """A block with one report after the other, of somebody with an account."""
    reports = [chain.act("works", ReportEquivocation(evidence=piece)) for piece in evidence]
    return chain.block(*reports)


def refusal_of(chain: Chain, evidence: Evidence) -> Refusal | None:
    """Why it changes nothing: no row of evidence, of suspensions or of validators."""
    numbers = {EVIDENCE_CASES.number, SUSPENSIONS.number, 7, 12, 15}

    def rows() -> dict[tuple[int, bytes], bytes]:
        return {slot: row for slot, row in chain.state.rows.items() if slot[0] in numbers}

    before = rows()
    [receipt] = told(chain, evidence)
    assert receipt.outcome is Outcome.REFUSED
    assert rows() == before
    refusal: Refusal | None = receipt.refusal
    return refusal


def names(chain: Chain, *, ahead: int) -> set[str]:
    return {record.name for record in records(chain, ahead=ahead)}


def test_a_validator_that_is_proved_guilty_has_no_vote_from_the_second_block_after_on() -> None:
    """R49: reported at height 2, out of the set of height 4; the receipt says what was proved."""
    chain = begun(5)

    [receipt] = told(chain, proof(chain, 3))

    assert receipt.events == (
        EquivocationProved(
            EvidenceKind.TWO_PREPARES, votes(3), Height(1), View(0), Suspension.REMOVED
        ),
    )
    assert [validators_at(chain.state, Height(h)).size for h in (2, 3, 4)] == [5, 5, 4]
    assert names(chain, ahead=1) - names(chain, ahead=2) == {"Ministry 3"}
    row = SUSPENSIONS.read(chain.state, votes(3))
    assert row is not None
    assert (row.kind, row.height, row.view, row.since) == (EvidenceKind.TWO_PREPARES, 1, 0, 2)


def test_whom_the_minimum_needs_is_marked_until_a_replacement_joins() -> None:
    """R49: four validators with a minimum of four; the guilty one votes on, and goes first."""
    chain = begun(4)

    [receipt] = told(chain, proof(chain, 2))

    assert receipt.events[0].outcome is Suspension.MARKED
    assert len(names(chain, ahead=2)) == 4
    assert suspended(chain.state) == {votes(2)}
    assert decide(chain, change(add=[ready_now(chain, 4)])).outcome is Outcome.APPLIED
    assert names(chain, ahead=2) == {"Ministry 0", "Ministry 1", "Ministry 3", "Ministry 4"}
    assert suspended(chain.state) == frozenset()


@pytest.mark.parametrize("kind", [kind.value for kind in EvidenceKind])
def test_every_kind_suspends(kind: str) -> None:
    """R46, R49: E1 to E6."""
    chain = begun(5)

    [receipt] = told(chain, pieces_of_evidence(voter(1), chain.id, height=2)[kind])

    assert receipt.events[0].kind.value == kind
    assert receipt.events[0].outcome is Suspension.REMOVED


def test_one_case_is_reported_once_whichever_pair_shows_it() -> None:
    """R49: the second report names the transaction of the first, in any later block."""
    chain = begun(4)
    [first] = told(chain, proof(chain, 2))
    a, c = (vote(voter(2), chain.id, Domain.PREPARE, n, height=1) for n in ("A", "C"))

    again = refusal_of(chain, evidence_of(votes(2), a, c))

    assert again == AlreadyReported(
        EvidenceKind.TWO_PREPARES, votes(2), Height(1), View(0), first.transaction_id
    )
    [other] = told(chain, proof(chain, 2, view=1))
    assert other.events[0].outcome is Suspension.MARKED


def test_a_validator_that_left_is_on_record_all_the_same() -> None:
    """R49: it had a vote at the height of its statements; the set does not change again."""
    chain = begun(5)
    decide(chain, change(remove=[votes(3)]))

    [receipt] = told(chain, proof(chain, 3, height=2))

    assert receipt.events[0].outcome is Suspension.ABSENT
    assert SUSPENSIONS.read(chain.state, votes(3)) is not None


def test_a_key_that_was_proved_guilty_never_votes_again() -> None:
    """R49: its body may come back with another one."""
    chain = begun(5)
    told(chain, proof(chain, 3))
    chain.block()

    receipt = decide(chain, change(add=[ready_now(chain, 3)]))

    assert receipt.refusal == KeySuspended(votes(3), Height(2))
    assert decide(chain, change(add=[ready_now(chain, 3, 1)])).outcome is Outcome.APPLIED


def test_a_suspension_that_finds_the_block_full_of_changes_is_reported_again() -> None:
    """R49, R53: at most max(1, f) changes a block; what is refused has left no trace."""
    chain = begun(6)

    one, two = told(chain, proof(chain, 1), proof(chain, 2))

    assert one.outcome is Outcome.APPLIED
    assert two.refusal == TooManyChanges(Height(2), 2, 1)
    [again] = told(chain, proof(chain, 2))
    assert again.events[0].outcome is Suspension.REMOVED


@pytest.mark.parametrize(
    ("flaw", "change_it"),
    [
        (Flaw.ORDER, lambda e: replace(e, first=e.second, second=e.first)),
        (Flaw.ORDER, lambda e: replace(e, second=e.first)),
        (Flaw.SIGNATURE, lambda e: replace(e, signer=votes(0))),
        (
            Flaw.SIGNATURE,
            lambda e: replace(e, first=replace(e.first, signature=Signature(bytes(64)))),
        ),
        (Flaw.NO_VALIDATOR, lambda e: replace(e, signer=votes(9))),
        (Flaw.UNREADABLE, lambda e: replace(e, first=replace(e.first, statement=b""))),
    ],
)
def test_what_is_not_evidence_is_refused_with_its_flaw(flaw: Flaw, change_it: Any) -> None:  # noqa: ANN401
    """R47, R49: judged by the chain alone, and nothing of it stays."""
    chain = begun(5)
    wrong: Evidence = change_it(proof(chain, 3))

    assert refusal_of(chain, wrong) == Unproven(wrong.signer, flaw)


def test_statements_of_another_chain_suspend_nobody_here() -> None:
    """R47: the same key may be a validator's in two networks."""
    chain = begun(5)

    elsewhere = two_prepares(voter(3), ChainId(bytes(32)), height=1)

    assert refusal_of(chain, elsewhere) == Unproven(votes(3), Flaw.OTHER_CHAIN)


def test_who_votes_only_later_cannot_have_broken_a_promise_before() -> None:
    """R47, R49: the validators are those of the statements' height, not of today."""
    chain = begun(5)
    decide(chain, change(add=[ready_now(chain, 6)]))
    chain.block()
    chain.block()

    assert refusal_of(chain, proof(chain, 6, height=3)) == Unproven(votes(6), Flaw.NO_VALIDATOR)
    [receipt] = told(chain, proof(chain, 6, height=4))
    assert receipt.events[0].outcome is Suspension.REMOVED


def test_evidence_about_a_height_to_come_waits() -> None:
    """R49: that of the block itself is taken, the next one's is not."""
    chain = begun(5)

    assert refusal_of(chain, proof(chain, 3, height=3)) == OutOfRange(
        Height(3), Height(1), Height(2)
    )
    [receipt] = told(chain, proof(chain, 3, height=3))
    assert receipt.outcome is Outcome.APPLIED


def test_evidence_has_an_age_at_which_it_ends() -> None:
    """R49: limits.EVIDENCE_AGE_HEIGHTS_MAX, and one height more."""
    chain = begun(5)
    most = limits.EVIDENCE_AGE_HEIGHTS_MAX

    case, outcome = report(_act(chain, most + 1), proof(chain, 3, height=1))
    assert (case.height, outcome) == (1, Suspension.REMOVED)

    with pytest.raises(Refused) as refused:
        report(_act(chain, most + 2), proof(chain, 3, height=1))
    assert refused.value.refusal == OutOfRange(Height(1), Height(2), Height(most + 2))


def _act(chain: Chain, height: int) -> Act:
    return act_of(
        chain.state, account_id("works"), chain=chain.id, height=height, time_ms=chain.time_ms
    )


def test_a_block_takes_a_bounded_number_of_reports() -> None:
    """R49: limits.EVIDENCE_REPORTS_PER_BLOCK_MAX, and one more; the next block takes it."""
    chain = begun(4)
    most = limits.EVIDENCE_REPORTS_PER_BLOCK_MAX
    pieces = [proof(chain, 2, view=view) for view in range(most + 1)]

    *taken, last = told(chain, *pieces)

    assert {receipt.outcome for receipt in taken} == {Outcome.APPLIED}
    assert last.refusal == TooManyReports(Height(2), most)
    [again] = told(chain, pieces[-1])
    assert again.outcome is Outcome.APPLIED


# --- the innocent -------------------------------------------------------------------------------

BLOCKS = [BlockId(bytes([number]) * 32) for number in range(1, 4)]
REQUESTS = st.lists(
    st.builds(
        lambda step, view, block, claimed: Request(
            step=step,
            height=Height(1),
            view=View(view),
            block_id=BLOCKS[block],
            prepared_view=View(min(claimed, view - 1))
            if step is VoteStep.VIEW_CHANGE
            else View(-1),
        ),
        st.sampled_from(VoteStep),
        st.integers(1, 4),
        st.integers(0, 2),
        st.integers(-1, 3),
    ),
    max_size=30,
)


@given(requests=REQUESTS, chance=st.integers(0, 2**32))
@settings(deadline=None)
def test_whatever_a_signer_was_ever_asked_nothing_that_it_signed_is_evidence(
    requests: list[Request], chance: int
) -> None:
    """R46: a signer refuses each of the six, whoever asks it for what, restarts in between."""
    chain, random, memory = begun(5), Random(chance), MortalFile()
    Signer.create_memory(votes(3), memory)
    signer = Signer(voter(3), memory, chain.id)
    said: dict[bytes, Witness] = {}
    for request in requests:
        if random.random() < 0.2:
            signer = Signer(voter(3), memory, chain.id)
        [answer] = signer.sign_all([request])
        if isinstance(answer, bytes):
            statement = _statement(chain.id, request)
            said[statement] = Witness(statement, Signature(answer))

    statements = [said[data] for data in sorted(said)]
    pairs = [(a, b) for a in statements for b in statements if a.statement < b.statement]
    for first, second in random.sample(pairs, min(len(pairs), 40)):
        with pytest.raises(Refused) as refused:
            report(_act(chain, 2), Evidence(votes(3), first, second))
        assert refused.value.refusal == Unproven(votes(3), Flaw.COMPATIBLE)


def _statement(chain: ChainId, request: Request) -> bytes:
    domains = {
        VoteStep.PRE_PREPARE: Domain.PRE_PREPARE,
        VoteStep.PREPARE: Domain.PREPARE,
        VoteStep.COMMIT: Domain.COMMIT,
    }
    if request.step is VoteStep.VIEW_CHANGE:
        claimed = request.block_id if request.prepared_view >= 0 else BlockId(bytes(32))
        return view_change_bytes(
            chain, request.height, request.view, request.prepared_view, claimed
        )
    domain: Any = domains[request.step]
    return vote_bytes(domain, chain, request.height, request.view, request.block_id)


def test_a_case_is_found_by_its_key_alone() -> None:
    """Kind, signer, height and view: no two cases share a row."""
    chain = begun(5)
    pieces = pieces_of_evidence(voter(1), chain.id, height=2)
    keys = {EVIDENCE_CASES.key(case_of(piece, chain.id)) for piece in pieces.values()}

    assert len(keys) == len(pieces)
    assert {found[:32] for found in keys} == {bytes(ValidatorKey(votes(1)))}
