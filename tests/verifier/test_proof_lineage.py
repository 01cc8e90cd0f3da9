"""Proofs after the validators have changed, from genesis and from checkpoints (rules R57-R60)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.accused import two_prepares
from kit.engines import Network, begun
from kit.ledger import account_id, pay
from kit.proofs import HEIGHT, Chain, changed_chain, keys_named, small_chain
from ledger.membership import changes_allowed
from node.lineage import (
    Lineage,
    Step,
    more_than_a_third,
    quorum_of,
    seals_for,
    shortest,
    with_seals,
)
from node.proof import ProofFile, proof_file, read_proof, receipt_subject, write_proof
from node.queries import Queries
from primitives import limits
from primitives.block import Header
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.errors import Malformed, Rejected
from primitives.ids import Height, Seat
from primitives.validators import quorum
from services.authority.validators import ReportEquivocation
from verifier import Outcome, Pin, verify

CHAIN = changed_chain()
PROOF = CHAIN.receipt_proof()
"""Of block 12, which none of those signed who voted until block 4 but two."""


def refused(proof: ProofFile, why: str, pin: Pin | None = CHAIN.pin) -> None:
    verdict = verify(encode(proof), pin)
    assert verdict.outcome is Outcome.INVALID, verdict.sentence
    assert why in verdict.sentence, verdict.sentence


def behind(chain: Chain, *steps: Step, height: int = HEIGHT) -> ProofFile:
    """A proof whose steps are chosen by hand."""
    certificate = quorum_of(chain.certificate_at(height), chain.members_at(height))
    keys = chain.members_at(height).keys
    trusted = steps[-1].keys if steps else chain.members_at(0).keys
    lineage = Lineage(
        chain.anchor(),
        steps,
        chain.header_at(height),
        certificate,
        None if trusted == keys else keys,
    )
    return proof_file(lineage, receipt_subject(chain.lists(), 0))


# what a node writes


def test_a_proof_skips_as_far_as_a_third_of_the_trusted_reaches() -> None:
    """R58, R60: one step where the changes are two; each header is certified by its own set."""
    data = write_proof(PROOF)

    verdict = verify(data, CHAIN.pin)

    assert verdict.outcome is Outcome.VALID, verdict.sentence
    facts = dict(verdict.details)
    assert facts["trusted from"] == "the validators of genesis"
    assert facts["lineage"] == (
        "skipped to 5 (5 of 7 trusted signed), skipped to 12 (4 of 7 trusted signed)"
    )
    assert facts["certificate"] == "signed by 5 of 7 validators, in view 0"
    assert read_proof(data) == PROOF
    assert verify(data, None).outcome is Outcome.NOT_PINNED


def test_no_step_is_written_where_most_of_the_old_still_vote() -> None:
    """The header of the block itself is the hop."""
    proof = CHAIN.receipt_proof(height=6)

    assert proof.steps == ()
    assert proof.signers == CHAIN.members_at(6).keys


def test_a_set_that_comes_back_needs_no_step() -> None:
    """R57: who is trusted is trusted about every height that it governs."""
    chain = small_chain(changes={4: keys_named(7, 8, 9, 10), 9: keys_named(0, 1, 2, 3)})

    proof = chain.receipt_proof()

    assert (proof.steps, proof.signers) == ((), None)
    assert verify(write_proof(proof), chain.pin).outcome is Outcome.VALID


def test_named_steps_lead_where_nobody_stays() -> None:
    """R57: a whole new set is named by the old one; nothing can be skipped."""
    chain = small_chain(changes={4: keys_named(7, 8, 9, 10), 9: keys_named(11, 12, 13)})

    proof = chain.receipt_proof()

    assert [step.header.height for step in proof.steps] == [3, 8]
    verdict = verify(write_proof(proof), chain.pin)
    assert dict(verdict.details)["lineage"] == "named at 3, named at 8"


def test_the_seals_that_serve_best_are_written() -> None:
    """R60: q seals, those of trusted keys first; a certificate of the first q would not do."""
    chain = small_chain(
        validators=7, changes={9: keys_named(0, 1, 2, 10, 11, 12, 13)}, height=HEIGHT
    )
    old, new = chain.members_at(0), chain.members_at(HEIGHT)

    seals = seals_for(chain.certificate, new, old)

    assert seals is not None
    assert len(seals) == new.quorum == 5
    assert sum(old.seat(new.keys[seal.seat]) is not None for seal in seals) == 3
    proof = chain.receipt_proof()
    assert proof.steps == ()
    assert verify(write_proof(proof), chain.pin).outcome is Outcome.VALID


def test_more_seals_than_a_quorum_are_written_where_a_third_is_more() -> None:
    """From many validators to few of them."""
    chain = small_chain(validators=13, changes={9: keys_named(0, 1, 2, 3, 4, 5)})

    proof = chain.receipt_proof()

    assert proof.certificate is not None
    assert (quorum(6), len(proof.certificate.seals)) == (5, 5)
    assert verify(write_proof(proof), chain.pin).outcome is Outcome.VALID
    few = small_chain(validators=13, changes={9: keys_named(0, 1, 2, 3)}).receipt_proof()
    assert [step.header.height for step in few.steps] == [8], "all four are less than a third"


# every third, every quorum


@pytest.mark.parametrize("trusted", range(1, 14))
def test_exactly_a_third_is_not_enough(trusted: int) -> None:
    """R58: of n trusted, more than n / 3 sign; f of them may lie."""
    least = next(count for count in range(trusted + 1) if more_than_a_third(count, trusted))

    assert least == trusted // 3 + 1
    assert least > (trusted - 1) // 3
    assert not more_than_a_third(trusted // 3, trusted)


def skip_signed_by(old: int, kept: int) -> tuple[Chain, ProofFile]:
    """The header of new validators, of whom so many are old ones, all of whom signed."""
    keys = keys_named(*range(kept), *range(40, 40 + old - kept))
    chain = small_chain(validators=old, changes={9: keys})
    certificate = chain.certificate
    lineage = Lineage(chain.anchor(), (), chain.header, certificate, chain.members_at(HEIGHT).keys)
    return chain, proof_file(lineage, receipt_subject(chain.lists(), 0))


@pytest.mark.parametrize(("old", "kept"), [(3, 1), (6, 2), (9, 3), (4, 1), (7, 2)])
def test_a_third_of_the_trusted_or_less_proves_nothing(old: int, kept: int) -> None:
    """R58: one more of them does."""
    chain, weak = skip_signed_by(old, kept)
    refused(weak, f"{kept} of {old} trusted validators signed at height 12", chain.pin)

    chain, strong = skip_signed_by(old, kept + 1)
    assert verify(encode(strong), chain.pin).outcome is Outcome.VALID


def changed_chain_named(network: str) -> Chain:
    return small_chain(validators=7, network=network, changes={5: keys_named(0, 1, 2, 3, 4, 7, 8)})


ONE = behind(CHAIN, CHAIN.skip(5), CHAIN.skip(9))
STRANGERS = keys_named(50, 51, 52, 53, 54, 55, 56)


def one_step(change: Callable[[Step], Step]) -> ProofFile:
    return replace(ONE, steps=(change(ONE.steps[0]), ONE.steps[1]))


def sealed(certificate: Certificate, seals: Sequence[Seal]) -> Certificate:
    return with_seals(certificate, seals)


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        (replace(ONE, steps=ONE.steps[1:]), "2 of 7 trusted validators signed at height 9"),
        (replace(ONE, steps=ONE.steps[:1]), "they are trusted already|no others are listed"),
        (replace(ONE, steps=()), "no others are listed"),
        (replace(ONE, steps=ONE.steps[::-1]), "2 of 7 trusted validators signed at height 9"),
        (replace(ONE, steps=(*ONE.steps, ONE.steps[1])), "of height 9, expected 10 or above"),
        (replace(ONE, steps=(ONE.steps[0], *ONE.steps)), "of height 5, expected 6 or above"),
        (behind(CHAIN, CHAIN.skip(5), CHAIN.skip(9), CHAIN.named(11)), "changes nothing"),
        (behind(CHAIN, CHAIN.skip(5), CHAIN.skip(9), CHAIN.skip(HEIGHT)), "changes nothing"),
        (
            one_step(
                lambda s: replace(s, certificate=sealed(s.certificate, s.certificate.seals[1:]))
            ),
            "4 of 7 validators signed, a quorum is 5",
        ),
        (
            one_step(
                lambda s: replace(
                    s,
                    certificate=sealed(
                        s.certificate, [s.certificate.seals[0], *s.certificate.seals[:-1]]
                    ),
                )
            ),
            "not in ascending order, each once",
        ),
        (
            one_step(
                lambda s: replace(s, certificate=sealed(s.certificate, s.certificate.seals[::-1]))
            ),
            "not in ascending order, each once",
        ),
        (
            one_step(
                lambda s: replace(
                    s,
                    certificate=sealed(
                        s.certificate,
                        [
                            *s.certificate.seals[:-1],
                            Seal(Seat(6), s.certificate.seals[-1].signature),
                        ],
                    ),
                )
            ),
            "does not verify",
        ),
        (one_step(lambda s: replace(s, keys=s.keys[::-1])), "ascending order, each once"),
        (one_step(lambda s: replace(s, keys=(s.keys[0], *s.keys))), "ascending order, each once"),
        (
            one_step(lambda s: replace(s, keys=CHAIN.members_at(9).keys)),
            "not those that the header of height 5 names",
        ),
        (
            one_step(lambda s: replace(s, header=CHAIN.header_at(6))),
            "the certificate is of height 5, the header of 6",
        ),
        (
            one_step(lambda _: changed_chain_named("x").skip(5)),
            "the header of height 5 is of chain",
        ),
        (replace(ONE, signers=CHAIN.validators.keys), "they are trusted already"),
        (replace(ONE, certificate=None), "block 12 has no certificate"),
        (
            replace(ONE, anchor=CHAIN.anchor(6)),
            "of height 5, expected 6 or above",
        ),
        (
            replace(ONE, anchor=replace(CHAIN.anchor(2), validators=CHAIN.members_at(6).keys)),
            "trusted validators|changes nothing|not those that the header",
        ),
    ],
)
def test_a_lineage_that_was_changed_proves_nothing(proof: ProofFile, why: str) -> None:
    """Each step stands on the one before."""
    verdict = verify(encode(proof), CHAIN.pin)

    assert verdict.outcome is Outcome.INVALID
    assert any(part in verdict.sentence for part in why.split("|")), verdict.sentence


def test_the_validators_that_a_named_step_names_are_the_headers() -> None:
    """R57: who is trusted certified their hash; others are refused."""
    chain = small_chain(changes={4: keys_named(7, 8, 9, 10)})
    step = chain.named(3)
    assert verify(encode(behind(chain, step)), chain.pin).outcome is Outcome.VALID

    usurped = replace(step, keys=small_chain(validators=3).validators.keys)
    refused(behind(chain, usurped), "names for the next", chain.pin)


def test_heights_ascend_from_the_anchor_on() -> None:
    """R57: who was trusted below a height does not speak about it."""
    chain = small_chain(
        changes={4: keys_named(7, 8, 9, 10), 6: keys_named(0, 1, 2, 3), 9: keys_named(7, 8, 9, 10)}
    )
    there_and_back = behind(chain, chain.named(3), chain.named(5), chain.named(3))
    refused(there_and_back, "of height 3, expected 6 or above", chain.pin)

    late = replace(behind(chain, chain.named(8)), anchor=chain.anchor(6))
    assert verify(encode(late), chain.checkpoint(6)).outcome is Outcome.VALID
    early = replace(late, steps=(chain.named(3),))
    refused(early, "of height 3, expected 6 or above", chain.checkpoint(6))


def test_a_named_step_needs_a_quorum_of_the_trusted() -> None:
    """R57: one seal less, and it names nobody."""
    chain = small_chain(changes={4: keys_named(7, 8, 9, 10)})
    step = chain.named(3)
    weak = replace(step, certificate=with_seals(step.certificate, step.certificate.seals[:-1]))

    refused(behind(chain, weak), "2 of 4 validators signed, a quorum is 3", chain.pin)


def test_a_skip_needs_a_quorum_of_its_own_signers() -> None:
    """R58: more than a third of the trusted alone may have prepared what was never decided."""
    step = CHAIN.skip(5)
    weak = replace(step, certificate=with_seals(step.certificate, step.certificate.seals[:-1]))

    refused(behind(CHAIN, weak, CHAIN.skip(9)), "4 of 7 validators signed, a quorum is 5")


def test_who_skips_trusts_those_whom_the_header_names() -> None:
    """R58: not whoever is listed."""
    step = CHAIN.skip(5)
    usurped = replace(step, keys=CHAIN.members_at(9).keys)

    refused(behind(CHAIN, usurped), "not those that the header of height 5 names")


def test_strangers_cannot_name_themselves() -> None:
    """R58: a whole quorum of keys that nobody trusts is worth nothing."""
    false = small_chain(validators=7, changes={5: STRANGERS})

    refused(behind(false, false.skip(5)), "0 of 7 trusted validators signed", false.pin)
    refused(behind(false), "0 of 7 trusted validators signed", false.pin)


def test_more_than_a_third_must_be_of_the_trusted_and_not_of_others() -> None:
    """R58: all seven sign, of whom two are of the trusted: as many as may lie."""
    liars = keys_named(0, 1, 50, 51, 52, 53, 54)
    false = small_chain(validators=7, changes={5: liars})

    every = false.skip(5, liars)
    refused(behind(false, every), "2 of 7 trusted validators signed", false.pin)


def test_a_lineage_may_have_so_many_steps_and_no_more() -> None:
    """limits.PROOF_STEPS_MAX, to both readers."""
    one = keys_named(0)
    step = small_chain(validators=1, changes={4: one}).named(3)
    most = replace(ONE, steps=(step,) * limits.PROOF_STEPS_MAX)
    assert "items, expected" not in verify(encode(most)[:1_000_000], None).sentence
    over = replace(ONE, steps=(step,) * (limits.PROOF_STEPS_MAX + 1))
    with pytest.raises(Malformed):
        read_proof(encode(over))


# checkpoints


@pytest.mark.parametrize("since", [1, 4, 5, 8, 9, HEIGHT])
def test_a_proof_may_begin_at_any_checkpoint(since: int) -> None:
    """R59: at the height of the block itself at the latest; valid for who pinned just that."""
    data = write_proof(CHAIN.receipt_proof(since=since))
    pin = CHAIN.checkpoint(since)

    verdict = verify(data, pin)

    assert verdict.outcome is Outcome.VALID, verdict.sentence
    assert verdict.pin == str(pin)
    assert verify(data, None).outcome is Outcome.NOT_PINNED
    assert verify(data, CHAIN.pin).outcome is Outcome.NOT_PINNED
    assert f"CHECKPOINT {pin}, WHICH YOU HAVE NOT PINNED" in verify(data, CHAIN.pin).headline


# random histories


@dataclass(frozen=True)
class History:
    """A chain, and of each block who of its validators signed it: a quorum or more."""

    chain: Chain
    seed: int

    def certified(self, height: Height) -> tuple[Header, Certificate]:
        random = Random(f"{self.seed} {height}")
        keys = self.chain.keys_at(height)
        signing = random.sample(keys, random.randint(quorum(len(keys)), len(keys)))
        return self.chain.header_at(height), self.chain.certificate_at(height, signing)

    def proof(self, since: int) -> ProofFile:
        height = self.chain.height
        periods = self.chain.history(height)
        lineage = shortest(self.chain.anchor(since), periods, Height(height), self.certified)
        return proof_file(lineage, receipt_subject(self.chain.lists(), 0))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Validators change as rule R53 allows, a few in a block, in any blocks; some come back."""
    count = draw(st.integers(1, 7))
    members, fresh, height = list(range(count)), 20, 2
    changes: dict[int, list[SigningKey]] = {}
    for _ in range(draw(st.integers(0, 6))):
        height += draw(st.integers(1, 3))
        for _ in range(draw(st.integers(1, changes_allowed(len(members))))):
            kind = draw(st.sampled_from(["join", "leave", "replace"]))
            if kind == "replace" or (kind == "leave" and len(members) > 1):
                members.remove(draw(st.sampled_from(members)))
            if kind != "leave":
                gone = sorted(set(range(count)) - set(members))
                members.append(draw(st.sampled_from([fresh, *gone])))
                fresh += 1
        changes[height] = keys_named(*members)
    last = draw(st.integers(1, height + 3))
    chain = small_chain(validators=count, others=0, changes=changes, height=last)
    return History(chain, draw(st.integers(0, 2**16)))


