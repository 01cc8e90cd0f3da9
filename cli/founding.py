"""Founding a network: keys, genesis, and a folder for each node.

A founded network is whole or it is none: localnet.json is written last. Keys that the home already
has are used, never replaced.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Final, final

from msgspec.structs import replace

from cli.home import FORMAT, VERSION, Home, Localnet, NodeEntry, localnet_text
from ledger import genesis, parameters
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.charters import MEMBER, Charter, Procedure, Weighing
from ledger.observers import ObserverRecord
from ledger.roles import ASSET_ISSUER, NOTARY, REGISTRAR
from ledger.validators import ValidatorRecord
from node.config import (
    Address,
    ApiConfig,
    BootstrapConfig,
    Config,
    NodeFolder,
    P2pConfig,
    config_text,
)
from node.keys import Purpose, StoredKey, create_key, read_key
from primitives import limits
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import OperatorFault
from primitives.ids import AccountId, NodeKey, PublicKey, TimeMs, ValidatorKey
from primitives.named import to_named
from services.treasury import offices
from storage.new_file import make_file

MINISTRIES: Final = (
    "finance",
    "interior",
    "justice",
    "health",
    "education",
    "transport",
    "energy",
    "agriculture",
    "labour",
    "environment",
    "trade",
    "culture",
    "science",
    "housing",
    "defence",
    "statistics",
)
BASE_PORT: Final = 17000
API_OFFSET: Final = 1000
VALIDATORS_DEFAULT: Final = 4
BOOTSTRAPS: Final = 4
"""Validators in a node's bootstrap list: the others' addresses it hears from these."""

ASSET: Final = "GBP"
EXPONENT: Final = 2
TREASURY_MINOR_UNITS: Final = 250_000_000_00
DEMO_KEYS: Final = {
    "treasury": "Treasury",
    "registrar": "Registrar",
    "agency-1": "First agency",
    "agency-2": "Second agency",
}
"""Key file → the public body whose account it signs for."""
GOVERNOR: Final = "Council of the validators"
VOTE_MS: Final = 24 * 60 * 60 * 1000
"""A vote of the governor stays open for a day at least."""
TIMELOCK_MS: Final = 60 * 60 * 1000
"""Its decision waits for an hour: time to see what is coming."""
TRIAL_VOTE_MS: Final = 2_000
"""In a network on one machine, which is there to be tried out, nobody waits."""
ORDINARY_OPERATIONS: Final = (
    "authority.appoint",
    "authority.dismiss",
    "authority.found_body",
)
"""What the governor decides by a simple majority: nothing by which its own members change, unless
its law made their seats an office."""
OBSERVED_BY: Final = ("agency-1", "agency-2")
"""Whose the observers are, in turn."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be founded."""

    network: str
    validators: int
    observers: int
    base_port: int
    first_address: str | None = None
    """Each node is a machine of its own from this IPv4 address on; on loopback where not given."""

    def entries(self) -> tuple[NodeEntry, ...]:
        """The nodes, validators first."""
        names = [validator_name(index) for index in range(self.validators)]
        names += [f"observer-{index}" for index in range(self.observers)]
        return tuple(self._entry(index, name) for index, name in enumerate(names))

    def _entry(self, index: int, name: str) -> NodeEntry:
        votes = index < self.validators
        # Nodes on one machine differ in their ports, machines in their addresses.
        host, port = "127.0.0.1", self.base_port + index
        if self.first_address is not None:
            host, port = str(IPv4Address(self.first_address) + index), self.base_port
        return NodeEntry(
            name=name,
            folder=f"nodes/node{index}" if votes else f"nodes/observer{index - self.validators}",
            p2p=f"{host}:{port}",
            api=f"{host}:{port + API_OFFSET}",
            role="validator" if votes else "observer",
        )


def validator_name(index: int) -> str:
    """Validators are called like ministries as far as those go."""
    return MINISTRIES[index] if index < len(MINISTRIES) else f"ministry-{index + 1}"


