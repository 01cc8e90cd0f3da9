"""What is judged from a transaction's bytes alone, before any state is asked."""

from typing import Any

import msgpack
import msgspec
import pytest

from kit.ledger import Chain, account_id, key, line, pay
from ledger.books import Line
from ledger.transaction import (
    UNSIGNED,
    WRONG_CHAIN,
    Body,
    Call,
    SignatureEntry,
    Transaction,
    add_signature,
    check_transaction,
    read_transaction,
    sign_body,
    signing_bytes,
    transaction_id,
)
from primitives import limits
from primitives.codec import encode
from primitives.errors import BadSignature, Malformed, Rejected
from primitives.ids import ChainId
from services.money import Transfer
from services.table import TRANSACTION


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def body_of(on: Chain, **changes: object) -> Body[Any]:
    return msgspec.structs.replace(on.body(("treasury", pay("health", 1, "r"))), **changes)


def check(chain: Chain, transaction: Transaction[Any]) -> None:
    check_transaction(encode(transaction), chain.id, TRANSACTION)


def test_a_signed_transaction_passes_with_its_names(chain: Chain) -> None:
    """Its id is of the body, its hash of the whole."""
    body = body_of(chain)
    signed = sign_body(body, [key("treasury"), key("health")])

    checked = check_transaction(encode(signed), chain.id, TRANSACTION)

    assert checked.transaction == signed
    assert checked.signers == {key("treasury").public, key("health").public}
    assert checked.id == transaction_id(encode(body))
    assert checked.valid_until == body.valid_until


def test_signatures_do_not_change_the_id(chain: Chain) -> None:
    """The id names the act, the hash names the bytes."""
    body = body_of(chain)
    one = check_transaction(encode(sign_body(body, [key("a")])), chain.id, TRANSACTION)
    two = check_transaction(encode(sign_body(body, [key("b")])), chain.id, TRANSACTION)

    assert one.id == two.id
    assert one.hash != two.hash


def test_signing_in_turns_gives_the_same_transaction(chain: Chain) -> None:
    """A half-signed file travels from desk to desk; signing twice changes nothing."""
    body = body_of(chain)
    half = read_transaction(encode(sign_body(body, [key("a")])), TRANSACTION)

    whole = add_signature(add_signature(half, key("b")), key("a"))

    assert whole == sign_body(body, [key("b"), key("a")])


def test_a_half_signed_file_may_have_no_signature_yet(chain: Chain) -> None:
    """Reading is not checking."""
    unsigned = Transaction(body_of(chain), ())

    assert read_transaction(encode(unsigned), TRANSACTION) == unsigned


def test_an_unsigned_transaction_is_rejected(chain: Chain) -> None:
    """With its code and the facts."""
    with pytest.raises(Rejected) as caught:
        check(chain, Transaction(body_of(chain), ()))

    assert caught.value.code == UNSIGNED
    assert caught.value.facts == {"expected": "at least 1", "actual": 0}


def test_a_transaction_for_another_chain_is_rejected(chain: Chain) -> None:
    """Both chains are named."""
    other = ChainId(b"\x07" * 32)

    with pytest.raises(Rejected) as caught:
        check(chain, sign_body(body_of(chain, chain=other), [key("treasury")]))

    assert caught.value.code == WRONG_CHAIN
    assert caught.value.facts == {"expected": chain.id.hex(), "actual": other.hex()}


def test_a_signature_over_another_body_is_refused(chain: Chain) -> None:
    """One changed byte in the salt is another act."""
    signed = sign_body(body_of(chain), [key("treasury")])

    with pytest.raises(BadSignature):
        check(chain, Transaction(body_of(chain, salt=bytes(20)), signed.signatures))


def test_a_signature_without_the_domain_is_refused(chain: Chain) -> None:
    """Bytes signed for another purpose cannot serve here."""
    body = body_of(chain)
    signature = key("treasury").sign(b"another purpose\0" + encode(body))

    with pytest.raises(BadSignature):
        check(chain, Transaction(body, (SignatureEntry(key("treasury").public, signature),)))
    assert signing_bytes(encode(body)).startswith(b"mithaq/1/transaction-signature\0")


