"""`mithaq bundle`: the one file with which a new node finds a network and knows it again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.conventions import time_text
from cli.home import Home, home_of, node_of
from cli.session import Session, command, facts
from primitives.errors import OperatorFault
from primitives.ids import Height, NodeKey, TimeMs

if TYPE_CHECKING:
    from node.bundle import BootstrapNode, Bundle
    from node.snapshot_check import Checkpoint
    from node.status import NodeStatus


@click.group("bundle")
def bundle() -> None:
    """Make a bundle for nodes that join (`mithaq join`), and look into one.

    A bundle is one file: the chain's id, the genesis document where it is small, the hash of the
    validators of a recent height, and where some validators are reached. Nothing in it is secret,
    but whoever joins with it trusts the chain's id in it: compare that with a published one.
    """


@command("create", group=bundle)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file that gets it; it must not exist.",
)
def create(session: Session, out: Path) -> None:
    """Make a bundle from the home of a network, or from a node's folder.

    Nodes that run tell the addresses of the validators, and the validators of today, which are
    pinned. Where none runs, it names the addresses that the files know, and pins genesis alone.
    """
    from cli.founding import write_new
    from node.bundle import bundle_bytes, make_bundle

    home = home_of(session)
    document = home.document
    status = _newest(home)
    made = make_bundle(
        document,
        checkpoint=None if status is None else _checkpoint(status),
        bootstrap=_bootstrap(home, status),
        made_ms=TimeMs(time.time_ns() // 1_000_000),
    )
    write_new(out, bundle_bytes(made))
    _show(session, out, made)
    if status is None:
        session.remark(
            "no node of this home answers: the validators of today are not pinned, and the "
            "addresses are those of the files"
        )


@command("show", group=bundle)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show(session: Session, file: Path) -> None:
    """Say what the bundle in FILE holds, if it is one."""
    from node.bundle import read_bundle

    _show(session, file, read_bundle(file))


def _show(session: Session, file: Path, found: "Bundle") -> None:
    from primitives.named import to_named

    pinned = found.checkpoint
    checkpoint = "none: genesis alone is pinned"
    if pinned is not None:
        checkpoint = f"the validators of height {pinned.height} are {pinned.validators_hash.hex()}"
    genesis = (
        "in the bundle" if found.genesis is not None else "fetched from the nodes, and checked"
    )
    lines: list[tuple[str, object]] = [
        ("bundle", file),
        ("network", found.network),
        ("chain", found.chain.hex()),
        ("made", time_text(found.made_ms)),
        ("genesis", genesis),
        ("checkpoint", checkpoint),
        *((one.name, ", ".join(one.addresses)) for one in found.bootstrap),
    ]
    named = to_named(found)
    named["genesis"] = found.genesis is not None
    session.show({"file": str(file), **named}, facts(lines))


def _newest(home: Home) -> "NodeStatus | None":
    """What the node says that has the most, of those that answer."""
    from cli.standing import newest_of, standing_of

    reports = standing_of([node_of(entry) for entry in home.entries()], home).reports
    answering = [report.status for report in reports if report.status is not None]
    return newest_of(answering) if answering else None


def _checkpoint(status: "NodeStatus") -> "Checkpoint":
    from node.snapshot_check import Checkpoint
    from primitives.validators import ValidatorSet

    validators = ValidatorSet.of([one.key for one in status.validators])
    return Checkpoint(Height(status.height + 1), validators.hash)


def _bootstrap(home: Home, status: "NodeStatus | None") -> "tuple[BootstrapNode, ...]":
    """Validators and where they are reached: as a node says, and as the files do."""
    from node.bundle import BootstrapNode
    from node.status import NodeRole
    from primitives import limits

    voting = {one.node_key: one.name for one in home.document.validators}
    if status is not None:
        voting = {one.node_key: one.name for one in status.validators}
    found: dict[NodeKey, list[str]] = {}
    for key, addresses in _in_files(home):
        found.setdefault(key, []).extend(addresses)
    for peer in () if status is None else status.peers:
        if peer.role is NodeRole.VALIDATOR:
            found.setdefault(peer.node_key, []).extend(peer.addresses)
    nodes = [
        BootstrapNode(
            voting[key], key, tuple(dict.fromkeys(addresses))[: limits.ADDRESSES_PER_PEER_MAX]
        )
        for key, addresses in found.items()
        if addresses and key in voting
    ]
    if not nodes:
        raise OperatorFault(
            f"{home.path}: no address of a validator is known here; say in config.toml where this "
            "node is reached (advertise), or ask while it runs"
        )
    return tuple(nodes)


def _in_files(home: Home) -> list[tuple[NodeKey, tuple[str, ...]]]:
    """Nodes of the home, and those that they dial first."""
    from node.config import NodeFolder, load_config
    from node.keys import public_of

    found: list[tuple[NodeKey, tuple[str, ...]]] = []
    for entry in home.entries():
        folder = NodeFolder(home.path / entry.folder)
        p2p = load_config(folder.config).p2p
        found.append((NodeKey(public_of(folder.node_key)), p2p.advertised(p2p.listen)))
        found += [(one.node_key, (one.address,)) for one in p2p.bootstrap]
    return found
