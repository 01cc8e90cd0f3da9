"""Well-formed lies about a proposal: its place, its block, its justification (R12 to R17, R32).

Everybody hears the same lie, so agreement among its hearers finds nothing: only validation does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from msgspec.structs import replace

from consensus.messages import PrePrepare, ViewChange
from node import wire
from primitives.block import Block, block_id, transaction_hash
from primitives.certificate import Certificate
from primitives.ids import NO_VIEW, VIEW_MAX, ZERO32, BlockId, Height, Seat, View
from sim.byzantine.lies import (
    UNKNOWN,
    Lies,
    body_lies,
    certificate_lies,
    header_lies,
    near,
)
from sim.byzantine.notebook import Notebook
from sim.spoken import Voice

Changes = tuple[ViewChange, ...]


@final
@dataclass(frozen=True, slots=True)
class Forger:
    """Makes false proposals out of a true one of its own."""

    voice: Voice
    known: Notebook

    def lies(self, true: wire.Proposed, fresh: Block | None) -> Lies:
        """All of them; `fresh` is a good block that the true proposal is not about, if any."""
        proposal = true.pre_prepare
        lies: Lies = {f"proposal: {name}": lie for name, lie in self._places(true)}
        lies |= {f"proposal: {name}": lie for name, lie in self._blocks(true)}
        for name, changes in self._changes(proposal.view_changes):
            lies[f"justification: {name}"] = _with(true, replace(proposal, view_changes=changes))
        for name, proof in self._proofs(proposal):
            lies[f"certificate: {name}"] = _with(true, replace(proposal, prepared=proof))
        if fresh is not None and proposal.view > 0:
            lies |= {f"fresh: {name}": lie for name, lie in self._fresh(proposal, fresh)}
        return lies

    def _places(self, true: wire.Proposed) -> Iterator[tuple[str, wire.Proposed]]:
        """In a view that another leads, at another height, where no number goes further."""
        p = true.pre_prepare
        say = self.voice.pre_prepare
        for step, view in (*near(p.view), ("last", VIEW_MAX)):
            moved = tuple(replace(change, view=View(max(view, 1))) for change in p.view_changes)
            yield f"view {step}", _with(true, say(p.height, view, p.block_id, moved, p.prepared))
        for step, height in near(p.height):
            said = say(height, p.view, p.block_id, p.view_changes, p.prepared)
            yield f"height {step}", _with(true, said)
        led = p.view + self.voice.validators.size  # the next view that this seat leads
        if led <= VIEW_MAX:
            unjustified = say(p.height, led, p.block_id, p.view_changes, p.prepared)
            yield "in a view that nobody asked for", _with(true, unjustified)

    def _blocks(self, true: wire.Proposed) -> Iterator[tuple[str, wire.Wire]]:
        """Another block under the same justification, or another body under the same name."""
        p, body = true.pre_prepare, true.body
        yield "an unknown block", wire.Proposed(self._renamed(p, UNKNOWN), None)
        for name in self.known.other_blocks(p.block_id, p.height)[:2]:
            other = self.known.blocks[name]
            which = "this height" if other.header.height == p.height else "another height"
            yield f"a block of {which}", self._about(p, other)
        yield "no body", wire.Proposed(p, None)
        if isinstance(body, wire.FullBody):
            for what, false in header_lies(body.block).items():
                yield what, self._about(p, false)
            for what, false in body_lies(body.block, self.known).items():
                yield what, wire.Proposed(p, wire.FullBody(false))
            hashes = tuple(transaction_hash(data) for data in body.block.transactions)
            short = wire.CompactBody(body.block.header, hashes[1:])
            yield "a hash dropped", wire.Proposed(p, short)

    def _changes(self, changes: Changes) -> Iterator[tuple[str, Changes]]:
        """One element dropped, doubled, swapped, moved; each of its fields, one more or less."""
        if not changes:
            for change in (c for c in self.known.statements if isinstance(c, ViewChange)):
                yield "at view 0", (replace(change, prepared=None),)
                return
            return
        first, *rest = changes
        tail = tuple(rest)
        yield "one dropped", tail
        yield "one twice for another", (*changes[:-1], first)
        yield "none", ()
        if tail:
            exchanged = (replace(first, seat=tail[0].seat), replace(tail[0], seat=first.seat))
            yield "signers swapped", (*exchanged, *tail[1:])
        for name, false in self._false_changes(first):
            yield name, (false, *tail)
        yield from self._own_change(changes)

    def _false_changes(self, change: ViewChange) -> Iterator[tuple[str, ViewChange]]:
        for step, view in near(change.view, lowest=1):
            yield f"view {step}", replace(change, view=View(view))
        for step, height in near(change.height):
            yield f"height {step}", replace(change, height=Height(height))
        for step, claimed in near(change.prepared_view, lowest=NO_VIEW):
            yield f"claimed view {step}", replace(change, prepared_view=View(claimed))
        yield "claims its own view", replace(change, prepared_view=change.view)
        yield "claims another block", replace(change, prepared_id=UNKNOWN)
        nothing = replace(change, prepared_view=NO_VIEW, prepared_id=BlockId(ZERO32))
        if nothing != change:
            yield "another's claim forgotten", nothing
        yield "seat of nobody", replace(change, seat=Seat(self.voice.validators.size))

    def _own_change(self, changes: Changes) -> Iterator[tuple[str, Changes]]:
        """Its own view change says what it likes: signed, and good to look at."""
        others = tuple(change for change in changes if change.seat != self.voice.seat)
        height, view = changes[0].height, changes[0].view
        for step, to in near(view, lowest=1):
            yield f"own for view {step}", (*others, self.voice.view_change(height, to))
        yield "own for another height", (*others, self.voice.view_change(height + 1, view))
        invented = Certificate(height, View(view - 1), UNKNOWN, ())
        claim = replace(self.voice.view_change(height, view, invented), prepared=None)
        yield "own claim invented", (*others, claim)

    def _proofs(self, p: PrePrepare) -> Iterator[tuple[str, Certificate | None]]:
        if p.prepared is not None:
            yield "none", None
            yield from certificate_lies(p.prepared, self.known, self.voice).items()
        for proof in self.known.proofs(self.voice.validators.quorum)[-2:]:
            if proof != p.prepared:
                where = "this height" if proof.height == p.height else "another height"
                yield f"another of {where}", proof

    def _fresh(self, p: PrePrepare, fresh: Block) -> Iterator[tuple[str, wire.Wire]]:
        """A fresh block in place of a proved one, by whatever justification looks best."""
        silent = tuple(change for change in p.view_changes if change.prepared_view == NO_VIEW)
        own = self.voice.view_change(p.height, p.view)
        forgetful = (*(change for change in silent if change.seat != own.seat), own)
        loud = tuple(change for change in p.view_changes if change not in silent)
        if p.prepared is not None:
            yield "the claims left out", self._about(_bare(p, silent), fresh)
            yield "its own claim forgotten", self._about(_bare(p, forgetful), fresh)
            one = tuple(replace(change, seat=own.seat) for change in loud)
            yield "the claims kept", self._about(_bare(p, (*forgetful, *one)), fresh)
            yield "under the certificate", self._about(p, fresh)
        lower = [c for c in loud if c.prepared_view < max(x.prepared_view for x in loud)]
        for proof in self.known.proofs(self.voice.validators.quorum):
            for claim in lower:
                if (proof.view, proof.block_id) == (claim.prepared_view, claim.prepared_id):
                    block = self.known.blocks.get(proof.block_id)
                    if block is not None:
                        yield "a lower claim", self._about(replace(p, prepared=proof), block)

    def _renamed(self, p: PrePrepare, name: BlockId) -> PrePrepare:
        return self.voice.pre_prepare(p.height, p.view, name, p.view_changes, p.prepared)

    def _about(self, p: PrePrepare, block: Block) -> wire.Proposed:
        return wire.Proposed(self._renamed(p, block_id(block.header)), wire.FullBody(block))


def _bare(p: PrePrepare, changes: Changes) -> PrePrepare:
    """Without a certificate."""
    return replace(p, view_changes=changes, prepared=None)


def _with(true: wire.Proposed, proposal: PrePrepare) -> wire.Proposed:
    return wire.Proposed(proposal, true.body)
