"""What a node notices of the others, and for how long it remembers it."""

from __future__ import annotations

from msgspec.structs import replace

from kit.engines import begun
from kit.ledger import pay
from kit.situations import ABOUT
from node.about import parameters_digest
from node.lookout import CLOCKS_KEPT, Lookout
from node.wire import Decided
from primitives import limits
from primitives.ids import Height, TimeMs, TransactionId

NOW = TimeMs(1_790_000_000_000)
"""Our clock."""


def fresh() -> Lookout:
    """Of a node after block 1."""
    return Lookout(begun(4).validators()[0].alive, 0)


def test_a_link_stands_from_its_beginning_to_its_end() -> None:
    """And each turn has its moment."""
    lookout = fresh()
    assert not lookout.is_live("a", 0)

    lookout.link_up("a", 10)
    assert lookout.untold == {"a"}
    assert lookout.contacts["a"].turned_ms == 10
    assert lookout.is_live("a", 10)

    lookout.link_down("a", 20)
    assert lookout.untold == set()
    assert lookout.contacts["a"].turned_ms == 20
    assert not lookout.is_live("a", 20)


def test_a_link_on_which_nothing_comes_is_not_live() -> None:
    """From one moment to the next."""
    lookout = fresh()
    lookout.link_up("a", 0)
    lookout.heard("a", 1_000)

    assert lookout.is_live("a", 1_000 + limits.QUIET_MS)
    assert not lookout.is_live("a", 1_000 + limits.QUIET_MS + 1)
    assert limits.QUIET_STALLED_MS < limits.QUIET_MS
    assert limits.QUIET_MS > 2 * limits.ABOUT_EVERY_MS


def test_of_its_clock_the_least_delayed_word_counts() -> None:
    """A word under way makes a clock look late, never early; and old words are forgotten."""
    lookout = fresh()
    lookout.link_up("a", 0)
    for second, late_ms in enumerate([900, 20, 400]):
        said = replace(ABOUT, clock_ms=TimeMs(NOW + 5_000 - late_ms))
        lookout.told("a", said, second * 1_000, NOW)
    assert lookout.contacts["a"].clock_ahead_ms == 5_000 - 20

    for second in range(3, 3 + CLOCKS_KEPT):
        lookout.told("a", replace(ABOUT, clock_ms=NOW), second * 1_000, NOW)
    assert lookout.contacts["a"].clock_ahead_ms == 0


def test_who_says_it_too_often_is_not_heard() -> None:
    """R72: the newest of what is within the allowance stays."""
    lookout = fresh()
    lookout.link_up("a", 0)
    for number in range(limits.ABOUTS_PER_SECOND + 1):
        lookout.told("a", replace(ABOUT, waiting=number), 0, NOW)

    said = lookout.contacts["a"].about
    assert said is not None
    assert said.waiting == limits.ABOUTS_PER_SECOND - 1


def test_peers_that_are_gone_make_room() -> None:
    """The oldest without a link, and never one that has one."""
    lookout = fresh()
    lookout.link_up("linked", 0)
    for number in range(limits.CONTACTS_KEPT_MAX):
        lookout.heard(f"gone {number}", 0)

    assert len(lookout.contacts) == limits.CONTACTS_KEPT_MAX
    assert "linked" in lookout.contacts
    assert "gone 0" not in lookout.contacts
    assert f"gone {limits.CONTACTS_KEPT_MAX - 1}" in lookout.contacts


def test_it_sees_when_work_begins_and_when_the_replica_moves() -> None:
    """At each height anew; without work there is no beginning."""
    network = begun(4)
    node = network.validators()[0]
    lookout = Lookout(node.alive, 0)
    lookout.look(1_000)
    assert lookout.work_ms is None
    assert lookout.step_ms == 1_000

    lookout.look(2_000)
    assert lookout.step_ms == 1_000

    network.submit(node, network.transaction("treasury", pay("works", 1, "A")))
    lookout.look(3_000)
    assert lookout.work_ms == 3_000

    network.run(network.all_at(2, network.validators()))
    lookout.look(4_000)
    assert lookout.work_ms is None
    assert lookout.step_ms == 4_000


