"""Proofs after the validators have changed: each change is certified by those who had the vote."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from kit.accused import two_prepares
from kit.certified import certify, validator_set
from kit.engines import Network, begun
from kit.ledger import account_id, pay
from kit.lineage import HEIGHT, Lineage, keys_named
from node.lineage import Lineage as Changes
from node.proof import LineageProof, entry_proof, read_proof, write_proof
from node.queries import Queries
from primitives.block import block_id
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Malformed
from primitives.ids import Height, View
from services.authority import ReportEquivocation
from verifier import Outcome, verify

CHAIN = Lineage.made()


def proof() -> LineageProof:
    """An entry of the state after block 12, which the validators of height 6 on decided."""
    voters = validator_set(CHAIN.new)
    leaf = digest(
        Domain.STATE_LEAF,
        digest(Domain.STATE_KEY, (7).to_bytes(2, "big"), b"key"),
        digest(Domain.STATE_VALUE, b"\x01"),
    )
    header = replace(CHAIN.header(HEIGHT, voters, voters), state_root=leaf)
    certificate = certify(
        CHAIN.new,
        voters,
        chain=CHAIN.chain,
        height=Height(HEIGHT),
        view=View(0),
        block=block_id(header),
    )
    made = entry_proof(
        genesis=CHAIN.genesis,
        validators=voters,
        header=header,
        certificate=certificate,
        table=7,
        key=b"key",
        value=b"\x01",
        siblings=(),
        lineage=Changes(validator_set(CHAIN.old).keys, CHAIN.links()[:1]),
    )
    assert isinstance(made, LineageProof), "its validators are not those of genesis"
    return made


PROOF = proof()


def test_a_proof_leads_through_the_change_of_validators() -> None:
    """Version 2; the details count those who voted then."""
    data = write_proof(PROOF)

    verdict = verify(data, CHAIN.chain)

    assert verdict.outcome is Outcome.VALID, verdict.sentence
    assert dict(verdict.details)["certificate"] == "signed by 4 of 5 validators, in view 0"
    assert read_proof(data) == PROOF
    assert verify(data, None).outcome is Outcome.NOT_PINNED


STRANGERS = keys_named(7, 8, 9, 10)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: replace(p, links=()), "links: 0 items, expected 1"),
        (lambda p: replace(p, links=p.links * 2), "expected one above 5 and below 12"),
        (lambda p: replace(p, links=(CHAIN.links()[1],)), "the header of height 11 names"),
        (
            lambda p: replace(p, links=(CHAIN.link(5, CHAIN.old, CHAIN.new, signers=2),)),
            "2 of 4 validators signed, a quorum is 3",
        ),
        (
            lambda p: replace(p, links=(CHAIN.link(5, STRANGERS, CHAIN.new),)),
            "the header of height 5 names",
        ),
        (
            lambda p: replace(p, links=(CHAIN.link(5, CHAIN.old, STRANGERS),)),
            "not those that the header names",
        ),
        (
            lambda p: replace(p, links=(CHAIN.link(HEIGHT, CHAIN.old, CHAIN.new),)),
            "expected one above 0 and below 12",
        ),
        (
            lambda p: replace(p, links=(replace(p.links[0], next=p.links[0].next[::-1]),)),
            "ascending order",
        ),
        (lambda p: replace(p, validators=p.links[0].next), "the genesis header names"),
        (
            lambda p: replace(p, links=(Lineage.made("another").links()[0],)),
            "a link is of chain",
        ),
    ],
)
def test_a_lineage_that_was_changed_proves_nothing(
    change: Callable[[LineageProof], LineageProof], why: str
) -> None:
    """Each link stands on the one before."""
    verdict = verify(encode(change(PROOF)), CHAIN.chain)

    assert verdict.outcome is Outcome.INVALID
    assert why in verdict.sentence, verdict.sentence


def test_neither_version_is_read_as_the_other() -> None:
    """Eight values and the number two, or seven and the number one."""
    for wrong in (
        encode(replace(PROOF, links=())),
        write_proof(PROOF).replace(b"mithaq.proof\x02", b"mithaq.proof\x01"),
    ):
        with pytest.raises(Malformed):
            read_proof(wrong)
        assert verify(wrong, CHAIN.chain).outcome is Outcome.INVALID


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
    """Each file in the version that it needs, both valid under the same chain id."""
    network = begun(5)
    early = network.transaction("treasury", pay("health", 1, "early"))
    network.submit(network.validators()[1], early)
    network.run(network.is_final(early))
    height = removed(network)
    payments = [network.transaction("treasury", pay("health", 1, f"{n}")) for n in range(4)]
    for tx in payments:
        network.submit(network.validators()[1], tx)
        network.run(network.is_final(tx))
    queries = Queries(network.validators()[1].store)

    files = [queries.transaction_proof(tx.id) for tx in (early, payments[-1])]
    entry = queries.state_proof(1, account_id("health"))

    versions = []
    for data in (*files, entry):
        assert data is not None
        assert verify(data, network.chain).outcome is Outcome.VALID
        versions.append(read_proof(data).version)
    assert versions == [1, 2, 2]
    assert network.validators()[1].height >= height
