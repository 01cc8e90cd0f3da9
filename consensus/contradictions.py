"""Statements of one seat that exclude each other, among what a replica keeps (rule R46).

A message is laid beside what the replica keeps of its author, and so is every signed statement that
came inside it: the view changes that justify a proposal, the seals of a certificate. The six kinds
are those of primitives/evidence.py. Nothing is kept for this and nothing is counted: the bounds of
rule R42 hold as they are, and whether the message counts is not decided here (R12, R20, R26).

Nobody is named for being late or silent, and a replica never names its own seat.
"""

from collections.abc import Iterator
from typing import assert_never

from consensus.effects import Equivocation
from consensus.instance import Instance
from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from primitives.certificate import Certificate
from primitives.ids import Seat
from primitives.validators import primary_of

Signed = PrePrepare | Prepare | Commit | ViewChange


def contradictions(now: Instance, message: Signed) -> Iterator[Equivocation]:
    """What a verified message of this height proves, alone and by what is attached to it."""
    for statement in _statements_in(message):
        if _author(now, statement) != now.seat:
            yield from _against(now, statement)


def contradictions_in(now: Instance, decided: Certificate) -> Iterator[Equivocation]:
    """The same for a commit certificate of this height."""
    for seal in decided.seals:
        yield from contradictions(
            now, Commit(decided.height, decided.view, decided.block_id, seal.seat, seal.signature)
        )


def _statements_in(message: Signed) -> Iterator[Signed]:
    yield message
    if isinstance(message, PrePrepare):
        yield from message.view_changes
    if isinstance(message, PrePrepare | ViewChange) and message.prepared is not None:
        proof = message.prepared
        for seal in proof.seals:
            yield Prepare(proof.height, proof.view, proof.block_id, seal.seat, seal.signature)


def _author(now: Instance, statement: Signed) -> Seat:
    if isinstance(statement, PrePrepare):
        return primary_of(now.validators, now.height, statement.view)
    return statement.seat


def _against(now: Instance, statement: Signed) -> Iterator[Equivocation]:
    match statement:
        case PrePrepare():
            proposed = now.proposals.get(statement.view)
            if proposed is not None and proposed.block_id != statement.block_id:
                yield Equivocation(proposed, statement)  # E1
        case Prepare():
            prepared = now.prepares.find(statement.view, statement.seat)
            if prepared is not None and prepared.block_id != statement.block_id:
                yield Equivocation(prepared, statement)  # E2
            committed = now.commits.find(statement.view, statement.seat)
            if committed is not None and committed.block_id != statement.block_id:
                yield Equivocation(committed, statement)  # E6
        case Commit():
            yield from _against_commit(now, statement)
        case ViewChange():
            asked = now.view_changes.get(statement.seat)
            if asked is not None and asked.view == statement.view and differ(asked, statement):
                yield Equivocation(asked, statement)  # E4
            for view in now.commits.views():
                committed = now.commits.find(view, statement.seat)
                if committed is not None and _forgets(statement, committed):
                    yield Equivocation(committed, statement)  # E5
        case _:
            assert_never(statement)


def _against_commit(now: Instance, commit: Commit) -> Iterator[Equivocation]:
    committed = now.commits.find(commit.view, commit.seat)
    if committed is not None and committed.block_id != commit.block_id:
        yield Equivocation(committed, commit)  # E3
    prepared = now.prepares.find(commit.view, commit.seat)
    if prepared is not None and prepared.block_id != commit.block_id:
        yield Equivocation(prepared, commit)  # E6
    asked = now.view_changes.get(commit.seat)
    if asked is not None and _forgets(asked, commit):
        yield Equivocation(asked, commit)  # E5


def differ(one: ViewChange, other: ViewChange) -> bool:
    """Whether two view changes for one view claim different things."""
    return (one.prepared_view, one.prepared_id) != (other.prepared_view, other.prepared_id)


def _forgets(change: ViewChange, commit: Commit) -> bool:
    return change.prepared_view < commit.view < change.view
