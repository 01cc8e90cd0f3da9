"""A node that lost its signer's memory, was restored, or has a clone (rules R50 to R52)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from consensus.messages import Commit, Prepare, Status
from kit.crafted import built
from kit.disks import MortalDatabase, MortalFile, PowerLoss
from kit.engines import Network, Node, begun, everything
from kit.ledger import pay
from kit.lives import (
    heights_of_new_words,
    listen,
    no_commits,
    stopped_at_commit,
    words_of,
    work,
)
from node import wire
from node.guard import HEIGHT_DECIDED, NOT_FENCED
from node.outbox import Outbox
from node.signer_memory import Memory, Turn, read_memory
from node.standing import SigningState, SigningStatus
from primitives.block import block_id
from primitives.errors import Rejected
from primitives.ids import Height
from sim.letters import Letter
from sim.machine import Machine
from storage.decision import VoteStep


def lose_file(node: Node) -> None:
    """Somebody deleted signer.state."""
    node.memory = MortalFile(None)


def damage_file(node: Node) -> None:
    """Its last byte is gone."""
    data = node.memory.read()
    assert data is not None
    node.memory = MortalFile(data[:-1])


def lose_everything(node: Node) -> None:
    """The machine burnt; the key was in a safe."""
    node.database = node.site.machine(node.name, node.key).database
    lose_file(node)


def restored(node: Node, backup: tuple[dict[bytes, bytes], bytes | None]) -> None:
    """Database and signer's file as they once were."""
    node.database, node.memory = MortalDatabase(backup[0]), MortalFile(backup[1])


def backup_of(node: Node) -> tuple[dict[bytes, bytes], bytes | None]:
    return node.database.contents(), node.memory.read()


def standing(node: Node) -> SigningStatus:
    found = node.alive.signing
    assert found is not None
    return found


def state_of(node: Node) -> SigningState:
    return standing(node).state


def memory_of(node: Node) -> Memory:
    data = node.memory.read()
    assert data is not None
    assert node.validator is not None
    return read_memory(data, node.validator)


def decide(network: Network, count: int = 1) -> None:
    """So many blocks more at every node that is up."""
    for _ in range(count):
        top = max(node.height for node in network.up())
        work(network, f"for height {top + 1}")
        network.run(network.all_at(top + 1))


def unfence(network: Network, node: Node, height: int | None) -> None:
    """As its operator does."""

    def deed(machine: Machine, at: int) -> Outbox:
        chosen = None if height is None else Height(height)
        return machine.alive.unfence(chosen, "the operator", machine.clock(at))

    network._do(node, deed)


@pytest.mark.parametrize("lose", [lose_file, damage_file, lose_everything])
def test_a_lost_memory_fences_a_node_until_a_height_that_is_certainly_new(
    lose: Callable[[Node], None],
) -> None:
    """It follows; three others answer at block t; it signs from t + 3 and not below (R51)."""
    network = begun()
    node = stopped_at_commit(network)
    before = words_of(network, node)
    lose(node)
    network.passes = everything
    listen(network)

    network.start(node.name)
    lost = standing(node)
    network.run(lambda: "signer.returns" in node.events())
    returned = standing(node)
    decide(network, 5)

    assert lost.state is SigningState.FENCED
    assert (lost.answered, lost.needed, lost.sign_from) == (0, 3, None)
    assert returned.state is SigningState.FENCED
    assert returned.sign_from is not None
    assert returned.sign_from in {4, 5}, "block 1 or 2 was the newest"
    assert min(heights_of_new_words(network, node, before)) == returned.sign_from
    assert state_of(node) is SigningState.SIGNING
    assert memory_of(node).story[-1].turn is Turn.RETURNED
    network.check_agreement()
    network.check_honesty()


