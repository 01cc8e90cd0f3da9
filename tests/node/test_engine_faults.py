"""Withheld bodies, bad blocks, wrong clocks, liars, floods: who pays, and the chain goes on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from consensus.messages import Commit, Prepare
from kit.crafted import built, changed, voices, with_transactions
from kit.engines import Network, Node, begun, everything
from kit.ledger import GBP, line, pay
from kit.spoken import certificate_by
from ledger.parameters import DEFAULTS
from ledger.transaction import CheckedTransaction
from node import wire
from node.standing import SigningState
from primitives import limits
from primitives.block import Block, block_id, transactions_root
from primitives.domains import Domain
from primitives.errors import BadBlock, BadSignature
from primitives.ids import Digest, Height, Seat, Signature, TimeMs, View
from services.money import Transfer


def propose(network: Network, block: Block) -> None:
    """The primary's key proposes this at height 2 to all; its engine is out of the game."""
    primary = network.proposer(2)
    if primary.engine is not None:
        network.crash(primary.name)
    message = network.voice(primary).pre_prepare(2, 0, block_id(block.header))
    network.say(primary, None, wire.Proposed(message, wire.FullBody(block)))


def votes_for(network: Network, block: Block) -> int:
    named = block_id(block.header)
    return sum(
        isinstance(message, Prepare | Commit) and message.block_id == named
        for _, _, message in network.messages
    )


def verdicts(network: Network) -> set[object]:
    """What the nodes that are up said about blocks that they did not like."""
    notes = [note for node in network.up() for note in node.notes]
    return {note.facts["verdict"] for note in notes if note.event == "block.refused"}


def payment(network: Network, name: str = "a payment") -> CheckedTransaction:
    return network.transaction("treasury", pay("works", 1, name))


# --- bodies -----------------------------------------------------------------------------------


def test_a_withheld_body_is_fetched_from_those_who_have_it() -> None:
    """The proposal reaches one node without its body; it asks around and votes."""
    network = begun()
    primary = network.proposer(2)
    poor = network.proposer(3)

    def withhold(sender: str, receiver: str, message: wire.Wire) -> bool:
        keeps = sender == primary.name and receiver == poor.name
        return not (keeps and isinstance(message, wire.Proposed | wire.Body | wire.Decided))

    network.passes = withhold
    network.listening = True
    tx = payment(network)
    network.submit(network.proposer(2), tx)
    network.run(lambda: poor.store.find_transaction(tx.id) is not None, limit_ms=2_000)

    network.check_agreement()
    assert certificate_view(poor, 2) == 0


def certificate_view(node: Node, height: int) -> int:
    certificate = node.store.certificate(Height(height))
    assert certificate is not None
    return certificate.view


def bulk(network: Network, count: int) -> list[CheckedTransaction]:
    """More than fits into a proposal with its body: `count` times 27 kB."""
    transfers = [
        Transfer(
            GBP,
            tuple(line("works", 1, f"{n}.{index}", description="x" * 64) for index in range(200)),
        )
        for n in range(count)
    ]
    return [network.transaction("treasury", transfer) for transfer in transfers]


def test_a_large_proposal_carries_hashes_and_is_put_together_from_the_mempool() -> None:
    """No body crosses the network a second time."""
    network = begun()
    network.listening = True
    transactions = bulk(network, 12)

    network.submit(network.validators()[0], *transactions)
    network.run(lambda: all(network.is_final(tx)() for tx in transactions))

    proposed = [m for *_, m in network.messages if isinstance(m, wire.Proposed)]
    compact = [m for m in proposed if isinstance(m.body, wire.CompactBody)]
    assert compact
    assert not any(isinstance(m, wire.Body) for *_, m in network.messages)
    sizes = [len(wire.write(m)) for m in compact]
    assert max(sizes) < limits.INLINE_BODY_BYTES_MAX


def test_a_large_proposal_with_an_unknown_transaction_is_fetched_whole() -> None:
    """A node that missed one transaction asks for the block, and votes for it."""
    network = begun()
    network.listening = True
    poor = network.proposer(3)
    network.passes = lambda _, receiver, message: (
        not isinstance(message, Commit)
        and not (receiver == poor.name and isinstance(message, wire.Transactions))
    )
    transactions = bulk(network, 12)

    network.submit(network.proposer(2), *transactions)
    network.run(lambda: (poor.name, Prepare) in said(network), limit_ms=500)

    fetched = [receiver for _, receiver, m in network.messages if isinstance(m, wire.Body)]
    assert fetched == [poor.name]
    network.passes = everything
    network.run(lambda: all(network.is_final(tx)() for tx in transactions), limit_ms=1_000)


