"""Files that only holders of keys can make, and files at the edge of what is allowed.

Every hash and every signature in them is in order, so that nothing is left to judge but the rule.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as altered
from typing import Any, Final, cast

from msgspec.structs import replace

from kit.browser import Case, Page
from kit.proofs import (
    KEY,
    TABLE,
    Chain,
    changed_chain,
    executed,
    id_of,
    keys_named,
    packed,
    small_chain,
    transaction_of,
)
from kit.verdicts import judged
from node.lineage import CheckpointAnchor, Lineage, Step
from node.proof import EntrySubject, proof_file, receipt_subject, write_proof
from primitives.block import block_id
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import Height, Seat, ValidatorKey, View
from primitives.statements import vote_bytes
from verifier.proof_file import FILE_BYTES_MAX

PLAIN: Final = small_chain(validators=7)
CHANGED: Final = changed_chain()
IDENTITY: Final = (1).to_bytes(32, "little")


@dataclass(frozen=True)
class Weak:
    """A key of small order: R = identity and S = 0 satisfy the equation over any message."""

    public: bytes = IDENTITY

    def sign(self, _message: bytes) -> bytes:
        return IDENTITY + bytes(32)


WEAK: Final = cast("SigningKey", Weak())


def sound_ones(page: Page, files: dict[str, bytes], pin: str) -> set[str]:
    """Which of these both verifiers call valid."""
    told = judged(page, [Case(data, pin) for data in files.values()])
    return {name for name, (one, _) in zip(files, told, strict=True) if one.outcome == "valid"}


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


def with_transaction(transaction: bytes, receipt: bytes | None = None) -> bytes:
    """A file of the plain chain, if its block held this transaction and receipt."""
    chain: Chain = altered(
        PLAIN,
        transactions=(transaction,),
        receipts=(executed(transaction) if receipt is None else receipt,),
    )
    return write_proof(chain.receipt_proof())


def with_operation(*fields: object) -> bytes:
    return with_transaction(transaction_of(PLAIN.id, [["test.do", *fields]]))


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_arrays_are_nested_as_deep_and_no_deeper(page: Page) -> None:
    """32 arrays within each other: four lead to an operation's fields, which it is the fifth of."""
    files = {f"{depth}": with_operation(nested(depth)) for depth in (1, 20, 26, 27, 28, 40, 300)}

    assert sound_ones(page, files, str(PLAIN.pin)) == {"1", "20", "26", "27"}


def test_lists_are_as_long_and_no_longer(page: Page) -> None:
    """At each limit and one beyond: calls, signatures, salt, events, siblings."""

    def calls(count: int) -> bytes:
        return with_transaction(transaction_of(PLAIN.id, [["x"]] * count))

    def salted(size: int) -> bytes:
        return with_transaction(transaction_of(PLAIN.id, [["x"]], salt=bytes(size)))

    def events(count: int) -> bytes:
        transaction = transaction_of(PLAIN.id, [["x"]])
        receipt = packed([id_of(transaction), "applied", None, [["e"]] * count])
        return with_transaction(transaction, receipt)

    files = {
        **{f"{count} calls": calls(count) for count in (0, 1, 64, 65)},
        **{f"{size} bytes of salt": salted(size) for size in (15, 16, 32, 33)},
        **{f"{count} events": events(count) for count in (0, 2000, 65_536, 65_537)},
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == {
        *("1 calls", "64 calls", "16 bytes of salt", "32 bytes of salt"),
        *("0 events", "2000 events", "65536 events"),
    }


def test_a_place_is_within_its_list(page: Page) -> None:
    """Beyond the end the way to the root would look like that of the last."""
    last = PLAIN.receipt_proof(2)

    def at(index: int, count: int = 3) -> bytes:
        return write_proof(replace(last, subject=replace(last.subject, index=index, count=count)))

    files = {
        **{f"{index} of 3": at(index) for index in (0, 1, 2, 3, 4, 2**63 - 1)},
        **{f"2 of {count}": at(2, count) for count in (0, 1, 2, 4, 5, 2**63 - 1)},
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == {"2 of 3"}


def test_the_largest_numbers_are_numbers(page: Page) -> None:
    """The last height there can be, and the last table."""
    late = small_chain(height=2**63 - 1)
    files = {"height": write_proof(late.receipt_proof())}

    assert sound_ones(page, files, str(late.pin)) == {"height"}
    ((told, _),) = judged(page, [Case(genesis_entry(b"\x01", table=65_535))])
    assert "table 65535 of the state" in told.sentence


def test_as_many_validators_as_there_may_be(page: Page) -> None:
    """128 sign a block, and every one of their signatures is checked."""
    many = small_chain(validators=128)

    assert sound_ones(page, {"all": write_proof(many.receipt_proof())}, str(many.pin)) == {"all"}


def test_whatever_a_transaction_says_is_shown_alike(page: Page) -> None:
    """Words that would steer a terminal or turn a line, numbers of every size, long bytes."""
    words = [
        *("plain", 'quotes " and \\', "line\nbreak\ttab\0", "\x1b[31mred", "\u202eturned\u202c"),
        *(
            "نص عربي 123",
            "زيرو\u200fعرض",
            "emoji 👩‍👩‍👧",
            "\ufeffmark",
            "soft\u00adhyphen",
            "a\u00a0b",
        ),
        *("x" * 400, "x" * 401, "👍" * 400, "👍" * 401, "\u2028line", "\ue000private", ""),
    ]
    numbers = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32, 2**63 - 1, 2**64 - 1]
    negative = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -(2**63)]
    data = [b"", b"\0", bytes(80), bytes(81), bytes(1000)]
    files = {
        "words": with_operation(*words),
        "numbers": with_operation(*numbers, *negative),
        "bytes": with_operation(*data),
        "others": with_operation(None, True, False, [], [[1, ["two", b"3"]]]),  # noqa: FBT003
        "a name": with_transaction(transaction_of(PLAIN.id, [['odd "name"\n', 1]])),
        "float": with_operation(1.5),
        "map": with_operation({"a": 1}),
        "odd transfers": with_transaction(transaction_of(PLAIN.id, odd_operations())),
    }

    assert sound_ones(page, files, str(PLAIN.pin)) == set(files) - {"float", "map"}


