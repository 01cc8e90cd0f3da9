"""Whom to ask for which blocks: the plan, step by step (R69)."""

from __future__ import annotations

from msgspec.structs import replace

from kit.certified import sample_header
from kit.stored import certificate_over, transaction_id
from node.catchup_check import RUN_BLOCKS, held
from node.catchup_plan import FIRST_COUNT, PATIENCE_S, REST_S, SLOW_S, Held, Plan, Question
from node.questions import Certified
from primitives import limits
from primitives.block import Block
from primitives.ids import BlockId, Height


def block(height: int, link: str = "a", size: int = 100) -> Held:
    """A block that nobody looks into."""
    header = replace(sample_header(), height=Height(height))
    certificate = certificate_over(BlockId(transaction_id(height, 0)), Height(height))
    return Held(link, Certified(Block(header, ()), certificate), size)


def replace_relayed(one: Held) -> Held:
    """The same, passed on by its peer."""
    return Held(one.link, one.certified, one.size, is_relayed=True)


def questions(plan: Plan, now_s: float = 0.0) -> list[Question]:
    """Everything that is to be asked now."""
    found = []
    while (asked := plan.next_question(now_s)) is not None:
        found.append(asked)
    return found


def answer(plan: Plan, asked: Question, *, size: int = 100, tip: int = 10**6, at_s: float) -> None:
    """Whole, from a peer that has everything."""
    plan.answered(
        asked,
        kept_from=Height(0),
        height=Height(tip),
        blocks=[block(h, asked.link, size) for h in range(asked.first, asked.stop)],
        now_s=at_s,
    )


def test_ranges_go_to_several_peers_and_places_are_kept_for_repeats() -> None:
    """One question to a peer that has not answered yet, and so many in all."""
    plan = Plan(Height(1))
    for name in "abcdefgh":
        plan.promise(name, Height(10**6))

    asked = questions(plan)

    assert len(asked) == limits.CATCHUP_QUESTIONS_MAX - limits.CATCHUP_REPEATS_MAX
    assert [one.first for one in asked] == [1 + FIRST_COUNT * at for at in range(len(asked))]
    assert len({one.link for one in asked}) == len(asked)

    for repeats in range(1, limits.CATCHUP_REPEATS_MAX + 3):
        asked = questions(plan, repeats * PATIENCE_S)
        assert len(asked) == (repeats <= limits.CATCHUP_REPEATS_MAX)
        assert all(one.first == 1 for one in asked)
    assert plan.under_way == limits.CATCHUP_QUESTIONS_MAX


def test_nothing_is_asked_for_beyond_the_window() -> None:
    """The last height within it is; and one further when the height at hand is decided."""
    plan = Plan(Height(1))
    plan.promise("a", Height(10**6))
    end = 1 + limits.CATCHUP_HEIGHTS_AHEAD
    while one := questions(plan):
        for asked in one:
            assert asked.stop <= end
            answer(plan, asked, at_s=SLOW_S)

    assert plan.held_from(Height(end - 1)) is not None
    assert plan.held_from(Height(end)) is None
    plan.advance(Height(2))
    assert [(one.first, one.count) for one in questions(plan)] == [(end, 1)]


def test_what_was_passed_on_helps_and_never_stands_in_the_way() -> None:
    """The next two heights are kept, asked for all the same, and give way to what was asked for."""
    plan = Plan(Height(1))
    plan.hear("a", Height(4))
    relayed = [replace_relayed(block(height, "a", 7)) for height in (1, 2, 3, 4)]
    for one in relayed:
        plan.offer(one)

    kept = [plan.held_from(Height(height)) for height in (1, 2, 3, 4)]
    (asked,) = questions(plan)
    answer(plan, asked, at_s=0.1)

    assert kept == [None, relayed[1], relayed[2], None]
    assert (asked.first, asked.count) == (1, 3)
    assert plan.held_from(Height(2)) is not relayed[1]
    assert plan.held_bytes == 3 * 100


def test_what_is_overdue_is_asked_of_who_has_proved_useful() -> None:
    """Places for repeats are few: silent peers, however many, must not fill them all."""
    plan, end = Plan(Height(1)), Height(FIRST_COUNT + 10)
    plan.promise("useful", end)
    first, last = questions(plan)[0], Question("useful", end, 1, 0.0)
    answer(plan, first, tip=end, at_s=0.1)
    plan.forget("useful")
    plan.advance(Height(first.stop))
    plan.promise("silent", end)
    (overdue,) = questions(plan, 0.1)
    for name in ("another", "more", "useful"):
        plan.promise(name, end)
    answer(plan, last, tip=end, at_s=0.1)

    (again,) = questions(plan, 0.1 + PATIENCE_S)

    assert (overdue.link, overdue.first) == ("silent", plan.height)
    assert (again.link, again.first) == ("useful", plan.height)


