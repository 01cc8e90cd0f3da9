"""Genesis: the document that a network begins with, and block 0 made from it.

The document is agreed by all and written by hand in its named form (JSON). Block 0 is a function of
its content, whatever the order of its lists; its id is the chain id. It carries no transaction and
no certificate: who pins the chain id trusts the document.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import msgspec
from msgspec import Meta, Struct

from ledger import norms, parameters, tree
from ledger.accounts import (
    ACCOUNTS,
    Account,
    AccountKind,
    Floor,
    KeeperIsKept,
    Keys,
    PublicName,
    Threshold,
    UnknownAccount,
)
from ledger.accounts import contradictions as account_contradictions
from ledger.appointments import rows_of_grants
from ledger.assets import ASSETS, Amount, Asset, AssetCode, Exponent
from ledger.block import Execution
from ledger.books import BALANCES, SUPPLIES, Balance, Holding, Supply
from ledger.membership import MEMBERSHIP, VALIDATORS, Membership, Records, ValidatorsRow
from ledger.observers import (
    OBSERVERS,
    OBSERVERS_IN_FORCE,
    InForceRow,
    ObserverRecord,
    ObserverRow,
    observer_contradictions,
    taken_by_observers,
    taken_by_validators,
)
from ledger.operation import sentence
from ledger.parameters import NETWORK, PARAMETERS, Network, Parameters
from ledger.receipt import receipts_root
from ledger.roles import (
    KERNEL_ROLES,
    REGISTRAR,
    ROLE_DEFINITIONS,
    Role,
    RoleDefinition,
    RoleKey,
)
from ledger.state import Slot, Table
from ledger.validators import record_contradictions, taken
from primitives import kernel_limits, limits
from primitives.block import Header, block_id, transactions_root
from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import (
    INTEGER_MAX,
    ZERO32,
    AccountId,
    BlockId,
    ChainId,
    Height,
    Natural,
    NodeKey,
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
        for row_key, row in _observer_rows(document.observers).items():
            put(OBSERVERS, row_key, row)
        keys = sorted(record.node_key for record in document.observers)
        put(OBSERVERS_IN_FORCE, None, InForceRow(Height(0), tuple(keys)))
    for account in document.accounts:
        put(ACCOUNTS, account.id, account.row())
    for role in dict.fromkeys((*KERNEL_ROLES, *(grant.role for grant in document.roles))):
        put(ROLE_DEFINITIONS, role, RoleDefinition(REGISTRAR, None, None, ()))
    granted = [RoleKey(grant.role, grant.scope, grant.holder) for grant in document.roles]
    for table, key, made in rows_of_grants(granted):
        put(table, key, made)
    for table, key, enacted in norms.rows_of_genesis(document.norms, document.time_ms):
        put(table, key, enacted)
    supplies = dict.fromkeys((asset.code for asset in document.assets), 0)
    for balance in document.balances:
        put(BALANCES, Holding(balance.account, balance.asset), Balance(balance.amount, 0))
        supplies[balance.asset] += balance.amount
    for asset in document.assets:
        put(ASSETS, asset.code, Asset(asset.exponent, asset.issuer, snapshots=False, earmark=()))
        put(SUPPLIES, asset.code, Supply(supplies[asset.code]))
    return rows


def _observer_rows(records: Iterable[ObserverRecord]) -> dict[NodeKey, ObserverRow]:
    return {
        record.node_key: ObserverRow(record.name, record.account, Height(0), None)
        for record in records
    }


def contradictions(document: GenesisDocument) -> Iterator[str]:
    """Everything about a document that its form cannot exclude."""
    yield from _parameter_errors(document)
    yield from _validator_errors(document)
    yield from _observer_errors(document)
    yield from _account_errors(document)
    known = {account.id for account in document.accounts}
    if document.governor is not None and document.governor not in known:
        yield f"governor: {sentence(UnknownAccount(document.governor))}"
    yield from _norm_errors(document)
    yield from _role_errors(document, known)
    yield from _book_errors(document, known)


def _parameter_errors(document: GenesisDocument) -> Iterator[str]:
    for refusal in parameters.contradictions(document.parameters, len(document.validators)):
        yield f"parameters: {sentence(refusal)}"


def _norm_errors(document: GenesisDocument) -> Iterator[str]:
    yield from _repeated("norms: the code", (draft.norm for draft in document.norms))
    for draft in document.norms:
        for refusal in norms.contradictions(draft, document.time_ms):
            yield f"norms: {sentence(refusal)}"
    most = kernel_limits.BINDING_GROUNDS_MAX
    for bindable, count in Counter(b for draft in document.norms for b in draft.binds).items():
        if count > most:
            yield f"norms: {sentence(norms.TooManyGrounds(bindable, most))}"


def _validator_errors(document: GenesisDocument) -> Iterator[str]:
    accounts = {account.id: account.row() for account in document.accounts}
    for index, record in enumerate(document.validators):
        for refusal in taken(record, document.validators[:index]):
            yield f"validators: {sentence(refusal)}"
        for contradiction in record_contradictions(record, accounts.get(record.account)):
            yield f"validator {record.name}: {sentence(contradiction)}"


def _observer_errors(document: GenesisDocument) -> Iterator[str]:
    accounts = {account.id: account.row() for account in document.accounts}
    yield from _repeated("observers: the node key", (o.node_key.hex() for o in document.observers))
    for index, record in enumerate(document.observers):
        others = _observer_rows(document.observers[:index])
        for refusal in (
            *taken_by_validators(record, document.validators),
            *taken_by_observers(record, others),
        ):
            yield f"observers: {sentence(refusal)}"
        for contradiction in observer_contradictions(record, accounts.get(record.account)):
            yield f"observer {record.name}: {sentence(contradiction)}"


def _account_errors(document: GenesisDocument) -> Iterator[str]:
    yield from _repeated("accounts: the id", (a.id.hex() for a in document.accounts))
    signs = {account.id: bool(account.keys) for account in document.accounts}
    for account in document.accounts:
        for refusal in account_contradictions(account.id, account.row()):
            yield f"accounts: {sentence(refusal)}"
        if account.keeper is not None and account.keeper not in signs:
            yield f"accounts: {sentence(UnknownAccount(account.keeper))}"
        elif account.keeper is not None and not signs[account.keeper]:
            yield f"accounts: {sentence(KeeperIsKept(account.id, account.keeper))}"


def _role_errors(document: GenesisDocument, known: set[AccountId]) -> Iterator[str]:
    yield from _repeated("roles: the grant", ((r.role, r.scope, r.holder) for r in document.roles))
    for grant in document.roles:
        if grant.holder not in known:
            yield f"role {grant.role}: no account has the id of its holder, {grant.holder.hex()}"
        if grant.scope is not None and grant.scope not in known:
            yield f"role {grant.role}: no account has the id of its scope, {grant.scope.hex()}"


def _book_errors(document: GenesisDocument, known: set[AccountId]) -> Iterator[str]:
    yield from _repeated("assets: the code", (asset.code for asset in document.assets))
    for asset in document.assets:
        if asset.issuer not in known:
            yield f"asset {asset.code}: no account has the id of its issuer, {asset.issuer.hex()}"
    yield from _repeated(
        "balances: the pair", ((b.account.hex(), b.asset) for b in document.balances)
    )
    codes = {asset.code for asset in document.assets}
    supplies: Counter[str] = Counter()
    for balance in document.balances:
        if balance.account not in known:
            yield f"balances: no account has the id {balance.account.hex()}"
        if balance.asset not in codes:
            yield f"balances: there is no asset {balance.asset}"
        supplies[balance.asset] += balance.amount
    for code, supply in supplies.items():
        if supply > INTEGER_MAX:
            yield f"balances: {supply} of {code} in all, at most {INTEGER_MAX} can exist"


def _repeated(what: str, values: Iterable[Hashable]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{what} {value} stands {count} times, expected once"