def said(network: Network) -> set[tuple[str, type]]:
    return {(sender, type(message)) for sender, _, message in network.messages}


@pytest.mark.parametrize("kind", ["proposal", "compact", "answer", "decided"])
def test_a_body_that_is_not_the_one_named_costs_its_deliverer(kind: str) -> None:
    """Refused, nothing changed; the right one is taken afterwards."""
    network = begun()
    tx, other = payment(network, "one"), payment(network, "other")
    block = built(network, tx)
    wrong = Block(block.header, (other.data,))
    named = block_id(block.header)
    node = next(node for node in network.validators() if node is not network.proposer(2))
    network.submit(node, other)
    pre_prepare = network.voice(network.proposer(2)).pre_prepare(2, 0, named)
    certificate = certificate_by(voices(network), Domain.COMMIT, 2, 0, named)
    messages: dict[str, wire.Wire] = {
        "proposal": wire.Proposed(pre_prepare, wire.FullBody(wrong)),
        "compact": wire.Proposed(pre_prepare, wire.CompactBody(block.header, (other.hash,))),
        "answer": wire.Body(wrong),
        "decided": wire.Decided(wrong, certificate),
    }
    before = node.database.contents()
    network.crash(network.proposer(2).name)
    network.passes = lambda _s, receiver, _m: receiver == node.name
    if kind == "answer":  # it is wanted: else nobody looks at it
        network.say(network.validators()[3], node.name, wire.Proposed(pre_prepare, None))
        network.run_for(20)

    network.say(network.validators()[3], node.name, messages[kind])
    network.run(lambda: bool(node.faults))

    assert [type(fault) for fault in node.faults] == [BadBlock]
    assert node.database.contents() == before


def test_a_body_that_nobody_asked_for_is_not_looked_at() -> None:
    """Its 5,000 signatures are not checked because a peer sends it."""
    network = begun()
    node = network.proposer(3)
    block = built(network, payment(network))
    checked = network.bodies_checked

    network.say(network.proposer(2), node.name, wire.Body(block))
    network.run_for(20)

    assert network.bodies_checked == checked
    assert node.faults == []


@pytest.mark.parametrize("kind", ["proposal", "decided"])
def test_a_body_that_nobody_stands_behind_is_not_looked_at(kind: str) -> None:
    """A forged signature, a certificate of two: refused before the transactions cost anything."""
    network = begun()
    node = network.proposer(3)
    block = built(network, payment(network))
    named = block_id(block.header)
    honest = network.voice(network.proposer(2)).pre_prepare(2, 0, named)
    forged = replace(honest, signature=Signature(bytes(64)))
    few = certificate_by(voices(network)[:2], Domain.COMMIT, 2, 0, named)
    messages: dict[str, wire.Wire] = {
        "proposal": wire.Proposed(forged, wire.FullBody(block)),
        "decided": wire.Decided(block, few),
    }
    checked = network.bodies_checked

    network.say(network.proposer(2), node.name, messages[kind])
    network.run_for(20)

    assert network.bodies_checked == checked
    assert len(node.faults) == 1


def test_a_body_that_is_here_is_not_checked_again() -> None:
    """Proposed, relayed and decided: each node checks one body for each block that it decides."""
    network = begun()
    checked = network.bodies_checked
    tx = payment(network)

    network.submit(network.proposer(2), tx)
    network.run(network.is_final(tx))
    network.run_for(5_000)

    assert network.bodies_checked - checked == 3


# --- bad blocks -------------------------------------------------------------------------------


def bad_blocks(network: Network) -> dict[str, Block]:
    tx, unsigned = payment(network, "one"), payment(network, "two")
    good = built(network, tx)
    header = good.header
    stale = network.transaction("treasury", pay("works", 1, "stale"), ms=-1)
    far = network.transaction("treasury", pay("works", 1, "far"), ms=DEFAULTS.window_ms + 60_000)
    foreign = begun(1).transaction("treasury", pay("works", 1, "elsewhere"))
    broken = bytes([*unsigned.data[:-1], unsigned.data[-1] ^ 1])
    lie = Digest(bytes(32))
    parent = network.validators()[0].store.head().header
    stranger = network.members.primary(Height(2), View(1))
    return {
        "state root": changed(good, state_root=lie),
        "receipts root": changed(good, receipts_root=lie),
        "validators hash": changed(good, validators_hash=lie),
        "next validators hash": changed(good, next_validators_hash=lie),
        "parent": changed(good, parent=lie),
        "chain": changed(good, chain=lie),
        "height": changed(good, height=3),
        "time of the parent": changed(good, time_ms=parent.time_ms),
        "proposer": changed(good, proposer=stranger),
        "expired": with_transactions(good, stale.data),
        "too far ahead": with_transactions(good, far.data),
        "twice the same": with_transactions(good, tx.data, tx.data),
        "not a transaction": with_transactions(good, b"\x00"),
        "bad signature": with_transactions(good, broken),
        "left out": Block(replace(header, transactions_root=transactions_root([])), ()),
        "of another chain": with_transactions(good, foreign.data),
    }


