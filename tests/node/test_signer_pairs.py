"""Every pair of steps that a signer can be asked for, one after the other (rules R36, R37).

Each table has a row for what was signed last and a column for what is asked next, in the order in
which a validator signs within a view. The tables are the rule, written out.

    +  signed, because it stands above everything that was signed
    =  the byte-identical repeat of what was signed, so the same signature
    −  refused: not above, or a contradiction
"""

from __future__ import annotations

import hashlib

import pytest

from kit.certified import signing_key
from kit.disks import MortalFile
from node.signer import Refused, Request, Signer
from primitives.ids import NO_VIEW, ZERO32, BlockId, ChainId, Height, Signature, ValidatorKey, View
from storage.decision import VoteStep

KEY = signing_key("a validator")
CHAIN = ChainId(hashlib.sha256(b"chain").digest())
VC, PP, PR, CM = VoteStep
X, Y = (BlockId(hashlib.sha256(name).digest()) for name in (b"X", b"Y"))
HEIGHT, VIEW = 5, 3

SAME = """
         VC PP PR CM
    VC   =  +  +  −
    PP   −  =  +  −
    PR   −  −  =  +
    CM   −  −  =  =
"""
"""The same view, and the same block or claim. A commit needs its prepare, so after VC and PP none;
the row of CM has signed PR as well."""

OTHER = """
         VC PP PR CM
    VC   −  +  +  −
    PP   −  −  +  −
    PR   −  −  −  −
    CM   −  −  −  −
"""
"""The same view, and another block or claim. A prepare is bound by no pre-prepare: who proposes one
block and prepares another contradicts nothing that can be shown. A commit is bound by its
prepare."""

HIGHER = """
         VC PP PR CM
    VC   +  +  +  −
    PP   +  +  +  −
    PR   +  +  +  −
    CM   +  +  +  −
"""
"""A higher view of this height, or a later height: everything but a commit without its prepare.
(What a view change must claim after a commit is the table CLAIMS.)"""

LOWER = """
         VC PP PR CM
    VC   −  −  −  −
    PP   −  −  −  −
    PR   −  −  −  −
    CM   −  −  −  −
"""
"""A lower view of this height, or an earlier height in whatever view."""

PLACES = {
    "same view, same content": (SAME, HEIGHT, VIEW, X),
    "same view, other content": (OTHER, HEIGHT, VIEW, Y),
    "next view, same block": (HIGHER, HEIGHT, VIEW + 1, X),
    "next view, other block": (HIGHER, HEIGHT, VIEW + 1, Y),
    "a far view": (HIGHER, HEIGHT, 2**31 - 1, Y),
    "the view below": (LOWER, HEIGHT, VIEW - 1, X),
    "view 1": (LOWER, HEIGHT, 1, Y),
    "next height, a lower view": (HIGHER, HEIGHT + 1, VIEW - 1, X),
    "next height, the same view": (HIGHER, HEIGHT + 1, VIEW, Y),
    "a far height": (HIGHER, 2**63 - 1, 1, X),
    "the height below, a higher view": (LOWER, HEIGHT - 1, VIEW + 1, X),
    "the height below, the same view": (LOWER, HEIGHT - 1, VIEW, X),
}


def cells(table: str) -> dict[tuple[VoteStep, VoteStep], str]:
    """What stands where a row and a column meet."""
    head, *rows = table.strip().split("\n")
    columns = [VoteStep[LONG[name]] for name in head.split()]
    return {
        (VoteStep[LONG[row.split()[0]]], column): verdict
        for row in rows
        for column, verdict in zip(columns, row.split()[1:], strict=True)
    }


LONG = {"VC": "VIEW_CHANGE", "PP": "PRE_PREPARE", "PR": "PREPARE", "CM": "COMMIT"}
PAIRS = [
    pytest.param(*pair, *place, verdict, id=f"{pair[0].name}, {pair[1].name}, {name}")
    for name, (table, *place) in PLACES.items()
    for pair, verdict in cells(table).items()
]


def request(step: VoteStep, height: int, view: int, block: BlockId) -> Request:
    """A view change claims its block in the view below, so that it forgets no commit."""
    claimed = View(view - 1) if step is VC else NO_VIEW
    return Request(
        step=step, height=Height(height), view=View(view), block_id=block, prepared_view=claimed
    )


