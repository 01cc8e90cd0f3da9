"""How transactions reach every validator once, and how those come that did not (rule R66).

- **Push.** What a client submits here goes to every validator in batches. Where others say that
  they have it too, its hash goes to the rest instead of its bytes; and while most of what comes
  here is submitted elsewhere as well, hashes go to everybody.
- **Nothing goes back.** What a peer brought, pushed or offered is not sent to it again. What a
  validator brought is not pushed on: it went to everybody from its first node.
- **Offer.** What waits longer than half a second is offered by hash, each to every validator that
  did not bring it: in pages, so many at each tick, and all over again every few seconds, less often
  where much waits. When a link comes up, its first page goes at once. So a push that was lost, a
  validator that restarted, a node whose links were down and an observer with one link cost time and
  nothing else.
- **Want.** What an offer names and nobody was asked for is wanted from who offered it. Who lets
  that lapse is not asked for a while: it may have offered only to keep others from being asked.

All of it hangs on the mempool, of which a hash leaves with its transaction; what is asked for is
bounded per link, and what is remembered of pushes in all.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, final

from consensus.events import Link
from ledger.transaction import CheckedTransaction
from node import wire
from node.answers import Allowance
from node.mempool import Held, Mempool
from node.neighbours import Neighbours
from node.outbox import Outbox
from primitives import limits
from primitives.ids import TimeMs, TransactionHash

Message = tuple[Link | None, wire.Wire]

OFFER_AFTER_MS: Final = 500
"""A push is there by then; what is still not decided may have been lost, or be kept back."""
OFFER_ROUND_MS: Final = 5_000
"""After so long everything that waits is offered again."""
OFFERED_PER_SECOND: Final = 200
"""Or after longer, so that a link hears no more than so much again: who has much has no time."""
ASKED_MS: Final = 2_000
"""So long an answer may take: 2 MiB at 10 Mbit/s."""
NOT_ASKED_MS: Final = 10_000
"""So long who let that lapse is not asked."""
PUSHES_REMEMBERED: Final = 1_000
"""Of so many pushes it is known whether others had the transaction too."""
PUSHES_JUDGED: Final = 100
"""Fewer say nothing about what clients do."""
SCANNED_MAX: Final = 5 * limits.OFFER_MAX
"""Of what waits, one page looks at so much: who brought most of it is offered little."""


@final
class Relay:
    """What has been said about transactions, and what is owed. Written by the engine alone."""

    def __init__(self, mempool: Mempool, neighbours: Neighbours) -> None:
        self._mempool, self._neighbours = mempool, neighbours
        self._pushed: deque[TransactionHash] = deque()
        self._others: dict[TransactionHash, set[Link]] = {}
        """Of what was pushed lately or is about to be: who else said that it has it."""
        self._doubled = 0
        """Of these, how many somebody has."""
        self._offered: dict[Link, int] = {}
        """Up to which place a link was offered what waits."""
        self._round_ms = TimeMs(0)
        self._asked: dict[TransactionHash, tuple[Link, TimeMs]] = {}
        """Whom, and when."""
        self._asked_of: dict[Link, int] = {}
        self._lapsed: dict[Link, TimeMs] = {}
        """Who did not answer, and since when it is not asked."""
        self._answers = Allowance(limits.RELAY_ANSWERS_BYTES_PER_SECOND)

    # --- pushing ----------------------------------------------------------------------------

    def submitted(self, transactions: Sequence[CheckedTransaction]) -> None:
        """Clients brought these here, and they are about to be pushed."""
        for tx in transactions:
            if tx.hash not in self._others:
                self._others[tx.hash] = set()
                self._pushed.append(tx.hash)
        while len(self._pushed) > PUSHES_REMEMBERED:
            self._doubled -= bool(self._others.pop(self._pushed.popleft()))

    def push(self, transactions: Sequence[CheckedTransaction]) -> Outbox:
        """Tell the validators of what an outbox said is to be relayed, in company if possible."""
        apart = [tx for tx in transactions if self._is_elsewhere(tx)]
        hashes = {tx.hash for tx in apart}
        whole = [tx for tx in transactions if tx.hash not in hashes]
        messages: list[Message] = [
            (None, wire.Transactions(tuple(tx.data for tx in part))) for part in _parts(whole)
        ]
        for link in self._neighbours.links if apart else ():
            named = [tx.hash for tx in apart if link not in self._others.get(tx.hash, ())]
            messages += [(link, wire.Offer(tuple(page))) for page in _pages(named)]
        return Outbox(messages=messages)

    def _is_elsewhere(self, tx: CheckedTransaction) -> bool:
        doubled = len(self._pushed) >= PUSHES_JUDGED and 2 * self._doubled > len(self._pushed)
        return doubled or bool(self._others.get(tx.hash))

    def heard(self, link: Link, names: Iterable[TransactionHash]) -> None:
        """A peer has these."""
        for name in names:
            self._settle(name)
            others = self._others.get(name)
            if others is not None:
                self._doubled += not others
                others.add(link)

    # --- offering ---------------------------------------------------------------------------

    def link_up(self, link: Link) -> list[Message]:
        """A link works again: what was said on it may be lost."""
        self._lapsed.pop(link, None)
        if link not in self._neighbours.links:
            return []
        self._offered[link] = -1
        return self._page(link, now_ms=None)

    def tick(self, now_ms: TimeMs) -> list[Message]:
        """Offer what has waited for long enough, a few pages to each validator."""
        self._let_lapse(now_ms)
        links = self._neighbours.links
        round_ms = max(OFFER_ROUND_MS, len(self._mempool) * 1_000 // OFFERED_PER_SECOND)
        if not _is_within(self._round_ms, round_ms, now_ms):
            self._round_ms = now_ms
            self._offered.clear()
        messages: list[Message] = []
        for link in links:
            for _ in range(limits.OFFER_PAGES_PER_TICK):
                page = self._page(link, now_ms=now_ms)
                messages += page
                if not page:
                    break
        return messages

    def _page(self, link: Link, *, now_ms: TimeMs | None) -> list[Message]:
        """The next page of what waits, of which one answer can hold all.

        With the time, of what waits for long enough; without, of everything.
        """
        names: list[TransactionHash] = []
        room = limits.RELAY_BYTES_MAX
        place = self._offered.get(link, -1)
        for held in islice(self._mempool.after(place), SCANNED_MAX):
            is_young = now_ms is not None and _is_within(held.since_ms, OFFER_AFTER_MS, now_ms)
            if is_young or len(names) == limits.OFFER_MAX or len(held.tx.data) > room:
                break
            place = held.place
            if not _is_of(held, link):
                names.append(held.tx.hash)
                room -= len(held.tx.data)
        self._offered[link] = place
        return [(link, wire.Offer(tuple(names)))] if names else []

    # --- asking -----------------------------------------------------------------------------

    def answer(self, link: Link, message: wire.Offer | wire.Want, now_ms: TimeMs) -> list[Message]:
        """What a peer is told when it offers or wants something."""
        if isinstance(message, wire.Want):
            if self._neighbours.author(link) is None:
                return []  # who builds no blocks was offered nothing
            found = self._wanted(message)
            has_room = self._answers.allows(link, now_ms, sum(map(len, found)))
            return [(link, wire.Transactions(found))] if found and has_room else []
        known = [name for name in message.hashes if self._mempool.knows(name)]
        self.heard(link, known)
        lacking = self._ask(link, set(message.hashes) - set(known), now_ms)
        return [(link, wire.Want(tuple(lacking)))] if lacking else []

    def _wanted(self, want: wire.Want) -> tuple[bytes, ...]:
        """What we have of what a peer lacks, up to half a link frame."""
        found: list[bytes] = []
        room = limits.BLOCK_BYTES_MAX
        for name in want.hashes:
            tx = self._mempool.find(name)
            if tx is not None and len(tx.data) <= room:
                found.append(tx.data)
                room -= len(tx.data)
        return tuple(found)

    def _ask(
        self, link: Link, lacking: set[TransactionHash], now_ms: TimeMs
    ) -> list[TransactionHash]:
        if link in self._lapsed:
            return []
        free = limits.ASKED_PER_PEER_MAX - self._asked_of.get(link, 0)
        names = sorted(lacking - self._asked.keys())[:free]
        for name in names:
            self._asked[name] = link, now_ms
        if names:
            self._asked_of[link] = self._asked_of.get(link, 0) + len(names)
        return names

    def _settle(self, name: TransactionHash) -> Link | None:
        """It was answered, or it lapsed: whom we had asked."""
        asked = self._asked.pop(name, None)
        if asked is None:
            return None
        link = asked[0]
        self._asked_of[link] -= 1
        if not self._asked_of[link]:
            del self._asked_of[link]
        return link

    def _let_lapse(self, now_ms: TimeMs) -> None:
        asked = self._asked.items()
        late = [name for name, (_, at) in asked if not _is_within(at, ASKED_MS, now_ms)]
        for name in late:
            link = self._settle(name)
            if link is not None and not self._mempool.knows(name):
                self._lapsed[link] = now_ms
        lapsed = self._lapsed.items()
        self._lapsed = {link: at for link, at in lapsed if _is_within(at, NOT_ASKED_MS, now_ms)}


def _parts(transactions: Iterable[CheckedTransaction]) -> list[list[CheckedTransaction]]:
    """Cut into messages of bounded size."""
    made: list[list[CheckedTransaction]] = []
    room = 0
    for tx in transactions:
        if len(tx.data) > room or len(made[-1]) >= limits.BLOCK_TRANSACTIONS_MAX:
            made.append([])
            room = limits.RELAY_BYTES_MAX
        made[-1].append(tx)
        room -= len(tx.data)
    return made


def _pages(names: Sequence[TransactionHash]) -> Iterable[Sequence[TransactionHash]]:
    size = limits.OFFER_MAX
    return (names[at : at + size] for at in range(0, len(names), size))


def _is_of(held: Held, link: Link) -> bool:
    return held.source is not None and held.source.link == link


def _is_within(since_ms: TimeMs, span_ms: int, now_ms: TimeMs) -> bool:
    """Whether a span of time that began then still runs; not where the clock was set back."""
    return 0 <= now_ms - since_ms < span_ms
