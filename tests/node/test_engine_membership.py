"""Validators that come and go while the network runs: seats, votes, crashes, losses (R45)."""

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from kit.certified import certify
from kit.engines import Network, Node, begun
from kit.ledger import pay
from kit.membership import change, proposal, ready_of, votes
from ledger.transaction import CheckedTransaction
from node import wire
from node.signer import Signer
from primitives.block import block_id
from primitives.crypto import SigningKey
from primitives.ids import Height, View
from services.authority.validators import ProposeValidatorChange
from sim.disk import MortalFile
from sim.spoken import author_of, statements_in


def heights_of_votes(network: Network, name: str) -> list[int]:
    """The heights at which a node said anything that counts."""
    own = network.nodes[name].validator
    return sorted(
        {
            int(statement.height)
            for sender, _, message in network.messages
            if sender == name
            for statement in statements_in(message)
            if author_of(statement, network.members_at(statement.height)) == own
        }
    )


def decide(network: Network, operation: ProposeValidatorChange, *bodies: int) -> int:
    """Have a change decided; returns the height from which on it is in force."""
    tx = proposal(network, operation, bodies)
    node = next(node for node in network.up() if node.alive.seat is not None)
    assert network.submit(node, tx) == [None]
    network.run(network.is_final(tx))
    place = node.store.find_transaction(tx.id)
    assert place is not None
    return place.height + 2


def pay_until(network: Network, height: int, *, nodes: list[Node] | None = None) -> None:
    """Payments, one after the other, until a height is decided by all that are up."""
    while not network.all_at(height, nodes)():
        node = next(node for node in network.up() if node.alive.seat is not None)
        network.salts += 1
        tx = network.transaction("treasury", pay("health", 1, f"payment {network.salts}"))
        assert network.submit(node, tx) == [None]
        reached = max(one.height for one in network.up()) + 1
        network.run(network.all_at(min(reached, height), nodes))


def joined(validators: int = 4) -> tuple[Network, int]:
    """A network that has just decided to take one more, and from which height on it votes."""
    network = begun(validators, waiting=1)
    network.listening = True
    newcomer = network.nodes[f"validator {validators}"]
    bodies = range(validators)
    since = decide(network, change(add=[ready_of(network, newcomer, validators)]), *bodies)
    return network, since


def test_a_newcomer_takes_its_seat_at_its_height_without_a_restart() -> None:
    """It follows until then; from h + 2 on it votes, and its votes are needed and counted."""
    network, since = joined()
    newcomer = network.nodes["validator 4"]
    assert newcomer.alive.seat is None
    run = newcomer.run

    pay_until(network, since - 1)
    assert newcomer.alive.seat is not None
    network.crash("validator 0")  # of five, four remain: all of them are the quorum
    pay_until(network, since + 3)

    assert newcomer.run == run
    assert heights_of_votes(network, "validator 4")[0] == since
    network.check_agreement()
    network.check_honesty()


def test_before_its_height_a_newcomers_vote_is_refused() -> None:
    """At h + 1 its signature belongs to no seat, however good it is."""
    network, since = joined()
    newcomer, other = network.nodes["validator 4"], network.nodes["validator 1"]
    network.run(network.all_at(since - 2))
    voice = network.voice_of(newcomer, since)
    block = other.store.head().block_id

    network.say(newcomer, other.name, voice.prepare(since - 1, 0, block))
    network.run_for(50)

    assert len(other.faults) == 1


def test_who_leaves_votes_until_its_height_and_follows_on() -> None:
    """Its last vote is of h + 1; then it is an observer, and what it says is refused."""
    network = begun(5)
    network.listening = True
    since = decide(network, change(remove=[votes(2)]), *range(5))
    leaver = network.nodes["validator 2"]

    pay_until(network, since + 3)

    assert leaver.alive.seat is None
    assert leaver.alive.validators.size == 4
    assert heights_of_votes(network, leaver.name)[-1] == since - 1
    assert leaver.height == since + 3
    network.check_agreement()


