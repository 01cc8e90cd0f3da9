"""The genesis of a simulated network: validators with ideal keys, a treasury that pays an agency.

Nodes are called by their seats at genesis: v0, v1 … in the canonical order of keys; observers are
o0, o1 …. Keys do not depend on the seed: a seed is about what happens, not about who is there.
"""

import dataclasses
from collections.abc import Mapping, Sequence
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
from sim.signatures import IdealKey, IdealScheme, Remembering

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
    records: Mapping[str, ValidatorRecord] = field(default_factory=dict)
    """What each node that may ever vote is as a validator."""

    @property
    def chain(self) -> ChainId:
        """Id of block 0."""
        return ChainId(self.genesis.chain)


def found(validators: int, *, observers: int = 0, parameters: Parameters = DEFAULTS) -> Founding:
    """A network of this size, with ideal keys."""
    return _ideal(validators, observers, parameters)


@lru_cache(maxsize=64)
def _ideal(validators: int, observers: int, parameters: Parameters) -> Founding:
    pairs = [IdealKey(_secret(f"validator {index}")) for index in range(validators)]
    return _founding(pairs, [], observers, parameters, IdealScheme(pairs))


def found_with_real_keys(validators: int, *, waiting: int, parameters: Parameters) -> Founding:
    """A network with Ed25519 keys; `waiting` more nodes have accounts, and no vote yet."""
    return replace_scheme(_real(validators, waiting, parameters))


def replace_scheme(founding: Founding) -> Founding:
    """With a memory of signatures of its own: worlds share nothing that changes."""
    return dataclasses.replace(founding, scheme=Remembering())


@lru_cache(maxsize=64)
def _real(validators: int, waiting: int, parameters: Parameters) -> Founding:
    pairs = [SigningKey(_secret(f"validator {index}")) for index in range(validators + waiting)]
    return _founding(pairs[:validators], pairs[validators:], 0, parameters, Remembering())


def _founding(
    members: Sequence[Key],
    waiting: Sequence[Key],
    observers: int,
    parameters: Parameters,
    scheme: Scheme,
) -> Founding:
    ordered = [*sorted(members, key=lambda pair: pair.public), *waiting]
    named = {f"v{index}": pair for index, pair in enumerate(ordered)}
    records = {name: _record(index, named[name]) for index, name in enumerate(named)}
    size = len(members)
    minimum = min(size, parameters.minimum_validators)
    document = _document(
        list(records.values())[:size],
        [f"body {index}" for index in range(len(ordered))],
        replace(parameters, minimum_validators=minimum),
    )
    return Founding(
        genesis_block(document),
        dict(list(named.items())[:size]),
        tuple(f"o{index}" for index in range(observers)),
        scheme,
        {record.node_key: name for name, record in records.items()},
        dict(list(named.items())[size:]),
        records,
    )


def _record(index: int, pair: Key) -> ValidatorRecord:
    return ValidatorRecord(
        name=f"Ministry {index}",
        key=ValidatorKey(pair.public),
        node_key=NodeKey(sha256(b"node" + pair.public).digest()),
        account=account(f"body {index}"),
    )


def _document(
    members: Sequence[ValidatorRecord], bodies: Sequence[str], parameters: Parameters
) -> GenesisDocument:
    treasury = account("treasury")
    return GenesisDocument(
        format="mithaq.genesis",
        version=5,
        network="Simulated network",
        time_ms=GENESIS_TIME,
        governor=None,
        parameters=parameters,
        validators=tuple(members),
        observers=(),
        accounts=tuple(_account(name) for name in ("treasury", "works", *bodies)),
        bodies=(),
        role_definitions=(),
        roles=(GenesisRole(REGISTRAR, None, treasury), GenesisRole(ASSET_ISSUER, None, treasury)),
        norms=(),
        assets=(GenesisAsset(ASSET, 2, treasury),),
        balances=(GenesisBalance(treasury, ASSET, 10**12),),
    )


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
    line = Line(account("works"), 1, f"payment {number}", "", None, None)
    return Transfer(ASSET, (line,))


def transaction(
    chain: ChainId, *operations: Operation, number: int, valid_until: TimeMs
) -> CheckedTransaction:
    """The treasury's, signed and checked."""
    return transaction_of(["treasury"], chain, *operations, number=number, valid_until=valid_until)


def transaction_of(
    signers: Sequence[str],
    chain: ChainId,
    *operations: Operation,
    number: int,
    valid_until: TimeMs,
) -> CheckedTransaction:
    """Of the first account, signed by all of these, and checked."""
    body: Body[Operation] = Body(
        chain=chain,
        valid_until=valid_until,
        salt=number.to_bytes(16, "big"),
        calls=tuple(Call(account(signers[0]), operation) for operation in operations),
    )
    data = encode(sign_body(body, [key_of(name) for name in signers]))
    return check_transaction(data, chain, TRANSACTION)
