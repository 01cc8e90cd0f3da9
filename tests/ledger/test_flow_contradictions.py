"""What a flow must be before it is published; nothing is looked up for it."""

import pytest
from msgspec.structs import replace

from kit.flows import ANYONE, APPLICANT, DAY, flow, silent, simple, state, way
from ledger.flows import (
    Consent,
    Definition,
    FlowState,
    HandedIn,
    HolderFor,
    IntoTheDoor,
    Party,
    PartyTwice,
    Silence,
    SilenceAsks,
    SilenceCircles,
    SilenceTwice,
    SilentDoor,
    StateTwice,
    TooManyParties,
    TransitionTwice,
    UnknownParty,
    UnknownState,
    Unreachable,
    ValidRecord,
    contradictions,
    parties_of,
)
from ledger.operation import Refusal, sentence
from primitives import kernel_limits as limits
from primitives.codec import decode, encode
from primitives.errors import Malformed

DOOR = state("door", way("apply", "open"))
OPEN = state("open", way("close", "closed"))
CLOSED = state("closed")


def test_a_simple_flow_contradicts_nothing() -> None:
    """Two states are enough: a door, and an end."""
    assert list(contradictions(simple())) == []
    assert list(contradictions(flow(state("door", way("report", "done")), state("done")))) == []


CONTRADICTIONS: list[tuple[str, Definition, Refusal]] = [
    ("a party twice", flow(DOOR, OPEN, CLOSED, parties=("a", "b", "a")), PartyTwice("a")),
    ("a state twice", flow(DOOR, OPEN, CLOSED, OPEN), StateTwice("open")),
    (
        "a transition twice",
        flow(DOOR, state("open", way("close", "closed"), way("close", "closed")), CLOSED),
        TransitionTwice("open", "close"),
    ),
    (
        "a way to nowhere",
        flow(DOOR, state("open", way("close", "shut")), CLOSED),
        UnknownState("open", "close", "shut"),
    ),
    ("a state that nothing leads to", flow(DOOR, OPEN, CLOSED, state("lost")), Unreachable("lost")),
    (
        "a way back to the door",
        flow(DOOR, state("open", way("again", "door"), way("close", "closed")), CLOSED),
        IntoTheDoor("open", "again"),
    ),
    (
        "a door that leads to itself",
        flow(state("door", way("wait", "door"), way("apply", "open")), OPEN, CLOSED),
        IntoTheDoor("door", "wait"),
    ),
    (
        "a door that opens by itself",
        flow(state("door", way("apply", "open"), silent("begin", "open", DAY)), OPEN, CLOSED),
        SilentDoor("begin"),
    ),
    (
        "two silences in a state",
        flow(DOOR, state("open", silent("a", "closed", 1), silent("b", "closed", 2)), CLOSED),
        SilenceTwice("open", "a"),
    ),
    (
        "silence that needs something",
        flow(DOOR, state("open", way("a", "closed", Silence(DAY), HandedIn())), CLOSED),
        SilenceAsks("open", "a"),
    ),
    (
        "silence that rests",
        flow(DOOR, state("open", way("a", "closed", Silence(DAY), rest_ms=1)), CLOSED),
        SilenceAsks("open", "a"),
    ),
    (
        "silence that names an officer",
        flow(DOOR, state("open", way("a", "closed", Silence(DAY), assigns="officer")), CLOSED),
        SilenceAsks("open", "a"),
    ),
    (
        "silence that stays",
        flow(DOOR, state("open", silent("again", "open", DAY), way("close", "closed")), CLOSED),
        SilenceCircles("open"),
    ),
    (
        "a mover nobody names",
        flow(DOOR, state("open", way("close", "closed", Party("judge"))), CLOSED),
        UnknownParty("open", "close", "judge"),
    ),
    (
        "an office nobody names",
        flow(DOOR, state("open", way("close", "closed", HolderFor("clerk", "office"))), CLOSED),
        UnknownParty("open", "close", "office"),
    ),
    (
        "a consent of nobody",
        flow(DOOR, state("open", way("close", "closed", ANYONE, Consent("judge"))), CLOSED),
        UnknownParty("open", "close", "judge"),
    ),
    (
        "a record of nobody",
        flow(DOOR, state("open", way("close", "closed", ANYONE, ValidRecord("k", "j"))), CLOSED),
        UnknownParty("open", "close", "j"),
    ),
]


@pytest.mark.parametrize(
    ("definition", "refusal"),
    [pytest.param(definition, refusal, id=name) for name, definition, refusal in CONTRADICTIONS],
)
def test_a_flow_that_contradicts_itself_is_none(definition: Definition, refusal: Refusal) -> None:
    """Each way has its refusal, and the refusal says where."""
    assert list(contradictions(definition)) == [refusal]
    assert sentence(refusal)