@settings(max_examples=40)
@given(history=histories(), data=st.data())
def test_every_history_is_proved_from_everywhere_in_the_fewest_steps(
    history: History, data: st.DataObject
) -> None:
    """R57-R60: from genesis and any checkpoint; never more steps than there were changes."""
    chain = history.chain
    since = data.draw(st.integers(0, chain.height))

    proof = history.proof(since)

    pin = chain.pin if since == 0 else chain.checkpoint(since)
    verdict = verify(write_proof(proof), pin)
    assert verdict.outcome is Outcome.VALID, verdict.sentence
    changes = [first for first, _ in chain.periods if since < first <= chain.height]
    assert len(proof.steps) <= len(changes)
    for spoilt in spoilt_lineages(proof):
        judged = verify(encode(spoilt), pin)
        assert judged.outcome is Outcome.INVALID


def spoilt_lineages(proof: ProofFile) -> Iterator[ProofFile]:
    """Without any of its steps or seals, its steps in another order, a seal twice."""
    steps = proof.steps
    assert proof.certificate is not None
    for place in range(len(steps)):
        yield replace(proof, steps=steps[:place] + steps[place + 1 :])
        yield replace(proof, steps=(*steps[: place + 1], *steps[place:]))
    for place in range(len(steps) - 1):
        yield replace(
            proof,
            steps=(*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :]),
        )
    for less in spoilt_certificates(proof.certificate):
        yield replace(proof, certificate=less)
    for place, step in enumerate(steps):
        for less in spoilt_certificates(step.certificate):
            spoilt = replace(step, certificate=less)
            yield replace(proof, steps=(*steps[:place], spoilt, *steps[place + 1 :]))