def test_until_then_nothing_is_written() -> None:
    """A file without a height to sign from would say that nothing was ever signed."""
    network = begun()
    node, silent = stopped_at_commit(network), network.validators()[0]
    if silent is node:
        silent = network.validators()[1]
    lose_file(node)
    network.passes = lambda sender, receiver, message: (
        not (sender == silent.name and receiver == node.name and isinstance(message, Status))
    )

    network.start(node.name)
    decide(network, 4)
    network.run_for(5_000)

    assert node.memory.read() is None
    assert (standing(node).answered, standing(node).needed) == (2, 3)
    assert "the signer's memory is missing" in str(standing(node).reason)
    network.crash(node.name)
    network.passes = everything
    network.start(node.name)
    network.run(lambda: node.memory.read() is not None)
    assert "the signer's memory is missing" in memory_of(node).story[-1].words


def test_a_missing_memory_is_not_written_by_what_is_shown() -> None:
    """That a statement of ours is known is no memory of ours."""
    network = begun()
    node = stopped_at_commit(network)
    lose_file(node)
    silent = network.up()[0]
    network.passes = lambda sender, receiver, message: (
        sender != silent.name or receiver != node.name or not isinstance(message, Status)
    )
    network.start(node.name)
    decide(network, 2)

    assert state_of(node) is SigningState.FENCED
    assert node.memory.read() is None


def test_it_may_have_voted_two_heights_above_what_the_answers_prove() -> None:
    """It alone had decided block 2, and proposed block 3; the others answer at block 1 (R51)."""
    network = begun()
    node = network.proposer(3)
    network.passes = lambda _s, receiver, message: (
        receiver == node.name if isinstance(message, Commit) else True
    )
    listen(network)
    work(network, "for block 2")
    network.run(lambda: node.height == 2)
    network.passes = lambda sender, _r, message: (
        not isinstance(message, Commit) and (sender != node.name or message_height(message) < 3)
    )
    work(network, "for block 3")
    network.submit(node, *node.alive.mempool)
    network.run(lambda: any(place[0] == 3 for place in words_of(network, node)))
    before = words_of(network, node)
    network.crash(node.name)
    assert {other.height for other in network.up()} == {1}
    lose_everything(node)

    network.start(node.name)
    network.run(lambda: "signer.returns" in node.events())
    network.passes = everything
    decide(network, 4)

    assert max(place[0] for place in before) == 3
    assert memory_of(node).story[-1].height == 4
    assert min(heights_of_new_words(network, node, before)) == 4
    network.check_agreement()
    network.check_honesty()


def message_height(message: wire.Wire) -> int:
    """Of a vote or a proposal; below all where there is none."""
    told = message.pre_prepare if isinstance(message, wire.Proposed) else message
    return getattr(told, "height", 0)


def test_the_height_is_taken_once() -> None:
    """A restart while it waits takes no other; below, it has no seat and asks for none (R51)."""
    network = begun()
    node = stopped_at_commit(network)
    lose_file(node)
    network.start(node.name)
    network.run(lambda: "signer.returns" in node.events())
    taken = standing(node).sign_from

    network.crash(node.name)
    network.start(node.name)
    network.run_for(4_000)

    assert node.events().count("signer.returns") == 1
    assert memory_of(node).sign_from == taken
    assert node.alive.seat is None
    assert "signer.refused" not in node.events()


@pytest.mark.parametrize("when", ["before the signer's file", "after the signer's file"])
def test_power_loss_while_it_is_taken_leaves_a_whole_file_or_none(when: str) -> None:
    """The next run takes a height anew, or goes on with the one taken."""
    network = begun()
    node = stopped_at_commit(network)
    before = words_of(network, node)
    lose_file(node)
    network.passes = everything

    def danger(point: str) -> None:
        if point == when:
            node.memory.danger = lambda _: None
            raise PowerLoss(point)

    node.memory.danger = danger
    network.start(node.name)
    network.run(lambda: node.engine is None)
    assert (node.memory.read() is None) is when.startswith("before")

    listen(network)
    network.start(node.name)
    decide(network, 6)

    assert min(heights_of_new_words(network, node, before)) >= memory_of(node).sign_from > 3
    network.check_honesty()


