"""registry's kinds and records: who may, what is written, and every way in which they say no."""

from typing import Any

import pytest

from kit.ledger import Chain, account_id, genesis_account, genesis_document
from kit.policies import all_of, holders, way
from kit.records import LICENCE, PAPER, amend, amend_kind, define, issue, judged, rule
from ledger.accounts import AccountKind, UnknownAccount
from ledger.block import BlockRun
from ledger.kinds import (
    KINDS,
    Content,
    Field,
    FieldContradicts,
    FieldMissing,
    FieldOutOfPlace,
    FieldType,
    KindInUse,
    NotTheOwner,
    PerSubject,
    UnknownKind,
    WrongContent,
    WrongValue,
)
from ledger.operation import Operation
from ledger.policy import NamedTwice
from ledger.receipt import Outcome
from ledger.records import (
    COUNTS,
    RECORDS,
    VERSIONS,
    AlreadyIssued,
    ConsentMissing,
    ConsentsTwice,
    HeldByOverseer,
    OverBeforeIssue,
    Record,
    RecordCount,
    RecordEnded,
    RecordKey,
    RecordStatus,
    StatusUnchanged,
    SubjectKey,
    TooManyRecords,
    UnknownRecord,
    VersionKey,
    kept_until,
)
from ledger.roles import MissingRole, UnknownRole
from primitives import kernel_limits
from primitives.errors import Malformed, Rejected
from primitives.ids import Digest, TimeMs
from services.authority.roles import DefineRole, GrantRole
from services.registry.kinds import KindAmended, KindDefined
from services.registry.records import RecordAmended, RecordIssued

AMINA = account_id("amina")
KEY = RecordKey(LICENCE, AMINA, 0)
VALID, SUSPENDED = RecordStatus.VALID, RecordStatus.SUSPENDED
REVOKED, SUPERSEDED = RecordStatus.REVOKED, RecordStatus.SUPERSEDED


@pytest.fixture
def chain() -> Chain:
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in ("amina", "bilal")]
    return Chain.begin(genesis_document(accounts=people))


def said(chain: Chain, actor: str, *operations: Operation, signers: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """The receipt of one actor's transaction, which others may sign too."""
    body = chain.body(*((actor, operation) for operation in operations))
    (receipt,) = chain.block(chain.check(body, actor, *signers))
    return receipt


def refused(chain: Chain, actor: str, operation: Operation) -> Any:  # noqa: ANN401
    """Why an operation is refused; the state is what it was."""
    root = chain.root
    run = chain.run()
    receipt = run.preview(chain.act(actor, operation))
    assert receipt.outcome is Outcome.REFUSED
    assert chain.root == root
    return receipt.refusal


def record(chain: Chain, key: RecordKey = KEY) -> Record:
    found = RECORDS.read(chain.state, key)
    assert found is not None
    return found


# --- kinds --------------------------------------------------------------------------------------


def test_a_registrar_defines_a_kind_and_its_owner_amends_it(chain: Chain) -> None:
    """What never changes is the owner, and how many records a subject has."""
    assert said(chain, "registrar", define()).events == (
        KindDefined(LICENCE, account_id("health"), "notary", None),
    )
    assert said(chain, "health", amend_kind(issuer_role="registrar")).events == (
        KindAmended(LICENCE, 1),
    )

    kind = KINDS.read(chain.state, LICENCE)
    assert kind is not None
    assert (kind.version, kind.issuer_role, kind.per_subject) == (1, "registrar", PerSubject.ONE)


def test_who_may_not_define_or_amend_a_kind_is_refused(chain: Chain) -> None:
    """A registrar defines it, its owner alone amends it, nobody defines it twice."""
    health = account_id("health")
    assert refused(chain, "health", define()) == MissingRole(health, "registrar", None)
    said(chain, "registrar", define())

    assert refused(chain, "registrar", define()) == KindInUse(LICENCE, health)
    assert refused(chain, "registrar", amend_kind()) == NotTheOwner(
        LICENCE, account_id("registrar"), health
    )
    assert refused(chain, "health", amend_kind("civil.birth")) == UnknownKind("civil.birth")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"owner": account_id("nobody")}, UnknownAccount(account_id("nobody"))),
        ({"scope": account_id("nobody")}, UnknownAccount(account_id("nobody"))),
        ({"issuer_role": "pharmacist"}, UnknownRole("pharmacist")),
        ({"overseer_role": "tribunal"}, UnknownRole("tribunal")),
        ({"consents": way(holders(1, "tribunal"))}, UnknownRole("tribunal")),
        ({"consents": way(holders(1, "notary", "nobody"))}, UnknownAccount(account_id("nobody"))),
        ({"consents": all_of("nobody")}, UnknownAccount(account_id("nobody"))),
        ({"consents": all_of("amina", "amina")}, NamedTwice(0, AMINA)),
    ],
)
def test_a_kind_names_only_what_exists(
    chain: Chain, fields: dict[str, Any], refusal: object
) -> None:
    """Accounts, roles, and a policy that can be met."""
    assert refused(chain, "registrar", define(**fields)) == refusal


