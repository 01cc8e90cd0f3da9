"""Where others can be reached, as far as this node knows: their own signed words, kept on disk.

A newer word of the same node replaces an older one (R65); only nodes that matter here have a page,
so that the book stays as small as the list of who is admitted. Losing it costs nothing but time: it
is told again with the next link.
"""

from collections.abc import Collection, Mapping
from typing import final

from node.addresses import SignedAddress, check_address, next_sequence, sign_address
from primitives import limits
from primitives.codec import decode, encode
from primitives.crypto import SigningKey
from primitives.errors import BadSignature, Malformed, StorageFault
from primitives.ids import ChainId, NodeKey, TimeMs
from storage.chain import ChainStore


@final
class AddressBook:
    """Written by the shell's thread alone."""

    def __init__(self, store: ChainStore, chain: ChainId, key: SigningKey) -> None:
        self._store, self._chain, self._key = store, chain, key
        self._own = NodeKey(key.public)
        self._pages = {
            node_key: read_page(node_key, data, chain) for node_key, data in store.addresses()
        }
        self._unsaved: set[NodeKey] = set()

    def find(self, node_key: NodeKey) -> SignedAddress | None:
        """A node's newest word."""
        return self._pages.get(node_key)

    def ways(self) -> Mapping[NodeKey, tuple[str, ...]]:
        """The addresses of every node that has said any."""
        return {key: page.addresses for key, page in self._pages.items() if page.addresses}

    def advertise(self, addresses: tuple[str, ...], now_ms: TimeMs) -> SignedAddress:
        """Say where this node can be reached; anew only if it is somewhere else than before."""
        known = self._pages.get(self._own)
        if known is None or known.addresses != addresses:
            sequence = next_sequence(now_ms, known)
            known = sign_address(self._key, self._chain, addresses, sequence=sequence)
            self._put(known)
        return known

    def hear(self, signed: SignedAddress) -> bool:
        """Take a node's word if it is newer than what is known of it.

        Raises:
            BadSignature: it is not that node's word.
        """
        known = self._pages.get(signed.node_key)
        if known is not None and signed.sequence <= known.sequence:
            return False
        check_address(signed, self._chain)
        self._put(signed)
        return True

    def retain(self, node_keys: Collection[NodeKey]) -> None:
        """Forget the others, but this node itself."""
        for gone in self._pages.keys() - set(node_keys) - {self._own}:
            del self._pages[gone]
            self._unsaved.add(gone)

    def save(self) -> None:
        """Make what changed durable.

        Raises:
            StorageFault: the write failed.
        """
        if self._unsaved:
            pages = {key: self._pages.get(key) for key in self._unsaved}
            self._store.keep_addresses(
                {key: None if page is None else encode(page) for key, page in pages.items()}
            )
            self._unsaved.clear()

    def _put(self, page: SignedAddress) -> None:
        self._pages[page.node_key] = page
        self._unsaved.add(page.node_key)


def read_page(node_key: NodeKey, data: bytes, chain: ChainId) -> SignedAddress:
    """A row of the database.

    Raises:
        StorageFault: it is not that node's word.
    """
    try:
        page = decode(data, SignedAddress, limit=limits.ADDRESS_PAGE_BYTES_MAX)
        check_address(page, chain)
    except (Malformed, BadSignature) as error:
        raise StorageFault(f"addresses of {node_key.hex()}: {error}") from error
    if page.node_key != node_key:
        raise StorageFault(f"addresses of {node_key.hex()}: they are {page.node_key.hex()}'s")
    return page