@pytest.mark.parametrize("heights", [1, 2, 5])
def test_a_node_restored_from_an_old_backup_is_shown_what_it_signed_since(heights: int) -> None:
    """Database and signer's file agree with each other; its peers remember more (R50)."""
    network = begun()
    node = network.validators()[0]
    backup = backup_of(node)
    decide(network, heights)
    listen(network)
    network.passes = no_commits
    work(network, "the last before the fire")
    network.run(lambda: any(step is VoteStep.COMMIT for *_, step in words_of(network, node)))
    network.crash(node.name)
    network.passes = everything
    top = max(words_of(network, node))
    restored(node, backup)

    listen(network)
    network.start(node.name)
    network.run(lambda: "signer.returns" in node.events())
    decide(network, 5)

    assert "the signer's memory is an old one" in node.reasons("signer.fenced")[0]
    assert 0 < memory_of(node).forgotten <= top[0]
    assert min(place[0] for place in words_of(network, node)) > top[0]
    assert state_of(node) is SigningState.SIGNING
    network.check_agreement()
    network.check_honesty()


def test_an_old_backup_stays_fenced_when_its_next_answers_know_nothing() -> None:
    """What was shown once is in the file; a restart among the forgetful frees it not (R50)."""
    network = begun()
    node, witness, *others = network.validators()
    backup = backup_of(node)
    decide(network)
    network.crash(node.name)
    restored(node, backup)
    forgetful = {other.name for other in others}
    network.passes = lambda sender, receiver, message: (
        receiver != node.name or (sender == witness.name and isinstance(message, Status))
    )
    network.start(node.name)
    network.run(lambda: "signer.fenced" in node.events())
    network.crash()

    network.passes = lambda sender, receiver, _: receiver != node.name or sender in forgetful
    network.start()
    network.run_for(5_000)

    assert node.alive.awake
    assert state_of(node) is SigningState.FENCED
    assert "the signer's memory is an old one" in str(standing(node).reason)


def test_a_restarted_network_still_knows_who_signed_the_newest_block() -> None:
    """The head's certificate is a memory too: an old backup among restarted nodes is found out."""
    network = begun()
    seen = {node.name: backup_of(node) for node in network.up()}
    decide(network)
    certificate = network.up()[0].store.certificate(Height(2))
    assert certificate is not None
    node = network.node_of(network.members.keys[certificate.seals[0].seat])
    network.crash()
    restored(node, seen[node.name])

    network.start()
    network.run_for(2_000)

    assert node.reasons("signer.fenced")
    network.check_honesty()


# --- the attacks E5 and E6 (consensus.md §10) on a node that lost its vote log


@pytest.mark.parametrize("lost", ["vote log", "vote log and file"])
def test_amnesia_a_commit_is_not_forgotten_in_the_next_view(lost: str) -> None:
    """E5: committed in view 0, the log is gone, and the others ask for view 1: it says nothing."""
    network = begun()
    node = network.proposer(2)
    old = node.database.contents()
    stopped_at_commit(network)
    before = words_of(network, node)
    node.database = MortalDatabase(old)
    if lost != "vote log":
        lose_file(node)

    network.passes = lambda s, r, m: no_commits(s, r, m) or m.height > 2  # type: ignore[union-attr]  # of a commit
    listen(network)
    network.start(node.name)
    others = [other for other in network.validators() if other is not node]
    network.run(lambda: all(other.alive.wish >= 1 for other in others))
    network.run_for(3_000)
    said = heights_of_new_words(network, node, before)
    network.passes = everything
    network.run(network.all_at(2))

    assert said == set()
    assert not any(
        step is VoteStep.VIEW_CHANGE and height == 2 for height, _, step in words_of(network, node)
    )
    network.check_honesty()


