"""Headers, blocks and what their ids commit to."""

import msgspec
import pytest

from kit.certified import named_digest, sample_header
from primitives import limits
from primitives.block import (
    Block,
    Header,
    block_id,
    body_bytes,
    transaction_hash,
    transactions_root,
)
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX, Height, TimeMs


@pytest.mark.parametrize("field", Header.__struct_fields__)
def test_every_field_of_the_header_is_in_the_block_id(field: str) -> None:
    """Nothing in a header can be changed under its id."""
    header = sample_header()
    value = getattr(header, field)
    other = named_digest("other") if isinstance(value, bytes) else value + 1
    assert block_id(msgspec.structs.replace(header, **{field: other})) != block_id(header)


@pytest.mark.parametrize("field", Header.__struct_fields__)
def test_every_field_of_the_header_has_its_size(field: str) -> None:
    """31 and 33 bytes, −1 and 2^63 do not decode."""
    fields = msgspec.to_builtins(sample_header(), builtin_types=(bytes,))
    index = Header.__struct_fields__.index(field)
    wrong = (bytes(31), bytes(33)) if isinstance(fields[index], bytes) else (-1, 2**63)
    for value in wrong:
        data = msgspec.msgpack.encode([*fields[:index], value, *fields[index + 1 :]])
        with pytest.raises(Malformed):
            decode(data, Header, limit=1000)


def test_the_last_height_and_time_still_decode() -> None:
    """The limits themselves are allowed."""
    last = msgspec.structs.replace(
        sample_header(), height=Height(INTEGER_MAX), time_ms=TimeMs(INTEGER_MAX)
    )
    assert decode(encode(last), Header, limit=1000) == last


def test_the_transactions_root_commits_to_bytes_and_order() -> None:
    """A changed signature is another transaction, and order counts."""
    one, other = transaction_hash(b"one"), transaction_hash(b"other")
    assert transactions_root([one, other]) != transactions_root([other, one])
    assert transactions_root([one]) != transactions_root([one, one])
    assert transactions_root([]) != transactions_root([one])


def test_a_full_block_fits_its_message_and_one_more_transaction_does_not_decode() -> None:
    """5,000 transactions of 2 MiB together."""
    size = limits.BLOCK_BYTES_MAX // limits.BLOCK_TRANSACTIONS_MAX
    full = (bytes(size),) * limits.BLOCK_TRANSACTIONS_MAX
    data = encode(Block(sample_header(), full))
    assert body_bytes(full) <= limits.BLOCK_BYTES_MAX
    assert decode(data, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX).transactions == full
    over = encode(Block(sample_header(), (*(b"",) * limits.BLOCK_TRANSACTIONS_MAX, b"")))
    with pytest.raises(Malformed):
        decode(over, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX)


def test_the_fewest_largest_transactions_fit_the_message_too() -> None:
    """Framing is per transaction; a full block of the largest ones has less of it."""
    largest = bytes(limits.TRANSACTION_BYTES_MAX)
    whole = (largest,) * (limits.BLOCK_BYTES_MAX // len(largest))
    rest = bytes(limits.BLOCK_BYTES_MAX - body_bytes(whole))
    data = encode(Block(sample_header(), (*whole, rest)))
    assert decode(data, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX).transactions[-1] == rest


def test_a_transaction_one_byte_too_large_does_not_decode() -> None:
    """The limit itself is allowed."""
    for size, good in (
        (limits.TRANSACTION_BYTES_MAX, True),
        (limits.TRANSACTION_BYTES_MAX + 1, False),
    ):
        data = encode(Block(sample_header(), (bytes(size),)))
        if good:
            decode(data, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX)
        else:
            with pytest.raises(Malformed):
                decode(data, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX)
