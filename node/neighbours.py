"""The other validators and the links to them: those of the height at hand and of the next (R45).

Votes go to whoever votes at this height or at the next, and only their Status counts. Both follow
the state: who joins is spoken to from the height before its first on, who left is no longer. With
whom there are links at all follows from the same state (`node/admission`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from consensus.events import Link
from ledger.validators import ValidatorRecord
from node.blocks import Blocks
from primitives.ids import Height, NodeKey, Seat, ValidatorKey


@final
@dataclass(frozen=True, slots=True)
class _Others:
    """Of one height."""

    height: Height
    by_seat: tuple[Link | None, ...]
    """The link to each validator of the height; None where that is this node."""
    authors: dict[Link, ValidatorKey]
    """Whose link it is, of the validators of this height and the next; in order of seats."""


@final
class Neighbours:
    """Read anew at each height. Written by the engine alone."""

    def __init__(
        self,
        blocks: Blocks,
        link_of: Callable[[NodeKey], Link],
        *,
        node_key: NodeKey,
        own: ValidatorKey | None,
    ) -> None:
        self._blocks, self._link_of = blocks, link_of
        self._node_key, self._own = node_key, own
        self._answered: set[Link] = set()
        self._turn = 0
        self._others = self._read()

    @property
    def links(self) -> tuple[Link, ...]:
        """To every other validator of this height and of the next."""
        return tuple(self._now().authors)

    def next_asked(self) -> tuple[Link, ...]:
        """Whom to tell where we stand at a tick: everybody; an observer, one after the other (R29).

        It has no vote that anybody waits for, and each that it tells may send it the same block.
        """
        links = self.links
        if self._own is not None or not links:
            return links
        self._turn += 1
        return (links[self._turn % len(links)],)

    @property
    def names_us(self) -> bool:
        """Whether the chain names this node for our key: a copy elsewhere never votes."""
        records = self._blocks.parent.records
        return any(r.key == self._own and r.node_key == self._node_key for r in records)

    def link(self, seat: Seat) -> Link | None:
        """To the validator of a seat of this height; None for our own."""
        return self._now().by_seat[seat]

    def author(self, link: Link) -> ValidatorKey | None:
        """Whose link it is, or None for who does not vote."""
        return self._now().authors.get(link)

    def note_answer(self, link: Link) -> None:
        """Somebody has sent a Status in this run."""
        self._answered.add(link)

    @property
    def answered(self) -> int:
        """How many other validators of this height have answered in this run (R41)."""
        return len(self._answered & set(self._now().by_seat))

    def _now(self) -> _Others:
        if self._others.height != self._blocks.height:
            self._others = self._read()
        return self._others

    def _read(self) -> _Others:
        parent = self._blocks.parent
        authors: dict[Link, ValidatorKey] = {}
        for record in (*parent.records, *parent.next_records):
            if record.key != self._own:
                authors.setdefault(self._link_of(record.node_key), record.key)
        by_seat = tuple(self._to(record) for record in parent.records)
        return _Others(parent.height, by_seat, authors)

    def _to(self, record: ValidatorRecord) -> Link | None:
        return None if record.key == self._own else self._link_of(record.node_key)