@pytest.mark.parametrize("lost", ["vote log", "vote log and file", "an old backup"])
def test_another_proposal_of_the_view_gets_no_vote_of_one_that_forgot_the_first(lost: str) -> None:
    """E2 and E6: a lying primary proposes Y to the node that had prepared, or committed to, X."""
    network = begun()
    liar = network.proposer(2)
    node = next(each for each in network.validators() if each is not liar)
    backup = backup_of(node)
    network.passes = no_commits
    listen(network)
    work(network, "X")
    network.run(lambda: any(step is VoteStep.COMMIT for *_, step in words_of(network, node)))
    before = words_of(network, node)
    network.crash(node.name)
    if lost == "an old backup":
        restored(node, backup)
    else:
        node.database = MortalDatabase(backup[0])
        if lost != "vote log":
            lose_file(node)
    other = built(network, network.transaction("treasury", pay("works", 1, "Y")))

    network.start(node.name)
    listen(network)
    network.run_for(700)
    proposal = network.voice(liar).pre_prepare(2, 0, block_id(other.header))
    network.say(liar, node.name, wire.Proposed(proposal, wire.FullBody(other)))
    network.run_for(700)

    new = words_of(network, node).items() - before.items()
    assert not any(view == 0 for (_, view, _), _ in new)
    network.passes = everything
    network.run(network.all_at(2))
    network.check_honesty()


# --- who answers, and how


def lie(network: Network, liar: Node, victim: Node, status: Status) -> None:
    """Whatever the liar's engine says of itself to the victim, this comes instead."""
    network.passes = lambda sender, receiver, message: (
        sender != liar.name
        or receiver != victim.name
        or not isinstance(message, Status)
        or message == status
    )

    def again() -> None:
        if victim.engine is not None:
            network.say(liar, victim.name, status)
        network.call_later(200, again)

    network.call_later(50, again)


def test_an_answer_that_claims_what_nobody_can_prove_does_not_count() -> None:
    """One liar among four keeps a fenced node waiting, and nothing worse: its operator decides."""
    network = begun()
    node = stopped_at_commit(network)
    liar = network.up()[0]
    lose_file(node)
    far = replace(liar.alive.instance.status(), height=Height(10**9), signs=True)
    lie(network, liar, node, far)

    network.start(node.name)
    decide(network, 4)
    network.run_for(3_000)

    assert (standing(node).answered, standing(node).needed) == (2, 3)
    assert standing(node).sign_from is None
    assert node.height == 5, "a claim alone is a hint whom to ask"


@pytest.mark.parametrize(("validators", "liars"), [(4, 1), (7, 2)])
def test_answers_that_claim_too_little_are_f_at_most(validators: int, liars: int) -> None:
    """With no honest answer more than is needed, the height is still above all old votes."""
    network = begun(validators)
    node, *others = network.validators()
    decide(network, 4)
    listen(network)
    network.passes = no_commits
    work(network, "the last before the fire")
    network.run(lambda: any(step is VoteStep.COMMIT for *_, step in words_of(network, node)))
    top = max(words_of(network, node))
    network.crash(node.name)
    lose_everything(node)
    quorum = network.members.quorum
    heard = {other.name for other in others[liars:quorum]}
    network.passes = lambda sender, receiver, message: (
        receiver != node.name or sender in heard or not isinstance(message, Status)
    )

    network.start(node.name)
    for liar in others[:liars]:
        low = replace(liar.alive.instance.status(), height=Height(1), signs=True)
        node.alive.deliver(liar.name, low, None, network.now_ms)
    assert len(heard) + liars == quorum
    network.run(lambda: "signer.returns" in node.events())

    sign_from = standing(node).sign_from
    assert sign_from is not None
    assert sign_from > top[0]


