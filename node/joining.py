"""A new node's way into a network: from a bundle to a database, by a snapshot from its peers.

```
links ─► offers ─► manifests ─► chunks, of all who hold the same state ─► restore ─► the node starts
         hints     proved from  each proved by the state root on arrival
                   the pin      and kept on disk
```

Peers are asked all at once, and none is believed: a manifest counts when the pin leads to it, a
chunk when its hashes lead to the state root. Who sends something else is dropped and named. Where
the snapshot that was begun is offered no longer, or a chunk of it nowhere, the choice is made anew;
chunks of the same state stay. What is on disk survives an interruption: the next run goes on there.

Where nobody offers one, a peer is asked to write one; a short chain is fetched from its first block
instead, which the node does by itself when it runs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import trio

from ledger.genesis import GenesisDocument
from node.bundle import check_document
from node.joining_choice import Pin, Proved, holds, is_trusted, leads_on, prove
from node.joining_disk import Larder
from node.joining_fetch import Fetch, Outcome
from node.joining_offers import Chooser
from node.joining_peers import UNREACHED, Circle, Ear
from node.snapshot_format import Manifest
from node.snapshot_restore import restore
from node.work import Progress
from p2p.network import Network, open_network
from p2p.peers import Peer, PeerId
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault, RemoteFault, sole
from primitives.ids import ChainId

WORDS_S: Final = 5.0
"""How often it is said who is not reached, while nobody is and something has changed."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who joins, and what it was given."""

    node_seed: bytes
    listen: str
    pin: Pin
    peers: tuple[Peer, ...]
    larder: Larder
    data: Path
    """The folder of the database, which does not exist yet."""


@final
class Session:
    """A newcomer's time among its peers."""

    def __init__(self, newcomer: Newcomer, circle: Circle) -> None:
        self._newcomer, self._circle = newcomer, circle

    async def genesis(self) -> GenesisDocument:
        """The document that the chain began with: whoever has it, its hash tells."""
        circle, chain = self._circle, self._newcomer.pin.chain
        while True:
            for peer in circle.present():
                try:
                    data = await circle.fetch_genesis(peer)
                    if data is not None:
                        return await trio.to_thread.run_sync(_document, data, chain)
                except UNREACHED:
                    continue
                except RemoteFault as fault:
                    circle.lied(peer, f"the genesis document: {fault}")
            await circle.changes(within_s=1.0)

    async def snapshot(self) -> Manifest | None:
        """The snapshot that has become the database; None where the node begins at genesis.

        Raises:
            OperatorFault, StorageFault: the disk.
        """
        newcomer, circle = self._newcomer, self._circle
        chooser = Chooser(circle, newcomer.pin)
        chosen = await self._resumed() or await chooser.choose()
        while chosen is not None:
            outcome = await Fetch(circle, newcomer.larder, chosen).run()
            if outcome is Outcome.WHOLE:
                outcome = await self._restore(chosen)
            if outcome is Outcome.WHOLE:
                await trio.to_thread.run_sync(newcomer.larder.clear)
                return chosen.manifest
            circle.ear.say(f"the snapshot of height {chosen.manifest.height}: {outcome.value}")
            if outcome is not Outcome.GONE:
                chooser.forget(chosen)
            if outcome is Outcome.FALSE:
                for peer in chooser.vouchers(chosen):
                    circle.lied(peer, f"its manifest of height {chosen.manifest.height} is false")
            chosen = await chooser.choose()
        await trio.to_thread.run_sync(newcomer.larder.clear)
        return None

    async def _resumed(self) -> Proved | None:
        """What an earlier run began, where it can still be ended, and blocks lead on from it."""
        newcomer, circle = self._newcomer, self._circle
        begun = await trio.to_thread.run_sync(_begun, newcomer)
        await circle.gather()
        if begun is None:
            return None
        lacking = await trio.to_thread.run_sync(newcomer.larder.lacking, begun.manifest)
        await circle.ask_offers()
        while not circle.offers:
            await circle.changes(within_s=1.0)
            await circle.ask_offers()
        offers = circle.offers.values()
        is_held = any(holds(offer, begun.place) for offer in offers)
        if not leads_on(begun.manifest.height, offers) or (lacking and not is_held):
            return None
        circle.ear.say(f"going on with the snapshot of height {begun.manifest.height}")
        return begun

    async def _restore(self, chosen: Proved) -> Outcome:
        """Have it as a database."""
        newcomer, hear = self._newcomer, self._circle.ear.hear
        source = newcomer.larder.source(chosen.manifest)

        def step(progress: Progress) -> None:
            trio.from_thread.check_cancelled()
            hear(progress)

        try:
            await trio.to_thread.run_sync(restore, source, newcomer.data, step)
        except Malformed as fault:
            self._circle.ear.say(str(fault))
            # A chunk that the disk has spoilt is fetched again; else the manifest was false.
            lacking = await trio.to_thread.run_sync(newcomer.larder.lacking, chosen.manifest)
            return Outcome.GONE if lacking else Outcome.FALSE
        return Outcome.WHOLE


