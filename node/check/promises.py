"""What follows from nothing else here: votes, their justifications, evidence, the retention log.

Each row is judged by its place, its form and its signatures. That one of them is missing can be
seen only where another one names it: a prepare names its block, the log its length.
"""

import struct
from collections.abc import Iterator
from typing import final

from consensus.messages import LogEntry, PrePrepare
from node.address_book import read_page
from node.check.blocks import Chain
from node.check.findings import CarefulReader, Findings
from node.check.tally import MISSING, SUPERFLUOUS, shown
from node.check.validators import Governors
from node.evidence import read_kept
from node.retention_log import BrokenLog, LogCheck
from node.verify import Gate
from node.votelog import to_entry
from node.work import Progress, Work
from primitives import limits
from primitives.block import Block, block_id
from primitives.certificate import Certificate
from primitives.codec import decode
from primitives.crypto import ED25519, check_certificate
from primitives.domains import Domain
from primitives.errors import Malformed, RemoteFault, StorageFault
from primitives.evidence import check_evidence
from primitives.ids import BlockId, Height
from storage import schema
from storage.decision import KeptEvidence, VoteRecord, VoteStep
from storage.schema import Region


@final
class Promises:
    """The check of VOTE, VOTE_BODY, ARCHIVE, EVIDENCE, RETENTION and ADDRESSES."""

    def __init__(
        self, reader: CarefulReader, chain: Chain, governors: Governors, findings: Findings
    ) -> None:
        self._reader, self._chain = reader, chain
        self._governors, self._findings = governors, findings
        self._gate = Gate(chain.id, ED25519)
        self.rows = 0

    def check(self) -> Work[None]:
        """One region after the other; there are few rows."""
        bodies: set[BlockId] = set()
        named: dict[BlockId, bytes] = {}
        for region, judged in (
            (Region.VOTE, self._votes(named)),
            (Region.VOTE_BODY, self._vote_bodies(bodies)),
            (Region.ARCHIVE, self._archive()),
            (Region.EVIDENCE, self._evidence()),
            (Region.RETENTION, self._retention()),
            (Region.ADDRESSES, self._addresses()),
        ):
            for _ in judged:
                self.rows += 1
                yield Progress(self.rows, 0, f"rows of {region.name.lower()}")
        for identifier in sorted(named.keys() - bodies):
            key = schema.vote_body_key(self._at_hand, identifier)
            self._bad(key, f"{MISSING}: our prepare {named[identifier].hex()} names it")

    @property
    def _at_hand(self) -> Height:
        return Height(self._chain.head.height + 1)

    def _votes(self, named: dict[BlockId, bytes]) -> Iterator[None]:
        for key, data in self._reader.rows(Region.VOTE):
            yield
            try:
                height, view, step = schema.read_vote_key(key)
                entry = to_entry(VoteRecord(height, view, VoteStep(step), data))
            except (struct.error, ValueError, StorageFault) as error:
                self._bad(key, str(error))
                continue
            if height != self._at_hand:
                self._bad(key, f"{SUPERFLUOUS}: votes are of height {self._at_hand}")
                continue
            self._statement(key, entry)
            if isinstance(entry, PrePrepare):
                named[entry.block_id] = key

    def _statement(self, key: bytes, entry: LogEntry) -> None:
        """The signatures in a record of ours: others' votes, and the primary's proposal."""
        validators = self._governors.at(entry.height)
        if validators is None:
            self._bad(key, "it cannot be judged: nobody knows who votes")
            return
        prepared = entry if isinstance(entry, Certificate) else entry.prepared
        try:
            if isinstance(entry, PrePrepare):
                self._gate.pre_prepare(entry, validators)
            elif prepared is not None:
                check_certificate(prepared, Domain.PREPARE, self._chain.id, validators, ED25519)
        except RemoteFault as error:
            self._bad(key, str(error))

    def _vote_bodies(self, found: set[BlockId]) -> Iterator[None]:
        for key, data in self._reader.rows(Region.VOTE_BODY):
            yield
            try:
                height, identifier = schema.read_vote_body_key(key)
                block = decode(data, Block, limit=len(data))
            except (struct.error, Malformed) as error:
                self._bad(key, str(error))
                continue
            found.add(identifier)
            if height != self._at_hand:
                self._bad(key, f"{SUPERFLUOUS}: votes are of height {self._at_hand}")
            elif block_id(block.header) != identifier:
                self._bad(key, f"the block here is {block_id(block.header).hex()}")

    def _archive(self) -> Iterator[None]:
        head = self._chain.head.height
        kept = range(max(1, head - limits.ARCHIVE_HEIGHTS + 1), head + 1)
        for key, data in self._reader.rows(Region.ARCHIVE):
            yield
            try:
                height, view = schema.read_archive_key(key)
                entry = to_entry(VoteRecord(height, view, VoteStep.PREPARE, data))
            except (struct.error, StorageFault) as error:
                self._bad(key, str(error))
                continue
            if height not in kept or view == 0:
                self._bad(key, f"{SUPERFLUOUS}: kept are views above 0 of {kept.start} to {head}")
            else:
                self._statement(key, entry)

    def _evidence(self) -> Iterator[None]:
        for key, data in self._reader.rows(Region.EVIDENCE):
            yield
            try:
                height, case = schema.read_evidence_key(key)
                evidence, found = read_kept(KeptEvidence(height, case, data), self._chain.id)
                if (found.height, found.id) != (height, case):
                    self._bad(key, f"this is case {found.id.hex()} of height {found.height}")
                    continue
                validators = self._governors.at(height)
                if validators is None:
                    self._bad(key, "it cannot be judged: nobody knows who votes")
                    continue
                check_evidence(
                    evidence, chain=self._chain.id, validators=validators, scheme=ED25519
                )
            except (struct.error, StorageFault, RemoteFault) as error:
                self._bad(key, str(error))

    def _addresses(self) -> Iterator[None]:
        for key, data in self._reader.rows(Region.ADDRESSES):
            yield
            try:
                read_page(schema.read_addresses_key(key), data, self._chain.id)
            except (struct.error, StorageFault) as error:
                self._bad(key, str(error))

    def _retention(self) -> Iterator[None]:
        expected, whole = 0, True
        log = LogCheck(self._chain.id, ED25519)
        for key, data in self._reader.rows(Region.RETENTION):
            yield
            if key != schema.retention_key(expected):
                self._bad(key, f"{SUPERFLUOUS}: the next record is number {expected}")
                continue
            expected += 1
            if whole:  # behind a broken one nothing can be told
                try:
                    log.read(data)
                except BrokenLog as error:
                    whole = False
                    self._bad(key, str(error))
        if whole:
            for part, words in log.at_odds(self._chain.edges):
                self._bad(schema.edge_key(part.value), words)
        count = self._reader.get(schema.RECORDS_KEY)
        if count is None or len(count) != 8:
            return  # said where META is checked
        if schema.read_number(count) > expected:
            self._bad(schema.retention_key(expected), MISSING)
        elif schema.read_number(count) < expected:
            self._bad(schema.RECORDS_KEY, f"records: {shown(count)}, there are {expected}")

    def _bad(self, key: bytes, what: str) -> None:
        is_of_height = len(key) >= 9 and key[0] != Region.META
        height = int.from_bytes(key[1:9], "big") if is_of_height else None
        self._findings.found(Region(key[0]), what, height=height, key=key)
