"""Committed blocks to everybody: one gossipsub topic per chain, `mithaq/blocks/1/<chain id>`.

Gossipsub v1.1 of libp2p, set on purpose where its defaults serve an open network:

- **Not signed.** A block proves itself by its certificate, and the peer that relayed it is known by
  Noise; gossipsub's signature would only name the first publisher, at two Ed25519 operations and
  100 bytes per hop. Hence no "equivocation" by sequence number either: without signatures it would
  let one peer silence another's blocks, and it keeps a thousand messages in memory.
- **Named by content.** A message id is the SHA-256 of the payload, so equal bytes arrive once,
  whoever publishes them. (Two certificates of one block are two payloads: let one node publish.)
- **Spam guard.** The default drops whatever one peer relays beyond ten messages a second, and
  says nothing. Ours is `GOSSIP_MESSAGES_PER_SECOND`: every relay is a listed body, and a chain
  that hurries after a halt decides more than ten blocks a second.
- **Sizes.** The library builds its queues for 1 MiB and 32 messages, not configurable; `_Queues`
  sets ours as they are made.
- **Memory.** The ids of the latest `GOSSIP_SEEN_MAX` messages are known, without a thread.
- **Mesh.** Degree 4 (3..8): at 40 nodes a block reaches all in three or four hops, and each node
  gets it about five times.
- **Repair.** Each heartbeat (1 s) tells peers outside the mesh the ids of recent messages, and they
  ask for what they lack. The library leaves out those that were pruned in the last minute, who
  alone need it, and names messages otherwise than they are recognised, so that everything is asked
  for and sent again: hence `_Cache` and two methods of `_Router`.

- **Judged.** A payload is looked at before it is passed on (`Judge`), so that what is invalid ends
  with its first receiver.

Gossip is a convenience: what is lost here is found by request. So nothing waits for it: a full
inbox or a full queue drops, and counts.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from math import inf
from typing import Final, TypeAlias

import trio
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.mcache import CacheEntry, MessageCache
from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlIHave, ControlIWant, Message
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.tools.anyio_service import background_trio_service
from libp2p.tools.timed_cache.last_seen_cache import LastSeenCache
from libp2p.utils.varint import read_varint_prefixed_bytes_limited

from p2p.faults import PayloadTooLarge
from p2p.gossip_rpc import read_rpc
from p2p.host import Host
from p2p.inbox import Delivery, Inbox, Via
from p2p.peers import PeerId
from p2p.quota import Quota
from p2p.streams import STREAM_ERRORS, Stream, drop, stream_peer
from primitives import limits
from primitives.errors import Malformed

Judge: TypeAlias = Callable[[PeerId, bytes], bool]
"""Asked once about each new payload and who passed it on: false, and it goes no further, neither to
the inbox nor to other peers. It must not wait, and must not be dear."""


def let_pass(_peer: PeerId, _payload: bytes) -> bool:
    """The judge who finds nothing wrong."""
    return True


GOSSIPSUB: Final = TProtocol("/meshsub/1.1.0")
_HEARTBEAT_S: Final = 1
_DEGREE: Final = 4
_RPC_BYTES_MAX: Final = limits.GOSSIP_BYTES_MAX + 64 * 1024
"""A message in its envelope, with control messages beside it."""


def topic_of(chain_id: bytes) -> str:
    """The topic of one chain's blocks."""
    return f"mithaq/blocks/1/{chain_id.hex()}"


class _Queues(dict[ID, RpcQueue]):
    """The outgoing queue of each gossip peer, set to our sizes as the library makes it."""

    def __setitem__(self, peer: ID, queue: RpcQueue) -> None:
        queue.max_message_size = _RPC_BYTES_MAX
        queue._queue.max_size = limits.GOSSIP_WAITING_MAX
        super().__setitem__(peer, queue)


class _Seen(LastSeenCache):
    """The ids of the latest messages; the library's sweeps an unbounded table in a thread."""

    def __init__(self) -> None:
        self.cache: dict[bytes, int] = {}

    def add(self, key: bytes) -> bool:
        is_new = key not in self.cache
        self.cache[key] = 0
        if len(self.cache) > limits.GOSSIP_SEEN_MAX:
            del self.cache[next(iter(self.cache))]
        return is_new

    def has(self, key: bytes) -> bool:
        return key in self.cache


