"""Evidence files: what a third party needs to check evidence without any node.

The exact bytes are docs/evidence-format.md; `verifier/` reads them with code of its own. A file
leads from the genesis header to the validators of the contested height: a certified header for each
change of the validators, and the one below that height, which names who votes on it (rule R45). So
a file can be made while its height is still undecided.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from ledger.membership import VALIDATORS, validators_at
from ledger.state import StateReader
from node.proof import quorum_of
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

Keys = Annotated[tuple[Sized32[ValidatorKey], ...], Meta(max_length=limits.VALIDATORS_MAX)]


@final
class Link(Struct, array_like=True, frozen=True):
    """A certified header, and the validators that it names for the height after it."""

    header: Header
    certificate: Certificate
    next: Keys


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
        genesis, links = links_below(state, store, case.height)
    return EvidenceFile(
        format="mithaq.evidence",
        version=1,
        genesis=store.header(Height(0)),
        validators=genesis,
        links=links,
        signer=evidence.signer,
        first=evidence.first,
        second=evidence.second,
    )


def links_below(
    state: StateReader, store: ChainStore, height: Height
) -> tuple[Keys, tuple[Link, ...]]:
    """The validators of genesis, and what leads from them to those of a height.

    One link for each height before it after which the validators changed, and the last.
    """
    return validators_at(state, Height(0)).keys, tuple(_links(state, store, height))


def _links(state: StateReader, store: ChainStore, height: Height) -> Iterator[Link]:
    rows = (int.from_bytes(key, "big") for key, _ in VALIDATORS.scan(state, limit=2**31))
    below = {governs - 1 for governs in rows if 1 < governs <= height} | {height - 1}
    for number in sorted(below - {0}):
        at = Height(number)
        certificate = store.certificate(at)
        assert certificate is not None, "only block 0 has none"
        voting = validators_at(state, at)
        yield Link(
            header=store.header(at),
            certificate=quorum_of(certificate, voting),
            next=validators_at(state, Height(at + 1)).keys,
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
