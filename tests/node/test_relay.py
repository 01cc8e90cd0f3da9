"""Transactions among validators (R66): once, never back, and again what was lost."""

from __future__ import annotations

from collections.abc import Iterable

from kit.engines import Network, Node, begun, everything
from kit.ledger import pay
from ledger.transaction import CheckedTransaction
from node import wire
from node.outbox import Outbox
from node.relay import (
    ASKED_MS,
    NOT_ASKED_MS,
    OFFER_AFTER_MS,
    OFFER_ROUND_MS,
    OFFERED_PER_SECOND,
    PUSHES_JUDGED,
)
from primitives import limits
from primitives.ids import TimeMs, TransactionHash

Said = list[tuple[str | None, wire.Wire]]


def some(network: Network, count: int) -> list[CheckedTransaction]:
    return [network.transaction("treasury", pay("works", 1, f"{n}")) for n in range(count)]


def lonely(network: Network) -> Node:
    """A validator to which nobody else speaks."""
    network.crash(*[other.name for other in network.validators()[1:]])
    return network.validators()[0]


def offers(out: Outbox | Said) -> list[tuple[str | None, tuple[TransactionHash, ...]]]:
    said = out.messages if isinstance(out, Outbox) else out
    return [(link, each.hashes) for link, each in said if isinstance(each, wire.Offer)]


def wants(out: Outbox) -> list[tuple[str | None, tuple[TransactionHash, ...]]]:
    return [(link, each.hashes) for link, each in out.messages if isinstance(each, wire.Want)]


def pushes(out: Outbox) -> list[tuple[str | None, tuple[bytes, ...]]]:
    return [
        (link, each.transactions)
        for link, each in out.messages
        if isinstance(each, wire.Transactions)
    ]


def after(network: Network, ms: int) -> TimeMs:
    return TimeMs(network.now_ms + ms)


def offered(node: Node, link: str, names: Iterable[TransactionHash], now_ms: TimeMs) -> Outbox:
    return node.alive.deliver(link, wire.Offer(tuple(names)), None, now_ms)


def test_what_a_client_brings_goes_to_every_validator_in_one_message() -> None:
    """One message for all of them, which the shell sends on each link."""
    network = begun()
    node, new = network.validators()[0], some(network, 3)
    _, out = node.alive.submit(new, network.now_ms)

    pushed = node.alive.relay.push(out.relay)

    assert pushes(pushed) == [(None, tuple(tx.data for tx in new))]
    assert offers(pushed) == []


def test_a_push_is_cut_into_messages_of_bounded_size() -> None:
    """As many as fit below the bound, and the next one in a message of its own."""
    network = begun()
    node = network.validators()[0]
    tx = some(network, 1)[0]
    fit = limits.RELAY_BYTES_MAX // len(tx.data)

    pushed = node.alive.relay.push([tx] * (fit + 1))

    assert [len(part) for _, part in pushes(pushed)] == [fit, 1]


def test_who_brought_a_transaction_is_not_sent_it_again() -> None:
    """It came from a peer before our own push went out: the others are told its hash, once."""
    network = begun()
    node, (tx,) = network.validators()[0], some(network, 1)
    _, out = node.alive.submit([tx], network.now_ms)
    node.alive.take("validator 1", [tx], network.now_ms)

    pushed = node.alive.relay.push(out.relay)

    assert pushes(pushed) == []
    assert sorted(offers(pushed)) == [
        ("validator 2", (tx.hash,)),
        ("validator 3", (tx.hash,)),
    ]


def test_clients_that_submit_everywhere_make_nodes_tell_hashes() -> None:
    """When most of what comes here comes to others too, bytes go to whoever lacks them."""
    network = begun()
    node, new = network.validators()[0], some(network, PUSHES_JUDGED + 1)
    for tx in new[: PUSHES_JUDGED - 1]:
        _, out = node.alive.submit([tx], network.now_ms)
        assert pushes(node.alive.relay.push(out.relay))
        node.alive.relay.heard("validator 3", [tx.hash])

    _, out = node.alive.submit(new[PUSHES_JUDGED - 1 :], network.now_ms)
    pushed = node.alive.relay.push(out.relay)

    assert pushes(pushed) == []
    assert {link for link, _ in offers(pushed)} == {f"validator {n}" for n in (1, 2, 3)}


def test_what_waits_is_offered_once_it_waits_too_long() -> None:
    """Not to who brought it; and again in the next round."""
    network = begun()
    node = lonely(network)
    mine, theirs = some(network, 2)
    node.alive.submit([mine], network.now_ms)
    node.alive.take("validator 1", [theirs], network.now_ms)

    def said(ms: int) -> list[tuple[str | None, tuple[TransactionHash, ...]]]:
        return offers(node.alive.relay.tick(after(network, ms)))

    everything = [
        ("validator 1", (mine.hash,)),
        ("validator 2", (mine.hash, theirs.hash)),
        ("validator 3", (mine.hash, theirs.hash)),
    ]
    assert said(OFFER_AFTER_MS - 1) == []
    assert sorted(said(OFFER_AFTER_MS)) == everything
    assert said(OFFER_AFTER_MS + 500) == []
    assert sorted(said(OFFER_AFTER_MS + OFFER_ROUND_MS)) == everything


