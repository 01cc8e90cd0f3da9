"""Evidence files: what a third party needs to check evidence without any node.

The exact bytes are docs/evidence-format.md; `verifier/` reads them with code of its own. A file
leads from the genesis header to the validators of the contested height: a certified header for each
change of the validators, and the one below that height, which names who votes on it (rule R45). So
a file can be made while its height is still undecided.
"""

from typing import Final, Literal, final

from msgspec import Struct

from node.lineage import Keys, Link, lineage_to
from primitives import limits
from primitives.block import Header
from primitives.codec import decode, encode
from primitives.errors import Rejected
from primitives.evidence import Case, Evidence
from primitives.ids import Height, Sized32, ValidatorKey
from primitives.statements import Witness
from storage.chain import ChainStore

TOO_LARGE: Final = "evidence.too_large"


@final
class EvidenceFile(Struct, array_like=True, frozen=True):
    """The chain of trust from genesis to the signer, and what it signed."""

    format: Literal["mithaq.evidence"]
    version: Literal[1]
    genesis: Header
    validators: Keys
    links: tuple[Link, ...]
    signer: Sized32[ValidatorKey]
    first: Witness
    second: Witness

    @property
    def evidence(self) -> Evidence:
        """What it shows, without what makes a stranger believe it."""
        return Evidence(self.signer, self.first, self.second)


def evidence_file(evidence: Evidence, case: Case, store: ChainStore) -> EvidenceFile:
    """The file of evidence about a height up to the one after the head."""
    with store.state() as state:
        assert case.height <= state.height + 1, f"evidence of {case.height} at {state.height}"
        lineage = lineage_to(state, store, case.height)
    return EvidenceFile(
        format="mithaq.evidence",
        version=1,
        genesis=store.header(Height(0)),
        validators=lineage.founders,
        links=lineage.links,
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
        Malformed: not a canonical evidence file of version 1.
    """
    return decode(data, EvidenceFile, limit=limits.EVIDENCE_FILE_BYTES_MAX)