def spoilt_certificates(certificate: Certificate) -> Iterator[Certificate]:
    """Each seal left out, and one counted twice in its place."""
    seals = certificate.seals
    for place in range(len(seals)):
        yield with_seals(certificate, seals[:place] + seals[place + 1 :])
        if place > 0:
            yield with_seals(certificate, [*seals[:place], seals[0], *seals[place + 1 :]])


def test_headers_that_are_not_kept_are_steps_no_more() -> None:
    """A node that began from a snapshot finds another way, or says that it has none."""
    kept = {5, 8, HEIGHT}

    def certified(height: Height) -> tuple[Header, Certificate] | None:
        if height not in kept:
            return None
        return CHAIN.header_at(height), CHAIN.certificate_at(height)

    def found() -> Lineage:
        periods = CHAIN.history(HEIGHT)
        return shortest(CHAIN.anchor(), periods, Height(HEIGHT), certified)

    assert [step.header.height for step in found().steps] == [5]
    kept = {4, 8, HEIGHT}
    assert [step.header.height for step in found().steps] == [4]
    kept = {9, HEIGHT}
    with pytest.raises(Rejected, match="that lead from height 1 to the validators of height 12"):
        found()
    kept = {5}
    with pytest.raises(Rejected):
        found()


# a whole network