def test_where_much_waits_it_is_offered_again_less_often() -> None:
    """Who has a thousand times as much waiting has no time to say so every five seconds."""
    network = begun()
    node = lonely(network)
    count = OFFER_ROUND_MS * OFFERED_PER_SECOND // 1_000 + 200  # a second's worth more
    node.alive.submit(some(network, count), network.now_ms)

    def is_said(ms: int) -> bool:
        return bool(offers(node.alive.relay.tick(after(network, ms))))

    assert is_said(OFFER_AFTER_MS)
    assert not is_said(OFFER_AFTER_MS + OFFER_ROUND_MS)
    assert not is_said(OFFER_AFTER_MS + OFFER_ROUND_MS + 999)
    assert is_said(OFFER_AFTER_MS + OFFER_ROUND_MS + 1_000)


def test_a_link_that_comes_up_is_offered_everything_in_pages() -> None:
    """The first at once, so many more at each tick: a validator that restarted has it all soon."""
    network = begun()
    node = lonely(network)
    pages = limits.OFFER_PAGES_PER_TICK + 2
    new = some(network, (pages - 1) * limits.OFFER_MAX + 1)
    node.alive.take("observer", new, network.now_ms)
    node.alive.relay.tick(after(network, OFFER_AFTER_MS))

    first = offers(node.alive.link_up("validator 2", network.now_ms))
    later = after(network, OFFER_AFTER_MS)
    more = [one for one in offers(node.alive.relay.tick(later)) if one[0] == "validator 2"]
    rest = [one for one in offers(node.alive.relay.tick(later)) if one[0] == "validator 2"]

    sizes = [len(names) for _, names in first + more + rest]
    assert (len(first), len(more)) == (1, limits.OFFER_PAGES_PER_TICK)
    assert sizes == [limits.OFFER_MAX] * (pages - 1) + [1]
    assert [name for _, names in first + more + rest for name in names] == [tx.hash for tx in new]


