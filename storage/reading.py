"""Reading what must be there: a row that is missing or does not decode is damage, and said so."""

from typing import TypeVar

from primitives.block import Header, block_id
from primitives.codec import decode
from primitives.errors import Malformed, StorageFault
from primitives.ids import TimeMs
from storage import schema
from storage.decision import Head
from storage.keyvalue import Reader

T = TypeVar("T")


def read_head(reader: Reader) -> Head:
    """The newest block as `reader` sees it.

    Raises:
        StorageFault: head or header are missing, or the header does not hash to the head's id.
    """
    height, identifier = schema.read_head(need(reader, schema.HEAD_KEY, "the head"))
    what = f"header of height {height}"
    header = decoded(need(reader, schema.header_key(height), what), Header, what)
    if block_id(header) != identifier or header.height != height:
        raise StorageFault(
            f"the database is damaged: the head is block {identifier.hex()} of height {height}, "
            f"but the header there is of block {block_id(header).hex()}, height {header.height}"
        )
    return Head(height, identifier, header)


def read_forgotten(reader: Reader) -> TimeMs:
    """Ids that were valid until an earlier time are in the window no more.

    Raises:
        StorageFault: it is missing.
    """
    value = need(reader, schema.FORGOTTEN_KEY, "the window's edge")
    return TimeMs(schema.read_number(value))


def need(reader: Reader, key: bytes, what: str) -> bytes:
    """What must stand under a key.

    Raises:
        StorageFault: nothing does.
    """
    return present(reader.get(key), what)


def present(value: bytes | None, what: str) -> bytes:
    """The same of a value that was read.

    Raises:
        StorageFault: there is none.
    """
    if value is None:
        raise StorageFault(f"the database is damaged: {what} is missing")
    return value


def decoded(data: bytes, kind: type[T], what: str) -> T:
    """What our own bytes say.

    Raises:
        StorageFault: they are not what we wrote.
    """
    # We wrote it, so its size is no attack; that it decodes is still not taken on trust.
    try:
        return decode(data, kind, limit=len(data))
    except Malformed as error:
        raise StorageFault(f"the database is damaged: {what} is {error}") from error
