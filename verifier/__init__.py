"""The citizen's offline check of a proof file: deliberately a second implementation.

It shares no code with the node that wrote the file: the standard library, PyNaCl and msgpack only,
written from docs/proof-format.md. Where the two differ, one of them is wrong, and the tests say so.

    data ─► proof_file   strict parsing into plain records, every length and type
         ─► chain        chain id, validators, certificate, paths: from the pinned id to the subject
         ─► sentences    what that proves, in words

`verify` never raises for what the bytes hold, and reads neither clock nor network.
"""

from verifier.check import verify
from verifier.verdict import Outcome, Verdict

__all__ = ["Outcome", "Verdict", "verify"]
