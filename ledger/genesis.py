"""Genesis: the document that a network begins with, and block 0 made from it.

The document is agreed by all and written by hand in its named form (JSON). Block 0 is a function of
its content, whatever the order of its lists; its id is the chain id. It carries no transaction and
no certificate: who pins the chain id trusts the document.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import msgspec
from msgspec import Meta, Struct

from ledger import norms, tree
from ledger.accounts import (
    ACCOUNTS,
    Account,
    AccountKind,
    Floor,
    Keys,
    PublicName,
    Threshold,
)
from ledger.appointments import rows_of_grants
from ledger.assets import ASSETS, Amount, Asset, AssetCode, Exponent
from ledger.block import Execution
from ledger.books import BALANCES, SUPPLIES, Balance, Holding, Supply
from ledger.charters import CHARTERS, Charter
from ledger.genesis_check import contradictions, defined, granted, observer_rows
from ledger.membership import MEMBERSHIP, VALIDATORS, Membership, Records, ValidatorsRow
from ledger.observers import (
    OBSERVERS,
    OBSERVERS_IN_FORCE,
    InForceRow,
    ObserverRecord,
)
from ledger.parameters import NETWORK, PARAMETERS, Network, Parameters
from ledger.receipt import receipts_root
from ledger.roles import ROLE_DEFINITIONS, HolderLimit, Role, Roles, TermMs
from ledger.state import Slot, Table
from primitives import limits
from primitives.block import Header, block_id, transactions_root
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import (
    ZERO32,
    AccountId,
    BlockId,
    ChainId,
    Height,
    Natural,
    Sized32,
    TimeMs,
    ValidatorKey,
)
from primitives.named import from_named
from primitives.validators import ValidatorSet


@final
class GenesisAccount(Struct, array_like=True, frozen=True):
    """An account that exists from the start."""

    id: Annotated[AccountId, Meta(min_length=32, max_length=32, description="32 bytes")]
    kind: AccountKind
    threshold: Annotated[
        Threshold, Meta(description="weight of signatures that acts; 0 without keys")
    ]
    keys: Annotated[Keys, Meta(description="none for a running account, which has a keeper")]
    name: Annotated[PublicName, Meta(description="of a public body that signs; else empty")]
    keeper: Annotated[
        Sized32[AccountId] | None, Meta(description="account that signs for one without keys")
    ]
    floor: Annotated[
        Floor | None, Meta(description="lowest balance; 0 with keys, none is no floor")
    ]

    def row(self) -> Account:
        """The account itself."""
        return Account(
            kind=self.kind,
            threshold=self.threshold,
            keys=self.keys,
            name=self.name,
            keeper=self.keeper,
            floor=self.floor,
            changed=Height(0),
        )


@final
class GenesisRole(Struct, array_like=True, frozen=True):
    """A role that an account holds from the start."""

    role: Role
    scope: Annotated[
        Sized32[AccountId] | None, Meta(description="account it is held for; none is the network")
    ]
    holder: Sized32[AccountId]


@final
class GenesisRoleDefinition(Struct, array_like=True, frozen=True):
    """A role that exists from the start, beside those that every network has."""

    role: Role
    grantor: Annotated[Role, Meta(description="role whose holders grant it")]
    max_holders: Annotated[
        HolderLimit | None, Meta(description="at a time, for one scope; none is no limit")
    ]
    max_term_ms: Annotated[TermMs | None, Meta(description="of a grant; none is no limit")]
    incompatible: Annotated[Roles, Meta(description="roles that nobody holds beside it")]


@final
class GenesisBody(Struct, array_like=True, frozen=True):
    """A body that exists from the start: an account of this kind, and its charter."""

    account: Sized32[AccountId]
    charter: Charter


@final
class GenesisAsset(Struct, array_like=True, frozen=True):
    """An asset that exists from the start."""

    code: AssetCode
    exponent: Annotated[Exponent, Meta(description="decimal places of the whole unit")]
    issuer: Sized32[AccountId]


@final
class GenesisBalance(Struct, array_like=True, frozen=True):
    """What an account holds from the start."""

    account: Sized32[AccountId]
    asset: AssetCode
    amount: Annotated[Amount, Meta(description="in minor units")]


@final
class GenesisDocument(Struct, array_like=True, frozen=True):
    """All that a network begins with."""

    format: Literal["mithaq.genesis"]
    version: Literal[5]
    network: Annotated[PublicName, Meta(min_length=1, description="name of the network")]
    time_ms: Annotated[Natural[TimeMs], Meta(description="time of block 0")]
    parameters: Parameters
    validators: Records
    observers: Annotated[
        tuple[ObserverRecord, ...],
        Meta(max_length=limits.OBSERVERS_MAX, description="nodes that may follow from the start"),
    ]
    governor: Annotated[
        Sized32[AccountId] | None,
        Meta(description="body that changes parameters and norms by motion; none is nobody ever"),
    ]
    accounts: tuple[GenesisAccount, ...]
    bodies: tuple[GenesisBody, ...]
    role_definitions: tuple[GenesisRoleDefinition, ...]
    roles: tuple[GenesisRole, ...]
    norms: Annotated[
        tuple[norms.Draft, ...], Meta(description="law that is in force from the start")
    ]
    assets: tuple[GenesisAsset, ...]
    balances: tuple[GenesisBalance, ...]


@final
@dataclass(frozen=True, slots=True)
class Genesis:
    """Block 0: its header, and what storage writes for it."""

    chain: ChainId
    header: Header
    validators: ValidatorSet
    execution: Execution


def read_genesis(data: bytes, source: str = "the file") -> GenesisDocument:
    """A document from its file, in named form; `source` is how errors call it.

    Raises:
        OperatorFault: too large, or not of this form; says where and what was expected.
    """
    if len(data) > limits.GENESIS_BYTES_MAX:
        raise OperatorFault(f"{source} has more than {limits.GENESIS_BYTES_MAX} bytes")
    try:
        return from_named(data, GenesisDocument)
    except Malformed as error:
        raise OperatorFault(f"{source} is no genesis document: {error}") from error


def genesis_block(document: GenesisDocument) -> Genesis:
    """Block 0 of the network.

    Raises:
        OperatorFault: the document contradicts itself; every contradiction is named.
    """
    errors = list(contradictions(document))
    if errors:
        raise OperatorFault(
            "the genesis document is wrong:\n" + "\n".join(f"- {e}" for e in errors)
        )
    writes = _rows(document)
    built = tree.update(lambda _: None, Height(0), writes)
    validators = ValidatorSet.of([record.key for record in document.validators])
    execution = Execution(
        receipts=(),
        receipts_root=receipts_root(()),
        state_root=built.root,
        state_writes=writes,
        node_writes=built.nodes,
        committed=(),
        done=(),
        touched=(),
        moved=(),
        forget_before=document.time_ms,
    )
    header = Header(
        chain=ChainId(ZERO32),
        height=Height(0),
        parent=BlockId(ZERO32),
        time_ms=document.time_ms,
        proposer=ValidatorKey(ZERO32),
        transactions_root=transactions_root(()),
        state_root=execution.state_root,
        receipts_root=execution.receipts_root,
        validators_hash=validators.hash,
        next_validators_hash=validators.hash,
    )
    return Genesis(ChainId(block_id(header)), header, validators, execution)


def _rows(document: GenesisDocument) -> dict[Slot, bytes | None]:
    rows: dict[Slot, bytes | None] = {}

    def put(table: Table[Any, Any], key: object, row: msgspec.Struct) -> None:
        rows[table.number, table.key(key)] = encode(row)

    by_key = sorted(document.validators, key=lambda record: record.key)
    put(NETWORK, None, Network(document.network, document.governor))
    put(PARAMETERS, None, document.parameters)
    put(VALIDATORS, Height(0), ValidatorsRow(tuple(by_key), None))
    put(MEMBERSHIP, None, Membership(Height(0), 0, ()))
    if document.observers:
        for row_key, row in observer_rows(document.observers).items():
            put(OBSERVERS, row_key, row)
        keys = sorted(record.node_key for record in document.observers)
        put(OBSERVERS_IN_FORCE, None, InForceRow(Height(0), tuple(keys)))
    for account in document.accounts:
        put(ACCOUNTS, account.id, account.row())
    for body in document.bodies:
        put(CHARTERS, body.account, body.charter)
    for role, definition in defined(document).items():
        put(ROLE_DEFINITIONS, role, definition)
    for table, key, made in rows_of_grants(granted(document)):
        put(table, key, made)
    for table, key, enacted in norms.rows_of_genesis(document.norms, document.time_ms):
        put(table, key, enacted)
    supplies = dict.fromkeys((asset.code for asset in document.assets), 0)
    for balance in document.balances:
        put(BALANCES, Holding(balance.account, balance.asset), Balance(balance.amount, 0))
        supplies[balance.asset] += balance.amount
    for asset in document.assets:
        put(
            ASSETS,
            asset.code,
            Asset(asset.exponent, asset.issuer, snapshots=False, earmark=(), expires_ms=None),
        )
        put(SUPPLIES, asset.code, Supply(supplies[asset.code]))
    return rows
