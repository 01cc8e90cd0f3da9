"""Who gets a connection: the allow-list, asked as soon as a handshake has proved a peer id.

`GatedNoise` wraps libp2p's Noise transport. A peer id that is not listed, or is paused for what it
did, is refused: the socket closes before a multiplexer, and so before any protocol, exists.
Outward, the dialled peer id is insisted on before our own is sent. Refusals are counted by reason.

What is written to an admitted connection is written whole, or is the last.
"""

from collections import Counter
from collections.abc import Collection
from typing import NoReturn
from weakref import WeakSet

import trio
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.peer.id import ID
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from libp2p.security.noise.transport import Transport as NoiseTransport

from p2p.noise import Handshake
from p2p.peers import PeerId
from p2p.quota import Quota
from p2p.streams import peer_id_text


class Refused(HandshakeFailure):
    """The handshake proved a peer id that may not have a connection."""


class Gate:
    """The allow-list: who may have a connection, and what it may cost."""

    def __init__(self, allowed: Collection[PeerId]) -> None:
        self._quotas: dict[PeerId, Quota] = {}
        self.allow(allowed)
        self._paused: dict[PeerId, float] = {}
        self.refusals: Counter[str] = Counter()
        """Refused connections by reason."""

    def allow(self, allowed: Collection[PeerId]) -> None:
        """From now on these and no others."""
        self._quotas = {peer: self._quotas.get(peer) or Quota() for peer in allowed}

    def quota(self, peer: PeerId) -> Quota:
        """What a peer may cost us; a quota of its own, soon forgotten, for one that is none."""
        return self._quotas.get(peer) or Quota()

    def pause(self, peer: PeerId, seconds: float) -> None:
        """Refuse this peer's connections for a while: it broke a rule."""
        now = trio.current_time()
        self._paused = {other: until for other, until in self._paused.items() if until > now}
        self._paused[peer] = now + seconds

    def admits(self, peer: PeerId) -> bool:
        """Whether this peer may have a connection now."""
        paused_until = self._paused.get(peer, 0.0)
        return peer in self._quotas and paused_until <= trio.current_time()

    def check(self, peer: PeerId) -> None:
        """Raises:
        Refused: this peer may not have a connection now.
        """
        if not self.admits(peer):
            self.refuse("paused" if peer in self._quotas else "stranger", peer)

    def refuse(self, reason: str, peer: PeerId) -> NoReturn:
        """Count and raise a refusal."""
        self.refusals[reason] += 1
        raise Refused(f"refused {peer}: {reason}")


class GatedNoise(NoiseTransport):
    """Noise, and then the allow-list, before anybody may speak."""

    def __init__(self, key_pair: KeyPair, gate: Gate) -> None:
        super().__init__(key_pair, create_noise_key_pair().private_key)
        self.key_pair = key_pair
        self.gate = gate
        self._proved = WeakSet[IRawConnection]()

    def has_proved(self, conn: IRawConnection) -> bool:
        """Whether the other side of a connection that we dialled is who it should be."""
        return conn in self._proved

    def get_pattern(self) -> Handshake:
        """Refuse whom the gate refuses, as soon as it says who it is."""
        return Handshake(self.key_pair, self.noise_privkey, self._admit)

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        """And whoever comes too often, now that it has proved who it is."""
        secured = await super().secure_inbound(conn)
        peer = peer_id_text(secured.get_remote_peer())
        if not self.gate.quota(peer).may_connect():
            await secured.close()
            self.gate.refuse("too many connections", peer)
        return secured

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        """Insist on the dialled peer."""
        try:
            secured = await super().secure_outbound(conn, peer_id)
        except PeerIDMismatchesPubkey:  # before our own identity was sent
            self.gate.refuse("wrong peer", peer_id_text(peer_id))
        self._admit(peer_id)  # it may have gone meanwhile
        self._proved.add(conn)
        return secured

    def _admit(self, peer_id: ID) -> None:
        self.gate.check(peer_id_text(peer_id))
