"""The law of norms: what a norm binds is never done outside the time of a norm that binds it.

Norms are enacted for now and for later, amended, repealed, and what they bound is freed, in any
order; between it money is made and burnt. A model that keeps every version for ever says what is
lawful at each moment, and under which versions; the chain, which keeps one row for each operation,
must say the same, in receipts and in its answers about the past.
"""

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.governing import ISSUE, decide, governed, law
from kit.ledger import Chain, account_id
from ledger.norms import NORM_VERSIONS, ActedUnder, NoNormInForce
from ledger.operation import Operation
from ledger.query import Reading
from primitives.ids import TimeMs
from services.authority.norms import FreeOperation, NormsInForce, RepealNorm
from services.money import Issue, Retire

RETIRE = "money.retire"
SECOND = 1_000
norms = st.sampled_from(["law/1", "law/2", "decree/7"])
bound = st.sampled_from([(ISSUE,), (RETIRE,), (ISSUE, RETIRE), ()])
soon = st.none() | st.integers(-3, 8).map(lambda seconds: seconds * SECOND)


@dataclass(frozen=True)
class Version:
    """What the model knows of one version."""

    norm: str
    number: int
    begins: int
    ends: int | None
    binds: tuple[str, ...]

    def rules(self, time_ms: int) -> bool:
        return self.begins <= time_ms and (self.ends is None or time_ms < self.ends)

    def ended(self, at_ms: int) -> "Version":
        ends = max(self.begins, at_ms)
        return self if self.ends is not None and self.ends <= ends else replace(self, ends=ends)


class Norms(RuleBasedStateMachine):
    """A governor, and a treasury that wants to act."""

    chain: Chain

    @initialize()
    def begin(self) -> None:
        self.chain = governed()
        self.versions: list[Version] = []
        self.grounds: dict[str, set[tuple[str, int]]] = {}
        self.acts = 0
        self.seen: list[tuple[int, list[tuple[str, int]]]] = []

    @property
    def next_ms(self) -> int:
        return self.chain.time_ms + SECOND

    def of(self, norm: str) -> list[Version]:
        return [version for version in self.versions if version.norm == norm]

    @rule(norm=norms, binds=bound, begins=soon, ends=soon)
    def enact(
        self, norm: str, binds: tuple[str, ...], begins: int | None, ends: int | None
    ) -> None:
        now, before = self.next_ms, self.of(norm)
        from_ms = None if begins is None else now + begins
        until_ms = None if ends is None else now + ends
        in_force = max(from_ms or 0, now)
        waits = any(v.begins > now and v.rules(v.begins) for v in before)
        lasting = until_ms is None or until_ms > in_force

        operation = law(norm=norm, from_ms=from_ms, until_ms=until_ms, binds=binds)
        refusal = decide(self.chain, operation).refusal

        assert (refusal is None) == (lasting and not waits and not self.full(binds, now)), refusal
        if refusal is None:
            self.versions = [
                version.ended(in_force) if version.norm == norm else version
                for version in self.versions
            ]
            new = Version(norm, len(before) + 1, in_force, until_ms, binds)
            self.versions.append(new)
            for each in binds:
                self.grounds.setdefault(each, set()).add((norm, new.number))

    def full(self, binds: tuple[str, ...], now: int) -> bool:
        def count(each: str) -> int:
            known = self.grounds.get(each, set())
            live = [v for v in self.versions if v.ends is None or v.ends > now]
            return sum((v.norm, v.number) in known for v in live)

        return any(count(each) >= 8 for each in binds)

    @rule(norm=norms)
    def repeal(self, norm: str) -> None:
        now, before = self.next_ms, self.of(norm)
        lives = any(v.ends is None or v.ends > max(now, v.begins) for v in before[-1:])

        refusal = decide(self.chain, RepealNorm(norm)).refusal

        assert (refusal is None) == lives, refusal
        if refusal is None:
            self.versions = [v.ended(now) if v.norm == norm else v for v in self.versions]

    @rule(each=st.sampled_from([ISSUE, RETIRE]))
    def free(self, each: str) -> None:
        refusal = decide(self.chain, FreeOperation(each)).refusal

        assert (refusal is None) == (each in self.grounds)
        self.grounds.pop(each, None)

    @rule(each=st.sampled_from([ISSUE, RETIRE]), times=st.integers(1, 3))
    def act(self, each: str, times: int) -> None:
        for _ in range(times):
            self.acts += 1
            now, reference = self.next_ms, f"act {self.acts}"
            operation: Operation = (
                Issue("GBP", account_id("works"), 1, reference)
                if each == ISSUE
                else Retire("GBP", 1, reference)
            )
            expected = {
                (v.norm, v.number)
                for v in self.versions
                if v.rules(now) and (v.norm, v.number) in self.grounds.get(each, set())
            }

            (receipt,) = self.chain.block(self.chain.act("treasury", operation))

            under = [event for event in receipt.events if isinstance(event, ActedUnder)]
            if each in self.grounds and not expected:
                assert receipt.refusal == NoNormInForce(each, TimeMs(now))
                assert receipt.events == ()
            else:
                assert receipt.refusal is None
                assert {(event.norm, event.version) for event in under} == expected
                assert {event.operation for event in under} <= {each}
            self.seen.append((now, self.in_force(now)))

    def in_force(self, at_ms: int) -> list[tuple[str, int]]:
        return sorted((v.norm, v.number) for v in self.versions if v.rules(at_ms))

    @invariant()
    def what_was_in_force_stays_so(self) -> None:
        """The answer about a time that is past never changes."""
        for at_ms, expected in self.seen[-3:]:
            query = NormsInForce(at_ms=TimeMs(at_ms), after=None, limit=None)
            rows = query.answer(Reading(self.chain.state, self.chain.time_ms)).rows
            assert [(row.norm, row.version) for row in rows] == expected

    @invariant()
    def every_version_is_kept(self) -> None:
        rows = list(NORM_VERSIONS.scan(self.chain.state, limit=999))
        assert len(rows) == len(self.versions)


TestNorms = Norms.TestCase
TestNorms.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