def test_silences_that_lead_back_are_found_from_each_of_their_states() -> None:
    """Also where a state leads into the circle without being part of it."""
    definition = flow(
        DOOR,
        state("open", silent("a", "one", DAY)),
        state("one", silent("b", "two", DAY), way("close", "closed")),
        state("two", silent("c", "one", DAY)),
        CLOSED,
    )

    assert list(contradictions(definition)) == [SilenceCircles("one"), SilenceCircles("two")]


def test_a_circle_with_a_hand_in_it_is_none_of_silence() -> None:
    """Returned, supplemented, returned: as often as people like."""
    definition = flow(
        DOOR,
        state("open", silent("remind", "reminded", DAY), way("close", "closed")),
        state("reminded", way("answer", "open", APPLICANT)),
        CLOSED,
    )

    assert list(contradictions(definition)) == []


def test_a_move_may_name_a_party_that_others_speak_of() -> None:
    """It is known to the whole flow, wherever it is named."""
    definition = flow(
        DOOR,
        state(
            "open", way("close", "closed", Party("officer")), way("name", "open", assigns="officer")
        ),
        CLOSED,
    )

    assert list(contradictions(definition)) == []
    assert parties_of(definition) == ["applicant", "officer"]


def test_a_flow_has_so_many_parties() -> None:
    """FLOW_PARTIES_MAX, those that moves name included."""
    codes = tuple(f"p{index}" for index in range(limits.FLOW_PARTIES_MAX))
    at_limit = flow(DOOR, OPEN, CLOSED, parties=codes)
    above = flow(
        DOOR, state("open", way("close", "closed", assigns="one_more")), CLOSED, parties=codes
    )

    assert list(contradictions(at_limit)) == []
    assert list(contradictions(above)) == [
        TooManyParties(limits.FLOW_PARTIES_MAX + 1, limits.FLOW_PARTIES_MAX)
    ]


def accepts(definition: Definition) -> bool:
    try:
        decode(encode(definition), Definition, limit=1_000_000)
    except Malformed:
        return False
    return True


def chained(count: int) -> Definition:
    """A door and so many states in a row, silence leading through all of them."""
    ahead = [state(f"s{index}", silent("on", f"s{index + 1}", DAY)) for index in range(count - 1)]
    return flow(state("door", way("apply", "s0")), *ahead, state(f"s{count - 1}"))


def test_a_flow_has_so_many_states() -> None:
    """FLOW_STATES_MAX, and two at least."""
    assert accepts(chained(limits.FLOW_STATES_MAX - 1))
    assert list(contradictions(chained(limits.FLOW_STATES_MAX - 1))) == []
    assert not accepts(chained(limits.FLOW_STATES_MAX))
    assert not accepts(flow(state("door")))


def crowded(count: int) -> FlowState:
    return state("open", *(way(f"t{index}", "closed") for index in range(count)))


def test_a_state_has_so_many_ways_out() -> None:
    """STATE_TRANSITIONS_MAX."""
    assert accepts(flow(DOOR, crowded(limits.STATE_TRANSITIONS_MAX), CLOSED))
    assert not accepts(flow(DOOR, crowded(limits.STATE_TRANSITIONS_MAX + 1), CLOSED))


def needy(count: int) -> Definition:
    return flow(DOOR, state("open", way("close", "closed", ANYONE, *(HandedIn(),) * count)), CLOSED)


def test_a_transition_has_so_many_needs() -> None:
    """TRANSITION_NEEDS_MAX."""
    assert accepts(needy(limits.TRANSITION_NEEDS_MAX))
    assert not accepts(needy(limits.TRANSITION_NEEDS_MAX + 1))


@pytest.mark.parametrize("after_ms", [0, limits.FLOW_LAPSE_MS_MAX + 1, -1])
def test_silence_lasts_between_a_moment_and_a_century(after_ms: int) -> None:
    """FLOW_LAPSE_MS_MAX; and so does any rest."""
    silences = flow(DOOR, state("open", silent("a", "closed", after_ms)), CLOSED)
    rests = flow(DOOR, state("open", way("a", "closed", rest_ms=after_ms)), CLOSED)
    longest = flow(DOOR, state("open", silent("a", "closed", limits.FLOW_LAPSE_MS_MAX)), CLOSED)

    assert not accepts(silences)
    assert accepts(rests) is (after_ms == 0)
    assert accepts(longest)


def test_codes_are_short_words() -> None:
    """FLOW_CODE_LENGTH_MAX and FLOW_PARTY_LENGTH_MAX characters, in small letters."""
    longest = "a" * limits.FLOW_CODE_LENGTH_MAX
    party = "p" * limits.FLOW_PARTY_LENGTH_MAX
    named = flow(state("door", way("apply", longest)), state(longest), parties=(party,))

    assert accepts(named)
    assert not accepts(replace(named, parties=(party + "p",)))
    assert not accepts(replace(named, states=(state(longest + "a"), state("b"))))
    assert not accepts(replace(named, states=(state("Door"), state("b"))))