def removed(network: Network) -> int:
    """One of the validators is suspended; the height from which on it has no vote."""
    liar, teller = network.validators()[:2]
    piece = two_prepares(network.voice(liar).key, network.chain, height=1)
    tx = network.transaction("works", ReportEquivocation(piece))
    network.submit(teller, tx)
    network.run(network.is_final(tx))
    place = teller.store.find_transaction(tx.id)
    assert place is not None
    return place.height + 2


def test_a_node_proves_payments_before_and_after_a_change_of_validators() -> None:
    """From genesis under the chain id, and from a checkpoint after the change."""
    network = begun(5)
    early = network.transaction("treasury", pay("health", 1, "early"))
    network.submit(network.validators()[1], early)
    network.run(network.is_final(early))
    height = removed(network)
    payments = [network.transaction("treasury", pay("health", 1, f"{n}")) for n in range(4)]
    for tx in payments:
        network.submit(network.validators()[1], tx)
        network.run(network.is_final(tx))
    store = network.validators()[1].store
    queries, pin = Queries(store), Pin(network.chain)

    files = [queries.transaction_proof(tx.id) for tx in (early, payments[-1])]
    files += [queries.event_proof(payments[-1].id, 1)]
    files += [queries.state_proof(1, key) for key in (account_id("health"), bytes(32))]

    signers = []
    for data in files:
        assert data is not None
        assert verify(data, pin).outcome is Outcome.VALID
        proof = read_proof(data)
        assert proof.steps == ()
        signers.append(proof.signers is not None)
    assert signers == [False, True, True, True, True]
    assert network.validators()[1].height >= height
    members = network.validators()[1].alive.validators
    short = queries.transaction_proof(payments[-1].id, since=Height(height))
    assert short is not None
    assert verify(short, Pin(network.chain, height, members.hash)).outcome is Outcome.VALID
    with pytest.raises(Rejected, match="cannot begin at a checkpoint of height 99"):
        queries.transaction_proof(early.id, since=Height(99))
