"""A suspended validator, in whole engines: the chain goes on without it, and files tell how."""

from __future__ import annotations

from msgspec.structs import replace

from kit.accused import two_prepares
from kit.engines import Network, begun
from kit.ledger import pay
from ledger.membership import validators_at
from node import forensics
from node.evidence_file import evidence_file, write_evidence
from primitives.crypto import ED25519
from primitives.evidence import Evidence, case_of
from primitives.ids import Height, ValidatorKey
from services.authority.validators import ReportEquivocation
from sim.machine import Machine
from verifier import Outcome, Pin, verify_evidence


def accused(network: Network, liar: Machine, *, height: int) -> Evidence:
    """Two prepares of a validator."""
    return two_prepares(network.voice(liar).key, network.chain, height=height)


def suspended(network: Network, liar: Machine) -> int:
    """Somebody reports the validator; the height of the block that has the report."""
    teller = next(node for node in network.validators() if node is not liar)
    tx = network.transaction("works", ReportEquivocation(accused(network, liar, height=1)))
    assert network.submit(teller, tx) == [None]
    network.run(network.is_final(tx))
    place = teller.store.find_transaction(tx.id)
    assert place is not None
    return place.height


def decide(network: Network, height: int) -> None:
    """Work until everybody has decided a height."""
    number = 0
    while not network.all_at(height)():
        number += 1
        tx = network.transaction("treasury", pay("health", 1, f"{height} {number}"))
        network.submit(network.validators()[0], tx)
        network.run(network.is_final(tx))


def test_a_suspended_validator_has_no_seat_from_the_second_height_after_on() -> None:
    """R45, R49: it follows; the others decide by their own quorum; everybody has the same chain."""
    network = begun(5)
    liar = network.validators()[2]
    key = ValidatorKey(network.voice(liar).key.public)

    reported = suspended(network, liar)
    decide(network, reported + 4)

    with liar.store.state() as state:
        sizes = [validators_at(state, Height(reported + n)).size for n in range(4)]
    assert sizes == [5, 5, 4, 4]
    assert liar.alive.seat is None
    assert key not in liar.alive.validators.keys
    network.check_agreement()


def test_an_evidence_file_leads_through_the_changes_of_validators() -> None:
    """R48: after the suspension of one, evidence against another is valid to a stranger."""
    network = begun(6)
    first, second = network.validators()[1:3]
    reported = suspended(network, first)
    decide(network, reported + 4)
    height = reported + 3
    piece = accused(network, second, height=height)

    file = evidence_file(piece, case_of(piece, network.chain), network.validators()[0].store)
    assert file.last is not None
    without = replace(file, last=replace(file.last, signers=None))

    assert file.steps == (), "most of those who voted before vote still"
    assert (file.last.header.height, len(file.last.signers or ())) == (height - 1, 5)
    judged = verify_evidence(write_evidence(file), Pin(network.chain))
    assert judged.outcome is Outcome.VALID, judged.sentence
    assert verify_evidence(write_evidence(without), Pin(network.chain)).outcome is Outcome.INVALID


def test_a_testimony_names_the_validators_of_its_height() -> None:
    """R48: those after the change, for a height after it."""
    network = begun(5)
    liar = network.validators()[3]
    reported = suspended(network, liar)
    decide(network, reported + 3)

    told = [forensics.testify(node.store, Height(reported + 2)) for node in network.validators()]

    assert {one.voters.size for one in told} == {4}
    assert forensics.culprits(told, scheme=ED25519) == ()
