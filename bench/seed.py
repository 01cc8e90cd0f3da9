"""A network that begins with a large state: the folders of its nodes, with blocks 0 and 1 in them.

    mithaq testnet --output HOME …; python -m bench.seed HOME 1000000

A genesis document of a million entries would have 200 MB, and every start would read it. So block 0
is that of the ordinary document, and block 1, whose state has the entries, is certified by the keys
of the validators that the chain's id commits to, each by its own signer, which remembers it. What
proves this state to anybody is what proves that of every block; only an audit from genesis would
miss the transactions that made it.
"""

import random
import shutil
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from cli.home import Home
from ledger.accounts import ACCOUNTS, Account, AccountKind, WeightedKey
from ledger.books import BALANCES, Balance, Holding
from ledger.genesis import Genesis, genesis_block
from ledger.tree import build, key_hash
from ledger.window import WINDOW_IDS, WindowIds, ids_hash
from node.config import NodeFolder
from node.keys import Purpose, read_key
from node.signer import Refused, Request, Signer
from primitives.block import Header, block_id, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.ids import (
    AccountId,
    BlockId,
    Digest,
    Height,
    PublicKey,
    Seat,
    Signature,
    TimeMs,
    TransactionId,
    View,
)
from storage.decision import VoteStep
from storage.durable_file import DiskFile
from storage.edges import born_at
from storage.opening import begin_restore

BLOCK_IDS: Final = 5_000
Entry = tuple[int, bytes, bytes]
Sign = Callable[[BlockId], tuple[Seal, ...]]
"""The seals of block 1, in the order of the seats."""


def seed(home: Path, count: int) -> int:
    """Give every node of a home that has never run the same state; how many entries it has."""
    begun = genesis_block(Home(home).document)
    folders = [NodeFolder(home / entry.folder) for entry in Home(home).entries()]
    signers = sorted(
        (_signer(begun, folder) for folder in folders if folder.validator_key.exists()),
        key=lambda signer: signer.key,
    )

    def sign(identifier: BlockId) -> tuple[Seal, ...]:
        return tuple(
            Seal(Seat(seat), _signature(signer, identifier)) for seat, signer in enumerate(signers)
        )

    made = make(folders[0].data, begun, sign, count)
    for folder in folders[1:]:
        shutil.copytree(folders[0].data, folder.data)
    return made


def _signer(begun: Genesis, folder: NodeFolder) -> Signer:
    key = read_key(folder.validator_key, Purpose.VALIDATOR).signing()
    return Signer(key, DiskFile(folder.signer_state), begun.chain)


def _signature(signer: Signer, identifier: BlockId) -> Signature:
    steps = (VoteStep.PREPARE, VoteStep.COMMIT)
    asked = [
        Request(step=step, height=Height(1), view=View(0), block_id=identifier) for step in steps
    ]
    _, signature = signer.sign_all(asked)
    assert not isinstance(signature, Refused), f"a signer that has signed before: {signature}"
    return signature


def _entries(begun: Genesis, count: int, row: WindowIds) -> list[Entry]:
    found: list[Entry] = [
        (table, key, value)
        for (table, key), value in begun.execution.state_writes.items()
        if value is not None
    ]
    found.append((WINDOW_IDS.number, WINDOW_IDS.key(Height(1)), encode(row)))
    chance = random.Random(1)
    while len(found) < count:
        account = AccountId(chance.randbytes(32))
        one = Account(
            kind=AccountKind.PERSON,
            threshold=1,
            keys=(WeightedKey(PublicKey(chance.randbytes(32)), 1),),
            name="",
            keeper=None,
            floor=0,
            changed=Height(1),
        )
        found.append((ACCOUNTS.number, ACCOUNTS.key(account), encode(one)))
        balance = Balance(chance.randrange(10**9), 0)
        found.append((BALANCES.number, BALANCES.key(Holding(account, "GBP")), encode(balance)))
    return found


def make(folder: Path, begun: Genesis, sign: Sign, count: int) -> int:
    """A database with so many entries at height 1, about; how many there are."""
    ids = [
        (TimeMs(begun.header.time_ms + 60_000), TransactionId(sha256(b"%d" % number).digest()))
        for number in range(BLOCK_IDS)
    ]
    time_ms = TimeMs(begun.header.time_ms + 1_000)
    entries = _entries(begun, count, WindowIds(time_ms, ids_hash(ids), Height(1), TimeMs(0)))
    with begin_restore(folder, "a made state") as making:
        making.chain(begun.header)
        for entry in entries:
            making.entry(*entry)
        leaves = sorted((key_hash(table, key), value) for table, key, value in entries)
        header = _header(begun, time_ms, build(Height(1), leaves, making.node))
        for valid_until, identifier in ids:
            making.window(valid_until, identifier, Height(1))
        certificate = Certificate(Height(1), View(0), block_id(header), sign(block_id(header)))
        making.finish(header, certificate, forgotten=TimeMs(0), edges=born_at(Height(1))).close()
    return len(entries)


def _header(begun: Genesis, time_ms: TimeMs, root: Digest) -> Header:
    return Header(
        chain=begun.chain,
        height=Height(1),
        parent=block_id(begun.header),
        time_ms=time_ms,
        proposer=begun.validators.keys[0],
        transactions_root=transactions_root(()),
        state_root=root,
        receipts_root=transactions_root(()),
        validators_hash=begun.validators.hash,
        next_validators_hash=begun.validators.hash,
    )


if __name__ == "__main__":
    made = seed(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(f"{made:,} entries at height 1\n")
