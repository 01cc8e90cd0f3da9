"""A node that lost its vote log is asked to break its word: amnesia (E5), a second vote (E6).

The attacker needs n − f voices for a second block. One is its own; another is that of an honest
node whose commit only one other knows, and that one is cut off. If the honest node forgets as well,
the chain forks: that is what the signer's file is for (R36, R37, R40). Each attack is played with
the file and with an old copy of it, so that the script is known to be able to fork a chain.
"""

from __future__ import annotations

import pytest

from consensus.messages import ViewChange
from kit.attacks import Attack, Disk, isolated, kept_from
from ledger.parameters import DEFAULTS
from primitives.block import block_id
from primitives.ids import BlockId
from sim.letters import Phase

VOTES = (Phase.PREPARE, Phase.COMMIT)


def committed_at_one_node(height: int) -> tuple[Attack, Disk, BlockId]:
    """v0 and v2 committed to X with the attacker; v2 alone knows it, decided, and is cut off.

    v1 saw the proposal at most. Returns v0's disk from before it voted, and X.
    """
    attack = Attack()
    if height == 3:  # that height is the attacker's to propose at
        attack.submit(attack.nodes["v0"], attack.payment())
        attack.run(attack.all_at(2))
    old = attack.disk("v0")
    payment = attack.payment()
    seen = (Phase.PRE_PREPARE, *VOTES) if height == 3 else VOTES
    attack.cut(
        kept_from("v1", *seen, Phase.DECIDED, height=height),
        kept_from("v0", Phase.COMMIT, Phase.DECIDED, height=height),
        lambda letter: letter.sender == "v2" and attack.nodes["v2"].height == height,
    )
    if height == 2:
        attack.submit(attack.nodes["v2"], payment)
        attack.run(lambda: bool(attack.signed_by("v2", 2)))
        name = next(
            letter.message.pre_prepare.block_id  # type: ignore[union-attr]  # of this phase
            for letter in attack.ear.letters
            if letter.phase is Phase.PRE_PREPARE and letter.height == 2
        )
    else:
        block = attack.block(payment)
        name = block_id(block.header)
        attack.propose(block, 3, 0)
    attack.vote(name, height, 0, "v0", "v2")
    attack.run(attack.all_at(height, [attack.nodes["v2"]]))
    assert attack.votes_for(name) >= {(v, phase.value) for v in ("v0", "v2") for phase in VOTES}
    attack.cut(isolated("v2"))
    return attack, old, name


def forget(attack: Attack, old: Disk, height: int, *, file_kept: bool) -> None:
    """v0's database is that of an hour ago; its signer's file is as it was, or as old."""
    database, memory = old
    attack.restart("v0", database, attack.disk("v0")[1] if file_kept else memory)
    attack.greet(height, "v0")
    attack.run_for(50)


def ask_for_a_second_block(attack: Attack) -> BlockId:
    """E5: a view change without the commit, and a fresh block on top of it."""
    attack.tell(attack.voice().view_change(2, 1))
    attack.run_for(DEFAULTS.t0_ms + 300)
    changes = {
        letter.message.seat: letter.message
        for letter in attack.ear.letters
        if isinstance(letter.message, ViewChange) and letter.message.view == 1
    }
    other = attack.block(attack.payment(), view=1)
    attack.propose(other, 2, 1, changes=tuple(changes[seat] for seat in sorted(changes)))
    attack.run_for(20)
    attack.vote(block_id(other.header), 2, 1, "v0", "v1")
    return block_id(other.header)


def ask_for_a_second_vote(attack: Attack) -> BlockId:
    """E6: another proposal of the same view."""
    other = attack.block(attack.payment(), later_ms=1)
    attack.propose(other, 3, 0, "v0", "v1")
    attack.run_for(20)
    attack.vote(block_id(other.header), 3, 0, "v0", "v1")
    return block_id(other.header)


ATTACKS = {"E5": (2, ask_for_a_second_block), "E6": (3, ask_for_a_second_vote)}


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_lost_vote_log_breaks_no_word_while_the_signers_file_is_there(kind: str) -> None:
    """The node signs nothing at that height; the decided block is everybody's in the end."""
    height, ask = ATTACKS[kind]
    attack, old, name = committed_at_one_node(height)
    before = attack.signed_by("v0", height)

    forget(attack, old, height, file_kept=True)
    other = ask(attack)
    attack.run_for(5_000)

    assert "votelog.rolled_back" in attack.nodes["v0"].events()
    assert attack.signed_by("v0", height) == before
    assert [attack.nodes[v].height for v in ("v0", "v1")] == [height - 1] * 2
    assert ("v0", "commit") not in attack.votes_for(other)
    attack.cut()
    attack.run(attack.all_at(height), limit_ms=2_000)
    assert attack.heads(height) == {name}
    assert {culprit for culprit, _ in attack.ear.cases()} <= {"v3"}


@pytest.mark.parametrize("kind", ATTACKS)
def test_with_an_old_copy_of_the_file_the_same_attack_forks_the_chain(kind: str) -> None:
    """Two broke their word, more than f = 1, and both are named: f + 1 culprits at least."""
    height, ask = ATTACKS[kind]
    attack, old, name = committed_at_one_node(height)

    forget(attack, old, height, file_kept=False)
    other = ask(attack)
    attack.run(attack.all_at(height, [attack.nodes["v0"], attack.nodes["v1"]]), limit_ms=2_000)

    assert attack.heads(height, "v0", "v1") == {other}
    assert attack.heads(height, "v2") == {name}
    assert {culprit for culprit, _ in attack.ear.cases()} == {"v0", "v3"}
    assert ("v0", kind) in attack.ear.cases()


@pytest.mark.parametrize("kind", ATTACKS)
def test_whoever_is_shown_a_newer_word_of_its_own_is_not_even_asked(kind: str) -> None:
    """The old copy helps the attacker only as long as nobody honest knows the commit (R41)."""
    height, ask = ATTACKS[kind]
    attack, old, name = committed_at_one_node(height)
    attack.cut(
        lambda letter: letter.receiver == "v2",
        lambda letter: letter.sender == "v2" and letter.phase is not Phase.STATUS,
    )
    before = attack.signed_by("v0", height)

    forget(attack, old, height, file_kept=False)
    attack.run_for(1_000)
    ask(attack)
    attack.run_for(2_000)

    assert attack.signed_by("v0", height) == before
    attack.cut()
    attack.run(attack.all_at(height), limit_ms=2_000)
    assert attack.heads(height) == {name}
