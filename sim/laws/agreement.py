"""One chain: what is decided is the same everywhere, proved by a quorum, and never forgotten.

Written without the product's own arithmetic: quorums are counted and signatures judged here once
more, so that a mistake there is not made twice.
"""

from hashlib import sha256
from typing import final

from node import wire
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.ids import BlockId, Height, TransactionId
from primitives.statements import vote_bytes
from sim.machine import Machine, Site
from sim.violations import (
    BadCertificate,
    Disagreement,
    Divergence,
    ExecutedTwice,
    Forgotten,
)
from sim.watch import Watch
from storage.schema import Region


def quorum_of(validators: int) -> int:
    """n − f, worked out anew (R1)."""
    return validators - (validators - 1) // 3


@final
class Agreement(Watch):
    """Compares every decision with the first one of its height."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.chain: dict[Height, BlockId] = {}
        """What was decided first at each height, by anybody honest."""
        self._contents: dict[Height, bytes] = {}
        self._excused: set[str] = set()
        self._executed: dict[TransactionId, Height] = {}

    def decided(self, machine: Machine, decided: wire.Decided) -> None:
        """Another decision."""
        block, certificate = decided.block, decided.certificate
        height = block.header.height
        self._judge(machine, certificate, height)
        if height not in self.chain:
            self.chain[height] = certificate.block_id
            self._execute(machine, decided)
        first = self.chain[height]
        if first != certificate.block_id:
            raise Disagreement(
                f"{machine.name} decided {certificate.block_id.hex()[:8]} at height {height}, "
                f"another {first.hex()[:8]}"
            )
        self._compare_contents(machine, height)

    def excuse(self, name: str) -> None:
        """This machine's state has rotted on its disk: what it decides still must agree."""
        self._excused.add(name)

    def _execute(self, machine: Machine, decided: wire.Decided) -> None:
        for data in decided.block.transactions:
            name = self._site.checked(data).id
            before = self._executed.setdefault(name, decided.block.header.height)
            if before != decided.block.header.height or decided.block.transactions.count(data) > 1:
                raise ExecutedTwice(
                    f"{machine.name} executed {name.hex()[:8]} at {before} "
                    f"and at {decided.block.header.height}"
                )

    def _judge(self, machine: Machine, certificate: Certificate, height: Height) -> None:
        members = self._site.members_of(height)
        if certificate.height != height:
            raise BadCertificate(f"a certificate of {certificate.height} for height {height}")
        statement = vote_bytes(
            Domain.COMMIT, self._site.chain, height, certificate.view, certificate.block_id
        )
        signers: set[int] = set()
        for seal in certificate.seals:
            if seal.seat >= members.size:
                raise BadCertificate(f"seat {seal.seat} among {members.size} validators")
            self._site.scheme.check(members.keys[seal.seat], statement, seal.signature)
            signers.add(seal.seat)
        if len(signers) < quorum_of(members.size):
            raise BadCertificate(
                f"{machine.name} decided {height} with {len(signers)} signers of {members.size}"
            )

    def _compare_contents(self, machine: Machine, height: Height) -> None:
        if machine.height != height or machine.name in self._excused:
            return  # decided more than one in a step: the last one is compared
        contents = contents_of(machine, height)
        first = self._contents.setdefault(height, contents)
        if first != contents:
            raise Divergence(f"{machine.name} has another state at height {height} than others")

    def started(self, machine: Machine) -> None:
        """What was reported as final is still there."""
        top = max(machine.reported, default=None)
        if top is None:
            return
        found = machine.store.height_of_block(machine.reported[top])
        if found != top:
            raise Forgotten(f"{machine.name} had reported {top} as final, and does not know it")


def contents_of(machine: Machine, height: Height) -> bytes:
    """A digest of state and receipts as they are on a disk."""
    found = sha256()
    for region in (Region.STATE, Region.NODE):
        start, stop = bytes([region]), bytes([region + 1])
        for key, value in machine.database.iterate(start=start, stop=stop):
            found.update(key)
            found.update(value)
    for receipt in machine.store.receipts(height):
        found.update(receipt)
    return found.digest()
