"""The agenda: what falls due by itself, at a time that a rule set (K8).

A rule schedules a duty. At the start of the first block whose time is not before the duty's, it is
done: in order of (due, id), at most AGENDA_DUTIES_MAX in one block, what is left in the next. Each
is all or nothing and leaves a receipt of its own; its entry is gone afterwards, whatever came of
it. So a duty falls due exactly once: the entry is in the state, and so in every snapshot.

A rule compares times itself and never waits for a duty: a block may be late, and full.

What falls due may schedule in its turn, but not for ever: what one transaction scheduled may set
off at most ECHOES_MAX duties without another transaction, in a chain or as a tree. Each entry
carries its share; a duty passes on what is left, in equal parts.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple, final

from msgspec import Struct, structs

from ledger.operation import Duty, Refusal, Refused
from ledger.state import Overlay, StateReader, Table
from primitives import kernel_limits
from primitives.codec import decode
from primitives.ids import Digest, Natural, Sized32, TimeMs


@final
class AgendaKey(Struct, array_like=True, frozen=True):
    """When, and which."""

    due_ms: Natural[TimeMs]
    id: Sized32[Digest]


@final
class AgendaRow(Struct, array_like=True, frozen=True):
    """The row of an entry: the duty as canonical bytes, and how many it may set off, itself one."""

    duty: bytes
    echoes: Natural[int]


def _key(key: AgendaKey) -> bytes:
    return key.due_ms.to_bytes(8, "big") + key.id


AGENDA: Final = Table[AgendaKey, AgendaRow](24, "agenda", _key, AgendaRow)


class Due(NamedTuple):
    """An entry whose time has come."""

    key: AgendaKey
    row: AgendaRow


class EchoesSpent(Refusal, tag="agenda.echoes_spent", frozen=True):
    """What a transaction scheduled set off {most} duties: another transaction must go on."""

    most: Natural[int]


class Failed(Refusal, tag="agenda.failed", frozen=True):
    """What fell due could not be done: its rule failed, which is a fault of the program."""


def due_by(state: StateReader, time_ms: TimeMs) -> Iterator[Due]:
    """What a block of this time does first. Costs what is due, however much is not."""
    for key, row in AGENDA.scan(state, limit=kernel_limits.AGENDA_DUTIES_MAX):
        due_ms = TimeMs(int.from_bytes(key[:8], "big"))
        if due_ms > time_ms:
            return
        yield Due(AgendaKey(due_ms, Digest(key[8:])), row)


def next_due(state: StateReader) -> TimeMs | None:
    """When the first entry falls due."""
    for key, _ in AGENDA.scan(state, limit=1):
        return TimeMs(int.from_bytes(key[:8], "big"))
    return None


def read_duty(data: bytes, kind: Any) -> Duty:  # noqa: ANN401 - a union
    """A duty that `Act.schedule` wrote; `kind` is the union of those that the chain knows."""
    duty: Duty = decode(data, kind, limit=kernel_limits.DUTY_BYTES_MAX)
    return duty


def share_echoes(state: Overlay, echoes: int, scheduled: Collection[AgendaKey]) -> None:
    """Pass on what a duty that was done leaves, to all that it scheduled.

    Raises:
        Refused: that is less than one each.
    """
    agenda = state[AGENDA]
    rows = {key: row for key in scheduled if (row := agenda.find(key)) is not None}
    if not rows:
        return
    share = (echoes - 1) // len(rows)
    if share == 0:
        raise Refused(EchoesSpent(kernel_limits.ECHOES_MAX))
    for key, row in rows.items():
        agenda[key] = structs.replace(row, echoes=share)
