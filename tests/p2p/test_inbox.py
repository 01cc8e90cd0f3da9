"""What arrives waits in bounds, peer by peer."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from kit.nets import id_of, in_trio
from p2p.inbox import Delivery, Inbox, LinkDown, LinkUp, Via
from primitives import limits

LOUD, QUIET = id_of(0), id_of(1)


@in_trio
async def test_a_peer_that_fills_its_account_waits_and_others_are_heard() -> None:
    """The message beyond INBOX_MESSAGES_MAX waits; another peer's does not."""
    inbox = Inbox()
    accepted = 0

    async def flood() -> None:
        nonlocal accepted
        for _ in range(limits.INBOX_MESSAGES_MAX + 1):
            await inbox.put(Delivery(LOUD, b"x", Via.LINK))
            accepted += 1

    async with trio.open_nursery() as tasks:
        tasks.start_soon(flood)
        await wait_all_tasks_blocked()
        assert accepted == limits.INBOX_MESSAGES_MAX

        await inbox.put(Delivery(QUIET, b"hello", Via.LINK))
        assert len(inbox) == limits.INBOX_MESSAGES_MAX + 1

        await inbox.receive()
        await wait_all_tasks_blocked()
        assert accepted == limits.INBOX_MESSAGES_MAX + 1


@in_trio
async def test_an_account_is_bounded_in_bytes() -> None:
    """What waits of one peer exceeds INBOX_BYTES_MAX by less than one payload."""
    inbox, payload = Inbox(), bytes(limits.INBOX_BYTES_MAX // 2 + 1)

    assert inbox.offer(Delivery(LOUD, payload, Via.GOSSIP))
    assert inbox.offer(Delivery(LOUD, payload, Via.GOSSIP))
    assert not inbox.offer(Delivery(LOUD, payload, Via.GOSSIP))
    assert inbox.offer(Delivery(LOUD, payload, Via.LINK)), "its gossip is another account"

    assert inbox.waiting_bytes == 3 * len(payload)


@in_trio
async def test_room_comes_back_as_the_node_reads() -> None:
    """Reading a payload gives its bytes back to its peer."""
    inbox, payload = Inbox(), bytes(limits.INBOX_BYTES_MAX)
    assert inbox.offer(Delivery(LOUD, payload, Via.LINK))
    assert not inbox.offer(Delivery(LOUD, b"x", Via.LINK))

    await inbox.receive()

    assert inbox.offer(Delivery(LOUD, b"x", Via.LINK))


@in_trio
async def test_a_flapping_link_leaves_its_latest_events() -> None:
    """However often a link flaps unread, four events of it wait, and they still alternate."""
    inbox = Inbox()
    inbox.announce(LinkUp(QUIET))
    for number in range(50):
        inbox.announce(LinkUp(LOUD))
        inbox.announce(LinkDown(LOUD, f"break {number}"))

    events = [await inbox.receive() for _ in range(len(inbox))]

    assert events == [
        LinkUp(QUIET),
        LinkUp(LOUD),
        LinkDown(LOUD, "break 48"),
        LinkUp(LOUD),
        LinkDown(LOUD, "break 49"),
    ]


@in_trio
async def test_a_vote_does_not_wait_behind_another_peers_flood() -> None:
    """Peers are heard in turns: however much a loud one has sent, a quiet one is next but one."""
    inbox = Inbox()
    for number in range(limits.INBOX_MESSAGES_MAX):
        assert inbox.offer(Delivery(LOUD, b"%d" % number, Via.LINK))
    assert inbox.offer(Delivery(QUIET, b"vote 1", Via.LINK))
    assert inbox.offer(Delivery(QUIET, b"vote 2", Via.LINK))

    heard = [await inbox.receive() for _ in range(4)]

    assert heard == [
        Delivery(LOUD, b"0", Via.LINK),
        Delivery(QUIET, b"vote 1", Via.LINK),
        Delivery(LOUD, b"1", Via.LINK),
        Delivery(QUIET, b"vote 2", Via.LINK),
    ]
    assert len(inbox) == limits.INBOX_MESSAGES_MAX - 2


@in_trio
async def test_nothing_is_kept_of_a_peer_that_has_been_heard() -> None:
    """Peers come and go; an account exists while something waits in it."""
    inbox = Inbox()
    for number in range(100):
        inbox.announce(LinkUp(id_of(number)))
        assert inbox.offer(Delivery(id_of(number), b"x", Via.GOSSIP))
    for _ in range(200):
        await inbox.receive()

    assert (len(inbox), inbox.waiting_bytes, len(inbox._accounts)) == (0, 0, 0)
