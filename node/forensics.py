"""Who is guilty when two blocks of one height were decided (consensus.md §10, rule R48).

A fork takes more liars than the network withstands; then the question is no longer whether, but
who. Each node's **testimony** about a height is its commit certificate and what it archived: the
proposals above view 0 that it prepared, with the view changes and the certificate that justified
them. Whoever has testimonies of both sides lays every signed statement in them beside every other
one of the same validator.

With fewer than q liars this names at least f + 1 of them, and nobody else. Two commit quorums of
one view share f + 1 seats, which committed to two blocks there (E3). Otherwise let X be committed
in the lower view v, and take the lowest view above v in which another block was prepared. An honest
member of that quorum archived the justification: q view changes, f + 1 of them by committers of X.
If the highest claim is below v, these broke their promise (E5). It is not above v, or that view
would not be the lowest. If it is v, its certificate has f + 1 seats that prepared another block in
v than the one they committed to (E6).

A testimony need not be honest: what is in it counts by its signatures alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from consensus.contradictions import Signed
from consensus.messages import Commit, Prepare, PrePrepare
from node.evidence import author_of, witness_of
from node.evidence_file import EvidenceFile, Voters, file_of, voters_of
from node.lineage import chain_of
from node.votelog import to_entry
from primitives import limits
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.crypto import Scheme
from primitives.errors import BadSignature, Malformed
from primitives.evidence import Evidence, case_of, excludes
from primitives.ids import ChainId, Digest, Height, ValidatorKey, View
from primitives.statements import Witness, read_statement
from primitives.validators import ValidatorSet
from storage.chain import ChainStore
from storage.decision import VoteRecord, VoteStep

_PER_SIGNER_MAX: Final = 4 * limits.TESTIMONY_RECORDS_MAX
"""Statements of one validator that are laid beside each other: what two honest nodes may hold."""


@final
class Testimony(Struct, array_like=True, frozen=True):
    """What one node holds about a decided height, and what leads to its validators."""

    format: Literal["mithaq.testimony"]
    version: Literal[2]
    origin: Voters
    certificate: Certificate
    records: Annotated[tuple[PrePrepare, ...], Meta(max_length=limits.TESTIMONY_RECORDS_MAX)]

    @property
    def height(self) -> Height:
        """What it is about."""
        return self.certificate.height

    @property
    def voters(self) -> ValidatorSet:
        """The validators of that height, as the testimony has them.

        Raises:
            Malformed: no set of validators.
        """
        return ValidatorSet(self.origin.keys)


def testify(store: ChainStore, height: Height) -> Testimony:
    """The testimony of a node about a height that it decided, above 0."""
    certificate = store.certificate(height)
    assert certificate is not None, "only block 0 has none"
    with store.state() as state:
        origin = voters_of(state, store, height)
    archived = store.archive(height)[: limits.TESTIMONY_RECORDS_MAX]
    return Testimony(
        format="mithaq.testimony",
        version=2,
        origin=origin,
        certificate=certificate,
        records=tuple(_record(height, view, data) for view, data in archived),
    )


def _record(height: Height, view: View, data: bytes) -> PrePrepare:
    entry = to_entry(VoteRecord(height, view, VoteStep.PREPARE, data))
    assert isinstance(entry, PrePrepare), "prepare records are archived"
    return entry


def write_testimony(testimony: Testimony) -> bytes:
    """The bytes of a testimony's file."""
    return encode(testimony)


def read_testimony(data: bytes) -> Testimony:
    """What stands in a testimony's file.

    Raises:
        Malformed: not a canonical testimony of version 2.
    """
    return decode(data, Testimony, limit=limits.TESTIMONY_BYTES_MAX)


def culprits(testimonies: Iterable[Testimony], *, scheme: Scheme) -> tuple[Evidence, ...]:
    """One piece of evidence for every case that testimonies of one height prove together.

    Raises:
        Malformed: one of them names no set of validators.
    """
    said: dict[ValidatorKey, dict[bytes, Witness]] = defaultdict(dict)
    chain = None
    for testimony in testimonies:
        chain = chain_of(testimony.origin.anchor)
        for signer, witness in _signed_in(testimony, chain, scheme):
            if len(said[signer]) < _PER_SIGNER_MAX:
                said[signer].setdefault(witness.statement, witness)
    found: dict[Digest, Evidence] = {}
    for signer, statements in sorted(said.items()):
        read = [(read_statement(data), statements[data]) for data in sorted(statements)]
        for (one, first), (other, second) in combinations(read, 2):
            if excludes(one, other) is not None:
                evidence = Evidence(signer, first, second)
                assert chain is not None, "somebody said something"
                found.setdefault(case_of(evidence, chain).id, evidence)
    return tuple(found.values())


def _signed_in(
    testimony: Testimony, chain: ChainId, scheme: Scheme
) -> Iterator[tuple[ValidatorKey, Witness]]:
    """Every statement whose signature is its author's, once each."""
    voters = testimony.voters
    for statement in _statements_in(testimony):
        if not isinstance(statement, PrePrepare) and statement.seat >= voters.size:
            continue
        signer, witness = author_of(statement, voters), witness_of(statement, chain)
        try:
            read_statement(witness.statement)
            scheme.check(signer, witness.statement, witness.signature)
        except (BadSignature, Malformed):
            continue
        yield signer, witness


def _statements_in(testimony: Testimony) -> Iterator[Signed]:
    proof = testimony.certificate
    for seal in proof.seals:
        yield Commit(proof.height, proof.view, proof.block_id, seal.seat, seal.signature)
    for record in testimony.records:
        yield record
        yield from record.view_changes
        if record.prepared is not None:
            prepared = record.prepared
            for seal in prepared.seals:
                place = prepared.height, prepared.view, prepared.block_id
                yield Prepare(*place, seal.seat, seal.signature)


def evidence_files(
    testimonies: Sequence[Testimony], found: Iterable[Evidence]
) -> Iterator[EvidenceFile]:
    """A file for each piece, with the lineage of the first testimony."""
    for evidence in found:
        yield file_of(evidence, testimonies[0].origin)
