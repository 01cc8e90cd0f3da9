"""A small certified chain to take proofs from: one block of made-up transactions, one entry.

Transactions and receipts are written with the `msgpack` package after docs/proof-format.md, so that
the verifier is tested against the written format; the ledger's own bytes have tests of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import msgpack

from kit.certified import certify, genesis_header, signing_key, validator_keys, validator_set
from node.proof import ProofFile, entry_proof, receipt_proof
from primitives.block import Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.crypto import SigningKey
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.ids import BlockId, ChainId, Digest, Height, TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet

TIME_MS = TimeMs(1_795_342_503_000)  # 2026-11-22 10:15:03 UTC
PAYER, PAYEE = signing_key("treasury"), signing_key("agency")
TABLE, KEY, VALUE = 7, b"GBP", b"\x93\x01\xa3GBP\xc4\x02ok"


def packed(value: object) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


def account(key: SigningKey) -> bytes:
    return digest(Domain.ACCOUNT, key.public)


def transaction_of(
    chain: bytes, operations: Sequence[Any], *, salt: bytes = bytes(16), signer: SigningKey = PAYER
) -> bytes:
    """[[chain, valid_until, salt, calls], [[key, signature]]], signed by one key."""
    calls = [[account(signer), operation] for operation in operations]
    body = [chain, TIME_MS + 60_000, salt, calls]
    signature = signer.sign(Domain.TRANSACTION_SIGNATURE.tag + packed(body))
    return packed([body, [[signer.public, signature]]])


def id_of(transaction: bytes) -> bytes:
    body, _ = msgpack.unpackb(transaction)
    return digest(Domain.TRANSACTION_ID, packed(body))


def transfer(lines: int = 1) -> list[Any]:
    return [
        "money.transfer",
        "GBP",
        [
            [account(PAYEE), 125_000 + line, f"INV-{line}", "Road repair, March", None]
            for line in range(lines)
        ],
    ]


def executed(transaction: bytes) -> bytes:
    event = ["money.transferred", account(PAYER), 0, account(PAYEE), "GBP", 125_000, "INV-0", None]
    return packed([id_of(transaction), "applied", None, [event]])


def state_of_one_entry() -> tuple[Digest, tuple[bytes, ...]]:
    """The root of a state with two entries whose key hashes part at the second bit or later."""
    mine = digest(Domain.STATE_KEY, TABLE.to_bytes(2, "big"), KEY)
    leaf = digest(Domain.STATE_LEAF, mine, digest(Domain.STATE_VALUE, VALUE))
    other = digest(Domain.STATE_LEAF, bytes(32), digest(Domain.STATE_VALUE, b"other"))
    bits = [mine[depth // 8] >> (7 - depth % 8) & 1 for depth in range(2)]
    low = (other, leaf) if bits[1] else (leaf, other)
    inner = digest(Domain.STATE_NODE, *low)
    top = (bytes(32), bytes(inner)) if bits[0] else (bytes(inner), bytes(32))
    return digest(Domain.STATE_NODE, *top), (b"", bytes(other))


@final
@dataclass(frozen=True)
class Chain:
    """Genesis and one certified block, with everything a proof is assembled from."""

    keys: tuple[SigningKey, ...]
    validators: ValidatorSet
    genesis: Header
    header: Header
    certificate: Certificate
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    siblings: tuple[bytes, ...]

    @property
    def id(self) -> ChainId:
        return ChainId(block_id(self.genesis))

    def receipt_proof(self, index: int = 0) -> ProofFile:
        made = receipt_proof(
            genesis=self.genesis,
            validators=self.validators,
            header=self.header,
            certificate=self.certificate,
            transactions=self.transactions,
            receipts=self.receipts,
            index=index,
        )
        assert isinstance(made, ProofFile), "its validators are those of genesis"
        return made

    def entry_proof(self) -> ProofFile:
        made = entry_proof(
            genesis=self.genesis,
            validators=self.validators,
            header=self.header,
            certificate=self.certificate,
            table=TABLE,
            key=KEY,
            value=VALUE,
            siblings=self.siblings,
        )
        assert isinstance(made, ProofFile), "its validators are those of genesis"
        return made

    def genesis_entry_proof(self) -> ProofFile:
        made = entry_proof(
            genesis=self.genesis,
            validators=self.validators,
            header=self.genesis,
            certificate=None,
            table=TABLE,
            key=KEY,
            value=VALUE,
            siblings=self.siblings,
        )
        assert isinstance(made, ProofFile), "its validators are those of genesis"
        return made

    def certified_by(self, seats: Sequence[int], *, height: int | None = None) -> Certificate:
        return certify(
            [self.keys[seat] for seat in seats],
            self.validators,
            chain=self.id,
            height=self.header.height if height is None else Height(height),
            view=View(0),
            block=block_id(self.header),
        )


def small_chain(
    *,
    validators: int = 4,
    operations: Sequence[Any] = (),
    others: int = 2,
    height: int = 12,
    network: str = "",
) -> Chain:
    """A block with one transaction of `operations` first, and `others` behind it."""
    keys = validator_keys(validators)
    members = validator_set(keys)
    state_root, siblings = state_of_one_entry()
    genesis = genesis_header(
        members,
        time_ms=TimeMs(TIME_MS - 120_000 + len(network)),
        state_root=state_root,
        empty_root=list_root(()),
    )
    chain = ChainId(block_id(genesis))
    transactions = [transaction_of(chain, list(operations) or [transfer()])]
    transactions += [
        transaction_of(chain, [transfer()], salt=number.to_bytes(16, "big"))
        for number in range(1, others + 1)
    ]
    receipts = [executed(transaction) for transaction in transactions]
    header = Header(
        chain=chain,
        height=Height(height),
        parent=BlockId(digest(Domain.BLOCK, b"the block before")),
        time_ms=TIME_MS,
        proposer=ValidatorKey(members.keys[0]),
        transactions_root=transactions_root([transaction_hash(data) for data in transactions]),
        state_root=state_root,
        receipts_root=list_root([digest(Domain.RECEIPT, data) for data in receipts]),
        validators_hash=members.hash,
        next_validators_hash=members.hash,
    )
    certificate = certify(
        keys, members, chain=chain, height=Height(height), view=View(0), block=block_id(header)
    )
    return Chain(
        keys=tuple(keys),
        validators=members,
        genesis=genesis,
        header=header,
        certificate=certificate,
        transactions=tuple(transactions),
        receipts=tuple(receipts),
        siblings=siblings,
    )
