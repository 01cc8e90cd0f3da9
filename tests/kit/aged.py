"""A network that is older than its processes: its nodes have a chain of many blocks on disk.

Each block holds payments and is certified with the validators' own keys, a millisecond after the
one before, so that thousands of them lie in the past of a network that was founded just now. Every
validator's signer remembers the newest.
"""

import shutil
from collections.abc import Collection

from kit.certified import certify
from kit.localnet import Localnet
from ledger.block import BlockRun
from ledger.genesis import Genesis, genesis_block
from ledger.transaction import CheckedTransaction, check_transaction
from node.bodies import CheckedBlock
from node.execution import decision_of
from node.folder import load_genesis
from node.importing import GATHERED_BYTES
from node.keys import Purpose, read_key
from node.signer import Refused, Request, Signer
from primitives.block import Block, Header, block_id, transactions_root
from primitives.crypto import SigningKey
from primitives.ids import Height, PublicKey, TimeMs, View
from services.table import LAW, TRANSACTION
from storage.chain import ChainStore
from storage.decision import Genesis as StoredGenesis
from storage.decision import Head, VoteStep
from storage.durable_file import DiskFile
from storage.opening import open_gathering


def age(net: Localnet, indexes: Collection[int], *, blocks: int, payments: int) -> None:
    """Put so many blocks into the folders of these nodes, which must not have run yet."""
    begun = genesis_block(load_genesis(net.home / "genesis.json"))
    stored = StoredGenesis(
        header=begun.header,
        state_writes=begun.execution.state_writes,
        node_writes=begun.execution.node_writes,
    )
    first, *others = (net.folder(index) / "data" for index in indexes)
    store, gathered = open_gathering(first, stored, bytes_max=GATHERED_BYTES)
    signers = _signers(net, begun)
    with store:
        for _ in range(blocks):
            made = [net.payment() for _ in range(payments)]
            _add(store, begun, signers, made)
        gathered.flush()
        _remember(net, store.head())
    for other in others:
        shutil.copytree(first, other, dirs_exist_ok=True)


def _remember(net: Localnet, head: Head) -> None:
    for index in range(net.validators):
        signer = Signer(
            _key_of(net, index), DiskFile(net.folder(index) / "signer.state"), net.chain
        )
        asked = [
            Request(step=step, height=head.height, view=View(0), block_id=head.block_id)
            for step in (VoteStep.PREPARE, VoteStep.COMMIT)
        ]
        assert not any(isinstance(answer, Refused) for answer in signer.sign_all(asked))


def _signers(net: Localnet, begun: Genesis) -> list[SigningKey]:
    keys = {key.public: key for key in (_key_of(net, index) for index in range(net.validators))}
    ordered = [keys[PublicKey(public)] for public in begun.validators.keys]
    return ordered[: begun.validators.quorum]


def _key_of(net: Localnet, index: int) -> SigningKey:
    return read_key(net.folder(index) / "validator.key", Purpose.VALIDATOR).signing()


def _add(store: ChainStore, begun: Genesis, signers: list[SigningKey], made: list[bytes]) -> None:
    head, chain, validators = store.head(), begun.chain, begun.validators
    height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + 1)
    checked: list[CheckedTransaction] = [check_transaction(d, chain, TRANSACTION) for d in made]
    with store.state() as state:
        run = BlockRun(state, LAW, chain=chain, height=height, time_ms=time_ms)
        for tx in checked:
            run.admit(tx)
            run.apply(tx)
        execution = run.finish()
    header = Header(
        chain=chain,
        height=height,
        parent=head.block_id,
        time_ms=time_ms,
        proposer=validators.primary(height, View(0)),
        transactions_root=transactions_root([tx.hash for tx in checked]),
        state_root=execution.state_root,
        receipts_root=execution.receipts_root,
        validators_hash=validators.hash,
        next_validators_hash=validators.hash,
    )
    identifier = block_id(header)
    certificate = certify(
        signers, validators, chain=chain, height=height, view=View(0), block=identifier
    )
    body = CheckedBlock(Block(header, tuple(made)), identifier, tuple(checked))
    store.commit(decision_of(body, certificate, execution))
