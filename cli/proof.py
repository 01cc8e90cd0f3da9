"""`mithaq proof`: proofs are fetched from a node, and checked without any.

Checking is the verifier's affair, which shares no code with the node.
"""

from pathlib import Path

import click

from cli.completion import key_names
from cli.home import HEX32, client_of, home_of
from cli.pin import pin_options, pinned, read_file, show_content, show_verdict
from cli.session import Session, asking_command, command


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
@pin_options
def verify(session: Session, file: Path, chain: str | None, genesis_file: Path | None) -> None:
    """Check the proof in FILE, without any node.

    The chain is pinned by --chain, else by --genesis, else by the genesis of the home; the answer
    says which. Exit code 0: valid. 1: invalid. 3: valid, but no chain was pinned.
    """
    import verifier

    data = _read(file)
    chain_id, origin = pinned(session, chain, genesis_file)
    show_verdict(session, verifier.verify(data, chain_id), origin)


@command("show", group=proof)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show(session: Session, file: Path) -> None:
    """Show what the proof in FILE says, whatever its chain. To trust it, use `proof verify`."""
    import verifier

    show_content(session, verifier.verify(_read(file), None))


def _read(file: Path) -> bytes:
    from verifier.proof_file import FILE_BYTES_MAX

    return read_file(file, FILE_BYTES_MAX)
