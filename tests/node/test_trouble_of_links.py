"""Why there is no link, read from what a link says: held against the real words of p2p."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from kit.nets import id_of, in_trio, node, peer, until
from node.facts import Trouble
from node.observation import trouble_of
from p2p.links import LinkStatus


async def link_to(address: str) -> LinkStatus:
    """What the link to a peer at this address says after its first attempt."""
    async with node(0, peer(1, address)) as network:
        await until(lambda: bool(network.links()[id_of(1)].last_error))
        return network.links()[id_of(1)]


@in_trio
async def test_a_port_where_nobody_listens_is_a_process_that_is_down() -> None:
    """The machine answers: refused."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()

    assert trouble_of(await link_to(f"127.0.0.1:{port}")) is Trouble.DOWN


@in_trio
async def test_who_takes_the_connection_and_says_nothing_hangs() -> None:
    """As a stopped process does, whose kernel still answers."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]

        assert trouble_of(await link_to(f"127.0.0.1:{port}")) is Trouble.HUNG


@in_trio
async def test_a_link_that_stands_has_no_trouble() -> None:
    """And one that ended on purpose broke, for all that is known."""
    async with node(1, peer(0)) as there:
        async with node(0, peer(1, there.address)) as here:
            await until(lambda: here.links()[id_of(1)].connected)
            stands = here.links()[id_of(1)]
        await until(lambda: not there.links()[id_of(0)].connected)

        assert trouble_of(stands) is Trouble.NONE
        assert trouble_of(there.links()[id_of(0)]) is Trouble.LOST


@in_trio
async def test_whom_we_pause_is_kept_away_by_us() -> None:
    """Whatever the link said last; and of whom we have no link at all, nothing is known."""
    status = await link_to("127.0.0.1:1")

    assert trouble_of(replace(status, paused_s=5.0)) is Trouble.PAUSED
    assert trouble_of(None) is Trouble.UNKNOWN


@pytest.mark.parametrize(
    "words",
    ["no connection in 2.5 s", "[Errno 113] No route to host", "[Errno 101] Network unreachable"],
)
def test_an_attempt_that_meets_nobody_is_silence(words: str) -> None:
    """What the kernel says where a line is cut; tests/perturb cuts real ones."""

    @in_trio
    async def ask() -> None:
        status = await link_to("127.0.0.1:1")
        cut = replace(status, last_error=f"10.0.0.2:17000: {words}")
        assert trouble_of(cut) is Trouble.SILENT

    ask()
