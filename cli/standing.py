"""Where a network stands, as its nodes say: who answers, who is missing, whether it can proceed.

All nodes are asked at the same time, so that one that is dead costs no more than its time limit. A
home with all validators counts who answers here; a home with some counts also whom those are
connected to.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from cli.home import Home
from cli.session import table
from client.connection import Connection, Node
from client.faults import Unreachable
from node.standing import SigningState, SigningStatus, in_words
from node.status import NodeStatus, ValidatorStatus, clock_in_words
from primitives.errors import Malformed, Rejected
from primitives.ids import ChainId, short
from primitives.named import from_named, to_named
from primitives.validators import quorum

ASK_S = 2.0
"""A node of a network that works answers within milliseconds."""


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What one node said, or why there is nothing."""

    node: Node
    status: NodeStatus | None
    silence: str = ""
    answer_ms: float | None = None
    """How long the answer took."""

    def named(self) -> dict[str, Any]:
        """For programs."""
        said = None if self.status is None else to_named(self.status)
        silence = None if self.status is not None else self.silence
        return {
            "name": self.node.name,
            "url": self.node.url,
            "status": said,
            "silence": silence,
            "answer_ms": None if self.answer_ms is None else round(self.answer_ms, 1),
        }


@final
@dataclass(frozen=True, slots=True)
class Standing:
    """The sum of all reports. `present` and `missing` are names of validators."""

    reports: tuple[Report, ...]
    present: tuple[str, ...]
    missing: tuple[str, ...]
    silent: tuple[str, ...] = ()
    """Of the missing, those that answer and sign nothing."""
    fenced: int = 0
    """How many of them say that they are fenced."""

    @property
    def height(self) -> int:
        """The highest block that a node has."""
        return max((r.status.height for r in self.reports if r.status is not None), default=0)

    @property
    def can_proceed(self) -> bool:
        """Whether a quorum of validators is there."""
        count = len(self.present) + len(self.missing)
        return count > 0 and len(self.present) >= quorum(count)

    def sentence(self) -> str:
        """Who answers, and what follows."""
        count = len(self.present) + len(self.missing)
        if count == 0:
            return "No node answers, so nobody says who the validators are."
        needed = quorum(count)
        some = "" if not self.missing else f" Missing: {', '.join(self.missing)}."
        if self.silent:
            some += f" Answering, but signing nothing: {', '.join(self.silent)}."
        if self.fenced > count - needed:
            are = "is" if count - needed == 1 else "are"
            some += (
                f" More than {count - needed} {are} fenced: each comes back by its operator's "
                "`mithaq unfence` only."
            )
        if not self.can_proceed:
            verb = "answers" if len(self.present) == 1 else "answer"
            return (
                f"{len(self.present)} of {count} validators {verb}; {needed} are needed: "
                f"the chain waits.{some}"
            )
        if not self.missing:
            return f"All {count} validators answer; {needed} are needed: the chain proceeds."
        return (
            f"{len(self.present)} of {count} validators answer; {needed} are needed: "
            f"the chain proceeds.{some}"
        )

    def named(self) -> dict[str, Any]:
        """For programs."""
        count = len(self.present) + len(self.missing)
        return {
            "height": self.height,
            "validators": count,
            "needed": quorum(count) if count else None,
            "present": list(self.present),
            "missing": list(self.missing),
            "silent": list(self.silent),
            "can_proceed": self.can_proceed,
            "summary": self.sentence(),
            "nodes": [report.named() for report in self.reports],
        }


def ask(node: Node, chain: ChainId | None, *, timeout_s: float | None = None) -> Report:
    """Ask one node for its status, for ASK_S. What answers for another chain is none of ours."""
    began = time.perf_counter()
    try:
        with Connection(node) as connection:
            limit_s = ASK_S if timeout_s is None else timeout_s
            answer = connection.get("/v1/status", timeout_s=limit_s)
        answer_ms = (time.perf_counter() - began) * 1e3
        status = from_named(answer, NodeStatus)
    except Unreachable:
        return Report(node, None, "does not answer")
    except (Malformed, Rejected) as error:
        return Report(node, None, f"answers with no status: {error}")
    if chain is not None and status.chain != chain:
        return Report(node, None, f"a node of another chain answers: {status.chain.hex()}")
    return Report(node, status, answer_ms=answer_ms)


