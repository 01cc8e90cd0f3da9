"""One link per peer: two streams, kept alive, opened again whenever they break.

Each side opens one stream to the other (`/mithaq/link/1/<chain>`) and writes its frames there; the
link is up while both exist. On the way back a stream carries only the answers to its keep-alives,
so each side knows by itself whether what it writes is read.

- **Dialling.** A peer with an address is dialled. Of two that know each other's address, the one
  with the smaller id dials at once and the other a moment later, so that there is normally one
  connection; two do no harm, each stream lives on one of them.
- **Death.** Every `keep_alive_s` the writer sends an empty frame, and the reader answers it. A
  writer without answer, or a reader without any frame, for `dead_s`, or a write that is not taken
  within `write_s`, ends the connection: a half-dead peer is dialled anew.
- **Return.** Breaks are followed by attempts after 0.2 s, doubling to 3 s, each at random between
  half and whole, so that a restarted validator is not met by everybody at once.
- **Conduct.** A frame that breaks the rules, and what the node reports of a payload, costs the peer
  points (`p2p.conduct`); with too many its connections end and it is paused.
- **Admission.** Peers come and go while the node runs; a peer that goes loses its link at once.
- **Pressure.** Outward the outbox bounds what waits; inward a full inbox stops the reading.

Nothing that waited survives a break: the node asks a returned peer what it lacks.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import trio

from p2p.conduct import Conduct, Penalty
from p2p.faults import PeerUnavailable
from p2p.frames import KEEP_ALIVE, FrameParser, Lane, Outbox
from p2p.host import Host
from p2p.inbox import Delivery, Inbox, LinkDown, LinkUp, Via
from p2p.peers import Peer
from p2p.quota import Share
from p2p.streams import STREAM_ERRORS, Stream, drop
from primitives import limits
from primitives.errors import Malformed, RemoteFault

_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a link is. Tests are less so."""

    keep_alive_s: float = 2.5
    dead_s: float = 10.0
    """TCP doubles its patience: without this bound, what is cut for twenty seconds would be back
    half a minute later."""
    write_s: float = 4.5
    """Less than the five seconds after which yamux itself gives up, with a worse message."""
    retry_first_s: float = 0.2
    retry_last_s: float = 3.0
    """With the time of a connection it bounds how late a healed line is found."""
    yield_s: float = 0.5
    """How long the side with the larger id leaves the dialling to the other."""
    pause_s: float = 5.0
    """How long a peer that broke a rule stays away the first time."""


PATIENT: Final = Timing()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """What `status` and the metrics show of one link."""

    name: str
    votes: bool
    addresses: tuple[str, ...]
    connected: bool
    since: float | None
    """`trio.current_time()` when it came up; none while it is down."""
    waiting_messages: int
    waiting_bytes: int
    share: Share
    """What it may cost us each second."""
    throttled_s: float
    """How long its streams waited for that, since it became a peer."""
    sent: int
    received: int
    dropped: int
    """Payloads that found no room, no link, or were waiting when it broke."""
    penalised: int
    """Times, since it became a peer."""
    round_trip_s: float | None
    penalties: tuple[Penalty, ...]
    """The latest, newest first."""
    points: int
    """What is left of their points; at `PENALTY_POINTS_MAX` the peer is paused."""
    paused_s: float
    """How long it is still refused; 0 while it is not."""
    last_error: str


