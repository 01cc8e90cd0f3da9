"""From a socket to a connection with streams: Noise behind the gate, then our yamux.

libp2p's upgrader, which negotiates both within bounds (`p2p.negotiation`) and knows no other
handshake and no other multiplexer.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, final

from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.protocol_muxer.exceptions import MultiselectClientError, MultiselectError
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux as LibraryYamux
from libp2p.transport.exceptions import MuxerUpgradeFailure
from libp2p.transport.upgrader import TransportUpgrader

from p2p.bucket import Bucket
from p2p.gate import GatedNoise
from p2p.negotiation import bound
from p2p.peers import PeerId
from p2p.streams import peer_id_text
from p2p.yamux import Allotment, Yamux
from primitives import limits
from primitives.errors import Malformed, RemoteFault

FaultHandler: TypeAlias = Callable[[PeerId, RemoteFault], Awaitable[None]]

STEP_S: Final = 5.0
"""A handshake, or the opening of a stream, takes longer only if the peer is in trouble."""


@final
class Upgrader(TransportUpgrader):
    """Makes connections whose faults `on_fault` hears of."""

    def __init__(self, noise: GatedNoise, on_fault: FaultHandler) -> None:
        # The class is the library's name of a multiplexer; `upgrade_connection` makes ours.
        super().__init__({NOISE: noise}, {TProtocol(YAMUX): LibraryYamux}, int(STEP_S))
        bound(self.security_multistream._selector)
        bound(self.muxer_multistream._selector)
        self._on_fault = on_fault
        self._shares: dict[ID, Allotment] = {}

    async def upgrade_connection(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        """Agree on yamux, and speak it."""
        try:
            await self.muxer_multistream.select_transport(conn)
        except (MultiselectError, MultiselectClientError) as error:
            raise MuxerUpgradeFailure("no common multiplexer") from error

        async def on_fault(fault: Malformed) -> None:
            await self._on_fault(peer_id_text(peer_id), fault)

        return Yamux(conn, peer_id, self._share_of(peer_id), on_fault)

    def _share_of(self, peer: ID) -> Allotment:
        """One for all of a peer's connections, and for those after them."""
        share = self._shares.pop(peer, None) or Allotment(
            Bucket(per_second=limits.MUX_WORK_PER_SECOND, full=limits.MUX_WORK_PER_SECOND)
        )
        self._shares[peer] = share  # the latest to connect is the last to be forgotten
        if len(self._shares) > limits.PEERS_MAX:
            del self._shares[next(iter(self._shares))]
        return share
