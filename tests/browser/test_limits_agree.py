"""Files at the edge of what is allowed, and words and values of every kind, are judged alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from kit.browser import Case, Page
from kit.forged import PLAIN, genesis_entry, sound_ones, with_transaction
from kit.proofs import (
    id_of,
    packed,
    small_chain,
    transaction_of,
)
from kit.verdicts import judged
from node.proof import write_proof
from verifier.proof_file import FILE_BYTES_MAX


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


def test_a_balance_and_what_of_it_is_promised_are_said_alike(page: Page) -> None:
    """In sentences where it is a row of balances, else as fields; owed, held and promised."""
    key = bytes([7]) * 32 + b"GBP"
    rows: list[list[object]] = [[1_250, 0], [1_250, 1_000], [-1_250, 0], [-5, 2**63 - 1], [0, 7]]
    others: list[list[object]] = [[1], [1, 2, 3], [True, 0], [1, False], ["1", 0]]

    told = judged(
        page, [Case(genesis_entry(packed(row), table=4, key=key)) for row in (*rows, *others)]
    )

    said = [mine.sentence.partition("after that block, ")[2] for mine, _ in told]
    account = f"account {key[:32].hex()}"
    assert said[:3] == [
        f"{account} held 1,250 minor units of GBP.",
        f"{account} held 1,250 minor units of GBP, with 1,000 promised to others.",
        f"{account} owed 1,250 minor units of GBP.",
    ]
    assert all("the value [" in text for text in said[len(rows) :])
    assert "محجوزة لآخرين" in told[1][0].arabic


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
