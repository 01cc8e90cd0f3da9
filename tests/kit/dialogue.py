"""A dialogue with one replica, written as text: events above the line, effects below it.

    prepare v=0 block=A from=0,2
    ----
    persist commit v=0 A by 0,1,2
    cast commit v=0 A

Our own casts do not count until the line `returns` hands them back; `restart` starts a new replica
from what was persisted. Every step is held to rule R35: what is cast was persisted before.

A place is a view of the height at hand (`A@0`), or names its height too (`A@2.0`). `signed=twice`
makes another valid signature of the same author under the same statement.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from msgspec.structs import replace

from consensus import effects as do
from consensus import events as on
from consensus.effects import Effect
from consensus.events import Event, Verdict
from consensus.instance import Instance
from consensus.messages import (
    Claim,
    Commit,
    LogEntry,
    Message,
    Prepare,
    PrePrepare,
    Proposal,
    Status,
    ViewChange,
    bitmap,
    seats_of,
)
from consensus.replica import Replica
from kit import consensus as made
from primitives.certificate import Certificate
from primitives.ids import NO_VIEW, BlockId, Height, Seat, View

Options = dict[str, str]
STEPS = (Claim, Proposal, PrePrepare, Certificate)


class Machine(Protocol):
    """A replica, or one that a test has spoilt."""

    @property
    def awake(self) -> bool: ...

    @property
    def now(self) -> Instance: ...

    def step(self, event: Event) -> list[Effect]: ...


class Dialogue:
    """One replica, its records, and the names of the blocks that were spoken of."""

    def __init__(self, replica: Callable[[], Machine] = Replica) -> None:
        self._make = replica
        self.replica = replica()
        self._start = on.HeightStarted(Height(0), 1, None, 1, 1, 1)
        self._names: dict[BlockId, str] = {}
        self._records: list[LogEntry] = []
        self._unreturned: list[Effect] = []
        self.cast: dict[tuple[type[Effect], Height, View], Effect] = {}

    def say(self, line: str) -> list[str]:
        """Let one line happen; say what it led to."""
        word, *rest = line.split()
        options = dict(part.partition("=")[::2] for part in rest)
        said: list[str] = []
        for event in self._events(word, options):
            effects = self.replica.step(event)
            self._keep(effects)
            said += [self._effect(effect) for effect in effects]
        return said

    # --- what happens ---------------------------------------------------------------------------

    def _events(self, word: str, options: Options) -> Iterator[Event]:
        height = Height(int(options.get("h", self._start.height)))
        view = View(int(options.get("v", "0")))
        match word:
            case "start":
                yield self._started(options)
            case "restart":
                self.replica, self._unreturned = self._make(), []
                yield self._again()
            case "returns":
                yield from self._returned()
            case "awake":
                yield on.Awoke()
            case "interval":
                yield on.IntervalOver(height)
            case "work":
                yield on.WorkArrived(height)
            case "timer":
                yield on.TimerFired(height, view)
            case "claim-timer":
                yield on.ClaimTimedOut(height, view)
            case "tick":
                yield on.Ticked()
            case "built":
                built = options["block"]
                yield on.Built(height, view, None if built == "none" else self._block(built))
            case "checked":
                fresh = View(int(options["fresh"])) if "fresh" in options else None
                verdict = Verdict(options["verdict"])
                yield on.Checked(self._block(options["block"]), fresh, verdict)
            case "body":
                yield on.BodyArrived(self._block(options["block"]))
            case "certificate":
                self._block(options["block"])
                seats = _seats(options["by"])
                certificate = made.committed(
                    options["block"], view=view, seats=seats, height=height
                )
                yield on.CertificateReceived(certificate)
            case "status":
                yield on.StatusReceived(_status(height, view, options), options["from"])
            case _:
                yield from self._messages(word, height, view, options)

    def _messages(self, word: str, height: Height, view: View, options: Options) -> Iterator[Event]:
        match word:
            case "pre-prepare":
                self._block(options["block"])
                asked = [part for part in options.get("asks", "").split(",") if part]
                message = made.pre_prepare(
                    options["block"],
                    view=view,
                    changes=[self._change(part, height, view) for part in asked],
                    proof=self._proof(options.get("proof"), height),
                    height=height,
                    validators=self._start.validators,
                )
                message = _signed(message, options)
                yield on.PrePrepareReceived(message, has_body="body" in options)
            case "prepare" | "commit" as kind:
                self._block(options["block"])
                for seat in _seats(options["from"]):
                    if kind == "prepare":
                        vote = made.prepare(seat, options["block"], view=view, height=height)
                        yield on.PrepareReceived(_signed(vote, options))
                    else:
                        commit = made.commit(seat, options["block"], view=view, height=height)
                        yield on.CommitReceived(_signed(commit, options))
            case "view-change":
                claim = self._proof(options.get("claim"), height)
                for seat in _seats(options["from"]):
                    change = made.view_change(seat, view, claim, height=height)
                    yield on.ViewChangeReceived(_signed(change, options))
            case _:
                raise ValueError(f"nobody understands {word!r}")

    def _started(self, options: Options) -> on.HeightStarted:
        seat = options.get("seat", "none")
        self._records, self._unreturned = [], []
        self._start = on.HeightStarted(
            Height(int(options.get("h", "1"))),
            int(options["n"]),
            None if seat == "none" else Seat(int(seat)),
            int(options.get("t0", "1000")),
            int(options.get("tmax", "10000")),
            int(options.get("interval", "100")),
        )
        return self._start

    def _again(self) -> on.HeightStarted:
        records = sorted(self._records, key=lambda entry: (entry.view, _step(entry)))
        before = self._start
        return on.HeightStarted(
            before.height,
            before.validators,
            before.seat,
            before.t0_ms,
            before.tmax_ms,
            before.minimum_interval_ms,
            tuple(records),
        )

    def _returned(self) -> Iterator[Event]:
        """Our own casts, signed; and what they lead us to cast, until there is no more."""
        while self._unreturned:
            yield self.signed(self._unreturned.pop(0))

    def signed(self, cast: Effect) -> Event:
        """A cast as it comes back."""
        seat = self._start.seat
        assert seat is not None, "without a seat nothing is cast"
        return returned(cast, seat)

    def _keep(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, do.Persist):
                self._records = [
                    entry
                    for entry in self._records
                    if (entry.view, _step(entry)) != (effect.entry.view, _step(effect.entry))
                ]
                self._records.append(effect.entry)
        for effect in effects:
            key = cast_key(effect)
            if key is not None:
                assert is_backed(effect, self._records), f"{effect} before its record"
                first = self.cast.setdefault((type(effect), *key), effect)
                assert first == effect, f"{first} and then {effect}"
                self._unreturned.append(effect)

    # --- how it is written ----------------------------------------------------------------------

    def _block(self, name: str) -> BlockId:
        block_id = made.block(name)
        self._names[block_id] = name
        return block_id

    def _proof(self, text: str | None, height: Height) -> Certificate | None:
        """`A@0` is proved by the lowest quorum of seats, `A@0/1+2+3` by these."""
        if not text:
            return None
        what, _, by = text.partition("/")
        name, _, place = what.partition("@")
        self._block(name)
        seats = [int(seat) for seat in by.split("+")] if by else made.seats_of_quorum(self._n)
        at, view = _place(place, height)
        return made.prepared(name, view=view, seats=seats, height=at)

    @property
    def _n(self) -> int:
        return self._start.validators

    def _change(self, text: str, height: Height, view: View) -> ViewChange:
        """`2` asks for the view, `2:A@0` with a claim; `2>3` asks for another place."""
        who, _, claim = text.partition(":")
        seat, _, other = who.partition(">")
        at, asked = _place(other, height) if other else (height, view)
        return made.view_change(int(seat), asked, self._proof(claim, height), height=at)

    def _effect(self, effect: Effect) -> str:
        match effect:
            case do.Persist(entry):
                return f"persist {self._record(entry)}"
            case do.CastPrePrepare(proposal):
                return f"cast {self._record(proposal)}"
            case do.CastPrepare(height, view, block_id):
                return f"cast prepare {self._at(height, view)} {self._name(block_id)}"
            case do.CastCommit(height, view, block_id):
                return f"cast commit {self._at(height, view)} {self._name(block_id)}"
            case do.CastViewChange(claim):
                return f"cast {self._record(claim)}"
            case do.Relay(link, message):
                return f"relay to={link} {self._message(message)}"
            case do.TellStatus(link, status):
                return f"status to={link or 'all'} {_told(status)}"
            case do.SendDecided(link, height):
                return f"send decided h={height} to={link}"
            case do.Behind(link, height):
                return f"behind {link} h={height}"
            case do.Fetch(block_id, seat):
                return f"fetch {self._name(block_id)} from={seat}"
            case do.After(delay_ms, event):
                return f"after {delay_ms} {_timed(event)}"
            case do.Build(height, view):
                return f"build {self._at(height, view)}"
            case do.Check(block_id, fresh_view):
                how = "proved" if fresh_view is None else f"fresh={fresh_view}"
                return f"check {self._name(block_id)} {how}"
            case do.Decide(certificate):
                return f"decide {self._certificate(certificate)}"
            case do.Equivocation(first, second):
                return f"equivocation: {self._message(first)} / {self._message(second)}"
            case do.Diverged(block_id):
                return f"diverged {self._name(block_id)}"

    def _record(self, entry: LogEntry) -> str:
        match entry:
            case Proposal() | PrePrepare():
                word = "pre-prepare" if isinstance(entry, Proposal) else "prepare"
                head = f"{word} {self._at(entry.height, entry.view)} {self._name(entry.block_id)}"
                return head + self._justification(entry)
            case Certificate():
                return f"commit {self._certificate(entry)}"
            case Claim():
                claim = "nothing"
                if entry.prepared is not None:
                    claim = f"{self._name(entry.prepared.block_id)}@{entry.prepared.view}"
                return f"view-change {self._at(entry.height, entry.view)} claims {claim}"

    def _justification(self, entry: Proposal | PrePrepare) -> str:
        said = ""
        if entry.view_changes:
            said += " asked by " + ",".join(self._asker(change) for change in entry.view_changes)
        if entry.prepared is not None:
            said += f" proof {self._name(entry.prepared.block_id)}@{entry.prepared.view}"
        return said

    def _asker(self, change: ViewChange) -> str:
        assert change.prepared is None, "a proposal carries its view changes stripped"
        if change.prepared_view == NO_VIEW:
            return str(change.seat)
        return f"{change.seat}:{self._name(change.prepared_id)}@{change.prepared_view}"

    def _certificate(self, certificate: Certificate) -> str:
        by = ",".join(str(seal.seat) for seal in certificate.seals)
        where = self._at(certificate.height, certificate.view)
        return f"{where} {self._name(certificate.block_id)} by {by}"

    def _message(self, message: Message) -> str:
        match message:
            case PrePrepare():
                where = self._at(message.height, message.view)
                return f"pre-prepare {where} {self._name(message.block_id)}" + (
                    self._justification(message)
                )
            case Prepare() | Commit():
                word = "prepare" if isinstance(message, Prepare) else "commit"
                where = self._at(message.height, message.view)
                return f"{word} {where} {self._name(message.block_id)} of {message.seat}"
            case ViewChange():
                claim = "nothing"
                if message.prepared is not None:
                    claim = f"{self._name(message.prepared_id)}@{message.prepared_view}"
                where = self._at(message.height, message.view)
                return f"view-change {where} of {message.seat} claims {claim}"
            case Status():
                return f"status {_told(message)}"

    def _name(self, block_id: BlockId) -> str:
        return self._names.get(block_id, block_id.hex())

    def _at(self, height: Height, view: View) -> str:
        return f"v={view}" if height == self._start.height else f"h={height} v={view}"


def cast_key(effect: Effect) -> tuple[Height, View] | None:
    """Where a cast speaks, or None for any other effect."""
    match effect:
        case do.CastPrePrepare(statement) | do.CastViewChange(statement):
            return statement.height, statement.view
        case do.CastPrepare(height, view) | do.CastCommit(height, view):
            return height, view
        case _:
            return None


def is_backed(effect: Effect, records: list[LogEntry]) -> bool:
    """Whether a record stands behind a cast (R35)."""
    match effect:
        case do.CastPrePrepare(proposal):
            return proposal in records
        case do.CastViewChange(claim):
            return claim in records
        case do.CastPrepare(height, view, block_id):
            kind: type[PrePrepare | Certificate] = PrePrepare
        case do.CastCommit(height, view, block_id):
            kind = Certificate
        case _:
            raise ValueError(f"{effect} is no cast")
    return any(
        isinstance(entry, kind)
        and (entry.height, entry.view, entry.block_id) == (height, view, block_id)
        for entry in records
    )


def returned(cast: Effect, seat: Seat) -> Event:
    """A cast, signed by its seat, as everybody receives it."""
    match cast:
        case do.CastPrePrepare(proposal):
            signed = made.signature(
                seat, "pre-prepare", proposal.height, proposal.view, proposal.block_id
            )
            message = PrePrepare(
                proposal.height,
                proposal.view,
                proposal.block_id,
                signed,
                proposal.view_changes,
                proposal.prepared,
            )
            return on.PrePrepareReceived(message, has_body=True)
        case do.CastPrepare(height, view, block_id):
            return on.PrepareReceived(made.prepare_of(seat, height, view, block_id))
        case do.CastCommit(height, view, block_id):
            return on.CommitReceived(made.commit_of(seat, height, view, block_id))
        case do.CastViewChange(claim):
            change = made.view_change(seat, claim.view, claim.prepared, height=claim.height)
            return on.ViewChangeReceived(change)
        case _:
            raise ValueError(f"{cast} is no cast")


def _step(entry: LogEntry) -> int:
    return STEPS.index(type(entry))


def _place(text: str, height: Height) -> tuple[int, int]:
    """`3` is view 3 of the height at hand, `2.3` view 3 of height 2."""
    named, dot, view = text.rpartition(".")
    return int(named) if dot else height, int(view)


Signed = TypeVar("Signed", PrePrepare, Prepare, Commit, ViewChange)


def _signed(message: Signed, options: Options) -> Signed:
    """As it was made, or under another valid signature of its author."""
    if "signed" not in options:
        return message
    other = made.signature(0, options["signed"], message.signature)
    return replace(message, signature=other)


def _seats(text: str) -> list[int]:
    return [int(seat) for seat in text.split(",") if seat]


def _status(height: Height, view: View, options: Options) -> Status:
    asked = [View(int(part)) for part in options.get("asked", "").split(",") if part]
    return Status(
        height=height,
        wish=view,
        entered=View(int(options.get("entered", view))),
        has_proposal="proposal" in options,
        prepares=bitmap({Seat(seat) for seat in _seats(options.get("prepares", ""))}),
        commits=bitmap({Seat(seat) for seat in _seats(options.get("commits", ""))}),
        view_changes=tuple(asked),
        newest_of_yours=None,
        signs=True,
    )


def _told(status: Status) -> str:
    prepares = ",".join(map(str, sorted(seats_of(status.prepares)))) or "none"
    commits = ",".join(map(str, sorted(seats_of(status.commits)))) or "none"
    asked = ",".join(map(str, status.view_changes))
    proposal = "has" if status.has_proposal else "lacks"
    return (
        f"wish={status.wish} entered={status.entered} {proposal} the proposal "
        f"prepares={prepares} commits={commits} asked={asked}"
    )


def _timed(event: on.Timed) -> str:
    match event:
        case on.IntervalOver():
            return "interval"
        case on.TimerFired(_, view):
            return f"timer v={view}"
        case on.ClaimTimedOut(_, view):
            return f"claim-timer v={view}"
