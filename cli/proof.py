"""`mithaq proof`: proofs are fetched from a node, and checked without any.

Checking is the verifier's affair, which shares no code with the node; what a node gave is checked
before it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import click

from cli.completion import key_names
from cli.home import HEX32, client_of, home_of
from cli.pin import (
    AGE,
    Trust,
    age_limit,
    end_with,
    pin_options,
    read_file,
    result_of,
    show_verdict,
    trust_of,
)
from cli.session import Session, asking_command, command
from cli.state import entry_of
from primitives.errors import OperatorFault, RemoteFault

if TYPE_CHECKING:
    from client.client import Client
    from verifier import AgeLimit, Outcome, Pin, Verdict

_SUFFIX: Final = ".proof"


@click.group("proof")
def proof() -> None:
    """Fetch proofs, and check them without any node."""


@final
@dataclass(frozen=True, slots=True)
class _Wanted:
    """Of which fact a proof is asked for; of a transaction, or of a key of the state."""

    transaction: str | None
    event: int | None
    state: tuple[str, bytes] | None
    height: int | None

    def fetch(self, client: "Client", since: int) -> bytes:
        """The file, as a node gives it."""
        from primitives.ids import TransactionId

        if self.state is not None:
            return client.state_proof(*self.state, height=self.height, since=since)
        assert self.transaction is not None, "one of the two was asked for"
        identifier = TransactionId(bytes.fromhex(self.transaction))
        if self.event is not None:
            return client.event_proof(identifier, self.event, since=since)
        return client.proof(identifier, since=since)

    def is_answered_by(self, data: bytes) -> bool:
        """Whether a file that holds is about what was asked."""
        from verifier.proof_file import EventSubject, ReceiptSubject, read_proof_file

        file = read_proof_file(data)
        if self.height not in {None, file.header.height}:
            return False
        match file.subject:
            case ReceiptSubject(receipt=receipt):
                return self.event is None and receipt.transaction_id.hex() == self.transaction
            case EventSubject(receipt=receipt, event=event):
                found = (receipt.transaction_id.hex(), event + 1)
                return found == (self.transaction, self.event)
            case subject:
                return self.state is not None and subject.key == self.state[1]


@asking_command("get", group=proof)
@click.argument("transaction", metavar="TXID", required=False)
@click.option(
    "--event",
    type=click.IntRange(min=1),
    metavar="N",
    help="Prove event N of the transaction alone, without what was asked for.",
)
@click.option(
    "--account",
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="Prove the entry of this account, or that there is none.",
)
@click.option(
    "--state",
    nargs=2,
    metavar="TABLE KEY",
    help="Prove an entry of the state, or that there is none; KEY as in `mithaq state get`.",
)
@click.option(
    "--height",
    type=click.IntRange(min=0),
    metavar="H",
    help="After block H.  [default: the newest]",
)
@click.option(
    "--from",
    "checkpoint",
    metavar="HEIGHT|CHECKPOINT",
    help="Begin at a checkpoint that the reader has pinned, not at genesis.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it."
)
@click.option(
    "--qr",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg|.png",
    help="Draw it as a QR code.",
)
def get(
    session: Session,
    transaction: str | None,
    event: int | None,
    account: str | None,
    state: tuple[str, str] | None,
    height: int | None,
    checkpoint: str | None,
    output: Path | None,
    qr: Path | None,
) -> None:
    """Fetch a proof: of transaction TXID and its receipt, of an event, of an entry of the state.

    Where the state has no such entry, the file proves that.
    """
    from cli.qr import check_picture, write_qr
    from cli.transaction_file import replace_file

    if output is None and qr is None:
        raise click.UsageError("expected -o FILE, --qr FILE, or both")
    if qr is not None:
        check_picture(qr)
    wanted = _wanted(session, transaction, event, account, state, height)
    since, pin = _beginning(checkpoint)
    with client_of(session) as client:
        data = wanted.fetch(client, since)
    verdict = _checked(wanted, data, pin)
    if qr is not None:
        write_qr(qr, data)
    if output is not None:
        replace_file(output, data)
    written = [str(file) for file in (output, qr) if file is not None]
    session.show(
        {
            "file": None if output is None else str(output),
            "qr": None if qr is None else str(qr),
            "bytes": len(data),
            "sentence": verdict.sentence,
        },
        f"wrote {' and '.join(written)}, {len(data)} bytes\n{verdict.sentence}",
    )


def _wanted(
    session: Session,
    transaction: str | None,
    event: int | None,
    account: str | None,
    state: tuple[str, str] | None,
    height: int | None,
) -> _Wanted:
    if sum(choice is not None for choice in (transaction, account, state)) != 1:
        raise click.UsageError("expected one of TXID, --account and --state")
    if transaction is None:
        if event is not None:
            raise click.UsageError("--event is of a transaction: give its TXID")
        if account == "":
            raise click.UsageError("--account: expected an account, found nothing")
        table, key = state or ("accounts", account or "")
        entry = entry_of(home_of(session), table, key)
        return _Wanted(None, None, entry, height)
    if not HEX32.fullmatch(transaction):
        raise click.UsageError(f"TXID: expected 64 hexadecimal digits, found {transaction!r}")
    if height is not None:
        raise click.UsageError(
            "--height is of the state: a transaction has the height of its block"
        )
    return _Wanted(transaction, event, None, None)


def _beginning(checkpoint: str | None) -> tuple[int, "Pin | None"]:
    """The height where the lineage begins, and what must govern there if that was said."""
    from verifier import read_pin

    if checkpoint is None:
        return 0, None
    if checkpoint.isascii() and checkpoint.isdigit() and len(checkpoint) < 19:
        return int(checkpoint), None
    try:
        pin = read_pin(checkpoint)
    except ValueError as error:
        raise click.UsageError(f"--from: expected a height, or a pin: {error}") from error
    return pin.height, pin


def _checked(wanted: _Wanted, data: bytes, pin: "Pin | None") -> "Verdict":
    """What a file from a node says.

    Raises:
        RemoteFault: it proves nothing, or something else than was asked for.
    """
    import verifier

    verdict = verifier.verify(data, pin)
    if verdict.outcome is verifier.Outcome.INVALID:
        raise RemoteFault(f"the node's answer is no proof. {verdict.sentence}")
    if not wanted.is_answered_by(data):
        raise RemoteFault(f"the node proved something else. {verdict.sentence}")
    return verdict


@command("verify", group=proof)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@pin_options
@click.option(
    "--max-age", type=AGE, metavar="AGE", help="How old the block may be, as 30d, 12h, 90m or 45s."
)
def verify(
    session: Session,
    files: tuple[Path, ...],
    chain: "Pin | None",
    genesis_file: Path | None,
    max_age: int | None,
) -> None:
    """Check the proof in each FILE, without any node; of a folder, in each of its .proof files.

    The chain is pinned by --chain or --genesis, else by what you trust (`mithaq trust`) and the
    genesis of the home; the answer says which. Exit code 0: valid. 1: invalid. 3: valid, but not
    pinned. 4: valid, but older than --max-age. Of several files the worst counts: 1, 3, 4, 0.
    """
    trust, age = trust_of(session, chain, genesis_file), age_limit(max_age)
    found = _all_of(files)
    verdicts = [_verdict(_read(file), trust, age) for file in found]
    if len(files) == 1 and files[0] == found[0]:
        show_verdict(session, verdicts[0], trust)
        return
    results = [
        {"file": str(file), **result_of(verdict, trust)}
        for file, verdict in zip(found, verdicts, strict=True)
    ]
    lines = [
        f"{file}: {verdict.headline}\n  {verdict.sentence}"
        for file, verdict in zip(found, verdicts, strict=True)
    ]
    session.show(results, "\n".join(lines))
    end_with(_worst(verdicts))


def _all_of(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for file in files:
        inside = sorted(file.glob(f"*{_SUFFIX}")) if file.is_dir() else [file]
        if not inside:
            raise OperatorFault(f"{file} holds no file that ends in {_SUFFIX}")
        found += inside
    return found


def _verdict(data: bytes, trust: Trust, age: "AgeLimit | None") -> "Verdict":
    import verifier

    if trust.asked is not None:
        return verifier.verify(data, trust.asked, age=age)
    return verifier.verify_under(data, trust.pins, age=age)


def _worst(verdicts: Sequence["Verdict"]) -> "Outcome":
    from verifier import Outcome

    order = (Outcome.INVALID, Outcome.NOT_PINNED, Outcome.OLDER, Outcome.VALID)
    return min((verdict.outcome for verdict in verdicts), key=order.index)


@command("show", group=proof)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show(session: Session, file: Path) -> None:
    """Show every part of the proof in FILE, whatever its chain. To trust it, use `proof verify`."""
    import verifier
    from cli.proof_parts import parts_of, text_of
    from verifier.proof_file import read_proof_file

    data = _read(file)
    verdict = verifier.verify(data, None)
    if verdict.outcome is verifier.Outcome.INVALID:
        session.show({"verdict": "invalid", "sentence": verdict.sentence}, verdict.sentence)
        end_with(verdict.outcome)
    parts = parts_of(read_proof_file(data), data)
    result = {
        "sentence": verdict.sentence,
        "details": dict(verdict.details),
        "parts": [{"part": name, "fields": dict(fields)} for name, fields in parts],
    }
    session.show(result, f"{verdict.sentence}\n\n{text_of(parts)}")


def _read(file: Path) -> bytes:
    from verifier.proof_file import FILE_BYTES_MAX

    return read_file(file, FILE_BYTES_MAX)