class _Pubsub(Pubsub):
    """libp2p's, with our queues, and whose parsers' errors are the sender's."""

    def __init__(self, host: Host, router: GossipSub, topic: str) -> None:
        super().__init__(
            host.libp2p,
            router,
            strict_signing=False,
            msg_id_constructor=_message_id,
            max_inbound_rpc_size=_RPC_BYTES_MAX,
            max_subscriptions_per_rpc=1,
            max_subscriptions_per_peer=1,
            allowed_topics={topic},
        )
        self.peer_queues = _Queues()
        self.seen_messages.stop()
        self.seen_messages = _Seen()
        self.failures = 0
        self._topic = topic
        self._gate = host.gate
        self._reading: dict[PeerId, trio.CancelScope] = {}
        host.answer(GOSSIPSUB, self._read)  # instead of the library's registration

    async def _read(self, peer: PeerId, stream: Stream) -> None:
        """Read a peer's stream; a newer one replaces it, so that a peer fills one only."""
        if (older := self._reading.get(peer)) is not None:
            older.cancel()
        with trio.CancelScope() as scope:
            self._reading[peer] = scope
            try:
                await self.stream_handler(stream)
            finally:
                if self._reading.get(peer) is scope:
                    del self._reading[peer]
        if scope.cancelled_caught:
            await drop(stream)

    async def continuously_read_stream(self, stream: Stream) -> None:
        """Read RPCs within bounds, one message after the other: who sends more waits for us."""
        peer = stream.muxed_conn.peer_id
        quota = self._gate.quota(stream_peer(stream))
        try:
            while True:
                data = await read_varint_prefixed_bytes_limited(stream, _RPC_BYTES_MAX)
                await quota.read_message()
                await quota.read_bytes(len(data))
                await self._hear(peer, read_rpc(data, self._topic), quota)
        except STREAM_ERRORS:
            raise
        except Exception as error:
            self._handle_dead_peer(peer)
            raise Malformed(f"gossip: {error!r}") from error

    async def _hear(self, peer: ID, rpc: RPC, quota: Quota) -> None:
        for message in rpc.publish:
            await quota.read_message()
            await self.push_msg(peer, message)
        for subscription in rpc.subscriptions:
            self.handle_subscription(peer, subscription)
        if rpc.HasField("control"):
            await self.router.handle_rpc(rpc, peer)

    async def push_msg(self, msg_forwarder: ID, msg: Message) -> None:
        try:
            await super().push_msg(msg_forwarder, msg)
        except AssertionError:
            raise  # ours
        except Exception:  # noqa: BLE001 - as above; here it would end the library's task group
            self.failures += 1


class _Cache(MessageCache):
    """Recent messages under our ids; the library's knows only publisher and number."""

    def put(self, msg: Message) -> None:
        mid = _message_id(msg)
        if mid not in self.msgs:
            self.msgs[mid] = msg
            self.history[0].append(CacheEntry(mid, msg.topicIDs))


class _Router(GossipSub):
    """libp2p's, with repairs that work and without its check of sequence numbers."""

    def __init__(self) -> None:
        super().__init__(
            protocols=[GOSSIPSUB],
            degree=_DEGREE,
            degree_low=3,
            degree_high=8,
            heartbeat_interval=_HEARTBEAT_S,
            prune_back_off=10,
            # Degrees and rates are the whole policy; all peers are listed and may share a host.
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
            max_messages_per_topic_per_second=limits.GOSSIP_MESSAGES_PER_SECOND,
            max_pending_messages_per_peer=2,
        )
        self.mcache = _Cache(window_size=3, history_size=5)
        self._asked: dict[bytes, float] = {}
        self._sent: dict[ID, dict[bytes, None]] = {}
        """What each peer was sent because it asked."""

    def _get_peers_to_send(
        self, topic_ids: Iterable[str], msg_forwarder: ID, origin: ID, msg_id: bytes | None = None
    ) -> Iterable[ID]:
        """The mesh; while it is still thin, others who listen as well.

        A peer that has just come enters the mesh at the next heartbeat, and is then told of nothing
        that went by before: what is said in between would be lost to it.
        """
        assert self.pubsub is not None, "the router is attached"
        chosen = set(super()._get_peers_to_send(topic_ids, msg_forwarder, origin, msg_id))
        for topic in topic_ids:
            mesh = self.mesh.get(topic, set())
            if len(mesh) < self.degree_low:
                others = self.pubsub.peer_topics.get(topic, set()) - mesh - {msg_forwarder, origin}
                chosen.update(self.select_from_minus(_DEGREE - len(mesh), others, ()))
        return chosen

    def gossip_heartbeat(self) -> defaultdict[ID, dict[str, list[bytes]]]:
        """Tell some peers outside the mesh what is recent, above all those that were pruned."""
        assert self.pubsub is not None, "the router is attached"
        # When each message was passed on: kept for adaptive gossip, and forgotten nowhere else.
        self.recent_message_deliveries.clear()
        told: defaultdict[ID, dict[str, list[bytes]]] = defaultdict(dict)
        for topic, mesh in self.mesh.items():
            recent = self.mcache.window(topic)
            others = self.pubsub.peer_topics.get(topic, set()) - mesh if recent else set()
            for peer in self.select_from_minus(_DEGREE, others, ()):
                told[peer][topic] = recent
        return told

    async def handle_ihave(self, ihave_msg: ControlIHave, sender_peer_id: ID) -> None:
        """Ask one of those who tell of a message, not all of them at once."""
        now = trio.current_time()
        wanted = [
            mid
            for mid in ihave_msg.messageIDs[: limits.GOSSIP_WAITING_MAX]
            if now - self._asked.get(mid, -inf) > 2 * _HEARTBEAT_S
        ]
        for mid in wanted:
            self._asked[mid] = now
            if len(self._asked) > limits.GOSSIP_SEEN_MAX:
                del self._asked[next(iter(self._asked))]
        await super().handle_ihave(
            ControlIHave(topicID=ihave_msg.topicID, messageIDs=wanted), sender_peer_id
        )

    async def handle_iwant(self, iwant_msg: ControlIWant, sender_peer_id: ID) -> None:
        """Send a message once to whoever asks for it: streams lose nothing.

        libp2p's puts it into one answer as often as it is named in a question.
        """
        sent = self._sent.setdefault(sender_peer_id, {})
        wanted = [mid for mid in dict.fromkeys(iwant_msg.messageIDs) if mid not in sent]
        for mid in wanted:
            sent[mid] = None
        while len(sent) > limits.GOSSIP_SEEN_MAX:
            del sent[next(iter(sent))]
        await super().handle_iwant(ControlIWant(messageIDs=wanted), sender_peer_id)

    def remove_peer(self, peer_id: ID) -> None:
        """It is gone, and so is what it was sent."""
        self._sent.pop(peer_id, None)
        super().remove_peer(peer_id)

    def _check_equivocation(self, msg: Message) -> bool:  # noqa: ARG002 - the library's signature
        return True


