"""The law of parameters: none ever changes without a motion that the governor's members passed.

Members open motions that would change parameters, vote, vote again and against; everybody tries to
change them directly, in the governor's name too. A model that knows charter and votes, and no
tallies, says which motions passed; parameters must be those of genesis with these changes, made in
the order in which the motions were carried out, and with no other.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from kit.governing import GOVERNOR, TEXT, Decree, calls_of, governed
from kit.ledger import Chain
from ledger.motions import Option
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, ParameterChange, ParameterName, Parameters, parameters
from primitives.errors import Rejected
from primitives.ids import TimeMs
from services.assembly import MotionOpened, OpenMotion, Vote
from services.authority.parameters import SetParameters

MEMBERS = 4
SECOND = 1_000
members = st.integers(0, MEMBERS - 1)
values = st.sampled_from(
    [
        (ParameterName.HEARTBEAT_MS, 30_000),
        (ParameterName.HEARTBEAT_MS, 45_000),
        (ParameterName.WINDOW_MS, 61_000),
        (ParameterName.T0_MS, 2_000),
        (ParameterName.TMAX_MS, 1_500),
    ]
)


@dataclass
class Asked:
    """A motion, as its voters know it."""

    motion: bytes
    closes: int
    change: tuple[ParameterName, int]
    votes: dict[int, str] = field(default_factory=dict)

    def passes(self) -> bool:
        """Half of the members at least take part, and more than half of the votes are for it."""
        said = list(self.votes.values())
        return 2 * len(said) >= MEMBERS and 2 * said.count("yes") > len(said)


class ParametersLaw(RuleBasedStateMachine):
    """A network of four members, and whoever would like to rule it alone."""

    chain: Chain

    @initialize()
    def begin(self) -> None:
        self.chain = governed()
        self.asked: list[Asked] = []
        self.expected = DEFAULTS

    def block(self, *transactions: tuple[str, Operation]) -> list[object]:
        """A block; what was due before it comes first, so the model does that first too."""
        now = self.chain.time_ms + SECOND
        for each in [each for each in self.asked if each.closes + SECOND <= now]:
            self.asked.remove(each)
            if each.passes():
                self.expected = changed(self.expected, each.change)
        return list(self.chain.block(*(self.chain.act(who, what) for who, what in transactions)))

    @precondition(lambda self: len(self.asked) < 3)
    @rule(by=members, change=values, seconds=st.integers(1, 4))
    def open(self, by: int, change: tuple[ParameterName, int], seconds: int) -> None:
        closes = self.chain.time_ms + SECOND + seconds * SECOND
        if closes in [each.closes for each in self.asked]:
            return  # what closes at one time is carried out in the order of ids
        calls = calls_of(GOVERNOR, SetParameters((ParameterChange(*change),)))
        options = (Option("yes", calls),)
        opening = OpenMotion(GOVERNOR, "ordinary", TEXT, options, TimeMs(closes))

        (receipt,) = self.block((f"body {by}", opening))

        assert receipt.refusal is None, receipt.refusal  # type: ignore[attr-defined] # a receipt
        for event in receipt.events:  # type: ignore[attr-defined] # a receipt
            if isinstance(event, MotionOpened):
                self.asked.append(Asked(event.motion, closes, change))

    @precondition(lambda self: bool(self.asked))
    @rule(who=members, which=st.integers(0, 2), choice=st.sampled_from(["yes", "yes", "against"]))
    def vote(self, who: int, which: int, choice: str) -> None:
        one = self.asked[which % len(self.asked)]
        in_time = self.chain.time_ms + SECOND < one.closes

        (receipt,) = self.block((f"body {who}", Vote(one.motion, choice)))  # type: ignore[arg-type] # an id

        assert (receipt.refusal is None) == in_time, receipt.refusal  # type: ignore[attr-defined] # a receipt
        if in_time:
            one.votes[who] = choice

    @rule(who=st.sampled_from(["registrar", "treasury", "body 0", "body 1"]), change=values)
    def usurp(self, who: str, change: tuple[ParameterName, int]) -> None:
        (receipt,) = self.block((who, SetParameters((ParameterChange(*change),))))

        assert receipt.refusal is not None  # type: ignore[attr-defined] # a receipt

    @rule(change=values)
    def act_in_the_name_of_the_governor(self, change: tuple[ParameterName, int]) -> None:
        body = self.chain.body(("governor", SetParameters((ParameterChange(*change),))))
        tx = self.chain.check(body, "body 0", "body 1", "body 2", "body 3")
        run = self.chain.run()
        run.admit(tx)
        with pytest.raises(Rejected):
            run.apply(tx)

    @rule()
    def wait(self) -> None:
        self.block()

    @invariant()
    def nothing_else_changed_them(self) -> None:
        assert parameters(self.chain.state) == self.expected

    @invariant()
    def the_next_block_goes_by_them(self) -> None:
        far = self.expected.window_ms + SECOND + 1
        tx = self.chain.check(
            self.chain.body(("works", Decree(GOVERNOR, b"")), valid_for_ms=far), "works"
        )
        with pytest.raises(Rejected, match="at most"):
            self.chain.run().admit(tx)


def changed(before: Parameters, change: tuple[ParameterName, int]) -> Parameters:
    """What a change makes of them; one that contradicts the others makes nothing."""
    after = replace(before, **{change[0].value: change[1]})
    lawful = after.t0_ms <= after.tmax_ms and after.minimum_interval_ms <= after.heartbeat_ms
    return after if lawful else before


TestParameters = ParametersLaw.TestCase
TestParameters.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
