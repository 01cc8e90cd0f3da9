"""Files that are checked without any node: which chain is trusted, and who says so.

The chain of --chain, or of a genesis file, or of the home; the answer names which.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.faults import ExitCode
from cli.home import HEX32, Home, home_of
from cli.session import Session
from primitives.errors import OperatorFault
from verifier.verdict import Outcome, Verdict

F = TypeVar("F", bound=Callable[..., None])


def pin_options(function: F) -> F:
    """--chain and --genesis."""
    chain = click.option("--chain", metavar="HEX", help="The chain id that you trust, 64 digits.")
    genesis = click.option(
        "--genesis",
        "genesis_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A genesis file that you trust; its chain is pinned.",
    )
    return chain(genesis(function))


def pinned(
    session: Session, chain: str | None, genesis_file: Path | None
) -> tuple[bytes | None, str | None]:
    """The chain to trust, and who says so."""
    if chain is not None and genesis_file is not None:
        raise click.UsageError("expected one of --chain and --genesis, found both")
    if chain is not None:
        if not HEX32.fullmatch(chain):
            raise click.UsageError(f"--chain: expected 64 hexadecimal digits, found {chain!r}")
        return bytes.fromhex(chain), "--chain"
    if genesis_file is not None:
        return _chain_of(genesis_file), str(genesis_file)
    home: Home = home_of(session)
    if home.genesis_file.exists():
        return bytes(home.chain), str(home.genesis_file)
    return None, None


def _chain_of(genesis_file: Path) -> bytes:
    from ledger.genesis import genesis_block
    from node.folder import load_genesis

    return bytes(genesis_block(load_genesis(genesis_file)).chain)


def show_verdict(session: Session, verdict: Verdict, origin: str | None) -> None:
    """Print a verdict, and end with its exit code."""
    result: dict[str, Any] = {
        "verdict": verdict.outcome.name.lower(),
        "sentence": verdict.sentence,
        "chain": None if verdict.chain is None else verdict.chain.hex(),
        "pinned_by": origin,
        "details": [{"label": label, "fact": fact} for label, fact in verdict.details],
    }
    text = verdict.text().rstrip("\n")
    if origin is not None:
        text += f"\n\nThe chain was pinned by {origin}."
    session.show(result, text)
    if verdict.outcome is not Outcome.VALID:
        raise click.exceptions.Exit(ExitCode(verdict.outcome.value))


def show_content(session: Session, verdict: Verdict) -> None:
    """Print what a file says, whatever its chain; end with an exit code if it proves nothing."""
    if verdict.outcome is Outcome.INVALID:
        session.show({"verdict": "invalid", "sentence": verdict.sentence}, verdict.sentence)
        raise click.exceptions.Exit(ExitCode.REFUSED)
    result = {"sentence": verdict.sentence, "details": dict(verdict.details)}
    width = max(len(label) for label, _ in verdict.details) + 2
    lines = [f"{label:<{width}}{fact}" for label, fact in verdict.details]
    session.show(result, "\n".join([verdict.sentence, "", *lines]))


def read_file(file: Path, most: int) -> bytes:
    """A file, or so much of it that it is too long.

    Raises:
        OperatorFault: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise OperatorFault(f"{file} cannot be read: {error.strerror}") from error
