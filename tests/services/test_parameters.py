"""Parameters: the governor changes them, and the next block goes by them."""

import pytest
from msgspec.structs import asdict, replace

from kit.governing import GOVERNOR, LAW, Decree, calls_of, decide, governed, law
from kit.ledger import Chain, genesis_document, pay
from ledger.norms import ActedUnder, NoNormInForce
from ledger.parameters import (
    DEFAULTS,
    RANGES,
    HeartbeatTooShort,
    MinimumNotReached,
    NotTheGovernor,
    ParameterChange,
    ParameterName,
    ParameterOutOfRange,
    Parameters,
    ParameterTwice,
    TimeoutsReversed,
    parameters,
)
from ledger.transaction import TOO_FAR_AHEAD
from ledger.window import WINDOW_IDS
from primitives import kernel_limits, limits
from primitives.codec import decode, encode
from primitives.errors import Malformed, Rejected
from primitives.ids import Height
from services.authority.norms import RepealNorm
from services.authority.parameters import ParameterChanged, SetParameters

HEARTBEAT, WINDOW = ParameterName.HEARTBEAT_MS, ParameterName.WINDOW_MS


@pytest.fixture
def chain() -> Chain:
    return governed()


def setting(*changes: tuple[ParameterName, int]) -> SetParameters:
    return SetParameters(tuple(ParameterChange(name, value) for name, value in changes))


def test_only_what_is_named_changes(chain: Chain) -> None:
    """And the receipt says from which block on."""
    receipt = decide(chain, setting((HEARTBEAT, 30_000), (WINDOW, 60_000)))

    assert parameters(chain.state) == replace(DEFAULTS, heartbeat_ms=30_000, window_ms=60_000)
    assert receipt.events == (
        ParameterChanged(Height(2), HEARTBEAT, 30_000, 60_000),
        ParameterChanged(Height(2), WINDOW, 60_000, 7_200_000),
    )


def test_a_change_is_in_force_from_the_next_block(chain: Chain) -> None:
    """The block that makes it still goes by what stood below it."""
    body = chain.body(("treasury", pay("works", 1, "a")), valid_for_ms=90_000)
    far = chain.check(body, "treasury")
    run = chain.run()
    change = chain.act("works", Decree(GOVERNOR, calls_of(GOVERNOR, setting((WINDOW, 60_000)))))
    run.admit(change)
    run.apply(change)
    run.admit(far)
    chain.state.commit(run.finish())

    with pytest.raises(Rejected) as caught:
        chain.run().admit(far)
    assert caught.value.code == TOO_FAR_AHEAD


def test_nobody_but_the_governor_sets_a_parameter(chain: Chain) -> None:
    """Not the registrar, and not the account of a validator."""
    for actor in ("registrar", "body 0"):
        (receipt,) = chain.block(chain.act(actor, setting((HEARTBEAT, 30_000))))
        assert isinstance(receipt.refusal, NotTheGovernor)
    assert parameters(chain.state) == DEFAULTS


@pytest.mark.parametrize("name", ParameterName)
def test_a_value_out_of_its_range_is_refused(chain: Chain, name: ParameterName) -> None:
    """The range is that of the type, so the row can always be read."""
    least, most = RANGES[name]

    for value in (least - 1, most + 1):
        receipt = decide(chain, setting((name, value)))
        assert receipt.refusal == ParameterOutOfRange(name, value, least, most)
    for value in (least, most):
        encoded = encode(replace(DEFAULTS, **{name.value: value}))
        assert getattr(decode(encoded, Parameters, limit=100), name.value) == value


def test_every_parameter_can_be_named() -> None:
    """The names are the fields."""
    assert [name.value for name in ParameterName] == list(asdict(DEFAULTS))
    assert RANGES[ParameterName.WINDOW_MS] == (1, limits.WINDOW_MS_MAX)
    assert RANGES[ParameterName.MINIMUM_VALIDATORS] == (1, limits.VALIDATORS_MAX)


def test_what_contradicts_itself_is_refused(chain: Chain) -> None:
    """By the rules that genesis is judged by."""
    t0, tmax = ParameterName.T0_MS, ParameterName.TMAX_MS
    interval, minimum = ParameterName.MINIMUM_INTERVAL_MS, ParameterName.MINIMUM_VALIDATORS

    assert decide(chain, setting((t0, 10_001))).refusal == TimeoutsReversed(10_001, 10_000)
    assert decide(chain, setting((t0, 10_001), (tmax, 10_001))).refusal is None
    assert decide(chain, setting((HEARTBEAT, 99))).refusal == HeartbeatTooShort(100, 99)
    assert decide(chain, setting((interval, 60_001))).refusal == HeartbeatTooShort(60_001, 60_000)
    assert decide(chain, setting((minimum, 5))).refusal == MinimumNotReached(4, 5)
    assert decide(chain, setting((t0, 5), (t0, 6))).refusal == ParameterTwice(t0)


def test_a_change_names_so_many_parameters() -> None:
    """At the limit it is read, above it, or empty, it is malformed."""
    most = kernel_limits.PARAMETER_CHANGES_MAX
    one = (HEARTBEAT, 1_000)

    longest = setting(*[one] * most)
    assert decode(encode(longest), SetParameters, limit=1_000) == longest
    for bad in (setting(*[one] * (most + 1)), setting()):
        with pytest.raises(Malformed):
            decode(encode(bad), SetParameters, limit=1_000)


def test_a_bound_parameter_needs_its_law(chain: Chain) -> None:
    """And the change says which."""
    decide(chain, law(binds=("parameters.heartbeat_ms",)))
    lawful = decide(chain, setting((HEARTBEAT, 30_000)))
    decide(chain, RepealNorm(LAW))
    without = decide(chain, setting((HEARTBEAT, 20_000)))
    free = decide(chain, setting((WINDOW, 60_000)))

    assert lawful.events[0] == ActedUnder("parameters.heartbeat_ms", LAW, 1)
    assert isinstance(without.refusal, NoNormInForce)
    assert free.refusal is None
    assert parameters(chain.state).heartbeat_ms == 30_000


def test_what_is_forgotten_stays_forgotten_when_the_window_grows() -> None:
    """Ids that went with a short window do not come back with a long one: the state says so."""
    chain = governed(genesis_document(parameters=replace(DEFAULTS, window_ms=60_000)))
    for _ in range(3):
        chain.block()
    chain.time_ms += 120_000  # type: ignore[assignment] # a time all the same
    chain.block()
    decide(chain, setting((WINDOW, 7_200_000)))
    before = chain.time_ms - 60_000
    chain.block()

    row = WINDOW_IDS.read(chain.state, chain.state.height)
    assert row is not None
    assert row.forgotten == before
    assert row.oldest == 4


def test_ids_are_forgotten_earlier_when_the_window_shrinks(chain: Chain) -> None:
    """From the block after the change on."""
    chain.block()
    chain.time_ms += 120_000  # type: ignore[assignment] # a time all the same
    decide(chain, setting((WINDOW, 60_000)))
    before = WINDOW_IDS.read(chain.state, chain.state.height)
    chain.block()
    after = WINDOW_IDS.read(chain.state, chain.state.height)

    assert before is not None
    assert before.forgotten == chain.time_ms - 1_000 - DEFAULTS.window_ms
    assert after is not None
    assert (after.forgotten, after.oldest) == (chain.time_ms - 60_000, 2)