def test_a_page_names_no_more_than_one_answer_holds() -> None:
    """Large transactions come in more pages, so that nothing of a page is left behind."""
    network = begun()
    node = lonely(network)
    long = [
        network.transaction(
            "treasury", *(pay("works", 1, f"{n}-{at}-{'x' * 50}") for at in range(64))
        )
        for n in range(2 * limits.RELAY_BYTES_MAX // (64 * 140))
    ]
    node.alive.take("observer", long, network.now_ms)
    bytes_of = {tx.hash: len(tx.data) for tx in long}

    said = [*node.alive.relay.link_up("validator 1")]
    said += node.alive.relay.tick(after(network, OFFER_AFTER_MS))

    pages = [names for link, names in offers(said) if link == "validator 1"]
    assert len(pages) > 1
    assert all(sum(map(bytes_of.__getitem__, page)) <= limits.RELAY_BYTES_MAX for page in pages)
    for page in pages:
        answer = node.alive.deliver("validator 1", wire.Want(page), None, network.now_ms)
        [(_, given)] = pushes(answer)
        assert len(given) == len(page)


def test_a_peer_is_given_so_many_bytes_a_second() -> None:
    """What one answer holds fits in so many times; the next one has to wait for the next second."""
    network = begun()
    node = lonely(network)
    large = [
        network.transaction(
            "treasury", *(pay("works", 1, f"{n}-{at}-{'x' * 50}") for at in range(64))
        )
        for n in range(limits.RELAY_BYTES_MAX // (64 * 160))
    ]
    node.alive.take("observer", large, network.now_ms)
    want = wire.Want(tuple(tx.hash for tx in large))
    size = sum(len(tx.data) for tx in large)
    fit = limits.RELAY_ANSWERS_BYTES_PER_SECOND // size

    def given(link: str, now_ms: TimeMs) -> bool:
        return bool(pushes(node.alive.deliver(link, want, None, now_ms)))

    now_ms = TimeMs(network.now_ms // 1000 * 1000)
    assert [given("validator 1", now_ms) for _ in range(fit + 1)] == [True] * fit + [False]
    assert given("validator 2", now_ms)
    assert given("validator 1", TimeMs(now_ms + 1_000))


def test_a_peer_without_a_vote_is_offered_nothing() -> None:
    """An observer builds no blocks; nor is it given what it wants all the same."""
    network = begun(observers=1)
    node, (tx,) = lonely(network), some(network, 1)
    node.alive.submit([tx], network.now_ms)

    assert offers(node.alive.link_up("observer 0", network.now_ms)) == []
    want = wire.Want((tx.hash,))
    assert pushes(node.alive.deliver("observer 0", want, None, network.now_ms)) == []


def test_what_two_peers_offer_is_asked_of_one() -> None:
    """A validator that comes back hears the same offer from everybody."""
    network = begun()
    node, new = network.validators()[0], some(network, 2)
    names = {tx.hash for tx in new}

    [(asked, wanted)] = wants(offered(node, "validator 1", names, network.now_ms))

    assert (asked, set(wanted)) == ("validator 1", names)
    assert wants(offered(node, "validator 2", names, network.now_ms)) == []


def test_who_offers_and_does_not_deliver_is_left_alone_for_a_while() -> None:
    """Then somebody else is asked: offering first keeps nobody from a transaction."""
    network = begun()
    node, (tx,) = network.validators()[0], some(network, 1)
    began = network.now_ms

    def ask(link: str, ms: int) -> bool:
        return bool(wants(offered(node, link, [tx.hash], TimeMs(began + ms))))

    def tick(ms: int) -> None:
        node.alive.relay.tick(TimeMs(began + ms))

    assert ask("validator 1", 0)
    tick(ASKED_MS - 1)
    assert not ask("validator 2", ASKED_MS - 1)
    tick(ASKED_MS)
    assert not ask("validator 1", ASKED_MS), "it let the first one lapse"
    assert ask("validator 2", ASKED_MS)
    node.alive.take("validator 2", [tx], TimeMs(began + ASKED_MS))
    node.alive.mempool.drop([tx.id])
    tick(ASKED_MS + NOT_ASKED_MS)
    assert ask("validator 1", ASKED_MS + NOT_ASKED_MS)


def test_a_link_that_comes_up_anew_is_asked_again() -> None:
    """What it owed went with the old link."""
    network = begun()
    node, (tx,) = network.validators()[0], some(network, 1)
    offered(node, "validator 1", [tx.hash], network.now_ms)
    node.alive.relay.tick(after(network, ASKED_MS))

    node.alive.link_up("validator 1", network.now_ms)

    assert wants(offered(node, "validator 1", [tx.hash], after(network, ASKED_MS)))


def test_a_peer_owes_a_bounded_number_of_transactions() -> None:
    """At the bound nothing more is asked of it, and of another it still is."""
    network = begun()
    node = network.validators()[0]
    most = limits.ASKED_PER_PEER_MAX
    names = [TransactionHash(number.to_bytes(32, "big")) for number in range(most + 1)]

    for at in range(0, most, limits.OFFER_MAX):
        [(_, asked)] = wants(
            offered(node, "validator 1", names[at : at + limits.OFFER_MAX], network.now_ms)
        )
        assert len(asked) == limits.OFFER_MAX

    assert wants(offered(node, "validator 1", names[most:], network.now_ms)) == []
    assert wants(offered(node, "validator 2", names[most:], network.now_ms))


def test_what_was_decided_lately_is_not_asked_for() -> None:
    """A peer that lags offers what is final here; so many hashes are remembered."""
    network = begun()
    node, (tx,) = network.validators()[0], some(network, 1)
    network.submit(node, tx)
    network.run(network.is_final(tx))

    assert wants(offered(node, "validator 1", [tx.hash], network.now_ms)) == []

    mempool, kept = node.alive.mempool, limits.MEMPOOL_FINAL_KEPT
    template = some(network, 1)[0]
    for number in range(kept):
        assert mempool.knows(tx.hash), number
        name = TransactionHash(number.to_bytes(32, "big"))
        newer = type(tx)(template.data, name, tx.id, tx.transaction, tx.signers)
        mempool.decide([newer], TimeMs(0))
    assert not mempool.knows(tx.hash), "the oldest made room"


def test_a_clock_that_is_set_back_delays_no_offer() -> None:
    """Spans that began in the future are over."""
    network = begun()
    node, (tx,) = lonely(network), some(network, 1)
    node.alive.submit([tx], after(network, 10_000))
    node.alive.relay.tick(after(network, 10_000))

    assert len(offers(node.alive.relay.tick(network.now_ms))) == 3


def test_a_restarted_validator_has_what_waits_before_it_proposes() -> None:
    """Nothing is kept of a mempool over a restart; the others offer it when the link is up."""
    network = begun()
    others = network.validators()[1:]
    back = network.validators()[0]
    network.passes = lambda _s, _r, message: not isinstance(message, wire.Proposed)
    new = some(network, 2_500)
    network.submit(others[0], *new)
    network.run(lambda: all(len(node.alive.mempool) == len(new) for node in others))
    network.crash(back.name)

    network.start(back.name)

    network.run(lambda: len(back.alive.mempool) == len(new), limit_ms=2_000)


def test_an_observer_hands_on_what_it_took_while_alone() -> None:
    """Its links were down when its client submitted: it held the payment, and offers it."""
    network = begun(observers=1)
    observer = network.nodes["observer 0"]
    network.passes = lambda sender, _r, _m: sender != observer.name
    tx = network.transaction("treasury", pay("works", 1, "x"))
    assert network.submit(observer, tx) == [None]
    network.run_for(3_000)
    assert not any(tx.id in node.alive.mempool for node in network.validators())

    network.passes = everything

    network.run(network.is_final(tx), limit_ms=OFFER_ROUND_MS + 2_000)
    assert len(observer.alive.mempool) == 0