@pytest.mark.parametrize(
    "rules",
    [
        (rule("days", FieldType.INTEGER, least=2, most=1),),
        (rule("day", FieldType.DATE, most=1),),
        (rule("days", FieldType.INTEGER, choices=("1",)),),
        (rule("class", FieldType.CODE), rule("class", FieldType.CODE)),
    ],
)
def test_rules_that_contradict_themselves_are_refused(chain: Chain, rules: tuple[Any, ...]) -> None:
    """Bounds the wrong way round or where there are none, choices of what is no code, twins."""
    assert refused(chain, "registrar", define(fields=rules)) == FieldContradicts(rules[-1].name)


def test_a_kind_is_no_larger_than_its_limits(chain: Chain) -> None:
    """Fields, choices, days and the lengths of its words; one more is no transaction."""
    names = [f"f{number}" for number in range(kernel_limits.RECORD_FIELDS_MAX)]
    choices = tuple(f"c{number}" for number in range(kernel_limits.RECORD_CHOICES_MAX))
    largest = define(
        "k" * kernel_limits.RECORD_KIND_LENGTH_MAX,
        kept_days=kernel_limits.RECORD_KEPT_DAYS_MAX,
        fields=(
            rule("f" * kernel_limits.RECORD_FIELD_LENGTH_MAX, FieldType.CODE, choices=choices),
            *(rule(name, FieldType.DATE) for name in names[1:]),
        ),
    )
    assert said(chain, "registrar", largest).outcome is Outcome.APPLIED

    for fields in (
        {"kind": "k" * (kernel_limits.RECORD_KIND_LENGTH_MAX + 1)},
        {"kept_days": kernel_limits.RECORD_KEPT_DAYS_MAX + 1},
        {"fields": tuple(rule(name, FieldType.DATE) for name in [*names, "more"])},
        {"fields": (rule("f" * (kernel_limits.RECORD_FIELD_LENGTH_MAX + 1), FieldType.DATE),)},
        {"fields": (rule("c", FieldType.CODE, choices=(*choices, "more")),)},
    ):
        with pytest.raises(Malformed):
            chain.act("registrar", define(**fields))


# --- issuing ------------------------------------------------------------------------------------


def test_an_issuer_issues_a_record_and_its_absence_ends(chain: Chain) -> None:
    """Row, version and event; before, its key was absent."""
    said(chain, "registrar", define())
    assert RECORDS.read(chain.state, KEY) is None

    receipt = said(chain, "notary", issue("amina"))

    assert receipt.events == (RecordIssued(LICENCE, AMINA, 0, 0, account_id("notary")),)
    assert record(chain) == Record(0, VALID, None, chain.time_ms, None, by_overseer=False)
    version = VERSIONS.read(chain.state, VersionKey(KEY, 0))
    assert version is not None
    assert (version.draft.commitment, version.issuer) == (PAPER, account_id("notary"))
    assert (version.height, version.transaction) == (chain.state.height, receipt.transaction_id)