def test_the_answer_of_one_who_is_fenced_itself_does_not_count() -> None:
    """It may have forgotten as much. Two of four cannot help each other: the chain waits (R51)."""
    network = begun()
    decide(network, 2)
    first, second, third, _ = network.validators()
    for node in (first, second):
        network.crash(node.name)
        lose_file(node)
    network.start(first.name, second.name)
    work(network, "nobody decides this")
    network.run_for(20_000)

    for node in (first, second):
        assert state_of(node) is SigningState.FENCED
        assert (standing(node).answered, standing(node).needed) == (2, 3)
        assert node.memory.read() is None
    assert [node.height for node in network.validators()] == [3] * 4
    fenced = {first.validator, second.validator}
    assert {key for key in network.members.keys if third.alive.signs(key) is False} == fenced

    for node in (first, second):
        unfence(network, node, 4)
    network.run(network.all_at(4), limit_ms=30_000)
    decide(network, 3)
    assert [state_of(node) for node in network.validators()] == [SigningState.SIGNING] * 4
    assert not any(third.alive.signs(key) is False for key in network.members.keys)
    network.check_agreement()
    network.check_honesty()


def test_more_than_f_who_lost_everything_do_not_bring_back_an_old_chain() -> None:
    """Four of seven burnt, two slept, one knows all and is away: nobody votes again for the old."""
    network = begun(7)
    *burnt, keeper = network.validators()[:5]
    sleepers = network.validators()[5:]
    network.crash(*(node.name for node in sleepers))
    decide(network, 12)
    network.crash()
    for node in burnt:
        lose_everything(node)
    network.start(*(node.name for node in (*burnt, *sleepers)))
    network.run_for(30_000)
    assert {node.height for node in burnt} == {1}

    network.start(keeper.name)
    network.run_for(30_000)

    assert {node.height for node in network.validators()} == {13}
    assert [state_of(node) for node in burnt] == [SigningState.FENCED] * 4
    network.check_agreement()
    network.check_honesty()


@pytest.mark.parametrize("validators", [1, 2, 3])
def test_without_a_fault_to_spare_only_the_operator_brings_it_back(validators: int) -> None:
    """f = 0: a quorum of others does not exist."""
    network = begun(validators)
    node = network.validators()[0]
    network.crash(node.name)
    lose_file(node)
    network.start(node.name)
    work(network, "waits")
    network.run_for(10_000)
    assert (standing(node).answered, standing(node).needed) == (validators - 1, validators)
    assert node.height == 1

    unfence(network, node, 2)
    network.run(network.all_at(2))

    assert memory_of(node).story[-1].words.startswith("the operator answers for it; before: the ")
    assert "signer.unfenced" in node.events()


def test_who_cannot_sign_is_answered_by_each_that_does() -> None:
    """Also while the chain is busy and nobody says by itself where it stands (R29, R51)."""
    network = begun()
    node, fenced, third, _ = network.validators()
    network.crash(fenced.name, third.name)
    lose_file(third)
    network.start(third.name)
    asks = replace(node.alive.instance.status(), signs=False)

    def answers(asked: Node, status: Status) -> list[bool]:
        out = asked.alive.deliver(fenced.name, status, None, network.now_ms)
        return [told.signs for link, told in out.messages if isinstance(told, Status)]

    assert answers(node, asks) == [True]
    assert answers(node, replace(asks, height=Height(1))) == [True], "beside the block"
    assert answers(node, replace(asks, signs=True)) == [], "or two would answer each other for ever"
    assert answers(third, asks) == [], "it has nothing to tell"
    node.alive.halted = "its state differs"
    assert answers(node, asks) == [], "it signs nothing either"


def test_a_fenced_node_asks_at_every_tick() -> None:
    """Whether or not the chain goes on in between."""
    network = begun()
    node = stopped_at_commit(network)
    lose_file(node)
    network.passes = lambda _s, receiver, message: (
        receiver != node.name or not isinstance(message, Status)
    )
    network.start(node.name)
    listen(network)
    for _ in range(4):
        decide(network)
        network.run_for(500)

    asked = [
        message
        for sender, _, message in network.messages
        if sender == node.name and isinstance(message, Status)
    ]
    assert len(asked) >= 3 * 4
    assert not any(status.signs for status in asked)


