"""The peers of a node that joins: who is linked, what each says it has, and who lied.

A node that joins has no chain yet, so nothing that comes by itself can be judged: it hears only
answers to its own questions. What a peer says of itself is a hint. What breaks a rule, or is not
what was asked for, costs the peer its part in this: its links end, and it is asked no more.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar, final

import trio

from node import questions
from node.snapshot_questions import GenesisPart, Held, Joining, Offers, SnapshotOffer
from node.work import Progress
from p2p.faults import PeerUnavailable, RequestRefused
from p2p.inbox import LinkDown, LinkUp, NetworkEvent
from p2p.peers import PeerId
from primitives import limits
from primitives.codec import decode
from primitives.errors import Malformed, OperatorFault, RemoteFault

A = TypeVar("A")

UNREACHED: Final = (PeerUnavailable, RequestRefused)
"""No answer, or none to this: it may have one later, and others may now."""


class Ear(Protocol):
    """Whoever watches a node join."""

    def say(self, words: str) -> None:
        """Something happened."""
        ...

    def hear(self, progress: Progress) -> None:
        """It is so far."""
        ...


class Asker(Protocol):
    """One question to one peer."""

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        """The peer's answer."""
        ...


@final
class Circle:
    """The peers that a bundle named. Written in its trio thread only."""

    def __init__(
        self,
        network: Asker,
        names: Mapping[PeerId, str],
        ear: Ear,
        penalise: Callable[[PeerId, str], None],
    ) -> None:
        """`penalise` has the network end the links of a peer that lied."""
        self.ear = ear
        self.linked: set[PeerId] = set()
        self.liars: set[PeerId] = set()
        self.offers: dict[PeerId, Offers] = {}
        """What each said last, of those that are linked."""
        self._network, self._names, self._penalise = network, names, penalise
        self._changed = trio.Event()

    def name(self, peer: PeerId) -> str:
        """How the bundle calls it."""
        return self._names[peer]

    def present(self) -> list[PeerId]:
        """Who is linked and has not lied."""
        return sorted(self.linked - self.liars)

    @property
    def names(self) -> list[PeerId]:
        """All of them."""
        return list(self._names)

    @property
    def has_heard_all(self) -> bool:
        """Whether everybody who has not lied says what it holds."""
        return self.offers.keys() == self._names.keys() - self.liars

    async def listen(self, events: AsyncIterator[NetworkEvent]) -> None:
        """Note who is linked; what comes beside that waits for a node that can judge it."""
        async for event in events:
            match event:
                case LinkUp(peer):
                    self.linked.add(peer)
                    self.ear.say(f"linked with {self.name(peer)}")
                    self.change()
                case LinkDown(peer, reason):
                    if peer in self.linked and peer not in self.liars:
                        self.ear.say(f"the link with {self.name(peer)} is down: {reason}")
                    self.linked.discard(peer)
                    self.offers.pop(peer, None)
                    self.change()

    def change(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = trio.Event()

    async def changes(self, *, within_s: float) -> None:
        """Until something changed, or so long.

        Raises:
            OperatorFault: everybody was dropped.
        """
        self._require_somebody()
        with trio.move_on_after(within_s):
            await self._changed.wait()

    async def gather(self) -> None:
        """Until somebody is linked, and the others were as well or had a moment for it.

        Raises:
            OperatorFault: everybody was dropped.
        """
        while not self.present():
            self._require_somebody()
            await self._changed.wait()
        with trio.move_on_after(limits.JOIN_GRACE_S):
            while len(self.linked) < len(self._names):
                await self._changed.wait()

    def _require_somebody(self) -> None:
        if self.liars == self._names.keys():
            raise OperatorFault(
                "every node that the bundle names was dropped, for the reasons above: they are not "
                "of the network that the bundle pins, or the bundle is wrong; ask for another one"
            )

    def lied(self, peer: PeerId, reason: str) -> None:
        """What it sent is not what was asked for: it is asked no more."""
        if peer in self.liars:
            return
        self.liars.add(peer)
        self.offers.pop(peer, None)
        self.ear.say(f"{self.name(peer)} is dropped, for what it sent is wrong: {reason}")
        self._penalise(peer, reason)
        self.change()

    async def ask(self, peer: PeerId, question: Joining, kind: Any, *, timeout_s: float) -> Any:  # noqa: ANN401 - a union is no type for mypy
        """The answer, which is of `kind`.

        Raises:
            PeerUnavailable, RequestRefused: there is none.
            RemoteFault: it is not of this kind; the peer is dropped.
        """
        try:
            data = await self._network.request(peer, questions.write(question), timeout_s=timeout_s)
            return decode(data, kind, limit=limits.RESPONSE_BYTES_MAX)
        except RemoteFault as fault:
            self.lied(peer, str(fault))
            raise

    async def ask_offers(self, *, write_at: PeerId | None = None) -> None:
        """What everybody holds now; at one of them, perhaps after it has written a snapshot."""

        async def one(peer: PeerId) -> None:
            question = SnapshotOffer(write=peer == write_at)
            try:
                found: Offers = await self.ask(
                    peer, question, Offers, timeout_s=limits.JOIN_OFFER_S
                )
            except (*UNREACHED, RemoteFault):
                self.offers.pop(peer, None)
            else:
                self.offers[peer] = found

        async with trio.open_nursery() as asking:
            for peer in self.present():
                asking.start_soon(one, peer)

    async def fetch(
        self, peer: PeerId, ask_for: Callable[[int], Joining], what: str, *, bytes_max: int
    ) -> bytes | None:
        """Something that comes in pieces, from one peer; None where it has it no longer.

        Each is as long as may be, but the last: who dawdles byte by byte would hold us for ever.

        Raises:
            PeerUnavailable, RequestRefused, RemoteFault: as `ask`.
        """
        data = bytearray()
        total = 1
        while len(data) < total:
            found: Held | None = await self.ask(
                peer, ask_for(len(data)), Held | None, timeout_s=limits.JOIN_PIECE_S
            )
            if found is None:
                return None
            whole = min(limits.JOIN_PIECE_BYTES, found.total - len(data))
            if not 0 < len(found.data) == whole or found.total > bytes_max:
                fault = Malformed(
                    f"{what}: {len(found.data)} bytes after {len(data)} of {found.total}, "
                    f"expected some, of at most {bytes_max}"
                )
                self.lied(peer, str(fault))
                raise fault
            total = found.total
            data += found.data
            self.ear.hear(Progress(len(data), total, f"bytes of {what}"))
        return bytes(data)

    async def fetch_genesis(self, peer: PeerId) -> bytes | None:
        """The genesis document, in its canonical form."""
        return await self.fetch(
            peer, GenesisPart, "the genesis document", bytes_max=limits.GENESIS_BYTES_MAX
        )
