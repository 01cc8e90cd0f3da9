"""What a node answers about the evidence that it keeps (node/accusations.py makes it)."""

from typing import final

from msgspec import Struct

from primitives.evidence import EvidenceKind
from primitives.ids import Digest, Height, Natural, Sized32, ValidatorKey, View, ViewNumber


@final
class CaseAnswer(Struct, frozen=True, kw_only=True):
    """A case that this node has evidence of.

    `name` is the signer's at that height. `suspended_since` is the block in which the first case
    against the signer was proved on chain; null before. `marked` says that it votes until a
    replacement joins, because the network needs its minimum.
    """

    id: Sized32[Digest]
    kind: EvidenceKind
    signer: Sized32[ValidatorKey]
    name: str
    height: Natural[Height]
    view: ViewNumber[View]
    suspended_since: Natural[Height] | None
    marked: bool


@final
class CasesAnswer(Struct, frozen=True, kw_only=True):
    """Every case that this node has evidence of, by height."""

    cases: tuple[CaseAnswer, ...]
