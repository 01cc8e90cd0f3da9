"""When this node must not sign (consensus.md §8): lost memory, a clone, a fork (R40, R50-R52).

Safety costs liveness, never the other way round. Every reason is said once, loudly. A fence opens
by itself where that is safe (node/fence.py); the rest holds until the operator acts.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

from consensus.messages import LogEntry, Status
from ledger.membership import validators_at
from node.execution import Parent
from node.fence import Fence
from node.outbox import Note
from node.signer import Place, Signer, place_of
from node.signer_memory import Turn
from node.standing import SigningState, SigningStatus
from node.verify import Gate
from node.votelog import step_of
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.errors import BadSignature, Rejected
from primitives.ids import Height, Seat, TimeMs, ValidatorKey
from primitives.statements import Witness
from primitives.validators import ValidatorSet
from storage.chain import ChainStore

NOT_FENCED: Final = "signer.not_fenced"
HEIGHT_DECIDED: Final = "signer.height_decided"


@final
class Guard:
    """Watches over one signer; an observer has none, and looks for forks only."""

    def __init__(
        self,
        signer: Signer | None,
        store: ChainStore,
        gate: Gate,
        note: Callable[[Note], None],
    ) -> None:
        self._signer, self._store, self._gate, self._note = signer, store, gate, note
        self._fence = Fence(signer.key if signer is not None else None)
        self._said: dict[ValidatorKey, tuple[bool, Height]] = {}
        """Who answered in this run: whether it signs, at which height it said so."""
        self._forked = False
        self._rolled_back: Place | None = None
        """The signer's top that our vote log was last found to lack."""

    # --- may it sign? -----------------------------------------------------------------------

    def seat(
        self, height: Height, validators: ValidatorSet, log: Sequence[LogEntry]
    ) -> Seat | None:
        """Our seat at a height that begins, or None where we must not sign."""
        signer = self._signer
        if signer is None or signer.muted is not None or height < signer.sign_from:
            return None
        if signer.top is not None and signer.top[0] >= height:
            places = {(entry.height, entry.view, step_of(entry)) for entry in log}
            if signer.top not in places:  # R40: the database is older than the signer's memory
                self._say_rolled_back(height, signer.top)
                return None
        return validators.seat(signer.key)

    def _say_rolled_back(self, height: Height, top: Place) -> None:
        """Once, and not at each of the thousand heights that it catches up."""
        if top != self._rolled_back:
            self._rolled_back = top
            facts: dict[str, object] = {"height": height, "signed": _say(top)}
            self._note(Note("votelog.rolled_back", facts, alarming=True))

    def said_to_sign(self, validator: ValidatorKey, newest: Height) -> bool | None:
        """Whether another signs: it said so, or a newer statement of it stands at `newest`."""
        if validator not in self._said:
            return None
        signs, height = self._said[validator]
        return signs or newest > height

    def standing(
        self, parent: Parent, answered: int, *, awake: bool, seated: bool, named: bool
    ) -> SigningStatus | None:
        """Whether we sign, and if not, why; None at an observer.

        The replica is `awake` and has a seat, or not; `answered` others did so in this run (R41).
        The chain has `named` this node for its key, or another one.
        """
        signer = self._signer
        if signer is None:
            return None
        newest = signer.story[-1] if signer.story else None
        since_ms = newest.at_ms if newest is not None else None
        if signer.is_fenced or (signer.muted is None and parent.height < signer.sign_from):
            return SigningStatus(
                state=SigningState.FENCED,
                reason=signer.muted or (newest.words if newest is not None else None),
                since_ms=since_ms if signer.story else None,
                answered=self._fence.answered(parent),
                needed=self._fence.needed(parent),
                sign_from=None if signer.is_fenced else signer.sign_from,
            )
        state, reason = SigningState.SIGNING, signer.muted
        if signer.is_cloned:
            state = SigningState.CLONED
        elif signer.muted is not None:
            state = SigningState.MUTED
        elif not awake:
            state = SigningState.ASLEEP
        elif not seated:
            state = SigningState.MUTED
            reason = f"its vote log is older than its signer's memory, at height {parent.height}"
            if signer.key not in parent.validators.keys:
                reason = f"its key is not a validator's at height {parent.height}"
            elif not named:
                reason = f"the chain names another node for its key at height {parent.height}"
        return SigningStatus(
            state=state,
            reason=reason,
            since_ms=since_ms if signer.muted is not None else None,
            answered=answered,
            needed=parent.validators.quorum - 1,
            sign_from=None,
        )

    # --- what others say --------------------------------------------------------------------

    def hear_answer(
        self, author: ValidatorKey, status: Status, parent: Parent, now_ms: TimeMs
    ) -> None:
        """Another validator says where it stands."""
        self._said[author] = (status.signs, status.height)
        self._fence.hear(author, status)
        self.look_for_way_back(parent, now_ms)

    def look_for_way_back(self, parent: Parent, now_ms: TimeMs) -> None:
        """While fenced: sign again from a height that is certainly new, once one is known (R51).

        Raises:
            StorageFault, OperatorFault: it could not be made durable.
        """
        signer = self._signer
        if signer is None or not signer.is_fenced:
            return
        height = self._fence.height_to_sign_from(parent)
        if height is None or height <= signer.forgotten:
            return  # not above a statement of ours that was shown: the blocks up to it will come
        answered = self._fence.answered(parent)
        words = f"{answered} others answered at block {parent.height - 1}; before: {signer.muted}"
        signer.sign_again(Turn.RETURNED, height, words, now_ms)
        self._note(Note("signer.returns", {"sign_from": height, "reason": words}))

    def hear_shown(self, status: Status, parent: Parent, now_ms: TimeMs) -> None:
        """Another says where it stands, and shows the newest statement of ours that it knows.

        A validator may take a new key on its old node. Who is behind shows statements of the old
        one until it has followed, and so does everybody until the new one votes.

        Raises:
            RemoteFault: it is no statement of ours, and its bearer knows our key.
            StorageFault, OperatorFault: as `hear_own`.
        """
        if status.newest_of_yours is None or self._signer is None:
            return
        try:
            self.hear_own(status.newest_of_yours, now_ms)
        except BadSignature:
            if status.height >= parent.height and self._signer.key in parent.validators.keys:
                raise

    def hear_own(self, witness: Witness, now_ms: TimeMs) -> None:
        """A statement of ours: one that our signer cannot have signed silences us (R50, R52).

        Raises:
            RemoteFault: it is no statement of ours.
            StorageFault, OperatorFault: the silence could not be made durable.
        """
        signer = self._signer
        if signer is None:
            return
        place = place_of(witness.statement, self._gate.chain)
        if signer.knows(place, witness.statement):
            return
        self._gate.scheme.check(signer.key, witness.statement, witness.signature)
        if signer.muted is None:
            known = "nothing" if signer.top is None else _say(signer.top)
            said = f"others hold {_say(place)} of ours, our signer knows {known}"
            if signer.has_signed or signer.waits:
                reason = f"somebody else signs with our key: {said}"
                self._silence(Turn.CLONED, reason, now_ms)
            else:
                self._silence(Turn.FENCED, f"the signer's memory is an old one: {said}", now_ms)
        signer.forget_up_to(place[0])

    def look_for_fork(self, certificate: Certificate, now_ms: TimeMs) -> None:
        """A certificate of a decided height: for another block, it is the worst news there is.

        Raises:
            RemoteFault: it does not verify.
            StorageFault, OperatorFault: the silence could not be made durable.
        """
        height = certificate.height
        if self._forked or not 0 < height <= self._store.head().height:
            return
        try:
            ours = self._store.certificate(height)
        except Rejected:  # from before this node was born of a snapshot: nothing to hold it against
            return
        if ours is None or ours.block_id == certificate.block_id:
            return
        with self._store.state() as state:  # who voted then, which others may have replaced
            validators = validators_at(state, height)
        self._gate.decided(certificate, height, validators)
        self._forked = True
        reason = (
            f"two certified blocks of height {height}: "
            f"{ours.block_id.hex()} here, {certificate.block_id.hex()} there"
        )
        theirs = encode(certificate).hex()  # ours is in the database: both are kept
        self._silence(Turn.FORKED, reason, now_ms, certificate=theirs)

    def _silence(self, turn: Turn, reason: str, now_ms: TimeMs, **facts: object) -> None:
        self._note(Note(_EVENTS[turn], {"reason": reason, **facts}, alarming=True))
        if self._signer is not None:
            self._signer.silence(turn, reason, now_ms)

    # --- what the operator says -------------------------------------------------------------

    def unfence(self, height: Height | None, by: str, parent: Parent, now_ms: TimeMs) -> None:
        """The operator answers for it that nobody else has the key (any more).

        With a height, also for it that nothing was ever signed there or above; without one, the
        answers of the others from now on shall tell (R51).

        Raises:
            Rejected: it is not fenced, or that is certainly not so.
            StorageFault, OperatorFault: it could not be made durable.
        """
        signer = self._signer
        if signer is None or not signer.can_return:
            raise Rejected(NOT_FENCED, "this node is neither fenced nor cloned")
        decided = self._fence.certainly_decided(parent)
        if height is not None and height <= decided:
            raise Rejected(
                HEIGHT_DECIDED,
                f"block {decided} is decided, and this node may have voted for it: "
                f"expected a height of at least {decided + 1}, found {height}",
                {"expected": f"at least {decided + 1}", "actual": height},
            )
        words = f"{by} answers for it; before: {signer.muted or 'to sign from a later height'}"
        if height is None:
            self._fence.forget_answers()
            signer.silence(Turn.FENCED, words, now_ms)
        else:
            signer.sign_again(Turn.UNFENCED, height, words, now_ms)
        facts: dict[str, object] = {"by": by, "sign_from": height, "reason": words}
        self._note(Note("signer.unfenced", facts, alarming=True))


_EVENTS: Final = {
    Turn.FENCED: "signer.fenced",
    Turn.CLONED: "signer.cloned",
    Turn.FORKED: "chain.forked",
}


def _say(place: tuple[int, int, object]) -> str:
    height, view, step = place
    return f"{getattr(step, 'name', step)} of {height}/{view}"
