"""`mithaq init`: one node's folder, for a node that joins others."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.session import Session, command, facts

if TYPE_CHECKING:
    from ledger.genesis import GenesisDocument
    from node.config import Config, NodeFolder


@command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--genesis",
    "genesis_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The network's genesis.json; its validators become peers.",
)
@click.option("--name", help="The node's name.  [default: the folder's]")
@click.option("--observer", is_flag=True, help="A node that follows; it gets no validator.key.")
@click.option("--listen", default="0.0.0.0:17000", show_default=True, help="Where peers reach it.")
@click.option("--api", default="127.0.0.1:18000", show_default=True, help="Where people reach it.")
def init(
    session: Session,
    folder: Path,
    genesis_file: Path | None,
    name: str | None,
    observer: bool,
    listen: str,
    api: str,
) -> None:
    """Make one node's FOLDER, or what is missing in it; print what others must know of it.

    Without --genesis the keys are made, and their public halves are printed for whoever writes the
    genesis document. With it, genesis.json and config.toml are added. What exists is never
    overwritten.
    """
    from cli.founding import create_validator_key, document_bytes, write_new
    from node.config import NodeFolder, config_text
    from node.folder import load_genesis
    from node.keys import Purpose, create_key, read_key
    from primitives.errors import OperatorFault

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
        config = _config(node, document, called, listen=listen, api=api)
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


def _config(
    node: "NodeFolder", document: "GenesisDocument", name: str, *, listen: str, api: str
) -> "Config":
    from node.config import Address, ApiConfig, Config, P2pConfig, PeerConfig
    from node.keys import Purpose, read_key
    from p2p.peers import parse_address

    parse_address(listen)
    parse_address(api)
    own = read_key(node.node_key, Purpose.NODE).public
    return Config(
        name=name,
        p2p=P2pConfig(
            listen=Address(listen),
            peers=tuple(
                PeerConfig(name=record.name, node_id=record.node_key.hex())
                for record in document.validators
                if bytes(record.node_key) != own
            ),
        ),
        api=ApiConfig(listen=Address(api)),
    )


def _remarks(
    session: Session,
    node: "NodeFolder",
    document: "GenesisDocument | None",
    result: dict[str, object],
) -> None:
    if document is None:
        session.remark(f"next: mithaq init {node.path} --genesis FILE, once the network has one")
        return
    voting = {record.key.hex() for record in document.validators}
    if "key" in result and result["key"] not in voting:
        session.remark(
            f"{node.validator_key} is not among the {len(voting)} validators of this genesis: the "
            "node follows, until the others take it in (`mithaq validator ready`)"
        )
    session.remark(f"next: write the peers' addresses into {node.config}, then mithaq start")
