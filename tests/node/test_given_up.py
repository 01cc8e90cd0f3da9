"""A view that ended without a block, in the log: what it lacked, and of whom (R24)."""

from __future__ import annotations

from consensus.messages import Commit
from kit.engines import Network, Node, begun
from kit.ledger import pay
from node.outbox import Note
from primitives.ids import Height, Seat


def seated(network: Network) -> list[Node]:
    """The validators in the order of their seats."""
    return sorted(network.validators(), key=lambda node: node.alive.seat or Seat(0))


def names(network: Network) -> list[str]:
    [node, *_] = [one for one in network.validators() if one.engine is not None]
    return [record.name for record in node.alive.parent.records]


def notes(node: Node) -> list[Note]:
    return [note for note in node.notes if note.event == "view.given_up"]


def work(network: Network, node: Node) -> None:
    network.submit(node, network.transaction("treasury", pay("works", 1, f"late {network.salts}")))


def test_a_dead_primary_is_named_with_what_did_not_come() -> None:
    """By everybody whose timer fired; the block of the next view is not a cause."""
    network = begun()
    seats, height = seated(network), Height(2)
    primary = network.primary()
    others = [node for node in seats if node is not primary]
    network.crash(primary.name)
    work(network, others[0])
    network.run(network.all_at(height, others))

    dead = names(network)[seats.index(primary)]
    for node in others:
        [note] = notes(node)
        assert note.facts == {
            "height": height,
            "view": 0,
            "primary": dead,
            "proposal": "none came",
            "prepares": 0,
            "commits": 0,
            "needed": 3,
            "silent": names(network),
        }
        assert not note.alarming


def test_what_came_is_counted_and_who_said_nothing_is_named() -> None:
    """Here everybody prepares, but commits are lost for a while."""
    network = begun()
    network.passes = lambda _from, _to, message: not isinstance(message, Commit)
    work(network, network.validators()[0])
    network.run(lambda: all(notes(node) for node in network.validators()))

    for node in network.validators():
        facts = notes(node)[0].facts
        assert (facts["proposal"], facts["prepares"], facts["commits"]) == ("good", 4, 1)
        assert facts["silent"] == []


def test_a_silent_validator_is_named_while_the_others_wait_for_one_more() -> None:
    """Two of four are down: the view lacks the votes of both."""
    network = begun()
    seats, height = seated(network), 2
    down = [seats[(height + 1) % 4], seats[(height + 2) % 4]]
    awake = [node for node in seats if node not in down]
    network.crash(*[node.name for node in down])
    work(network, awake[0])
    network.run(lambda: all(notes(node) for node in awake))

    for node in awake:
        facts = notes(node)[0].facts
        assert facts["silent"] == sorted(
            (names(network)[seats.index(one)] for one in down), key=names(network).index
        )
        assert facts["prepares"] == 2


def test_a_timer_that_ends_no_view_leaves_no_line() -> None:
    """Of a height that is decided, or of a view that was left before."""
    network = begun()
    for _ in range(3):
        work(network, network.validators()[0])
        network.run(network.all_at(network.validators()[0].height + 1, network.validators()))
    network.run_for(10_000)

    assert [notes(node) for node in network.validators()] == [[], [], [], []]