def _document(data: bytes, chain: ChainId) -> GenesisDocument:
    document = decode(data, GenesisDocument, limit=limits.GENESIS_BYTES_MAX)
    try:
        check_document(document, chain)
    except OperatorFault as fault:  # as a file it would be this machine's; here a peer sent it
        raise Malformed(str(fault)) from fault
    return document


def _begun(newcomer: Newcomer) -> Proved | None:
    """What an earlier run began, if it still counts."""
    manifest = newcomer.larder.begun()
    if manifest is None or not is_trusted(manifest, newcomer.pin):
        return None
    place = (manifest.height, manifest.header.state_root)
    try:
        return prove(encode(manifest), place, newcomer.pin)
    except RemoteFault:
        return None


@asynccontextmanager
async def among_peers(newcomer: Newcomer, ear: Ear) -> AsyncIterator[Session]:
    """Links with the peers of a bundle, until the context is left.

    Raises:
        OperatorFault: the address cannot be used.
    """
    links = open_network(
        key_seed=newcomer.node_seed,
        listen=newcomer.listen,
        chain_id=newcomer.pin.chain,
        peers=newcomer.peers,
        answer=_refuse,
        judge=_hear_nothing,
    )
    try:
        async with links as network, trio.open_nursery() as tasks:

            def penalise(peer: PeerId, reason: str) -> None:
                network.penalise(peer, reason, points=limits.PENALTY_POINTS_MAX)

            names = {peer.id: peer.name for peer in newcomer.peers}
            circle = Circle(network, names, ear, penalise)
            tasks.start_soon(circle.listen, network.inbox)
            tasks.start_soon(_say_who_is_missing, network, circle)
            yield Session(newcomer, circle)
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise sole(group) from None


async def _refuse(_peer: PeerId, _question: bytes) -> bytes:
    raise Malformed("this node joins, and has nothing to answer with yet")


def _hear_nothing(_peer: PeerId, _payload: bytes) -> bool:
    """Blocks that are gossiped now come again when there is a chain to judge them."""
    return False


def _reason(error: str) -> str:
    """Why there is no link, for whoever was given a bundle and no more."""
    if "protocol not supported" in error:  # its name carries the chain
        return "it answers, and is a node of another chain than the bundle's"
    return error or "no answer yet"


async def _say_who_is_missing(network: Network, circle: Circle) -> None:
    said = ""
    while True:
        await trio.sleep(WORDS_S)
        if circle.linked:
            said = ""
            continue
        reasons = [f"  {one.name}: {_reason(one.last_error)}" for one in network.links().values()]
        words = "\n".join(["no node of the bundle is linked; they are tried on and on:", *reasons])
        if words != said:
            said = words
            circle.ear.say(words)