def standing_of(nodes: Sequence[Node], genesis: Home | None) -> Standing:
    """Ask all nodes at once; of the chain of a home, or of whatever chain they are."""
    chain = None if genesis is None else genesis.chain
    names = [] if genesis is None else [v.name for v in genesis.document.validators]
    reports: list[Report] = [Report(node, None) for node in nodes]

    def fill(index: int) -> None:
        reports[index] = ask(nodes[index], chain)

    threads = [threading.Thread(target=fill, args=(index,)) for index in range(len(nodes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return judge(reports, names)


def judge(reports: Sequence[Report], validators: Sequence[str] = ()) -> Standing:
    """Who is there: who answers, and who is not asked here but connected to one that answers.

    Who answers and signs nothing, halted, fenced or muted, is missing: the others wait for its
    vote. Who votes is what the node that has the most says; if none answers, who did at genesis.
    """
    answering = [report.status for report in reports if report.status is not None]
    if not answering:
        return Standing(tuple(reports), present=(), missing=tuple(validators))
    silent = {report.node.name for report in reports if report.status is None}
    by_key = {status.key: status for status in answering if status.key is not None}
    connected = [one for status in answering for one in status.validators if one.connected]
    linked = {one.key for one in connected if one.signs is not False}
    mute = {one.key for one in connected if one.signs is False}

    def is_there(one: ValidatorStatus) -> bool:
        said = by_key.get(one.key)
        if said is not None:
            return is_at_work(said)
        return one.name not in silent and one.key in linked

    def is_silent(one: ValidatorStatus) -> bool:
        said = by_key.get(one.key)
        return not is_there(one) and (said is not None or one.key in mute)

    order = {name: place for place, name in enumerate(validators)}  # as people know them
    voting = sorted(
        newest_of(answering).validators, key=lambda one: (order.get(one.name, len(order)), one.seat)
    )
    return Standing(
        reports=tuple(reports),
        present=tuple(one.name for one in voting if is_there(one)),
        missing=tuple(one.name for one in voting if not is_there(one)),
        silent=tuple(one.name for one in voting if is_silent(one)),
        fenced=sum(_is_fenced(status) for status in answering),
    )


def _is_fenced(status: NodeStatus) -> bool:
    """Without a height to come back at."""
    match status.signing:
        case SigningStatus(state=SigningState.FENCED, sign_from=None):
            return True
        case _:
            return False


def newest_of(statuses: Sequence[NodeStatus]) -> NodeStatus:
    """What the node says that has the most blocks."""
    return max(statuses, key=lambda status: status.height)


def coming(status: NodeStatus) -> list[str]:
    """For people: a change of validators that is decided and not yet in force."""
    change = status.change
    if change is None:
        return []
    moves = [f"{one.name} leaves ({short(one.key)}…)" for one in change.removed]
    moves += [f"{one.name} joins ({short(one.key)}…)" for one in change.added]
    return [f"From height {change.height} on: {', '.join(moves)}."]


def is_at_work(status: NodeStatus) -> bool:
    """Whether it would vote: neither halted nor silent for long."""
    signing = status.signing
    can_vote = signing is None or signing.state in {SigningState.SIGNING, SigningState.ASLEEP}
    return status.halted is None and can_vote


def overview(found: Standing) -> str:
    """For people: a line for each node, and the sentence."""
    answering = [report.status for report in found.reports if report.status is not None]
    lines = []
    if answering:
        lines.append(f"network {answering[0].network}, chain {answering[0].chain.hex()}")
    lines.append(
        table(
            ["NODE", "ROLE", "HEIGHT", "BLOCK", "VIEW", "LINKS", "WAITING", "ANSWER", "STATE"],
            [_row(report) for report in found.reports],
        )
    )
    lines += [found.sentence(), *_accusations(answering)]
    if answering:
        lines += coming(newest_of(answering))
    return "\n".join(lines)


def _accusations(answering: Sequence[NodeStatus]) -> list[str]:
    """What a look at the network must not overlook: who broke a promise."""
    said = [
        f"{name} is suspended, and votes until a replacement joins."
        for name in sorted({v.name for s in answering for v in s.validators if v.suspended})
    ]
    holders = [status.name for status in answering if status.evidence]
    if holders:
        said.append(f"Evidence of equivocation at {', '.join(holders)}: mithaq evidence list")
    return said


def _row(report: Report) -> tuple[object, ...]:
    status = report.status
    if status is None:
        return (
            report.node.name,
            "-",
            "-",
            "-",
            "-",
            "-",
            "-",
            "-",
            f"{report.silence} ({_where(report)})",
        )
    connected = sum(peer.connected for peer in status.peers)
    return (
        report.node.name,
        status.role.value,
        status.height,
        f"{short(status.block_id)}…",
        "-" if status.view is None else status.view.wish,
        f"{connected}/{len(status.peers)}",
        status.mempool.count,
        "-" if report.answer_ms is None else f"{report.answer_ms:.0f} ms",
        _state(status),
    )


def _where(report: Report) -> str:
    return report.node.url.removeprefix("http://")


def _state(status: NodeStatus) -> str:
    if status.halted is not None:
        return f"halted: {status.halted}"
    state = "at work" if status.signing is None else in_words(status.signing)
    if status.clock_ahead_ms is not None:
        state += f"; {clock_in_words(status.clock_ahead_ms)}"
    return state
