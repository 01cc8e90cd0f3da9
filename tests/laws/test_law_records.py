"""The law of records: what was issued stays, and nobody but the kind's issuers issued it.

Any interleaving of issuing, amending, judging, amending the kind, appointing and dismissing issuers
and overseers, right or wrong, by anybody. After each block the rows are compared with a plain model
and with every version that was ever seen.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kit.ledger import Chain, account_id, genesis_account, genesis_document
from kit.records import amend, amend_kind, define, issue, judged
from ledger.accounts import AccountKind
from ledger.kinds import PerSubject
from ledger.operation import Operation
from ledger.receipt import Outcome
from ledger.records import (
    ENDED,
    RECORDS,
    VERSIONS,
    RecordKey,
    RecordStatus,
    RecordVersion,
    VersionKey,
)
from ledger.roles import ROLES, RoleKey
from primitives.ids import Digest
from services.authority.roles import DefineRole, GrantRole, RevokeRole

PEOPLE = ("amina", "bilal", "chen")
ONE, MANY = "one.each", "many.each"
ROLES_OF = ("issuer_a", "issuer_b", "tribunal")
Model = dict[RecordKey, tuple[RecordStatus, int]]


class Registers(RuleBasedStateMachine):
    """A chain, and what must be true of its records."""

    @initialize()
    def found(self) -> None:
        people = [genesis_account(name, kind=AccountKind.PERSON) for name in PEOPLE]
        self.chain = Chain.begin(genesis_document(accounts=people))
        self.records: Model = {}
        self.versions: dict[VersionKey, RecordVersion] = {}
        self.issuing = {ONE: "issuer_a", MANY: "issuer_a"}
        self.chain.block(
            self.chain.act("registrar", *(define_role(role) for role in ROLES_OF)),
            self.chain.act(
                "registrar",
                define(ONE, issuer_role="issuer_a", overseer_role="tribunal"),
                define(
                    MANY,
                    issuer_role="issuer_a",
                    overseer_role="tribunal",
                    per_subject=PerSubject.MANY,
                ),
                *(grant(role, name) for role, name in zip(ROLES_OF, PEOPLE, strict=True)),
            ),
        )

    def holds(self, role: str, name: str) -> bool:
        return ROLES.read(self.chain.state, RoleKey(role, None, account_id(name))) is not None

    def stands(self, actor: str, operation: Operation) -> bool:
        root = self.chain.root
        run = self.chain.run()
        receipt = run.apply(self.chain.act(actor, operation))
        stands = receipt.outcome is Outcome.APPLIED
        assert stands == bool(run.written), "a refusal wrote something"
        self.chain.state.commit(run.finish())
        self.chain.time_ms += 1_000  # type: ignore[assignment]
        assert stands or root != self.chain.root  # the block's own rows alone
        return stands

    @rule(
        actor=st.sampled_from(PEOPLE), subject=st.sampled_from(PEOPLE), salt=st.binary(max_size=2)
    )
    def issue_one(self, actor: str, subject: str, salt: bytes) -> None:
        key = RecordKey(ONE, account_id(subject), 0)
        status, version = self.records.get(key, (RecordStatus.REVOKED, -1))
        due = self.holds(self.issuing[ONE], actor) and status in ENDED
        assert self.stands(actor, issue(subject, ONE, commitment=paper(salt))) == due
        if due:
            self.records[key] = (RecordStatus.VALID, version + 1)

    @rule(
        actor=st.sampled_from(PEOPLE), subject=st.sampled_from(PEOPLE), salt=st.binary(max_size=2)
    )
    def issue_another(self, actor: str, subject: str, salt: bytes) -> None:
        count = sum(key[:2] == (MANY, account_id(subject)) for key in self.records)
        due = self.holds(self.issuing[MANY], actor)
        assert self.stands(actor, issue(subject, MANY, commitment=paper(salt))) == due
        if due:
            self.records[RecordKey(MANY, account_id(subject), count)] = (RecordStatus.VALID, 0)

    @precondition(lambda self: self.records)
    @rule(actor=st.sampled_from(PEOPLE), data=st.data(), salt=st.binary(max_size=2))
    def amend_one(self, actor: str, data: Any, salt: bytes) -> None:  # noqa: ANN401
        key = data.draw(st.sampled_from(sorted(self.records)))
        status, version = self.records[key]
        due = self.holds(self.issuing[key.kind], actor) and status not in ENDED
        subject = next(name for name in PEOPLE if account_id(name) == key.subject)
        operation = amend(subject, key.number, key.kind, commitment=paper(salt))
        assert self.stands(actor, operation) == due
        if due:
            self.records[key] = (status, version + 1)

    @precondition(lambda self: self.records)
    @rule(actor=st.sampled_from(PEOPLE), data=st.data(), status=st.sampled_from(list(RecordStatus)))
    def judge(self, actor: str, data: Any, status: RecordStatus) -> None:  # noqa: ANN401
        key = data.draw(st.sampled_from(sorted(self.records)))
        was, version = self.records[key]
        row = RECORDS.read(self.chain.state, key)
        assert row is not None
        oversees = self.holds("tribunal", actor)
        may = oversees or (
            self.holds(self.issuing[key.kind], actor)
            and not (row.by_overseer and status is RecordStatus.VALID)
        )
        due = may and was not in ENDED and was is not status
        subject = next(name for name in PEOPLE if account_id(name) == key.subject)
        assert self.stands(actor, judged(subject, status, "why", key.number, key.kind)) == due
        if due:
            self.records[key] = (status, version)

    @rule(kind=st.sampled_from([ONE, MANY]), role=st.sampled_from(ROLES_OF[:2]))
    def amend_the_law(self, kind: str, role: str) -> None:
        assert self.stands("health", amend_kind(kind, issuer_role=role, overseer_role="tribunal"))
        self.issuing[kind] = role

    @rule(role=st.sampled_from(ROLES_OF), name=st.sampled_from(PEOPLE))
    def appoint_or_dismiss(self, role: str, name: str) -> None:
        key = RoleKey(role, None, account_id(name))
        holds = self.holds(role, name)
        self.stands("registrar", RevokeRole(*key) if holds else grant(role, name))

    @invariant()
    def the_rows_are_what_was_done(self) -> None:
        """Each record has the status and the version of the model, and there is none beside."""
        rows = dict(self.rows())
        assert rows == self.records

    @invariant()
    def no_version_vanishes_or_changes(self) -> None:
        """Every version that was ever seen is there, with all those before it."""
        now: dict[VersionKey, RecordVersion] = {}
        for key, (_, newest) in self.rows():
            for number in range(newest + 1):
                version = VERSIONS.read(self.chain.state, VersionKey(key, number))
                assert version is not None
                now[VersionKey(key, number)] = version
            assert VERSIONS.read(self.chain.state, VersionKey(key, newest + 1)) is None
        assert {key: now[key] for key in self.versions} == self.versions
        self.versions = now

    def rows(self) -> list[tuple[RecordKey, tuple[RecordStatus, int]]]:
        return [
            (key, (row.status, row.version))
            for kind in (ONE, MANY)
            for name in PEOPLE
            for number in range(
                sum(key[:2] == (kind, account_id(name)) for key in self.records) + 2
            )
            if (
                row := RECORDS.read(
                    self.chain.state, key := RecordKey(kind, account_id(name), number)
                )
            )
        ]


def define_role(role: str) -> DefineRole:
    return DefineRole(role, "registrar", None, None, ())


def grant(role: str, name: str) -> GrantRole:
    return GrantRole(role, None, account_id(name), None)


def paper(salt: bytes) -> Digest:
    return Digest(salt.ljust(32, b"."))


TestRecords = Registers.TestCase
TestRecords.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
