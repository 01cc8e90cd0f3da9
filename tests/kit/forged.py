"""Files whose every hash and signature is in order, so that only the rule is left to judge."""

from dataclasses import replace
from typing import Final

import msgspec

from kit.browser import Case, Page
from kit.proofs import KEY, TABLE, Chain, executed, small_chain
from kit.verdicts import judged
from node.proof import EntrySubject, write_proof
from primitives.digest import digest
from primitives.domains import Domain

PLAIN: Final = small_chain(validators=7)


def sound_ones(page: Page, files: dict[str, bytes], pin: str) -> set[str]:
    """Which of these both verifiers call valid."""
    told = judged(page, [Case(data, pin) for data in files.values()])
    return {name for name, (one, _) in zip(files, told, strict=True) if one.outcome == "valid"}


def with_transaction(transaction: bytes, receipt: bytes | None = None) -> bytes:
    """A file of the plain chain, if its block held this transaction and receipt."""
    chain: Chain = replace(
        PLAIN,
        transactions=(transaction,),
        receipts=(executed(transaction) if receipt is None else receipt,),
    )
    return write_proof(chain.receipt_proof())


def genesis_entry(value: bytes, table: int = TABLE, key: bytes = KEY) -> bytes:
    """A proof that block 0 of some chain held nothing but this value."""
    place = digest(Domain.STATE_KEY, table.to_bytes(2, "big"), key)
    leaf = digest(Domain.STATE_LEAF, place, digest(Domain.STATE_VALUE, value))
    chain: Chain = replace(PLAIN, genesis=msgspec.structs.replace(PLAIN.genesis, state_root=leaf))
    return write_proof(chain.prove(EntrySubject(table, key, value, ()), height=0))