REASONS = {
    "state root": "state root",
    "receipts root": "receipts root",
    "validators hash": "validators hash",
    "next validators hash": "next validators hash",
    "parent": "parent 0000",
    "chain": "chain 0000",
    "height": "height 3, expected 2",
    "time of the parent": "the parent's is",
    "proposer": "the primary is",
    "expired": "valid until",
    "too far ahead": "at most",
    "twice the same": "already committed",
    "not a transaction": "not a Transaction",
    "bad signature": "does not verify",
    "of another chain": "is for chain",
    "left out": "state root",
}


@pytest.mark.parametrize("name", REASONS)
def test_nobody_votes_for_a_bad_block_and_the_chain_goes_on(name: str) -> None:
    """A lying primary costs its view, and nothing of its block remains (R16, R17, R31, R45)."""
    network = begun()
    network.listening = True
    bad = bad_blocks(network)[name]
    tx = payment(network, "honest work")
    network.submit(network.proposer(3), tx)

    propose(network, bad)
    network.run(network.is_final(tx), limit_ms=DEFAULTS.t0_ms + 1_000)

    assert votes_for(network, bad) == 0
    for node in network.up():
        assert any(REASONS[name] in why for why in node.reasons("block.refused"))
    assert all(node.faults == [] for node in network.up()), "relayed as it was signed"
    network.check_agreement()


@pytest.mark.parametrize("split", [1, 2])
def test_a_primary_that_tells_two_stories_splits_nobody(split: int) -> None:
    """One block to some, another to the others, both good: one of them is decided, or neither."""
    network = begun()
    liar = network.proposer(2)
    stories = [built(network, payment(network, name)) for name in ("one", "two")]
    network.crash(liar.name)
    others = network.up()
    tx = payment(network, "honest work")
    network.submit(others[0], tx)

    first = network.voice(liar).pre_prepare(2, 0, block_id(stories[1].header))
    for number, node in enumerate(others):
        block = stories[number < split]
        message = network.voice(liar).pre_prepare(2, 0, block_id(block.header))
        network.say(liar, node.name, wire.Proposed(message, wire.FullBody(block)))
    network.run_for(50)
    network.say(liar, others[2].name, wire.Proposed(first, wire.FullBody(stories[1])))
    network.run(network.is_final(tx), limit_ms=2 * DEFAULTS.t0_ms + 1_000)

    assert "consensus.equivocation" in others[2].events()
    network.check_agreement()
    del network.spoken[network.members.primary(Height(2), View(0))]  # the liar's own words
    network.check_honesty()


def test_a_committed_transaction_in_a_second_block_is_bad() -> None:
    """The window of ids is part of what a block must obey."""
    network = begun()
    network.listening = True
    tx = payment(network)
    network.submit(network.validators()[0], tx)
    network.run(network.is_final(tx))
    bad = with_transactions(built(network, payment(network, "new")), tx.data)
    liar = network.proposer(3)
    network.crash(liar.name)
    message = network.voice(liar).pre_prepare(3, 0, block_id(bad.header))

    network.say(liar, None, wire.Proposed(message, wire.FullBody(bad)))
    network.run_for(200)

    assert votes_for(network, bad) == 0
    reasons = [why for node in network.up() for why in node.reasons("block.refused")]
    assert all("already committed" in why for why in reasons)
    assert len(reasons) == 3


# --- clocks -----------------------------------------------------------------------------------


def test_a_block_ahead_of_the_clock_is_voted_for_when_its_time_has_come() -> None:
    """EARLY is no verdict: the proposal is judged again when it is delivered again."""
    network = begun()
    network.listening = True
    early = built(network, ahead_ms=DEFAULTS.drift_ms + 300)

    propose(network, early)
    network.run_for(100)
    assert votes_for(network, early) == 0
    assert verdicts(network) == {"early"}

    network.run_for(400)
    propose(network, early)
    network.run(network.all_at(2), limit_ms=200)
    assert network.up()[0].store.head().header == early.header


