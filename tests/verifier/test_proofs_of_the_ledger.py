"""Proofs of what the real ledger executed: payments, refusals, stamps, balances."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.certified import certify, named_digest
from kit.ledger import Chain, account_id, genesis_document, key, line, pay
from ledger.block import Execution
from ledger.books import BALANCES, Holding
from ledger.genesis import genesis_block
from ledger.transaction import CheckedTransaction
from ledger.tree import StateTree, update
from node.history import TABLE_OF_NUMBER
from node.lineage import GenesisAnchor, Lineage, quorum_of
from node.proof import (
    BlockLists,
    ProofFile,
    proof_file,
    receipt_subject,
    state_subject,
    write_proof,
)
from primitives.block import Header, block_id, transaction_hash, transactions_root
from primitives.ids import BlockId, Height, TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet
from services.money import Transfer
from services.registry.stamps import StampAct, StampDocument
from verifier import Outcome, Pin, Verdict, sentences, verify
from verifier.hashes import state_root

QR_CODE_BYTES = 2_953  # version 40, low correction, bytes


class CertifiedBlock:
    """Block 1 of a ledger: its transactions executed, its header certified."""

    def __init__(self, validators: int = 4) -> None:
        self.chain = Chain.begin(genesis_document(validators))
        self.keys = [key(f"validator {number}") for number in range(validators)]
        self.members = ValidatorSet.of([ValidatorKey(member.public) for member in self.keys])

    def seal(self, *transactions: CheckedTransaction) -> None:
        run = self.chain.run()
        for tx in transactions:
            run.admit(tx)
            run.apply(tx)
        execution: Execution = run.finish()
        self.chain.state.commit(execution)
        self.transactions = [tx.data for tx in transactions]
        self.execution = execution
        self.header = Header(
            chain=self.chain.id,
            height=Height(1),
            parent=BlockId(self.chain.id),
            time_ms=TimeMs(self.chain.time_ms + 1_000),
            proposer=self.members.keys[1],
            transactions_root=transactions_root([transaction_hash(d) for d in self.transactions]),
            state_root=execution.state_root,
            receipts_root=execution.receipts_root,
            validators_hash=self.members.hash,
            next_validators_hash=self.members.hash,
        )
        self.certificate = certify(
            self.keys,
            self.members,
            chain=self.chain.id,
            height=Height(1),
            view=View(0),
            block=block_id(self.header),
        )

    def lineage(self) -> Lineage:
        return Lineage(
            GenesisAnchor(self.chain.genesis.header, self.members.keys),
            (),
            self.header,
            quorum_of(self.certificate, self.members),
            None,
        )

    def receipt_proof(self, index: int = 0) -> ProofFile:
        lists = BlockLists.of(self.transactions, self.execution.receipts)
        return proof_file(self.lineage(), receipt_subject(lists, index))

    def entry_proof(self, table: int, key_bytes: bytes) -> ProofFile:
        """Of an entry, or of its absence."""
        tree = StateTree(self.chain.state.node, Height(1))
        value, path = tree.get(table, key_bytes), tree.prove(table, key_bytes)
        return proof_file(self.lineage(), state_subject(table, key_bytes, value, path))

    def judge(self, proof: ProofFile) -> Verdict:
        verdict = verify(write_proof(proof), Pin(self.chain.id))
        assert verdict.outcome is Outcome.VALID, verdict.sentence
        return verdict


def test_a_payment_is_proved_in_a_sentence() -> None:
    """Three lines, their total, who paid, when and where."""
    block = CertifiedBlock()
    lines = tuple(
        line("health", 400_000 + n, f"INV-{n}", value_date="2026-06-01") for n in range(3)
    )
    paid = block.chain.act("treasury", Transfer("GBP", lines))
    block.seal(block.chain.act("treasury", pay("works", 5, "A")), paid)
    verdict = block.judge(block.receipt_proof(1))
    assert verdict.sentence == (
        f"On 2026-05-28 20:26:41 UTC, in block 1 of chain {block.chain.id.hex()[:16]}…, "
        f"transaction {paid.id.hex()[:16]}… was executed: money.transfer by account "
        f"{account_id('treasury').hex()[:16]}…, 3 lines, total 1,200,003 minor units of GBP."
    )
    facts = dict(verdict.details)
    assert facts["certificate"] == "signed by 3 of 4 validators, in view 0"
    assert facts["place"] == "number 2 of 2 in the block"
    assert facts["outcome"] == "applied"
    assert facts["event 3"].startswith(f"money.transferred({account_id('treasury').hex()}, 2, ")
    assert '"INV-2"' in facts["event 3"]


def test_a_refusal_is_proved_as_one() -> None:
    """Nobody can show a refused payment as a payment."""
    block = CertifiedBlock()
    block.seal(block.chain.act("health", pay("works", 5, "A")))
    verdict = block.judge(block.receipt_proof())
    assert "was REFUSED as books.overdraft(" in verdict.sentence
    assert "and changed nothing. It asked for: money.transfer by account" in verdict.sentence
    assert dict(verdict.details)["outcome"].startswith("refused, books.overdraft(")


@pytest.mark.parametrize(
    ("actor", "act", "said"),
    [
        ("health", StampAct.TIMESTAMP, "giving the document of commitment {} this time"),
        (
            "notary",
            StampAct.CERTIFY_COPY,
            "certifying the document of commitment {} as a true copy",
        ),
    ],
)
def test_a_stamp_is_proved_in_a_sentence(actor: str, act: StampAct, said: str) -> None:
    """The commitment stands in full: it is what the holder compares."""
    block = CertifiedBlock()
    commitment = named_digest("commitment")
    block.seal(block.chain.act(actor, StampDocument(commitment, act)))
    assert said.format(commitment.hex()) in block.judge(block.receipt_proof()).sentence


def test_a_balance_is_proved_in_a_sentence() -> None:
    """The verifier's own number of the table of balances is the ledger's."""
    assert BALANCES.number == sentences.BALANCES
    block = CertifiedBlock()
    block.seal(block.chain.act("treasury", pay("health", 1_250_000, "A")))
    proof = block.entry_proof(BALANCES.number, BALANCES.key(Holding(account_id("health"), "GBP")))
    assert block.judge(proof).sentence.endswith(
        f"after that block, account {account_id('health').hex()} held 1,250,000 minor units of GBP."
    )


def test_every_entry_of_the_state_is_provable_and_no_other_value_is() -> None:
    """The ledger's tree and the verifier's fold are two programs from one paragraph."""
    block = CertifiedBlock()
    block.seal(block.chain.act("treasury", pay("health", 7, "A"), pay("works", 7, "B")))
    for table, key_bytes in block.chain.state.rows:
        proof = block.entry_proof(table, key_bytes)
        block.judge(proof)
        lie = msgspec.structs.replace(proof.subject, value=b"\x91\x01more")
        forged = msgspec.structs.replace(proof, subject=lie)
        assert verify(write_proof(forged), Pin(block.chain.id)).outcome is Outcome.INVALID


def test_entries_of_genesis_need_no_certificate() -> None:
    """Block 0 is what the pinned id names."""
    genesis = genesis_block(genesis_document())
    tree = StateTree(genesis.execution.node_writes.get, Height(0))
    anchor = GenesisAnchor(genesis.header, CertifiedBlock().members.keys)
    lineage = Lineage(anchor, (), genesis.header, None, None)
    for (table, key_bytes), value in genesis.execution.state_writes.items():
        subject = state_subject(table, key_bytes, value, tree.prove(table, key_bytes))
        proof = proof_file(lineage, subject)
        assert verify(write_proof(proof), Pin(genesis.chain)).outcome is Outcome.VALID


entries = st.dictionaries(
    st.tuples(st.integers(1, 3), st.binary(min_size=1, max_size=4)),
    st.binary(max_size=40),
    min_size=1,
    max_size=60,
)


@given(entries)
def test_any_state_folds_to_the_ledgers_root(writes: dict[tuple[int, bytes], bytes]) -> None:
    """At every shape of the tree, from a single leaf on."""
    before: dict[bytes, bytes] = {}
    made = update(before.get, Height(0), writes)
    tree = StateTree(made.nodes.get, Height(0))
    for (table, key_bytes), value in writes.items():
        siblings = tree.prove(table, key_bytes).siblings
        assert all(len(sibling) in {0, 32} for sibling in siblings)
        assert bytes(32) not in siblings
        assert state_root(table, key_bytes, value, siblings) == made.root


@pytest.mark.parametrize("others", [0, 99])
def test_a_payments_proof_fits_a_qr_code_with_seven_validators(others: int) -> None:
    """2,953 bytes; each doubling of the block's transactions costs 68 of them."""
    block = CertifiedBlock(validators=7)
    text: dict[str, Any] = {"description": "Road repair, lot 7", "value_date": "2026-06-01"}
    transactions = [
        block.chain.act("treasury", pay("works", 125_000, f"INV-2026-{number:06}", **text))
        for number in range(others + 1)
    ]
    block.seal(*transactions)
    size = len(write_proof(block.receipt_proof()))
    deepest = size + 2 * 34 * (13 - others.bit_length())  # the same payment among 5,000
    assert deepest <= QR_CODE_BYTES
    block.judge(block.receipt_proof())


def test_the_verifier_calls_the_tables_what_the_ledger_calls_them() -> None:
    """All of them, and no other; what it does not know has its number."""
    assert {table.number: table.name for table in TABLE_OF_NUMBER.values()} == sentences.TABLES
