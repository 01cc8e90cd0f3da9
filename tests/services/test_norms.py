"""Law in force: what is bound is done under a norm, or refused."""

import pytest
from msgspec.structs import replace

from kit.governing import ISSUE, LAW, TEXT, decide, draft, governed, issue, law
from kit.ledger import Chain, genesis_document
from ledger.genesis import genesis_block
from ledger.norms import (
    BINDINGS,
    MAKES_LAW,
    NORM_VERSIONS,
    NORMS,
    ActedUnder,
    BoundTwice,
    NeverInForce,
    NoNormInForce,
    NormOver,
    NotBindable,
    NotBound,
    TooManyGrounds,
    UnknownNorm,
    VersionWaits,
)
from ledger.operation import Refusal, code
from ledger.parameters import NotTheGovernor, ParameterChange, ParameterName
from ledger.query import Reading
from primitives import kernel_limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import TimeMs
from services.authority.norms import (
    EnactNorm,
    FreeOperation,
    Grounds,
    NormEnacted,
    NormVersions,
    RepealNorm,
)
from services.authority.parameters import SetParameters
from services.money import Issue, Issued
from services.table import OPERATIONS

MINUTE = 60_000


@pytest.fixture
def chain() -> Chain:
    return governed()


def refused(chain: Chain, *operations: EnactNorm | RepealNorm | FreeOperation) -> Refusal:
    refusal = decide(chain, *operations).refusal
    assert isinstance(refusal, Refusal)
    return refusal


def test_what_no_norm_binds_needs_none(chain: Chain) -> None:
    """And leaves no word about law in its receipt."""
    receipt = issue(chain, "a")

    assert [type(event) for event in receipt.events] == [Issued]


def test_a_bound_act_says_under_which_law_it_was_done(chain: Chain) -> None:
    """The receipt alone proves it."""
    enacted = decide(chain, law())
    receipt = issue(chain, "a")

    assert enacted.events == (NormEnacted(LAW, 1, TEXT, TimeMs(chain.time_ms - 1_000), None),)
    assert receipt.events[0] == ActedUnder(ISSUE, LAW, 1)
    assert [type(event) for event in receipt.events] == [ActedUnder, Issued]


def test_an_act_is_done_under_every_norm_that_binds_it(chain: Chain) -> None:
    """The general law and the special one."""
    decide(chain, law(), law(norm="decree/7"))

    events = issue(chain, "a").events

    assert events[:2] == (ActedUnder(ISSUE, LAW, 1), ActedUnder(ISSUE, "decree/7", 1))


def test_repeal_disables_what_the_norm_bound(chain: Chain) -> None:
    """Until the governor enacts another law, or frees it."""
    decide(chain, law())
    decide(chain, RepealNorm(LAW))
    without = issue(chain, "a").refusal
    decide(chain, law(norm="law/2026/13"))
    with_another = issue(chain, "b")
    decide(chain, RepealNorm("law/2026/13"), FreeOperation(ISSUE))
    freed = issue(chain, "c")

    assert without == NoNormInForce(ISSUE, TimeMs(chain.time_ms - 4_000))
    assert with_another.events[0] == ActedUnder(ISSUE, "law/2026/13", 1)
    assert [type(event) for event in freed.events] == [Issued]


def test_a_norm_is_in_force_from_its_first_millisecond_to_its_last(chain: Chain) -> None:
    """from ≤ block time < until."""
    begins, ends = chain.time_ms + 3_000, chain.time_ms + 5_000
    decide(chain, law(from_ms=begins, until_ms=ends))

    found = [(issue(chain, f"r{second}").refusal is None) for second in range(2, 7)]

    assert found == [False, True, True, False, False]


def test_law_is_not_made_for_the_past(chain: Chain) -> None:
    """A time that is over means the enactment."""
    receipt = decide(chain, law(from_ms=1))

    (event,) = receipt.events
    assert event.from_ms == chain.time_ms


def test_a_new_version_ends_the_one_before_when_it_comes_into_force(chain: Chain) -> None:
    """Not when it is enacted."""
    decide(chain, law())
    decide(chain, law(from_ms=chain.time_ms + 3_000))

    versions = [issue(chain, f"r{second}").events[0] for second in (2, 3, 4)]

    assert versions == [
        ActedUnder(ISSUE, LAW, 1),
        ActedUnder(ISSUE, LAW, 2),
        ActedUnder(ISSUE, LAW, 2),
    ]
    row = NORM_VERSIONS.read(chain.state, (LAW, 1))
    assert row is not None
    assert row.until_ms == chain.time_ms - 1_000


