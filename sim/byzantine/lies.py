"""Well-formed lies about a message, each by its name.

Each field in turn: one more, one less, another known block, another's seat, one element dropped or
doubled, a proof of something else. Whatever the liar signs itself is signed again, so that the lie
fails by its content and not by its signature; what others signed stays theirs, since a seat has no
key but its own. Attacked are R3 to R5, R12 to R14, R16, R17, R20, R22, R26 and R32.

Some lies no check can find: a vote for another block (E2, E6), a claim that forgets a commit (E5),
a commit without a certificate. Against these stands the quorum, and accountability.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from consensus.messages import Commit, Prepare, Status, ViewChange, Vote
from node import wire
from primitives.block import Block, block_id
from primitives.certificate import Certificate, Seal
from primitives.ids import NO_VIEW, VIEW_MAX, BlockId, Digest, Height, Seat, Signature, View
from primitives.statements import Witness
from sim.byzantine.notebook import Notebook
from sim.spoken import Voice

Lies = dict[str, wire.Wire]
Vocal = Callable[[int, int, BlockId], Vote]
UNKNOWN: Final = BlockId(b"\xfe" * 32)
"""The id of no block."""


def near(number: int, *, lowest: int = 0, highest: int = VIEW_MAX) -> Iterator[tuple[str, int]]:
    """One more and one less, where there is such a number."""
    for step in (1, -1):
        if lowest <= number + step <= highest:
            yield f"{step:+d}", number + step


def lies_about(message: wire.Wire, known: Notebook, voice: Voice) -> Lies:
    """Every lie that a member can tell in place of a message of its own, or that it delivers."""
    match message:
        case Prepare() | Commit():
            return _vote_lies(message, known, voice)
        case ViewChange():
            return _view_change_lies(message, known, voice)
        case wire.Decided(block, certificate):
            lies = certificate_lies(certificate, known, voice)
            told: Lies = {
                f"certificate: {name}": wire.Decided(block, c) for name, c in lies.items()
            }
            others = body_lies(block, known)
            return told | {name: wire.Decided(other, certificate) for name, other in others.items()}
        case wire.Body(block):
            return {name: wire.Body(other) for name, other in body_lies(block, known).items()}
        case Status():
            return _status_lies(message, voice)
        case _:
            return {}


def _vote_lies(vote: Vote, known: Notebook, voice: Voice) -> Lies:
    kind = "prepare" if isinstance(vote, Prepare) else "commit"
    say: Vocal = voice.prepare
    other_say: Vocal = voice.commit
    if isinstance(vote, Commit):
        say, other_say = other_say, say
    height, view, name = vote.height, vote.view, vote.block_id
    others = known.other_blocks(name, height)
    lies: Lies = {"an unknown block": say(height, view, UNKNOWN)}
    if others:
        lies["another known block"] = say(height, view, others[0])
    lies |= {f"view {step}": say(height, to, name) for step, to in near(view)}
    lies |= {f"height {step}": say(to, view, name) for step, to in near(height)}
    lies |= {f"seat {step}": replace(vote, seat=Seat(to)) for step, to in _seats(vote.seat, voice)}
    lies["signature of the other kind"] = replace(
        vote, signature=other_say(height, view, name).signature
    )
    lies["signature of another height"] = replace(
        vote, signature=say(height + 1, view, name).signature
    )
    return {f"{kind}: {lie}": message for lie, message in lies.items()}


def _seats(seat: Seat, voice: Voice) -> Iterator[tuple[str, int]]:
    """Its neighbours; the last one's is nobody's."""
    return near(seat, highest=voice.validators.size)


def _view_change_lies(change: ViewChange, known: Notebook, voice: Voice) -> Lies:
    height, view, proof = change.height, change.view, change.prepared
    lies: Lies = {}
    for step, to in (*near(view, lowest=1), ("far", VIEW_MAX)):
        if proof is None or proof.view < to:
            lies[f"view {step}"] = voice.view_change(height, to, proof)
    for step, to in near(height):
        lies[f"height {step}"] = voice.view_change(to, view, proof)
    for step, to in _seats(change.seat, voice):
        lies[f"seat {step}"] = replace(change, seat=Seat(to))
    if proof is not None:
        lies["claim forgotten"] = voice.view_change(height, view, None)
        lies["claim without its proof"] = replace(change, prepared=None)
    lies |= _claims(change, known, voice)
    return {f"view change: {lie}": message for lie, message in lies.items()}


def _claims(change: ViewChange, known: Notebook, voice: Voice) -> Lies:
    """Claims that nothing proves: signed for what the false proof says, or left as they were."""
    height, view, own = change.height, change.view, change.prepared
    lies: Lies = {}
    for number, proof in enumerate(known.proofs(voice.validators.quorum)[-2:]):
        if proof != own:
            lies[f"claim of an older proof {number}"] = voice.view_change(height, view, proof)
            moved = replace(proof, height=height, view=View(view - 1))
            lies[f"claim of a moved proof {number}"] = voice.view_change(height, view, moved)
    if own is None:
        return lies
    for name, false in certificate_lies(own, known, voice).items():
        lies[f"proof: {name}"] = replace(change, prepared=false)
        if false.view < view:
            lies[f"claim: {name}"] = voice.view_change(height, view, false)
    return lies


def certificate_lies(
    certificate: Certificate, known: Notebook, voice: Voice
) -> dict[str, Certificate]:
    """Certificates that prove less than they say, or something else (R4)."""
    seals = certificate.seals
    lies: dict[str, Certificate] = {}
    for step, to in near(certificate.view):
        lies[f"view {step}"] = replace(certificate, view=View(to))
    for step, to in near(certificate.height):
        lies[f"height {step}"] = replace(certificate, height=Height(to))
    lies["an unknown block"] = replace(certificate, block_id=UNKNOWN)
    for other in known.other_blocks(certificate.block_id, certificate.height)[:1]:
        lies["another known block"] = replace(certificate, block_id=other)
    if len(seals) >= 2:
        first, second, *rest = seals
        last = seals[-1]
        swapped = (Seal(first.seat, second.signature), Seal(second.seat, first.signature), *rest)
        spoilt = Seal(last.seat, Signature(bytes(64)))
        lies |= {
            "a seal dropped": replace(certificate, seals=seals[1:]),
            "a seal twice": replace(certificate, seals=(first, *seals[:-1])),
            "signers swapped": replace(certificate, seals=swapped),
            "seals out of order": replace(certificate, seals=(second, first, *rest)),
            "a seal spoilt": replace(certificate, seals=(*seals[:-1], spoilt)),
            "one signer in two seats": replace(
                certificate, seals=(*seals[:-1], Seal(last.seat, first.signature))
            ),
            "a seal of nobody": replace(
                certificate,
                seals=(*seals[:-1], Seal(Seat(voice.validators.size), last.signature)),
            ),
        }
    quorum = voice.validators.quorum
    for kind, others in (("commits", known.commits(quorum)), ("prepares", known.proofs(quorum))):
        for known_one in others:
            sealed = replace(certificate, seals=known_one.seals)
            if sealed == known_one and sealed != certificate:
                lies[f"sealed by {kind}"] = known_one
    return lies


def body_lies(block: Block, known: Notebook) -> dict[str, Block]:
    """Bodies that are not behind the id that they answer for (R17, R32)."""
    lies = {}
    if block.transactions:
        lies["a transaction dropped"] = Block(block.header, block.transactions[1:])
        twice = (block.transactions[0], *block.transactions)
        lies["a transaction twice"] = Block(block.header, twice)
    for other in known.other_blocks(block_id(block.header), block.header.height)[:1]:
        lies["another's transactions"] = Block(block.header, known.blocks[other].transactions)
        lies["another block"] = known.blocks[other]
    return {
        f"body: {name}": lie for name, lie in lies.items() if lie.transactions != block.transactions
    }


def header_lies(block: Block) -> dict[str, Block]:
    """Blocks under a header in which one field is false: each has an id of its own (R16, R17)."""
    header, none = block.header, Digest(bytes(32))
    fields: dict[str, object] = {
        "chain": none,
        "parent": none,
        "proposer": none,
        "transactions_root": none,
        "state_root": none,
        "receipts_root": none,
        "validators_hash": none,
        "next_validators_hash": none,
        "height": header.height + 1,
    }
    lies = {name: replace(header, **{name: value}) for name, value in fields.items()}
    lies["time of the parent or before"] = replace(header, time_ms=1)
    lies["an hour ahead"] = replace(header, time_ms=header.time_ms + 3_600_000)
    return {f"header: {name}": Block(lie, block.transactions) for name, lie in lies.items()}


def _status_lies(status: Status, voice: Voice) -> Lies:
    size = voice.validators.size
    full = ((1 << size) - 1).to_bytes((size + 7) // 8, "little")
    fields: dict[str, dict[str, object]] = {
        "far height": {"height": Height(status.height + 1_000_000)},
        "far wish": {"wish": View(VIEW_MAX)},
        "has nothing": {"has_proposal": False, "prepares": b"", "commits": b"", "wish": View(0)},
        "has everything": {"has_proposal": True, "prepares": full, "commits": full},
        "nobody asked": {"view_changes": (View(0),) * size},
        "everybody asked for the last view": {"view_changes": (View(VIEW_MAX),) * size},
        "more seats than there are": {"view_changes": (View(1),) * (size + 1)},
        "fewer seats than there are": {"view_changes": ()},
        "entered nothing": {"entered": NO_VIEW},
    }
    for step, to in near(status.height):
        fields[f"height {step}"] = {"height": Height(to)}
    for step, to in near(status.wish):
        fields[f"wish {step}"] = {"wish": View(to)}
    own = voice.prepare(status.height, VIEW_MAX, UNKNOWN)
    fields["our word as theirs"] = {"newest_of_yours": Witness(b"no statement", own.signature)}
    return {f"status: {name}": replace(status, **lie) for name, lie in fields.items()}
