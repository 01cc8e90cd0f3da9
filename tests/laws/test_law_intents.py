"""The law of intents: the calls of an intent run at most once, and only with consent that stands.

Any interleaving of approvals, refusals, cancelling, time, changes of keys and of roles, also two of
them in one block. What should happen is told by a model that knows no rule of ours: it tries every
order of those who approve. How often the calls ran is counted from what they leave behind.
"""

from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kit.intents import asks, intent_of
from kit.ledger import Chain, account_id, genesis_account, genesis_document, key
from kit.policies import all_of, either, holders, signers, way
from kit.records import define
from ledger.accounts import AccountKind, WeightedKey
from ledger.intents import TERMS, IntentStatus
from ledger.kinds import PerSubject
from ledger.operation import Operation
from ledger.policy import Policy, Signers
from ledger.receipt import Outcome
from ledger.records import RECORDS, RecordKey
from ledger.worklist import WORKLIST, Place, Task, desk_of_account
from primitives.ids import Digest, TimeMs
from services.authority.accounts import RotateKeys
from services.authority.roles import GrantRole, RevokeRole
from services.consent import ApproveIntent, CancelIntent, IntentOpened, RefuseIntent
from services.registry.records import IssueRecord

PEOPLE = ("amina", "bilal", "chen")
POLICIES = (
    all_of("amina", "bilal"),
    way(signers(2, *PEOPLE)),
    way(holders(2, "notary")),
    either(all_of("chen"), way(signers(1, "amina"), holders(1, "notary"))),
)
RECORD = "done.once"


@dataclass
class Told:
    """What the model knows of an intent."""

    number: int
    opener: str
    policy: Policy
    expires_ms: int
    status: IntentStatus = IntentStatus.OPEN
    answers: dict[str, tuple[bool, int]] = field(default_factory=dict)
    """Who approved (or refused), and the number of the keys that said so."""


