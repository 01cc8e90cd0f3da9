"""A network's home: the files that this machine has of it, and the names that people use.

    localnet.json            what `localnet up` or `testnet` made: the nodes with their addresses
    genesis.json             the chain's definition
    keys/NAME.key            keys that sign transactions
    nodes/node0 …            a folder for each node

A single node's own folder serves as a home too: it has config.toml and genesis.json.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, final

import click
import msgspec
from msgspec import Struct

from cli.session import Session
from client.connection import Node, node_at
from primitives.errors import OperatorFault, Rejected
from primitives.ids import AccountId, ChainId, PublicKey

if TYPE_CHECKING:
    from client.client import Client
    from ledger.genesis import GenesisDocument
    from node.keys import StoredKey

FORMAT: Final = "mithaq.localnet"
VERSION: Final = 1
KEY_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
HEX32: Final = re.compile(r"[0-9a-f]{64}")


@final
class NodeEntry(Struct, frozen=True):
    """A node of this home."""

    name: str
    folder: str
    p2p: str
    api: str
    role: Literal["validator", "observer"]


@final
class Localnet(Struct, frozen=True):
    """The file localnet.json."""

    format: Literal["mithaq.localnet"]
    version: Literal[1]
    network: str
    base_port: int
    nodes: tuple[NodeEntry, ...]


@final
@dataclass(frozen=True)
class Home:
    """Reads only; `cli.founding` writes."""

    path: Path

    @property
    def localnet_file(self) -> Path:
        """Which nodes there are; written last, so it says that the rest is whole."""
        return self.path / "localnet.json"

    @property
    def genesis_file(self) -> Path:
        """The chain's definition."""
        return self.path / "genesis.json"

    @property
    def keys(self) -> Path:
        """Keys that sign transactions."""
        return self.path / "keys"

    @property
    def nodes(self) -> Path:
        """The folders of nodes."""
        return self.path / "nodes"

    def key_file(self, name: str) -> Path:
        """The file of a key that is called so, or that lies at this path."""
        if "/" in name or name.endswith(".key"):
            return Path(name)
        if not KEY_NAME.fullmatch(name):
            raise click.UsageError(
                f"key {name!r}: expected small letters, digits, '.', '_' and '-', at most 64"
            )
        return self.keys / f"{name}.key"

    def key_names(self) -> list[str]:
        """All keys of the home."""
        return sorted(path.stem for path in self.keys.glob("*.key"))

    def key(self, name: str) -> "StoredKey":
        """An account's key.

        Raises:
            OperatorFault: there is none, or it cannot be used.
        """
        from node.keys import Purpose, read_key

        path = self.key_file(name)
        if not path.exists():
            known = ", ".join(self.key_names()) or "none"
            raise OperatorFault(f"{path} is missing; keys of this home: {known}")
        return read_key(path, Purpose.ACCOUNT)

    def has_network(self) -> bool:
        """Whether a network was founded here."""
        return self.localnet_file.exists()

    def localnet(self) -> Localnet:
        """The network that was founded here.

        Raises:
            OperatorFault: there is none, or its file is not readable.
        """
        try:
            data = self.localnet_file.read_bytes()
        except FileNotFoundError as error:
            raise OperatorFault(
                f"{self.path} holds no local network: `mithaq localnet up` makes one"
            ) from error
        try:
            return msgspec.json.decode(data, type=Localnet)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise OperatorFault(f"{self.localnet_file} cannot be read: {error}") from error

    def entries(self) -> tuple[NodeEntry, ...]:
        """The nodes of this home; of a node's own folder, that node; else none."""
        if self.has_network():
            return self.localnet().nodes
        if not (self.path / "config.toml").exists():
            return ()
        from node.config import NodeFolder, load_config

        config = load_config(NodeFolder(self.path).config)
        role: Literal["validator", "observer"] = (
            "validator" if NodeFolder(self.path).validator_key.exists() else "observer"
        )
        return (NodeEntry(config.name, ".", config.p2p.listen, config.api.listen, role),)

    @cached_property
    def document(self) -> "GenesisDocument":
        """The genesis document.

        Raises:
            OperatorFault: there is none here.
        """
        from node.folder import load_genesis

        if not self.genesis_file.exists():
            raise OperatorFault(
                f"{self.genesis_file} is missing: say with --home where the network's files are"
            )
        return load_genesis(self.genesis_file)

    @cached_property
    def chain(self) -> ChainId:
        """The chain id, computed from genesis."""
        from ledger.genesis import genesis_block

        return genesis_block(self.document).chain

    def account_of(self, key: PublicKey) -> AccountId:
        """The account that genesis gives to a key, else the one that is named for it."""
        from ledger.accounts import account_of_key

        if self.genesis_file.exists():
            for account in self.document.accounts:
                if any(entry.key == key for entry in account.keys):
                    return account.id
        return account_of_key(key)

    def account(self, text: str) -> AccountId:
        """The account of an id, or of the name of a key.

        Raises:
            Rejected: neither.
        """
        if HEX32.fullmatch(text):
            return AccountId(bytes.fromhex(text))
        if KEY_NAME.fullmatch(text) and self.key_file(text).exists():
            return self.account_of(self.key(text).public)
        known = ", ".join(self.key_names()) or "none"
        raise Rejected(
            "account.unknown_name",
            f"expected an account id (64 hexadecimal digits) or the name of a key of {self.keys} "
            f"({known}), found {text!r}",
            {"found": text},
        )

    def public_key(self, text: str) -> PublicKey:
        """A public key in hexadecimal digits, or that of a key of this home.

        Raises:
            OperatorFault: neither.
        """
        if HEX32.fullmatch(text):
            return PublicKey(bytes.fromhex(text))
        if not KEY_NAME.fullmatch(text):
            raise OperatorFault(
                f"expected a public key (64 hexadecimal digits) or the name of a key of "
                f"{self.keys}, found {text!r}"
            )
        return self.key(text).public

    def with_names(self, text: str) -> str:
        """A text for people, with the accounts behind this home's keys called by those names."""
        from node.keys import public_of

        for name in self.key_names():
            with suppress(OperatorFault):  # a key that cannot be read names nobody
                account = self.account_of(public_of(self.key_file(name)))
                text = text.replace(account.hex(), name)
        return text


