"""What nodes said in their lives, and the small scenes that tests of restarts begin with."""

from consensus.messages import Commit, PrePrepare
from kit.engines import Network, Node
from kit.ledger import pay
from kit.spoken import Place, Statement, author_of, place_of, statements_in
from ledger.parameters import DEFAULTS
from node import wire
from primitives.ids import ValidatorKey


def words_of(network: Network, node: Node) -> dict[Place, bytes]:
    """What a node let go of its own since the network listens, byte for byte."""
    author = ValidatorKey(network.voice(node).key.public)
    return {
        place_of(statement): wire.write(as_wire(statement))
        for sender, _, message in network.messages
        for statement in statements_in(message)
        if sender == node.name and author_of(statement, network.members) == author
    }


def heights_of_new_words(network: Network, node: Node, before: dict[Place, bytes]) -> set[int]:
    """Heights at which it said what it had not said before: relaying its old words is no vote."""
    return {place[0] for place, _ in words_of(network, node).items() - before.items()}


def as_wire(word: Statement) -> wire.Wire:
    return wire.Proposed(word, None) if isinstance(word, PrePrepare) else word


def listen(network: Network) -> None:
    network.listening = True
    network.messages.clear()


def work(network: Network, name: str = "work") -> None:
    """Something to decide about, valid for long."""
    payment = network.transaction("treasury", pay("works", 1, name), ms=DEFAULTS.window_ms)
    network.submit(network.up()[0], payment)


def no_commits(_sender: str, _receiver: str, message: wire.Wire) -> bool:
    """Everybody prepares, nobody decides."""
    return not isinstance(message, Commit)


def stopped_at_commit(network: Network) -> Node:
    """A node that has signed a commit of height 2, and was killed."""
    node = network.proposer(2)
    network.passes = no_commits
    listen(network)
    work(network)
    network.run(lambda: any(step == 3 for *_, step in words_of(network, node)))
    network.crash(node.name)
    return node
