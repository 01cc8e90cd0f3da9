"""What libp2p says does not end up between the lines of our log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging, trio
from p2p.network import open_network

async def main():
    async def answer(peer, question):
        return b""

    async with open_network(
        key_seed=bytes(32), listen="127.0.0.1:0", chain_id=bytes(32), peers=(), answer=answer
    ):
        logging.error("as its swarm does, through the root logger")
        logging.getLogger("root").warning("and so")
        logging.getLogger("libp2p.transport").error("as its transports do")
        logging.getLogger("some.library").error("as a library of its own does")

trio.run(main)
"""


def test_what_libp2p_logs_is_not_written_into_our_log() -> None:
    """A node's output is one JSON object a line; the root logger would write to stderr as well."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, timeout=60, check=False, cwd=ROOT
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