class Consents(RuleBasedStateMachine):
    """A chain, and what must be true of its intents."""

    @initialize()
    def found(self) -> None:
        people = [genesis_account(name, kind=AccountKind.PERSON) for name in PEOPLE]
        self.chain = Chain.begin(genesis_document(accounts=people))
        self.told: dict[Digest, Told] = {}
        self.keys = dict.fromkeys(PEOPLE, 0)
        self.notaries = {"amina"}
        many = define(RECORD, per_subject=PerSubject.MANY)
        self.block(("registrar", many, ()), ("registrar", grant("amina"), ()))
        for policy in POLICIES:
            self.open_one("amina", policy, 60_000)

    def signer(self, name: str) -> str:
        number = self.keys.get(name, 0)
        return name if number == 0 else f"{name} {number}"

    def block(self, *said: tuple[str, Operation, tuple[str, ...]]) -> list[Any]:
        """Each operation in a transaction of its own, all in one block; the receipts."""
        transactions = [
            self.chain.check(self.chain.body((actor, operation)), *(by or (self.signer(actor),)))
            for actor, operation, by in said
        ]
        return self.chain.block(*transactions)

    def newest(self) -> list[Digest]:
        """Few enough that each is spoken of often."""
        return list(self.told)[-len(POLICIES) :]

    # --- what may happen ------------------------------------------------------------------------

    @rule(
        opener=st.sampled_from(PEOPLE),
        policy=st.sampled_from(POLICIES),
        lasts_ms=st.sampled_from([6_500, 60_000]),
    )
    def open_one(self, opener: str, policy: Policy, lasts_ms: int) -> None:
        number = len(self.told)
        operation = asks(self.chain, policy, ("amina", done(number)), lasts_ms=lasts_ms)
        (receipt,) = self.block((opener, operation, ()))
        assert isinstance(receipt.events[0], IntentOpened)
        told = Told(number, opener, policy, operation.expires_ms)
        self.told[receipt.events[0].intent] = told
        if self.is_party(told, opener):
            self.tell_approval(told, opener)
        self.tell_time()

    @rule(who=st.sampled_from(PEOPLE), data=st.data(), approves=st.booleans())
    def answer(self, who: str, data: Any, approves: bool) -> None:  # noqa: ANN401, FBT001
        name = data.draw(st.sampled_from(self.newest()))
        (receipt,) = self.block((who, said(name, approves), ()))
        self.tell_time()
        assert (receipt.outcome is Outcome.APPLIED) == self.tell_answer(name, who, approves)

    @rule(who=st.sampled_from(PEOPLE), data=st.data(), rotates_first=st.booleans())
    def approve_and_rotate_in_one_block(self, who: str, data: Any, rotates_first: bool) -> None:  # noqa: ANN401, FBT001
        name = data.draw(st.sampled_from(self.newest()))
        old, new = self.signer(who), f"{who} {self.keys[who] + 1}"
        rotation = (who, rotated(new), (old, new))
        if rotates_first:
            _, receipt = self.block(rotation, (who, ApproveIntent(name), (new,)))
            self.keys[who] += 1
            self.tell_time()
            assert receipt.outcome is Outcome.REFUSED
        else:
            receipt, _ = self.block((who, ApproveIntent(name), (old,)), rotation)
            self.tell_time()
            assert (receipt.outcome is Outcome.APPLIED) == self.tell_answer(name, who, True)  # noqa: FBT003
            self.keys[who] += 1

    @rule(who=st.sampled_from(PEOPLE))
    def rotate(self, who: str) -> None:
        old, new = self.signer(who), f"{who} {self.keys[who] + 1}"
        (receipt,) = self.block((who, rotated(new), (old, new)))
        assert receipt.outcome is Outcome.APPLIED
        self.keys[who] += 1
        self.tell_time()

    @rule(who=st.sampled_from(["bilal", "chen"]))
    def appoint_or_dismiss(self, who: str) -> None:
        holds = who in self.notaries
        operation = RevokeRole("notary", None, account_id(who)) if holds else grant(who)
        self.block(("registrar", operation, ()))
        self.notaries ^= {who}
        self.tell_time()

    @rule(who=st.sampled_from(PEOPLE), data=st.data())
    def cancel(self, who: str, data: Any) -> None:  # noqa: ANN401
        name = data.draw(st.sampled_from(self.newest()))
        (receipt,) = self.block((who, CancelIntent(name), ()))
        self.tell_time()
        told = self.told[name]
        due = told.status is IntentStatus.OPEN and told.opener == who
        assert (receipt.outcome is Outcome.APPLIED) == due
        if due:
            told.status = IntentStatus.CANCELLED

    @rule(pause_ms=st.sampled_from([0, 5_000, 50_000]))
    def time_passes(self, pause_ms: int) -> None:
        self.chain.time_ms = TimeMs(self.chain.time_ms + pause_ms)
        self.chain.block()
        self.tell_time()

    # --- what the model makes of it -------------------------------------------------------------

    def tell_time(self) -> None:
        for told in self.told.values():
            if told.status is IntentStatus.OPEN and self.chain.time_ms >= told.expires_ms:
                told.status = IntentStatus.EXPIRED

    def tell_answer(self, name: Digest, who: str, approves: bool) -> bool:  # noqa: FBT001
        """Whether the answer is taken."""
        told = self.told[name]
        again = told.answers.get(who) == (approves, self.keys[who])
        if told.status is not IntentStatus.OPEN or not self.is_party(told, who) or again:
            return False
        if approves:
            self.tell_approval(told, who)
            return True
        told.answers[who] = (False, self.keys[who])
        refusing = {who for who, (approved, _) in told.answers.items() if not approved}
        if not self.enough(
            told.policy, [each for each in PEOPLE if each not in refusing], later=True
        ):
            told.status = IntentStatus.REFUSED
        return True

    def tell_approval(self, told: Told, who: str) -> None:
        told.answers[who] = (True, self.keys[who])
        standing = [
            each
            for each, (approved, keys) in told.answers.items()
            if approved and keys == self.keys[each] and self.is_party(told, each)
        ]
        if self.enough(told.policy, standing, later=False):
            done_by_amina = "amina" in standing
            told.status = IntentStatus.DONE if done_by_amina else IntentStatus.FAILED

    def takes(self, condition: Any, who: str) -> bool:  # noqa: ANN401
        if isinstance(condition, Signers):
            return account_id(who) in condition.accounts
        return who in self.notaries

    def is_party(self, told: Told, who: str) -> bool:
        return any(self.takes(each, who) for one in told.policy.ways for each in one.conditions)

    def enough(self, policy: Policy, people: list[str], *, later: bool) -> bool:
        """Whether these fill a way; `later`, whether they could if a role had more holders."""
        for one in policy.ways:
            asked = [each for each in one.conditions if not later or isinstance(each, Signers)]
            seats = [each for each in asked for _ in range(each.least)]
            for order in permutations(people, len(seats)):
                if all(self.takes(each, who) for who, each in zip(order, seats, strict=True)):
                    return True
        return False

    # --- what must be true ----------------------------------------------------------------------

    @invariant()
    def calls_ran_once_if_done_and_else_never(self) -> None:
        """Of each intent; and it stands as the model says."""
        for name, told in self.told.items():
            assert intent_of(self.chain, name).status is told.status
            ran = [
                number
                for number in range(3)
                if RECORDS.read(self.chain.state, RecordKey(RECORD, thing(told.number), number))
            ]
            assert ran == ([0] if told.status is IntentStatus.DONE else [])

    @invariant()
    def what_is_over_is_on_no_desk_and_has_no_terms(self) -> None:
        """And what is open is asked of each account that the policy names and that is silent."""
        for name, told in self.told.items():
            is_open = told.status is IntentStatus.OPEN
            assert (TERMS.read(self.chain.state, name) is not None) == is_open
            for who in PEOPLE:
                named = any(
                    isinstance(each, Signers) and account_id(who) in each.accounts
                    for one in told.policy.ways
                    for each in one.conditions
                )
                place = Place(desk_of_account(account_id(who)), Task.INTENT, name)
                lies = WORKLIST.read(self.chain.state, place) is not None
                assert lies == (is_open and named and who not in told.answers)


def said(name: Digest, approves: bool) -> Operation:  # noqa: FBT001
    return ApproveIntent(name) if approves else RefuseIntent(name, "because")


def thing(number: int) -> Any:  # noqa: ANN401
    return number.to_bytes(32, "big")


def done(number: int) -> Operation:
    """What leaves a record more each time it runs."""
    return IssueRecord(
        kind=RECORD,
        subject=thing(number),
        commitment=Digest(bytes(32)),
        text=None,
        fields=(),
        until_ms=None,
        consenting=(),
    )


def grant(name: str) -> GrantRole:
    return GrantRole("notary", None, account_id(name), None)


def rotated(new: str) -> RotateKeys:
    return RotateKeys(threshold=1, signers=(WeightedKey(key(new).public, 1),))


TestConsents = Consents.TestCase
TestConsents.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