def test_every_signature_is_checked_not_only_the_first(chain: Chain) -> None:
    """The last of three is wrong."""
    signed = sign_body(body_of(chain), [key("a"), key("b"), key("c")])
    last = msgspec.structs.replace(signed.signatures[-1], signature=bytes(64))

    with pytest.raises(BadSignature):
        check(chain, Transaction(signed.body, (*signed.signatures[:-1], last)))


def test_signatures_stand_in_the_order_of_their_keys_none_twice(chain: Chain) -> None:
    """Otherwise one act had many hashes."""
    signed = sign_body(body_of(chain), [key("a"), key("b")])
    first, second = signed.signatures

    with pytest.raises(Malformed, match="ascending"):
        check(chain, Transaction(signed.body, (second, first)))
    with pytest.raises(Malformed, match="ascending"):
        check(chain, Transaction(signed.body, (first, first)))


def test_an_unknown_operation_is_refused(chain: Chain) -> None:
    """Its tag is in no service."""
    plain = msgpack.unpackb(encode(sign_body(body_of(chain), [key("treasury")])))
    plain[0][3][0][1][0] = "money.print"

    with pytest.raises(Malformed, match=r"money\.print"):
        check_transaction(msgpack.packb(plain), chain.id, TRANSACTION)


def test_another_encoding_of_the_same_transaction_is_refused(chain: Chain) -> None:
    """Here an integer that is longer than it must be."""
    data = encode(sign_body(body_of(chain, valid_until=1), [key("treasury")]))
    at = data.index(b"\x01\xc4\x10")  # valid_until, then the salt
    longer = data[:at] + b"\xcd\x00\x01" + data[at + 1 :]

    assert msgpack.unpackb(longer) == msgpack.unpackb(data)
    with pytest.raises(Malformed, match="canonical"):
        check_transaction(longer, chain.id, TRANSACTION)


def body_of_size(chain: Chain, size: int) -> Body[Any]:
    """Full lines, and a last one that fits what is left to the byte."""

    def with_lines(lines: list[Line]) -> Body[Any]:
        call = Call(account_id("treasury"), Transfer("GBP", tuple(lines)))
        return body_of(chain, calls=(call,))

    lines = [line("health", 2**40, "first")]
    while len(encode(with_lines(lines))) + 430 < size:
        lines.append(line("health", 2**40, f"{len(lines):04}", description="é" * 140))
    for description in range(141):
        for reference in range(5, 65):
            middle = line("health", 1, "middle", description="é" * description)
            body = with_lines([*lines, middle, line("health", 1, "r" * reference)])
            if len(encode(body)) == size:
                return body
    raise AssertionError(f"no body of {size} bytes found")


def test_a_body_is_as_large_as_its_limit_and_no_larger(chain: Chain) -> None:
    """TRANSACTION_BODY_BYTES_MAX counts the body alone, so that signatures cannot push it out."""
    chain.salts = 0
    largest = body_of_size(chain, limits.TRANSACTION_BODY_BYTES_MAX)
    larger = body_of_size(chain, limits.TRANSACTION_BODY_BYTES_MAX + 1)
    keys = [key(str(i)) for i in range(limits.SIGNATURES_MAX)]

    check(chain, sign_body(largest, keys))
    assert len(encode(sign_body(largest, keys))) <= limits.TRANSACTION_BYTES_MAX
    with pytest.raises(Malformed, match="a body of 65537 bytes, at most 65536"):
        check(chain, sign_body(larger, keys[:1]))


def test_a_transaction_larger_than_its_limit_is_not_even_read(chain: Chain) -> None:
    """TRANSACTION_BYTES_MAX is checked before anything is decoded."""
    with pytest.raises(Malformed, match=f"at most {limits.TRANSACTION_BYTES_MAX}"):
        check_transaction(bytes(limits.TRANSACTION_BYTES_MAX + 1), chain.id, TRANSACTION)


def test_a_transaction_has_one_to_sixty_four_calls(chain: Chain) -> None:
    """None and CALLS_MAX + 1 are refused."""
    calls = tuple(
        Call(account_id("treasury"), pay("health", 1, str(i))) for i in range(limits.CALLS_MAX + 1)
    )

    check(chain, sign_body(body_of(chain, calls=calls[:-1]), [key("treasury")]))
    with pytest.raises(Malformed, match="length <= 64"):
        check(chain, sign_body(body_of(chain, calls=calls), [key("treasury")]))
    with pytest.raises(Malformed, match="length >= 1"):
        check(chain, sign_body(body_of(chain, calls=()), [key("treasury")]))


