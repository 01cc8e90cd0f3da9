"""After a fork: enough of the guilty are named, and none of the innocent."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from kit.engines import begun
from kit.forks import ORIGINS, forked
from node import forensics
from node.evidence_file import write_evidence
from node.forensics import (
    culprits,
    evidence_files,
    read_testimony,
    write_testimony,
)
from node.lineage import chain_of
from primitives import limits
from primitives.codec import encode
from primitives.crypto import ED25519
from primitives.errors import Malformed
from primitives.evidence import Evidence, check_evidence
from primitives.ids import Height, Signature, View
from verifier import Outcome, Pin, verify_evidence


def judged(testimonies: list[forensics.Testimony]) -> tuple[Evidence, ...]:
    """What they prove, each piece judged once more on its own."""
    found = culprits(testimonies, scheme=ED25519)
    first = testimonies[0]
    chain = chain_of(first.origin.anchor)
    cases = [
        check_evidence(piece, chain=chain, validators=first.voters, scheme=ED25519)
        for piece in found
    ]
    assert len({case.id for case in cases}) == len(cases)
    return found


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("count", [4, 5, 6, 7, 10])
def test_a_fork_names_at_least_f_plus_one_culprits_and_no_innocent(count: int, origin: str) -> None:
    """R46, R48: as long as fewer than a quorum lie, whatever story they tell."""
    for seed in range(12):
        fork = forked(seed, count, origin)

        found = judged(fork.testimonies)

        voters = fork.testimonies[0].voters
        named = {voters.seat(piece.signer) for piece in found}
        assert named <= fork.liars
        assert len(named) >= fork.least, f"seed {seed}: {len(named)} of {len(fork.liars)} liars"


def test_each_piece_goes_out_as_a_file_that_anybody_checks() -> None:
    """R48: with the lineage that the testimonies have."""
    fork = forked(1, 5, "fresh")
    found = judged(fork.testimonies)

    files = [write_evidence(file) for file in evidence_files(fork.testimonies, found)]

    assert len(files) == len(found)
    chain = chain_of(fork.testimonies[0].origin.anchor)
    assert {verify_evidence(file, Pin(chain)).outcome for file in files} == {Outcome.VALID}


def test_a_testimony_counts_by_its_signatures_alone() -> None:
    """R47, R48: what a liar writes into its testimony accuses nobody."""
    fork = forked(2, 4, "fresh")
    honest = next(seat for seat in range(4) if seat not in fork.liars)
    lying = [
        replace(
            testimony,
            certificate=replace(
                testimony.certificate,
                view=View(0),
                seals=tuple(
                    replace(seal, seat=honest, signature=Signature(bytes(64)))
                    for seal in testimony.certificate.seals
                ),
            ),
            records=tuple(
                replace(record, signature=Signature(bytes(64)), view_changes=())
                for record in testimony.records
            ),
        )
        for testimony in fork.testimonies
    ]
    out_of_range = replace(
        lying[0],
        certificate=replace(
            lying[0].certificate,
            seals=tuple(replace(seal, seat=9) for seal in lying[0].certificate.seals),
        ),
    )

    named = {piece.signer for piece in culprits([*lying, out_of_range], scheme=ED25519)}

    voters = fork.testimonies[0].voters
    assert {voters.seat(signer) for signer in named} <= fork.liars


def test_honest_nodes_testify_to_nobodys_guilt() -> None:
    """R46: three of four decide a height in a later view; their archives hold the view changes."""
    network = begun()
    late = network.proposer(2)
    network.crash(late.name)
    network.run(network.all_at(3), limit_ms=300_000)

    testimonies = [forensics.testify(node.store, Height(2)) for node in network.up()]

    assert all(testimony.records for testimony in testimonies)
    assert judged(testimonies) == ()
    for testimony in testimonies:
        assert read_testimony(write_testimony(testimony)) == testimony
        assert testimony.height == 2
        assert testimony.voters == network.members


def test_a_testimony_is_bounded() -> None:
    """limits.TESTIMONY_RECORDS_MAX and limits.TESTIMONY_BYTES_MAX, and one more of each."""
    testimony = next(one for one in forked(3, 4, "fresh").testimonies if one.records)
    most = replace(testimony, records=testimony.records[:1] * limits.TESTIMONY_RECORDS_MAX)
    more = replace(most, records=(*most.records, most.records[0]))

    assert read_testimony(encode(most)) == most
    with pytest.raises(Malformed):
        read_testimony(encode(more))
    with pytest.raises(Malformed, match=str(limits.TESTIMONY_BYTES_MAX)):
        read_testimony(bytes(limits.TESTIMONY_BYTES_MAX + 1))


def test_a_node_testifies_to_no_more_views_than_are_read() -> None:
    """The lowest ones of them: there the promise was broken first."""
    testimony = forensics.testify(begun().validators()[0].store, Height(1))

    assert testimony.records == ()
    views = [record.view for one in forked(4, 7, "fresh").testimonies for record in one.records]
    assert all(a != b for a, b in pairwise(sorted(set(views))))
