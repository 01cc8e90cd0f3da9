"""The law of K8: a duty falls due exactly once, in the first block that may do it, in order.

Whatever else happens: blocks early and late, duties taken back, more of them than a block does, and
a state that was carried elsewhere as a snapshot or read again after a restart.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.ledger import Chain, MemoryState
from kit.toylaw import TOY, TOY_TRANSACTION, Later, Noted, Saying
from ledger import tree
from ledger.agenda import AGENDA
from ledger.receipt import Outcome
from primitives.ids import Height, TimeMs
from primitives.kernel_limits import AGENDA_DUTIES_MAX

SETTINGS = settings(max_examples=25, stateful_step_count=25, deadline=None)


class Agenda(RuleBasedStateMachine):
    """A model that knows every word that is to be said, and when at the earliest."""

    @initialize()
    def begin(self) -> None:
        self.chain = Chain.begin()
        self.chain.law, self.chain.kind = TOY, TOY_TRANSACTION
        self.to_say = Counter[str]()
        self.earliest: dict[str, int] = {}
        self.words = 0

    def _block(self, after_ms: int, *operations: Later) -> None:
        self.chain.time_ms = TimeMs(self.chain.time_ms + after_ms - 1_000)
        acts = [self.chain.act("works", operation) for operation in operations]
        receipts = self.chain.block(*acts)
        assert all(receipt.outcome is Outcome.APPLIED for receipt in receipts)
        said = [
            event
            for receipt in self.chain.done
            for event in receipt.events
            if isinstance(event, Noted)
        ]
        now = self.chain.time_ms
        due = [word for word in self.to_say.elements() if self.earliest[word] <= now]
        done = [event.word for event in said]
        assert len(done) == min(len(due), AGENDA_DUTIES_MAX)
        # Of one time, the ids decide; between times, the earlier one comes first.
        assert [self.earliest[word] for word in done] == sorted(
            self.earliest[word] for word in due
        )[:AGENDA_DUTIES_MAX]
        assert all(event.time_ms == now for event in said)
        self.to_say.subtract(done)
        assert min(self.to_say.values(), default=0) >= 0
        for operation in operations:
            self.earliest[operation.duty.word] = max(operation.due_ms, now + 1)
            self.to_say[operation.duty.word] = operation.times

    @rule(
        delays=st.lists(st.integers(-2_000, 9_000), max_size=4),
        times=st.sampled_from([1, 1, 2, 300]),
        after_ms=st.integers(1, 4_000),
    )
    def schedule(self, delays: list[int], times: int, after_ms: int) -> None:
        """Some of them at once, some many times."""
        operations = []
        for delay in delays:
            self.words += 1
            duty = Saying(f"word {self.words}", 0, 0, b"", 0)
            operations.append(Later(self.chain.time_ms + after_ms + delay, duty, times))
        self._block(after_ms, *operations)

    @rule(after_ms=st.integers(1, 20_000))
    def wait(self, after_ms: int) -> None:
        self._block(after_ms)

    @rule()
    def carry_elsewhere(self) -> None:
        """All that a snapshot has are the entries; the tree is made again from them."""
        before = self.chain.state
        carried = MemoryState(self.chain.genesis)
        carried.rows, carried.ids = dict(before.rows), set(before.ids)
        carried.order, carried.height = sorted(before.rows), before.height
        made = tree.update(lambda _: None, Height(0), dict(before.rows))
        assert made.root == before.root
        carried.nodes, carried.root = dict(before.nodes), before.root
        self.chain.state = carried

    @invariant()
    def the_agenda_holds_what_is_to_come(self) -> None:
        if hasattr(self, "chain"):
            entries = AGENDA.scan(self.chain.state, limit=10_000)
            times = [int.from_bytes(key[:8], "big") for key, _ in entries]
            assert times == sorted(self.earliest[word] for word in self.to_say.elements())


TestAgenda = Agenda.TestCase
TestAgenda.settings = SETTINGS
