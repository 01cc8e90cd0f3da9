"""What several nodes say about one chain, put together: agreement, contradiction, and silence.

A node alone cannot tell a machine that is down from a line that is cut. Whoever asks both ends can:
a validator that answers here, and that another calls missing, is behind a cut line. Of a node that
does not answer, its folder says something where it is on this machine: whether its process lives.
"""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, final

from cli.language import is_right_to_left, phrase, word
from cli.right_to_left import aligned, wrapped
from client.connection import Connection, Node
from client.faults import Unreachable
from node.diagnosis import Diagnosis
from node.facts import Facts, Seen
from node.findings import Code, Finding, Weight
from node.plain_words import names, number
from node.roll_call import LINKS_MS, Reach, RollCall
from node.status import BEHIND_MAX
from primitives.errors import Malformed, Rejected
from primitives.ids import ChainId, short
from primitives.named import from_named, to_named
from primitives.validators import quorum

ASK_S: Final = 3.0
"""A node answers within milliseconds, and within seconds where its machine is overloaded."""
WIDTH: Final = 79
_WEIGHTS: Final = list(Weight)
_OF_ONE_SIDE: Final = {
    code.value
    for code in (
        Code.QUORUM_MISSING,
        Code.PARTITION,
        Code.VALIDATOR_MISSING,
        Code.PHASE_WAITING,
    )
}


@final
@dataclass(frozen=True, slots=True)
class Witness:
    """What one node said, or why there is nothing."""

    node: Node
    said: Diagnosis | None
    silence: str = ""
    mute: bool = False
    """Whether nothing came at all."""


@final
@dataclass(frozen=True, slots=True)
class Told:
    """A finding, and the nodes that have it."""

    finding: Finding
    by: tuple[str, ...]


@final
@dataclass(frozen=True)
class Opinion:
    """The sum of what was said."""

    witnesses: tuple[Witness, ...]

    @cached_property
    def answering(self) -> tuple[Diagnosis, ...]:
        """Who says something."""
        return tuple(one.said for one in self.witnesses if one.said is not None)

    @cached_property
    def verdict(self) -> str:
        """Halted only where nobody decides: who is cut off does not speak for the chain."""
        said = {one.verdict for one in self.answering}
        if not said:
            return "unknown"
        if said == {"healthy"} and not self.contradictions:
            return "healthy"
        return "halted" if said == {"halted"} else "slow"

    @cached_property
    def words(self) -> str:
        """Those of the node with the most blocks that sees the most; ours where they differ."""
        if not self.answering:
            return "No node answers: nothing can be said of the chain from here."
        chosen = max(self.answering, key=lambda one: (one.height, one.verdict == self.verdict))
        if chosen.verdict == self.verdict:
            return chosen.words
        return (
            f"Slow at height {number(chosen.height)}: some nodes are well, and others see trouble."
        )

    @cached_property
    def findings(self) -> tuple[Told, ...]:
        """Each once, the heaviest first, with who has it; what they all find idle is one thing."""
        told: dict[tuple[str, tuple[str, ...]], list[tuple[str, Finding]]] = {}
        for one in self.answering:
            for finding in one.findings:
                if self._follows_from_a_cut(finding):
                    continue
                about = finding.validators or _own(one, finding)
                told.setdefault((finding.code, about), []).append((one.facts.name, finding))
        merged = [
            Told(max(said, key=lambda one: -_WEIGHTS.index(one[1].weight))[1], _names(said))
            for said in told.values()
        ]
        return tuple(sorted(merged, key=lambda one: _WEIGHTS.index(one.finding.weight)))

    @cached_property
    def contradictions(self) -> tuple[str, ...]:
        """What only shows when several are asked."""
        return (*self._forks(), *self._cut_lines(), *self._apart())

    def _forks(self) -> Iterator[str]:
        blocks: dict[int, dict[bytes, list[str]]] = {}
        for one in self.answering:
            at = blocks.setdefault(one.height, {})
            at.setdefault(one.facts.block_id, []).append(one.facts.name)
        for height, found in sorted(blocks.items()):
            if len(found) > 1:
                sides = "; ".join(f"{names(who)} {short(block)}…" for block, who in found.items())
                yield (
                    f"Two blocks of height {number(height)}: {sides}. Keep every folder as it is, "
                    "call all operators, and let nobody unfence anything."
                )

    def _follows_from_a_cut(self, finding: Finding) -> bool:
        """Whether it says of a cut that is proved only what one side sees of it."""
        if len(self.sides) < 2 or finding.code not in _OF_ONE_SIDE:
            return False
        alive = {name for side in self.sides for name in side}
        return bool(finding.validators) and set(finding.validators) <= alive

    def _cut_lines(self) -> Iterator[str]:
        """Who answers us, and is missing on its own side to somebody who answers us too."""
        for own in self._reaches:
            blind = [
                name
                for name, reached in self._reaches.items()
                if own not in reached and self._side(own) == self._side(name)
            ]
            if blind:
                yield (
                    f"{own} answers here, and {names(blind)} cannot reach it: no machine is down "
                    "there, the line between them is cut or closed."
                )

    def _apart(self) -> Iterator[str]:
        if len(self.sides) > 1:
            needed = quorum(len(self.answering[0].facts.validators))
            shown = " | ".join(", ".join(side) for side in self.sides)
            able = [side for side in self.sides if len(side) >= needed]
            follows = f"none has the {needed} that it takes to decide"
            if able:
                follows = f"{names(able[0])} can go on, the others cannot"
            yield (
                f"The network is cut. The validators stand on {len(self.sides)} sides: {shown}; "
                f"{follows}. Mend the line between them: they meet again by themselves, and no "
                "node needs a restart."
            )
        highest = max((one.height for one in self.answering), default=0)
        for one in self.answering:
            if one.height + BEHIND_MAX < highest:
                yield (
                    f"{one.facts.name} is at height {number(one.height)}, and another node at "
                    f"{number(highest)}."
                )

    @cached_property
    def _reaches(self) -> dict[str, set[str]]:
        """Of each validator that answers, whom it reaches, as it says itself."""
        return {
            own: {seen.name for seen in one.facts.validators if _is_near(one.facts, seen)}
            for one in self.answering
            if (own := _seat_name(one.facts)) is not None
            if one.facts.machine.up_ms > LINKS_MS
        }

    @cached_property
    def sides(self) -> tuple[tuple[str, ...], ...]:
        """Validators that are there, by who reaches whom; each side has one that answers here."""
        sides: list[set[str]] = []
        for own, reached in self._reaches.items():
            together = [side for side in sides if side & {own, *reached}]
            sides = [side for side in sides if side not in together]
            sides.append({own, *reached}.union(*together))
        return tuple(tuple(sorted(side)) for side in sides)

    def _side(self, name: str) -> int | None:
        return next((number for number, side in enumerate(self.sides) if name in side), None)

    # --- shown --------------------------------------------------------------------------------

    def named(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict,
            "words": self.words,
            "contradictions": list(self.contradictions),
            "findings": [{**to_named(one.finding), "by": list(one.by)} for one in self.findings],
            "nodes": [
                {
                    "name": one.node.name,
                    "url": one.node.url,
                    "why": None if one.said is None else to_named(one.said),
                    "silence": one.silence or None,
                }
                for one in self.witnesses
            ],
        }

    def text(self) -> str:
        """For people: the verdict, what contradicts itself, each finding, and each node."""
        lines = _filled(self.words, "")
        for words in self.contradictions:
            lines += ["", *_filled(words, "  ")]
        for one in self.findings:
            lines += ["", *self._shown(one)]
        return "\n".join([*lines, "", *self._rows()])

    def _shown(self, told: Told) -> Iterator[str]:
        finding, some = told.finding, len(told.by) < len(self.answering)
        yield f"{finding.code}{f'  (says {names(told.by)})' if some else ''}"
        yield from _filled(finding.words, "  ")
        if finding.advice:
            yield from _filled(finding.advice, "  → ", "    ")

    def _rows(self) -> Iterator[str]:
        width = max(len(one.node.name) for one in self.witnesses)
        for one in self.witnesses:
            said = one.silence
            if one.said is not None:
                verdict, height = one.said.verdict, f"height {number(one.said.height)}"
                said = f"{verdict:<8} {height}"
                if is_right_to_left():
                    said = f"{word(verdict)}  {phrase(height)}"
            if is_right_to_left():
                yield from aligned([(f"{one.node.name:<{width}}", phrase(said))])
            else:
                yield from _filled(said, f"{one.node.name:<{width}}  ", " " * (width + 2))


