"""Safety by exhaustion: the rules of one height as a table of moves, and every order of them.

Four validators, three of them honest, views 0 to `views` − 1, two blocks A and B. The network is
the worst there is: everything that was ever said may reach anybody at any time, so a state is what
the honest ones have said. The fourth says whatever serves, to each what it likes, and the primary
of *every* view is taken to lie, so that nothing rests on primaries. Honest ones are alike, and so
are the blocks; states that differ only in names are one.

What a rule forbids is a condition of a move. A model without that condition shows what the rule is
for: the shortest way to two decided blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import combinations
from typing import NamedTuple

HONEST = 3
QUORUM = 3
BLOCKS = "AB"
NAMES = "XYZ"
NOTHING = (-1, "")
Claim = tuple[int, str]


class Rule(Enum):
    """What may be left out, by the rule of docs/protocol.md that demands it."""

    QUORUM = "R1: a quorum is n − f"
    SIGNERS = "R4: signers are counted, not signatures"
    ENOUGH_ASK = "R14: a quorum of view changes justifies"
    EXACT_VIEW = "R14: each for exactly this view"
    HIGHEST = "R14: the highest claim is the one that counts"
    CLAIMED = "R14: no fresh block where somebody claims one"
    PROVED = "R14: the highest claim is proved"
    ONE_PREPARE = "R18: one prepare per view, restarts included"
    NOT_BELOW = "R18: no prepare below a view that was asked for"
    CERTIFIED = "R19: a commit needs a prepared certificate"
    NOT_LATE = "R19: no commit in a view that was left"
    REMEMBERED = "R25, R37: a view change claims what was committed"


class Honest(NamedTuple):
    """What one honest validator has said, and the view it is in."""

    wish: int
    prepared: tuple[str, ...]
    """By view: the blocks it prepared there; one letter at the most."""
    committed: tuple[str, ...]
    """By view: likewise."""
    asked: tuple[tuple[()] | Claim, ...]
    """By view: the claim of its view change, or nothing at all."""


State = tuple[Honest, ...]
Move = tuple[str, State]


class Known(NamedTuple):
    """What follows from all that was said: what can be proved, and what can be proposed."""

    proved: frozenset[tuple[int, str]]
    """Prepared certificates that can be put together: view and block."""
    justified: tuple[str, ...]
    """By view: the blocks that a proposal may be for."""


@dataclass(frozen=True, eq=False)
class Model:
    """All that the rules allow, but for those that are left out."""

    views: int = 3
    without: frozenset[Rule] = frozenset()

    def start(self) -> State:
        """Nobody has said anything."""
        empty = ("",) * self.views
        return (Honest(0, empty, empty, ((),) * self.views),) * HONEST

    def moves(self, state: State) -> Iterator[Move]:
        """What an honest validator may do next."""
        known = self._known(state)
        for number, node in enumerate(state):
            for what, after in self._deeds(node, known):
                yield f"{NAMES[number]} {what}", (*state[:number], after, *state[number + 1 :])

    @cache  # noqa: B019 - a model lives as long as its exploration
    def _deeds(self, node: Honest, known: Known) -> tuple[tuple[str, Honest], ...]:
        deeds: list[tuple[str, Honest]] = []
        for view in range(self.views):
            if view > node.wish:
                claim = self._claim(node)
                asked = (*node.asked[:view], claim, *node.asked[view + 1 :])
                what = f"asks for {view}, claims {_say(claim)}"
                deeds.append((what, node._replace(wish=view, asked=asked)))
            for block in self._may_prepare(node, view, known):
                after = node._replace(
                    wish=max(node.wish, view), prepared=_with(node.prepared, view, block)
                )
                deeds.append((f"prepares {block} in {view}", after))
            for block in self._may_commit(node, view, known):
                after = node._replace(committed=_with(node.committed, view, block))
                deeds.append((f"commits {block} in {view}", after))
        return tuple(deeds)

    def _claim(self, node: Honest) -> Claim:
        if Rule.REMEMBERED in self.without:
            return NOTHING
        held = [(view, block) for view, block in enumerate(node.committed) if block]
        return max(held, default=NOTHING)

    def _may_prepare(self, node: Honest, view: int, known: Known) -> list[str]:
        if view < node.wish and Rule.NOT_BELOW not in self.without:
            return []
        if node.prepared[view] and Rule.ONE_PREPARE not in self.without:
            return []
        return [block for block in known.justified[view] if block not in node.prepared[view]]

    def _may_commit(self, node: Honest, view: int, known: Known) -> list[str]:
        if node.committed[view] or (view != node.wish and Rule.NOT_LATE not in self.without):
            return []
        uncertified = Rule.CERTIFIED in self.without
        prepared = node.prepared[view]
        return [block for block in prepared if uncertified or (view, block) in known.proved]

    # --- certificates and justifications ----------------------------------------------------

    @property
    def _needed(self) -> int:
        """Honest signers that a quorum needs beside the liar."""
        quorum = QUORUM - 1 if Rule.QUORUM in self.without else QUORUM
        return quorum - (2 if Rule.SIGNERS in self.without else 1)

    def decided(self, state: State) -> set[str]:
        """Blocks for which a commit certificate can be put together."""
        return {block for _, block in self._certified([node.committed for node in state])}

    def _certified(self, said: list[tuple[str, ...]]) -> frozenset[tuple[int, str]]:
        needed = self._needed
        return frozenset(
            (view, block)
            for view, blocks in enumerate(zip(*said, strict=True))
            for block in BLOCKS
            if sum(block in one for one in blocks) >= needed
        )

    def _known(self, state: State) -> Known:
        proved = self._certified([node.prepared for node in state])
        asking = [
            tuple(
                sorted(
                    claim
                    for node in state
                    for asked, claim in enumerate(node.asked)
                    if claim and (asked == view or Rule.EXACT_VIEW in self.without)
                )
            )
            for view in range(self.views)
        ]
        justified = (self._justified(view, asking[view], proved) for view in range(self.views))
        return Known(proved, tuple(justified))

    @cache  # noqa: B019 - as above
    def _justified(
        self, view: int, asking: tuple[Claim, ...], proved: frozenset[tuple[int, str]]
    ) -> str:
        """Blocks that any quorum of these and the liar justifies."""
        if view == 0:
            return BLOCKS
        needed = self._needed - (1 if Rule.ENOUGH_ASK in self.without else 0)
        everything = {(below, block) for below in range(view) for block in BLOCKS}
        lies = everything if Rule.PROVED in self.without else everything & proved
        found: set[str] = set()
        for size in range(needed, len(asking) + 1):
            for honest in combinations(asking, size):
                for lie in (NOTHING, *lies):
                    found |= self._follows(view, {*honest, lie}, lies)
        return "".join(sorted(found))

    def _follows(self, view: int, claims: set[Claim], provable: set[tuple[int, str]]) -> set[str]:
        below = {claim for claim in claims if claim[0] < view}
        top = max(claim[0] for claim in below)
        if top < 0 or Rule.CLAIMED in self.without:
            return set(BLOCKS)
        counting = below if Rule.HIGHEST in self.without else {c for c in below if c[0] == top}
        return {claim[1] for claim in counting & provable}


def _with(blocks: tuple[str, ...], view: int, block: str) -> tuple[str, ...]:
    return (*blocks[:view], "".join(sorted(blocks[view] + block)), *blocks[view + 1 :])


def _say(claim: Claim) -> str:
    return "nothing" if claim == NOTHING else f"{claim[1]} of {claim[0]}"


# --- every order ------------------------------------------------------------------------------


def same(state: State) -> State:
    """One name for all states that differ only in who is who and in which block is which."""
    return min(tuple(sorted(state)), tuple(sorted(_swapped(node) for node in state)))


SWAP = str.maketrans(BLOCKS, BLOCKS[::-1])


@cache
def _swapped(node: Honest) -> Honest:
    return Honest(
        node.wish,
        tuple("".join(sorted(blocks.translate(SWAP))) for blocks in node.prepared),
        tuple(blocks.translate(SWAP) for blocks in node.committed),
        tuple((claim[0], claim[1].translate(SWAP)) if claim else () for claim in node.asked),
    )


@dataclass(frozen=True)
class Explored:
    """How many states there are, and the shortest way to a fork, if there is one."""

    states: int
    fork: tuple[str, ...]


def explored(model: Model) -> Explored:
    """Breadth first, until nothing new is reached or two blocks are decided."""
    start = same(model.start())
    came: dict[State, State] = {start: start}
    level = [start]
    while level:
        following: list[State] = []
        for state in level:
            for _, after in model.moves(state):
                name = same(after)
                if name in came:
                    continue
                came[name] = state
                if len(model.decided(name)) > 1:
                    return Explored(len(came), _told(model, came, name))
                following.append(name)
        level = following
    return Explored(len(came), ())


def _told(model: Model, came: dict[State, State], fork: State) -> tuple[str, ...]:
    """The way to a fork, with names that stay the same from step to step."""
    way = [fork]
    while came[way[-1]] != way[-1]:
        way.append(came[way[-1]])
    told: list[str] = []
    state = model.start()
    for name in reversed(way[:-1]):
        what, state = next(
            (what, after) for what, after in model.moves(state) if same(after) == name
        )
        told.append(what)
    return tuple(told)
