"""Peers that are neither here nor gone: each is found out, given up, and dialled anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import trio

from kit.nets import (
    EAGER,
    LINK_PROTOCOL,
    id_of,
    in_own_time,
    in_trio,
    next_of,
    node,
    peer,
    seed_of,
    until,
)
from kit.rude import ignore
from p2p.frames import Lane
from p2p.host import open_host
from p2p.inbox import LinkDown, LinkUp
from p2p.peers import PeerId
from p2p.streams import Stream
from primitives import limits

ROOT = Path(__file__).parents[2]
HASTY = replace(EAGER, keep_alive_s=0.1, dead_s=0.6, write_s=0.5)

OTHER = """
import sys, trio
sys.path[:0] = ["tests"]
from kit.nets import node, peer
async def main():
    async with node(1, peer(0, sys.argv[1])) as theirs:
        print("up", flush=True)
        async for event in theirs.inbox:
            print(type(event).__name__, flush=True)
trio.run(main)
"""


@in_trio
async def test_a_process_that_is_stopped_is_given_up_and_linked_again_when_it_goes_on() -> None:
    """Its kernel still takes bytes, so that only the missing answers tell."""
    async with node(0, peer(1), timing=HASTY) as ours:
        other = await trio.lowlevel.open_process(
            [sys.executable, "-c", OTHER, ours.address], stdout=subprocess.DEVNULL, cwd=ROOT
        )
        try:
            await next_of(ours.inbox, LinkUp)
            os.kill(other.pid, signal.SIGSTOP)

            down = await next_of(ours.inbox, LinkDown)
            assert down.reason in {"no answer for 0.6 s", "silent for 0.6 s"}

            os.kill(other.pid, signal.SIGCONT)
            assert (await next_of(ours.inbox, LinkUp)).peer == id_of(1)
        finally:
            other.kill()
            with trio.CancelScope(shield=True):
                await other.wait()


@in_own_time
async def test_a_peer_that_reads_and_never_answers_is_given_up() -> None:
    """It takes everything, opens its own stream, and says nothing there but keep-alives."""
    mute = trio.Event()

    async def swallow(_peer: PeerId, stream: Stream) -> None:
        while await stream.read(65536):
            mute.set()

    async with (
        node(0, peer(1), timing=HASTY) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        rude.answer(LINK_PROTOCOL, swallow)
        await rude.dial(ours.id, ours.address)
        stream = await rude.open(ours.id, LINK_PROTOCOL)
        await next_of(ours.inbox, LinkUp)
        with trio.move_on_after(5) as patience:
            async with trio.open_nursery() as tasks:

                async def keep_alive() -> None:
                    while True:
                        await stream.write(bytes(4))
                        await trio.sleep(0.05)

                tasks.start_soon(keep_alive)
                down = await next_of(ours.inbox, LinkDown)
                tasks.cancel_scope.cancel()
        assert not patience.cancelled_caught
        assert (down.reason, mute.is_set()) == ("no answer for 0.6 s", True)
        await until(lambda: not rude.is_connected(ours.id))


@in_trio
async def test_an_answer_that_nobody_asked_for_is_a_violation() -> None:
    """A flood of answers to keep-alives on the way back costs the peer its link."""

    async def answer_unasked(_peer: PeerId, stream: Stream) -> None:
        while True:
            await stream.write(bytes(64 * 1024))

    async with (
        node(0, peer(1)) as ours,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as rude,
    ):
        rude.answer(LINK_PROTOCOL, answer_unasked)
        await rude.dial(ours.id, ours.address)
        await rude.open(ours.id, LINK_PROTOCOL)

        await until(lambda: ours.links()[rude.id].penalised == 1)
        assert "at most 0" in ours.links()[rude.id].penalties[0].reason


@in_own_time
async def test_a_dead_peer_beside_a_good_one_delays_nothing() -> None:
    """Votes to the living arrive while the writer to the dead is stuck."""

    async def never_read(_peer: PeerId, _stream: Stream) -> None:
        await trio.sleep_forever()

    async with (
        node(0, peer(1), peer(2)) as ours,
        node(2, peer(0, ours.address)) as good,
        open_host(
            seed=seed_of(1), listen="127.0.0.1:0", allowed=[ours.id], on_fault=ignore
        ) as dead,
    ):
        dead.answer(LINK_PROTOCOL, never_read)
        await dead.dial(ours.id, ours.address)
        await dead.open(ours.id, LINK_PROTOCOL)
        await until(lambda: all(link.connected for link in ours.links().values()))
        for _ in range(4 * limits.STREAM_WINDOW_BYTES // limits.LINK_WRITE_BYTES):
            ours.send(dead.id, bytes(limits.LINK_WRITE_BYTES), Lane.BLOCKS)
        await until(lambda: ours.links()[dead.id].sent > 0)

        with trio.fail_after(1):
            ours.send(good.id, b"vote", Lane.VOTES)
            await until(lambda: good.links()[ours.id].received == 1)
        assert ours.links()[dead.id].waiting_bytes > 0