def _names(said: Sequence[tuple[str, Finding]]) -> tuple[str, ...]:
    return tuple(name for name, _ in said)


def _own(one: Diagnosis, finding: Finding) -> tuple[str, ...]:
    """What a node finds about nobody by name is about itself, but for the chain's rest."""
    return () if finding.weight is Weight.REMARK else (one.facts.name,)


def _seat_name(facts: Facts) -> str | None:
    return next((one.name for one in facts.validators if one.is_self), None)


def _is_near(facts: Facts, one: Seen) -> bool:
    return RollCall(facts).reach(one) in {Reach.SELF, Reach.LINKED, Reach.RELAYED}


def _filled(words: str, first: str, rest: str | None = None) -> list[str]:
    if is_right_to_left():
        return wrapped(phrase(words), WIDTH, first=first, rest=first if rest is None else rest)
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


def opinion_of(
    nodes: Sequence[Node], chain: ChainId | None, known: Callable[[Node], str | None]
) -> Opinion:
    """Ask all at once, of one chain or of whatever chain they are.

    `known` says what else there is to say of a node that does not answer.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as asking:
        witnesses = list(asking.map(lambda node: ask(node, chain), nodes))
    return Opinion(tuple(_completed(one, known) for one in witnesses))


def _completed(one: Witness, known: Callable[[Node], str | None]) -> Witness:
    more = known(one.node) if one.mute else None
    return one if more is None else replace(one, silence=f"{one.silence}; {more}")


def ask(node: Node, chain: ChainId | None) -> Witness:
    """What a node says; nothing, if it is one of another chain."""
    try:
        with Connection(node) as connection:
            said = from_named(connection.get("/v1/why", timeout_s=ASK_S), Diagnosis)
    except Unreachable as fault:
        where = node.url.removeprefix("http://")
        slow = "timed out" in str(fault)
        return Witness(node, None, f"{where} {'says nothing' if slow else 'does not answer'}", True)
    except (Malformed, Rejected) as error:
        return Witness(node, None, f"answers with no diagnosis: {error}")
    if chain is not None and said.facts.chain != chain:
        return Witness(node, None, f"a node of another chain answers: {said.facts.chain.hex()}")
    return Witness(node, said)