def test_it_remembers_when_somebody_signed_last() -> None:
    """Who signs on is seen anew; who does not keeps the old moment."""
    network = begun(4)
    node, dead = network.validators()[0], network.validators()[3]
    lookout = Lookout(node.alive, 0)
    lookout.look(1_000)
    network.crash(dead.name)
    network.submit(node, network.transaction("treasury", pay("works", 1, "A")))
    living = network.validators()[:3]
    network.run(network.all_at(2, living))
    lookout.look(2_000)

    moments = {key: at_ms for key, (_, at_ms) in lookout.signed.items()}
    assert {moments[one.validator] for one in living[1:] if one.validator is not None} == {2_000}
    assert dead.validator is not None
    assert moments.get(dead.validator, 1_000) == 1_000


def test_it_remembers_so_many_blocks() -> None:
    """Of each who is in its certificate."""
    network = begun(4)
    store = network.validators()[0].store
    block, certificate = store.block(Height(1)), store.certificate(Height(1))
    assert certificate is not None
    lookout = fresh()
    for moment in range(limits.BLOCKS_WATCHED + 1):
        lookout.decided(Decided(block, certificate), moment)

    assert len(lookout.blocks) == limits.BLOCKS_WATCHED
    assert lookout.blocks[0].at_ms == 1
    assert lookout.blocks[0].seats == {seal.seat for seal in certificate.seals}


def test_how_far_it_is_behind_is_judged_when_it_speaks() -> None:
    """A minute later we may be further on, and it too."""
    network = begun(4)
    lookout = Lookout(network.validators()[0].alive, 0)
    parent = network.validators()[0].alive.parent
    same = parameters_digest(parent.parameters)

    lookout.told("a", replace(ABOUT, height=Height(0)), 0, NOW)
    contact = lookout.contacts["a"]
    assert (contact.behind, contact.same_parameters) == (1, None)

    lookout.told("a", replace(ABOUT, height=Height(1), parameters=same), 1_000, NOW)
    assert (contact.behind, contact.same_parameters) == (0, True)

    lookout.told("a", replace(ABOUT, height=Height(1)), 2_000, NOW)
    assert (contact.behind, contact.same_parameters) == (0, False)

    lookout.told("a", replace(ABOUT, height=Height(9)), 3_000, NOW)
    assert (contact.behind, contact.same_parameters) == (-8, False)


def test_it_takes_the_time_of_so_many_transactions() -> None:
    """Of the oldest no longer, where more than these wait; and the newest times are kept."""
    lookout = fresh()
    names = [TransactionId(b"%032d" % number) for number in range(limits.FINALITY_WATCHED + 1)]
    lookout.submitted(names, 1_000)
    lookout.submitted(names[-1:], 1_500)

    lookout.final([names[0], names[-1]], 1_700)
    assert list(lookout.finality) == [700]

    lookout.final(names[1:-1], 1_800)
    assert len(lookout.finality) == limits.FINALITY_KEPT
    lookout.final(names, 9_000)
    assert set(lookout.finality) == {800}


def test_a_new_link_begins_without_the_words_of_the_last() -> None:
    """R72: it may be another process that speaks there now, and its clock may be right."""
    lookout = fresh()
    lookout.link_up("a", 0)
    lookout.told("a", ABOUT, 1_000, NOW)
    lookout.link_down("a", 2_000)
    assert lookout.contacts["a"].about == ABOUT

    lookout.link_up("a", 3_000)

    contact = lookout.contacts["a"]
    assert (contact.about, contact.same_parameters, contact.clock_ahead_ms) == (None, None, None)


def test_where_the_chain_stands_still_silence_is_noticed_sooner() -> None:
    """Validators then say twice a second where they stand; from one moment to the next."""
    network = begun(4)
    node = network.validators()[0]
    lookout = Lookout(node.alive, 0)
    lookout.link_up("a", 0)
    network.submit(node, network.transaction("treasury", pay("works", 1, "A")))
    lookout.look(0)
    still = limits.QUIET_STALLED_MS

    lookout.heard("a", 1)
    assert lookout.is_live("a", still + 1)
    assert not lookout.is_live("a", still + 2)

    lookout.work_ms = None
    assert lookout.is_live("a", still + 2)
