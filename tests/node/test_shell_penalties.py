"""What a peer delivers that no honest one would is counted against it, with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from kit.engines import begun
from kit.nets import EAGER, in_trio, next_of, node, peer, seed_of, until
from node.admission import Bootstrap
from node.config import LogLevel
from node.log import Log
from node.metrics import Metrics
from node.peering import Peering
from node.shell import Shell
from p2p.frames import Lane
from p2p.inbox import LinkDown, LinkUp
from p2p.network import Network, open_network
from p2p.peers import node_key_of
from primitives import limits
from primitives.codec import encode
from primitives.crypto import SigningKey
from services.table import TRANSACTION


async def nothing(_peer: object, _question: bytes) -> bytes:
    return b""


async def no_newcomer(_question: object) -> bytes:
    raise AssertionError("nobody joins here")


@asynccontextmanager
async def shell_and_peer() -> AsyncIterator[tuple[Shell, Network, Network]]:
    """A node that runs, its network, and the network of a peer that says what it likes."""
    world = begun(1)
    machine = world.validators()[0]
    async with (
        open_network(
            key_seed=seed_of(0),
            listen="127.0.0.1:0",
            chain_id=world.chain,
            peers=(peer(1),),
            answer=nothing,
            timing=EAGER,
        ) as ours,
        node(1, peer(0, ours.address), chain_id=world.chain) as theirs,
        trio.open_nursery() as tasks,
    ):
        log = Log("node0", LogLevel.ERROR)
        listed = Bootstrap(node_key=node_key_of(seed_of(1)), address="127.0.0.1:1", name="node-1")
        peering = Peering(
            ours,
            store=machine.store,
            chain=world.chain,
            key=SigningKey(seed_of(0)),
            bootstrap=(listed,),
            log=log,
        )
        shell = Shell(
            engine=machine.alive,
            network=ours,
            peering=peering,
            store=machine.store,
            chain=world.chain,
            kind=TRANSACTION,
            key=machine.validator,
            log=log,
            metrics=Metrics(),
            newcomers=no_newcomer,
        )
        await next_of(theirs.inbox, LinkUp)
        tasks.start_soon(shell.run)
        yield shell, ours, theirs
        tasks.cancel_scope.cancel()


@in_trio
async def test_a_burst_of_faults_pauses_a_peer_and_says_why() -> None:
    """FAULT_POINTS each: a few are shown, and with PENALTY_POINTS_MAX the link is down."""
    async with shell_and_peer() as (shell, ours, theirs):
        assert limits.PENALTY_POINTS_MAX % limits.FAULT_POINTS == 0
        few = limits.PENALTY_POINTS_MAX // limits.FAULT_POINTS - 1
        for _ in range(few):
            theirs.send(ours.id, b"no message", Lane.VOTES)
        await until(lambda: shell.faults[theirs.id] == few)
        status = ours.links()[theirs.id]
        assert (status.connected, status.paused_s) == (True, 0.0)

        for _ in range(2):  # the first one's points have begun to fade
            theirs.send(ours.id, b"no message", Lane.VOTES)

        assert (await next_of(theirs.inbox, LinkDown)).peer == ours.id
        await until(lambda: ours.links()[theirs.id].penalised == few + 2)
        assert {each.reason for each in ours.links()[theirs.id].penalties} == {
            status.penalties[0].reason
        }


@in_trio
async def test_what_a_later_version_says_beside_is_no_fault() -> None:
    """Two versions must not silence each other while a network is upgraded, node by node."""
    async with shell_and_peer() as (shell, ours, theirs):
        for _ in range(20):
            theirs.send(ours.id, encode([127, "what we do not know"]), Lane.VOTES)
        theirs.send(ours.id, b"no message", Lane.VOTES)

        await until(lambda: shell.faults[theirs.id] == 1)
        assert ours.links()[theirs.id].penalised == 1


@in_trio
async def test_bad_gossip_counts_against_who_passed_it_on() -> None:
    """It is judged before anybody else gets it."""
    async with shell_and_peer() as (shell, ours, theirs):
        assert not shell.judge(theirs.id, b"no block")

        assert shell.faults[theirs.id] == 1
        assert ours.links()[theirs.id].points == limits.FAULT_POINTS