def test_only_the_kinds_issuers_issue_amend_and_judge(chain: Chain) -> None:
    """In the kind's scope: the owner and the registrar are none of them."""
    said(chain, "registrar", define())
    said(chain, "notary", issue("amina"))

    for actor in ("health", "registrar", "amina"):
        missing = MissingRole(account_id(actor), "notary", None)
        assert refused(chain, actor, issue("bilal")) == missing
        assert refused(chain, actor, amend("amina")) == missing
        assert refused(chain, actor, judged("amina", REVOKED)) == missing


def test_an_issuer_for_one_body_issues_in_its_scope_alone(chain: Chain) -> None:
    """A network-wide issuer issues everywhere."""
    health, works = account_id("health"), account_id("works")
    said(chain, "registrar", GrantRole("notary", health, account_id("bilal"), None))
    said(chain, "registrar", define(scope=health), define("works.permit", scope=works))

    assert said(chain, "bilal", issue("amina")).outcome is Outcome.APPLIED
    assert refused(chain, "bilal", issue("amina", "works.permit")) == MissingRole(
        account_id("bilal"), "notary", works
    )
    assert said(chain, "notary", issue("amina", "works.permit")).outcome is Outcome.APPLIED


def test_one_record_per_subject_is_issued_again_only_after_its_end(chain: Chain) -> None:
    """As its next version, under the same key; the version before stays."""
    said(chain, "registrar", define())
    said(chain, "notary", issue("amina"))
    for status in (VALID, SUSPENDED):
        assert refused(chain, "notary", issue("amina")) == AlreadyIssued(LICENCE, AMINA, status)
        if status is VALID:
            said(chain, "notary", judged("amina", SUSPENDED))

    said(chain, "notary", judged("amina", REVOKED))
    receipt = said(chain, "notary", issue("amina"))

    assert receipt.events == (RecordIssued(LICENCE, AMINA, 0, 1, account_id("notary")),)
    assert record(chain).status is VALID
    assert all(VERSIONS.read(chain.state, VersionKey(KEY, number)) for number in (0, 1))


def test_many_records_per_subject_are_numbered_without_a_gap(chain: Chain) -> None:
    """So that the first absent number proves how many there are."""
    said(chain, "registrar", define(per_subject=PerSubject.MANY))

    said(chain, "notary", issue("amina"), issue("amina"), issue("bilal"), issue("amina"))

    numbers = [RECORDS.read(chain.state, RecordKey(LICENCE, AMINA, n)) for n in range(4)]
    assert [row is not None for row in numbers] == [True, True, True, False]
    assert COUNTS.read(chain.state, SubjectKey(LICENCE, AMINA)) == RecordCount(3)


