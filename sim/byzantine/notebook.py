"""What a seat overheard: the raw material of its lies. Bounded, the oldest goes first."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, final

from consensus.messages import Commit, Prepare, PrePrepare, ViewChange, Vote
from node import wire
from primitives.block import Block, block_id
from primitives.certificate import Certificate, Seal
from primitives.ids import BlockId, Height, Seat, View

BLOCKS: Final = 32
STATEMENTS: Final = 128
PLACES: Final = 24

_Named = tuple[type[Vote], Height, View, BlockId]


@final
@dataclass(slots=True)
class Notebook:
    """Blocks, statements and the votes under them, of all heights."""

    blocks: dict[BlockId, Block] = field(default_factory=dict)
    statements: deque[Vote | ViewChange] = field(default_factory=lambda: deque(maxlen=STATEMENTS))
    proposals: deque[wire.Proposed] = field(default_factory=lambda: deque(maxlen=PLACES))
    decided: deque[wire.Decided] = field(default_factory=lambda: deque(maxlen=PLACES))
    _proofs: deque[Certificate] = field(default_factory=lambda: deque(maxlen=PLACES))
    _seals: dict[_Named, dict[Seat, Seal]] = field(default_factory=dict)

    def note(self, message: wire.Wire) -> None:
        """Write down what was heard or said."""
        match message:
            case wire.Proposed(pre_prepare, body):
                self._note_proposal(message, pre_prepare)
                if isinstance(body, wire.FullBody):
                    self._note_block(body.block)
            case Prepare() | Commit():
                self._note_vote(message)
            case ViewChange():
                self._note_change(message)
            case wire.Decided(block, _):
                self._note_block(block)
                self.decided.append(message)
            case wire.Body(block):
                self._note_block(block)
            case _:
                return

    def _note_proposal(self, message: wire.Proposed, pre_prepare: PrePrepare) -> None:
        if message not in self.proposals:
            self.proposals.append(message)
        self._note_proof(pre_prepare.prepared)

    def _note_change(self, change: ViewChange) -> None:
        if change not in self.statements:
            self.statements.append(change)
        self._note_proof(change.prepared)

    def _note_proof(self, proof: Certificate | None) -> None:
        if proof is not None and proof not in self._proofs:
            self._proofs.append(proof)

    def _note_vote(self, vote: Vote) -> None:
        named = (type(vote), vote.height, vote.view, vote.block_id)
        seals = self._seals.setdefault(named, {})
        if vote.seat not in seals:
            self.statements.append(vote)
            seals[vote.seat] = Seal(vote.seat, vote.signature)
        while len(self._seals) > PLACES:
            del self._seals[next(iter(self._seals))]

    def _note_block(self, block: Block) -> None:
        name = block_id(block.header)
        self.blocks.pop(name, None)
        self.blocks[name] = block
        while len(self.blocks) > BLOCKS:
            del self.blocks[next(iter(self.blocks))]

    def other_blocks(self, block_id: BlockId, height: Height) -> list[BlockId]:
        """Known blocks but this one: those of the height first, then the newest of others."""
        others = [name for name in self.blocks if name != block_id]
        return sorted(others, key=lambda name: self.blocks[name].header.height != height)

    def proofs(self, quorum: int) -> list[Certificate]:
        """Prepared certificates that were overheard, or put together from votes."""
        return [*self._proofs, *self._put_together(Prepare, quorum)]

    def commits(self, quorum: int) -> list[Certificate]:
        """Commit certificates likewise."""
        heard = [message.certificate for message in self.decided]
        return [*heard, *self._put_together(Commit, quorum)]

    def _put_together(self, kind: type[Vote], quorum: int) -> list[Certificate]:
        return [
            Certificate(height, view, name, tuple(seals[seat] for seat in sorted(seals)))
            for (voted, height, view, name), seals in self._seals.items()
            if voted is kind and len(seals) >= quorum
        ]
