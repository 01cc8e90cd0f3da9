"""Evidence files: what a third party needs to check evidence without any node.

The exact bytes are docs/evidence-format.md; `verifier/` reads them with code of its own. A file
leads from genesis to the validators of the contested height by the steps of a proof file and the
header below that height, which names who votes on it (rule R45). So a file can be made while its
height is still undecided.
"""

from typing import Final, Literal, final

from msgspec import Struct

from ledger.membership import validators_at
from ledger.state import StateReader
from node.lineage import Ancestry, Anchor, Keys, Steps
from primitives import limits
from primitives.block import Header
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.errors import Rejected
from primitives.evidence import Case, Evidence
from primitives.ids import Height, Sized32, ValidatorKey
from primitives.statements import Witness
from storage.chain import ChainStore

TOO_LARGE: Final = "evidence.too_large"


@final
class LastHeader(Struct, array_like=True, frozen=True):
    """The certified header below a contested height.

    `signers` where they are not who is trusted after the steps; `next` where it names others for
    the contested height than signed it.
    """

    header: Header
    certificate: Certificate
    signers: Keys | None
    next: Keys | None


@final
class Voters(Struct, array_like=True, frozen=True):
    """What leads to the validators of a height; without a last header the anchor names them."""

    anchor: Anchor
    steps: Steps
    last: LastHeader | None

    @property
    def keys(self) -> Keys:
        """The validators of the height, as this has them."""
        trusted = self.steps[-1].keys if self.steps else self.anchor.validators
        if self.last is None:
            return trusted
        return self.last.next or self.last.signers or trusted


@final
class EvidenceFile(Struct, array_like=True, frozen=True):
    """The chain of trust from an anchor to the signer, and what it signed."""

    format: Literal["mithaq.evidence"]
    version: Literal[2]
    anchor: Anchor
    steps: Steps
    last: LastHeader | None
    signer: Sized32[ValidatorKey]
    first: Witness
    second: Witness

    @property
    def evidence(self) -> Evidence:
        """What it shows, without what makes a stranger believe it."""
        return Evidence(self.signer, self.first, self.second)


def voters_of(state: StateReader, store: ChainStore, height: Height) -> Voters:
    """What leads from genesis to the validators of a height above 0, up to the next one."""
    lineage = Ancestry(store).to(state, Height(height - 1))
    if lineage.certificate is None:
        return Voters(lineage.anchor, (), None)
    keys = validators_at(state, height).keys
    signed = lineage.header.validators_hash == lineage.header.next_validators_hash
    last = LastHeader(
        lineage.header, lineage.certificate, lineage.signers, None if signed else keys
    )
    return Voters(lineage.anchor, lineage.steps, last)


def evidence_file(evidence: Evidence, case: Case, store: ChainStore) -> EvidenceFile:
    """The file of evidence about a height up to the one after the head."""
    with store.state() as state:
        assert case.height <= state.height + 1, f"evidence of {case.height} at {state.height}"
        return file_of(evidence, voters_of(state, store, case.height))


def file_of(evidence: Evidence, voters: Voters) -> EvidenceFile:
    """The file of evidence about a height whose validators are led to."""
    return EvidenceFile(
        format="mithaq.evidence",
        version=2,
        anchor=voters.anchor,
        steps=voters.steps,
        last=voters.last,
        signer=evidence.signer,
        first=evidence.first,
        second=evidence.second,
    )


def write_evidence(file: EvidenceFile) -> bytes:
    """The bytes of the file.

    Raises:
        Rejected: larger than an evidence file may be.
    """
    data = encode(file)
    if len(data) > limits.EVIDENCE_FILE_BYTES_MAX:
        raise Rejected(
            TOO_LARGE,
            f"the file has {len(data)} bytes, at most {limits.EVIDENCE_FILE_BYTES_MAX} are read",
            {"bytes": len(data), "limit": limits.EVIDENCE_FILE_BYTES_MAX},
        )
    return data


def read_evidence(data: bytes) -> EvidenceFile:
    """What stands in an evidence file, unjudged: `verifier` says what it proves.

    Raises:
        Malformed: not a canonical evidence file of version 2.
    """
    return decode(data, EvidenceFile, limit=limits.EVIDENCE_FILE_BYTES_MAX)
