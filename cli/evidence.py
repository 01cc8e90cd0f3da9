"""`mithaq evidence`: validators that signed what no honest one signs.

A node says what it has; a file is checked without any; a report goes on chain like any other
transaction. After a fork, testimonies of both sides name the guilty. Each node keeps what it came
upon itself, so another one may know more: --node says which is asked.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.completion import key_names
from cli.files import read_file
from cli.home import HEX32, client_of, home_of
from cli.pin import pin_options, show_content, show_verdict, trust_of
from cli.session import Session, asking_command, command, table
from cli.waiting import WAIT_OPTIONS, Waiting
from primitives.errors import Malformed, OperatorFault

if TYPE_CHECKING:
    from client.client import Client
    from node.forensics import Testimony
    from primitives.evidence import Case
    from primitives.ids import Digest
    from verifier import Pin

_ID_SHOWN = 16


@click.group("evidence")
def evidence() -> None:
    """List, check and report validators that signed two things."""


@asking_command("list", group=evidence)
def list_(session: Session) -> None:
    """List the cases that a node has evidence of."""
    from primitives.named import to_named

    with client_of(session) as client:
        found = client.cases()
    rows = [
        (
            one.id.hex()[:_ID_SHOWN],
            one.kind.value,
            one.name,
            one.height,
            one.view,
            _standing(one.suspended_since, marked=one.marked),
        )
        for one in found
    ]
    titles = ("case", "kind", "validator", "height", "view", "on chain")
    text = table(titles, rows) if rows else "this node has no evidence against anybody"
    session.show({"cases": to_named(found)}, text)


def _standing(since: int | None, *, marked: bool) -> str:
    if since is None:
        return "not reported"
    return f"proved in block {since}" + (", votes until a replacement joins" if marked else "")


@asking_command("show", group=evidence)
@click.argument("what", metavar="CASE|FILE")
def show(session: Session, what: str) -> None:
    """Show the evidence of a CASE of a node, or in a FILE, whatever its chain.

    To trust it, use `evidence verify`.
    """
    import verifier

    show_content(session, verifier.verify_evidence(_file(session, what), None))


@asking_command("export", group=evidence)
@click.argument("case", metavar="CASE")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the evidence.",
)
def export(session: Session, case: str, output: Path) -> None:
    """Write the evidence of a CASE to a file that anybody can check."""
    from cli.files import replace_file

    with client_of(session) as client:
        data = client.evidence(_case(client, case))
    replace_file(output, data)
    session.show({"file": str(output), "bytes": len(data)}, f"wrote {output}, {len(data)} bytes")


@command("verify", group=evidence)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pin_options
def verify(session: Session, file: Path, chain: "Pin | None", genesis_file: Path | None) -> None:
    """Check the evidence in FILE, without any node.

    The chain is pinned by --chain or --genesis, else by what you trust (`mithaq trust`) and the
    genesis of the home; the answer says which. Exit code 0: valid. 1: invalid. 3: valid, but not
    pinned.
    """
    import verifier

    data = _read(file)
    trust = trust_of(session, chain, genesis_file)
    if trust.asked is not None:
        verdict = verifier.verify_evidence(data, trust.asked)
    else:
        verdict = verifier.verify_evidence_under(data, trust.pins)
    show_verdict(session, verdict, trust)


@asking_command("submit", group=evidence, options=WAIT_OPTIONS)
@click.argument("what", metavar="CASE|FILE")
@click.option(
    "--key",
    multiple=True,
    required=True,
    metavar="NAME",
    shell_complete=key_names,
    help="Key that signs the report; give it again for each further signer.",
)
@click.option(
    "--actor",
    metavar="ACCOUNT",
    shell_complete=key_names,
    help="Who reports.  [default: the first key's account]",
)
def submit(
    session: Session,
    what: str,
    key: tuple[str, ...],
    actor: str | None,
    wait: bool,
    timeout: int,
    proof: Path | None,
) -> None:
    """Report the evidence of a CASE of a node, or in a FILE, on chain.

    Anybody with an account may. The validator is suspended: it votes no longer from the second
    block on, or is marked where the network would fall below its minimum.
    """
    from cli.submission import submit as hand_over
    from client.wallet import Wallet
    from node.evidence_file import read_evidence
    from node.lineage import chain_of
    from services.authority.validators import ReportEquivocation

    file = read_evidence(_file(session, what))
    home = home_of(session)
    keys = [home.key(name) for name in key]
    account = home.account_of(keys[0].public) if actor is None else home.account(actor)
    chain = chain_of(file.anchor)
    wallet = Wallet(chain, tuple(each.signing() for each in keys), account)
    transaction = wallet.transaction(ReportEquivocation(file.evidence))
    hand_over(session, transaction, Waiting(wait=wait, timeout_s=timeout, proof=proof))


@asking_command("testimony", group=evidence)
@click.argument("height", type=click.IntRange(min=1))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the testimony.",
)
def testimony(session: Session, height: int, output: Path) -> None:
    """Write what a node holds about a decided HEIGHT, for `evidence find`."""
    from cli.files import replace_file

    with client_of(session) as client:
        data = client.testimony(height)
    replace_file(output, data)
    session.show({"file": str(output), "bytes": len(data)}, f"wrote {output}, {len(data)} bytes")


@command("find", group=evidence)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write an evidence file for each case into this folder.",
)
@pin_options
def find(
    session: Session,
    files: tuple[Path, ...],
    output: Path | None,
    chain: "Pin | None",
    genesis_file: Path | None,
) -> None:
    """Name the guilty of a fork, from testimonies of nodes on both sides, without any node.

    Give the testimonies of as many nodes as you can. If fewer validators lie than a quorum has,
    those of all honest ones name at least f + 1 of the liars.
    """
    from node.evidence_file import write_evidence
    from node.forensics import culprits, evidence_files
    from primitives.crypto import ED25519
    from primitives.evidence import case_of
    from primitives.ids import ChainId

    testimonies = [_testimony(file) for file in files]
    genesis = _same_height(testimonies)
    trust = trust_of(session, chain, genesis_file)
    if trust.pins and genesis not in {pin.chain for pin in trust.pins}:
        named = ", ".join(f"{source} says {pin}" for pin, source in trust.sources.items())
        raise OperatorFault(f"the testimonies are of chain {genesis.hex()}, {named}")
    found = culprits(testimonies, scheme=ED25519)
    written = [write_evidence(file) for file in evidence_files(testimonies, found)]
    _check_each(written, genesis)
    cases = [case_of(piece, ChainId(genesis)) for piece in found]
    names = [_file_name(case) for case in cases]
    if output is not None:
        _write_all(output, dict(zip(names, written, strict=True)))
    _show_found(session, testimonies, cases, output)


def _check_each(files: Sequence[bytes], chain: bytes) -> None:
    """A testimony with a wrong lineage would make files that nobody believes."""
    import verifier

    for data in files:
        verdict = verifier.verify_evidence(data, verifier.Pin(chain))
        if verdict.outcome is not verifier.Outcome.VALID:
            raise OperatorFault(f"the first testimony is wrong. {verdict.sentence}")


def _show_found(
    session: Session,
    testimonies: Sequence["Testimony"],
    cases: Sequence["Case"],
    output: Path | None,
) -> None:
    voters = testimonies[0].voters
    guilty = sorted({case.signer for case in cases})
    blocks = sorted({one.certificate.block_id.hex() for one in testimonies})
    result: dict[str, Any] = {
        "height": testimonies[0].height,
        "blocks": blocks,
        "culprits": [key.hex() for key in guilty],
        "expected": voters.faults + 1 if len(blocks) > 1 else 0,
        "cases": [
            {
                "case": case.id.hex(),
                "kind": case.kind.value,
                "signer": case.signer.hex(),
                "view": case.view,
                "file": str(output / _file_name(case)) if output is not None else None,
            }
            for case in cases
        ],
    }
    rows = [
        (case.kind.value, case.signer.hex()[:16], case.view, _file_name(case)) for case in cases
    ]
    lines = [f"height {testimonies[0].height}: {len(blocks)} certified blocks"]
    lines += [f"  {block}" for block in blocks]
    if rows:
        lines += ["", table(("kind", "signer", "view", "file"), rows), ""]
    lines.append(f"{len(guilty)} of {voters.size} validators are proved guilty")
    if len(blocks) > 1 and len(guilty) <= voters.faults:
        lines.append(
            f"at least {voters.faults + 1} are: add the testimonies of more nodes of both sides"
        )
    session.show(result, "\n".join(lines))


def _file_name(case: "Case") -> str:
    return f"{case.kind.value}-{case.height}-{case.view}-{case.signer.hex()[:16]}.evidence"


def _write_all(folder: Path, files: dict[str, bytes]) -> None:
    from cli.files import replace_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        replace_file(folder / name, data)


def _testimony(file: Path) -> "Testimony":
    from node.forensics import read_testimony
    from primitives import limits

    try:
        read = read_testimony(read_file(file, limits.TESTIMONY_BYTES_MAX))
        read.voters  # noqa: B018 - that it names a set of validators
    except Malformed as error:
        raise OperatorFault(f"{file} is no testimony: {error}") from error
    return read


def _same_height(testimonies: Sequence["Testimony"]) -> bytes:
    """The chain id that all of them are about.

    Raises:
        UsageError: they are about several chains, heights or sets of validators.
    """
    from node.lineage import chain_of

    about = {(chain_of(one.origin.anchor), one.height, one.voters.hash) for one in testimonies}
    if len(about) > 1:
        said = ", ".join(
            sorted(f"height {height} of {chain.hex()[:16]}…" for chain, height, _ in about)
        )
        raise click.UsageError(f"expected testimonies of one height and its validators: {said}")
    return bytes(next(iter(about))[0])


def _file(session: Session, what: str) -> bytes:
    """An evidence file that lies here, or the one that a node makes of a case."""
    path = Path(what)
    if path.exists():
        return _read(path)
    with client_of(session) as client:
        return client.evidence(_case(client, what))


def _case(client: "Client", text: str) -> "Digest":
    """The case of an id, or of the first digits of one that the node has.

    Raises:
        UsageError: it is none, or several.
    """
    from primitives.ids import Digest

    if HEX32.fullmatch(text):
        return Digest(bytes.fromhex(text))
    found = [one.id for one in client.cases() if one.id.hex().startswith(text.lower())]
    if len(found) != 1:
        raise click.UsageError(
            f"{text!r}: expected a file, or the first digits of one case; "
            f"{len(found)} cases of this node begin so"
        )
    return found[0]


def _read(file: Path) -> bytes:
    from verifier.evidence import FILE_BYTES_MAX

    return read_file(file, FILE_BYTES_MAX)