def test_a_version_that_no_longer_binds_an_act_leaves_it_without_law(chain: Chain) -> None:
    """Only the governor's word frees it, never an omission."""
    decide(chain, law())
    decide(chain, law(binds=()))

    assert isinstance(issue(chain, "a").refusal, NoNormInForce)


def test_a_repeal_also_ends_the_version_that_waits(chain: Chain) -> None:
    """It never comes into force, and another may be enacted."""
    decide(chain, law())
    decide(chain, law(from_ms=chain.time_ms + 3_000))
    decide(chain, RepealNorm(LAW))
    after = [issue(chain, f"r{second}").refusal is None for second in (2, 3, 4)]
    decide(chain, law())

    assert after == [False, False, False]
    assert issue(chain, "again").events[0] == ActedUnder(ISSUE, LAW, 3)


def test_nobody_but_the_governor_makes_law(chain: Chain) -> None:
    """Nor repeals it, nor frees anything from it."""
    decide(chain, law())
    for operation in (law(norm="law/1"), RepealNorm(LAW), FreeOperation(ISSUE)):
        (receipt,) = chain.block(chain.act("registrar", operation))
        assert isinstance(receipt.refusal, NotTheGovernor), code(operation)


def test_in_a_network_without_a_governor_no_law_is_ever_made() -> None:
    """What genesis says stays."""
    chain = governed(replace(genesis_document(), governor=None, norms=(draft(),)))

    (receipt,) = chain.block(chain.act("registrar", RepealNorm(LAW)))

    assert isinstance(receipt.refusal, NotTheGovernor)
    assert receipt.refusal.governor is None
    assert issue(chain, "a").events[0] == ActedUnder(ISSUE, LAW, 1)


def test_what_cannot_be_enacted_is_refused(chain: Chain) -> None:
    """Each with its reason."""
    over = chain.time_ms

    assert isinstance(refused(chain, law(until_ms=over)), NeverInForce)
    assert refused(chain, law(binds=(ISSUE, ISSUE))) == BoundTwice(LAW, ISSUE)
    assert refused(chain, RepealNorm("law/9")) == UnknownNorm("law/9")
    assert refused(chain, FreeOperation(ISSUE)) == NotBound(ISSUE)


def test_one_version_waits_at_a_time(chain: Chain) -> None:
    """Whoever wants another repeals first, in the same motion."""
    begins = TimeMs(chain.time_ms + MINUTE)
    decide(chain, law(from_ms=begins))

    assert refused(chain, law()) == VersionWaits(LAW, 1, begins)
    assert decide(chain, RepealNorm(LAW), law()).refusal is None


def test_a_norm_that_is_over_is_not_repealed_again(chain: Chain) -> None:
    """By its time or by a repeal, which also ends one that never began."""
    ends = TimeMs(chain.time_ms + 2_000)
    decide(chain, law(until_ms=ends), law(norm="law/2", from_ms=ends + MINUTE))
    decide(chain, RepealNorm("law/2"))

    assert refused(chain, RepealNorm(LAW)) == NormOver(LAW, 1, ends)
    assert refused(chain, RepealNorm("law/2")) == NormOver("law/2", 1, TimeMs(ends + MINUTE))


def test_what_makes_law_is_never_bound(chain: Chain) -> None:
    """Else a law that ends would lock its makers out for ever."""
    tags = {tag for tag in map(tag_of, OPERATIONS) if tag.startswith(MAKES_LAW)}

    assert {f"authority.{verb}" for verb in ("enact_norm", "repeal_norm", "free_operation")} <= tags
    for tag in tags:
        assert refused(chain, law(binds=(tag,))) == NotBindable(tag)


def tag_of(operation: type) -> str:
    return str(operation.__struct_config__.tag)  # type: ignore[attr-defined] # a Struct


def test_so_many_versions_bind_one_operation(chain: Chain) -> None:
    """One more is refused; those that are over no longer count."""
    most = kernel_limits.BINDING_GROUNDS_MAX
    decide(chain, *(law(norm=f"law/{number}") for number in range(most)))

    assert refused(chain, law()) == TooManyGrounds(ISSUE, most)
    decide(chain, RepealNorm("law/0"))
    assert decide(chain, law()).refusal is None
    assert len(issue(chain, "a").events) == most + 1


