"""`mithaq trust`: which chains and checkpoints this person trusts.

Their ids come from outside: a gazette, a ministry's page, a printed notice. `proof verify` and
`evidence verify` then need no --chain.
"""

from pathlib import Path

import click

from cli.files import read_file
from cli.pin import PIN, trust_of
from cli.session import Session, command, table
from primitives.errors import Rejected
from verifier import Pin


@click.group("trust")
def trust() -> None:
    """Say which chains and checkpoints you trust."""


@command("add", group=trust)
@click.argument("pin", type=PIN, metavar="CHAINID[@HEIGHT:HASH]", required=False)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take the checkpoint of this proof file, if it is valid under a chain that you trust.",
)
@click.option("--name", default="", metavar="NAME", help="What you call it.")
def add(session: Session, pin: object, file: Path | None, name: str) -> None:
    """Trust a chain, or the validators of one of its heights.

    Whoever pins a checkpoint trusts no older keys any more: proofs about later blocks then have to
    begin there (`mithaq proof get --from HEIGHT`).
    """
    from cli.trust_store import check_name, load_trust

    if (pin is None) == (file is None):
        raise click.UsageError("expected one of CHAINID[@HEIGHT:HASH] and --from FILE")
    if name:
        try:
            check_name(name)
        except ValueError as error:
            raise click.UsageError(f"--name: {error}") from error
    taken = pin if isinstance(pin, Pin) else _checkpoint_of(session, file)
    store = load_trust().with_pin(taken, name)
    store.save()
    session.show(
        {"pin": str(taken), "name": name or None, "file": str(store.path)},
        f"you trust {taken}\nkept in {store.path}",
    )


def _checkpoint_of(session: Session, file: Path | None) -> "Pin":
    """The validators that signed the block of a proof file that holds."""
    from verifier import Outcome, proof_file, verify_under

    assert file is not None, "one of the two was given"
    data = read_file(file, proof_file.FILE_BYTES_MAX)
    verdict = verify_under(data, trust_of(session, None, None).pins)
    if verdict.outcome is not Outcome.VALID:
        raise Rejected(
            "trust.unproved",
            f"{file} is not valid under a chain that you trust: {verdict.headline}. "
            f"{verdict.sentence}",
            {"expected": "valid", "actual": verdict.outcome.name.lower()},
        )
    header = proof_file.read_proof_file(data).header
    if header.height == 0:
        raise Rejected(
            "trust.unproved",
            f"{file} is about block 0: its validators are those of the chain id itself",
            {"expected": "a block above 0", "actual": 0},
        )
    assert verdict.chain is not None, "a valid file is of a chain"
    return Pin(verdict.chain, header.height, header.validators_hash)


@command("list", group=trust)
def list_(session: Session) -> None:
    """List what you trust."""
    from cli.trust_store import load_trust

    store = load_trust()
    rows = [
        (
            entry.name or "-",
            entry.pin.chain.hex(),
            entry.pin.height or "genesis",
            "" if entry.pin.validators_hash is None else entry.pin.validators_hash.hex(),
        )
        for entry in store.entries
    ]
    result = [{"pin": str(entry.pin), "name": entry.name or None} for entry in store.entries]
    text = (
        table(("name", "chain", "from height", "validators"), rows)
        if rows
        else f"you trust no chain yet: `mithaq trust add CHAINID` ({store.path})"
    )
    session.show({"file": str(store.path), "pins": result}, text)


@command("remove", group=trust)
@click.argument("what", metavar="NAME|CHAINID[@HEIGHT:HASH]")
def remove(session: Session, what: str) -> None:
    """Trust a chain or a checkpoint no longer."""
    from cli.trust_store import load_trust

    store, gone = load_trust().without(what)
    store.save()
    session.show({"pin": str(gone.pin), "name": gone.name or None}, f"removed {gone.pin}")
