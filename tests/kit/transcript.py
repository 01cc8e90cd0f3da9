"""A replica's life as a dialogue: what it met, in the words of kit/dialogue.py, and its answers.

A test that goes wrong over many replicas prints what each of them met. Such a page is a script of
tests/consensus/scripts as it stands: with the right answers below the wrong ones, and the rule that
they show in its first line, it is the regression test.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import assert_never

from consensus import events as on
from consensus.events import Event
from consensus.messages import Prepare, PrePrepare, Status, ViewChange, seats_of
from consensus.replica import Replica
from kit.dialogue import Dialogue, Machine
from primitives.certificate import Certificate
from primitives.ids import NO_VIEW, BlockId, Height


class Names:
    """A, B, C … for blocks, in the order in which they are spoken of."""

    def __init__(self) -> None:
        self._names: dict[BlockId, str] = {}
        letters = (chr(number) for number in range(ord("A"), ord("Z") + 1))
        self._free = itertools.chain(letters, (f"B{number}" for number in itertools.count()))

    def of(self, block_id: BlockId) -> str:
        """The same block has the same name on every page."""
        if block_id not in self._names:
            self._names[block_id] = next(self._free)
        return self._names[block_id]


class Life:
    """What one replica met, restarts included."""

    def __init__(self) -> None:
        self._met: list[tuple[Event, bool]] = []

    def meets(self, event: Event) -> None:
        """Another event."""
        self._met.append((event, False))

    def restarts(self, event: on.HeightStarted) -> None:
        """The same height again, with the records of it."""
        self._met.append((event, True))

    def forgets_last(self) -> None:
        """A crash before anything was written: what led to it never happened."""
        self._met.pop()

    def lines(self, names: Names) -> Iterator[str]:
        """One line for each event."""
        height = Height(0)
        for event, is_restart in self._met:
            if isinstance(event, on.HeightStarted):
                height = event.height
            yield "restart" if is_restart else _line(event, height, names)


def replayed(script: str, replica: Callable[[], Machine] = Replica) -> str:
    """A script with the answers of today."""
    dialogue, answered = Dialogue(replica), []
    for part in script.strip().split("\n\n"):
        asked = part.split("\n----")[0]
        events = [line for line in asked.split("\n") if not line.startswith("#")]
        said = [answer for event in events for answer in dialogue.say(event)]
        answered.append("\n".join([asked, "----", *(said or ["(nothing)"])] if events else [asked]))
    return "\n\n".join(answered) + "\n"


def told(life: Life, names: Names, replica: Callable[[], Machine] = Replica) -> str:
    """The page: events, and below them what such a replica answers today."""
    dialogue, page, asked = Dialogue(replica), list[str](), list[str]()
    for line in life.lines(names):
        asked.append(line)
        try:
            said = dialogue.say(line)
        except AssertionError as wrong:
            said = [f"(wrong: {wrong})"]
        if said:
            page += [*asked, "----", *said, ""]
            asked = []
    if asked:
        page += [*asked, "----", "(nothing)", ""]
    return "\n".join(page)


def _line(event: Event, height: Height, names: Names) -> str:
    match event:
        case on.HeightStarted():
            seat = "none" if event.seat is None else str(event.seat)
            return f"start n={event.validators} seat={seat} h={event.height}"
        case on.Awoke():
            return "awake"
        case on.IntervalOver(at):
            return f"interval{_height(at, height)}"
        case on.WorkArrived(at):
            return f"work{_height(at, height)}"
        case on.TimerFired(at, view):
            return f"timer{_height(at, height)} v={view}"
        case on.ClaimTimedOut(at, view):
            return f"claim-timer{_height(at, height)} v={view}"
        case on.Ticked():
            return "tick"
        case on.Built(at, view, block_id):
            built = "none" if block_id is None else names.of(block_id)
            return f"built{_height(at, height)} v={view} block={built}"
        case on.Checked(block_id, fresh_view, verdict):
            fresh = "" if fresh_view is None else f" fresh={fresh_view}"
            return f"checked block={names.of(block_id)}{fresh} verdict={verdict.value}"
        case on.BodyArrived(block_id):
            return f"body block={names.of(block_id)}"
        case on.StatusReceived(status, link):
            return f"status from={link}{_height(status.height, height)} {_status(status)}"
        case on.CertificateReceived(certificate):
            by = ",".join(str(seal.seat) for seal in certificate.seals)
            what = f"block={names.of(certificate.block_id)} v={certificate.view} by={by}"
            return f"certificate{_height(certificate.height, height)} {what}"
        case _:
            return _message(event, height, names)


def _message(
    event: on.PrePrepareReceived | on.PrepareReceived | on.CommitReceived | on.ViewChangeReceived,
    height: Height,
    names: Names,
) -> str:
    message = event.message
    where = f"{_height(message.height, height)} v={message.view}"
    match event:
        case on.PrePrepareReceived(proposal, has_body):
            body = " body" if has_body else ""
            said = f"block={names.of(proposal.block_id)}{body}"
            return f"pre-prepare{where} {said}{_attached(proposal, names)}"
        case on.PrepareReceived(vote) | on.CommitReceived(vote):
            word = "prepare" if isinstance(vote, Prepare) else "commit"
            return f"{word}{where} block={names.of(vote.block_id)} from={vote.seat}"
        case on.ViewChangeReceived(change):
            claim = "" if change.prepared is None else f" claim={_proof(change.prepared, names)}"
            return f"view-change{where} from={change.seat}{claim}"
        case _:
            assert_never(event)


def _attached(proposal: PrePrepare, names: Names) -> str:
    asks = ",".join(_asker(change, proposal, names) for change in proposal.view_changes)
    proof = "" if proposal.prepared is None else f" proof={_proof(proposal.prepared, names)}"
    return (f" asks={asks}" if asks else "") + proof


def _asker(change: ViewChange, proposal: PrePrepare, names: Names) -> str:
    same = (change.height, change.view) == (proposal.height, proposal.view)
    where = "" if same else f">{change.height}.{change.view}"
    claim = ""
    if change.prepared_view != NO_VIEW:
        claim = f":{names.of(change.prepared_id)}@{change.height}.{change.prepared_view}"
    return f"{change.seat}{where}{claim}"


def _proof(certificate: Certificate, names: Names) -> str:
    by = "+".join(str(seal.seat) for seal in certificate.seals)
    place = f"{certificate.height}.{certificate.view}"
    return f"{names.of(certificate.block_id)}@{place}/{by}"


def _status(status: Status) -> str:
    asked = ",".join(map(str, status.view_changes))
    lists = f"prepares={_seats(status.prepares)} commits={_seats(status.commits)} asked={asked}"
    proposal = "proposal " if status.has_proposal else ""
    return f"v={status.wish} entered={status.entered} {proposal}{lists}"


def _seats(bits: bytes) -> str:
    return ",".join(str(seat) for seat in sorted(seats_of(bits)))


def _height(at: Height, height: Height) -> str:
    return "" if at == height else f" h={at}"
