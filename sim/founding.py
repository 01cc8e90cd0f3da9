"""The genesis of a simulated network: validators with ideal keys, a treasury that pays an agency.

Nodes are called by their seats at genesis: v0, v1 … in the canonical order of keys; observers are
o0, o1 …. Keys do not depend on the seed: a seed is about what happens, not about who is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final, final

from msgspec.structs import replace

from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.books import Line
from ledger.genesis import (
    Genesis,
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    GenesisRole,
    genesis_block,
)
from ledger.operation import Operation
from ledger.parameters import DEFAULTS, Parameters
from ledger.roles import ASSET_ISSUER, REGISTRAR
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from ledger.validators import ValidatorRecord
from primitives.codec import encode
from primitives.crypto import Key, Scheme, SigningKey
from primitives.ids import AccountId, ChainId, NodeKey, TimeMs, ValidatorKey
from services.money import Transfer
from services.table import TRANSACTION
from sim.signatures import IdealKey, IdealScheme

GENESIS_TIME: Final = TimeMs(1_780_000_000_000)
ASSET: Final = "GBP"


@final
@dataclass(frozen=True)
class Founding:
    """What a world begins with."""

    genesis: Genesis
    keys: Mapping[str, Key]
    """Each validator's key by the name of its node."""
    observers: tuple[str, ...]
    scheme: Scheme
    nodes: Mapping[NodeKey, str]
    """The name of each node that may ever vote, by its key on the network."""
    waiting: Mapping[str, Key] = field(default_factory=dict)
    """Keys of nodes that may come to vote and do not at genesis."""

    @property
    def chain(self) -> ChainId:
        """Id of block 0."""
        return ChainId(self.genesis.chain)


@lru_cache(maxsize=64)
def found(validators: int, *, observers: int = 0, parameters: Parameters = DEFAULTS) -> Founding:
    """A network of this size."""
    pairs = sorted(
        (IdealKey(_secret(f"validator {index}")) for index in range(validators)),
        key=lambda pair: pair.public,
    )
    minimum = min(validators, parameters.minimum_validators)
    document = _document(pairs, replace(parameters, minimum_validators=minimum))
    return Founding(
        genesis_block(document),
        {f"v{seat}": pair for seat, pair in enumerate(pairs)},
        tuple(f"o{index}" for index in range(observers)),
        IdealScheme(pairs),
        {_node_key(pair): f"v{seat}" for seat, pair in enumerate(pairs)},
    )


def _document(pairs: list[IdealKey], parameters: Parameters) -> GenesisDocument:
    treasury = account("treasury")
    return GenesisDocument(
        format="mithaq.genesis",
        version=3,
        network="Simulated network",
        time_ms=GENESIS_TIME,
        parameters=parameters,
        validators=tuple(
            ValidatorRecord(
                name=f"Ministry {seat}",
                key=ValidatorKey(pair.public),
                node_key=_node_key(pair),
                account=account(f"body {seat}"),
            )
            for seat, pair in enumerate(pairs)
        ),
        accounts=(
            *(_account(name) for name in ("treasury", "works")),
            *(_account(f"body {seat}") for seat in range(len(pairs))),
        ),
        roles=(GenesisRole(REGISTRAR, None, treasury), GenesisRole(ASSET_ISSUER, None, treasury)),
        assets=(GenesisAsset(ASSET, 2, treasury),),
        balances=(GenesisBalance(treasury, ASSET, 10**12),),
    )


def _node_key(pair: IdealKey) -> NodeKey:
    return NodeKey(sha256(b"node" + pair.public).digest())


def _secret(name: str) -> bytes:
    return sha256(b"mithaq simulation " + name.encode()).digest()


@lru_cache(maxsize=64)
def key_of(name: str) -> SigningKey:
    """The key of an account, by the account's name."""
    return SigningKey(_secret(name))


def account(name: str) -> AccountId:
    """The account of `key_of(name)`."""
    return account_of_key(key_of(name).public)


def _account(name: str) -> GenesisAccount:
    return GenesisAccount(
        id=account(name),
        kind=AccountKind.ORGANISATION,
        threshold=1,
        keys=(WeightedKey(key_of(name).public, 1),),
        name=name.capitalize(),
        keeper=None,
        floor=0,
    )


def payment(number: int) -> Operation:
    """A penny to the agency; the number keeps two apart."""
    line = Line(account("works"), 1, f"payment {number}", "", None)
    return Transfer(ASSET, (line,))


def transaction(
    chain: ChainId, *operations: Operation, number: int, valid_until: TimeMs
) -> CheckedTransaction:
    """The treasury's, signed and checked."""
    body: Body[Operation] = Body(
        chain=chain,
        valid_until=valid_until,
        salt=number.to_bytes(16, "big"),
        calls=tuple(Call(account("treasury"), operation) for operation in operations),
    )
    data = encode(sign_body(body, [key_of("treasury")]))
    return check_transaction(data, chain, TRANSACTION)
