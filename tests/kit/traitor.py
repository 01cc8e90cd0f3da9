"""A validator that betrays: its own node's folder, its own links, and two prepares of one view.

    PYTHONPATH=.:tests python -m kit.traitor NODE_FOLDER HEIGHT LINKS

It waits for so many others that hear it.
The node itself must not run: its place on the network is taken here.
"""

import sys
from pathlib import Path

import trio

from kit.accused import some_block
from ledger.membership import validators_at
from node import wire
from node.folder import LoadedNode, load_node
from p2p.frames import Lane
from p2p.network import Network, open_network
from p2p.peers import Peer, PeerId, peer_id_of
from primitives.ids import Height, ValidatorKey
from primitives.validators import ValidatorSet
from sim.spoken import Voice
from storage.opening import open_database

PATIENCE_S = 120
TIMES_SAID = 4
"""A link that is new may still be replaced by the other side's, with what it carried."""


def voters_of(loaded: LoadedNode, height: Height) -> ValidatorSet:
    """Who votes at a height, as the node's own database has it."""
    with open_database(loaded.folder.data, loaded.genesis.chain) as store, store.state() as state:
        return validators_at(state, height)


def peers_of(loaded: LoadedNode) -> list[Peer]:
    """Those of its bootstrap list."""
    return [
        Peer(peer_id_of(one.node_key), one.name, votes=True, addresses=(one.address,))
        for one in loaded.bootstrap
    ]


def linked(network: Network) -> int:
    """How many others hear us."""
    return sum(link.connected for link in network.links().values())


async def betray(folder: Path, height: Height, links: int) -> None:
    """Link to so many others, say both things, and be gone."""
    loaded = load_node(folder)
    assert loaded.validator_key is not None, "a traitor has a vote"
    key = loaded.validator_key.signing()
    voters = voters_of(loaded, height)
    assert voters.seat(ValidatorKey(key.public)) is not None, "a traitor has a vote at this height"
    voice = Voice(key, loaded.genesis.chain, voters)

    async def answer(_peer: PeerId, _question: bytes) -> bytes:
        return b""

    async with open_network(
        key_seed=loaded.node_key.seed,
        listen=loaded.config.p2p.listen,
        chain_id=loaded.genesis.chain,
        peers=peers_of(loaded),
        answer=answer,
    ) as network:
        with trio.fail_after(PATIENCE_S):
            while linked(network) < links:  # noqa: ASYNC110 - a link tells nobody that it is up
                await trio.sleep(0.05)
        stories = [voice.prepare(height, 0, some_block(name)) for name in ("one story", "another")]
        for _ in range(TIMES_SAID):
            for said in map(wire.write, stories):
                for peer, link in network.links().items():
                    if link.connected:
                        network.send(peer, said, Lane.VOTES)
            await trio.sleep(0.5)  # the links write what is queued


if __name__ == "__main__":
    trio.run(betray, Path(sys.argv[1]), Height(int(sys.argv[2])), int(sys.argv[3]))