def test_rows_of_what_is_over_do_not_pile_up(chain: Chain) -> None:
    """Twenty versions one after the other leave one ground."""
    for _ in range(20):
        decide(chain, law())

    row = BINDINGS.read(chain.state, ISSUE)
    assert row is not None
    assert [ground.version for ground in row.grounds] == [20]
    newest = NORMS.read(chain.state, LAW)
    assert newest is not None
    assert newest.latest == 20


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (
            law(norm="a" * kernel_limits.NORM_LENGTH_MAX),
            law(norm="a" * (kernel_limits.NORM_LENGTH_MAX + 1)),
        ),
        (
            law(binds=tuple(f"a.b{n}" for n in range(kernel_limits.NORM_BINDS_MAX))),
            law(binds=tuple(f"a.b{n}" for n in range(kernel_limits.NORM_BINDS_MAX + 1))),
        ),
        (
            law(binds=("a." + "b" * (kernel_limits.TAG_LENGTH_MAX - 2),)),
            law(binds=("a." + "b" * (kernel_limits.TAG_LENGTH_MAX - 1),)),
        ),
        (law(norm="law/2026/12"), law(norm="law 2026")),
        (law(binds=("parameters.t0_ms",)), law(binds=("t0_ms",))),
    ],
    ids=["code", "binds", "tag", "words", "module"],
)
def test_the_form_of_a_norm_is_bounded(good: EnactNorm, bad: EnactNorm) -> None:
    """At the limit it is read, above it is malformed."""
    assert decode(encode(good), EnactNorm, limit=100_000) == good
    with pytest.raises(Malformed):
        decode(encode(bad), EnactNorm, limit=100_000)


def test_a_network_begins_with_its_law() -> None:
    """In force with block 1, as version 1."""
    document = replace(genesis_document(), norms=(draft(), draft(norm="decree/7", binds=())))
    chain = governed(document)

    assert issue(chain, "a").events[0] == ActedUnder(ISSUE, LAW, 1)
    row = NORM_VERSIONS.read(chain.state, (LAW, 1))
    assert row is not None
    assert (row.from_ms, row.enacted) == (document.time_ms, 0)


def test_genesis_names_all_that_is_wrong_with_its_norms() -> None:
    """By the same rules as an enactment."""
    most = kernel_limits.BINDING_GROUNDS_MAX
    document = replace(
        genesis_document(),
        norms=(
            draft(),
            draft(),
            draft(norm="law/1", until_ms=1),
            draft(norm="law/2", binds=("assembly.vote",)),
            *(draft(norm=f"decree/{number}") for number in range(most)),
        ),
    )

    with pytest.raises(OperatorFault) as caught:
        genesis_block(document)

    for expected in (
        f"norms: the code {LAW} stands 2 times",
        "norms: Norm law/1 would be in force from",
        "norms: The operation assembly.vote makes law",
        f"norms: {most} versions of norms bind {ISSUE} already",
    ):
        assert expected in str(caught.value)


def test_a_refused_act_leaves_no_word_of_the_law(chain: Chain) -> None:
    """What was not done was done under no law."""
    decide(chain, law())

    (receipt,) = chain.block(chain.act("works", Issue("GBP", chain.id, 1, "r")))  # type: ignore[arg-type] # no account

    assert receipt.refusal is not None
    assert receipt.events == ()


def test_calls_that_were_kept_need_their_law_too(chain: Chain) -> None:
    """What a motion would carry out is asked like any other call."""
    decide(chain, law(binds=("authority.set_parameters",)), RepealNorm(LAW))

    change = SetParameters((ParameterChange(ParameterName.HEARTBEAT_MS, 30_000),))

    assert isinstance(decide(chain, change).refusal, NoNormInForce)


def test_versions_and_grounds_are_listed(chain: Chain) -> None:
    """And where there is nothing, the entry that is absent is named."""
    decide(chain, law())
    decide(chain, law(from_ms=chain.time_ms + MINUTE))
    reading = Reading(chain.state, chain.time_ms)

    versions = NormVersions(norm=LAW, after=None, limit=None).answer(reading)
    unknown = NormVersions(norm="law/9", after=None, limit=None).answer(reading)
    grounds = Grounds(bound=ISSUE).answer(reading)
    unbound = Grounds(bound="money.retire").answer(reading)

    assert [(row.version, row.until_ms) for row in versions.rows] == [
        (1, versions.rows[1].from_ms),
        (2, None),
    ]
    assert [(row.version, row.in_force) for row in grounds.rows] == [(1, True), (2, False)]
    assert (unknown.rows, unknown.proved_by) == ([], ["state/norms/" + b"law/9".hex()])
    assert (unbound.rows, unbound.proved_by) == ([], ["state/bindings/" + b"money.retire".hex()])