def test_one_form_is_a_record_and_every_other_is_bytes(page: Page) -> None:
    """A value of the state is shown by its fields where it is canonical MessagePack: read alike.

    Values of every kind, spelt long, cut, with a byte changed, and bytes without any sense.
    """
    values = list(values_and_nonsense(random.Random(20261122)))
    told = judged(page, [Case(genesis_entry(value)) for value in values])

    assert {one.outcome for one, _ in told} == {"unpinned_chain"}, "only the words are in question"
    as_bytes = [
        one.sentence.endswith(f"the value {value.hex()}.")
        for value, (one, _) in zip(values, told, strict=True)
    ]
    assert 200 < sum(as_bytes) < len(values) - 200


def genesis_entry(value: bytes, table: int = TABLE) -> bytes:
    """A proof that block 0 of some chain held nothing but this value."""
    place = digest(Domain.STATE_KEY, table.to_bytes(2, "big"), KEY)
    leaf = digest(Domain.STATE_LEAF, place, digest(Domain.STATE_VALUE, value))
    chain: Chain = altered(PLAIN, genesis=replace(PLAIN.genesis, state_root=leaf))
    return write_proof(chain.prove(EntrySubject(table, KEY, value, ()), height=0))


def values_and_nonsense(chance: random.Random) -> Iterator[bytes]:
    for _ in range(300):
        value = packed(some_value(chance, 3))
        yield value
        place = chance.randrange(len(value))
        yield value[:place]
        yield value[:place] + bytes([chance.randrange(256)]) + value[place + 1 :]
        yield chance.randbytes(chance.randrange(1, 12))
    for head in range(256):
        for size in (0, 1, 4, 8):
            yield bytes([head]) + chance.randbytes(size)
        yield bytes([head]) + head.to_bytes(4, "big") + b"x" * head
    yield packed(bytes(65_535))
    yield packed(bytes(65_536))
    yield packed("x" * 65_536)
    yield packed([None] * 65_536)
    for text in (
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xe2\x82",
    ):
        yield bytes([0xA0 + len(text)]) + text


def some_value(chance: random.Random, depth: int) -> object:
    match chance.randrange(8 if depth else 6):
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.randrange(2 ** chance.choice([1, 7, 8, 16, 32, 63, 64]))
        case 2:
            return -chance.randrange(1, 2 ** chance.choice([3, 5, 6, 7, 8, 15, 16, 31, 32, 63]))
        case 3:
            return chance.randbytes(chance.choice([0, 1, 31, 32, 33, 80, 81, 255, 256]))
        case 4 | 5:
            letters = "az09 é€😀عربي\u200e\u0301\x7f\u00ad\ue123\U000e0001\u0378"
            return "".join(chance.choices(letters, k=chance.choice([0, 1, 15, 31, 32, 300, 401])))
        case _:
            return [some_value(chance, depth - 1) for _ in range(chance.choice([0, 1, 3, 15, 16]))]


def test_nonsense_proves_nothing(page: Page) -> None:
    """Nothing at all, lengths that nothing follows, arrays without end, too many bytes."""
    files = [
        *(b"", b"\x98", b"\x91" * 200_000, b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"),
        *(b"\xdf\xff\xff\xff\xff", bytes(FILE_BYTES_MAX), b"\xc0" * (FILE_BYTES_MAX + 1)),
        packed(["mithaq.evidence", 1]),
        packed(["mithaq.proof"]),
        packed(["mithaq.proof", 2, *[None] * 6]),
        packed(["mithaq.proof", True, *[None] * 6]),
        packed("mithaq.proof"),
    ]

    assert sound_ones(page, {str(n): data for n, data in enumerate(files)}, str(PLAIN.pin)) == set()


def odd_operations() -> list[list[object]]:
    """Nearly those that have a sentence, and some that have."""
    line = [bytes(32), 1_234_567, "R", "D", None]
    return [
        ["money.transfer", "GBP", [line]],
        ["money.transfer", "GBP", [line, [b"", -5, "", "", "2026-01-01"]]],
        ["money.transfer", "GBP", []],
        ["money.transfer", "GBP", [line, line[:4]]],
        ["money.transfer", "GBP", [[*line[:4], 5]]],
        ["money.transfer", "GBP", [[bytes(32), True, "R", "D", None]]],
        ["money.transfer", b"GBP", [line]],
        ["money.transfer", "GBP", [line], 1],
        ["registry.stamp_document", bytes(32), "timestamp"],
        ["registry.stamp_document", bytes(3), "certify_copy"],
        ["registry.stamp_document", bytes(32), "else"],
        ["registry.stamp_document", "x", "timestamp"],
        ["toString", 1],
        ["__proto__", 1],
    ]
