"""Lineage: how the validators of genesis became those of a later height, in certified headers.

A header names the validators of the next height by their hash, and those of its own sign it: one
link for each height after which they changed leads from genesis to any height (rule R45). Proof
files and evidence files carry links, and a reader needs nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, final

from msgspec import Meta, Struct

from ledger.membership import VALIDATORS, validators_at
from ledger.state import StateReader
from primitives import limits
from primitives.block import Header
from primitives.certificate import Certificate
from primitives.ids import Height, Sized32, ValidatorKey
from primitives.validators import ValidatorSet
from storage.chain import ChainStore

Keys = Annotated[tuple[Sized32[ValidatorKey], ...], Meta(max_length=limits.VALIDATORS_MAX)]


@final
class Link(Struct, array_like=True, frozen=True):
    """A certified header, and the validators that it names for the height after it."""

    header: Header
    certificate: Certificate
    next: Keys


@final
@dataclass(frozen=True, slots=True)
class Lineage:
    """The validators of genesis, and what leads from them onwards."""

    founders: Keys
    links: tuple[Link, ...]


def changes_below(state: StateReader, store: ChainStore, height: Height) -> Lineage:
    """One link for each height before `height` after which the validators changed."""
    return _lineage(state, store, _changes(state, height))


def lineage_to(state: StateReader, store: ChainStore, height: Height) -> Lineage:
    """The same and, whether they changed or not, the link of the height before."""
    return _lineage(state, store, {*_changes(state, height), height - 1} - {0})


def _changes(state: StateReader, height: Height) -> set[int]:
    rows = (int.from_bytes(key, "big") for key, _ in VALIDATORS.scan(state, limit=2**31))
    return {governs - 1 for governs in rows if 1 < governs <= height}


def _lineage(state: StateReader, store: ChainStore, heights: Iterable[int]) -> Lineage:
    links = tuple(_link(state, store, Height(height)) for height in sorted(heights))
    return Lineage(validators_at(state, Height(0)).keys, links)


def _link(state: StateReader, store: ChainStore, height: Height) -> Link:
    certificate = store.certificate(height)
    assert certificate is not None, "only block 0 has none"
    return Link(
        header=store.header(height),
        certificate=quorum_of(certificate, validators_at(state, height)),
        next=validators_at(state, Height(height + 1)).keys,
    )


def quorum_of(certificate: Certificate, validators: ValidatorSet) -> Certificate:
    """The first seals of a certificate, as many as prove it."""
    return Certificate(
        height=certificate.height,
        view=certificate.view,
        block_id=certificate.block_id,
        seals=certificate.seals[: validators.quorum],
    )