def home_of(session: Session) -> Home:
    """The home of this run."""
    return Home(session.home)


def node_of(entry: NodeEntry) -> Node:
    """A node of the home, as it can be asked."""
    return Node(entry.name, f"http://{reachable(entry.api)}")


def nodes_of(session: Session) -> tuple[Node, ...]:
    """--node, else the nodes of the home in order.

    Raises:
        OperatorFault: there is none, and what to do about it.
    """
    if session.node is not None:
        try:
            return (node_at(session.node),)
        except OperatorFault as fault:
            raise click.BadParameter(str(fault), param_hint="--node") from fault
    home = home_of(session)
    if not home.path.is_dir():
        raise OperatorFault(
            f"{home.path} is no folder: `mithaq localnet up` makes a network, or name a node with "
            "--node URL"
        )
    listed = tuple(node_of(entry) for entry in home.entries())
    if not listed:
        raise OperatorFault(
            f"{home.path} has no nodes: name one with --node URL, or say with --home where they are"
        )
    return listed


def client_of(session: Session) -> "Client":
    """A client of --node, else of the nodes of the home.

    Raises:
        OperatorFault: as `nodes_of`.
    """
    from client.client import Client

    return Client(nodes_of(session))


def parameter_in_force(session: Session, name: str) -> int:
    """What a parameter is set to now: motions change what genesis said.

    Raises:
        OperatorFault: as `nodes_of`.
        Unreachable: no node answers.
    """
    with client_of(session) as client:
        rows = client.query("authority.parameters").rows
    return next(int(row.value) for row in rows if row.name.value == name)


def reachable(address: str) -> str:
    """Where to dial what listens on an address: on every interface also means on this machine."""
    host, _, port = address.rpartition(":")
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host) + f":{port}"  # noqa: S104


def localnet_text(localnet: Localnet) -> bytes:
    """The bytes of localnet.json."""
    return json.dumps(msgspec.to_builtins(localnet), indent=2).encode() + b"\n"
