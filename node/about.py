"""What a node says of itself beside the protocol: where it stands, what it runs, whom it reaches.

Every node tells whoever it has a link with, every few seconds and when something changed. Nothing
is signed and nothing is acted on (rule R72): no vote, no proposal and no request hangs on a word of
it. It serves people, who are told by `mithaq why` what the others say of themselves. What does not
fit the type counts as any malformed message; who says it too often is not heard.
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from consensus.messages import Bitmap
from ledger.parameters import Parameters
from primitives import limits
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import Digest, Height, Natural, Sized32, TimeMs, View, ViewNumber

PRINTED: Final = r"^[ -~]*(?!\n)$"
"""Its words are shown in terminals, which obey other characters."""


@final
class About(Struct, array_like=True, frozen=True, tag=29):
    """A hint about its sender, for people."""

    version: Annotated[str, Meta(pattern=PRINTED, max_length=limits.VERSION_LENGTH_MAX)]
    parameters: Sized32[Digest]
    """Of the consensus parameters in its state."""
    validators: Sized32[Digest]
    """Of the set whose seats `reaches` counts."""
    height: Natural[Height]
    """Its newest block."""
    view: ViewNumber[View]
    """That it asks for at the next height, or has accepted in."""
    standing: Annotated[str, Meta(pattern=PRINTED, max_length=limits.STANDING_LENGTH_MAX)]
    """Why it signs or does not: a state of `node.standing`, `observing` or `halted`. A text, so
    that a state which a later version adds breaks nothing."""
    disk_low: bool
    waiting: Natural[int]
    """Transactions that wait for a block there."""
    reaches: Bitmap
    """The validators it has a link with and heard a moment ago; itself, if it is one."""
    clock_ms: Natural[TimeMs]
    """Its clock, when it said so."""
    up_ms: Natural[int]
    """How long its process has been running."""


def parameters_digest(parameters: Parameters) -> Digest:
    """Equal exactly where the parameters are."""
    return digest(Domain.PARAMETERS, encode(parameters))