class Link:
    """The link to one peer.

    `maintain` is the only writer of `_outward` and of the outbox's emptying, `accept` of `_inward`.
    """

    peer: Peer
    """May be replaced while the link stands: its addresses count from the next attempt."""

    def __init__(
        self, peer: Peer, host: Host, inbox: Inbox, *, protocol: str, timing: Timing, chance: Random
    ) -> None:
        self.peer = peer
        self._conduct = Conduct(pause_first_s=timing.pause_s)
        self._over = trio.CancelScope()
        """Around everything that waits for the peer; cancelled when it is one no more."""
        self._dials = 0
        self._host = host
        self._inbox = inbox
        self._protocol = protocol
        self._timing = timing
        self._chance = chance
        self._outbox = Outbox()
        self._outward: Stream | None = None
        self._inward: trio.CancelScope | None = None
        self._work = trio.Event()
        """Set when the writer has something to write."""
        self._nudge = trio.Event()
        """Set when the peer came to us, so that waiting for it is over."""
        self._ping_due = False
        self._pinged_at: float | None = None
        self._since: float | None = None
        self._round_trip_s: float | None = None
        self._sent = self._received = self._unsent = 0
        self._last_error = ""
        self._verdict = ""
        """Why we ended the connection ourselves; what its streams say then merely follows."""

    def send(self, payload: bytes, lane: Lane) -> bool:
        """Queue a payload; false when it was refused or there is no way to the peer."""
        if self._outward is None:
            self._unsent += 1
            return False
        accepted = self._outbox.put(payload, lane)
        self._work.set()
        return accepted

    def status(self) -> LinkStatus:
        """A snapshot."""
        now = trio.current_time()
        quota = self._host.gate.quota(self.peer.id)
        return LinkStatus(
            name=self.peer.name,
            votes=self.peer.votes,
            addresses=self.peer.addresses,
            connected=self._since is not None,
            since=self._since,
            waiting_messages=self._outbox.waiting_messages,
            waiting_bytes=self._outbox.waiting_bytes,
            share=quota.share,
            throttled_s=quota.throttled_s,
            sent=self._sent,
            received=self._received,
            dropped=self._outbox.dropped + self._unsent,
            penalised=self._conduct.count,
            round_trip_s=self._round_trip_s,
            penalties=self._conduct.latest,
            points=round(self._conduct.points(now)),
            paused_s=self._conduct.paused_s(now),
            last_error=self._last_error,
        )

    def penalise(self, reason: str, *, points: int) -> None:
        """The peer did wrong. With too many points its connections end, and it stays away."""
        assert points > 0, "a penalty has points"
        now = trio.current_time()
        longest_s = limits.PAUSE_VOTER_S_MAX if self.peer.votes else limits.PAUSE_S_MAX
        penalty = Penalty(now, reason, points)
        pause_s = self._conduct.penalise(now, penalty, longest_s=longest_s)
        if pause_s:
            self._last_error = self._verdict = reason
            self._host.gate.pause(self.peer.id, pause_s)
            self._host.end(self.peer.id)

    def break_rule(self, fault: RemoteFault) -> None:
        """The peer broke a rule of the wire itself; no honest one does."""
        self.penalise(str(fault), points=limits.PENALTY_POINTS_MAX)

    def end(self, reason: str) -> None:
        """This is no peer any more: announce it, and end whatever waits for it."""
        self._verdict = reason
        self._turn_down(reason)
        self._over.cancel()
        if self._inward is not None:
            self._inward.cancel()

    async def maintain(self) -> None:
        """Keep the outward stream open until the link is ended."""
        with self._over:
            await self._maintain()

    async def _maintain(self) -> None:
        longest_s = self._timing.retry_first_s
        await self._rest(self._yield_s)
        while True:
            opened = trio.current_time()
            try:
                stream = await self._open()
            except PeerUnavailable as error:
                self._last_error = str(error)
            else:
                await self._use(stream)
            lasted = trio.current_time() - opened > self._timing.retry_last_s
            longest_s = self._timing.retry_first_s if lasted else 2 * longest_s
            longest_s = min(longest_s, self._timing.retry_last_s)
            await self._rest(longest_s * self._chance.uniform(0.5, 1.0) + self._yield_s)

    async def accept(self, stream: Stream) -> None:
        """Read the peer's stream until it breaks. A newer stream replaces an older one.

        Raises:
            Malformed: the peer broke the rules of framing.
        """
        if self._inward is not None:
            self._inward.cancel()
            self._inward = None
            self._turn("the peer opened its stream anew")
        with trio.CancelScope() as scope:
            self._inward = scope
            self._nudge.set()
            self._turn("")
            reason = "replaced"
            try:
                reason = await self._read(stream)
            except STREAM_ERRORS as error:
                reason = _describe(error)
            except Malformed as fault:
                reason = str(fault)
                raise
            finally:
                if self._inward is scope:
                    self._inward = None
                    self._turn(reason)
                await drop(stream)

    @property
    def _yield_s(self) -> float:
        return self._timing.yield_s if self._host.id > self.peer.id else 0.0

    async def _rest(self, seconds: float) -> None:
        """Wait before the next attempt, unless the peer comes to us meanwhile."""
        await trio.sleep(self._conduct.paused_s(trio.current_time()))
        with trio.move_on_after(seconds):
            await self._nudge.wait()
        self._nudge = trio.Event()

    async def _open(self) -> Stream:
        if addresses := self.peer.addresses:
            address = addresses[self._dials % len(addresses)]
            self._dials += 1
            await self._host.dial(self.peer.id, address)
        return await self._host.open(self.peer.id, self._protocol)

    async def _use(self, stream: Stream) -> None:
        """Write to the stream until any of its three tasks finds that it is broken."""
        reason = ""
        self._outward, self._pinged_at, self._ping_due = stream, None, False
        self._turn("")
        try:
            async with trio.open_nursery() as tasks:

                async def until_broken(task: Callable[[Stream], Awaitable[str]]) -> None:
                    nonlocal reason
                    try:
                        reason = await task(stream)
                    except STREAM_ERRORS as error:
                        reason = _describe(error)
                    tasks.cancel_scope.cancel()

                for task in (self._write, self._ping, self._hear):
                    tasks.start_soon(until_broken, task)
        finally:
            self._outward = None
            self._outbox.clear()
            self._turn(reason)
            await drop(stream)

    async def _write(self, stream: Stream) -> str:
        while True:
            data, count = self._outbox.take()
            if self._ping_due:
                data, self._ping_due = KEEP_ALIVE + data, False
                self._pinged_at = trio.current_time()
            if not data:
                self._work = trio.Event()
                await self._work.wait()
                continue
            with trio.move_on_after(self._timing.write_s) as deadline:
                await stream.write(data)
            if deadline.cancelled_caught:
                return self._give_up(f"{len(data)} bytes not taken in {self._timing.write_s:g} s")
            self._sent += count

    async def _ping(self, _stream: Stream) -> str:
        while True:
            await trio.sleep(self._timing.keep_alive_s)
            if self._pinged_at is None:
                self._ping_due = True
                self._work.set()
            elif trio.current_time() - self._pinged_at > self._timing.dead_s:
                return self._give_up(f"no answer for {self._timing.dead_s:g} s")

    async def _hear(self, stream: Stream) -> str:
        missing = len(KEEP_ALIVE)
        while answer := await stream.read(_READ_BYTES):
            may = missing if self._pinged_at is not None else 0
            if len(answer) > may or answer.strip(b"\0"):
                fault = Malformed(
                    f"{len(answer)} bytes on the way back of a link's stream, at most {may}: "
                    "it carries one answer to each keep-alive"
                )
                self.break_rule(fault)
                return str(fault)
            missing -= len(answer)
            if not missing:
                assert self._pinged_at is not None, "or nothing was allowed"
                self._round_trip_s = trio.current_time() - self._pinged_at
                self._pinged_at, missing = None, len(KEEP_ALIVE)
        return "the peer closed the stream"

    async def _read(self, stream: Stream) -> str:
        quota = self._host.gate.quota(self.peer.id)
        parser = FrameParser()
        while True:
            with trio.move_on_after(self._timing.dead_s) as deadline:
                chunk = await stream.read(_READ_BYTES)
            if deadline.cancelled_caught:
                return self._give_up(f"silent for {self._timing.dead_s:g} s")
            if not chunk:
                return "the peer closed the stream"
            await quota.read_bytes(len(chunk))
            is_pinged = False
            for payload in parser.feed(chunk):
                if payload:
                    self._received += 1
                    await quota.read_message()
                    await self._inbox.put(Delivery(self.peer.id, payload, Via.LINK))
                else:
                    is_pinged = True
            if is_pinged:  # one answer for however many: four bytes must not cost us a write each
                with trio.move_on_after(self._timing.write_s) as deadline:
                    await stream.write(KEEP_ALIVE)
                if deadline.cancelled_caught:
                    return self._give_up("keep-alive not taken")

    def _give_up(self, reason: str) -> str:
        """A connection that no longer carries: the next attempt needs a new one."""
        self._verdict = self._verdict or reason
        self._host.end(self.peer.id)
        return reason

    def _turn(self, reason: str) -> None:
        """Tell the node when the link came up or went down."""
        is_up = self._outward is not None and self._inward is not None
        if self._over.cancel_called:
            return
        if is_up and self._since is None:
            self._since = trio.current_time()
            self._verdict = ""
            self._inbox.announce(LinkUp(self.peer.id))
        elif not is_up:
            self._turn_down(reason)

    def _turn_down(self, reason: str) -> None:
        if self._since is not None:
            self._since = None
            self._last_error = self._verdict or reason
            self._inbox.announce(LinkDown(self.peer.id, self._last_error))


def _describe(error: BaseException) -> str:
    names = {"StreamEOF": "the peer closed the stream", "StreamReset": "the peer reset the stream"}
    name = type(error).__name__
    return str(error) or names.get(name, name)