def test_a_transaction_has_at_most_sixty_four_signatures(chain: Chain) -> None:
    """SIGNATURES_MAX + 1 are refused before one is checked."""
    keys = [key(str(i)) for i in range(limits.SIGNATURES_MAX + 1)]

    check(chain, sign_body(body_of(chain), keys[:-1]))
    with pytest.raises(Malformed, match="length <= 64"):
        check(chain, sign_body(body_of(chain), keys))


@pytest.mark.parametrize("size", [limits.SALT_BYTES_MIN, limits.SALT_BYTES_MAX])
def test_a_salt_has_sixteen_to_thirty_two_bytes(chain: Chain, size: int) -> None:
    """One byte less or more is refused."""
    outside = size - 1 if size == limits.SALT_BYTES_MIN else size + 1

    check(chain, sign_body(body_of(chain, salt=bytes(size)), [key("treasury")]))
    with pytest.raises(Malformed, match="length"):
        check(chain, sign_body(body_of(chain, salt=bytes(outside)), [key("treasury")]))


def test_lines_of_a_transfer_are_bounded(chain: Chain) -> None:
    """LINES_MAX + 1 and none are refused."""
    lines = tuple(line("health", 1, str(i)) for i in range(limits.LINES_MAX + 1))

    def of(chosen: tuple[Line, ...]) -> Transaction[Any]:
        call = Call(account_id("treasury"), Transfer("GBP", chosen))
        return sign_body(body_of(chain, calls=(call,)), [key("treasury")])

    check(chain, of(lines[:-1]))
    for refused in (lines, ()):
        with pytest.raises(Malformed, match="length"):
            check(chain, of(refused))


@pytest.mark.parametrize(
    ("fine", "refused"),
    [
        ({"reference": "r" * limits.REFERENCE_LENGTH_MAX}, {"reference": "r" * 65}),
        ({"reference": "INV 7/2026"}, {"reference": " INV"}),
        ({"reference": "x"}, {"reference": ""}),
        ({"reference": "~"}, {"reference": "é"}),
        ({"reference": "a-b"}, {"reference": "a\n"}),
        ({"description": "ن" * limits.DESCRIPTION_LENGTH_MAX}, {"description": "d" * 141}),
        ({"description": ""}, {"description": "two\nlines"}),
        ({"description": "ميثاق"}, {"description": "line\n"}),
        ({"description": "a b"}, {"description": "a\x00b"}),
        ({"value_date": "2026-12-31"}, {"value_date": "31.12.2026"}),
        ({"value_date": None}, {"value_date": "2026-12-31\n"}),
        ({"value_date": "2026-02-30"}, {"value_date": "٢٠٢٦-٠١-٠١"}),
        ({"amount": 1}, {"amount": 0}),
        ({"amount": 2**63 - 1}, {"amount": 2**63}),
        ({"amount": 7}, {"amount": -7}),
        ({"to": bytes(32)}, {"to": bytes(31)}),
    ],
)
def test_the_fields_of_a_line_have_their_form(
    chain: Chain, fine: dict[str, Any], refused: dict[str, Any]
) -> None:
    """Whatever is outside is refused while decoding; that a day exists is asked later."""

    def of(fields: dict[str, Any]) -> Transaction[Any]:
        made = msgspec.structs.replace(line("health", 1, "r"), **fields)
        call = Call(account_id("treasury"), Transfer("GBP", (made,)))
        return sign_body(body_of(chain, calls=(call,)), [key("treasury")])

    check(chain, of(fine))
    with pytest.raises(Malformed):
        check(chain, of(refused))


@pytest.mark.parametrize("asset", ["GB", "gbp", "1GBP", "A" * 13, "GBP\n", "G-P", ""])
def test_an_asset_code_has_three_to_twelve_capitals_and_digits(chain: Chain, asset: str) -> None:
    """It begins with a letter."""
    call = Call(account_id("treasury"), Transfer(asset, (line("health", 1, "r"),)))

    with pytest.raises(Malformed):
        check(chain, sign_body(body_of(chain, calls=(call,)), [key("treasury")]))