def signer_after(*requests: Request) -> tuple[Signer, MortalFile, list[Signature]]:
    """A signer that has signed these, and its file."""
    file = MortalFile()
    Signer.create_memory(ValidatorKey(KEY.public), file)
    signer = Signer(KEY, file, CHAIN)
    signatures: list[Signature] = []
    for one in requests:
        (answer,) = signer.sign_all([one])
        assert not isinstance(answer, Refused), answer.reason
        signatures.append(answer)
    return signer, file, signatures


def asked_last(step: VoteStep) -> tuple[Request, ...]:
    """What must be signed so that `step` of the place at hand is the signer's top."""
    last = request(step, HEIGHT, VIEW, X)
    return (request(PR, HEIGHT, VIEW, X), last) if step is CM else (last,)


@pytest.mark.parametrize(("last", "asked", "height", "view", "block", "verdict"), PAIRS)
@pytest.mark.parametrize("restarted", ["running", "restarted"])
def test_a_pair_of_steps(
    last: VoteStep,
    asked: VoteStep,
    height: int,
    view: int,
    block: BlockId,
    verdict: str,
    restarted: str,
) -> None:
    """R36, R37: as the tables say, before a restart and after it."""
    before = asked_last(last)
    signer, file, signatures = signer_after(*before)
    kept = file.read()
    if restarted == "restarted":
        signer = Signer(KEY, file, CHAIN)

    (answer,) = signer.sign_all([request(asked, height, view, block)])

    if verdict == "+":
        assert not isinstance(answer, Refused), answer.reason
        assert signer.top == (height, view, asked)
        assert file.read() != kept
    elif verdict == "=":
        steps = [one.step for one in before]
        assert answer == signatures[steps.index(asked)]
        assert file.read() == kept
    else:
        assert verdict == "−"
        assert isinstance(answer, Refused)
        assert signer.top == (HEIGHT, VIEW, last)
        assert file.read() == kept


CLAIMS = {
    "nothing": (NO_VIEW, "−"),
    "the view below the commit": (VIEW - 1, "−"),
    "the commit": (VIEW, "+"),
    "a view above the commit": (VIEW + 1, "+"),
}


@pytest.mark.parametrize(("claimed", "verdict"), CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("between", ["at once", "after a prepare above", "after an honest claim"])
def test_a_view_change_after_a_commit(claimed: int, verdict: str, between: str) -> None:
    """R37: it claims at least that commit, whatever was signed in between, and after a restart."""
    above = {
        "at once": (),
        "after a prepare above": (request(PR, HEIGHT, VIEW + 1, Y),),
        "after an honest claim": (request(VC, HEIGHT, VIEW + 1, X),),
    }[between]
    _, file, _ = signer_after(*asked_last(CM), *above)
    signer = Signer(KEY, file, CHAIN)
    claim = Request(
        step=VC,
        height=Height(HEIGHT),
        view=View(VIEW + 5),
        block_id=X if claimed >= 0 else BlockId(ZERO32),
        prepared_view=View(claimed),
    )

    (answer,) = signer.sign_all([claim])

    assert isinstance(answer, Refused) is (verdict == "−")


def test_a_step_is_judged_against_what_stands_before_it_in_the_same_batch() -> None:
    """R35, R37: prepare and commit in one batch are both signed; the other way round only one."""
    prepare, commit = asked_last(CM)
    in_order, _, _ = signer_after()
    reversed_order, _, _ = signer_after()

    both = in_order.sign_all([prepare, commit])
    one = reversed_order.sign_all([commit, prepare])

    assert [isinstance(answer, Refused) for answer in both] == [False, False]
    assert [isinstance(answer, Refused) for answer in one] == [True, False]


def test_a_commit_needs_the_prepare_of_its_view_and_height_and_block() -> None:
    """R37: a prepare of the view below, of the height below, or of another block is none."""
    for prepare in (
        request(PR, HEIGHT, VIEW - 1, X),
        request(PR, HEIGHT - 1, VIEW, X),
        request(PR, HEIGHT, VIEW, Y),
    ):
        signer, _, _ = signer_after(prepare)

        (answer,) = signer.sign_all([request(CM, HEIGHT, VIEW, X)])

        assert isinstance(answer, Refused)