@pytest.mark.parametrize(("ahead_ms", "votes"), [(500, True), (501, False)])
def test_the_drift_is_a_bound(ahead_ms: int, *, votes: bool) -> None:
    """At the default drift of 500 ms a block is good, one millisecond more is early (R16)."""
    network = begun(delay_ms=(1, 1))
    network.listening = True
    network.run_for(1_000)
    block = built(network, ahead_ms=1 + ahead_ms)

    propose(network, block)
    network.run_for(50)

    assert (votes_for(network, block) > 0) is votes


def test_a_node_whose_clock_is_an_hour_behind_costs_nothing() -> None:
    """It cannot vote for fresh blocks, and decides with the others."""
    network = begun()
    slow = network.proposer(5)
    slow.skew_ms = -3_600_000
    for number in range(3):
        tx = payment(network, f"{number}")
        network.submit(network.proposer(4), tx)
        network.run(network.is_final(tx), limit_ms=2_000)

    network.check_agreement()
    assert "early" in {str(note.facts.get("verdict")) for note in slow.notes}


def test_a_node_whose_clock_is_an_hour_ahead_loses_its_own_views_only() -> None:
    """Its blocks are early for everybody; the next view decides."""
    network = begun()
    fast = network.proposer(2)
    fast.skew_ms = 3_600_000
    tx = network.transaction("treasury", pay("works", 1, "x"), ms=2 * 3_600_000)

    network.submit(network.proposer(3), tx)
    network.run(network.is_final(tx), limit_ms=2_500)

    network.check_agreement()


def test_a_quorum_whose_clocks_were_hours_ahead_goes_on_when_they_are_right_again() -> None:
    """The chain's time never goes back: it creeps on until the clocks have come to it (R16)."""
    network = begun()
    fast = network.validators()[:3]
    for node in fast:
        node.skew_ms = 3 * 3_600_000
    first = network.transaction("treasury", pay("works", 1, "ahead"), ms=4 * 3_600_000)
    network.submit(fast[0], first)
    network.run(network.is_final(first), limit_ms=20_000)
    ahead = network.validators()[3].store.head().header.time_ms - network.now_ms

    for node in fast:
        node.skew_ms = 0
    later = network.transaction("treasury", pay("works", 1, "right"), ms=4 * 3_600_000)
    network.submit(network.validators()[3], later)
    network.run(network.is_final(later), limit_ms=20_000)
    network.run(network.all_at(6), limit_ms=6 * DEFAULTS.heartbeat_ms)

    assert ahead > 2 * 3_600_000
    store = fast[0].store
    times = [store.header(Height(h)).time_ms for h in range(store.head().height + 1)]
    assert times == sorted(set(times))
    network.check_agreement()
    network.check_honesty()


def test_a_proved_block_is_decided_whatever_the_clocks_and_whoever_the_primary() -> None:
    """Prepared in view 0 and proposed again in view 1, when all clocks have been set back."""
    network = begun()
    network.listening = True
    network.passes = lambda _s, _r, m: not (isinstance(m, Commit) and m.view == 0)
    network.submit(network.validators()[0], payment(network))
    network.run(lambda: len([name for name, kind in said(network) if kind is Commit]) == 4)
    prepared = {m.block_id for *_, m in network.messages if isinstance(m, Commit)}

    for node in network.validators():
        node.skew_ms = -3_600_000
    network.run(network.all_at(2), limit_ms=DEFAULTS.t0_ms + 500)

    head = network.validators()[0].store.head()
    assert {head.block_id} == prepared
    assert head.header.proposer == network.members.primary(Height(2), View(0))
    assert certificate_view(network.validators()[0], 2) == 1


# --- a quorum that lies -----------------------------------------------------------------------


def test_a_decided_block_that_is_bad_here_stops_the_node_and_writes_nothing() -> None:
    """A quorum's certificate over a wrong state root: alarm, and no further height (R31)."""
    network = begun()
    node = network.proposer(2)
    bad = changed(built(network, payment(network)), state_root=Digest(bytes(32)))
    certificate = certificate_by(voices(network), Domain.COMMIT, 2, 0, block_id(bad.header))
    before = node.database.contents()

    network.passes = lambda _s, _r, m: isinstance(m, wire.Decided)
    network.say(network.proposer(3), node.name, wire.Decided(bad, certificate))
    network.run(lambda: node.alive.halted is not None)
    network.passes = everything
    network.listening = True
    network.submit(node, payment(network, "after"))
    network.run_for(5_000)

    assert "state root" in str(node.alive.halted)
    assert "chain.halted" in node.events()
    assert node.database.contents() == before
    own = network.voice(node).seat
    assert not any(
        isinstance(m, Prepare | Commit) and m.seat == own and sender == node.name
        for sender, _, m in network.messages
    )
    assert not any(isinstance(m, wire.Proposed) and s == node.name for s, _, m in network.messages)


