"""`mithaq peers`: what a running node's operator is told of its links."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from cli.faults import ExitCode
from kit.api import ChainOfOne, administering
from kit.commandline import Done, mithaq, testnet
from kit.nets import in_trio
from node.link_status import PeerLink


class OneLink(ChainOfOne):
    """A node whose one link is as a test wants it."""

    def __init__(self, change: Callable[[PeerLink], PeerLink]) -> None:
        super().__init__()
        self._change = change

    def peers(self) -> tuple[PeerLink, ...]:
        (link,) = super().peers()
        return (self._change(link),)


async def told(home: Path, change: Callable[[PeerLink], PeerLink], *words: str) -> Done:
    """What the command says of one link, changed as the test wants it."""
    testnet(home, "--validators", "1")
    async with administering(OneLink(change), home / "nodes" / "node0" / "admin.sock"):
        return await trio.to_thread.run_sync(lambda: mithaq("peers", "--home", home, *words))


@in_trio
async def test_a_link_that_is_up_is_one_line(tmp_path: Path) -> None:
    """Who, since when, how far, how much, where."""
    done = await told(tmp_path, lambda link: replace(link, penalties=(), throttled_ms=0))

    head, line = done.out.splitlines()
    assert head.split() == [
        "PEER", "ROLE", "LINK", "ROUND", "TRIP", "SENT", "RECEIVED", "READS/S", "ADDRESSES",
    ]  # fmt: skip
    assert line.split() == [
        "observer0", "observer", "up", "76", "s", "0.6", "ms", "310", "12", "64", "KiB,", "20",
        "127.0.0.1:17004",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"up_ms": 7_200_000}, "up 2 h"),
        ({"up_ms": 259_200_000}, "up 3 d"),
        ({"up_ms": 150_000}, "up 2 min"),
        ({"role": None}, "bootstrap"),
        ({"addresses": ()}, "none: it dials us"),
        ({"paused_ms": 12_000}, "paused, 12 s left"),
        ({"connected": False, "up_ms": None, "last_error": "refused"}, "observer0  refused"),
        ({"dropped": 4}, "0 messages wait for it, 4 were dropped"),
        ({}, "sent more than it may: held back for 3 s"),
        ({}, "no message: 3 bytes, expected 4 (10 points, 28 s ago)"),
    ],
)
def test_what_an_operator_may_want_to_do_something_about_is_said(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    """In words, below the table where it needs a line of its own."""
    done = trio.run(told, tmp_path, lambda link: replace(link, **fields))

    assert words in done.out


@in_trio
async def test_for_programs_the_answer_is_the_nodes(tmp_path: Path) -> None:
    """Every field of it."""
    done = await told(tmp_path, lambda link: link, "--json")

    (peer,) = done.result["peers"]
    assert peer["penalties"] == [
        {"reason": "no message: 3 bytes, expected 4", "points": 10, "ago_ms": 28_000}
    ]
    assert peer["up_ms"] == 75_500


def test_a_node_that_does_not_run_is_said(tmp_path: Path) -> None:
    """Its socket is not there."""
    testnet(tmp_path, "--validators", "1")

    done = mithaq("peers", "--home", tmp_path)

    assert done.code == ExitCode.UNREACHABLE
