"""Which snapshot a node begins from: the newest that is proved, from which blocks lead on.

A height that is claimed is a hint where to look. What counts is the manifest: its header is signed
by the validators to whom the lineage leads from the pin, which is the chain's id, and a checkpoint
where the bundle names one (rule R61).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from node.snapshot_check import Checkpoint, check_manifest
from node.snapshot_format import ChunkFile, Manifest, sha256
from node.snapshot_questions import Offers
from primitives import limits
from primitives.codec import decode
from primitives.crypto import ED25519, Scheme
from primitives.errors import Malformed
from primitives.ids import ChainId, Digest, Height

Place = tuple[Height, Digest]
"""Height and state root: which state."""


@final
@dataclass(frozen=True, slots=True)
class Pin:
    """Whom a newcomer trusts: the validators of genesis, and perhaps those of a later height."""

    chain: ChainId
    checkpoint: Checkpoint | None


@final
@dataclass(frozen=True, slots=True)
class Proved:
    """A manifest that holds, and its bytes."""

    manifest: Manifest
    data: bytes

    @property
    def place(self) -> Place:
        """Which state it is of."""
        return self.manifest.height, self.manifest.header.state_root

    @property
    def files(self) -> tuple[ChunkFile, ...]:
        """The chunks that it lists; manifests of one state differ in the signatures at most."""
        return (*self.manifest.state, *self.manifest.window)


def prove(data: bytes, place: Place, pin: Pin, *, scheme: Scheme = ED25519) -> Proved:
    """A manifest as a peer sent it, judged.

    Raises:
        Malformed: it is none, of another state than was asked for, or contradicts itself or the
            pin.
        BadSignature: a signature that does not verify.
    """
    manifest = decode(data, Manifest, limit=limits.SNAPSHOT_MANIFEST_BYTES_MAX)
    proved = Proved(manifest, data)
    if proved.place != place:
        raise Malformed(
            f"a manifest of height {manifest.height} with the state root "
            f"{manifest.header.state_root.hex()}, asked for {place[0]} with {place[1].hex()}"
        )
    pins = [] if pin.checkpoint is None else [pin.checkpoint]
    check_manifest(manifest, pin.chain, checkpoints=pins, scheme=scheme)
    return proved


def is_trusted(manifest: Manifest, pin: Pin) -> bool:
    """Whether keys sign for it that the pin still vouches for, of a manifest that holds.

    Below the checkpoint only those that the checkpoint names do: of all others it says nothing.
    """
    checkpoint = pin.checkpoint
    if checkpoint is None or manifest.height >= checkpoint.height:
        return True
    return manifest.header.validators_hash == checkpoint.validators_hash


def holds(offer: Offers, place: Place) -> bool:
    """Whether a peer says that it holds the snapshot of a state."""
    return any((one.height, one.state_root) == place for one in offer.snapshots)


def leads_on(height: Height, offers: Collection[Offers]) -> bool:
    """Whether somebody says that it has the blocks above a height."""
    return any(offer.kept_from <= height + 1 for offer in offers)


def is_far(height: Height, offers: Collection[Offers]) -> bool:
    """Whether so many blocks are said to be above a height that a newer snapshot is worth while.

    Half of those who say so must: one that boasts would have everybody write a snapshot.
    """
    heights = sorted(offer.height for offer in offers)
    return bool(heights) and heights[(len(heights) - 1) // 2] - height > limits.JOIN_FAR_HEIGHTS


def begins_at_genesis(offers: Collection[Offers]) -> bool:
    """Whether the chain is said to be short, and to be had from its first block on."""
    newest = max((offer.height for offer in offers), default=Height(0))
    return leads_on(Height(0), offers) and newest <= limits.JOIN_SHORT_HEIGHTS


def best(
    proved: Collection[Proved], offers: Collection[Offers], useless: Collection[bytes]
) -> Proved | None:
    """Of what peers proved the newest from which blocks lead on; of one state's, what most list."""
    usable = [
        one
        for one in proved
        if leads_on(one.manifest.height, offers) and sha256(one.data) not in useless
    ]

    def rank(one: Proved) -> tuple[int, int, bytes]:
        alike = sum(other.files == one.files for other in proved)
        return one.manifest.height, alike, one.data

    return max(usable, key=rank, default=None)
