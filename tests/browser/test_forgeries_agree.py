"""Files that only holders of keys can make, each against one rule.

Every hash and every signature in them is in order, so that nothing is left to judge but the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as altered
from typing import Any, Final, cast

import msgpack
from msgspec.structs import replace

from kit.browser import Case, Page
from kit.certified import certify
from kit.forged import PLAIN, sound_ones, with_transaction
from kit.proofs import (
    KEY,
    TABLE,
    TIME_MS,
    VALUE,
    Chain,
    changed_chain,
    executed,
    keys_named,
    packed,
    small_chain,
    transaction_of,
)
from kit.verdicts import judged
from node.lineage import CheckpointAnchor, Lineage, Step
from node.proof import AbsentSubject, proof_file, receipt_subject, write_proof
from primitives.block import block_id
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import Height, Seat, ValidatorKey, View
from primitives.statements import vote_bytes

CHANGED: Final = changed_chain()
IDENTITY: Final = (1).to_bytes(32, "little")


@dataclass(frozen=True)
class Weak:
    """A key of small order: R = identity and S = 0 satisfy the equation over any message."""

    public: bytes = IDENTITY

    def sign(self, _message: bytes) -> bytes:
        return IDENTITY + bytes(32)


WEAK: Final = cast("SigningKey", Weak())


def test_a_quorum_is_counted_alike(page: Page) -> None:
    """Too few seals, one signer twice, strangers, blocks of another chain, idle lists of keys."""
    whole = PLAIN.receipt_proof()

    def sealed(*seats: int, **changes: Any) -> bytes:  # noqa: ANN401 - fields of a proof file
        return write_proof(replace(whole, certificate=PLAIN.certified_by(seats), **changes))

    def with_seals(seals: Sequence[Any]) -> bytes:
        return write_proof(replace(whole, certificate=replace(PLAIN.certificate, seals=seals)))

    seals = PLAIN.certificate.seals
    other = small_chain(validators=7, network="another")
    files = {
        "a quorum": sealed(2, 3, 4, 5, 6),
        "all seals": sealed(*range(7)),
        "a quorum minus one": sealed(0, 1, 2, 3),
        "no seal": sealed(),
        "one signer twice": with_seals((*seals[:4], seals[3])),
        "one signer twice, and a quorum": with_seals((*seals, seals[6])),
        "seals out of order": with_seals((*seals[1:], seals[0])),
        "a seat of nobody": with_seals((*seals[:6], replace(seals[6], seat=7))),
        "seals at the wrong seats": with_seals(
            tuple(replace(seal, seat=(seal.seat + 1) % 7) for seal in seals[:6])
        ),
        "a certificate of another height": write_proof(
            replace(whole, certificate=PLAIN.certified_by(range(5), height=13))
        ),
        "another chain's": write_proof(other.receipt_proof()),
        "another chain's block": write_proof(
            replace(whole, header=other.header, certificate=other.certificate)
        ),
        "signers listed in vain": sealed(*range(7), signers=PLAIN.validators.keys),
        "a step to nobody new": sealed(*range(7), steps=(PLAIN.named(4),)),
        "no certificate": write_proof(replace(whole, certificate=None)),
        "a checkpoint of height 0": write_proof(
            replace(whole, anchor=CheckpointAnchor(PLAIN.id, Height(0), PLAIN.validators.keys))
        ),
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == {"a quorum", "all seals"}
    unpinned = judged(page, [Case(data) for data in files.values()])
    assert [told.outcome for told, _ in unpinned].count("invalid") == len(files) - 3


def test_a_lineage_is_followed_alike(page: Page) -> None:
    """A third and more than a third, steps left out, twice, out of order, above the block."""
    subject = receipt_subject(CHANGED.lists(), 0)

    def file(height: int, *steps: Step, keys: Sequence[SigningKey] | None = None) -> bytes:
        anchor, members = CHANGED.anchor(), CHANGED.members_at(height)
        trusted = steps[-1].keys if steps else anchor.validators
        signers = None if trusted == members.keys else members.keys
        certificate = CHANGED.certificate_at(height, keys)
        lineage = Lineage(anchor, steps, CHANGED.header_at(height), certificate, signers)
        return write_proof(proof_file(lineage, subject))

    old = {key.public for key in CHANGED.keys_at(0)}
    middle, new = CHANGED.keys_at(6), CHANGED.keys_at(12)
    known = [key for key in middle if key.public in old]
    strangers = [key for key in middle if key.public not in old]
    files = {
        "more than a third": file(6, keys=known[:3] + strangers),
        "named": file(8, CHANGED.named(4)),
        "every change": file(12, CHANGED.named(4), CHANGED.named(8)),
        "a skip and a skip": file(12, CHANGED.skip(6)),
        "a third and less": file(12, keys=new),
        "steps in the wrong order": file(12, CHANGED.named(8), CHANGED.named(4)),
        "a step twice": file(8, CHANGED.named(4), CHANGED.named(4)),
        "a skip above the block": file(6, CHANGED.skip(7)),
        "a skip to the block itself": file(6, CHANGED.skip(6)),
        "a skip with too few": file(12, CHANGED.skip(6, middle[:4])),
        "signed by the old alone": file(6, keys=known[:4]),
    }

    assert sound_ones(page, files, str(CHANGED.pin)) == {*list(files)[:4]}


def test_exactly_a_third_is_not_enough(page: Page) -> None:
    """Two of six may both have lied; three of six cannot all have."""
    two, three = (
        small_chain(validators=6, changes={5: keys_named(*kept, *range(10, 16 - len(kept)))})
        for kept in ((0, 1), (0, 1, 2))
    )
    found = []
    for chain in (two, three):
        header, certificate = chain.header_at(12), chain.certificate_at(12)
        signers = chain.members_at(12).keys
        lineage = Lineage(chain.anchor(), (), header, certificate, signers)
        data = write_proof(proof_file(lineage, receipt_subject(chain.lists(), 0)))
        found += judged(page, [Case(data, str(chain.pin))])

    assert [told.outcome for told, _ in found] == ["invalid", "valid"]


def test_each_link_of_the_chain_of_trust_is_checked(page: Page) -> None:
    """All signed, all hashed, and one link names something else."""
    step = CHANGED.named(3)
    unnamed = Lineage(
        CHANGED.anchor(),
        (replace(step, keys=CHANGED.members_at(5).keys),),
        CHANGED.header_at(8),
        CHANGED.certificate_at(8),
        None,
    )
    foreign = replace(PLAIN.header, chain=small_chain(network="another").id)
    certificate = certify(
        PLAIN.keys,
        PLAIN.validators,
        chain=PLAIN.id,
        height=foreign.height,
        view=View(0),
        block=block_id(foreign),
    )
    of_block_0 = PLAIN.genesis_entry_proof()
    files = {
        "whole": write_proof(PLAIN.receipt_proof()),
        "of another chain": write_proof(
            replace(PLAIN.receipt_proof(), header=foreign, certificate=certificate)
        ),
        "block 0 with a certificate": write_proof(
            replace(of_block_0, certificate=PLAIN.certificate)
        ),
        "block 0 with signers": write_proof(replace(of_block_0, signers=PLAIN.validators.keys)),
        "block 0 with a step": write_proof(replace(of_block_0, steps=(PLAIN.named(4),))),
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == {"whole"}
    named = write_proof(proof_file(unnamed, receipt_subject(CHANGED.lists(), 0)))
    assert sound_ones(page, {"not named": named}, str(CHANGED.pin)) == set()
    two_sets: Chain = altered(
        PLAIN, genesis=replace(PLAIN.genesis, next_validators_hash=CHANGED.members_at(5).hash)
    )
    one_set: Chain = altered(PLAIN, genesis=replace(PLAIN.genesis, time_ms=TIME_MS))
    found = judged(
        page,
        [Case(write_proof(one.entry_proof()), str(one.pin)) for one in (one_set, two_sets)],
    )
    assert [told.outcome for told, _ in found] == ["valid", "invalid"]


def test_a_receipt_belongs_to_its_transaction_and_that_to_its_chain(page: Page) -> None:
    """Both stand in the block, and speak of something else."""
    one, other = (transaction_of(PLAIN.id, [["x", number]]) for number in (1, 2))
    body, (first,) = msgpack.unpackb(one)
    event = PLAIN.event_proof()
    files = {
        "its own": with_transaction(one),
        "another's receipt": with_transaction(one, executed(other)),
        "another chain's": with_transaction(
            transaction_of(small_chain(network="another").id, [["x"]])
        ),
        "signed twice by one": with_transaction(packed([body, [first, first]])),
        "no such event": write_proof(replace(event, subject=replace(event.subject, event=1))),
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == {"its own"}


def test_absence_is_of_this_key_at_this_place(page: Page) -> None:
    """Neither the entry itself as another's, nor a leaf that could not stand on the key's way."""
    here = digest(Domain.STATE_KEY, TABLE.to_bytes(2, "big"), KEY)
    value = digest(Domain.STATE_VALUE, VALUE)
    astray = bytes([here[0] ^ 0x80]) + here[1:]
    sibling = bytes(digest(Domain.STATE_VALUE, b"a subtree"))

    def absent(other: bytes, *siblings: bytes) -> bytes:
        node = digest(Domain.STATE_LEAF, other, value)
        for depth in reversed(range(len(siblings))):
            is_right = here[depth // 8] >> (7 - depth % 8) & 1
            pair = (siblings[depth], node) if is_right else (node, siblings[depth])
            node = digest(Domain.STATE_NODE, *pair)
        chain: Chain = altered(PLAIN, genesis=replace(PLAIN.genesis, state_root=node))
        subject = AbsentSubject(TABLE, KEY, siblings, (other, bytes(value)))
        return write_proof(chain.prove(subject, height=0))

    near = bytes([here[0] ^ 0x40]) + here[1:]
    cases = [
        Case(data)
        for data in (
            absent(near, sibling),
            absent(astray),
            absent(astray, sibling),
            absent(near, sibling, sibling),
            absent(here, sibling),
            absent(here),
        )
    ]

    assert [told.outcome for told, _ in judged(page, cases)] == [
        *["unpinned_chain"] * 2,
        *["invalid"] * 4,
    ]


def test_keys_stand_in_their_order_each_once(page: Page) -> None:
    """Whoever is listed twice would be counted twice; even a pinned hash does not excuse it."""
    keys = list(PLAIN.keys)
    files = {
        "in order": under(keys),
        "reversed": under(keys[::-1]),
        "one of them twice": under([*keys[:4], keys[3], *keys[4:]]),
        "one alone, three times": under(keys[:1] * 3),
    }

    sound = [
        name
        for name, (data, pin) in files.items()
        if judged(page, [Case(data, pin)])[0][0].outcome == "valid"
    ]
    assert sound == ["in order"]


def under(keys: Sequence[SigningKey]) -> tuple[bytes, str]:
    """A file from a checkpoint of these keys, all of whom signed, and the checkpoint."""
    listed = tuple(ValidatorKey(key.public) for key in keys)
    name = digest(Domain.VALIDATORS, encode(listed))
    header = replace(PLAIN.header, validators_hash=name, next_validators_hash=name)
    block = block_id(header)
    message = vote_bytes(Domain.COMMIT, PLAIN.id, header.height, View(0), block)
    seals = tuple(Seal(Seat(n), key.sign(message)) for n, key in enumerate(keys))
    certificate = Certificate(header.height, View(0), block, seals=seals)
    anchor = CheckpointAnchor(PLAIN.id, header.height, listed)
    lineage = Lineage(anchor, (), header, certificate, None)
    subject = receipt_subject(PLAIN.lists(), 0)
    return write_proof(proof_file(lineage, subject)), f"{PLAIN.id.hex()}@12:{name.hex()}"


def test_a_key_of_small_order_signs_neither_a_block_nor_a_transaction(page: Page) -> None:
    """Anybody can sign for it, so it must count for nobody."""
    members = sorted([*keys_named(0, 1, 2), WEAK], key=lambda key: key.public)
    honest = [key for key in members if key is not WEAK]
    chain = small_chain(changes={5: members})
    whole = chain.receipt_proof(since=5)

    def sealed(*keys: SigningKey) -> bytes:
        return write_proof(replace(whole, certificate=chain.certificate_at(12, keys)))

    forged = with_transaction(transaction_of(PLAIN.id, [["vote", 1]], signer=WEAK))

    assert sound_ones(
        page,
        {"honest": sealed(*honest), "with the weak": sealed(WEAK, *honest[:2])},
        str(chain.checkpoint(5)),
    ) == {"honest"}
    assert sound_ones(page, {"forged": forged}, str(PLAIN.pin)) == set()
