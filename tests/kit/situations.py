"""Facts of a moment, written down: a healthy network of ministries, and what befalls it.

situation = Situation(4)
situation.loses("Justice", after_ms=60_000, trouble=Trouble.DOWN)
situation.waits(prepares=(0, 1))
diagnose(situation.facts)
"""

from __future__ import annotations

from hashlib import sha256
from typing import final

from hypothesis import strategies as st
from msgspec.structs import replace

from kit.certified import named_digest
from node.about import About
from node.facts import Decision, Facts, Finality, Machine, Rules, Seen, Step, Trouble, Word
from node.standing import SigningState, SigningStatus
from node.status import NodeRole
from primitives.ids import (
    NO_VIEW,
    BlockId,
    ChainId,
    Digest,
    Height,
    Seat,
    TimeMs,
    ValidatorKey,
    View,
)

MINISTRIES = ("Finance", "Interior", "Justice", "Health", "Labour", "Energy", "Culture")
NOW = TimeMs(1_790_000_000_000 // 86_400_000 * 86_400_000 + 2 * 3_600_000)
"""At two in the night, UTC."""
HEIGHT = Height(1203)
VERSION = "0.6.0"
ABOUT = About(
    version=VERSION,
    parameters=Digest(named_digest("parameters")),
    validators=Digest(named_digest("validators")),
    height=HEIGHT,
    view=View(2),
    standing="signing",
    disk_low=False,
    waiting=12,
    reaches=b"\x07",
    clock_ms=NOW,
    up_ms=60_000,
)
SIGNING = SigningStatus(
    state=SigningState.SIGNING, reason=None, since_ms=None, answered=3, needed=2, sign_from=None
)


def healthy(height: Height, block_id: BlockId) -> Facts:
    """Of four, all are at work, and this block came a moment ago."""
    made = Situation(4).alter(height=height, block_id=block_id)
    for name in MINISTRIES[1:4]:
        made.word(name, height=height)
    return made.facts


@final
class Situation:
    """Seen from the node of one seat; from an observer where `seat` is None."""

    def __init__(self, validators: int = 4, *, seat: int | None = 0) -> None:
        everybody = tuple(Seat(number) for number in range(validators))
        self.facts = Facts(
            now_ms=NOW,
            name="observer0" if seat is None else MINISTRIES[seat],
            network="Republic",
            chain=ChainId(bytes(32)),
            role=NodeRole.OBSERVER if seat is None else NodeRole.VALIDATOR,
            seat=None if seat is None else Seat(seat),
            height=HEIGHT,
            block_id=BlockId(bytes(32)),
            block_time_ms=TimeMs(NOW - 400),
            block_ms=400,
            halted=None,
            signing=None if seat is None else SIGNING,
            rules=Rules(t0_ms=1_000, tmax_ms=10_000, heartbeat_ms=60_000, drift_ms=500),
            sync=None,
            step=Step(
                wish=View(0),
                entered=View(0),
                has_proposal=False,
                has_body=False,
                refused=False,
                accepted=False,
                prepares=(),
                commits=(),
                views=(View(0),) * validators,
                for_ms=300,
                work_ms=300,
                timeout_ms=1_000,
            ),
            validators=tuple(_seen(number, everybody, seat) for number in everybody),
            decisions=tuple(
                decided(HEIGHT - age, age_ms=400 + 1_000 * age) for age in range(9, -1, -1)
            ),
            finality=Finality(count=100, median_ms=210, longest_ms=900),
            machine=Machine(
                version=VERSION,
                up_ms=86_400_000,
                lag_ms=3,
                disk_free_bytes=40 << 30,
                mempool=12,
                mempool_bytes=4_000,
                clock_ahead_ms=None,
            ),
        )

    def alter(self, **changed: object) -> Situation:
        """Other facts."""
        self.facts = replace(self.facts, **changed)
        return self

    def machine(self, **changed: object) -> Situation:
        """About our own machine."""
        return self.alter(machine=replace(self.facts.machine, **changed))

    def step(self, **changed: object) -> Situation:
        """About the height at hand."""
        return self.alter(step=replace(self.facts.step, **changed))

    def one(self, name: str, **changed: object) -> Situation:
        """About a validator."""
        validators = self.facts.validators
        return self.alter(
            validators=tuple(replace(v, **changed) if v.name == name else v for v in validators)
        )

    def word(self, name: str, **changed: object) -> Situation:
        """About what it says of itself."""
        [word] = [v.word for v in self.facts.validators if v.name == name]
        assert word is not None
        return self.one(name, word=replace(word, **changed))

    def loses(
        self, *names: str, after_ms: int = 60_000, trouble: Trouble = Trouble.DOWN
    ) -> Situation:
        """Their links broke so long ago, nothing came since, and the others lost them as well."""
        gone = {v.seat for v in self.facts.validators if v.name in names}
        for validator in self.facts.validators:
            if validator.name in names:
                self.one(
                    validator.name,
                    linked=False,
                    turned_ms=after_ms,
                    heard_ms=after_ms + 1_000,
                    signed_ms=after_ms + 1_000,
                    trouble=trouble,
                    error=f"10.0.0.{validator.seat}:17000: {trouble.value}",
                )
            elif validator.word is not None and validator.word.reaches is not None:
                left = tuple(seat for seat in validator.word.reaches if seat not in gone)
                self.word(validator.name, reaches=left)
        return self

    def waits(self, for_ms: int = 60_000, **changed: object) -> Situation:
        """The height takes so long."""
        self.alter(block_ms=for_ms + 200)
        return self.step(work_ms=for_ms, for_ms=for_ms, **changed)

    def rests(self, block_ms: int = 20_000) -> Situation:
        """There is nothing to decide."""
        self.alter(block_ms=block_ms).machine(mempool=0, mempool_bytes=0)
        return self.step(work_ms=None, entered=NO_VIEW, for_ms=block_ms)


def decided(height: int, *, age_ms: int, view: int = 0) -> Decision:
    """By those who vote now."""
    return Decision(height=Height(height), view=View(view), same_validators=True, age_ms=age_ms)


def _seen(number: int, everybody: tuple[Seat, ...], own: int | None) -> Seen:
    is_self = number == own
    word = Word(
        age_ms=2_000,
        version=VERSION,
        same_parameters=True,
        height=HEIGHT,
        behind=0,
        view=View(0),
        standing=SigningState.SIGNING.value,
        disk_low=False,
        waiting=12,
        reaches=everybody,
        clock_ahead_ms=-3,
        up_ms=86_400_000,
    )
    return Seen(
        name=MINISTRIES[number],
        key=ValidatorKey(sha256(b"%d" % number).digest()),
        seat=Seat(number),
        is_self=is_self,
        suspended=False,
        linked=not is_self,
        turned_ms=None if is_self else 80_000_000,
        heard_ms=None if is_self else 200,
        trouble=Trouble.NONE,
        error="",
        signed_ms=500,
        signs=True,
        certified=HEIGHT,
        word=None if is_self else word,
    )


# --- any situation -------------------------------------------------------------------------------

_AGES = st.sampled_from([0, 400, 2_500, 5_000, 5_001, 12_000, 12_001, 29_000, 31_000, 10**7])
_SOME_AGES = st.none() | _AGES
_VIEWS = st.sampled_from([View(0), View(1), View(2), View(7)])


@st.composite
def situations(draw: st.DrawFn) -> Facts:
    """Anything that a node may see, consistent or not."""
    count = draw(st.integers(1, 7))
    made = Situation(count, seat=draw(st.none() | st.integers(0, count - 1)))
    seats = st.lists(st.integers(0, count - 1), unique=True).map(sorted).map(tuple)
    for validator in made.facts.validators:
        made.one(
            validator.name,
            linked=draw(st.booleans()) and not validator.is_self,
            turned_ms=draw(_SOME_AGES),
            heard_ms=draw(_SOME_AGES),
            signed_ms=draw(_SOME_AGES),
            suspended=draw(st.booleans()),
            signs=draw(st.sampled_from([None, True, False])),
            trouble=draw(st.sampled_from(Trouble)),
        )
        if validator.word is not None and draw(st.booleans()):
            made.one(validator.name, word=None)
        elif validator.word is not None:
            made.word(
                validator.name,
                age_ms=draw(_AGES),
                same_parameters=draw(st.sampled_from([None, True, False])),
                behind=draw(st.integers(-9, 9)),
                height=Height(draw(st.integers(1190, 1220))),
                standing=draw(
                    st.sampled_from([*(state.value for state in SigningState), "halted", "new"])
                ),
                disk_low=draw(st.booleans()),
                reaches=draw(st.none() | seats),
                clock_ahead_ms=draw(st.sampled_from([None, -600, 0, 20, 7_200_000])),
            )
    made.step(
        wish=draw(_VIEWS),
        entered=draw(_VIEWS | st.just(NO_VIEW)),
        has_proposal=draw(st.booleans()),
        has_body=draw(st.booleans()),
        refused=draw(st.booleans()),
        prepares=draw(seats),
        commits=draw(seats),
        views=tuple(draw(_VIEWS) for _ in range(count)),
        for_ms=draw(_AGES),
        work_ms=draw(_SOME_AGES),
    )
    made.machine(lag_ms=draw(_AGES), mempool=draw(st.sampled_from([0, 50_000])))
    return made.alter(block_ms=draw(_SOME_AGES), halted=draw(st.none() | st.just("bad"))).facts
