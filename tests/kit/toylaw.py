"""A law of its own for tests of the machine: operations that keep, perform and schedule.

`Note` says a word; `Keep` judges calls as whoever keeps them does; `Perform` performs them, `Try`
lets them fail; `Later` schedules words, and what a word does when it is due stands in it.
"""

from typing import Any, Final, Union, final

from kit.ledger import account_id
from ledger.act import Act
from ledger.agenda import AGENDA
from ledger.calls import Calls, Law
from ledger.operation import Duty, Event, Operation, Refusal, code
from ledger.transaction import Call, Transaction
from primitives.codec import encode
from primitives.domains import Domain
from primitives.ids import AccountId, Digest, Sized32, TimeMs
from services.table import OPERATIONS


@final
class Noted(Event, tag="toy.noted", frozen=True):
    """{word} at {time_ms}, said by {actor}."""

    word: str
    time_ms: int
    actor: Sized32[AccountId]


@final
class Failed(Event, tag="toy.failed", frozen=True):
    """Kept calls were refused with {code}."""

    code: str


@final
class Made(Event, tag="toy.made", frozen=True):
    """There is {id}."""

    id: Sized32[Digest]


@final
class Never(Refusal, tag="toy.never", frozen=True):
    """{word} is never said."""

    word: str


@final
class Saying(Duty, tag="toy.saying", frozen=True):
    """Say the word; then schedule it again, or try calls in the name of the treasury."""

    word: str
    times: int
    each: int
    """Milliseconds until the next ones."""
    calls: Calls
    tries: int
    """How often the calls are tried."""

    def fall_due(self, act: Act) -> None:
        act.require(self.word != "never", Never(self.word))
        act.emit(Noted(self.word, act.time_ms, act.actor))
        assert self.word != "bug", "a rule that fails"
        for _ in range(self.times):
            act.schedule(TimeMs(act.time_ms + self.each), self)
        for _ in range(self.tries):
            refusal = act.attempt(self.calls, authority=frozenset((account_id("treasury"),)))
            if refusal is not None:
                act.emit(Failed(code(refusal)))


@final
class Note(Operation, tag="toy.note", frozen=True):
    """Say a word."""

    word: str

    def apply(self, act: Act) -> None:
        act.require(self.word != "never", Never(self.word))
        act.emit(Noted(self.word, act.time_ms, act.actor))


@final
class Shout(Operation, tag="toy.shout", frozen=True):
    """Say a word many times, then another once."""

    word: str
    times: int
    last: str

    def apply(self, act: Act) -> None:
        for word in (*(self.word for _ in range(self.times)), self.last):
            act.emit(Noted(word, act.time_ms, act.actor))


@final
class Make(Operation, tag="toy.make", frozen=True):
    """Make two ids."""

    def apply(self, act: Act) -> None:
        act.emit(Made(act.fresh_id(Domain.DUTY)))
        act.emit(Made(act.fresh_id(Domain.DUTY)))


@final
class Keep(Operation, tag="toy.keep", frozen=True):
    """Judge calls, and throw them away."""

    calls: Calls

    def apply(self, act: Act) -> None:
        act.read_calls(self.calls)


@final
class Perform(Operation, tag="toy.perform", frozen=True):
    """Perform calls with the authority of some accounts."""

    calls: Calls
    authority: tuple[Sized32[AccountId], ...]
    times: int

    def apply(self, act: Act) -> None:
        for _ in range(self.times):
            act.run(self.calls, authority=frozenset(self.authority))


@final
class Try(Operation, tag="toy.try", frozen=True):
    """Perform calls, or say why not."""

    calls: Calls
    authority: tuple[Sized32[AccountId], ...]

    def apply(self, act: Act) -> None:
        refusal = act.attempt(self.calls, authority=frozenset(self.authority))
        if refusal is not None:
            act.emit(Failed(code(refusal)))


@final
class Later(Operation, tag="toy.later", frozen=True):
    """Schedule a duty so many times."""

    due_ms: int
    duty: Saying
    times: int

    def apply(self, act: Act) -> None:
        for _ in range(self.times):
            act.schedule(TimeMs(self.due_ms), self.duty)


@final
class ChangeOfMind(Operation, tag="toy.change_of_mind", frozen=True):
    """Schedule a duty, and take it back."""

    due_ms: int

    def apply(self, act: Act) -> None:
        key = act.schedule(TimeMs(self.due_ms), Saying("taken back", 0, 0, b"", 0))
        assert key in act.state[AGENDA]
        act.unschedule(key)
        act.unschedule(key)
        assert key not in act.state[AGENDA]


_OWN: Final = (Note, Shout, Make, Keep, Perform, Try, Later, ChangeOfMind)
TOY: Final = Law(Union[(*OPERATIONS, *_OWN)], Saying)
TOY_TRANSACTION: Final[Any] = Transaction[TOY.operations]  # type: ignore[name-defined] # built at run time


def kept(*calls: tuple[AccountId, Operation]) -> bytes:
    """Calls as they are kept."""
    return encode(tuple(Call(actor, operation) for actor, operation in calls))
