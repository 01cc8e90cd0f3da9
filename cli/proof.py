"""`mithaq proof`: proofs are fetched from a node, and checked without any.

Checking is the verifier's affair, which shares no code with the node; what a node gave is checked
before it is written.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from cli.completion import key_names
from cli.files import read_file
from cli.home import HEX32, client_of, home_of
from cli.language import word
from cli.pin import (
    AGE,
    Trust,
    age_limit,
    end_with,
    pin_options,
    result_of,
    show_verdict,
    trust_of,
)
from cli.proof_question import Question
from cli.session import Session, asking_command, command, program, table
from cli.state import entry_of
from primitives.errors import OperatorFault
from primitives.ids import AccountId

if TYPE_CHECKING:
    from verifier import AgeLimit, Outcome, Pin, Verdict

_SUFFIX: Final = ".proof"
PACK_REPORT: Final = "report.json"
"""Beside proofs: the report whose figures follow from them (`cli.period_pack`)."""


TRAIL: Final = "trail.json"
"""Beside proofs: the way of a payment that they prove (`cli.trail`)."""


@click.group("proof")
def proof() -> None:
    """Fetch proofs, and check them without any node."""


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
    from cli.files import replace_file
    from cli.qr import check_picture, write_qr

    if output is None and qr is None:
        raise click.UsageError("expected -o FILE, --qr FILE, or both")
    if qr is not None:
        check_picture(qr)
    question = _question(session, transaction, event, account, state, height)
    since, pin = _beginning(checkpoint)
    with client_of(session) as client:
        data = question.ask(client, since)
    verdict = _checked(session, question, data, pin)
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


def _question(
    session: Session,
    transaction: str | None,
    event: int | None,
    account: str | None,
    state: tuple[str, str] | None,
    height: int | None,
) -> Question:
    if sum(choice is not None for choice in (transaction, account, state)) != 1:
        raise click.UsageError("expected one of TXID, --account and --state")
    if transaction is None:
        if event is not None:
            raise click.UsageError("--event is of a transaction: give its TXID")
        if account == "":
            raise click.UsageError("--account: expected an account, found nothing")
        table, key = state or ("accounts", account or "")
        entry = entry_of(home_of(session), table, key)
        return Question(state=entry, height=height)
    if not HEX32.fullmatch(transaction):
        raise click.UsageError(f"TXID: expected 64 hexadecimal digits, found {transaction!r}")
    if height is not None:
        raise click.UsageError(
            "--height is of the state: a transaction has the height of its block"
        )
    return Question(transaction=transaction, event=event)


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


def _checked(session: Session, question: Question, data: bytes, pin: "Pin | None") -> "Verdict":
    verdict = question.check(data, pin)
    trust = trust_of(session, None, None)
    assert verdict.chain is not None, "what holds is of a chain"
    if pin is None and trust.sources and trust.source_of_chain(verdict.chain) is None:
        session.remark(f"this is of chain {verdict.chain.hex()}, which you have not pinned")
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

    Of a folder with a report (`mithaq report … --proof-pack`) also that every figure of it follows
    from these proofs, and that the proven transactions add up to it; of a folder with a trail
    (`mithaq proof follow`), that every step of it follows, and that none is left out.

    The chain is pinned by --chain or --genesis, else by what you trust (`mithaq trust`) and the
    genesis of the home; the answer says which. Exit code 0: valid. 1: invalid. 3: valid, but not
    pinned. 4: valid, but older than --max-age. Of several files the worst counts: 1, 3, 4, 0.
    """
    trust, age = trust_of(session, chain, genesis_file), age_limit(max_age)
    found = _all_of(files)
    packed = {file for file in files for pack in (PACK_REPORT, TRAIL) if (file / pack).is_file()}
    verdicts = [
        _verdict(data, trust, None if file.parent in packed and not _is_of_state(data) else age)
        for file, data in ((file, _read(file)) for file in found)
    ]
    if len(files) == 1 and files[0] == found[0]:
        show_verdict(session, verdicts[0], trust)
        return
    packs = [
        (file / pack, _pack_verdict(file, pack, found, verdicts))
        for file in dict.fromkeys(files)
        for pack in (PACK_REPORT, TRAIL)
        if (file / pack).is_file()
    ]
    judged = [*zip(found, verdicts, strict=True), *packs]
    session.show(
        [{"file": str(file), **result_of(verdict, trust)} for file, verdict in judged],
        "\n".join(
            f"{_shown(file)}: {verdict.headline}\n  {verdict.sentence}"
            for file, verdict in judged
            # A report speaks for its proofs, as long as they hold.
            if file.parent not in packed or file.suffix != _SUFFIX or _fails(verdict)
        ),
    )
    end_with(_worst([verdict for _, verdict in judged]))


def _is_of_state(data: bytes) -> bool:
    """Whether a file proves what was so after a block, and not what happened once."""
    from verifier.proof_file import AbsentSubject, EntrySubject, read_proof_file
    from verifier.verdict import Invalid

    try:
        return isinstance(read_proof_file(data).subject, EntrySubject | AbsentSubject)
    except Invalid:
        return False


def _shown(file: Path) -> str:
    """A name on one line: whoever made the folder chose the names in it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(file))


def _pack_verdict(
    folder: Path, pack: str, found: Sequence[Path], verdicts: "Sequence[Verdict]"
) -> "Verdict":
    from cli.period_pack import pack_verdict
    from cli.trail import trail_verdict

    own = [verdict for file, verdict in zip(found, verdicts, strict=True) if file.parent == folder]
    judge = pack_verdict if pack == PACK_REPORT else trail_verdict
    return judge(folder, own, _worst(own))


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


def _fails(verdict: "Verdict") -> bool:
    from verifier import Outcome

    return verdict.outcome is Outcome.INVALID


def _worst(verdicts: Sequence["Verdict"]) -> "Outcome":
    from verifier import Outcome

    order = (Outcome.INVALID, Outcome.NOT_PINNED, Outcome.OLDER, Outcome.VALID)
    return min((verdict.outcome for verdict in verdicts), key=order.index)


@asking_command("follow", group=proof)
@click.argument("payee", shell_complete=key_names)
@click.argument("invoice")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def follow(session: Session, payee: str, invoice: str, folder: Path) -> None:
    """Follow a payment: prove the way of INVOICE of PAYEE from the law to the last hand.

    FOLDER gets a proof of each step, and trail.json, which says how they hang together. `mithaq
    proof verify FOLDER` checks it without any node: also that nothing is left out.
    """
    from cli.conventions import money
    from cli.query import names_of
    from cli.trail import write_trail

    names = names_of(home_of(session), None)
    account = AccountId(bytes.fromhex(names.account(payee)))
    trust = trust_of(session, None, None)
    with client_of(session) as client:
        trail, count = write_trail(client, trust.home, folder, account, invoice)
    rows = [
        [
            names.in_text(step["giver"]),
            word(step["relation"]),
            names.in_text(step["receiver"]),
            money(step["amount_minor"], trail.exponent, trail.asset),
        ]
        for step in trail.steps
    ]
    told = table(["giver", "relation", "receiver", "amount"], rows)
    session.show(msgspec.to_builtins(trail), told)
    check = f"{program()} proof verify {shlex.quote(str(folder))}"
    session.remark(f"{count} proofs written; check them: {check}")


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
