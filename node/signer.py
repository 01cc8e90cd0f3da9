"""The one organ that holds the validator's key (consensus.md §7, rules R35-R37).

It signs what stands above everything it ever signed, in the order (height, view, step) with
VC < PP < PR < CM, and repeats byte for byte what it signed in its highest view. Beyond that order
it refuses a commit for another block than its prepare of that view, a commit without one, and a
view change that claims less than a commit it signed below. Its memory is durable before a signature
leaves this module. A refusal is a message never sent: a lost view, never a crash.

The memory is created once, empty, by the command that creates the key. A running node without it
signs nothing: whoever lost the memory cannot know what was promised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import Key
from primitives.domains import Domain
from primitives.errors import Malformed, StorageFault
from primitives.ids import (
    NO_VIEW,
    ZERO32,
    BlockId,
    ChainId,
    ClaimedView,
    Height,
    Natural,
    Signature,
    Sized32,
    Sized64,
    ValidatorKey,
    View,
    ViewNumber,
)
from primitives.statements import VoteDomain, view_change_bytes, vote_bytes
from storage.decision import VoteStep
from storage.durable_file import DurableFile

FORMAT: Final = "mithaq.signer"
VERSION: Final = 1


Place = tuple[Height, View, VoteStep]
"""Where a statement stands in the order in which a validator signs."""

_DOMAINS: Final[dict[VoteStep, VoteDomain]] = {
    VoteStep.PRE_PREPARE: Domain.PRE_PREPARE,
    VoteStep.PREPARE: Domain.PREPARE,
    VoteStep.COMMIT: Domain.COMMIT,
}
_STEPS: Final = {
    Domain.VIEW_CHANGE.tag: VoteStep.VIEW_CHANGE,
    **{domain.tag: step for step, domain in _DOMAINS.items()},
}


def place_of(statement: bytes, chain: ChainId) -> Place:
    """Height, view and step of a signed statement (their layout is in statements.py).

    Raises:
        Malformed: not a statement of this chain.
    """
    tag, zero, fields = statement.partition(b"\0")
    step = _STEPS.get(tag + zero)
    if step is None or len(fields) < 44 or fields[:32] != chain:
        raise Malformed(f"{len(statement)} bytes that are no statement of this chain")
    height, view = int.from_bytes(fields[32:40], "big"), int.from_bytes(fields[40:44], "big")
    return Height(height), View(view), step


@final
class Signed(Struct, array_like=True, frozen=True):
    """A statement of the highest view, and its signature."""

    step: VoteStep
    block_id: Sized32[BlockId]
    statement: Annotated[bytes, Meta(max_length=128)]
    signature: Sized64[Signature]


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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A statement to sign. For a view change, `block_id` and `prepared_view` are its claim."""

    step: VoteStep
    height: Height
    view: View
    block_id: BlockId
    prepared_view: View = NO_VIEW


