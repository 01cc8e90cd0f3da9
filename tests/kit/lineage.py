"""Evidence files over a chain of headers whose validators change on the way, put together by hand.

Height 1 is decided by the validators of genesis; block 5 names five other ones for height 6 on; the
evidence is about height 12.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from kit.accused import pieces_of_evidence
from kit.certified import (
    certify,
    genesis_header,
    named_digest,
    sample_header,
    signing_key,
    validator_set,
)
from kit.proofs import keys_named
from node.evidence_file import EvidenceFile, LastHeader
from node.lineage import GenesisAnchor, Step
from primitives.block import Header, block_id
from primitives.crypto import SigningKey
from primitives.digest import list_root
from primitives.evidence import Evidence
from primitives.ids import ChainId, Height, TimeMs, View
from primitives.validators import ValidatorSet
from verifier import Pin

CHANGE, HEIGHT = 5, 12


@dataclass(frozen=True)
class Lineage:
    """A chain in headers: genesis, the one that changes the validators, the one below HEIGHT."""

    genesis: Header
    old: list[SigningKey]
    new: list[SigningKey]

    @classmethod
    def made(cls, network: str = "") -> "Lineage":
        old, new = keys_named(0, 1, 2, 3), keys_named(1, 2, 3, 4, 5)
        genesis = genesis_header(
            validator_set(old),
            time_ms=TimeMs(1_795_342_500_000 + len(network)),
            state_root=named_digest("state"),
            empty_root=list_root(()),
        )
        return cls(genesis, old, new)

    @property
    def chain(self) -> ChainId:
        return ChainId(block_id(self.genesis))

    @property
    def pin(self) -> Pin:
        return Pin(self.chain)

    def header(self, height: int, now: ValidatorSet, then: ValidatorSet) -> Header:
        """A header that `now` decides, and that names `then` for the next height."""
        return replace(
            sample_header(),
            chain=self.chain,
            height=Height(height),
            validators_hash=now.hash,
            next_validators_hash=then.hash,
        )

    def step(
        self, height: int, now: list[SigningKey], then: list[SigningKey], *, signers: int = 0
    ) -> Step:
        """A step that a quorum of `now`, or so many of them, certified."""
        voting = validator_set(now)
        header = self.header(height, voting, validator_set(then))
        certificate = certify(
            now[: signers or voting.quorum],
            voting,
            chain=self.chain,
            height=Height(height),
            view=View(0),
            block=block_id(header),
        )
        return Step(header, certificate, validator_set(then).keys)

    def last(
        self, height: int = HEIGHT - 1, then: list[SigningKey] | None = None, *, signers: int = 0
    ) -> LastHeader:
        """The header below the contested height, by those who vote from CHANGE + 1 on."""
        made = self.step(height, self.new, then or self.new, signers=signers)
        return LastHeader(made.header, made.certificate, None, made.keys if then else None)

    def file(self, evidence: Evidence | None = None) -> EvidenceFile:
        """A file against the validator that joined, of kind E2 unless told otherwise."""
        shown = evidence or self.pieces()["E2"]
        return EvidenceFile(
            format="mithaq.evidence",
            version=2,
            anchor=GenesisAnchor(self.genesis, validator_set(self.old).keys),
            steps=(self.step(CHANGE, self.old, self.new),),
            last=self.last(),
            signer=shown.signer,
            first=shown.first,
            second=shown.second,
        )

    def pieces(self) -> dict[str, Evidence]:
        """Evidence of every kind against validator 4."""
        return pieces_of_evidence(signing_key("validator 4"), self.chain, height=HEIGHT)
