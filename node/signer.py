"""The one organ that holds the validator's key (consensus.md §7 and §8, rules R35-R37, R50-R52).

It signs what stands above everything it ever signed, in the order (height, view, step) with
VC < PP < PR < CM, and repeats byte for byte what it signed in its highest view. Beyond that order
it refuses a commit for another block than its prepare of that view, a commit without one, and a
view change that claims less than a commit it signed below. Its memory is durable before a signature
leaves this module. A refusal is a message never sent: a lost view, never a crash.

**A memory that is lost.** The file is made once, empty, by the command that creates the key. Where
it is missing, damaged, or shown to be older than what the key has signed, nobody knows what was
promised: the signer is *fenced* and signs nothing (R50). It signs again from a height on that is
certainly new, found by asking the others (R51, node/fence.py) or given by the operator; only then
is a missing or damaged file written anew. When somebody else signs with the key, it is *cloned* and
signs nothing until the operator acts (R52). The file keeps both across restarts, and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from msgspec.structs import replace

from node.signer_memory import Entry, Memory, Signed, Turn, empty_memory, read_memory
from primitives import limits
from primitives.codec import encode
from primitives.crypto import Key
from primitives.domains import Domain
from primitives.errors import Malformed, StorageFault
from primitives.ids import (
    NO_VIEW,
    ZERO32,
    BlockId,
    ChainId,
    Height,
    Signature,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import (
    VoteDomain,
    VoteStatement,
    read_statement,
    view_change_bytes,
    vote_bytes,
)
from storage.decision import VoteStep
from storage.durable_file import DurableFile

Place = tuple[Height, View, VoteStep]
"""Where a statement stands in the order in which a validator signs."""

_DOMAINS: Final[dict[VoteStep, VoteDomain]] = {
    VoteStep.PRE_PREPARE: Domain.PRE_PREPARE,
    VoteStep.PREPARE: Domain.PREPARE,
    VoteStep.COMMIT: Domain.COMMIT,
}
_STEPS: Final = {domain: step for step, domain in _DOMAINS.items()}


def place_of(statement: bytes, chain: ChainId) -> Place:
    """Height, view and step of a signed statement.

    Raises:
        Malformed: not a statement of this chain.
    """
    read = read_statement(statement)
    if read.chain != chain:
        raise Malformed(f"a statement of chain {read.chain.hex()}, expected {chain.hex()}")
    step = _STEPS[read.domain] if isinstance(read, VoteStatement) else VoteStep.VIEW_CHANGE
    return read.height, read.view, step


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
            StorageFault: the memory is whole, but not one of this key.
        """
        self._key = key
        self._file = memory
        self._chain = chain
        self._muted: str | None = None
        self._lost: str | None = None
        """Why there is no memory to go by, until a height is known from which to sign."""
        self._write = memory.replace
        self.has_signed = False
        """Whether something new was signed in this run."""
        self._memory = self._read()

    @staticmethod
    def create_memory(key: ValidatorKey, file: DurableFile) -> None:
        """The empty memory of a key that has never signed.

        Raises:
            OperatorFault: there is one already.
        """
        file.create(encode(empty_memory(key)))

    def _read(self) -> Memory:
        try:
            data = self._file.read()
        except StorageFault as damage:
            return self._lose(f"the signer's memory is damaged: {damage}")
        if data is None:
            self._write = self._file.create
            return self._lose("the signer's memory is missing")
        try:
            return read_memory(data, self.key)
        except Malformed as damage:
            return self._lose(f"the signer's memory is damaged: {damage}")

    def _lose(self, reason: str) -> Memory:
        """Go on without a memory, and write none: an empty one would say "nothing was signed"."""
        self._lost = reason
        return empty_memory(self.key)

    # --- what may be read -------------------------------------------------------------------

    @property
    def key(self) -> ValidatorKey:
        """The public half."""
        return ValidatorKey(self._key.public)

    @property
    def top(self) -> Place | None:
        """The highest statement ever signed, or None."""
        memory = self._memory
        return (memory.height, memory.view, memory.signed[-1].step) if memory.signed else None

    @property
    def sign_from(self) -> Height:
        """Nothing is signed below; 0 where the memory was never lost."""
        return self._memory.sign_from

    @property
    def forgotten(self) -> Height:
        """The highest height of a statement of ours that was shown and is not remembered."""
        return self._memory.forgotten

    @property
    def story(self) -> tuple[Entry, ...]:
        """What happened to the right to sign, newest last."""
        return self._memory.story

    @property
    def is_fenced(self) -> bool:
        """Whether what was signed is unknown, and so is a height that is certainly new (R50)."""
        if self._newest in {Turn.CLONED, Turn.FORKED}:
            return False
        return self._lost is not None or self._newest is Turn.FENCED

    @property
    def is_cloned(self) -> bool:
        """Whether somebody else signs with this key (R52)."""
        return self._newest is Turn.CLONED

    @property
    def waits(self) -> bool:
        """Whether the height from which it may sign again is still to come."""
        return self.sign_from > (self.top[0] if self.top is not None else 0)

    @property
    def can_return(self) -> bool:
        """Whether a height to sign from may be given: never after a fork."""
        return self.is_fenced or self.is_cloned or (self.waits and self.muted is None)

    @property
    def muted(self) -> str | None:
        """Why nothing is signed at any height, or None."""
        if self._muted is not None or self._lost is not None:
            return self._muted or self._lost
        silent = self._newest in {Turn.FENCED, Turn.CLONED, Turn.FORKED}
        return self._memory.story[-1].words if silent else None

    @property
    def _newest(self) -> Turn | None:
        return self._memory.story[-1].turn if self._memory.story else None

    def knows(self, place: Place, statement: bytes) -> bool:
        """Whether this memory may have signed a statement of ours.

        It remembers every statement of its highest view; what lies below that, below the height
        from which it signs, or where it knows of a loss already, is beyond telling.
        """
        memory = self._memory
        if place[0] < memory.sign_from or place[0] <= memory.forgotten:
            return True
        if self.top is not None and place[:2] < (memory.height, memory.view):
            return True
        return any(signed.statement == statement for signed in memory.signed)

    # --- the right to sign ------------------------------------------------------------------

    def mute(self, reason: str) -> None:
        """Sign nothing more in this run."""
        if self._muted is None:
            self._muted = reason

    def silence(self, turn: Turn, reason: str, at_ms: TimeMs) -> None:
        """Sign nothing until a height to sign from is given; a restart changes nothing.

        Raises:
            StorageFault, OperatorFault: that could not be made durable.
        """
        assert turn in {Turn.FENCED, Turn.CLONED, Turn.FORKED}, f"{turn} silences nobody"
        self._replace(self._told(turn, self._memory.forgotten, reason, at_ms))

    def sign_again(self, turn: Turn, height: Height, words: str, at_ms: TimeMs) -> None:
        """Sign from this height on; this alone makes a file where one was lost (R51).

        Raises:
            StorageFault, OperatorFault: it could not be made durable.
        """
        assert turn in {Turn.RETURNED, Turn.UNFENCED}, f"{turn} lets nobody sign"
        assert self.can_return, "a whole memory needs no height, and a fork has none"
        self._lost = None
        self._replace(replace(self._told(turn, height, words, at_ms), sign_from=height))

    def forget_up_to(self, height: Height) -> None:
        """There is a statement of ours at this height that the memory lacks.

        Raises:
            StorageFault, OperatorFault: that could not be made durable.
        """
        if height > self._memory.forgotten:
            self._replace(replace(self._memory, forgotten=height))

    def _told(self, turn: Turn, height: Height, words: str, at_ms: TimeMs) -> Memory:
        entry = Entry(turn, at_ms, height, words[: limits.SIGNER_WORDS_MAX])
        story = (*self._memory.story, entry)[-limits.SIGNER_STORY_MAX :]
        return replace(self._memory, story=story)

    def _replace(self, memory: Memory) -> None:
        """Make a memory durable, unless it is one of which nobody knows what it lacks."""
        self._memory = memory
        if self._lost is not None:
            return
        try:
            self._write(encode(memory))
        except BaseException:
            # Nobody knows what the file holds now; only a new start can read it.
            self.mute("the signer's memory could not be written")
            raise
        self._write = self._file.replace

    # --- signing ----------------------------------------------------------------------------

    def sign_all(self, requests: Sequence[Request]) -> list[Signature | Refused]:
        """Sign each in turn, or refuse it. What is returned as signed is remembered durably.

        Raises:
            StorageFault: the memory could not be made durable; nothing may leave.
        """
        before = self._memory
        answers = [self._sign(request) for request in requests]
        if self._memory is not before:
            self._replace(self._memory)
            self.has_signed = True
        return answers

    def _sign(self, request: Request) -> Signature | Refused:
        if self.muted is not None:
            return Refused(self.muted)
        memory, statement = self._memory, self._statement(request)
        place = (request.height, request.view)
        if request.height < memory.sign_from:
            return Refused(f"height {request.height} is below {memory.sign_from}")
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
        self._memory = replace(
            memory,
            height=request.height,
            view=request.view,
            signed=(*memory.signed, signed) if same_view else (signed,),
            committed_view=request.view if request.step is VoteStep.COMMIT else committed,
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
