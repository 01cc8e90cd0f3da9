"""Which proposals may be voted for (rules R13, R14): every rule with what breaks it alone."""

import pytest

from consensus.justification import Unjustified, check_justified
from consensus.messages import PrePrepare, ViewChange
from kit.consensus import pre_prepare, prepared, view_change
from primitives.ids import BlockId, Height, View

A0, A1, B1, A2 = (
    prepared("A"),
    prepared("A", view=1),
    prepared("B", view=1),
    prepared("A", view=2),
)
NOBODY = [view_change(seat, 3) for seat in range(4)]
ONE = [view_change(0, 3), view_change(1, 3, A1), view_change(2, 3)]


def asked(*changes: ViewChange) -> list[ViewChange]:
    return list(changes)


JUSTIFIED = {
    "view 0, nothing attached": pre_prepare("A"),
    "nobody prepared anything": pre_prepare("A", view=3, changes=NOBODY[:3]),
    "more than a quorum": pre_prepare("A", view=3, changes=NOBODY),
    "a claim, proved": pre_prepare("A", view=3, changes=ONE, proof=A1),
    "proved by other signers than the claim's": pre_prepare(
        "A", view=3, changes=ONE, proof=prepared("A", view=1, seats=(1, 2, 3))
    ),
    "the higher of two claims": pre_prepare(
        "A", view=3, changes=asked(*ONE[:1], view_change(1, 3, A2), view_change(2, 3, B1)), proof=A2
    ),
    "the same claim of all": pre_prepare(
        "A", view=3, changes=[view_change(seat, 3, A1) for seat in range(3)], proof=A1
    ),
    "a duplicate beside a quorum": pre_prepare("A", view=3, changes=[*NOBODY[:3], NOBODY[0]]),
}

UNJUSTIFIED = {
    "view 0 with a view change": (
        pre_prepare("A", changes=[view_change(0, 1)]),
        "carries no view changes",
    ),
    "view 0 with a certificate": (pre_prepare("A", proof=A0), "carries no view changes"),
    "no view changes": (pre_prepare("A", view=3), "0 view changes"),
    "fewer than a quorum": (pre_prepare("A", view=3, changes=NOBODY[:2]), "2 view changes"),
    "a quorum with a duplicate": (
        pre_prepare("A", view=3, changes=[*NOBODY[:2], NOBODY[1]]),
        "2 view changes",
    ),
    "one for another view": (
        pre_prepare("A", view=3, changes=[*NOBODY[:2], view_change(2, 4)]),
        "a view change for 1/4",
    ),
    "one for another view beside a quorum": (
        pre_prepare("A", view=3, changes=[*NOBODY[:3], view_change(3, 2)]),
        "a view change for 1/2",
    ),
    "one of another height": (
        pre_prepare("A", view=3, changes=[*NOBODY[:2], view_change(2, 3, height=2)]),
        "a view change for 2/3",
    ),
    "a claim of the same view": (
        pre_prepare(
            "A",
            view=3,
            changes=[*NOBODY[:2], view_change(2, 3, prepared("A", view=3))],
            proof=prepared("A", view=3),
        ),
        "a claim of view 3 before 3",
    ),
    "a certificate although nobody claims": (
        pre_prepare("A", view=3, changes=NOBODY[:3], proof=A1),
        "nobody in the quorum prepared",
    ),
    "no certificate for the claim": (
        pre_prepare("A", view=3, changes=ONE),
        "no certificate for the highest claim",
    ),
    "another block than the claimed": (
        pre_prepare("B", view=3, changes=ONE, proof=A1),
        "is for another block",
    ),
    "another block, with a certificate of it": (
        pre_prepare("B", view=3, changes=ONE, proof=B1),
        "is for another block",
    ),
    "the lower of two claims": (
        pre_prepare(
            "B",
            view=3,
            changes=asked(*ONE[:1], view_change(1, 3, A2), view_change(2, 3, B1)),
            proof=B1,
        ),
        "is for another block",
    ),
    "proved in a lower view than claimed": (
        pre_prepare("A", view=3, changes=ONE, proof=A0),
        "the certificate proves",
    ),
    "proved in a higher view than claimed": (
        pre_prepare("A", view=3, changes=ONE, proof=A2),
        "the certificate proves",
    ),
    "a certificate of another block": (
        pre_prepare("A", view=3, changes=ONE, proof=B1),
        "the certificate proves",
    ),
    "a certificate of another height": (
        pre_prepare("A", view=3, changes=ONE, proof=prepared("A", view=1, height=2)),
        "the certificate proves",
    ),
}


@pytest.mark.parametrize("proposal", JUSTIFIED.values(), ids=JUSTIFIED)
def test_it_is_justified(proposal: PrePrepare) -> None:
    """R13, R14: any quorum of exact view changes, and the proof of the highest claim."""
    check_justified(proposal, 4)


@pytest.mark.parametrize(("proposal", "why"), UNJUSTIFIED.values(), ids=UNJUSTIFIED)
def test_it_is_not_justified(proposal: PrePrepare, why: str) -> None:
    """R4, R13, R14: one broken rule suffices, and the message names it."""
    with pytest.raises(Unjustified, match=why):
        check_justified(proposal, 4)


@pytest.mark.parametrize(("validators", "needed"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5)])
def test_the_quorum_of_view_changes_is_n_minus_f(validators: int, needed: int) -> None:
    """R1, R14: with one fewer than n − f it is not justified."""
    changes = [view_change(seat, 3) for seat in range(needed)]

    check_justified(pre_prepare("A", view=3, changes=changes), validators)
    with pytest.raises(Unjustified):
        check_justified(pre_prepare("A", view=3, changes=changes[1:]), validators)


def test_only_the_first_of_a_sender_is_read() -> None:
    """R4: a second view change of one sender adds neither a signer nor a claim."""
    changes = [*NOBODY[:3], view_change(0, 3, A1)]

    check_justified(pre_prepare("B", view=3, changes=changes), 4)
    with pytest.raises(Unjustified):
        check_justified(pre_prepare("A", view=3, changes=changes, proof=A1), 4)


def test_a_claim_below_none_is_refused() -> None:
    """R14: −1 is the lowest claim there is."""
    change = NOBODY[2]
    odd = ViewChange(
        Height(1), View(3), change.seat, View(-2), BlockId(bytes(32)), change.signature, None
    )

    with pytest.raises(Unjustified, match="a claim of view -2"):
        check_justified(pre_prepare("A", view=3, changes=[*NOBODY[:2], odd]), 4)
