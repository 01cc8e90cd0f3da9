"""What a node has noticed of the others: links, words, signatures, and how the blocks come.

Only for people: nothing here is asked by the engine. All times are moments of one steady clock that
the caller reads, so that a machine whose clock is set anew still tells how long ago something was.
Every memory is bounded by the number of nodes that may connect, or says so.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, final

from consensus.events import Link
from node.about import About, parameters_digest
from node.answers import Allowance
from node.engine import Engine
from node.signer import Place
from node.wire import Decided
from primitives import limits
from primitives.ids import Digest, Height, Seat, TimeMs, TransactionId, ValidatorKey, View

CLOCKS_KEPT: Final = 3
"""Of what a peer said of its clock: the least delayed of three counts, and a clock that was set
right is believed after a quarter of a minute."""


@final
@dataclass(slots=True)
class Contact:
    """A peer, as far as there was a link with it in this run."""

    linked: bool = False
    turned_ms: int = 0
    """When the link came up, or went down."""
    heard_ms: int | None = None
    """When it last said anything on its link."""
    about: About | None = None
    about_ms: int = 0
    behind: int = 0
    """Blocks that it lacked of ours when it said so; ahead if negative."""
    same_parameters: bool | None = None
    """As ours, where it spoke of the same block."""
    clocks: deque[int] = field(default_factory=lambda: deque(maxlen=CLOCKS_KEPT))
    """How far its clock was ahead of ours, less what its word was under way."""

    @property
    def clock_ahead_ms(self) -> int | None:
        """What delay can only make smaller, so the largest of the newest."""
        return max(self.clocks, default=None)


@final
@dataclass(frozen=True, slots=True)
class SeenBlock:
    """A block that became durable here in this run."""

    height: Height
    view: View
    validators: Digest
    seats: frozenset[Seat]
    """Of those in its certificate: a quorum, of perhaps more who signed."""
    at_ms: int


@final
@dataclass(frozen=True, slots=True)
class _Step:
    """How far the replica is at a height: any change of it is progress."""

    height: Height
    wish: View
    entered: View
    has_proposal: bool
    accepted: bool
    committed: bool


@final
class Lookout:
    """Written by the shell alone."""

    def __init__(self, engine: Engine, now_ms: int) -> None:
        self.began_ms = now_ms
        self._engine = engine
        self.contacts: dict[Link, Contact] = {}
        self.untold: set[Link] = set()
        """Links that came up and were told nothing yet."""
        self.blocks: deque[SeenBlock] = deque(maxlen=limits.BLOCKS_WATCHED)
        self.finality: deque[int] = deque(maxlen=limits.FINALITY_KEPT)
        """How long transactions took that clients submitted here, in milliseconds."""
        self._submitted: dict[TransactionId, int] = {}
        self.signed: dict[ValidatorKey, tuple[Place, int]] = {}
        """The newest statement of each validator, and when it was first seen here."""
        self.step_ms = now_ms
        """Since when the replica has been where it is."""
        self.work_ms: int | None = None
        """Since when there has been something to decide at this height."""
        self._step: _Step | None = None
        self._allowance = Allowance(limits.ABOUTS_PER_SECOND)

    # --- links --------------------------------------------------------------------------------

    def link_up(self, link: Link, now_ms: int) -> None:
        """Both directions work. What was said on the last link may be another process's word."""
        contact = self._contact(link)
        contact.linked, contact.turned_ms = True, now_ms
        contact.about, contact.same_parameters = None, None
        contact.clocks.clear()
        self.untold.add(link)

    def link_down(self, link: Link, now_ms: int) -> None:
        """One of them broke."""
        contact = self._contact(link)
        contact.linked, contact.turned_ms = False, now_ms
        self.untold.discard(link)

    def heard(self, link: Link, now_ms: int) -> None:
        """Something came on a peer's own link."""
        self._contact(link).heard_ms = now_ms

    def told(self, link: Link, said: About, now_ms: int, clock_ms: TimeMs) -> None:
        """A peer says where it stands; `clock_ms` is our clock at this moment."""
        if not self._allowance.allows(link, TimeMs(now_ms)):
            return
        contact = self._contact(link)
        parent = self._engine.parent
        contact.about, contact.about_ms = said, now_ms
        contact.behind = parent.height - 1 - said.height
        if contact.behind == 0:
            contact.same_parameters = said.parameters == parameters_digest(parent.parameters)
        contact.clocks.append(said.clock_ms - clock_ms)

    def _contact(self, link: Link) -> Contact:
        contact = self.contacts.get(link)
        if contact is None:
            if len(self.contacts) >= limits.CONTACTS_KEPT_MAX:  # of nodes admitted no more
                gone = (name for name, one in self.contacts.items() if not one.linked)
                self.contacts.pop(next(gone, link), None)
            contact = self.contacts[link] = Contact()
        return contact

    def is_live(self, link: Link, now_ms: int) -> bool:
        """Whether there is a link, and something came on it a moment ago.

        Validators that make no progress tell each other where they stand twice a second.
        """
        contact = self.contacts.get(link)
        if contact is None or not contact.linked:
            return False
        heard_ms = max(contact.turned_ms, contact.heard_ms or 0)
        stalled_ms = 0 if self.work_ms is None else now_ms - self.work_ms
        votes = self._engine.signing is not None
        stalled = votes and stalled_ms > limits.QUIET_STALLED_MS
        return now_ms - heard_ms <= (limits.QUIET_STALLED_MS if stalled else limits.QUIET_MS)

    # --- the chain ----------------------------------------------------------------------------

    def decided(self, decided: Decided, now_ms: int) -> None:
        """A block is durable here."""
        header, certificate = decided.block.header, decided.certificate
        seats = frozenset(seal.seat for seal in certificate.seals)
        self.blocks.append(
            SeenBlock(header.height, certificate.view, header.validators_hash, seats, now_ms)
        )

    def submitted(self, identifiers: Iterable[TransactionId], now_ms: int) -> None:
        """Clients' transactions were taken; their time runs, of so many at once."""
        for identifier in identifiers:
            self._submitted.setdefault(identifier, now_ms)
            if len(self._submitted) > limits.FINALITY_WATCHED:
                del self._submitted[next(iter(self._submitted))]

    def final(self, identifiers: Iterable[TransactionId], now_ms: int) -> None:
        """These stand in a durable block."""
        for identifier in identifiers:
            began_ms = self._submitted.pop(identifier, None)
            if began_ms is not None:
                self.finality.append(now_ms - began_ms)

    def look(self, now_ms: int) -> None:
        """Regularly: what has changed since the last look, at the height at hand."""
        engine, now = self._engine, self._engine.instance
        step = _Step(
            now.height,
            now.wish,
            now.entered,
            now.wish in now.proposals,
            now.accepted is not None,
            now.sent_commit,
        )
        if self._step is None or self._step.height != step.height:
            self.work_ms = None
        if step != self._step:
            self._step, self.step_ms = step, now_ms
        begun = now.work or now.work_seen or now.entered >= 0 or bool(now.view_changes)
        if self.work_ms is None and (begun or len(engine.mempool) > 0):
            self.work_ms = now_ms
        places = {key: engine.witnesses.place_of(key) for key in engine.validators.keys}
        self.signed = {
            key: self._first_seen(key, place, now_ms)
            for key, place in places.items()
            if place is not None
        }

    def _first_seen(self, key: ValidatorKey, place: Place, now_ms: int) -> tuple[Place, int]:
        known = self.signed.get(key)
        return known if known is not None and known[0] == place else (place, now_ms)
