"""Votes: the first per seat and view counts (rules R4, R20)."""

from hypothesis import given
from hypothesis import strategies as st

from consensus.messages import Prepare
from consensus.votes import Votes
from kit.consensus import HEIGHT, block, prepare
from primitives.certificate import check_shape
from primitives.ids import Seat, View


def votes(*cast: Prepare) -> Votes[Prepare]:
    kept: Votes[Prepare] = Votes()
    for vote in cast:
        kept.add(vote)
    return kept


def test_the_first_vote_of_a_seat_in_a_view_stands() -> None:
    """R20: a second one for another block changes nothing and is answered with the first."""
    kept = votes(prepare(0, "A"))

    assert kept.add(prepare(0, "B")) == prepare(0, "A")
    assert kept.add(prepare(0, "B", view=1)) == prepare(0, "B", view=1)
    assert kept.of(View(0)) == (prepare(0, "A"),)


def test_a_certificate_needs_a_quorum_of_signers_for_one_block() -> None:
    """R4: neither a seat that votes twice nor votes for another block or view add up."""
    kept = votes(
        prepare(0, "A"), prepare(0, "A"), prepare(1, "A"), prepare(2, "B"), prepare(3, "A", view=1)
    )

    assert kept.certificate(HEIGHT, View(0), block("A"), 3) is None
    kept.add(prepare(3, "A"))
    certificate = kept.certificate(HEIGHT, View(0), block("A"), 3)
    assert certificate is not None
    assert [seal.seat for seal in certificate.seals] == [0, 1, 3]


@given(order=st.permutations(range(7)))
def test_a_certificate_does_not_depend_on_the_order_of_its_votes(order: list[int]) -> None:
    """R4: ascending seats, exactly a quorum, the lowest ones."""
    kept = votes(*(prepare(seat, "A") for seat in order))

    certificate = kept.certificate(HEIGHT, View(0), block("A"), 5)

    assert certificate is not None
    check_shape(certificate, 7)
    assert [seal.seat for seal in certificate.seals] == [0, 1, 2, 3, 4]
    assert (certificate.height, certificate.view) == (HEIGHT, 0)
    assert certificate.block_id == block("A")


def test_views_that_are_not_kept_are_forgotten() -> None:
    """R42: their votes are gone, and may be given anew."""
    kept = votes(*(prepare(0, "A", view=view) for view in range(5)))

    kept.keep(lambda view: view in (1, 3))

    assert kept.views() == (1, 3)
    assert kept.seats(View(0)) == set()
    assert kept.seats(View(1)) == {Seat(0)}
    assert kept.add(prepare(0, "B")) == prepare(0, "B")
