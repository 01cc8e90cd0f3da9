"""`mithaq peers`: a running node's links, as its operator's socket tells them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.session import Session, facts, table
from cli.upkeep import node_command

if TYPE_CHECKING:
    from node.link_status import PeerLink


@node_command("peers")
def peers(session: Session, folder: Path) -> None:
    """Show the links of a running node: to whom, where, since when, and what was held against them.

    A node links with the validators and, if it votes, with the observers that stand on chain, and
    with those of its bootstrap list that the chain does not know (yet).
    """
    from client.connection import Connection, operator_of
    from node.link_status import PeerLink
    from primitives.named import from_named

    kind: Any = tuple[PeerLink, ...]
    with Connection(operator_of(folder)) as connection:
        answer = connection.get("/v1/admin/peers")
    links: tuple[PeerLink, ...] = from_named(answer, kind)
    rows = [_row(link) for link in links]
    head = ["PEER", "ROLE", "LINK", "ROUND TRIP", "SENT", "RECEIVED", "READS/S", "ADDRESSES"]
    lines = [table(head, rows), *_troubles(links)] if links else ["no peer"]
    session.show({"peers": answer}, "\n".join(lines))


def _row(link: "PeerLink") -> tuple[object, ...]:
    return (
        link.name,
        "bootstrap" if link.role is None else link.role.value,
        _state(link),
        _round_trip(link),
        link.sent,
        link.received,
        f"{link.bytes_per_s // 1024} KiB, {link.messages_per_s}",
        ", ".join(link.addresses) or "none: it dials us",
    )


def _state(link: "PeerLink") -> str:
    if link.paused_ms:
        return f"paused, {_duration(link.paused_ms)} left"
    return "down" if link.up_ms is None else f"up {_duration(link.up_ms)}"


def _round_trip(link: "PeerLink") -> str:
    if link.up_ms is None or link.round_trip_us is None:
        return "-"
    return f"{link.round_trip_us / 1000:.1f} ms"


def _duration(ms: int) -> str:
    seconds = ms / 1000
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _troubles(links: "tuple[PeerLink, ...]") -> list[str]:
    """What an operator may want to do something about."""
    said: list[tuple[str, str]] = []
    for link in links:
        if not link.connected and link.last_error:
            said.append((link.name, link.last_error))
        if link.dropped or link.waiting_messages:
            waits = f"{link.waiting_messages} messages wait for it, {link.dropped} were dropped"
            said.append((link.name, waits))
        if link.throttled_ms:
            held = f"sent more than it may: held back for {_duration(link.throttled_ms)}"
            said.append((link.name, held))
        said += [
            (link.name, f"{one.reason} ({one.points} points, {_duration(one.ago_ms)} ago)")
            for one in link.penalties
        ]
    return ["", facts(said)] if said else []