def test_what_waits_is_bounded_in_bytes() -> None:
    """At the bound only the height at hand is asked for, and what is passed on is not kept."""
    plan = Plan(Height(1))
    plan.promise("a", Height(10**6))
    plan.promise("b", Height(10**6))
    low, high = questions(plan)
    size = limits.CATCHUP_BYTES_AHEAD // FIRST_COUNT
    answer(plan, high, size=size - 1, at_s=1.0)
    assert [one.first for one in questions(plan, 1.0)] == [high.stop, high.stop + FIRST_COUNT]

    plan = Plan(Height(1))
    plan.promise("a", Height(10**6))
    plan.promise("b", Height(10**6))
    low, high = questions(plan)
    answer(plan, high, size=size, at_s=1.0)
    assert plan.held_bytes == limits.CATCHUP_BYTES_AHEAD
    assert questions(plan, 1.0) == []
    plan.failed(low, 1.0)
    assert [one.first for one in questions(plan, 1.0)] == [1]


def test_a_peer_is_asked_for_as_much_as_it_brings_in_about_a_second() -> None:
    """More after a quick answer, up to the longest range; less after a slow one or none."""
    plan, now_s = Plan(Height(1)), 0.0
    plan.promise("a", Height(10**6))
    counts = []
    for took_s in (0.4, 0.4, 0.4, 0.4, SLOW_S + 1, 1.0):
        asked = questions(plan, now_s)
        counts.append([one.count for one in asked])
        now_s += took_s
        for one in asked:
            answer(plan, one, at_s=now_s)
        plan.advance(Height(asked[-1].stop))

    longest = limits.RANGE_BLOCKS_MAX
    assert counts == [[32], [64, 64], [128, 128], [longest, longest], [longest, longest], [64, 64]]


def test_an_answer_that_was_cut_says_how_much_fits() -> None:
    """Large blocks: the next question is for as many as came."""
    plan = Plan(Height(1))
    plan.promise("a", Height(1_000))
    (asked,) = questions(plan)
    came = [block(height) for height in (1, 2, 3)]
    plan.answered(asked, kept_from=Height(1), height=Height(1_000), blocks=came, now_s=1.0)

    assert [(one.first, one.count) for one in questions(plan, 1.0)] == [(4, 3), (7, 3)]


def test_who_fails_is_asked_more_and_more_rarely() -> None:
    """Never given up: the pause is bounded."""
    plan, now_s, pauses = Plan(Height(1)), 0.0, []
    plan.promise("a", Height(100))
    for _ in range(9):
        (asked,) = questions(plan, now_s)
        plan.failed(asked, now_s)
        assert questions(plan, now_s) == []
        wake_s = plan.wake_s(now_s)
        assert wake_s is not None
        pauses.append(wake_s - now_s)
        now_s = wake_s

    assert pauses == [REST_S * factor for factor in (1, 2, 4, 8, 16, 20, 20, 20, 20)]


def test_who_has_nothing_of_what_it_promised_is_believed_no_more() -> None:
    """Whatever it says, until it is linked anew; who keeps only newer blocks is."""
    plan = Plan(Height(10))
    plan.promise("boaster", Height(100))
    (asked,) = questions(plan)
    believed = plan.answered(asked, kept_from=Height(1), height=Height(10), blocks=(), now_s=1.0)
    plan.promise("boaster", Height(200))
    after = questions(plan, 60.0)
    assert (believed, after) == (False, [])

    plan.forget("boaster")
    plan.promise("boaster", Height(200))
    (anew,) = questions(plan, 60.0)
    pruned = plan.answered(anew, kept_from=Height(50), height=Height(200), blocks=(), now_s=61.0)
    plan.advance(Height(50))

    assert pruned
    assert questions(plan, 62.0)[0].first == 50


def test_the_target_is_what_more_than_f_voters_stand_for() -> None:
    """One liar among four moves it nowhere; with too few links, whoever brings blocks is shown."""
    plan = Plan(Height(10))
    voting = ("v1", "v2", "v3")
    plan.promise("v1", Height(10**6))
    plan.promise("observer", Height(10**7))
    alone = plan.target(1, voting)
    asked = questions(plan)
    answer(plan, next(one for one in asked if one.link == "v1"), at_s=0.1)
    one_link = plan.target(1, voting)
    plan.promise("v2", Height(50))
    plan.promise("v3", Height(40))

    assert alone == 10, "nobody has brought anything"
    assert one_link == 10**6
    assert plan.target(1, voting) == 50
    assert plan.target(2, voting) == 40
    assert Plan(Height(10)).target(1, voting) == 10


def test_a_run_of_checks_is_bounded() -> None:
    """Its blocks and bytes are less than what is checked ahead, and that less than what waits."""
    assert held("a", block(1).certified).size * RUN_BLOCKS <= limits.CATCHUP_RUN_BYTES
    assert limits.CATCHUP_RUN_BYTES < limits.CATCHUP_CHECKED_BYTES < limits.CATCHUP_BYTES_AHEAD
