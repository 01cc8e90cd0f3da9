"""A desk of an agency: a home with keys and genesis, and a node that serves its chain.

The node is the chain of one behind the API's real server, in a thread of its own; what the command
line sends and receives is real HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import trio
from msgspec.structs import replace

from cli.founding import document_bytes
from kit.api import ChainOfOne, listening
from kit.commandline import Done, mithaq
from kit.ledger import NAMES, account_id, genesis_document, key
from ledger.genesis import GenesisAccount, GenesisAsset, GenesisBalance, GenesisDocument
from primitives.ids import TimeMs

KEYS = (*NAMES, "notary")


@dataclass
class Desk:
    home: Path
    chain: ChainOfOne
    url: str = ""

    def mithaq(self, *words: str | Path) -> Done:
        """A command in this home."""
        return mithaq(*words, "--home", self.home)

    def asking(self, *words: str | Path) -> Done:
        """A command in this home that asks the node."""
        return mithaq(*words, "--home", self.home, "--node", self.url)

    def pay(self, *more: str | Path, key: str = "treasury", line: str = "") -> Done:
        """Treasury pays health one pound, unless `line` says otherwise."""
        words = ["tx", "send", "money.transfer", "--key", key, "--asset", "GBP", "--line"]
        return self.asking(*words, line or "to=health,amount=100,reference=a", *more)


def write_home(home: Path, document: GenesisDocument, names: Sequence[str] = ()) -> None:
    """The keys of the ledger's test accounts and of these, and a genesis."""
    (home / "keys").mkdir(parents=True, exist_ok=True)
    for name in (*KEYS, *names):
        path = home / "keys" / f"{name}.key"
        stored = {
            "format": "mithaq.key",
            "version": 1,
            "purpose": "account",
            "name": name,
            "public": key(name).public.hex(),
            "secret": sha256(b"mithaq test key " + name.encode()).hexdigest(),
        }
        path.write_text(json.dumps(stored))
        path.chmod(0o600)
    (home / "genesis.json").write_bytes(document_bytes(document))


@contextmanager
def desk(
    home: Path, *, accounts: Sequence[GenesisAccount] = (), currencies: Sequence[str] = ()
) -> Iterator[Desk]:
    """A home and its node, which ends with the context; health holds 5 of each of `currencies`."""
    # The command line's clock is the real one, so the chain must live today.
    now = TimeMs(time.time_ns() // 1_000_000)
    document = genesis_document(accounts=accounts)
    document = replace(
        document,
        time_ms=now,
        assets=(
            *document.assets,
            *(GenesisAsset(code, 0, account_id("treasury")) for code in currencies),
        ),
        balances=(
            *document.balances,
            *(GenesisBalance(account_id("health"), code, 5) for code in currencies),
        ),
    )
    with served(home, ChainOfOne(document=document)) as made:
        yield made


@contextmanager
def served(home: Path, chain: ChainOfOne) -> Iterator[Desk]:
    """A home of a chain, and a node that serves it."""
    write_home(home, chain.genesis)
    made = Desk(home, chain)
    ready = threading.Event()
    token: list[trio.lowlevel.TrioToken] = []
    stop = trio.Event()

    async def serve() -> None:
        async with listening(made.chain) as address:
            made.url = f"http://{address}"
            token.append(trio.lowlevel.current_trio_token())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert ready.wait(30), "the API serves"
    try:
        yield made
    finally:
        token[0].run_sync_soon(stop.set)
        thread.join(30)
        assert not thread.is_alive()