def check_plan(plan: Plan) -> None:
    """Raises:
    OperatorFault: such a network cannot be.
    """
    if not 1 <= plan.validators <= limits.VALIDATORS_MAX:
        raise OperatorFault(f"{plan.validators} validators, expected 1 to {limits.VALIDATORS_MAX}")
    nodes = plan.validators + plan.observers
    if not 0 <= plan.observers <= limits.OBSERVERS_MAX:
        raise OperatorFault(f"{plan.observers} observers, expected 0 to {limits.OBSERVERS_MAX}")
    highest = plan.base_port + API_OFFSET + nodes - 1
    if plan.base_port < 1 or highest > 65535:
        raise OperatorFault(
            f"base port {plan.base_port}, expected 1 to {65535 - API_OFFSET - nodes + 1}"
        )
    if plan.first_address is not None:
        _check_addresses(plan.first_address, nodes)


def _check_addresses(first: str, nodes: int) -> None:
    try:
        last = IPv4Address(first) + (nodes - 1)
    except AddressValueError as error:
        beyond = f"an IPv4 address with {nodes - 1} more above it, such as 10.0.0.1"
        raise OperatorFault(f"first address {first!r}, expected {beyond}") from error
    if last.is_multicast or last.is_reserved:
        raise OperatorFault(f"addresses {first} to {last}: not all of them are a machine's")


def found(home: Home, plan: Plan) -> Localnet:
    """Write a new network into a home.

    Raises:
        OperatorFault: there is one already, or the folder cannot be written.
    """
    check_plan(plan)
    if home.has_network():
        raise OperatorFault(f"{home.path} holds a network already; nothing was changed")
    for leftover in (home.nodes, home.genesis_file):
        if leftover.exists():
            raise OperatorFault(
                f"{leftover} exists, but no localnet.json: an attempt was interrupted; "
                "`mithaq localnet reset --yes` clears it away"
            )
    home.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    entries = plan.entries()
    # A validator's body has an account, and a key for it that administers and never votes.
    bodies = {entry.name: entry.name.capitalize() for entry in entries if entry.role == "validator"}
    named = DEMO_KEYS | bodies
    account_keys = {name: _account_key(home, name) for name in named}
    votes: dict[str, StoredKey] = {}
    links: dict[str, StoredKey] = {}
    for entry in entries:
        folder = NodeFolder(home.path / entry.folder)
        folder.path.mkdir(parents=True, mode=0o700)
        links[entry.name] = create_key(folder.node_key, name=entry.name, purpose=Purpose.NODE)
        if entry.role == "validator":
            votes[entry.name] = create_validator_key(folder, entry.name)
    document = _genesis(plan, named, account_keys, votes, links)
    genesis.genesis_block(document)  # raises if it contradicts itself
    data = document_bytes(document)
    write_new(home.genesis_file, data)
    for entry in entries:
        folder = NodeFolder(home.path / entry.folder)
        write_new(folder.genesis, data)
        write_new(folder.config, config_text(_config(entry, entries, links)).encode())
    localnet = Localnet(FORMAT, VERSION, plan.network, plan.base_port, entries)
    write_new(home.localnet_file, localnet_text(localnet))
    return localnet


def create_validator_key(folder: NodeFolder, name: str) -> StoredKey:
    """Make a key that votes, and with it the signer's empty memory, which nobody else may make."""
    from node.signer import Signer
    from storage.durable_file import DiskFile

    key = create_key(folder.validator_key, name=name, purpose=Purpose.VALIDATOR)
    Signer.create_memory(ValidatorKey(key.public), DiskFile(folder.signer_state))
    return key


