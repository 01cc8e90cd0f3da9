"""Builders for everything that runs a ledger: keys, a genesis document, a state in memory."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.block import BlockRun, Execution
from ledger.books import Line
from ledger.calls import Law
from ledger.charters import MEMBER, Charter, Procedure, Weighing
from ledger.genesis import (
    Genesis,
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisBody,
    GenesisDocument,
    GenesisRole,
    genesis_block,
)
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, Parameters
from ledger.receipt import Receipt
from ledger.roles import ASSET_ISSUER, NOTARY, REGISTRAR
from ledger.transaction import (
    Body,
    Call,
    CheckedTransaction,
    check_transaction,
    sign_body,
)
from ledger.validators import ValidatorRecord
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.ids import (
    AccountId,
    ChainId,
    Digest,
    Height,
    NodeKey,
    TimeMs,
    TransactionId,
    ValidatorKey,
)
from services.money import Transfer
from services.table import LAW, TRANSACTION

GENESIS_TIME = TimeMs(1_780_000_000_000)
TREASURY_BALANCE = 25_000_000_000
GBP = "GBP"
NAMES = ("treasury", "registrar", "health", "works")
GOVERNING = Procedure(
    code="ordinary",
    opener=None,
    electorate=MEMBER,
    weighing=Weighing.ONE,
    asset=None,
    quorum_bp=5_000,
    pass_bp=5_000,
    veto_bp=None,
    least_ms=1_000,
    timelock_ms=0,
    guardian=None,
    operations=None,
)
"""How the governor decides: more than half, after a second."""


def key(name: str) -> SigningKey:
    """The same key for the same name."""
    return SigningKey(sha256(b"mithaq test key " + name.encode()).digest())


def account_id(name: str) -> AccountId:
    """The account of `key(name)`."""
    return account_of_key(key(name).public)


def genesis_account(
    name: str,
    *,
    kind: AccountKind = AccountKind.ORGANISATION,
    signers: Sequence[tuple[str, int]] = (),
    threshold: int = 1,
) -> GenesisAccount:
    """An account under `account_id(name)`; signers (key name, weight) default to its own key."""
    keys = signers or ((name, 1),)
    named = "" if kind in (AccountKind.PERSON, AccountKind.DEVICE) else name.capitalize()
    return GenesisAccount(
        id=account_id(name),
        kind=kind,
        threshold=threshold,
        keys=tuple(WeightedKey(key(signer).public, weight) for signer, weight in keys),
        name=named,
        keeper=None,
        floor=0,
    )


def running_account(
    name: str,
    keeper: str,
    *,
    kind: AccountKind = AccountKind.ORGANISATION,
    floor: int | None = None,
) -> GenesisAccount:
    """An account without keys under `account_id(name)`, which the account of a name keeps."""
    return GenesisAccount(
        id=account_id(name),
        kind=kind,
        threshold=0,
        keys=(),
        name="",
        keeper=account_id(keeper),
        floor=floor,
    )


def governor_account() -> GenesisAccount:
    """The body under `account_id("governor")`, which nobody signs for."""
    return GenesisAccount(
        id=account_id("governor"),
        kind=AccountKind.BODY,
        threshold=0,
        keys=(),
        name="Council",
        keeper=None,
        floor=0,
    )


def validator_record(index: int) -> ValidatorRecord:
    """A validator with keys of its own; the account of its body has the key `body INDEX`."""
    return ValidatorRecord(
        name=f"Ministry {index}",
        key=ValidatorKey(key(f"validator {index}").public),
        node_key=NodeKey(key(f"node {index}").public),
        account=account_id(f"body {index}"),
    )


def genesis_document(
    validators: int = 4,
    *,
    parameters: Parameters = DEFAULTS,
    accounts: Sequence[GenesisAccount] = (),
    balances: Sequence[GenesisBalance] = (),
) -> GenesisDocument:
    """Validators, a treasury that issues and has all there is, registrar, notary, agencies."""
    return GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network="Test network",
        time_ms=GENESIS_TIME,
        governor=account_id("governor"),
        parameters=parameters,
        validators=tuple(validator_record(index) for index in range(validators)),
        observers=(),
        accounts=(
            *(genesis_account(name) for name in NAMES),
            *(genesis_account(f"body {index}") for index in range(validators)),
            genesis_account("notary", kind=AccountKind.OFFICE),
            governor_account(),
            *accounts,
        ),
        bodies=(GenesisBody(account_id("governor"), Charter((GOVERNING,))),),
        role_definitions=(),
        roles=(
            GenesisRole(REGISTRAR, None, account_id("registrar")),
            GenesisRole(NOTARY, None, account_id("notary")),
            GenesisRole(ASSET_ISSUER, None, account_id("treasury")),
            *(
                GenesisRole(MEMBER, account_id("governor"), account_id(f"body {index}"))
                for index in range(validators)
            ),
        ),
        norms=(),
        assets=(GenesisAsset(GBP, 2, account_id("treasury")),),
        balances=(GenesisBalance(account_id("treasury"), GBP, TREASURY_BALANCE), *balances),
    )


class MemoryState:
    """A `StateReader` that commits executions to dictionaries."""

    def __init__(self, genesis: Genesis) -> None:
        self.height = Height(0)
        self.root = genesis.header.state_root
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.nodes: dict[bytes, bytes] = {}
        self.ids: set[tuple[TimeMs, TransactionId]] = set()
        self.order: list[tuple[int, bytes]] = []
        self._write(genesis.execution)

    def get(self, table: int, key: bytes) -> bytes | None:
        return self.rows.get((table, key))

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        start = prefix if after is None else max(prefix, after + b"\0")
        at = bisect_left(self.order, (table, start))
        for number, key in self.order[at : at + limit]:
            if number != table or not key.startswith(prefix):
                return
            yield key, self.rows[number, key]

    def node(self, key: bytes) -> bytes | None:
        return self.nodes.get(key)

    def is_committed(self, valid_until: TimeMs, transaction_id: TransactionId) -> bool:
        return (valid_until, transaction_id) in self.ids

    def commit(self, execution: Execution) -> None:
        self.height = Height(self.height + 1)
        self._write(execution)

    def _write(self, execution: Execution) -> None:
        self.root = execution.state_root
        for slot, value in execution.state_writes.items():
            if value is None:
                del self.rows[slot]
                self.order.remove(slot)
                continue
            if slot not in self.rows:
                insort(self.order, slot)
            self.rows[slot] = value
        self.nodes.update(execution.node_writes)
        self.ids = {known for known in self.ids if known[0] >= execution.forget_before}
        self.ids.update(execution.committed)


@dataclass
class Chain:
    """A chain of one node without consensus: blocks of given transactions, a second apart."""

    genesis: Genesis
    state: MemoryState
    time_ms: TimeMs = GENESIS_TIME
    salts: int = 0
    kind: Any = TRANSACTION
    law: Law = LAW
    done: list[Receipt[Any, Any]] = field(default_factory=list)
    """Receipts of what fell due in the last block."""

    @classmethod
    def begin(cls, document: GenesisDocument | None = None) -> "Chain":
        genesis = genesis_block(document or genesis_document())
        return cls(genesis, MemoryState(genesis))

    @property
    def id(self) -> ChainId:
        return self.genesis.chain

    @property
    def root(self) -> Digest:
        return self.state.root

    def body(self, *calls: tuple[str, Operation], valid_for_ms: int = 60_000) -> Body[Any]:
        """A body of (actor's name, operation) calls with a salt of its own."""
        self.salts += 1
        return Body(
            chain=self.id,
            valid_until=TimeMs(self.time_ms + valid_for_ms),
            salt=self.salts.to_bytes(16, "big"),
            calls=tuple(Call(account_id(actor), operation) for actor, operation in calls),
        )

    def check(self, body: Body[Any], *signers: str) -> CheckedTransaction:
        """The body signed by the keys of these names, through the front door."""
        data = encode(sign_body(body, [key(name) for name in signers]))
        return check_transaction(data, self.id, self.kind)

    def act(self, actor: str, *operations: Operation) -> CheckedTransaction:
        """A transaction of one actor, signed by its own key."""
        return self.check(self.body(*((actor, operation) for operation in operations)), actor)

    def run(self) -> BlockRun:
        """The next block, a second after the last."""
        return BlockRun(
            self.state,
            self.law,
            chain=self.id,
            height=Height(self.state.height + 1),
            time_ms=TimeMs(self.time_ms + 1_000),
        )

    def block(self, *transactions: CheckedTransaction) -> list[Receipt[Any, Any]]:
        """Execute and commit the next block."""
        run = self.run()
        receipts = []
        for tx in transactions:
            run.admit(tx)
            receipts.append(run.apply(tx))
        self.done = list(run.done)
        self.state.commit(run.finish())
        self.time_ms = TimeMs(self.time_ms + 1_000)
        return receipts


def line(to: str, amount: int, reference: str, **fields: Any) -> Line:  # noqa: ANN401
    """One line to the account of a name."""
    values = {"description": "", "value_date": None, "lot": None, **fields}
    return Line(to=account_id(to), amount=amount, reference=reference, **values)


def pay(to: str, amount: int, reference: str, **fields: Any) -> Transfer:  # noqa: ANN401
    """A transfer of one line in GBP."""
    return Transfer(GBP, (line(to, amount, reference, **fields),))
