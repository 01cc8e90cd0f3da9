"""Validators that evidence was given against: the keys that never vote again.

A row is written once, by the first case against a key (ledger/evidence.py), and stays: membership
lets no such key join again. The public body behind it may, with a key of its own that broke nothing
(rule R49).
"""

from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.operation import Refusal
from ledger.state import Table
from primitives.evidence import EvidenceKind
from primitives.ids import Height, Natural, Sized32, ValidatorKey, View, ViewNumber


@final
class SuspensionRow(Struct, array_like=True, frozen=True):
    """The row of a key: the case that was first proved against it, and since when it is known."""

    kind: EvidenceKind
    height: Annotated[Natural[Height], Meta(description="what the case is about")]
    view: ViewNumber[View]
    since: Annotated[Natural[Height], Meta(description="the block that the proof stands in")]


def _key(key: ValidatorKey) -> bytes:
    return key


SUSPENSIONS: Final = Table[ValidatorKey, SuspensionRow](13, "suspensions", _key, SuspensionRow)


class KeySuspended(Refusal, tag="suspensions.key_suspended", frozen=True):
    """{key} was proved to have broken a promise, in block {since}: it votes no more."""

    key: Sized32[ValidatorKey]
    since: Natural[Height]