@final
@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed, and why."""

    reason: str


@final
class Signer:
    """Key and memory. Nobody else signs, nobody else writes the memory."""

    def __init__(self, key: Key, memory: DurableFile, chain: ChainId) -> None:
        """
        Raises:
            StorageFault: the memory is not one of this key.
        """
        self._key = key
        self._file = memory
        self._chain = chain
        self._muted: str | None = None
        self._memory = self._read()

    @staticmethod
    def create_memory(key: ValidatorKey, file: DurableFile) -> None:
        """The empty memory of a key that has never signed.

        Raises:
            OperatorFault: there is one already.
        """
        empty = Memory(FORMAT, VERSION, key, Height(0), View(0), (), NO_VIEW)
        file.create(encode(empty))

    def _read(self) -> Memory:
        data = self._file.read()
        if data is None:
            self._muted = "the signer's memory is missing: what this key promised is unknown"
            return Memory(FORMAT, VERSION, self.key, Height(0), View(0), (), NO_VIEW)
        try:
            memory = decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)
        except Malformed as error:
            raise StorageFault(f"the signer's memory cannot be read: {error}") from error
        if (memory.format, memory.version) != (FORMAT, VERSION):
            raise StorageFault(
                f"the signer's memory is {memory.format} {memory.version}, "
                f"expected {FORMAT} {VERSION}"
            )
        if memory.key != self.key:
            raise StorageFault(
                f"the signer's memory is of key {memory.key.hex()}, the key is {self.key.hex()}"
            )
        return memory

    @property
    def key(self) -> ValidatorKey:
        """The public half."""
        return ValidatorKey(self._key.public)

    @property
    def muted(self) -> str | None:
        """Why nothing is signed, or None."""
        return self._muted

    def mute(self, reason: str) -> None:
        """Sign nothing more in this run."""
        if self._muted is None:
            self._muted = reason

    @property
    def top(self) -> Place | None:
        """The highest statement ever signed, or None."""
        memory = self._memory
        return (memory.height, memory.view, memory.signed[-1].step) if memory.signed else None

    def sign_all(self, requests: Sequence[Request]) -> list[Signature | Refused]:
        """Sign each in turn, or refuse it. What is returned as signed is remembered durably.

        Raises:
            StorageFault: the memory could not be made durable; nothing may leave.
        """
        before = self._memory
        answers = [self._sign(request) for request in requests]
        if self._memory is not before:
            try:
                self._file.replace(encode(self._memory))
            except BaseException:
                # Nobody knows what the file holds now; only a new start can read it.
                self.mute("the signer's memory could not be written")
                raise
        return answers

    def knows(self, place: Place, statement: bytes) -> bool:
        """Whether this memory may have signed a statement of ours.

        It remembers every statement of its highest view; what lies below is beyond telling.
        """
        memory = self._memory
        if self.top is not None and place[:2] < (memory.height, memory.view):
            return True
        return any(signed.statement == statement for signed in memory.signed)

    def _sign(self, request: Request) -> Signature | Refused:
        if self._muted is not None:
            return Refused(self._muted)
        memory, statement = self._memory, self._statement(request)
        place = (request.height, request.view)
        if place == (memory.height, memory.view):
            for signed in memory.signed:
                if signed.step == request.step:
                    if signed.statement == statement:
                        return signed.signature
                    return Refused(f"signed another {request.step.name} of {place}")
        if self.top is not None and (*place, request.step) <= self.top:
            return Refused(f"{request.step.name} of {place} is not above {self.top}")
        refusal = self._contradiction(request)
        if refusal is not None:
            return refusal
        signature = self._key.sign(statement)
        self._remember(request, Signed(request.step, request.block_id, statement, signature))
        return signature

    def _contradiction(self, request: Request) -> Refused | None:
        memory = self._memory
        same_height = request.height == memory.height
        if request.step is VoteStep.COMMIT:
            same_view = same_height and request.view == memory.view
            prepares = [signed for signed in memory.signed if signed.step is VoteStep.PREPARE]
            if not same_view or not prepares:
                return Refused(f"a commit of view {request.view} without a prepare")
            if prepares[0].block_id != request.block_id:
                return Refused(f"a commit of view {request.view} for another block")
        if (
            request.step is VoteStep.VIEW_CHANGE
            and same_height
            and request.prepared_view < memory.committed_view
        ):
            return Refused(
                f"a claim of view {request.prepared_view}, "
                f"a commit was signed in view {memory.committed_view}"
            )
        return None

    def _remember(self, request: Request, signed: Signed) -> None:
        memory = self._memory
        same_height = request.height == memory.height
        same_view = same_height and request.view == memory.view
        committed = memory.committed_view if same_height else NO_VIEW
        self._memory = Memory(
            FORMAT,
            VERSION,
            memory.key,
            request.height,
            request.view,
            (*memory.signed, signed) if same_view else (signed,),
            request.view if request.step is VoteStep.COMMIT else committed,
        )

    def _statement(self, request: Request) -> bytes:
        if request.step is VoteStep.VIEW_CHANGE:
            claimed = request.block_id if request.prepared_view != NO_VIEW else BlockId(ZERO32)
            return view_change_bytes(
                self._chain, request.height, request.view, request.prepared_view, claimed
            )
        return vote_bytes(
            _DOMAINS[request.step], self._chain, request.height, request.view, request.block_id
        )