class Gossip:
    """The topic of committed blocks. Made by `open_gossip`."""

    def __init__(self, pubsub: Pubsub, topic: str) -> None:
        self._pubsub = pubsub
        self._topic = topic
        self._send, self._waiting = trio.open_memory_channel[bytes](limits.GOSSIP_WAITING_MAX)
        self.published = 0
        self.received = 0
        self.stopped = 0
        """Others' payloads that went no further."""
        self.dropped = 0
        """Own payloads that found the queue full, and others' that found the inbox full."""

    def publish(self, payload: bytes) -> None:
        """Queue a payload for everybody; returns at once.

        Raises:
            PayloadTooLarge: more than `GOSSIP_BYTES_MAX`.
        """
        assert payload, "an empty payload says nothing"
        if len(payload) > limits.GOSSIP_BYTES_MAX:
            raise PayloadTooLarge(
                f"{len(payload)} bytes to gossip, at most {limits.GOSSIP_BYTES_MAX}"
            )
        try:
            self._send.send_nowait(payload)
        except trio.WouldBlock:
            self.dropped += 1

    @property
    def peers(self) -> int:
        """Nodes that listen to the topic and are connected to us."""
        return len(self._pubsub.peer_topics.get(self._topic, ()))

    async def carry(self) -> None:
        """Publish what is queued, for ever."""
        async for payload in self._waiting:
            await self._pubsub.publish(self._topic, payload)
            self.published += 1

    async def discard(self) -> None:
        """Empty the library's own queue: the payloads went to the inbox already."""
        async for _ in await self._pubsub.subscribe(self._topic):
            pass


@asynccontextmanager
async def open_gossip(
    host: Host, chain_id: bytes, inbox: Inbox, judge: Judge
) -> AsyncIterator[Gossip]:
    """Join the topic; payloads of others that `judge` lets pass go to `inbox`, each once."""
    topic = topic_of(chain_id)
    router = _Router()
    pubsub = _Pubsub(host, router, topic)
    gossip = Gossip(pubsub, topic)
    deliver = _deliverer(gossip, host.id, inbox, judge)
    pubsub.set_topic_validator(topic, deliver, is_async_validator=False)
    async with (
        background_trio_service(pubsub),
        background_trio_service(router),
        trio.open_nursery() as tasks,
    ):
        await pubsub.wait_until_ready()
        tasks.start_soon(gossip.carry)
        tasks.start_soon(gossip.discard)
        try:
            yield gossip
        finally:
            tasks.cancel_scope.cancel()


def _deliverer(
    gossip: Gossip, own: PeerId, inbox: Inbox, judge: Judge
) -> Callable[[ID, Message], bool]:
    """gossipsub's "validator": it is called once for each new message, with who relayed it."""

    def deliver(forwarder: ID, message: Message) -> bool:
        peer = PeerId(forwarder.to_base58())
        if peer == own:
            return True
        if not 0 < len(message.data) <= limits.GOSSIP_BYTES_MAX:
            return False
        if not judge(peer, message.data):
            gossip.stopped += 1
            return False
        gossip.received += 1
        if not inbox.offer(Delivery(peer, message.data, Via.GOSSIP)):
            gossip.dropped += 1
        return True

    return deliver


def _message_id(message: Message) -> bytes:
    return hashlib.sha256(message.data).digest()