# --- the operator


def test_unfencing_refuses_what_is_certainly_wrong() -> None:
    """A node that is well, and a height that is decided: here, or as f + 1 others say."""
    network = begun()
    decide(network, 3)
    node = network.validators()[0]
    with pytest.raises(Rejected) as refused:
        node.alive.unfence(Height(9), "the operator", network.now_ms)
    assert refused.value.code == NOT_FENCED

    network.crash(node.name)
    lose_everything(node)
    network.passes = lambda _s, receiver, message: (
        receiver != node.name or isinstance(message, Status)
    )
    network.start(node.name)
    network.run_for(1_000)
    assert node.height == 0
    for height in (0, 1, 4):
        with pytest.raises(Rejected) as refused:
            node.alive.unfence(Height(height), "the operator", network.now_ms)
        assert refused.value.code == HEIGHT_DECIDED
        assert refused.value.facts == {"expected": "at least 5", "actual": height}
    assert node.memory.read() is None

    unfence(network, node, 5)
    assert (memory_of(node).sign_from, memory_of(node).story[-1].turn) == (5, Turn.UNFENCED)


def test_who_waits_for_a_height_that_never_comes_may_be_unfenced_at_an_earlier_one() -> None:
    """It took t + 3; then another node died, and t + 1 waits for the votes of both."""
    network = begun()
    node = stopped_at_commit(network)
    lose_file(node)
    network.passes = no_commits
    network.start(node.name)
    network.run(lambda: "signer.returns" in node.events())
    assert standing(node).sign_from == 4
    network.crash(next(each.name for each in network.up() if each is not node))
    network.passes = everything
    network.run_for(20_000)
    assert {each.height for each in network.up()} == {1}

    unfence(network, node, 2)
    network.run(network.all_at(2))

    assert state_of(node) is SigningState.SIGNING


# --- clones


def haunt(network: Network, node: Node, receiver: Node, view: int = 1) -> None:
    """Somebody else prepares a block with a node's key, at the height at hand."""
    vote = network.voice(node).prepare(node.height + 1, view, receiver.store.head().block_id)
    network.say(node, receiver.name, vote)


def test_a_running_node_that_meets_a_statement_of_a_clone_falls_silent() -> None:
    """Somebody signs with its key: it stops until the operator acts (R52)."""
    network = begun()
    node, other, *_ = network.validators()
    haunt(network, node, other)

    network.run_for(2_000)
    listen(network)
    decide(network)

    assert node.reasons("signer.cloned")
    assert {place[1] for place in words_of(network, node)} <= {1}, "it relays what it did not sign"
    assert not other.reasons("signer.cloned")
    assert state_of(node) is SigningState.CLONED


def test_a_clone_is_met_in_a_vote_as_well_as_in_a_status() -> None:
    """Whoever relays it."""
    network = begun()
    node, other, *_ = network.validators()
    network.passes = lambda _s, _r, message: not isinstance(message, Status)
    vote = network.voice(node).prepare(2, 0, other.store.head().block_id)

    network.say(other, node.name, vote)
    network.run_for(50)

    assert node.reasons("signer.cloned")


def test_a_restart_does_not_clear_the_suspicion_but_the_operator_does() -> None:
    """systemd starts it again and again: it stays silent. Then: the other one is off, ask anew."""
    network = begun()
    node, other, *_ = network.validators()
    haunt(network, node, other)
    network.run_for(2_000)
    for _ in range(2):
        network.crash(node.name)
        network.start(node.name)
        decide(network)
    assert state_of(node) is SigningState.CLONED
    assert standing(node).since_ms is not None
    listen(network)

    unfence(network, node, None)
    fenced = state_of(node)
    network.run(lambda: "signer.returns" in node.events())
    decide(network, 4)

    assert fenced is SigningState.FENCED
    assert [entry.turn for entry in memory_of(node).story] == [
        Turn.CLONED,
        Turn.FENCED,
        Turn.RETURNED,
    ]
    assert min(place[0] for place in words_of(network, node)) >= memory_of(node).sign_from
    assert state_of(node) is SigningState.SIGNING


