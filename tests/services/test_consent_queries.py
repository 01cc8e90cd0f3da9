"""What can be asked about kinds, records and intents, and which entries prove the answers."""

from __future__ import annotations

from kit.intents import asks, opened
from kit.ledger import Chain, account_id, genesis_account, genesis_document, pay
from kit.policies import all_of
from kit.records import LICENCE, PAPER, amend, define, issue, judged
from ledger.accounts import AccountKind
from ledger.intents import IntentStatus, Stance
from ledger.kinds import PerSubject
from ledger.query import Reading
from ledger.records import RECORDS, RecordKey, RecordStatus
from services.consent import ApproveIntent, IntentLookup, Intents
from services.registry.kinds import Kinds
from services.registry.records import RecordLookup, Records, RecordVersions

AMINA = account_id("amina")
BOTH = all_of("treasury", "health")
MANY = "works.permit"


def registers() -> Chain:
    """Amina has a suspended licence in its second version, and three permits; one is revoked."""
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in ("amina", "bilal")]
    chain = Chain.begin(genesis_document(accounts=people))
    chain.block(
        chain.act("registrar", define(kept_days=1), define(MANY, per_subject=PerSubject.MANY)),
        chain.act("notary", issue("amina"), amend("amina"), *(issue("amina", MANY),) * 3),
        chain.act(
            "notary",
            judged("amina", RecordStatus.SUSPENDED),
            judged("amina", RecordStatus.REVOKED, number=1, kind=MANY),
        ),
    )
    return chain


def reading(chain: Chain) -> Reading:
    return Reading(chain.state, chain.time_ms)


def test_one_record_is_looked_up_and_its_absence_is_named() -> None:
    """`not licensed` is the absence of the entry that the answer names."""
    chain = registers()

    page = RecordLookup(kind=LICENCE, subject=AMINA, number=None).answer(reading(chain))
    (row,) = page.rows
    assert (row.status, row.version, row.in_force) == (RecordStatus.SUSPENDED, 1, False)

    bilal = account_id("bilal")
    none = RecordLookup(kind=LICENCE, subject=bilal, number=None).answer(reading(chain))
    assert none.rows == []
    key = RECORDS.key(RecordKey(LICENCE, bilal, 0))
    assert none.proved_by == [f"state/records/{key.hex()}"]
    assert RECORDS.read(chain.state, RecordKey(LICENCE, bilal, 0)) is None


def test_records_are_listed_by_kind_by_subject_and_by_status() -> None:
    """In the order of subjects and numbers."""
    chain = registers()

    def found(**given: object) -> list[tuple[int, RecordStatus]]:
        asked = {"subject": None, "status": None, "after": None, "limit": None, **given}
        page = Records(kind=MANY, **asked).answer(reading(chain))  # type: ignore[arg-type]
        return [(row.number, row.status) for row in page.rows]

    everything = [(0, RecordStatus.VALID), (1, RecordStatus.REVOKED), (2, RecordStatus.VALID)]
    assert found() == found(subject=AMINA) == everything
    assert found(status=RecordStatus.REVOKED) == [(1, RecordStatus.REVOKED)]
    assert found(subject=account_id("bilal")) == []
    page = Records(kind=MANY, subject=None, status=None, after=None, limit=2).answer(reading(chain))
    assert page.next is not None
    assert found(after=page.next) == everything[2:]


def test_all_versions_of_a_record_are_listed() -> None:
    """The first one first, each with its issuer."""
    chain = registers()

    page = RecordVersions(kind=LICENCE, subject=AMINA, number=None, after=None, limit=None).answer(
        reading(chain)
    )

    assert [(row.version, row.commitment) for row in page.rows] == [(0, PAPER), (1, PAPER)]
    assert {row.issuer for row in page.rows} == {account_id("notary")}
    assert len(set(page.proved_by)) == 2


def test_kinds_are_listed_and_one_is_looked_up() -> None:
    """A kind that there is not is an answer without a row."""
    chain = registers()

    def found(kind: str | None) -> list[str]:
        page = Kinds(kind=kind, after=None, limit=None).answer(reading(chain))
        return [row.kind for row in page.rows]

    assert found(None) == [LICENCE, MANY]
    assert found(MANY) == [MANY]
    assert found("civil.birth") == []


def test_intents_are_listed_by_opener_and_by_status() -> None:
    """An open one with its policy; of one that is over, the block that opened it has it."""
    chain = Chain.begin()
    paid = ("treasury", pay("works", 1, "a"))
    waits = opened(chain, "works", asks(chain, BOTH, paid))
    done = opened(chain, "health", asks(chain, BOTH, paid))
    chain.block(chain.act("treasury", ApproveIntent(done)))

    def found(opener: str | None, status: IntentStatus | None) -> set[bytes]:
        by = None if opener is None else account_id(opener)
        page = Intents(opener=by, status=status, after=None, limit=None).answer(reading(chain))
        return {row.intent for row in page.rows}

    assert found(None, None) == {waits, done}
    assert found("works", None) == found(None, IntentStatus.OPEN) == {waits}
    assert found("works", IntentStatus.DONE) == set()
    (open_row,) = IntentLookup(intent=waits).answer(reading(chain)).rows
    (done_row,) = IntentLookup(intent=done).answer(reading(chain)).rows
    assert (open_row.policy, done_row.policy) == (BOTH, None)
    assert [answer.stance for answer in done_row.answers] == [Stance.APPROVED] * 2