def test_a_subject_has_as_many_records_as_the_limit_allows_and_no_more(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million takes a while, so the limit is lowered."""
    monkeypatch.setattr(kernel_limits, "RECORDS_PER_SUBJECT_MAX", 2)
    said(chain, "registrar", define(per_subject=PerSubject.MANY))

    assert said(chain, "notary", issue("amina"), issue("amina")).outcome is Outcome.APPLIED
    assert refused(chain, "notary", issue("amina")) == TooManyRecords(LICENCE, AMINA, 2)


def test_what_is_unknown_is_refused(chain: Chain) -> None:
    """A kind, and a record of it."""
    said(chain, "registrar", define())

    assert refused(chain, "notary", issue("amina", "civil.birth")) == UnknownKind("civil.birth")
    assert refused(chain, "notary", amend("amina")) == UnknownRecord(*KEY)
    assert refused(chain, "notary", judged("amina", REVOKED)) == UnknownRecord(*KEY)


def test_a_record_has_the_content_of_its_kind_and_no_other(chain: Chain) -> None:
    """A commitment, a text, or nothing."""
    given = {"commitment": PAPER, "text": "Law 7:\nof 2026"}
    for content, own in (
        (Content.COMMITMENT, {"commitment"}),
        (Content.TEXT, {"text"}),
        (Content.NOTHING, set[str]()),
    ):
        said(chain, "registrar", define(f"kind.{content.value}", content=content))
        for names in ({"commitment", "text"}, {"commitment"}, {"text"}, set[str]()):
            fields = {name: value if name in names else None for name, value in given.items()}
            operation = issue("amina", f"kind.{content.value}", **fields)
            if names == own:
                assert said(chain, "notary", operation).outcome is Outcome.APPLIED
            else:
                refusal = refused(chain, "notary", operation)
                assert refusal == WrongContent(f"kind.{content.value}", content)


def test_a_text_is_no_longer_than_its_limit_and_steers_no_terminal(chain: Chain) -> None:
    """Lines are fine; the escape of a terminal is none."""
    chain.act("notary", issue("amina", text="x" * kernel_limits.RECORD_TEXT_LENGTH_MAX))
    for text in ("x" * (kernel_limits.RECORD_TEXT_LENGTH_MAX + 1), "\x1b[2J", "\r"):
        with pytest.raises(Malformed):
            chain.act("notary", issue("amina", text=text))


RULES = (
    rule("class", FieldType.CODE, choices=("A", "B", "LONG-CLASS")),
    rule("beds", FieldType.INTEGER, least=-5, most=500, required=False),
    rule("since", FieldType.DATE),
    rule("inspector", FieldType.ACCOUNT, required=False),
    rule("premises", FieldType.DIGEST, required=False),
)
GOOD = {
    "class": "A",
    "beds": "-5",
    "since": "2026-02-28",
    "inspector": AMINA.hex(),
    "premises": PAPER.hex(),
}


def fields(**changes: str | None) -> tuple[Field, ...]:
    values = {**GOOD, **changes}
    return tuple(Field(name, value) for name, value in values.items() if value is not None)


def test_public_fields_are_those_of_the_kind_in_its_order(chain: Chain) -> None:
    """What is not required may be left out."""
    said(chain, "registrar", define(fields=RULES, per_subject=PerSubject.MANY))

    assert said(chain, "notary", issue("amina", fields=fields())).outcome is Outcome.APPLIED
    few = fields(beds=None, inspector=None, premises=None)
    assert said(chain, "notary", issue("amina", fields=few)).outcome is Outcome.APPLIED

    for wrong, refusal in (
        (fields(since=None), FieldMissing(LICENCE, "since")),
        (tuple(reversed(fields())), FieldMissing(LICENCE, "class")),
        ((*fields(), Field("beds", "1")), FieldOutOfPlace(LICENCE, "beds")),
        (fields(colour="red"), FieldOutOfPlace(LICENCE, "colour")),
    ):
        assert refused(chain, "notary", issue("amina", fields=wrong)) == refusal


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("class", ["C", "LONG-CLASS", "a b", "é"]),
        ("beds", ["501", "-6", "01", "+1", "-0", "1.0", "99999999999999999999", "٣"]),
        ("since", ["2026-02-29", "2026-2-2", "28.02.2026", "20260228"]),
        ("inspector", ["AB" * 32, "ab" * 31]),
        ("premises", ["zz" * 32, "ab" * 33]),
    ],
)
def test_a_value_has_the_type_and_the_limits_of_its_field(
    chain: Chain, name: str, values: list[str]
) -> None:
    """And is written in one way only."""
    said(chain, "registrar", define(fields=RULES))
    types = {one.name: one for one in RULES}

    for value in values:
        operation = issue("amina", fields=fields(**{name: value}))
        if value.isascii() and " " not in value:
            of = types[name]
            wrong = WrongValue(name, of.type, of.least, of.most, value)
            assert refused(chain, "notary", operation) == wrong
        else:
            with pytest.raises(Malformed):
                chain.act("notary", operation)


def test_a_field_of_an_account_names_one_that_exists(chain: Chain) -> None:
    """32 bytes of anything else are a digest."""
    said(chain, "registrar", define(fields=RULES))
    nobody = account_id("nobody")

    operation = issue("amina", fields=fields(inspector=nobody.hex()))

    assert refused(chain, "notary", operation) == UnknownAccount(nobody)


def test_a_value_is_no_longer_than_its_limit(chain: Chain) -> None:
    """One character more is no transaction."""
    chain.act(
        "notary", issue("amina", fields=(Field("a", "x" * kernel_limits.RECORD_VALUE_LENGTH_MAX),))
    )
    more = (Field("a", "x" * (kernel_limits.RECORD_VALUE_LENGTH_MAX + 1)),)
    with pytest.raises(Malformed):
        chain.act("notary", issue("amina", fields=more))


# --- consent ------------------------------------------------------------------------------------


def test_a_subject_whose_consent_is_asked_signs_too(chain: Chain) -> None:
    """Without its signature no block takes the transaction."""
    said(chain, "registrar", define(subject_consents=True))

    with pytest.raises(Rejected):
        chain.run().preview(chain.act("notary", issue("amina")))

    assert said(chain, "notary", issue("amina"), signers=("amina",)).outcome is Outcome.APPLIED
    with pytest.raises(Rejected):
        chain.run().preview(chain.act("notary", amend("amina")))


def test_the_consent_of_a_kinds_policy_is_that_of_accounts_that_sign(chain: Chain) -> None:
    """Two spouses and a holder of a role, each named once and signing."""
    asked = way(*all_of("amina", "bilal").ways[0].conditions, holders(1, "registrar"))
    said(chain, "registrar", define(consents=asked))
    three = tuple(account_id(name) for name in ("amina", "bilal", "registrar"))

    few = refused(chain, "notary", issue("amina", consenting=three[:2]))
    assert few == ConsentMissing(LICENCE, 2)
    twice = refused(chain, "notary", issue("amina", consenting=(*three, AMINA)))
    assert twice == ConsentsTwice(AMINA)
    with pytest.raises(Rejected):  # named, but not signing
        chain.run().preview(chain.act("notary", issue("amina", consenting=three)))

    whole = issue("amina", consenting=three)
    receipt = said(chain, "notary", whole, signers=("amina", "bilal", "registrar"))
    assert receipt.outcome is Outcome.APPLIED
    version = VERSIONS.read(chain.state, VersionKey(KEY, 0))
    assert version is not None
    assert version.consenting == three


# --- versions and status ------------------------------------------------------------------------


def test_an_amendment_is_the_next_version_and_the_status_stays(chain: Chain) -> None:
    """Each version says under which version of the kind it was issued."""
    said(chain, "registrar", define())
    said(chain, "notary", issue("amina"))
    said(chain, "notary", judged("amina", SUSPENDED))
    said(chain, "health", amend_kind())
    other = Digest(b"\x22" * 32)

    receipt = said(chain, "notary", amend("amina", commitment=other))

    assert receipt.events == (RecordAmended(LICENCE, AMINA, 0, 1, account_id("notary")),)
    assert (record(chain).version, record(chain).status) == (1, SUSPENDED)
    first, second = (VERSIONS.read(chain.state, VersionKey(KEY, number)) for number in (0, 1))
    assert first is not None
    assert second is not None
    assert (first.draft.commitment, first.kind_version) == (PAPER, 0)
    assert (second.draft.commitment, second.kind_version) == (other, 1)


@pytest.mark.parametrize("end", [REVOKED, SUPERSEDED])
def test_what_has_ended_is_neither_amended_nor_judged_again(
    chain: Chain, end: RecordStatus
) -> None:
    """It is for ever."""
    said(chain, "registrar", define())
    said(chain, "notary", issue("amina"))
    said(chain, "notary", judged("amina", end))

    over = RecordEnded(*KEY, end)
    assert refused(chain, "notary", amend("amina")) == over
    assert refused(chain, "notary", judged("amina", VALID)) == over


def test_a_suspended_record_is_reinstated(chain: Chain) -> None:
    """And a status that it has already is refused."""
    said(chain, "registrar", define())
    said(chain, "notary", issue("amina"))
    assert refused(chain, "notary", judged("amina", VALID)) == StatusUnchanged(*KEY, VALID)
    said(chain, "notary", judged("amina", SUSPENDED, "complaint"))
    assert (record(chain).status, record(chain).reason) == (SUSPENDED, "complaint")

    said(chain, "notary", judged("amina", VALID, "remedied"))

    assert (record(chain).status, record(chain).reason) == (VALID, "remedied")


def test_a_reason_is_a_code_of_a_word_or_two(chain: Chain) -> None:
    """Never a sentence."""
    longest = "r" * kernel_limits.REASON_CODE_LENGTH_MAX
    chain.act("notary", judged("amina", SUSPENDED, longest))
    for reason in (longest + "r", "He was rude.", "", "Ünfit"):
        with pytest.raises(Malformed):
            chain.act("notary", judged("amina", SUSPENDED, reason))


def test_what_an_overseer_suspends_the_issuer_does_not_reinstate(chain: Chain) -> None:
    """The overseer does; and the issuer may still end it."""
    said(chain, "registrar", DefineRole("tribunal", "registrar", None, None, ()))
    said(chain, "registrar", GrantRole("tribunal", None, account_id("bilal"), None))
    said(chain, "registrar", define(overseer_role="tribunal"))
    said(chain, "notary", issue("amina"))
    said(chain, "bilal", judged("amina", SUSPENDED))

    held = refused(chain, "notary", judged("amina", VALID))
    assert held == HeldByOverseer(LICENCE, AMINA, "tribunal")
    assert said(chain, "bilal", judged("amina", VALID)).outcome is Outcome.APPLIED
    said(chain, "bilal", judged("amina", SUSPENDED))
    assert said(chain, "notary", judged("amina", REVOKED)).outcome is Outcome.APPLIED


def test_a_record_is_in_force_until_its_time_is_over(chain: Chain) -> None:
    """By comparing times alone: no duty has to run."""
    said(chain, "registrar", define())
    until = TimeMs(chain.time_ms + 5_000)

    early = refused(chain, "notary", issue("amina", until_ms=TimeMs(chain.time_ms + 1_000)))
    assert early == OverBeforeIssue(TimeMs(chain.time_ms + 1_000), TimeMs(chain.time_ms + 1_000))
    said(chain, "notary", issue("amina", until_ms=until))

    assert record(chain).in_force(TimeMs(until - 1))
    assert not record(chain).in_force(until)
    said(chain, "notary", judged("amina", SUSPENDED))
    assert not record(chain).in_force(TimeMs(until - 1))


def test_a_document_is_kept_so_many_days_after_the_end_of_its_record(chain: Chain) -> None:
    """Its end, or the end of its time; without days for ever."""
    said(chain, "registrar", define(kept_days=10), define("civil.birth"))
    until = TimeMs(chain.time_ms + 50_000)
    said(chain, "notary", issue("amina", until_ms=until), issue("bilal"))
    kind, endless = KINDS.read(chain.state, LICENCE), KINDS.read(chain.state, "civil.birth")
    assert kind is not None
    assert endless is not None
    ten_days = 10 * 86_400_000

    assert kept_until(kind, record(chain)) == until + ten_days
    bilal = RecordKey(LICENCE, account_id("bilal"), 0)
    assert kept_until(kind, record(chain, bilal)) is None
    said(chain, "notary", judged("bilal", REVOKED))
    assert kept_until(kind, record(chain, bilal)) == chain.time_ms + ten_days
    assert kept_until(endless, record(chain, bilal)) is None


def test_no_rule_scans(chain: Chain) -> None:
    """Issuing the thousandth record reads and writes what issuing the first does."""
    said(chain, "registrar", define(per_subject=PerSubject.MANY))

    def writes() -> int:
        run: BlockRun = chain.run()
        run.apply(chain.act("notary", issue("amina")))
        return len(run.written)

    first = writes()
    said(chain, "notary", *(issue("amina") for _ in range(30)))

    assert first == writes() == 3
