"""`mithaq snapshot`: the state of one height in files that the chain's id alone proves."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.conventions import number, time_text
from cli.faults import ExitCode
from cli.pin import Trust, pin_options, trust_of
from cli.session import Session, command, facts, table
from cli.upkeep import Drawn, is_running, node_command, run_here, run_work
from primitives.errors import OperatorFault, RemoteFault
from primitives.ids import ChainId, Height

if TYPE_CHECKING:
    from node.snapshot_check import Checkpoint
    from node.snapshot_format import Manifest
    from node.snapshots import Snapshot
    from verifier import Pin


@click.group("snapshot")
def snapshot() -> None:
    """Write, list, check and restore snapshots of the state.

    A snapshot is a folder: the state after one block in chunks, and what proves each of them from
    the chain's id on. A node that is restored from one begins at that height.
    """


@node_command("create", group=snapshot)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that gets it.  [default: snapshots/ in the node's]",
)
def create(session: Session, folder: Path, into: Path | None) -> None:
    """Write the snapshot of a node's newest block, into a folder of its own: HEIGHT-ROOT.

    A node that runs goes on meanwhile. Every chunk is checked before it is written.
    """
    from node.snapshots import SNAPSHOT, SnapshotRequest
    from primitives.named import to_named

    absolute = None if into is None else str(into.absolute())
    made = run_work(session, folder, SNAPSHOT, SnapshotRequest(into=absolute))
    session.show(to_named(made), facts(_described(made)))


def _described(one: "Snapshot") -> list[tuple[str, object]]:
    return [
        ("snapshot", one.folder),
        ("chain", one.chain.hex()),
        ("height", number(one.height)),
        ("block time", time_text(one.block_time_ms)),
        ("state root", one.state_root.hex()),
        ("entries", number(one.entries)),
        ("ids in window", number(one.ids)),
        ("chunks", f"{number(one.chunks)}, {number(one.bytes)} bytes"),
    ]


@node_command("list", group=snapshot)
@click.option(
    "--in",
    "place",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder that holds them.  [default: snapshots/ in the node's]",
)
def list_(session: Session, folder: Path, place: Path | None) -> None:
    """List the snapshots of a node, by height. What they say of themselves is not checked."""
    from node.config import NodeFolder
    from node.snapshots import snapshots_in
    from primitives.named import to_named

    found = snapshots_in(NodeFolder(folder).snapshots if place is None else place)
    rows = [
        (
            number(one.height),
            time_text(one.block_time_ms),
            number(one.entries),
            number(one.chunks),
            number(one.bytes),
            one.folder,
        )
        for one in found
    ]
    titles = ("HEIGHT", "BLOCK TIME", "ENTRIES", "CHUNKS", "BYTES", "FOLDER")
    text = table(titles, rows) if rows else "no snapshots"
    session.show([to_named(one) for one in found], text)


@command("verify", group=snapshot)
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@pin_options
def verify(session: Session, source: Path, chain: "Pin | None", genesis_file: Path | None) -> None:
    """Check the snapshot in DIR, all of it, without any node.

    The chain is pinned by --chain or --genesis, else by what you trust (`mithaq trust`) and the
    genesis of the home; checkpoints count as well. Exit code 0: valid. 1: invalid, and which file
    is. 3: valid, but not pinned.
    """
    from node.snapshot_check import open_snapshot
    from node.snapshot_check import verify as check
    from node.snapshot_format import read_manifest
    from node.snapshots import described
    from primitives.named import to_named

    trust = trust_of(session, chain, genesis_file)
    try:
        manifest = read_manifest(source)
        asked = manifest.chain if trust.asked is None else ChainId(trust.asked.chain)
        opened = open_snapshot(source, asked, checkpoints=_checkpoints(trust, asked))
        run_here(session, check(opened))
    except RemoteFault as fault:
        session.show({"verdict": "invalid", "reason": str(fault)}, f"INVALID\n\n{fault}")
        raise click.exceptions.Exit(ExitCode.REFUSED) from fault
    found = described(source, manifest)
    signed = f"{len(manifest.certificate.seals)} validators, a quorum of its height"
    lines = facts([*_described(found), ("signed by", signed), ("lineage", _lineage(manifest))])
    origin = trust.source_at(manifest.chain, manifest.height)
    if origin is None:
        verdict, pin = "not_pinned", "You have not pinned this chain: say with --chain which one."
    else:
        verdict, pin = "valid", f"The chain was pinned by {origin}."
    text = "\n\n".join((verdict.upper().replace("_", " "), lines, pin))
    result: dict[str, Any] = {"verdict": verdict, "pinned_by": origin, **_plain(to_named(found))}
    session.show(result, text)
    if origin is None:
        raise click.exceptions.Exit(ExitCode.NOT_PINNED)


def _checkpoints(trust: Trust, chain: ChainId) -> "list[Checkpoint]":
    from node.snapshot_check import Checkpoint

    return [
        Checkpoint(Height(pin.height), pin.validators_hash)
        for pin in trust.pins
        if pin.chain == chain and pin.validators_hash is not None
    ]


def _plain(named: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    assert isinstance(named, dict), "a Struct is named as a map"
    return named


def _lineage(manifest: "Manifest") -> str:
    changes = [step.header.height for step in manifest.steps]
    if not changes:
        return "none: the validators are those of genesis"
    return f"the validators changed after {', '.join(map(number, changes))}"


@node_command("restore", group=snapshot)
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def restore(session: Session, folder: Path, source: Path) -> None:
    """Make the database of a node that has none from the snapshot in DIR.

    The node's folder has its genesis.json, whose chain is the one that is trusted (as are your
    checkpoints of it), and no data/. Everything is checked on the way; a database that is not whole
    never gets that name. Then start the node: it fetches the blocks above from its peers.
    """
    from node.folder import load_node
    from node.snapshot_check import open_snapshot
    from node.snapshot_restore import restore as build
    from node.snapshots import described
    from primitives.named import to_named

    if is_running(folder):
        raise OperatorFault(f"the node of {folder} runs: stop it first, and move its data/ away")
    node = load_node(folder)
    own = node.genesis.chain
    checkpoints = _checkpoints(trust_of(session, None, None), own)
    opened = open_snapshot(source, own, checkpoints=checkpoints)
    with Drawn(session) as drawn:
        build(opened, node.folder.data, drawn.hear)
    found = described(source, opened.manifest)
    session.show(
        {"database": str(node.folder.data), **_plain(to_named(found))},
        facts([("database", node.folder.data), *_described(found)]),
    )
