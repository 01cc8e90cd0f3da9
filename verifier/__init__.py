"""The citizen's offline check of proofs and evidence: deliberately a second implementation.

It shares no code with the node that wrote a file: the standard library, PyNaCl and msgpack only,
written from docs/proof-format.md and docs/evidence-format.md. Where the two differ, one of them is
wrong, and the tests say so.

    data ─► proof_file   strict parsing into plain records, every length and type
         ─► trust        chain id, validators, certificate: from the pinned id to a block
         ─► check        paths: from the block to the subject
         ─► sentences    what that proves, in words

    data ─► evidence     the same for two statements of one validator

`verify` and `verify_evidence` never raise for what the bytes hold, and read neither clock nor
network.
"""

from verifier.check import verify
from verifier.evidence import is_evidence, verify_evidence
from verifier.verdict import Outcome, Verdict

__all__ = ["Outcome", "Verdict", "is_evidence", "verify", "verify_evidence"]
