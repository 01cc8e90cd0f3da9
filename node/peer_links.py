"""A node's links as its operator sees them, and as its status tells: put together from the peering,
which knows who they are, and the network, which knows how they do.
"""

from collections.abc import Callable, Mapping
from typing import final

from node.link_status import PeerLink, PenaltyStatus
from node.peering import Peering
from node.status import NodeRole, PeerStatus
from p2p.links import LinkStatus
from p2p.peers import PeerId, peer_id_of
from primitives.ids import AccountId, Height, NodeKey


@final
class PeerLinks:
    """Both views of the same links."""

    def __init__(
        self,
        peering: Peering,
        links: Callable[[], Mapping[PeerId, LinkStatus]],
        heights: Mapping[PeerId, Height],
    ) -> None:
        self._peering, self._links, self._heights = peering, links, heights

    def statuses(self) -> tuple[PeerStatus, ...]:
        """For everybody."""
        links = self._links()
        return tuple(
            PeerStatus(
                name=one.name,
                node_key=one.node_key,
                addresses=one.addresses,
                role=self._role(one.node_key),
                account=self._account(one.node_key),
                connected=links[peer].connected,
                last_seen_height=self._heights.get(peer),
            )
            for one in self._peering.neighbours
            if (peer := peer_id_of(one.node_key)) in links
        )

    def details(self, now_s: float) -> tuple[PeerLink, ...]:
        """For the operator; `now_s` is the clock of the links."""
        links = self._links()
        return tuple(
            self._link(one.name, one.node_key, links[peer], now_s)
            for one in self._peering.neighbours
            if (peer := peer_id_of(one.node_key)) in links
        )

    def _link(self, name: str, node_key: NodeKey, link: LinkStatus, now_s: float) -> PeerLink:
        return PeerLink(
            name=name,
            node_key=node_key,
            role=self._role(node_key),
            account=self._account(node_key),
            addresses=link.addresses,
            connected=link.connected,
            up_ms=None if link.since is None else _ms(now_s - link.since),
            round_trip_us=None if link.round_trip_s is None else round(1e6 * link.round_trip_s),
            last_seen_height=self._heights.get(peer_id_of(node_key)),
            sent=link.sent,
            received=link.received,
            dropped=link.dropped,
            waiting_messages=link.waiting_messages,
            waiting_bytes=link.waiting_bytes,
            bytes_per_s=int(link.share.bytes_per_s),
            messages_per_s=int(link.share.messages_per_s),
            throttled_ms=_ms(link.throttled_s),
            points=link.points,
            paused_ms=_ms(link.paused_s),
            penalties=tuple(
                PenaltyStatus(reason=one.reason, points=one.points, ago_ms=_ms(now_s - one.at))
                for one in link.penalties
            ),
            last_error=link.last_error,
        )

    def _role(self, node_key: NodeKey) -> NodeRole | None:
        known = self._peering.admitted(node_key)
        if known is None:
            return None
        return NodeRole.VALIDATOR if known.votes else NodeRole.OBSERVER

    def _account(self, node_key: NodeKey) -> AccountId | None:
        known = self._peering.admitted(node_key)
        return None if known is None else known.account


def _ms(seconds: float) -> int:
    return max(0, round(1000 * seconds))
