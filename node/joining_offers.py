"""Choosing a snapshot: what peers offer, proved one by one, and one written where need be.

All peers are asked at once, and a peer's own offers one after the other, the newest first, until
one holds. When the first is proved, the others have a moment more: a peer that claims a height and
then dawdles holds nobody up.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final, final

import trio

from node.joining_choice import (
    Pin,
    Place,
    Proved,
    begins_at_genesis,
    best,
    is_far,
    is_trusted,
    leads_on,
    prove,
)
from node.joining_peers import UNREACHED, Circle
from node.snapshot_format import sha256
from node.snapshot_questions import SnapshotManifest
from node.work import Progress
from p2p.peers import PeerId
from primitives import limits
from primitives.errors import RemoteFault
from primitives.ids import Height

LOOK_S: Final = 1.0
"""How often peers are asked again what they hold, while there is nothing else to do."""
BEGINS_S: Final = 5.0
"""So soon a peer that was asked to write a snapshot says that it does, or another one is asked."""
STALLED_S: Final = 30.0
"""A peer that writes one gets on in this time, or another one is asked."""
WRITTEN_S: Final = 1_800.0
"""So long it is waited for, however it gets on: one that only says so would have us wait for ever.
An honest one that needs longer is taken when it has ended."""


@final
@dataclass(frozen=True, slots=True)
class _Writer:
    """The peer that was asked to write a snapshot; how far it was, and when it got there."""

    peer: PeerId
    done: int
    until_s: float
    given_up_s: float


@final
class Chooser:
    """Remembers what was proved by whom. Written in its trio thread only."""

    def __init__(self, circle: Circle, pin: Pin) -> None:
        self.proved: dict[PeerId, Proved] = {}
        self._circle, self._pin = circle, pin
        self._useless: set[bytes] = set()
        self._unfit: set[tuple[PeerId, Place]] = set()
        self._writer: _Writer | None = None
        self._asked_s: dict[PeerId, float] = {}
        """Who was asked to write one, and when."""
        self._said: str | None = None

    async def choose(self) -> Proved | None:
        """The snapshot to begin from; None where the node begins at genesis."""
        while True:
            await self._circle.ask_offers()
            await self._prove_offers()
            offers = list(self._circle.offers.values())
            found = best(self.proved.values(), offers, self._useless)
            if found is not None and not is_far(found.manifest.height, offers):
                return found
            if not any(offer.snapshots for offer in offers) and begins_at_genesis(offers):
                self._say("no peer offers a snapshot, and the chain is short")
                return None
            if offers and not await self._is_being_written():
                if found is not None:
                    return found
                if leads_on(Height(0), offers):
                    self._say("no peer offers a snapshot, or writes one")
                    return None
                self._say(
                    "no peer offers a snapshot from which blocks lead on, or writes one, and none "
                    "keeps all blocks: have an operator write one (`mithaq snapshot create`)"
                )
            await self._circle.changes(within_s=LOOK_S)

    def forget(self, proved: Proved) -> None:
        """A chunk that this manifest lists is nowhere, or is false."""
        self._useless.add(sha256(proved.data))

    def vouchers(self, proved: Proved) -> list[PeerId]:
        """Whose manifest lists just these chunks."""
        return [peer for peer, one in self.proved.items() if one.files == proved.files]

    def _say(self, words: str) -> None:
        if self._said != words:
            self._said = words
            self._circle.ear.say(words)

    # --- manifests --------------------------------------------------------------------------

    async def _prove_offers(self) -> None:
        for gone in self.proved.keys() - self._circle.offers.keys():
            del self.proved[gone]
        with trio.CancelScope() as patience:
            async with trio.open_nursery() as tasks:
                for peer in self._circle.present():
                    tasks.start_soon(self._prove_offer, peer, patience)

    async def _prove_offer(self, peer: PeerId, patience: trio.CancelScope) -> None:
        offer = self._circle.offers.get(peer)
        for one in () if offer is None else offer.snapshots:
            place = (one.height, one.state_root)
            held = self.proved.get(peer)
            if held is not None and held.place == place:
                return
            if (peer, place) in self._unfit:
                continue
            proved = await self._fetched(peer, place)
            if proved is not None:
                self.proved[peer] = proved
                patience.deadline = min(
                    patience.deadline, trio.current_time() + limits.JOIN_GRACE_S
                )
                return

    async def _fetched(self, peer: PeerId, place: Place) -> Proved | None:
        """A manifest of a peer, if it holds and is of use."""
        circle, height = self._circle, place[0]
        try:
            data = await circle.fetch(
                peer,
                lambda offset: SnapshotManifest(*place, offset),
                f"the manifest of height {height}",
                bytes_max=limits.SNAPSHOT_MANIFEST_BYTES_MAX,
            )
            if data is None:
                return None
            proved = await trio.to_thread.run_sync(prove, data, place, self._pin)
        except UNREACHED:
            return None
        except RemoteFault as fault:
            circle.lied(peer, f"the manifest of height {height}: {fault}")
            return None
        if not is_trusted(proved.manifest, self._pin):
            self._unfit.add((peer, place))
            circle.ear.say(
                f"{circle.name(peer)}'s snapshot of height {height} is of other validators than "
                "those that the bundle names, and older: it is left aside"
            )
            return None
        return proved

    # --- one to be written ------------------------------------------------------------------

    async def _is_being_written(self) -> bool:
        """Whether a peer writes a snapshot, or was asked to a moment ago; asks the next one."""
        now_s, offers = trio.current_time(), self._circle.offers
        if self._writer is not None:
            offer = offers.get(self._writer.peer)
            writing = None if offer is None else offer.writing
            if writing is not None and writing.done != self._writer.done:
                self._writer = replace(
                    self._writer,
                    done=writing.done,
                    until_s=min(now_s + STALLED_S, self._writer.given_up_s),
                )
                what = f"entries, in a snapshot that {self._circle.name(self._writer.peer)} writes"
                self._circle.ear.hear(Progress(writing.done, writing.total, what))
            if now_s < self._writer.until_s:
                return True
            if now_s >= self._writer.given_up_s:
                self._asked_s[self._writer.peer] = inf
        again_s = now_s - limits.SNAPSHOT_ON_REQUEST_S
        left = [peer for peer in offers if self._asked_s.get(peer, again_s) <= again_s]
        if not left:
            self._writer = None
            return False
        peer = min(left, key=lambda one: (offers[one].writing is None, one))
        self._asked_s[peer] = now_s
        self._writer = _Writer(peer, -1, now_s + BEGINS_S, now_s + WRITTEN_S)
        name = self._circle.name(peer)
        self._circle.ear.say(f"no peer offers a snapshot that serves: {name} is asked to write one")
        await self._circle.ask_offers(write_at=peer)
        return True