@pytest.mark.parametrize("views", [0, 1])
def test_a_vote_of_one_that_left_is_refused(views: int) -> None:
    """Its old seat belongs to another, or to nobody."""
    network = begun(5)
    since = decide(network, change(remove=[votes(2)]), *range(5))
    leaver = network.nodes["validator 2"]
    old = network.voice_of(leaver, since - 1)
    pay_until(network, since)
    other = network.nodes["validator 1"]
    block = other.store.head().block_id

    network.say(leaver, other.name, old.commit(since + 1, views, block))
    network.run_for(50)

    assert other.faults


def test_a_new_key_takes_the_place_of_the_old_one_at_its_height() -> None:
    """Same body, another node with another key: one votes until h + 1, the other from h + 2 on."""
    network = begun(4, waiting=1)
    network.listening = True
    new = network.nodes["validator 4"]
    ready = ready_of(network, new, 4)
    since = decide(network, change(replace=[(votes(1), ready)]), 0, 1, 2)

    pay_until(network, since + 4)

    assert heights_of_votes(network, "validator 1")[-1] == since - 1
    assert heights_of_votes(network, "validator 4")[0] == since
    assert {node.height for node in network.nodes.values()} == {since + 4}
    network.check_agreement()
    network.check_honesty()


def test_a_newcomer_that_never_turns_up_costs_a_seat_and_no_more() -> None:
    """Decided with its READY, then gone: n = 5, q = 4, the four others go on."""
    network, since = joined()
    network.crash("validator 4")

    pay_until(network, since + 5)

    assert network.nodes["validator 0"].alive.validators.size == 5
    network.check_agreement()


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_network_that_goes_down_around_a_change_comes_back_with_it(after: int) -> None:
    """All at once, `after` heights after the decision; then the newcomer is needed at once."""
    network, since = joined()
    if after:
        pay_until(network, since - 2 + after)
    network.crash()
    network.start(*(f"validator {index}" for index in range(1, 5)))

    pay_until(network, since + 3)

    assert network.nodes["validator 4"].alive.seat is not None
    network.start("validator 0")
    network.run(network.all_at(since + 3))
    network.check_agreement()
    network.check_honesty()


def test_who_slept_through_a_change_catches_up_across_it() -> None:
    """Each certified block is judged by the validators of its own height (R21, R45)."""
    network, since = joined()
    network.run(network.all_at(since - 2))
    network.crash("validator 0")
    pay_until(network, since + 2)
    since = decide(network, change(remove=[votes(3)]), 1, 2, 3, 4)
    pay_until(network, since + 2)

    network.start("validator 0")
    pay_until(network, since + 4)

    assert network.nodes["validator 0"].alive.validators.size == 4
    network.check_agreement()


def test_who_begins_with_block_1_comes_through_every_change() -> None:
    """An observer with an empty database knows nobody but the validators of genesis."""
    network = begun(4, waiting=1)
    late = network.nodes["validator 4"]
    network.crash(late.name)
    ready = ready_of(network, network.nodes["validator 0"], 4)
    since = decide(network, change(add=[ready]), *range(4))
    pay_until(network, since + 2)
    late.database, late.memory = network.site.machine(late.name, late.key).database, late.memory

    network.start(late.name)
    network.run(network.all_at(since + 2))
    network.crash("validator 2")
    pay_until(network, since + 4)

    assert late.alive.seat is not None
    network.check_agreement()
    network.check_honesty()


def test_a_newcomer_is_spoken_to_one_height_before_its_first() -> None:
    """Votes of h + 2 may come while h + 1 is still open (R43): it gets those of h + 1, too."""
    network, since = joined()
    network.run(network.all_at(since - 2))
    del network.messages[:]

    pay_until(network, since - 1)

    heard = [
        message
        for _, receiver, message in network.messages
        if receiver == "validator 4" and any(statements_in(message))
    ]
    assert {statement.height for one in heard for statement in statements_in(one)} >= {since - 1}


