"""What several nodes say about one chain, put together."""

import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, final

from client.connection import Connection, Node
from client.faults import Unreachable
from node.diagnosis import Diagnosis
from primitives.errors import Malformed, Rejected
from primitives.named import from_named, to_named

ASK_S = 3.0
"""A node answers within milliseconds, and within seconds where its machine is overloaded."""
WIDTH = 79


@final
@dataclass(frozen=True, slots=True)
class Witness:
    """What one node said, or why there is nothing."""

    node: Node
    said: Diagnosis | None
    silence: str = ""


@final
@dataclass(frozen=True, slots=True)
class Opinion:
    """The sum of them."""

    witnesses: tuple[Witness, ...]

    @property
    def answering(self) -> tuple[Diagnosis, ...]:
        """Who says something."""
        return tuple(one.said for one in self.witnesses if one.said is not None)

    @property
    def verdict(self) -> str:
        """The worst."""
        said = {one.verdict for one in self.answering}
        return next((v for v in ("halted", "slow", "healthy") if v in said), "unknown")

    def named(self) -> dict[str, Any]:
        """For programs."""
        return {
            "verdict": self.verdict,
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
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for one in self.witnesses:
            if one.said is None:
                yield f"{one.node.name}: {one.silence}"
                continue
            yield f"{one.node.name}: {one.said.words}"
            for finding in one.said.findings:
                yield textwrap.fill(
                    f"{finding.words} -> {finding.advice}",
                    WIDTH,
                    initial_indent=f"  {finding.code}: ",
                    subsequent_indent="    ",
                )


def opinion_of(nodes: Sequence[Node]) -> Opinion:
    """Ask all at once."""
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as asking:
        return Opinion(tuple(asking.map(ask, nodes)))


def ask(node: Node) -> Witness:
    """What a node says."""
    try:
        with Connection(node) as connection:
            said = from_named(connection.get("/v1/why", timeout_s=ASK_S), Diagnosis)
    except Unreachable as fault:
        return Witness(node, None, str(fault))
    except (Malformed, Rejected) as error:
        return Witness(node, None, f"answers with no diagnosis: {error}")
    return Witness(node, said)
