"""`mithaq unfence`: a warning, a word that is kept, and what a node says to it."""

from __future__ import annotations

from pathlib import Path

import trio
from msgspec.structs import replace

from cli.faults import ExitCode
from kit.api import AT_WORK, ChainOfOne, administering
from kit.commandline import Done, mithaq
from kit.nets import in_trio
from node.standing import SigningState
from primitives import limits

FENCED = replace(
    AT_WORK, state=SigningState.FENCED, reason="its memory is missing", answered=2, needed=3
)


async def told(folder: Path, *words: str, fenced: bool = True) -> tuple[Done, ChainOfOne]:
    """What the command does at a node that serves its operator in this folder."""
    chain = ChainOfOne()
    if fenced:
        chain.signing = FENCED
    async with administering(chain, folder / "admin.sock"):
        done = await trio.to_thread.run_sync(lambda: mithaq("unfence", folder, *words))
    return done, chain


@in_trio
async def test_the_operator_gives_a_height_and_answers_for_it(tmp_path: Path) -> None:
    """After the warning; who it was goes along."""
    done, chain = await told(tmp_path, "--height", "7", "--by", "a.operator", "--yes")

    assert done.code == ExitCode.OK
    assert chain.unfenced_by == "a.operator"
    assert done.out == "fenced, signs from height 7 on: its memory is missing\n"
    assert done.err.startswith("WARNING: A validator that signs twice")
    assert "never signed at height 7 or above" in done.err


@in_trio
async def test_without_a_height_the_others_shall_tell(tmp_path: Path) -> None:
    """And without a name it is whoever is logged in here, cut to its limit."""
    done, chain = await told(tmp_path, "--yes", "--json")

    assert done.code == ExitCode.OK
    assert done.result["sign_from"] is None
    assert "or above" not in done.err
    assert chain.unfenced_by is not None
    assert 0 < len(chain.unfenced_by) <= limits.OPERATOR_LENGTH_MAX
    assert "@" in chain.unfenced_by


@in_trio
async def test_nothing_is_asked_before_the_warning_was_read(tmp_path: Path) -> None:
    """The error is the warning."""
    done, chain = await told(tmp_path, "--height", "7")

    assert done.code == ExitCode.USAGE
    assert "is a liar to everybody else" in done.err
    assert "Then say --yes." in done.err
    assert chain.unfenced_by is None


@in_trio
async def test_what_the_node_refuses_is_said_with_what_to_do(tmp_path: Path) -> None:
    """A node that is well has nothing to unfence."""
    done, _ = await told(tmp_path, "--height", "7", "--yes", fenced=False)

    assert done.code == ExitCode.REFUSED
    assert "this node is neither fenced nor cloned" in done.err
    assert "Next: `mithaq status` says what a validator waits for." in done.err


def test_the_node_must_run(tmp_path: Path) -> None:
    """It alone knows what is decided by now."""
    done = mithaq("unfence", tmp_path, "--height", "7", "--yes", "--by", "x")

    assert done.code == ExitCode.UNREACHABLE
    assert "does not answer" in done.err


@in_trio
async def test_a_name_beyond_its_limit_is_refused(tmp_path: Path) -> None:
    """By the node; OPERATOR_LENGTH_MAX characters are enough for a name."""
    fits, chain = await told(tmp_path, "--yes", "--by", "x" * limits.OPERATOR_LENGTH_MAX)
    long, _ = await told(tmp_path, "--yes", "--by", "x" * (limits.OPERATOR_LENGTH_MAX + 1))

    assert (fits.code, long.code) == (ExitCode.OK, ExitCode.REFUSED)
    assert chain.unfenced_by == "x" * limits.OPERATOR_LENGTH_MAX
