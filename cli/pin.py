"""Files that are checked without any node: what is trusted, and who says so.

--chain or a genesis file name the one chain that is asked about. Else it is what the person trusts
(`cli.trust_store`) and the chain of the home. The answer names the pin that it rests on.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, final

import click

from cli.faults import ExitCode
from cli.home import Home, home_of
from cli.session import Session
from verifier import AgeLimit, Outcome, Pin, Verdict, read_age, read_pin
from verifier.pins import pin_that_counts

F = TypeVar("F", bound=Callable[..., None])
T = TypeVar("T")


@final
class _Word(click.ParamType[Any]):
    """A word that the verifier reads."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's own
        """What the word says."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


PIN: Final = _Word("PIN", read_pin)
AGE: Final = _Word("AGE", read_age)


def pin_options(function: F) -> F:
    """--chain and --genesis."""
    chain = click.option(
        "--chain", type=PIN, metavar="PIN", help="What you trust: CHAINID[@HEIGHT:HASH]."
    )
    genesis = click.option(
        "--genesis",
        "genesis_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A genesis file that you trust; its chain is pinned.",
    )
    return chain(genesis(function))


@final
@dataclass(frozen=True, slots=True)
class Trust:
    """What is trusted in this run; `asked` where the reader asks about one chain."""

    asked: Pin | None
    sources: Mapping[Pin, str]
    """Each pin, and who says so."""
    home: Pin | None = None
    """The chain of the home."""

    @property
    def pins(self) -> tuple[Pin, ...]:
        """All of them."""
        return tuple(self.sources)

    def source_of(self, verdict: Verdict) -> str | None:
        """Who pinned what a verdict rests on."""
        if verdict.pin is None:
            return None if self.asked is None else self.sources[self.asked]
        return self.sources[read_pin(verdict.pin)]

    def source_of_chain(self, chain: bytes) -> str | None:
        """Who pinned this chain, or a checkpoint of it."""
        return next((source for pin, source in self.sources.items() if pin.chain == chain), None)

    def source_at(self, chain: bytes, height: int) -> str | None:
        """Who pinned what a block of this height rests on."""
        counts = pin_that_counts(chain, height, self.pins)
        return None if counts is None else self.sources[counts]

    def one_chain(self) -> bytes | None:
        """Which chain is meant where a command needs one: asked about, of the home, the only."""
        meant = self.asked or self.home
        chains = {pin.chain for pin in self.sources} if meant is None else {meant.chain}
        return chains.pop() if len(chains) == 1 else None


def trust_of(session: Session, chain: Pin | None, genesis_file: Path | None) -> Trust:
    """What to trust, and who says so."""
    if chain is not None and genesis_file is not None:
        raise click.UsageError("expected one of --chain and --genesis, found both")
    if chain is not None:
        return Trust(chain, {chain: "--chain"})
    if genesis_file is not None:
        pin = Pin(_chain_of(genesis_file))
        return Trust(pin, {pin: str(genesis_file)})
    from cli.trust_store import load_trust

    store = load_trust()
    sources = {entry.pin: _named(entry.name, store.path) for entry in store.entries}
    home: Home = home_of(session)
    own = Pin(bytes(home.chain)) if home.genesis_file.exists() else None
    if own is not None:
        sources.setdefault(own, str(home.genesis_file))
    return Trust(None, sources, own)


def _named(name: str, path: Path) -> str:
    return f"{path} ({name})" if name else str(path)


def _chain_of(genesis_file: Path) -> bytes:
    from ledger.genesis import genesis_block
    from node.folder import load_genesis

    return bytes(genesis_block(load_genesis(genesis_file)).chain)


def age_limit(max_age: int | None) -> AgeLimit | None:
    """What is too old now."""
    return None if max_age is None else AgeLimit(int(time.time() * 1000), max_age)


def result_of(verdict: Verdict, trust: Trust) -> dict[str, Any]:
    """A verdict for programs."""
    return {
        "verdict": verdict.outcome.name.lower(),
        "headline": verdict.headline,
        "sentence": verdict.sentence,
        "chain": None if verdict.chain is None else verdict.chain.hex(),
        "pin": verdict.pin,
        "pinned_by": trust.source_of(verdict),
        "details": [{"label": label, "fact": fact} for label, fact in verdict.details],
    }


def show_verdict(session: Session, verdict: Verdict, trust: Trust) -> None:
    """Print a verdict, and end with its exit code."""
    text = verdict.text().rstrip("\n")
    source = trust.source_of(verdict)
    if source is not None:
        what = "checkpoint" if verdict.pin is not None and "@" in verdict.pin else "chain"
        text += f"\n\nThe {what} was pinned by {source}."
    elif verdict.outcome is Outcome.NOT_PINNED:
        text += "\n\n`mithaq trust add` keeps what you trust for the next time."
    session.show(result_of(verdict, trust), text)
    end_with(verdict.outcome)


def end_with(outcome: Outcome) -> None:
    """Raises:
    Exit: with the code of this outcome, unless it is valid.
    """
    if outcome is not Outcome.VALID:
        raise click.exceptions.Exit(ExitCode(outcome.value))


def show_content(session: Session, verdict: Verdict) -> None:
    """Print what a file says, whatever its chain; end with an exit code if it proves nothing."""
    if verdict.outcome is Outcome.INVALID:
        session.show({"verdict": "invalid", "sentence": verdict.sentence}, verdict.sentence)
        raise click.exceptions.Exit(ExitCode.REFUSED)
    result = {"sentence": verdict.sentence, "details": dict(verdict.details)}
    width = max(len(label) for label, _ in verdict.details) + 2
    lines = [f"{label:<{width}}{fact}" for label, fact in verdict.details]
    session.show(result, "\n".join([verdict.sentence, "", *lines]))
