"""The citizen's offline check of proofs and evidence: deliberately a second implementation.

It shares no code with the node that wrote a file: the standard library, PyNaCl and msgpack only,
written from docs/proof-format.md and docs/evidence-format.md. Where the two differ, one of them is
wrong, and the tests say so.

    data ─► proof_file   strict parsing into plain records, every length and type
         ─► lineage      from the anchor to the validators of a block
         ─► trust        their certificate over it
         ─► check        paths: from the block to the subject
         ─► sentences    what that proves, in words
         ─► judge        what it is worth to a reader with these pins

    data ─► evidence     the same for two statements of one validator

Nothing here raises for what the bytes hold, or reads a clock, a file or a network.
"""

from verifier.check import verify, verify_under
from verifier.evidence import is_evidence, verify_evidence, verify_evidence_under
from verifier.pins import AgeLimit, Pin, age_text, read_age, read_pin
from verifier.verdict import Outcome, Verdict

__all__ = [
    "AgeLimit",
    "Outcome",
    "Pin",
    "Verdict",
    "age_text",
    "is_evidence",
    "read_age",
    "read_pin",
    "verify",
    "verify_evidence",
    "verify_evidence_under",
    "verify_under",
]
