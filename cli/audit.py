"""`mithaq audit`: a chain executed again by somebody who believes nobody, and his word on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.completion import key_names
from cli.faults import ExitCode
from cli.files import read_file
from cli.home import home_of
from cli.pin import pin_options, trust_of
from cli.session import Session, command, facts
from cli.upkeep import Drawn
from primitives.errors import Malformed

if TYPE_CHECKING:
    from ledger.state import Slot
    from node.against import ProvedEntry
    from node.audit_report import AuditReport, SignedReport
    from node.divergence import EntriesOf
    from primitives.ids import ChainId, Height
    from verifier import Pin

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group("audit")
def audit() -> None:
    """Execute a chain again from its public files, and sign what came out.

    Exit code 0: every block came out as the chain says. 1: one did not, or a file proves nothing.
    """


@command("run", group=audit)
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option(
    "--key",
    required=True,
    metavar="NAME",
    shell_complete=key_names,
    help="Key that signs the report.",
)
@click.option("-o", "--output", required=True, type=_FILE, help="Where to write the report.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=1_000,
    show_default=True,
    help="List the state root of every so many heights.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0, max=64),
    help="Processes that check signatures.  [default: one for each further core]",
)
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(min=16),
    default=256,
    show_default=True,
    help="MiB of state in memory; beyond it, a scratch folder is used.",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where a scratch folder may be made.  [default: the system's]",
)
@click.option(
    "--snapshot",
    type=_FOLDER,
    help="Begin with the state of this snapshot instead of with genesis.",
)
@click.option(
    "--against",
    type=_FOLDER,
    help="A snapshot of the height at which the chain diverges: names the entry.",
)
@click.option(
    "--node",
    metavar="URL",
    help="A node that serves that height: names the entry, as far as it can be asked for.",
)
@pin_options
def run(
    session: Session,
    files: tuple[Path, ...],
    key: str,
    output: Path,
    every: int,
    workers: int | None,
    memory_mib: int,
    scratch: Path | None,
    snapshot: Path | None,
    against: Path | None,
    node: str | None,
    chain: "Pin | None",
    genesis_file: Path | None,
) -> None:
    """Execute the chain that the exports in FILES have, from genesis on, and sign a report.

    Certificates, lineage, signatures, receipts and state roots are checked at every height. The
    files come from `mithaq db export` of any node; more than one must follow each other. Where the
    chain is not what its transactions make of it, the report says at which height, in which
    transaction, and in which table as far as somebody shows the chain's state.
    """
    from node.audit_report import sign_report
    from node.auditing import AuditTask, audit_files
    from node.snapshot_check import open_snapshot
    from node.work import finish
    from primitives.ids import ChainId
    from storage.new_file import new_file, require_absent

    require_absent(output)  # said before the work, not after it
    trust = trust_of(session, chain, genesis_file)
    identifier = trust.one_chain()
    if identifier is None:
        raise click.UsageError("which chain? Expected --chain, --genesis or a home with a genesis")
    chain_id, stored = ChainId(identifier), home_of(session).key(key)
    with _witness(chain_id, against, node) as witness, Drawn(session) as drawn:
        task = AuditTask(
            files=files,
            chain=chain_id,
            every=every,
            workers=max(0, (os.cpu_count() or 1) - 1) if workers is None else workers,
            memory_bytes=memory_mib * 1024 * 1024,
            scratch=scratch,
            program=f"mithaq {version('mithaq')}",
            auditor=stored.name,
            snapshot=None if snapshot is None else open_snapshot(snapshot, chain_id),
            against=witness,
        )
        report = finish(audit_files(task, drawn.hear), drawn.hear)
    data = sign_report(report, stored.signing())
    with new_file(output) as file:
        file.write(data)
    origin = trust.source_of_chain(identifier)
    _show(session, data, {"file": str(output), "pinned_by": origin}, f"wrote {output}")
    if report.divergence is not None:
        raise click.exceptions.Exit(ExitCode.REFUSED)


@contextmanager
def _witness(
    chain: "ChainId", snapshot: Path | None, url: str | None
) -> "Iterator[EntriesOf | None]":
    """Who shows the chain's entries where it diverges."""
    from node.against import NodeEntries, SnapshotEntries, proved_entry
    from node.snapshot_check import open_snapshot

    if snapshot is not None and url is not None:
        raise click.UsageError("expected one of --against and --node, found both")
    if snapshot is not None:
        yield SnapshotEntries(open_snapshot(snapshot, chain))
        return
    if url is None:
        yield None
        return
    from client.client import Client

    with Client([url]) as client:

        def prove(slot: "Slot", height: "Height") -> "ProvedEntry":
            return proved_entry(client.state_proof(str(slot[0]), slot[1], height=height))

        yield NodeEntries(f"the node {url}", prove)


