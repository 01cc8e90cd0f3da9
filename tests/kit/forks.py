"""Forks made by hand: two blocks of one height, both certified, and what the honest archived.

As many liars as a fork needs and fewer than a quorum decide with some of the honest on X, and with
the others on Y. The honest obey every rule: they prepare one block in a view, claim what they
prepared, and vote for any proposal that is justified.
"""

from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from consensus.justification import check_justified
from consensus.messages import PrePrepare, ViewChange
from kit.accused import some_block
from kit.certified import (
    certify,
    genesis_header,
    named_digest,
    sample_header,
    validator_keys,
    validator_set,
)
from node.evidence_file import LastHeader, Voters
from node.forensics import Testimony
from node.lineage import GenesisAnchor
from primitives.block import block_id
from primitives.certificate import Certificate
from primitives.digest import list_root
from primitives.domains import Domain
from primitives.ids import BlockId, ChainId, Height, Seat, TimeMs, View
from primitives.statements import VoteDomain
from primitives.validators import faults_tolerated, quorum
from sim.spoken import Voice

HEIGHT = 2
X, Y = some_block("X"), some_block("Y")


@dataclass
class Fork:
    """A height that was decided twice."""

    validators: int
    liars: frozenset[Seat]
    testimonies: list[Testimony]

    @property
    def least(self) -> int:
        """How many culprits must be found."""
        return faults_tolerated(self.validators) + 1


@dataclass
class Story:
    """Who says what, view by view."""

    random: Random
    count: int
    liars: frozenset[Seat] = frozenset()
    archives: dict[Seat, list[PrePrepare]] = field(default_factory=dict)
    prepared: dict[Seat, Certificate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = validator_keys(self.count)
        self.members = validator_set(self.keys)
        self.genesis = genesis_header(
            self.members,
            time_ms=TimeMs(1_795_342_500_000),
            state_root=named_digest("state"),
            empty_root=list_root(()),
        )
        self.chain = ChainId(block_id(self.genesis))
        self.voices = [Voice(key, self.chain, self.members) for key in self.keys]

    @property
    def quorum(self) -> int:
        return quorum(self.count)

    def primary(self, view: int) -> Seat:
        seat = self.members.seat(self.members.primary(Height(HEIGHT), View(view)))
        assert seat is not None, "a primary is a member"
        return seat

    def some(self, seats: set[Seat], *, with_liars: int = 0) -> list[Seat]:
        """A quorum of these, as many as possible of them liars if that is wanted."""
        mixed = sorted(seats)
        self.random.shuffle(mixed)
        if with_liars:
            mixed.sort(key=lambda seat: seat not in self.liars)
        return sorted(mixed[: self.quorum])

    def certificate(
        self, domain: VoteDomain, view: int, block: BlockId, seats: set[Seat]
    ) -> Certificate:
        return certify(
            [self.keys[seat] for seat in self.some(seats)],
            self.members,
            chain=self.chain,
            height=Height(HEIGHT),
            view=View(view),
            block=block,
            domain=domain,
        )

    def asks(self, seat: Seat, view: int, best: Certificate | None) -> ViewChange:
        """The honest claim what they prepared; a liar claims `best`, or nothing."""
        claim = self.prepared.get(seat)
        if seat in self.liars:
            claim = self.random.choice([best, None])
        said = self.voices[seat].view_change(HEIGHT, view, claim)
        return replace(said, prepared=None)

    def prepare(
        self, view: int, block: BlockId, voters: set[Seat], best: Certificate | None = None
    ) -> Certificate:
        """A proposal of `block` is justified by `voters`, who prepare it all; its certificate."""
        primary = self.voices[self.primary(view)]
        changes: tuple[ViewChange, ...] = ()
        if view > 0:
            changes = tuple(self.asks(seat, view, best) for seat in self.some(voters))
        top = max((change.prepared_view for change in changes), default=-1)
        proof = best if best is not None and top == best.view else None
        proposal = primary.pre_prepare(HEIGHT, view, block, changes, proof)
        check_justified(proposal, self.count)
        certificate = self.certificate(Domain.PREPARE, view, block, voters)
        for seat in voters - self.liars:
            self.prepared[seat] = certificate
            if view > 0:
                self.archives.setdefault(seat, []).append(proposal)
        return certificate

    def testimony(self, seat: Seat, decided: Certificate) -> Testimony:
        header = replace(
            sample_header(),
            chain=self.chain,
            height=Height(HEIGHT - 1),
            validators_hash=self.members.hash,
            next_validators_hash=self.members.hash,
        )
        below = certify(
            self.keys[: self.quorum],
            self.members,
            chain=self.chain,
            height=header.height,
            view=View(0),
            block=block_id(header),
        )
        return Testimony(
            format="mithaq.testimony",
            version=2,
            origin=Voters(
                GenesisAnchor(self.genesis, self.members.keys),
                (),
                LastHeader(header, below, None, None),
            ),
            certificate=decided,
            records=tuple(self.archives.get(seat, ())),
        )


ORIGINS = ("fresh", "prepared before", "prepared in the same view", "committed in the same view")


def forked(seed: int, count: int, origin: str) -> Fork:
    """X is decided in a view, Y in the same or in a later one; how Y came to be is its origin."""
    random = Random(f"{seed} {count} {origin}")
    story = Story(random, count)
    fewest = 2 * story.quorum - count
    seats = [Seat(seat) for seat in range(count)]
    random.shuffle(seats)
    liars = frozenset(seats[: random.randint(fewest, story.quorum - 1)])
    story.liars = liars
    honest = seats[len(liars) :]
    needed = story.quorum - len(liars)
    first = random.randint(needed, len(honest) - needed)
    some, others = set(honest[:first]), set(honest[first:])
    decides_x, decides_y = some | liars, others | liars

    view = random.choice([view for view in range(1, count + 1) if story.primary(view) in liars])
    best: Certificate | None = None
    if origin == "prepared before":
        best = story.prepare(random.randint(0, view - 1), Y, decides_y)
    story.prepare(view, X, decides_x)
    x = story.certificate(Domain.COMMIT, view, X, decides_x)
    if origin in ORIGINS[2:]:
        best = story.prepare(view, Y, decides_y)
    later = view
    if origin != "committed in the same view":
        for _ in range(random.randint(1, 3)):
            later += random.randint(1, 2)
            joining = set(random.sample(sorted(some), random.randint(0, len(some))))
            best = _prepared_again(story, later, decides_y, joining, best)
    y = story.certificate(Domain.COMMIT, later, Y, decides_y)
    testimonies = [story.testimony(seat, x if seat in some else y) for seat in honest]
    random.shuffle(testimonies)
    return Fork(count, liars, testimonies)


def _prepared_again(
    story: Story, view: int, voters: set[Seat], joining: set[Seat], best: Certificate | None
) -> Certificate:
    """Y in a later view; some who committed to X follow, for the proposal is justified."""
    certificate = story.prepare(view, Y, voters, best)
    proposal = story.archives[min(voters - story.liars)][-1]
    for seat in joining:
        story.prepared[seat] = certificate
        story.archives.setdefault(seat, []).append(proposal)
    return certificate
