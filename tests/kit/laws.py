"""The laws that hold in every run: what may be said, and what a replica may hold, after every step.

They are written from docs/protocol.md and not from the replica's code. The first half judges every
statement of an honest seat against all that was said before, restarts included; the second half
judges the state of a replica against what it was a moment ago.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from consensus import effects as do
from consensus.effects import Effect
from consensus.instance import Instance
from consensus.messages import Commit, LogEntry, Message, Prepare, PrePrepare, ViewChange
from kit.dialogue import Machine, cast_key, is_backed
from primitives import limits
from primitives.certificate import Certificate, check_shape
from primitives.ids import NO_VIEW, BlockId, Height, Seat, View
from primitives.validators import faults_tolerated, primary_of, quorum

Vote = tuple[type[Effect], View, Seat]


@dataclass(frozen=True)
class Moment:
    """What a replica held when it was looked at last."""

    height: Height
    run: int
    wish: View
    entered: View
    votes: dict[Vote, BlockId]
    asked: dict[Seat, View]


class Laws:
    """Over `validators` seats, of which `liars` may say what they like."""

    def __init__(self, validators: int, liars: Iterable[Seat]) -> None:
        self._validators = validators
        self._liars = frozenset(liars)
        self._said: dict[Height, dict[tuple[Seat, type[Effect], View], Effect]] = {}
        self._decided: dict[Height, BlockId] = {}
        self._moments: dict[Seat, Moment] = {}

    # --- what is said -----------------------------------------------------------------------

    def judge_cast(self, seat: Seat, cast: Effect, records: list[LogEntry]) -> None:
        """An honest seat signs this, with these records on its disk."""
        key = cast_key(cast)
        assert key is not None, f"{cast} is no cast"
        height, view = key
        assert is_backed(cast, records), f"R35: {cast} before its record"
        said = self._said.setdefault(height, {})
        first = said.setdefault((seat, type(cast), view), cast)
        assert first == cast, f"R36: seat {seat} equivocates: {first} and {cast}"
        match cast:
            case do.CastViewChange(claim):
                self._judge_claim(seat, view, claim.prepared, records)
            case do.CastPrePrepare():
                assert seat == primary_of(self._validators, height, view), "R2: not the primary"
                self._judge_not_left(seat, height, view)
            case do.CastPrepare(_, _, block_id):
                self._judge_not_left(seat, height, view)
                self._judge_justified(block_id, view, records)
            case do.CastCommit(_, _, block_id):
                self._judge_not_left(seat, height, view)
                self._judge_commit(seat, height, view, block_id, records)
        self._judge_one_value(height)

    def _judge_not_left(self, seat: Seat, height: Height, view: View) -> None:
        left = [
            asked
            for who, kind, asked in self._said[height]
            if (who, kind) == (seat, do.CastViewChange) and asked > view
        ]
        assert not left, f"R18, R25: seat {seat} speaks in view {view} after asking for {left}"

    def _judge_claim(
        self, seat: Seat, asked: View, claim: Certificate | None, records: list[LogEntry]
    ) -> None:
        held = [entry for entry in records if isinstance(entry, Certificate) and entry.view < asked]
        highest = max(held, key=lambda certificate: certificate.view, default=None)
        assert claim == highest, f"R25: seat {seat} claims {claim}, prepared {highest}"

    def _judge_justified(self, block_id: BlockId, view: View, records: list[LogEntry]) -> None:
        """QBFT's justification, once more and in other words than the product's (R13, R14)."""
        (accepted,) = [
            entry for entry in records if isinstance(entry, PrePrepare) and entry.view == view
        ]
        assert accepted.block_id == block_id
        if view == 0:
            assert not accepted.view_changes, "R13: view changes at view 0"
            assert accepted.prepared is None, "R13: a certificate at view 0"
            return
        asked = {change.seat: change for change in reversed(accepted.view_changes)}
        assert len(asked) >= quorum(self._validators), f"R14: {len(asked)} stand behind {view}"
        assert {(one.height, one.view) for one in asked.values()} == {(accepted.height, view)}
        claims = {(one.prepared_view, one.prepared_id) for one in asked.values()}
        top = max(prepared_view for prepared_view, _ in claims)
        assert top < view, f"R14: a claim of {top} in view {view}"
        if top == NO_VIEW:
            assert accepted.prepared is None, "R14: a certificate that nobody claims"
            return
        assert (top, block_id) in claims, "R14: not the block of the highest claim"
        proof = accepted.prepared
        assert proof is not None, "R14: a claim without its proof"
        assert (proof.height, proof.view, proof.block_id) == (accepted.height, top, block_id)
        check_shape(proof, self._validators)

    def _judge_commit(
        self, seat: Seat, height: Height, view: View, block_id: BlockId, records: list[LogEntry]
    ) -> None:
        own = self._said[height].get((seat, do.CastPrepare, view))
        prepared = do.CastPrepare(height, view, block_id)
        assert own == prepared, f"R37: seat {seat} commits in {view} without preparing it"
        (proof,) = [
            entry for entry in records if isinstance(entry, Certificate) and entry.view == view
        ]
        check_shape(proof, self._validators)
        for seal in proof.seals:
            said = self._said[height].get((seal.seat, do.CastPrepare, view))
            assert seal.seat in self._liars or said == prepared, f"R19: {seal.seat} did not prepare"

    def _judge_one_value(self, height: Height) -> None:
        """What a quorum may have committed to in a view is all that is prepared above it.

        The induction of "Why it is safe" in docs/protocol.md, looked at in every step: it breaks
        before two blocks are decided.
        """
        commits: dict[tuple[View, BlockId], int] = {}
        prepares: set[tuple[View, BlockId]] = set()
        for cast in self._said[height].values():
            if isinstance(cast, do.CastCommit):
                place = cast.view, cast.block_id
                commits[place] = commits.get(place, len(self._liars)) + 1
            if isinstance(cast, do.CastPrepare):
                prepares.add((cast.view, cast.block_id))
        for (view, block_id), seats in commits.items():
            if seats >= quorum(self._validators):
                others = {other for above, other in prepares if above > view} - {block_id}
                assert not others, f"R14: prepared above view {view}, in which a quorum committed"

    def judge_decision(self, certificate: Certificate) -> None:
        """An honest seat decides this (R21, R22)."""
        check_shape(certificate, self._validators)
        agreed = self._decided.setdefault(certificate.height, certificate.block_id)
        assert agreed == certificate.block_id, f"R21: a fork at height {certificate.height}"

    def judge_accusation(self, one: Message, other: Message) -> None:
        """An honest replica says that these two exclude each other (R46)."""
        authors = {self._author(one), self._author(other)}
        assert len(authors) == 1, f"R46: two authors, {authors}"
        assert authors <= self._liars, f"R46: honest seat {authors} is accused by {one} and {other}"

    def _author(self, message: Message) -> Seat:
        match message:
            case PrePrepare():
                return primary_of(self._validators, message.height, message.view)
            case Prepare() | Commit() | ViewChange():
                return message.seat
            case _:
                raise ValueError(f"{message} has no author")

    # --- what is held -----------------------------------------------------------------------

    def judge_state(
        self, seat: Seat, run: int, replica: Machine, records: Collection[LogEntry]
    ) -> None:
        """A replica between two steps, in its `run`-th life, with these records of its height."""
        now = replica.now
        self._judge_place(now, records)
        if replica.awake and now.seat is not None and not now.decided:
            self._judge_views(now)
        judge_memory(now, self._validators)
        after = moment_of(now, run)
        before = self._moments.setdefault(seat, after)
        if before.height == after.height:
            assert after.wish >= before.wish, f"R8: the wish of {seat} fell to {after.wish}"
        if (before.height, before.run) == (after.height, after.run):
            assert after.entered >= before.entered, f"R8: {seat} entered {after.entered}"
            for vote in before.votes.keys() & after.votes.keys():
                assert before.votes[vote] == after.votes[vote], f"R20: {vote} was exchanged"
            assert before.asked.keys() <= after.asked.keys(), f"R26: {seat} forgot who asked"
            fell = [who for who, view in before.asked.items() if after.asked[who] < view]
            assert not fell, f"R26: {seat} took lower view changes of {fell}"
        self._moments[seat] = after

    def _judge_place(self, now: Instance, records: Collection[LogEntry]) -> None:
        if now.accepted is not None:
            assert now.accepted.view == now.wish, "R18: accepted elsewhere than in its wish"
            written = [entry.view for entry in records if isinstance(entry, PrePrepare)]
            assert now.wish in written, "R35: accepted without a record"
        held = [entry for entry in records if isinstance(entry, Certificate)]
        highest = max(held, key=lambda certificate: certificate.view, default=None)
        assert now.prepared == highest, "R19: prepared is not the highest certificate on disk"
        if now.sent_commit:
            assert highest is not None, "R19: committed without a certificate"
            assert highest.view == now.wish, "R19: committed elsewhere than in its wish"

    def _judge_views(self, now: Instance) -> None:
        views = sorted((change.view for change in now.view_changes.values()), reverse=True)
        faults = faults_tolerated(self._validators)
        if len(views) > faults:
            assert views[faults] <= now.wish, f"R27: {views} ask above {now.wish}"
        behind = sum(view >= now.wish for view in views) >= quorum(self._validators)
        if behind:
            assert now.entered == now.wish or now.wish == 0, f"R28: {now.wish} is not timed"
        if now.entered == now.wish > 0:
            assert behind or now.accepted is not None, f"R28: view {now.wish} is timed by a few"


def moment_of(now: Instance, run: int) -> Moment:
    """What is compared with the next moment."""
    votes: dict[Vote, BlockId] = {}
    for view in now.prepares.views():
        for prepare in now.prepares.of(view):
            votes[do.CastPrepare, view, prepare.seat] = prepare.block_id
    for view in now.commits.views():
        for commit in now.commits.of(view):
            votes[do.CastCommit, view, commit.seat] = commit.block_id
    asked = {seat: change.view for seat, change in now.view_changes.items()}
    return Moment(now.height, run, now.wish, now.entered, votes, asked)


def judge_memory(now: Instance, validators: int) -> None:
    """Within the bounds of R42, whatever came."""
    views = limits.VIEWS_BEHIND_KEPT + 1 + limits.VIEWS_AHEAD_KEPT
    assert len(now.proposals) <= 1 + limits.VIEWS_AHEAD_KEPT
    assert len(now.prepares.views()) <= views
    assert len(now.commits.views()) <= views
    assert len(now.view_changes) <= validators
    assert len(now.wanted) <= limits.FETCHES_MAX
    assert len(now.voted) <= views
    blocks = len(now.proposals) + len(now.view_changes) + len(now.voted) + 2 + len(now.log)
    assert len(now.bodies) <= blocks + 2
    assert len(now.verdicts) + len(now.judging) <= 2 * blocks