@command("verify", group=audit)
@click.argument("file", metavar="REPORT", type=_FILE)
@pin_options
def verify(session: Session, file: Path, chain: "Pin | None", genesis_file: Path | None) -> None:
    """Check that the report in REPORT is what its auditor signed, and about the pinned chain.

    Nothing is executed: who wants to know for himself runs an audit and compares. Exit code 0:
    valid. 1: invalid. 3: valid, but no chain was pinned.
    """
    signed = _read(file)
    trust = trust_of(session, chain, genesis_file)
    about = signed.report.chain
    origin = trust.source_of_chain(about)
    result: dict[str, Any] = {
        "verdict": "valid",
        "chain": about.hex(),
        "pinned_by": origin,
        "key": signed.key.hex(),
        "signer": _signer(session, signed),
    }
    if trust.asked is not None and origin is None:
        says = f"{trust.sources[trust.asked]} says {trust.asked.chain.hex()}"
        sentence = f"The report is about chain {about.hex()}, {says}."
        session.show({**result, "verdict": "invalid", "sentence": sentence}, sentence)
        raise click.exceptions.Exit(ExitCode.REFUSED)
    sentence = f"{result['signer']} signed: {_finding(signed.report)}"
    if origin is None:
        result["verdict"] = "not_pinned"
        unpinned = f"The chain is {about.hex()}, which you have not pinned."
        session.show({**result, "sentence": sentence}, f"{sentence}\n\n{unpinned}")
        raise click.exceptions.Exit(ExitCode.NOT_PINNED)
    session.show(
        {**result, "sentence": sentence}, f"{sentence}\n\nThe chain was pinned by {origin}."
    )


@command("show", group=audit)
@click.argument("file", metavar="REPORT", type=_FILE)
def show(session: Session, file: Path) -> None:
    """Show all that the report in REPORT says. To trust it, use `audit verify`."""
    _read(file)
    _show(session, _bytes(file), {"file": str(file)}, None)


@command("compare", group=audit)
@click.argument("first", metavar="REPORT", type=_FILE)
@click.argument("second", metavar="REPORT", type=_FILE)
def compare(session: Session, first: Path, second: Path) -> None:
    """Say how far two auditors' reports agree, and where they first differ.

    Exit code 0: nothing that both say is contradicted by either. 1: they differ, or say nothing
    about a common height.
    """
    from node.audit_report import compare as compared

    a, b = _read(first).report, _read(second).report
    found = compared(a, b)
    agree, differ = found.agree, found.differ
    result = {
        "agreed": found.agreed,
        "agree_to": agree[-1] if agree else None,
        "heights_compared": len(agree) + len(differ),
        "first_difference": differ[0] if differ else None,
    }
    lines = [f"both list {len(agree) + len(differ):,} heights"]
    if agree:
        lines.append(
            f"they agree up to height {max(h for h in agree if not differ or h < differ[0]):,}"
        )
    if differ:
        lines.append(f"the first difference is at height {differ[0]:,}")
    reached = min(a.last.height, b.last.height)
    if not differ and agree and agree[-1] < reached:
        lines.append(
            f"above it, no height up to {reached:,} is in both: audits with the same --every "
            "list the same ones"
        )
    if not found.same_divergence:
        lines += [f"{first}: {_finding(a)}", f"{second}: {_finding(b)}"]
    session.show(result, "\n".join(lines))
    if not found.agreed:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _show(session: Session, data: bytes, more: dict[str, Any], last_line: str | None) -> None:
    from node.audit_report import facts as facts_of
    from node.audit_report import read_report, sentences
    from primitives.named import to_named

    signed = read_report(data)
    report = signed.report
    finding = _finding(report)
    lines = [facts(facts_of(signed)), "", finding[0].upper() + finding[1:]]
    if report.divergence is not None:
        lines += ["", *sentences(report.divergence)]
    if last_line is not None:
        lines += ["", last_line]
    session.show({**to_named(signed), **more}, "\n".join(lines))


def _finding(report: "AuditReport") -> str:
    last, found = report.last.height, report.divergence
    if found is None:
        return f"every block up to height {last:,} comes out as the chain says."
    return (
        f"the chain and its transactions part at height {found.height:,}; "
        f"up to {last:,} every block comes out as it says."
    )


def _signer(session: Session, signed: "SignedReport") -> str:
    """Who signed: the account that genesis gives the key, where there is one at hand."""
    key, called = signed.key, signed.report.auditor
    home = home_of(session)
    named = ""
    if home.genesis_file.exists():
        for account in home.document.accounts:
            if any(entry.key == key for entry in account.keys):
                named = f", of the account {account.name or account.id.hex()} in genesis"
    return f"Key {key.hex()}, which calls itself {called!r}{named},"


def _read(file: Path) -> "SignedReport":
    from node.audit_report import read_report

    try:
        return read_report(_bytes(file))
    except Malformed as error:
        raise Malformed(f"{file} is no audit report that holds: {error}") from error


def _bytes(file: Path) -> bytes:
    from primitives import limits

    return read_file(file, limits.AUDIT_REPORT_BYTES_MAX)
