"""Headers, keys and certificates: when a set of validators has signed a block.

Shared by all files that lead from a trusted set to a block; written from docs/proof-format.md.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

import msgpack
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from verifier.hashes import tag, tagged_hash
from verifier.values import INTEGER_MAX, array_of, bytes_of, list_of, natural, sized
from verifier.verdict import Invalid

VIEW_MAX: Final = 2**31 - 1
VALIDATORS_MAX: Final = 128

Keys = tuple[bytes, ...]
"""The keys of a set of validators, strictly ascending."""


@final
@dataclass(frozen=True, slots=True)
class Header:
    """The ten fields of a block header, and the bytes under its hash."""

    chain: bytes
    height: int
    parent: bytes
    time_ms: int
    proposer: bytes
    transactions_root: bytes
    state_root: bytes
    receipts_root: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Certificate:
    """Signatures over (height, view, block id), each with the seat of its signer."""

    height: int
    view: int
    block_id: bytes
    seals: tuple[tuple[int, bytes], ...]


def read_header(value: object, what: str) -> Header:
    """The ten fields of a header."""
    fields = array_of(value, 10, what)
    return Header(
        chain=bytes_of(fields[0], 32, f"{what}, chain"),
        height=natural(fields[1], INTEGER_MAX, f"{what}, height"),
        parent=bytes_of(fields[2], 32, f"{what}, parent"),
        time_ms=natural(fields[3], INTEGER_MAX, f"{what}, time"),
        proposer=bytes_of(fields[4], 32, f"{what}, proposer"),
        transactions_root=bytes_of(fields[5], 32, f"{what}, transactions root"),
        state_root=bytes_of(fields[6], 32, f"{what}, state root"),
        receipts_root=bytes_of(fields[7], 32, f"{what}, receipts root"),
        validators_hash=bytes_of(fields[8], 32, f"{what}, validators"),
        next_validators_hash=bytes_of(fields[9], 32, f"{what}, next validators"),
        data=msgpack.packb(fields, use_bin_type=True),
    )


def read_certificate(value: object) -> Certificate:
    """Height, view, block id and seals."""
    height, view, block_id, seals = array_of(value, 4, "certificate")
    pairs = []
    for seal in list_of(seals, 0, VALIDATORS_MAX, "certificate"):
        seat, signature = array_of(seal, 2, "seal")
        pairs.append((natural(seat, 255, "seat"), bytes_of(signature, 64, "seal")))
    return Certificate(
        natural(height, INTEGER_MAX, "certificate, height"),
        natural(view, VIEW_MAX, "certificate, view"),
        bytes_of(block_id, 32, "certificate, block id"),
        tuple(pairs),
    )


def read_keys(value: object, what: str) -> Keys:
    """The keys of a set of validators."""
    keys = sized(list_of(value, 1, VALIDATORS_MAX, what), 32, what)
    if any(first >= second for first, second in pairwise(keys)):
        raise Invalid(f"{what}: the keys are not in ascending order, each once")
    return keys


def hash_of(keys: Keys) -> bytes:
    """What a header names a set of validators by."""
    count = len(keys)
    opening = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return tagged_hash("validators", opening + b"".join(b"\xc4\x20" + key for key in keys))


def quorum(validators: int) -> int:
    """q = n − ⌊(n − 1) / 3⌋: fewer than a third of the validators may lie."""
    return validators - (validators - 1) // 3


def check_certificate(header: Header, certificate: Certificate, keys: Keys, chain: bytes) -> None:
    """A quorum of these validators signed the block of a header."""
    block_id = tagged_hash("block", header.data)
    if certificate.height != header.height:
        raise Invalid(
            f"the certificate is of height {certificate.height}, the header of {header.height}"
        )
    if certificate.block_id != block_id:
        raise Invalid("the certificate is of another block than the header")
    seats = [seat for seat, _ in certificate.seals]
    if seats != sorted(set(seats)):
        raise Invalid(f"the signers' seats are not in ascending order, each once: {seats}")
    if seats and seats[-1] >= len(keys):
        raise Invalid(f"seat {seats[-1]} signed, but there are {len(keys)} validators")
    if len(seats) < quorum(len(keys)):
        raise Invalid(
            f"{len(seats)} of {len(keys)} validators signed, a quorum is {quorum(len(keys))}"
        )
    statement = tag("commit") + struct.pack(
        ">32sQI32s", chain, certificate.height, certificate.view, block_id
    )
    for seat, signature in certificate.seals:
        if not is_signed(keys[seat], statement, signature):
            raise Invalid(f"the signature of validator {seat} does not verify")


def is_signed(key: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether a signature is this key's over these bytes."""
    try:
        crypto_sign_open(signature + statement, key)
    except CryptoError:
        return False
    return True