def test_a_fork_of_an_old_height_is_judged_by_the_validators_of_then() -> None:
    """Their certificate for another block proves it, whoever has left since (R45)."""
    network = begun(5)
    members = network.members
    pay_until(network, 2)
    since = decide(network, change(remove=[votes(2)]), *range(5))
    pay_until(network, since)
    node, other = network.nodes["validator 1"], network.nodes["validator 0"]
    block = node.store.block(Height(2))
    forged = replace(block, header=replace(block.header, time_ms=block.header.time_ms + 1))
    keys = [network.nodes[f"validator {index}"].key for index in range(5)]
    certificate = certify(
        [one for one in keys if isinstance(one, SigningKey)][: members.quorum],
        members,
        chain=network.chain,
        height=Height(2),
        view=View(0),
        block=block_id(forged.header),
    )

    network.say(other, node.name, wire.Decided(forged, certificate))
    network.run_for(50)

    assert node.faults == []
    assert "chain.forked" in node.events()


def test_a_copy_of_a_key_on_another_node_never_votes() -> None:
    """The chain names the node of each key: elsewhere it has no seat, and cannot equivocate."""
    network = begun(4, waiting=1)
    copy = network.nodes["validator 4"]
    network.crash(copy.name)
    copy.key = network.nodes["validator 1"].key
    copy.memory = MortalFile()
    Signer.create_memory(votes(1), copy.memory)
    network.crash("validator 1", "validator 2")

    network.start(copy.name)
    network.submit(copy, network.transaction("treasury", pay("health", 1, "one")))
    network.run_for(20_000)

    assert copy.alive.seat is None
    assert copy.height == 1  # two of four are too few, and the copy counts for nobody


@pytest.mark.parametrize("seed", range(12))
def test_changes_survive_lost_messages_and_crashes(seed: int) -> None:
    """One joins, one leaves, one takes another's place, while messages are lost and nodes fall."""
    random = Random(seed)
    network = begun(4, waiting=2, seed=seed)
    lossy = random.uniform(0.0, 0.25)
    network.passes = lambda _sender, _receiver, _message: random.random() >= lossy
    gone = random.randrange(4)
    stay = [index for index in range(4) if index != gone]
    fresh = {index: ready_of(network, network.nodes["validator 0"], index) for index in (4, 5)}
    steps = [
        (change(add=[fresh[4]]), range(4)),
        (change(remove=[votes(gone)]), range(4)),
        (change(replace=[(votes(4), fresh[5])]), stay),
    ]

    for operation, bodies in steps:
        tx = proposal(network, operation, bodies)
        _trouble(network, random)
        _under_fire(network, random, [tx], _is_anywhere(network, tx))
        height = max(node.height for node in network.nodes.values())
        _under_fire(network, random, [], network.all_at(height + 2))

    network.revive()
    network.passes = lambda *_: True
    pay_until(network, max(node.height for node in network.nodes.values()) + 2)
    names = {f"validator {index}" for index in (*stay, 5)}
    assert {node.name for node in network.up() if node.alive.seat is not None} == names
    network.check_agreement()
    network.check_honesty()


def _trouble(network: Network, random: Random) -> None:
    """One node dies at some moment, and comes back a little later."""

    def fall() -> None:
        network.crash(random.choice([node.name for node in network.up()]))
        network.call_later(random.randint(100, 3_000), network.revive)

    network.call_later(random.randint(1, 600), fall)


def _is_anywhere(network: Network, tx: CheckedTransaction) -> Callable[[], bool]:
    return lambda: any(node.store.find_transaction(tx.id) for node in network.nodes.values())


def _under_fire(
    network: Network, random: Random, wanted: list[CheckedTransaction], until: Callable[[], bool]
) -> None:
    """What is lost is submitted again, with a payment for company, until something holds."""
    for _ in range(120):
        if until():
            return
        network.salts += 1
        payment = network.transaction("treasury", pay("health", 1, f"payment {network.salts}"))
        network.submit(random.choice(network.up()), *wanted, payment)
        network.run_for(random.randint(50, 1_000))
    raise AssertionError(f"not in two minutes: {network.heights()}")
