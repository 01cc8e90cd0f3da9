"""Lineage: from validators that a stranger trusts to those who signed a later header.

A header names the validators of its own height and of the next by their hashes (rule R45). So a
header that the trusted set certified names whom to trust next: a *named* step. And a header that
others certified is as good where more than a third of the trusted set signed with them: a step that
*skips* (rules R57, R58). Proof files, evidence files and testimonies carry such steps.

**Fewest steps (rule R60).** The heights that one set governs are a `Period`. The search goes
through the periods breadth first. From a trusted set it may take a named step at the end of any
period that the set governs, or skip to the first height of any later period. Breadth first finds
the fewest of these steps, and one named step for each change is among the ways, so no file has
more. Of a certificate it takes as many seals as prove it, those of trusted keys first.

A node that began from a snapshot has not every header below its edge. A step that needs a missing
one is no step there; if no way is left, it says so.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Final, final

from msgspec import Meta, Struct

from ledger.membership import VALIDATORS
from ledger.state import StateReader
from primitives import limits
from primitives.block import Header, block_id
from primitives.certificate import Certificate, Seal
from primitives.errors import Rejected
from primitives.ids import ChainId, Height, Sized32, ValidatorKey
from primitives.validators import ValidatorSet
from storage.chain import ChainStore

UNKNOWN_CHECKPOINT: Final = "proof.unknown_checkpoint"
NO_LINEAGE: Final = "proof.no_lineage"
GENESIS: Final = Height(0)
"""Where a lineage begins without a checkpoint."""

_HEADERS_CACHED: Final = 512
"""Certified headers at hand: the first and the last of each period, for 256 changes."""

Keys = Annotated[
    tuple[Sized32[ValidatorKey], ...], Meta(min_length=1, max_length=limits.VALIDATORS_MAX)
]


@final
class GenesisAnchor(Struct, array_like=True, frozen=True, tag="genesis"):
    """Trust begins with the chain id: the header behind it, and the validators that it names."""

    genesis: Header
    validators: Keys


@final
class CheckpointAnchor(Struct, array_like=True, frozen=True, tag="checkpoint"):
    """Trust begins with the validators of a height, which the reader has pinned by their hash."""

    chain: Sized32[ChainId]
    height: Annotated[Height, Meta(ge=1, le=2**63 - 1)]
    validators: Keys


Anchor = GenesisAnchor | CheckpointAnchor


def chain_of(anchor: Anchor) -> ChainId:
    """The chain that an anchor speaks of."""
    if isinstance(anchor, CheckpointAnchor):
        return anchor.chain
    return ChainId(block_id(anchor.genesis))


@final
class Step(Struct, array_like=True, frozen=True):
    """A certified header, and whom a reader trusts after it: those it names, or its signers."""

    header: Header
    certificate: Certificate
    keys: Keys


Steps = Annotated[tuple[Step, ...], Meta(max_length=limits.PROOF_STEPS_MAX)]


@final
@dataclass(frozen=True, slots=True)
class Lineage:
    """Everything from an anchor to a certified header.

    `signers` are who certified it, where they are not who is trusted after the steps. Only block 0
    has no certificate.
    """

    anchor: Anchor
    steps: tuple[Step, ...]
    header: Header
    certificate: Certificate | None
    signers: Keys | None


@final
@dataclass(frozen=True, slots=True)
class Period:
    """The heights from `first` to `last` that one set of validators governs."""

    first: Height
    last: Height
    validators: ValidatorSet


Certified = Callable[[Height], tuple[Header, Certificate] | None]
"""The header and the certificate of a height above 0, where they are kept."""


def more_than_a_third(signed: int, trusted: int) -> bool:
    """Whether among so many of a trusted set one is honest for certain (rule R58)."""
    return 3 * signed > trusted


def seals_for(
    certificate: Certificate, signers: ValidatorSet, trusted: ValidatorSet
) -> tuple[Seal, ...] | None:
    """The seals that make a reader who trusts one set believe another; None where none do.

    A quorum of the signers, and more than a third of the trusted: no more than that.
    """
    known = [seal for seal in certificate.seals if _knows(trusted, signers, seal)]
    if not more_than_a_third(len(known), trusted.size):
        return None
    others = [seal for seal in certificate.seals if not _knows(trusted, signers, seal)]
    count = max(signers.quorum, trusted.size // 3 + 1)
    return tuple(sorted((known + others)[:count], key=lambda seal: seal.seat))


def _knows(trusted: ValidatorSet, signers: ValidatorSet, seal: Seal) -> bool:
    return trusted.seat(signers.keys[seal.seat]) is not None


def with_seals(certificate: Certificate, seals: Sequence[Seal]) -> Certificate:
    """The same certificate with some of its seals."""
    return Certificate(
        certificate.height, certificate.view, certificate.block_id, seals=tuple(seals)
    )


def quorum_of(certificate: Certificate, validators: ValidatorSet) -> Certificate:
    """The first seals of a certificate, as many as prove it to who trusts its signers."""
    return with_seals(certificate, certificate.seals[: validators.quorum])


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """Where the search stands: whom it trusts, about heights from `lowest` on."""

    trusted: ValidatorSet
    lowest: Height


def shortest(
    anchor: Anchor, periods: Sequence[Period], height: Height, certified: Certified
) -> Lineage:
    """The lineage with the fewest steps from an anchor to a header above 0.

    `periods` ascend without a gap; the last one governs `height`.

    Raises:
        Rejected: the headers for it are not kept here.
    """
    found = certified(height)
    lowest = Height(1) if isinstance(anchor, GenesisAnchor) else anchor.height
    start = _Place(ValidatorSet(anchor.validators), lowest)
    ways: dict[_Place, tuple[Step, ...]] = {start: ()}
    queue = deque([start])
    while queue and found is not None:
        place = queue.popleft()
        end = _ending(place, periods[-1].validators, *found)
        if end is not None:
            return Lineage(anchor, ways[place], *end)
        for step, after in _steps_from(place, periods, height, certified):
            if after not in ways:
                ways[after] = (*ways[place], step)
                queue.append(after)
    raise Rejected(
        NO_LINEAGE,
        f"the headers that lead from height {lowest} to the validators of height {height} are not "
        "kept here; ask a node that holds the whole chain",
        {"from": lowest, "height": height},
    )


def _ending(
    place: _Place, signers: ValidatorSet, header: Header, certificate: Certificate
) -> tuple[Header, Certificate, Keys | None] | None:
    """The last header as this place believes it, if it does."""
    if signers.keys == place.trusted.keys:
        return header, quorum_of(certificate, signers), None
    seals = seals_for(certificate, signers, place.trusted)
    return None if seals is None else (header, with_seals(certificate, seals), signers.keys)


def _steps_from(
    place: _Place, periods: Sequence[Period], height: Height, certified: Certified
) -> Iterator[tuple[Step, _Place]]:
    """Every step from here that is below `height`, the farthest first."""
    for index in range(len(periods) - 1, -1, -1):
        period = periods[index]
        if period.last < place.lowest:
            return
        if period.validators.keys == place.trusted.keys:
            named = index + 1 < len(periods) and certified(period.last)
            if named:
                after = periods[index + 1].validators
                certificate = quorum_of(named[1], period.validators)
                yield (
                    Step(named[0], certificate, after.keys),
                    _Place(after, Height(period.last + 1)),
                )
        elif place.lowest <= period.first < height:
            skipped = certified(period.first)
            seals = skipped and seals_for(skipped[1], period.validators, place.trusted)
            if skipped and seals:
                yield (
                    Step(skipped[0], with_seals(skipped[1], seals), period.validators.keys),
                    _Place(period.validators, Height(period.first + 1)),
                )


@final
class Ancestry:
    """Who was whose successor on one chain, from its database; safe in any number of threads."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._certified = lru_cache(maxsize=_HEADERS_CACHED)(self._read)

    def to(self, state: StateReader, height: Height, *, since: Height = GENESIS) -> Lineage:
        """The shortest lineage to the header of a height, from the validators of `since` on.

        Raises:
            Rejected: there is no checkpoint of that height below the header, or the headers for it
                are not kept here.
        """
        if since > height:
            raise Rejected(
                UNKNOWN_CHECKPOINT,
                f"a proof about height {height} cannot begin at a checkpoint of height {since}",
                {"expected": f"0 to {height}", "actual": since},
            )
        periods = periods_to(state, height)
        anchor = self._anchor(periods, since)
        if height == 0:
            return Lineage(anchor, (), self._store.header(GENESIS), None, None)
        return shortest(anchor, periods, height, self._certified)

    def every_change(self, state: StateReader, height: Height) -> tuple[Keys, tuple[Step, ...]]:
        """The validators of genesis, and a named step for each change below a height."""
        periods = periods_to(state, height)
        steps = []
        for before, after in pairwise(periods):
            found = self._certified(before.last)
            assert found is not None, "the header of a change is kept by every node"
            certificate = quorum_of(found[1], before.validators)
            steps.append(Step(found[0], certificate, after.validators.keys))
        return periods[0].validators.keys, tuple(steps)

    def _anchor(self, periods: Sequence[Period], since: Height) -> Anchor:
        keys = next(
            period.validators.keys for period in periods if period.first <= since <= period.last
        )
        if since == 0:
            return GenesisAnchor(self._store.header(GENESIS), keys)
        return CheckpointAnchor(self._store.chain, since, keys)

    def _read(self, height: Height) -> tuple[Header, Certificate] | None:
        try:
            certificate = self._store.certificate(height)
            header = self._store.header(height)
        except Rejected:
            return None
        assert certificate is not None, "only block 0 has none"
        return header, certificate


def periods_to(state: StateReader, height: Height) -> list[Period]:
    """Every period up to a height, the last one cut off there; no two neighbours are alike."""
    starts: list[tuple[int, ValidatorSet]] = []
    for key, row in VALIDATORS.scan(state, limit=2**31):
        first = int.from_bytes(key, "big")
        if first > height:
            break
        validators = ValidatorSet(tuple(record.key for record in row.validators))
        if not starts or starts[-1][1].keys != validators.keys:
            starts.append((first, validators))
    ends = [first - 1 for first, _ in starts[1:]] + [height]
    return [
        Period(Height(first), Height(last), validators)
        for (first, validators), last in zip(starts, ends, strict=True)
    ]