def test_answers_from_before_the_clone_was_off_do_not_count() -> None:
    """What others said before its last signature says nothing about that."""
    network = begun()
    node, other, *_ = network.validators()
    haunt(network, node, other)
    network.run_for(2_000)
    network.passes = lambda _s, receiver, message: (
        receiver != node.name or not isinstance(message, Status)
    )

    unfence(network, node, None)
    network.run_for(3_000)

    assert (standing(node).answered, standing(node).needed) == (0, 3)


def test_while_it_waits_for_its_height_a_statement_there_is_a_clones() -> None:
    """Below t + 3 its own past explains it; from there on only somebody else can (R52)."""
    network = begun()
    node = stopped_at_commit(network)
    lose_file(node)
    network.passes = everything
    network.start(node.name)
    network.run(lambda: "signer.returns" in node.events())
    sign_from = memory_of(node).sign_from
    while node.height < sign_from - 2:
        decide(network)
    other = next(each for each in network.validators() if each is not node)
    found = []

    for height in (sign_from - 1, sign_from):  # the one at hand, and the one ahead (R43)
        vote = network.voice(node).prepare(height, 0, other.store.head().block_id)
        node.alive.deliver(other.name, vote, None, network.now_ms)
        found.append(state_of(node))

    assert node.height == sign_from - 2
    assert found == [SigningState.FENCED, SigningState.CLONED]


# --- two machines, one key


class Haunted(Network):
    """A second machine with one node's keys hears all that it hears, and is heard as it."""

    def haunt(self, node: Node) -> Node:
        """A copy of the whole machine, as it is now."""
        contents, memory = backup_of(node)
        ghost = Machine(
            node.name, node.site, node.key, MortalDatabase(contents), MortalFile(memory)
        )
        self.nodes["ghost"] = ghost
        self.start("ghost")
        return ghost

    def _send(self, letter: Letter) -> None:
        super()._send(letter)
        ghost = self.nodes.get("ghost")
        if ghost is not None and letter.receiver == ghost.name:
            super()._send(
                Letter(
                    letter.sender,
                    "ghost",
                    letter.message,
                    letter.phase,
                    letter.height,
                    letter.view,
                )
            )


@pytest.mark.parametrize("seed", range(6))
def test_two_machines_with_one_key_fall_silent_and_the_chain_goes_on(seed: int) -> None:
    """Each meets what the other signed; whatever they said until then, nobody else is misled."""
    network = Haunted(seed=seed)
    network.start()
    network.run(network.all_at(1))
    node, *others = network.validators()

    ghost = network.haunt(node)
    for number in range(12):
        work(network, f"{seed} {number}")
        network.run(network.all_at(2 + number, others))
    network.run_for(2_000)

    states = {state_of(node), state_of(ghost)}
    assert SigningState.CLONED in states, states
    assert states <= {SigningState.CLONED, SigningState.FENCED, SigningState.SIGNING}
    network.check_agreement()


# --- in any order


