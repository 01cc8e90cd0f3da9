"""What a signer remembers, as `signer.state` holds it (rules R36, R50).

One small value that is always replaced whole. Beside what was signed it tells the story of the
right to sign: when it was lost, why, and how it came back, newest last, for whoever reads the file
after an incident. The newest entry says whether anything may be signed; `sign_from` says from which
height on.

Version 1 had no story. It is read as a memory to which nothing ever happened, so that an upgrade
silences nobody; the first signature afterwards writes the newer form.
"""

from enum import IntEnum, unique
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.codec import decode
from primitives.errors import Malformed, StorageFault
from primitives.ids import (
    NO_VIEW,
    BlockId,
    ClaimedView,
    Height,
    Natural,
    Signature,
    Sized32,
    Sized64,
    TimeMs,
    ValidatorKey,
    View,
    ViewNumber,
)
from storage.decision import VoteStep

FORMAT: Final = "mithaq.signer"
VERSION: Final = 2


@final
class Signed(Struct, array_like=True, frozen=True):
    """A statement of the highest view, and its signature."""

    step: VoteStep
    block_id: Sized32[BlockId]
    statement: Annotated[bytes, Meta(max_length=128)]
    signature: Sized64[Signature]


@unique
class Turn(IntEnum):
    """What can happen to the right to sign."""

    FENCED = 1
    """This memory lacks what its key has signed: silent until a height is known that is new."""
    RETURNED = 2
    """Enough others answered: signs from `height` on."""
    UNFENCED = 3
    """The operator answers for it: signs from `height` on."""
    CLONED = 4
    """Somebody else signs with this key: silent until the operator acts."""
    FORKED = 5
    """Two certified blocks of one height: silent for good."""


@final
class Entry(Struct, array_like=True, frozen=True):
    """One turn of the story."""

    turn: Turn
    at_ms: Natural[TimeMs]
    height: Natural[Height]
    """Of a return: the height to sign from. Of a silence: the highest that was forgotten."""
    words: Annotated[str, Meta(max_length=limits.SIGNER_WORDS_MAX)]


@final
class Memory(Struct, array_like=True, frozen=True):
    """What must never be forgotten: the highest place, what was signed there, the last commit."""

    format: str
    version: int
    key: Sized32[ValidatorKey]
    height: Natural[Height]
    view: ViewNumber[View]
    signed: Annotated[tuple[Signed, ...], Meta(max_length=len(VoteStep))]
    committed_view: ClaimedView[View]
    """The highest view of this height in which a commit was signed; −1 for none."""
    sign_from: Natural[Height]
    """Nothing is signed below; 0 for a memory that was never lost."""
    forgotten: Natural[Height]
    """The highest height of a statement of ours that was shown and that this memory lacks."""
    story: Annotated[tuple[Entry, ...], Meta(max_length=limits.SIGNER_STORY_MAX)]
    """The newest turns, newest last."""


@final
class _Version1(Struct, array_like=True, frozen=True):
    format: str
    version: int
    key: Sized32[ValidatorKey]
    height: Natural[Height]
    view: ViewNumber[View]
    signed: Annotated[tuple[Signed, ...], Meta(max_length=len(VoteStep))]
    committed_view: ClaimedView[View]


def empty_memory(key: ValidatorKey) -> Memory:
    """Of a key that has never signed."""
    return Memory(FORMAT, VERSION, key, Height(0), View(0), (), NO_VIEW, Height(0), Height(0), ())


def read_memory(data: bytes, key: ValidatorKey) -> Memory:
    """The memory in a file, of whichever version.

    Raises:
        Malformed: it is damaged.
        StorageFault: it is whole, and not one that this signer may use.
    """
    try:
        memory = decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
        _check_form(memory.format, memory.version, VERSION)
    except Malformed:
        memory = _read_version_1(data)
    if memory.key != key:
        raise StorageFault(
            f"the signer's memory is of key {memory.key.hex()}, the key is {key.hex()}"
        )
    return memory


def _read_version_1(data: bytes) -> Memory:
    old = decode(data, _Version1, limit=limits.SIGNER_MEMORY_BYTES_MAX)
    _check_form(old.format, old.version, 1)
    return Memory(
        FORMAT,
        VERSION,
        old.key,
        old.height,
        old.view,
        old.signed,
        old.committed_view,
        Height(0),
        Height(0),
        (),
    )


def _check_form(form: str, version: int, expected: int) -> None:
    if (form, version) != (FORMAT, expected):
        raise StorageFault(f"the signer's memory is {form} {version}, expected {FORMAT} {expected}")
