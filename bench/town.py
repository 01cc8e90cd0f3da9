"""A town that only pays: a genesis of many payers, and blocks of payments between them.

Everything is certified by four validators whose keys are at hand. What is paid depends on the
height alone, so that two stores that execute the same heights hold the same.
"""

import random
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, final

from msgspec.structs import replace

from bench import bodies
from ledger.accounts import AccountKind, WeightedKey
from ledger.block import BlockRun, Execution
from ledger.books import Line
from ledger.genesis import (
    GenesisAccount,
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    genesis_block,
)
from ledger.parameters import DEFAULTS
from ledger.state import StateReader
from ledger.transaction import Body, Call, CheckedTransaction, check_transaction, sign_body
from node.bodies import CheckedBlock
from node.execution import decision_of
from primitives.block import Block, Header, block_id, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.domains import Domain
from primitives.ids import AccountId, Height, PublicKey, Seat, TimeMs, ValidatorKey, View
from primitives.statements import vote_bytes
from services.money import Transfer
from services.table import LAW, TRANSACTION
from storage.decision import Decision, Head

BLOCK_MS: Final = 1_000


def signing(word: str, number: int) -> SigningKey:
    """A key that everybody knows."""
    return SigningKey(sha256(f"bench {word} {number}".encode()).digest())


def _account(number: int) -> AccountId:
    return AccountId(sha256(b"bench account %d" % number).digest())


@final
class Town:
    """Payers, voters, and the blocks that they make."""

    def __init__(self, payers: int) -> None:
        self._payers = [signing("payer", number) for number in range(payers)]
        voters = [signing("voter", number) for number in range(bodies.COUNT)]
        self.document = self._document(voters)
        self.genesis = genesis_block(self.document)
        by_key = {bytes(key.public): key for key in voters}
        self._voters = [by_key[bytes(key)] for key in self.genesis.validators.keys]

    def decision(self, head: Head, state: StateReader, payments: int) -> Decision:
        """The block above `head`, whose state is `state`: so many payments, executed, certified."""
        chain = self.genesis.chain
        height, time_ms = Height(head.height + 1), TimeMs(head.header.time_ms + BLOCK_MS)
        made = tuple(self._payments(height, time_ms, payments))
        run = BlockRun(state, LAW, chain=chain, height=height, time_ms=time_ms)
        for tx in made:
            run.admit(tx)
            run.apply(tx)
        done = run.finish()
        header = self._header(head, made, done, time_ms)
        block = Block(header, tuple(tx.data for tx in made))
        certificate = self._certificate(header)
        return decision_of(CheckedBlock(block, certificate.block_id, made), certificate, done)

    def _header(
        self,
        head: Head,
        made: tuple[CheckedTransaction, ...],
        done: Execution,
        time_ms: TimeMs,
    ) -> Header:
        validators, height = self.genesis.validators, Height(head.height + 1)
        return Header(
            chain=self.genesis.chain,
            height=height,
            parent=head.block_id,
            time_ms=time_ms,
            proposer=ValidatorKey(validators.primary(height, View(0))),
            transactions_root=transactions_root([tx.hash for tx in made]),
            state_root=done.state_root,
            receipts_root=done.receipts_root,
            validators_hash=validators.hash,
            next_validators_hash=validators.hash,
        )

    def _certificate(self, header: Header) -> Certificate:
        identifier = block_id(header)
        statement = vote_bytes(Domain.COMMIT, header.chain, header.height, View(0), identifier)
        quorum = self._voters[: self.genesis.validators.quorum]
        seals = (Seal(Seat(seat), key.sign(statement)) for seat, key in enumerate(quorum))
        return Certificate(header.height, View(0), identifier, tuple(seals))

    def _payments(
        self, height: Height, time_ms: TimeMs, count: int
    ) -> Iterator[CheckedTransaction]:
        chance, chain = random.Random(height), self.genesis.chain
        for index in range(count):
            payer, payee = chance.sample(range(len(self._payers)), 2)
            line = Line(_account(payee), 1, f"bench/{height}/{index}", "", None, None)
            body: Body[Any] = Body(
                chain=chain,
                valid_until=TimeMs(time_ms + 60_000),
                salt=height.to_bytes(8, "big") + index.to_bytes(8, "big"),
                calls=(Call(_account(payer), Transfer("GBP", (line,))),),
            )
            data = encode(sign_body(body, [self._payers[payer]]))
            yield check_transaction(data, chain, TRANSACTION)

    def _document(self, voters: list[SigningKey]) -> GenesisDocument:
        records = zip(bodies.records(), voters, strict=True)
        count = len(self._payers)
        return GenesisDocument(
            format="mithaq.genesis",
            version=5,
            network="bench",
            time_ms=TimeMs(0),
            governor=None,
            parameters=DEFAULTS,
            validators=tuple(replace(one, key=ValidatorKey(key.public)) for one, key in records),
            observers=(),
            accounts=(*bodies.accounts(), *self._accounts()),
            bodies=(),
            role_definitions=(),
            roles=(),
            norms=(),
            assets=(GenesisAsset("GBP", 2, _account(0)),),
            balances=tuple(GenesisBalance(_account(i), "GBP", 10**9) for i in range(count)),
        )

    def _accounts(self) -> Iterator[GenesisAccount]:
        for number, key in enumerate(self._payers):
            yield GenesisAccount(
                id=_account(number),
                kind=AccountKind.DEVICE,
                threshold=1,
                keys=(WeightedKey(PublicKey(key.public), 1),),
                name="",
                keeper=None,
                floor=0,
            )
