"""A small certified chain to take proofs from: blocks of made-up transactions, two entries.

Transactions and receipts are written with the `msgpack` package after docs/proof-format.md, so that
the verifier is tested against the written format; the ledger's own bytes have tests of their own.
Its validators may change: `small_chain(changes={6: keys_named(1, 2, 3, 4)})` has others from height
6 on. All blocks hold the same, so any height proves any subject.

`valid_files()` are proof files of every kind, each with the pin under which it is valid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import msgpack

from kit.certified import certify, genesis_header, signing_key, validator_keys, validator_set
from ledger.tree import Path
from node.lineage import (
    Anchor,
    CheckpointAnchor,
    GenesisAnchor,
    Lineage,
    Period,
    Step,
    quorum_of,
    shortest,
)
from node.proof import (
    BlockLists,
    ProofFile,
    Subject,
    event_subject,
    proof_file,
    receipt_subject,
    state_subject,
    write_proof,
)
from primitives.block import Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.crypto import SigningKey
from primitives.digest import digest, list_root
from primitives.domains import Domain
from primitives.ids import BlockId, ChainId, Digest, Height, TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet
from verifier import Pin

TIME_MS = TimeMs(1_795_342_503_000)  # 2026-11-22 10:15:03 UTC
HEIGHT = 12
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


def keys_named(*numbers: int) -> list[SigningKey]:
    """Key pairs of these validators, in the order of their seats."""
    keys = [signing_key(f"validator {number}") for number in numbers]
    return sorted(keys, key=lambda key: key.public)


def executed(transaction: bytes) -> bytes:
    event = ["money.transferred", account(PAYER), 0, account(PAYEE), "GBP", 125_000, "INV-0", None]
    return packed([id_of(transaction), "applied", None, [event]])


OTHER_LEAF = (bytes(32), bytes(digest(Domain.STATE_VALUE, b"other")))
"""Key hash and value hash of the second entry."""


def state_of_two_entries() -> tuple[Digest, tuple[bytes, ...]]:
    """The root of a state with two entries whose key hashes part at the second bit or later."""
    mine = digest(Domain.STATE_KEY, TABLE.to_bytes(2, "big"), KEY)
    leaf = digest(Domain.STATE_LEAF, mine, digest(Domain.STATE_VALUE, VALUE))
    other = digest(Domain.STATE_LEAF, *OTHER_LEAF)
    bits = [mine[depth // 8] >> (7 - depth % 8) & 1 for depth in range(2)]
    low = (other, leaf) if bits[1] else (leaf, other)
    inner = digest(Domain.STATE_NODE, *low)
    top = (bytes(32), bytes(inner)) if bits[0] else (bytes(inner), bytes(32))
    return digest(Domain.STATE_NODE, *top), (b"", bytes(other))


@final
@dataclass(frozen=True)
class Chain:
    """Genesis and certified blocks, with everything a proof is assembled from."""

    periods: tuple[tuple[int, tuple[SigningKey, ...]], ...]
    """From which height on who votes."""
    genesis: Header
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    siblings: tuple[bytes, ...]
    height: int
    time_ms: TimeMs

    @property
    def id(self) -> ChainId:
        return ChainId(block_id(self.genesis))

    @property
    def pin(self) -> Pin:
        return Pin(self.id)

    def checkpoint(self, height: int) -> Pin:
        return Pin(self.id, height, self.members_at(height).hash)

    # the block that most tests are about

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        return self.keys_at(self.height)

    @property
    def validators(self) -> ValidatorSet:
        return self.members_at(self.height)

    @property
    def header(self) -> Header:
        return self.header_at(self.height)

    @property
    def certificate(self) -> Certificate:
        return self.certificate_at(self.height)

    # any block

    def keys_at(self, height: int) -> tuple[SigningKey, ...]:
        return [keys for first, keys in self.periods if first <= height][-1]

    def members_at(self, height: int) -> ValidatorSet:
        return validator_set(self.keys_at(height))

    def header_at(self, height: int) -> Header:
        return Header(
            chain=self.id,
            height=Height(height),
            parent=BlockId(digest(Domain.BLOCK, b"the block before")),
            time_ms=self.time_ms,
            proposer=ValidatorKey(self.members_at(height).keys[0]),
            transactions_root=transactions_root([transaction_hash(d) for d in self.transactions]),
            state_root=self.genesis.state_root,
            receipts_root=list_root([digest(Domain.RECEIPT, data) for data in self.receipts]),
            validators_hash=self.members_at(height).hash,
            next_validators_hash=self.members_at(height + 1).hash,
        )

    def certificate_at(
        self, height: int, keys: Sequence[SigningKey] | None = None, *, of: int | None = None
    ) -> Certificate:
        """Signed by all, or by these; for a header of height `of` where that is another."""
        return certify(
            self.keys_at(height) if keys is None else keys,
            self.members_at(height),
            chain=self.id,
            height=Height(height if of is None else of),
            view=View(0),
            block=block_id(self.header_at(height)),
        )

    def certified_by(self, seats: Sequence[int], *, height: int | None = None) -> Certificate:
        keys = [self.keys[seat] for seat in seats]
        return self.certificate_at(self.height, keys, of=height)

    # lineages

    def anchor(self, since: int = 0) -> Anchor:
        keys = self.members_at(since).keys
        if since == 0:
            return GenesisAnchor(self.genesis, keys)
        return CheckpointAnchor(self.id, Height(since), keys)

    def history(self, height: int) -> tuple[Period, ...]:
        starts = [(first, keys) for first, keys in self.periods if first <= height]
        ends = [first - 1 for first, _ in starts[1:]] + [height]
        return tuple(
            Period(Height(first), Height(last), validator_set(keys))
            for (first, keys), last in zip(starts, ends, strict=True)
        )

    def lineage(self, height: int | None = None, since: int = 0) -> Lineage:
        """What the node would write, if everybody had signed every block."""
        at = self.height if height is None else height
        if at == 0:
            return Lineage(self.anchor(), (), self.genesis, None, None)

        def certified(height: Height) -> tuple[Header, Certificate]:
            return self.header_at(height), self.certificate_at(height)

        return shortest(self.anchor(since), self.history(at), Height(at), certified)

    def named(self, height: int) -> Step:
        """A step from the validators of a height to those of the next."""
        certificate = quorum_of(self.certificate_at(height), self.members_at(height))
        return Step(self.header_at(height), certificate, self.members_at(height + 1).keys)

    def skip(self, height: int, keys: Sequence[SigningKey] | None = None) -> Step:
        """A step to the validators of a height, of whom a quorum or these signed."""
        certificate = self.certificate_at(height, keys)
        if keys is None:
            certificate = quorum_of(certificate, self.members_at(height))
        return Step(self.header_at(height), certificate, self.members_at(height).keys)

    # proofs

    def prove(self, subject: Subject, *, height: int | None = None, since: int = 0) -> ProofFile:
        return proof_file(self.lineage(height, since), subject)

    def lists(self) -> BlockLists:
        return BlockLists.of(self.transactions, self.receipts)

    def receipt_proof(self, index: int = 0, **place: int) -> ProofFile:
        return self.prove(receipt_subject(self.lists(), index), **place)

    def event_proof(self, index: int = 0, event: int = 0, **place: int) -> ProofFile:
        return self.prove(event_subject(self.lists(), index, event), **place)

    def entry_proof(self, **place: int) -> ProofFile:
        return self.prove(state_subject(TABLE, KEY, VALUE, Path(self.siblings, None)), **place)

    def genesis_entry_proof(self) -> ProofFile:
        return self.entry_proof(height=0)

    def absent_proof(self, key: bytes, **place: int) -> ProofFile:
        """That there is no entry of a key other than `KEY`."""
        return self.prove(state_subject(TABLE, key, None, self.way_to(key)), **place)

    def way_to(self, key: bytes) -> Path:
        """Where a key that is absent would be: the ways of both entries part at the second bit."""
        place = digest(Domain.STATE_KEY, TABLE.to_bytes(2, "big"), key)
        mine = digest(Domain.STATE_KEY, TABLE.to_bytes(2, "big"), KEY)
        leaf = (bytes(mine), bytes(digest(Domain.STATE_VALUE, VALUE)))
        if place[0] >> 7 != mine[0] >> 7:
            inner = digest(Domain.STATE_NODE, *self._lowest(mine, leaf))
            return Path((bytes(inner),), None)
        if place[0] >> 6 & 1 == mine[0] >> 6 & 1:
            return Path(self.siblings, leaf)
        return Path((b"", bytes(digest(Domain.STATE_LEAF, *leaf))), OTHER_LEAF)

    def _lowest(self, mine: bytes, leaf: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        pair = digest(Domain.STATE_LEAF, *leaf), digest(Domain.STATE_LEAF, *OTHER_LEAF)
        return pair[::-1] if mine[0] >> 6 & 1 else pair


def small_chain(
    *,
    validators: int = 4,
    operations: Sequence[Any] = (),
    others: int = 2,
    height: int = HEIGHT,
    network: str = "",
    changes: Mapping[int, Sequence[SigningKey]] | None = None,
    time_ms: TimeMs = TIME_MS,
) -> Chain:
    """Blocks with one transaction of `operations` first, and `others` behind it."""
    keys = validator_keys(validators)
    state_root, siblings = state_of_two_entries()
    genesis = genesis_header(
        validator_set(keys),
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
    periods = [(0, tuple(keys))]
    periods += [(first, tuple(members)) for first, members in sorted((changes or {}).items())]
    return Chain(
        periods=tuple(periods),
        genesis=genesis,
        transactions=tuple(transactions),
        receipts=tuple(executed(transaction) for transaction in transactions),
        siblings=siblings,
        height=height,
        time_ms=time_ms,
    )


def changed_chain() -> Chain:
    """Seven validators; five of them and two others from height 5 on, and seven others from 9."""
    return small_chain(
        validators=7,
        changes={5: keys_named(0, 1, 2, 3, 4, 7, 8), 9: keys_named(3, 4, 7, 8, 9, 10, 11)},
    )


@final
@dataclass(frozen=True)
class ValidFile:
    """A proof file, and the pin under which it is valid."""

    data: bytes
    pin: Pin


def valid_files() -> dict[str, ValidFile]:
    """Files of every kind of subject, anchor and lineage, by name."""
    plain, changed = small_chain(validators=7), changed_chain()
    stamp = ["registry.stamp_document", bytes([7]) * 32, "timestamp"]
    stamped = small_chain(operations=[stamp, transfer(3)])
    absent = {_end_of(key): key for key in (b"JPY", b"CHF", b"USD", b"EUR", b"INR")}
    files = {
        "receipt": (plain, plain.receipt_proof()),
        "receipt of two calls": (stamped, stamped.receipt_proof()),
        "last receipt": (plain, plain.receipt_proof(2)),
        "event": (plain, plain.event_proof()),
        "entry": (plain, plain.entry_proof()),
        "entry of block 0": (plain, plain.genesis_entry_proof()),
        "one validator": (alone := small_chain(validators=1), alone.receipt_proof()),
        "skipped to the block": (changed, changed.receipt_proof(height=6)),
        "two skips": (changed, changed.entry_proof(height=HEIGHT)),
        "event behind steps": (changed, changed.event_proof(height=HEIGHT)),
    }
    for end, key in sorted(absent.items()):
        files[f"absent, {end}"] = (plain, plain.absent_proof(key))
    files["absent in block 0"] = (plain, plain.absent_proof(b"EUR", height=0))
    named = Lineage(
        changed.anchor(),
        (changed.named(4),),
        changed.header_at(8),
        quorum_of(changed.certificate_at(8), changed.members_at(8)),
        None,
    )
    files["named step"] = (changed, proof_file(named, receipt_subject(changed.lists(), 0)))
    valid = {name: ValidFile(write_proof(file), chain.pin) for name, (chain, file) in files.items()}
    for since in (3, 6, HEIGHT):
        file = changed.receipt_proof(since=since)
        valid[f"from checkpoint {since}"] = ValidFile(write_proof(file), changed.checkpoint(since))
    return valid


def _end_of(key: bytes) -> str:
    leaf = small_chain().way_to(key).leaf
    return "at an empty place" if leaf is None else f"at another entry {leaf[0][:1].hex()}"