@pytest.mark.parametrize("wrong", ["too few", "prepares", "spoilt", "seat of nobody"])
def test_a_decision_without_a_quorum_of_commits_is_its_deliverers_fault(wrong: str) -> None:
    """A good block and a certificate that proves nothing: refused, nothing written."""
    network = begun()
    node = network.proposer(2)
    block = built(network, payment(network))
    named = block_id(block.header)
    good = certificate_by(voices(network)[:3], Domain.COMMIT, 2, 0, named)
    last = good.seals[-1]
    certificate = {
        "too few": replace(good, seals=good.seals[:2]),
        "prepares": certificate_by(voices(network)[:3], Domain.PREPARE, 2, 0, named),
        "spoilt": replace(good, seals=(*good.seals[:2], replace(last, signature=bytes(64)))),
        "seat of nobody": replace(good, seals=(*good.seals[:2], replace(last, seat=Seat(7)))),
    }[wrong]
    before = node.database.contents()

    network.passes = lambda _s, _r, m: isinstance(m, wire.Decided)
    for one, height in ((certificate, 1), (good, 2)):
        network.say(network.proposer(3), node.name, wire.Decided(block, one))
        network.run_for(20)
        assert node.height == height
        assert len(node.faults) == 1
        assert height == 2 or node.database.contents() == before


def test_a_proved_block_that_is_bad_here_is_not_voted_for() -> None:
    """A prepared certificate over it: an alarm that our state differs, and we follow (R31)."""
    network = begun()
    node = network.proposer(4)
    bad = changed(built(network, payment(network)), state_root=Digest(bytes(32)))
    named = block_id(bad.header)
    proof = certificate_by(voices(network), Domain.PREPARE, 2, 0, named)
    changes = tuple(voice.view_change(2, 1, proof) for voice in voices(network))
    stripped = tuple(replace(change, prepared=None) for change in changes)
    primary = network.proposer(2, view=1)
    message = network.voice(primary).pre_prepare(2, 1, named, stripped, proof)
    network.listening = True

    network.passes = lambda _s, _r, m: isinstance(m, wire.Proposed)
    network.say(primary, node.name, wire.Proposed(message, wire.FullBody(bad)))
    network.run(lambda: "state.diverged" in node.events())

    assert votes_for(network, bad) == 0
    assert node.alive.halted is None


def test_a_second_certificate_for_a_decided_height_silences_everybody_who_sees_it() -> None:
    """More than f liars: both are kept, nothing more is signed, and an observer says so too."""
    network = begun(observers=1)
    network.run(network.all_at(1))
    node, observer = network.validators()[0], network.nodes["observer 0"]
    other = changed(node.store.block(Height(1)), time_ms=TimeMs(1_790_000_000_000))
    named = block_id(other.header)
    certificate = certificate_by(voices(network), Domain.COMMIT, 1, 0, named)

    for receiver in (node, observer):
        network.say(network.validators()[1], receiver.name, wire.Decided(other, certificate))
    network.run_for(100)

    assert node.reasons("chain.forked")
    assert observer.reasons("chain.forked")
    assert node.alive.signing is not None
    assert node.alive.signing.state is SigningState.MUTED
    assert certificate.block_id.hex() in str(node.notes[-1].facts["certificate"])
    network.listening = True
    network.submit(network.validators()[1], payment(network))
    network.run(network.all_at(2))
    assert not any(
        isinstance(m, Prepare | Commit) and m.seat == network.voice(node).seat
        for _, _, m in network.messages
    )


def test_a_forged_certificate_for_a_decided_height_costs_its_deliverer() -> None:
    """And silences nobody."""
    network = begun()
    node = network.validators()[0]
    other = changed(node.store.block(Height(1)), time_ms=TimeMs(1_790_000_000_000))
    good = certificate_by(voices(network), Domain.COMMIT, 1, 0, block_id(other.header))
    forged = replace(good, view=View(1))

    network.say(network.validators()[1], node.name, wire.Decided(other, forged))
    network.run(lambda: bool(node.faults))

    assert isinstance(node.faults[0], BadSignature)
    assert node.alive.signing is not None
    assert node.alive.signing.state is SigningState.SIGNING
