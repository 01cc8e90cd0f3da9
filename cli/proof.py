"""`mithaq proof`: proofs are fetched from a node, and checked without any.

Checking is the verifier's affair, which shares no code with the node. What stands here is only
which chain is trusted: that of --chain, or of a genesis file, or of the home.
"""

from pathlib import Path
from typing import Any

import click

from cli.completion import key_names
from cli.faults import ExitCode
from cli.home import HEX32, Home, client_of, home_of
from cli.session import Session, asking_command, command
from primitives.errors import OperatorFault


@click.group("proof")
def proof() -> None:
    """Fetch proofs, and check them without any node."""


@asking_command("get", group=proof)
@click.argument("transaction", metavar="TXID", required=False)
@click.option(
    "--account",
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="Prove the entry of this account instead.",
)
@click.option(
    "--state", nargs=2, metavar="TABLE KEY", help="Prove an entry of the state; KEY is hexadecimal."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the proof.",
)
def get(
    session: Session,
    transaction: str | None,
    account: str | None,
    state: tuple[str, str] | None,
    output: Path,
) -> None:
    """Fetch a proof: of transaction TXID and its receipt, or of an entry of the state."""
    from cli.transaction_file import replace_file
    from primitives.ids import TransactionId

    home = home_of(session)
    if sum(choice is not None for choice in (transaction, account, state)) != 1:
        raise click.UsageError("expected one of TXID, --account and --state")
    if transaction is not None:
        if not HEX32.fullmatch(transaction):
            raise click.UsageError(f"TXID: expected 64 hexadecimal digits, found {transaction!r}")
        identifier = TransactionId(bytes.fromhex(transaction))
        with client_of(session) as client:
            data = client.proof(identifier)
    else:
        table, key = ("accounts", home.account(account)) if account is not None else _entry(state)
        with client_of(session) as client:
            data = client.state_proof(table, key)
    replace_file(output, data)
    session.show({"file": str(output), "bytes": len(data)}, f"wrote {output}, {len(data)} bytes")


def _entry(state: tuple[str, str] | None) -> tuple[str, bytes]:
    assert state is not None, "one of the three was given"
    table, key = state
    if not table.isascii() or not table.replace("_", "").isalnum():
        raise click.UsageError(f"--state TABLE: expected a name or a number, found {table!r}")
    try:
        return table, bytes.fromhex(key)
    except ValueError as error:
        raise click.UsageError(f"--state KEY: expected hexadecimal, found {key!r}") from error


@command("verify", group=proof)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--chain", metavar="HEX", help="The chain id that you trust, 64 digits.")
@click.option(
    "--genesis",
    "genesis_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A genesis file that you trust; its chain is pinned.",
)
def verify(session: Session, file: Path, chain: str | None, genesis_file: Path | None) -> None:
    """Check the proof in FILE, without any node.

    The chain is pinned by --chain, else by --genesis, else by the genesis of the home; the answer
    says which. Exit code 0: valid. 1: invalid. 3: valid, but no chain was pinned.
    """
    import verifier

    data = _read(file)
    pinned, origin = _pin(session, chain, genesis_file)
    verdict = verifier.verify(data, pinned)
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
    if verdict.outcome is not verifier.Outcome.VALID:
        raise click.exceptions.Exit(ExitCode(verdict.outcome.value))


@command("show", group=proof)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show(session: Session, file: Path) -> None:
    """Show what the proof in FILE says, whatever its chain. To trust it, use `proof verify`."""
    import verifier

    verdict = verifier.verify(_read(file), None)
    if verdict.outcome is verifier.Outcome.INVALID:
        session.show({"verdict": "invalid", "sentence": verdict.sentence}, verdict.sentence)
        raise click.exceptions.Exit(ExitCode.REFUSED)
    result = {"sentence": verdict.sentence, "details": dict(verdict.details)}
    width = max(len(label) for label, _ in verdict.details) + 2
    lines = [f"{label:<{width}}{fact}" for label, fact in verdict.details]
    session.show(result, "\n".join([verdict.sentence, "", *lines]))


def _pin(
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


def _read(file: Path) -> bytes:
    from verifier.proof_file import FILE_BYTES_MAX

    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorFault(f"{file} cannot be read: {error.strerror}") from error
