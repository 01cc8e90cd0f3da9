"""`mithaq init`: one node's folder, for a node that joins others."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.session import Session, command, facts
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from ledger.genesis import GenesisDocument
    from node.config import Address, BootstrapConfig, NodeFolder

_NODE_ID: Final = re.compile("[0-9a-f]{64}")


@command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--genesis",
    "genesis_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The network's genesis.json.",
)
@click.option("--name", help="The node's name.  [default: the folder's]")
@click.option("--observer", is_flag=True, help="A node that follows; it gets no validator.key.")
@click.option(
    "--listen", default="0.0.0.0:17000", show_default=True, help="Where it listens for other nodes."
)
@click.option(
    "--advertise",
    multiple=True,
    metavar="HOST:PORT",
    help="Where others reach it; may be repeated.  [default: where it listens, unless everywhere]",
)
@click.option(
    "--bootstrap",
    multiple=True,
    metavar="NODE@HOST:PORT",
    help="Whom it dials first: a validator's name in genesis, or a node's key; may be repeated.",
)
@click.option("--api", default="127.0.0.1:18000", show_default=True, help="Where people reach it.")
def init(
    session: Session,
    folder: Path,
    genesis_file: Path | None,
    name: str | None,
    observer: bool,
    listen: str,
    advertise: tuple[str, ...],
    bootstrap: tuple[str, ...],
    api: str,
) -> None:
    """Make one node's FOLDER, or what is missing in it; print what others must know of it.

    Without --genesis the keys are made, and their public halves are printed for whoever writes the
    genesis document. With it, genesis.json and config.toml are added. What exists is never
    overwritten.
    """
    from cli.founding import create_validator_key, document_bytes, write_new
    from node.config import ApiConfig, Config, NodeFolder, P2pConfig, config_text
    from node.folder import load_genesis
    from node.keys import Purpose, create_key, read_key

    node = NodeFolder(folder)
    called = name or folder.absolute().name
    document = None if genesis_file is None else load_genesis(genesis_file)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not node.node_key.exists():
        create_key(node.node_key, name=called, purpose=Purpose.NODE)
    if node.validator_key.exists():
        if not node.signer_state.exists():
            raise OperatorFault(
                f"{node.signer_state} is missing, and {node.validator_key} may have voted: the "
                "signer's memory is made with its key only (docs/operations.md)"
            )
    elif not observer:
        create_validator_key(node, called)
    if document is not None:
        called = name or _name_in(document, node) or called
        p2p = P2pConfig(
            listen=checked_address("--listen", listen),
            advertise=tuple(checked_reachable("--advertise", one) for one in advertise),
            bootstrap=tuple(_bootstrap(one, document) for one in bootstrap),
        )
        people = ApiConfig(listen=checked_address("--api", api))
        config = Config(name=called, p2p=p2p, api=people)
        if not node.genesis.exists():
            write_new(node.genesis, document_bytes(document))
        if not node.config.exists():
            write_new(node.config, config_text(config).encode())
    result: dict[str, object] = {"folder": str(folder), "name": called}
    result["node_key"] = read_key(node.node_key, Purpose.NODE).public.hex()
    if node.validator_key.exists():
        result["key"] = read_key(node.validator_key, Purpose.VALIDATOR).public.hex()
    session.show(result, facts(result.items()))
    _remarks(session, node, document, result)


def _name_in(document: "GenesisDocument", node: "NodeFolder") -> str | None:
    """What genesis calls the validator with this node's key: `status` finds it by that name."""
    from node.keys import Purpose, read_key

    own = read_key(node.node_key, Purpose.NODE).public
    names = (record.name for record in document.validators if bytes(record.node_key) == own)
    return next(names, None)


def checked_address(option: str, text: str) -> "Address":
    """Where a node may listen.

    Raises:
        UsageError: it is no such address.
    """
    from node.config import Address
    from p2p.peers import parse_address

    try:
        parse_address(text)
    except OperatorFault as error:
        raise click.UsageError(f"{option}: {error}") from error
    return Address(text)


def checked_reachable(option: str, text: str) -> str:
    """Where a node can be dialled.

    Raises:
        UsageError: it is no such address.
    """
    from node.addresses import is_reachable

    if not is_reachable(text):
        raise click.UsageError(
            f"{option}: expected host:port that can be dialled, such as 10.0.0.2:17000, "
            f"found {text!r}"
        )
    return text


def _bootstrap(text: str, document: "GenesisDocument") -> "BootstrapConfig":
    from node.config import BootstrapConfig

    node, at, address = text.rpartition("@")
    named = {record.name: record.node_key.hex() for record in document.validators}
    node_id = named.get(node, node)
    if not at or not _NODE_ID.fullmatch(node_id):
        raise click.UsageError(
            f"--bootstrap: expected NODE@HOST:PORT, and for NODE one of {', '.join(named)}, or 64 "
            f"hexadecimal digits, found {text!r}"
        )
    names = {node_id: name for name, node_id in named.items()}
    return BootstrapConfig(
        node_id=node_id,
        address=checked_reachable("--bootstrap", address),
        name=names.get(node_id, ""),
    )


def _remarks(
    session: Session,
    node: "NodeFolder",
    document: "GenesisDocument | None",
    result: dict[str, object],
) -> None:
    from node.config import load_config

    if document is None:
        session.remark(f"next: mithaq init {node.path} --genesis FILE, once the network has one")
        return
    voting = {record.key.hex() for record in document.validators}
    if "key" in result and result["key"] not in voting:
        session.remark(
            f"{node.validator_key} is not among the {len(voting)} validators of this genesis: the "
            "node follows, until the others take it in (`mithaq validator ready`)"
        )
    config = load_config(node.config)
    if not config.p2p.bootstrap:
        session.remark(
            f"next: write [[p2p.bootstrap]] with node_id and address of a validator or two into "
            f"{node.config}: without any, this node waits until the others dial it"
        )
    if not config.p2p.advertised(config.p2p.listen):
        session.remark(
            f"next: write into {node.config} where others reach this node (advertise): it listens "
            "everywhere, and nobody can dial that"
        )
    known = {record.node_key.hex() for record in document.validators}
    known |= {record.node_key.hex() for record in document.observers}
    if result["node_key"] not in known:
        session.remark(
            "genesis does not know this node: `mithaq observer request` makes what a registrar "
            "needs to admit it"
        )
