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
from node.evidence_file import EvidenceFile
from node.lineage import Link
from primitives.block import Header, block_id
from primitives.crypto import SigningKey
from primitives.digest import list_root
from primitives.evidence import Evidence
from primitives.ids import ChainId, Height, TimeMs, View
from primitives.validators import ValidatorSet

CHANGE, HEIGHT = 5, 12


def keys_named(*numbers: int) -> list[SigningKey]:
    """Key pairs of these validators, in the order of their seats."""
    keys = [signing_key(f"validator {number}") for number in numbers]
    return sorted(keys, key=lambda key: key.public)


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

    def header(self, height: int, now: ValidatorSet, then: ValidatorSet) -> Header:
        """A header that `now` decides, and that names `then` for the next height."""
        return replace(
            sample_header(),
            chain=self.chain,
            height=Height(height),
            validators_hash=now.hash,
            next_validators_hash=then.hash,
        )

    def link(
        self, height: int, now: list[SigningKey], then: list[SigningKey], *, signers: int = 0
    ) -> Link:
        """A link that a quorum of `now`, or so many of them, certified."""
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
        return Link(header, certificate, validator_set(then).keys)

    def links(self) -> tuple[Link, ...]:
        return (
            self.link(CHANGE, self.old, self.new),
            self.link(HEIGHT - 1, self.new, self.new),
        )

    def file(self, evidence: Evidence | None = None) -> EvidenceFile:
        """A file against the validator that joined, of kind E2 unless told otherwise."""
        shown = evidence or self.pieces()["E2"]
        return EvidenceFile(
            format="mithaq.evidence",
            version=1,
            genesis=self.genesis,
            validators=validator_set(self.old).keys,
            links=self.links(),
            signer=shown.signer,
            first=shown.first,
            second=shown.second,
        )

    def pieces(self) -> dict[str, Evidence]:
        """Evidence of every kind against validator 4."""
        return pieces_of_evidence(signing_key("validator 4"), self.chain, height=HEIGHT)