class Mishaps:
    """One seed: payments, storms that swallow a phase, kills, and members that forget, in both."""

    def __init__(self, seed: int, validators: int) -> None:
        self.dice = Random(seed)
        self.network = begun(validators, seed=seed, delay_ms=(1, 40))
        self.network.passes = self._passes
        self.swallowed: tuple[type, ...] = ()
        self.unheard = ""
        """Whose letters all get lost: what it signs, nobody can show it later."""
        self.backups: dict[str, tuple[dict[bytes, bytes], bytes | None]] = {}
        self.losses = 0
        self.returns = 0

    def _passes(self, sender: str, _receiver: str, message: wire.Wire) -> bool:
        if sender == self.unheard:
            return False
        return not isinstance(message, self.swallowed) or self.dice.random() < 0.3

    def weak(self) -> list[Node]:
        """Who may forget now: at most f at a time are not at work."""
        at_work = [
            node
            for node in self.network.validators()
            if node.engine is not None and state_of(node) is SigningState.SIGNING
        ]
        room = len(at_work) - self.network.members.quorum
        return at_work if room > 0 else []

    def befall(self) -> None:
        """One thing."""
        network, dice = self.network, self.dice
        what = dice.random()
        self.swallowed = dice.choice(((), (), (Commit,), (Prepare, Commit), (wire.Proposed,)))
        if what < 0.5 and network.up():
            work(network, f"{network.now_ms} {dice.random()}")
        elif what < 0.6 and self.weak():
            network.crash(dice.choice(self.weak()).name)
        elif what < 0.7 and self.weak():
            node = dice.choice(self.weak())
            self.unheard = node.name
            self.swallowed = (Commit,)
            work(network, f"unheard {network.now_ms}")
            network.run_for(dice.choice((60, 200, 1_500)))
            self.unheard = ""
            network.crash(node.name)
            dice.choice((lose_file, damage_file, lose_everything))(node)
            self.losses += 1
            network.start(node.name)
        elif what < 0.75:
            for node in network.validators():
                self.backups[node.name] = backup_of(node)
        elif what < 0.8 and self.weak() and self.backups:
            node = dice.choice(self.weak())
            network.crash(node.name)
            node.database = MortalDatabase(self.backups[node.name][0])
            network.start(node.name)
        elif what < 0.9:
            network.revive()
        network.run_for(dice.choice((20, 60, 200, 1_500)))

    def heal(self) -> None:
        """From here on nothing goes wrong any more."""
        self.swallowed = ()
        self.network.revive()
        network = self.network
        for _ in range(8):
            work(network, f"healed {network.now_ms}")
            network.run_for(4_000)


@pytest.mark.parametrize(("seed", "validators"), [*((n, 4) for n in range(8)), (8, 7), (9, 7)])
def test_whoever_forgets_at_any_time_never_contradicts_itself(seed: int, validators: int) -> None:
    """Up to f at a time, under loss and kills; afterwards all sign again (R50, R51)."""
    mishaps = Mishaps(seed, validators)
    for _ in range(60):
        mishaps.befall()
    mishaps.heal()

    network = mishaps.network
    assert mishaps.losses > 0
    assert sum("signer.returns" in node.events() for node in network.validators()) > 0
    assert {state_of(node) for node in network.validators()} == {SigningState.SIGNING}
    network.check_agreement()
    network.check_honesty()


@pytest.mark.parametrize("seed", range(8))
def test_an_old_machine_never_contradicts_itself_where_others_heard_it(seed: int) -> None:
    """One of four is set back whole, again and again, while the others stay up and hear it (R50).

    Storms keep the others from deciding, so that it is set back in the middle of heights.
    """
    mishaps = Mishaps(seed, 4)
    network, dice = mishaps.network, mishaps.dice
    node = dice.choice(network.validators())
    others = {each.name for each in network.validators()} - {node.name}
    network.passes = lambda sender, receiver, message: (
        sender not in others or receiver not in others or mishaps._passes("", "", message)
    )
    backups = [backup_of(node)]
    found = 0
    for number in range(40):
        mishaps.swallowed = dice.choice(((), (Commit,), (Prepare, Commit)))
        work(network, f"{number}")
        network.run_for(dice.choice((20, 60, 200, 1_500)))
        if dice.random() < 0.1:
            backups.append(backup_of(node))
        if dice.random() < 0.3 and state_of(node) is SigningState.SIGNING:
            network.crash(node.name)
            network.run_for(50)  # what it said is with the others by now
            restored(node, dice.choice(backups))
            network.start(node.name)
            found += 1
    mishaps.swallowed = ()
    network.run_for(10_000)

    assert found > 0
    network.check_agreement()
    network.check_honesty()