def document_bytes(document: genesis.GenesisDocument) -> bytes:
    """A genesis document as a file."""
    text = json.dumps(to_named(document), indent=2, ensure_ascii=False)
    return text.encode() + b"\n"


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet.

    Raises:
        OperatorFault: it does, or its folder cannot be written.
    """
    try:
        make_file(path, data, mode=0o666)
    except FileExistsError as error:
        raise OperatorFault(f"{path} exists already; it is never overwritten") from error
    except OSError as error:
        raise OperatorFault(f"{path} cannot be made: {error.strerror}") from error


def _account_key(home: Home, name: str) -> StoredKey:
    path = home.key_file(name)
    if path.exists():
        return read_key(path, Purpose.ACCOUNT)
    return create_key(path, name=name, purpose=Purpose.ACCOUNT)


def _genesis(
    plan: Plan,
    named: dict[str, str],
    account_keys: dict[str, StoredKey],
    votes: dict[str, StoredKey],
    links: dict[str, StoredKey],
) -> genesis.GenesisDocument:
    ids: dict[str, AccountId] = {
        name: account_of_key(key.public) for name, key in account_keys.items()
    }
    enough = min(parameters.DEFAULTS.minimum_validators, plan.validators)
    governor = AccountId(digest(Domain.BODY, plan.network.encode()))
    return genesis.GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network=plan.network,
        time_ms=TimeMs(time.time_ns() // 1_000_000),
        governor=governor,
        parameters=replace(parameters.DEFAULTS, minimum_validators=enough),
        validators=tuple(
            ValidatorRecord(
                name,
                ValidatorKey(key.public),
                NodeKey(links[name].public),
                ids[name],
            )
            for name, key in votes.items()
        ),
        observers=tuple(
            ObserverRecord(
                entry.name,
                NodeKey(links[entry.name].public),
                ids[OBSERVED_BY[index % len(OBSERVED_BY)]],
            )
            for index, entry in enumerate(plan.entries()[plan.validators :])
        ),
        accounts=(
            *(
                _account(ids[name], key.public, body)
                for (name, body), key in zip(named.items(), account_keys.values(), strict=True)
            ),
            _governor(governor),
        ),
        bodies=(genesis.GenesisBody(governor, _charter(plan)),),
        role_definitions=offices.ROLE_DEFINITIONS,
        roles=(
            genesis.GenesisRole(REGISTRAR, None, ids["registrar"]),
            genesis.GenesisRole(NOTARY, None, ids["registrar"]),
            genesis.GenesisRole(ASSET_ISSUER, None, ids["treasury"]),
            genesis.GenesisRole(offices.TREASURER, None, ids["treasury"]),
            genesis.GenesisRole(REGISTRAR, governor, governor),
            *(genesis.GenesisRole(MEMBER, governor, ids[name]) for name in votes),
        ),
        norms=(),
        assets=(genesis.GenesisAsset(ASSET, EXPONENT, ids["treasury"]),),
        balances=(genesis.GenesisBalance(ids["treasury"], ASSET, TREASURY_MINOR_UNITS),),
    )


def _governor(account: AccountId) -> genesis.GenesisAccount:
    return genesis.GenesisAccount(
        id=account,
        kind=AccountKind.BODY,
        threshold=0,
        keys=(),
        name=GOVERNOR,
        keeper=None,
        floor=0,
    )


def _charter(plan: Plan) -> Charter:
    """The governor decides by the accounts of the validators, one vote each.

    Law and parameters take what consensus takes: more than two thirds of the votes, and two thirds
    of the members; it appoints, and founds bodies, by a majority of at least half of them.
    """
    on_one_machine = plan.first_address is None
    law = Procedure(
        code="law",
        opener=None,
        electorate=MEMBER,
        weighing=Weighing.ONE,
        asset=None,
        quorum_bp=6_667,
        pass_bp=6_666,
        veto_bp=None,
        least_ms=TRIAL_VOTE_MS if on_one_machine else VOTE_MS,
        timelock_ms=0 if on_one_machine else TIMELOCK_MS,
        guardian=None,
        operations=None,
    )
    ordinary = replace(
        law, code="ordinary", quorum_bp=5_000, pass_bp=5_000, operations=ORDINARY_OPERATIONS
    )
    return Charter((law, ordinary))


def _account(account: AccountId, key: PublicKey, body: str) -> genesis.GenesisAccount:
    return genesis.GenesisAccount(
        id=account,
        kind=AccountKind.ORGANISATION,
        threshold=1,
        keys=(WeightedKey(key, 1),),
        name=body,
        keeper=None,
        floor=0,
    )


def _config(entry: NodeEntry, entries: Sequence[NodeEntry], links: dict[str, StoredKey]) -> Config:
    """Begin with a few validators: whoever answers tells of all others."""
    first = [other for other in entries if other is not entry and other.role == "validator"]
    return Config(
        name=entry.name,
        p2p=P2pConfig(
            listen=Address(entry.p2p),
            bootstrap=tuple(
                BootstrapConfig(
                    name=other.name,
                    node_id=links[other.name].public.hex(),
                    address=other.p2p,
                )
                for other in first[:BOOTSTRAPS]
            ),
        ),
        api=ApiConfig(listen=Address(entry.api)),
    )
