"""The laws of K1, whatever is done in whatever order.

1. Nobody ever holds two incompatible roles for one account, and nobody too many hold one.
2. A delegated key never spends more than it may, however calls, keys and blocks interleave.
3. Whoever changes an account's keys, they reach its threshold: they have shown it.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.actors import give, new_role
from kit.ledger import GBP, Chain, account_id, genesis_account, genesis_document, key, pay
from ledger.accounts import ACCOUNTS, Keys, WeightedKey, weight_of
from ledger.delegations import Allowance
from ledger.operation import Operation
from ledger.receipt import Outcome
from ledger.roles import HELD_ROLES, ROLE_COUNTS, ROLES, RoleKey, held_key
from primitives import kernel_limits
from primitives.errors import Rejected
from primitives.ids import AccountId, PublicKey, TimeMs
from services.authority.accounts import RotateKeys
from services.authority.delegations import DelegateKey
from services.authority.recoveries import (
    ApproveRecovery,
    EndRecovery,
    FinishRecovery,
    NameGuardians,
    OpenRecovery,
)
from services.authority.roles import ResignRole, RevokeRole

SETTINGS = settings(max_examples=20, stateful_step_count=30, deadline=None)
DAY = 86_400_000


def applied(chain: Chain, calls: list[tuple[str, Operation]], *signers: str) -> bool:
    """Whether a transaction stands, in a block of its own."""
    run = chain.run()
    tx = chain.check(chain.body(*calls), *signers)
    try:
        run.admit(tx)
        outcome = run.apply(tx).outcome
    except Rejected:
        return False
    chain.state.commit(run.finish())
    chain.time_ms = TimeMs(chain.time_ms + 1_000)
    return outcome is Outcome.APPLIED


PEOPLE = ("health", "works", "notary")
SCOPES = (None, account_id("health"), account_id("works"))
AGAINST = {"payer": {"auditor"}, "auditor": {"payer", "certifier"}, "certifier": {"auditor"}}
people, scopes = st.sampled_from(PEOPLE), st.sampled_from(SCOPES)
codes = st.sampled_from(sorted(AGAINST))


class Duties(RuleBasedStateMachine):
    """Grants come, go and end; the model counts what was said yes to."""

    @initialize()
    def begin(self) -> None:
        self.chain = Chain.begin()
        self.held: dict[RoleKey, TimeMs | None] = {}
        for role in (
            new_role("payer"),
            new_role("auditor", incompatible=("payer",), max_holders=1),
            new_role("certifier", incompatible=("auditor",), max_term_ms=3 * DAY),
        ):
            assert applied(self.chain, [("registrar", role)], "registrar")

    @rule(role=codes, scope=scopes, holder=people, days=st.none() | st.integers(0, 4))
    def granted(self, role: str, scope: AccountId | None, holder: str, days: int | None) -> None:
        """For some days, or without an end."""
        until = None if days is None else TimeMs(self.chain.time_ms + days * DAY)
        grant = give(role, scope, account_id(holder), until)
        if applied(self.chain, [("registrar", grant)], "registrar"):
            self.held[RoleKey(role, scope, account_id(holder))] = until

    @rule(role=codes, scope=scopes, holder=people, resigns=st.booleans())
    def taken(self, role: str, scope: AccountId | None, holder: str, resigns: bool) -> None:  # noqa: FBT001
        """By the registrar, or given back."""
        by = holder if resigns else "registrar"
        end: Operation = RevokeRole(role, scope, account_id(holder))
        if resigns:
            end = ResignRole(role, scope)
        if applied(self.chain, [(by, end)], by):
            del self.held[RoleKey(role, scope, account_id(holder))]

    @rule(hours=st.sampled_from((1, 23, 24, 72)))
    def waited(self, hours: int) -> None:
        """Then what is due is done."""
        self.chain.time_ms = TimeMs(self.chain.time_ms + hours * 3_600_000 - 1_000)
        self.chain.block()

    @invariant()
    def separated(self) -> None:
        """The rows are what the model says, and no two of them exclude each other."""
        state, now = self.chain.state, self.chain.time_ms
        held = {k for k, until in self.held.items() if until is None or until > now}
        self.held = {each: self.held[each] for each in held}
        index = {held_key(data) for data, _ in HELD_ROLES.scan(state, limit=999)}
        assert {each for each in index if each.role in AGAINST} == held
        for one in held:
            assert ROLES.read(state, one) is not None
            for other in held:
                meet = one.scope == other.scope or None in (one.scope, other.scope)
                same = one.holder == other.holder
                assert not (meet and same and other.role in AGAINST[one.role])
        for scope in SCOPES:
            assert sum(each.role == "auditor" and each.scope == scope for each in held) <= 1
        counts = sum(row.grants for _, row in ROLE_COUNTS.scan(state, limit=999))
        assert counts == 2 * len(index)


TestDuties = Duties.TestCase
TestDuties.settings = SETTINGS

PERIOD = 5_000
amounts = st.integers(1, 60)
signing = st.sampled_from(("till", "desk", "treasury"))


class Till(RuleBasedStateMachine):
    """A key with an allowance, another one beside it, and the account itself, all at once."""

    @initialize()
    def begin(self) -> None:
        self.chain = Chain.begin()
        self.numbers = 0
        self.spent: list[tuple[TimeMs, int]] = []
        self.anew()

    def anew(self) -> None:
        for name in ("till", "desk"):
            assert applied(self.chain, [("treasury", self.mandate(name))], "treasury")

    def mandate(self, name: str) -> DelegateKey:
        allowance = Allowance(GBP, per_act=50, per_period=100, period_ms=PERIOD)
        until = TimeMs(self.chain.time_ms + 1_000 * DAY)
        return DelegateKey(key(name).public, ("money.transfer",), (allowance,), None, until)

    def payment(self, amount: int) -> Operation:
        self.numbers += 1
        return pay("health", amount, f"INV-{self.numbers}")

    @rule(
        copies=st.lists(
            st.tuples(
                st.sampled_from(("till", "desk", "treasury")),
                st.lists(amounts, min_size=1, max_size=3),
            ),
            min_size=1,
            max_size=4,
        )
    )
    def paid(self, copies: list[tuple[str, list[int]]]) -> None:
        """Several transactions of several calls in one block, by whoever."""
        run = self.chain.run()
        for signer, parts in copies:
            calls = [("treasury", self.payment(part)) for part in parts]
            tx = self.chain.check(self.chain.body(*calls), signer)
            try:
                run.admit(tx)
                stands = run.apply(tx).outcome is Outcome.APPLIED
            except Rejected:
                continue
            if stands and signer == "till":
                when = TimeMs(self.chain.time_ms + 1_000)
                self.spent += [(when, part) for part in parts]
        self.chain.state.commit(run.finish())
        self.chain.time_ms = TimeMs(self.chain.time_ms + 1_000)

    @rule()
    def delegated_again(self) -> None:
        """The same to the same keys: that is no way to a new allowance."""
        self.anew()

    @rule(ms=st.sampled_from((0, 1_000, 3_000, PERIOD)))
    def waited(self, ms: int) -> None:
        """Some of a period, or all of it."""
        self.chain.time_ms = TimeMs(self.chain.time_ms + ms)

    @invariant()
    def within_its_limits(self) -> None:
        """In any stretch of time: no more periods began than fit into it, and one before."""
        for at, (begun, _) in enumerate(self.spent):
            for last in range(at, len(self.spent)):
                stretch = self.spent[at : last + 1]
                periods = (0 if at == 0 else 1) + 1 + (stretch[-1][0] - begun) // PERIOD
                assert sum(amount for _, amount in stretch) <= 100 * periods


TestTill = Till.TestCase
TestTill.settings = SETTINGS

HELD = ("a", "b", "c", "d")
subsets = st.lists(st.sampled_from(HELD), min_size=1, max_size=3, unique=True)
hands = st.lists(st.sampled_from(HELD), max_size=3, unique=True)
guardians = st.sampled_from(("mum", "dad"))


class Locks(RuleBasedStateMachine):
    """Keys of an account change by every way there is, signed by whoever is at hand."""

    @initialize()
    def begin(self) -> None:
        people = [genesis_account(name) for name in ("alice", "mum", "dad")]
        self.chain = Chain.begin(genesis_document(accounts=people))
        self.shown: frozenset[PublicKey] = frozenset({key("alice").public})
        self.changed = 0
        self.named()

    def keys(self, names: list[str]) -> Keys:
        return tuple(WeightedKey(key(name).public, 1) for name in names)

    def owner(self) -> list[str]:
        """Names of the keys that act for the account and have shown it."""
        row = ACCOUNTS.read(self.chain.state, account_id("alice"))
        assert row is not None
        keys = {entry.key for entry in row.keys} & self.shown
        return [name for name in ("alice", *HELD) if key(name).public in keys]

    def changes(self, calls: list[tuple[str, Operation]], *signers: str) -> None:
        if applied(self.chain, calls, *signers):
            self.shown = frozenset(key(name).public for name in signers)
            self.changed = self.chain.state.height

    @rule()
    def named(self) -> None:
        """Both guardians must agree."""
        plan = NameGuardians(
            (account_id("mum"), account_id("dad")), 2, kernel_limits.RECOVERY_DELAY_MS_MIN
        )
        assert applied(self.chain, [("alice", plan)], *self.owner())

    @rule(names=subsets, threshold=st.integers(0, 4), signers=hands)
    def rotated(self, names: list[str], threshold: int, signers: list[str]) -> None:
        """With some of the new keys at hand, or with none."""
        by = sorted({*self.owner(), *signers})
        self.changes([("alice", RotateKeys(threshold, self.keys(names)))], *by)

    @rule(names=subsets, by=guardians, approves=guardians, threshold=st.integers(1, 2))
    def agreed(self, names: list[str], by: str, approves: str, threshold: int) -> None:
        """A guardian opens a recovery, the other one or the same approves it."""
        alice, opener = account_id("alice"), account_id(by)
        keys = self.keys(names)
        applied(self.chain, [(by, OpenRecovery(alice, threshold, keys))], by)
        approval = ApproveRecovery(alice, opener, threshold, keys)
        applied(self.chain, [(approves, approval)], approves)

    @rule(by=guardians, names=hands)
    def finished(self, by: str, names: list[str]) -> None:
        """With whatever keys are at hand."""
        finish = FinishRecovery(account_id("alice"), account_id(by))
        self.changes([("works", finish)], "works", *names)

    @rule(by=guardians)
    def ended(self, by: str) -> None:
        """The account objects."""
        end = EndRecovery(account_id("alice"), account_id(by))
        applied(self.chain, [("alice", end)], *self.owner())

    @rule(days=st.sampled_from((1, 3, 40)))
    def waited(self, days: int) -> None:
        """Too short, long enough, too long."""
        self.chain.time_ms = TimeMs(self.chain.time_ms + days * DAY)

    @invariant()
    def within_reach(self) -> None:
        """The keys that signed for the change reach the threshold, and nothing else changed it."""
        row = ACCOUNTS.read(self.chain.state, account_id("alice"))
        assert row is not None
        assert 1 <= row.threshold <= weight_of(row, self.shown)
        assert row.changed == self.changed


TestLocks = Locks.TestCase
TestLocks.settings = SETTINGS
