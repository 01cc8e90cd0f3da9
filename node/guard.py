"""When this node must not sign (consensus.md §8): lost memory, a clone, a fork.

Safety costs liveness, never the other way round. Every reason is said once, loudly, and holds until
the operator acts.
"""

from collections.abc import Callable, Sequence
from typing import final

from consensus.messages import LogEntry
from ledger.membership import validators_at
from node.outbox import Note
from node.signer import Signer, place_of
from node.verify import Gate
from node.votelog import step_of
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.ids import Height, Seat
from primitives.statements import Witness
from primitives.validators import ValidatorSet
from storage.chain import ChainStore


@final
class Guard:
    """Watches over one signer; without one there is nothing to watch."""

    def __init__(
        self,
        signer: Signer | None,
        store: ChainStore,
        gate: Gate,
        note: Callable[[Note], None],
    ) -> None:
        self._signer, self._store, self._gate, self._note = signer, store, gate, note

    def seat(
        self, height: Height, validators: ValidatorSet, log: Sequence[LogEntry]
    ) -> Seat | None:
        """Our seat at a height that begins, or None where we must not sign."""
        signer = self._signer
        if signer is None or signer.muted is not None:
            return None
        if signer.top is not None and signer.top[0] >= height:
            places = {(entry.height, entry.view, step_of(entry)) for entry in log}
            if signer.top not in places:  # R40: the database is older than the signer's memory
                facts: dict[str, object] = {"height": height, "signed": _say(signer.top)}
                self._note(Note("votelog.rolled_back", facts, alarming=True))
                return None
        return validators.seat(signer.key)

    def hear_own(self, witness: Witness | None) -> None:
        """A peer shows us a statement of ours: if our signer does not know it, be silent.

        Raises:
            RemoteFault: it is no statement of ours.
        """
        signer = self._signer
        if witness is None or signer is None or signer.muted is not None:
            return
        place = place_of(witness.statement, self._gate.chain)
        if signer.knows(place, witness.statement):
            return
        self._gate.scheme.check(signer.key, witness.statement, witness.signature)
        known = "nothing" if signer.top is None else _say(signer.top)
        self._mute(
            "signer.muted",
            f"a peer holds a statement of ours of {_say(place)}, our signer knows {known}",
        )

    def look_for_fork(self, certificate: Certificate) -> None:
        """A certificate of a decided height: for another block, it is the worst news there is.

        Raises:
            RemoteFault: it does not verify.
        """
        height = certificate.height
        if not 0 < height <= self._store.head().height:
            return
        ours = self._store.certificate(height)
        if ours is None or ours.block_id == certificate.block_id:
            return
        with self._store.state() as state:  # who voted then, which others may have replaced
            validators = validators_at(state, height)
        self._gate.decided(certificate, height, validators)
        self._mute(
            "chain.forked",
            f"two certified blocks of height {height}: "
            f"{ours.block_id.hex()} here, {certificate.block_id.hex()} there",
            certificate=encode(certificate).hex(),  # ours is in the database: both are kept
        )

    def _mute(self, event: str, reason: str, **facts: object) -> None:
        if self._signer is not None:
            self._signer.mute(reason)
        self._note(Note(event, {"reason": reason, **facts}, alarming=True))


def _say(place: tuple[int, int, object]) -> str:
    height, view, step = place
    return f"{getattr(step, 'name', step)} of {height}/{view}"
