"""The offline check of an evidence file, written from docs/evidence-format.md alone.

anchor ─► steps ─► the header below height h ─► validators of height h ─► the signer
    ─► two signed statements that exclude each other
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import msgpack

from verifier.hashes import tag, tagged_hash
from verifier.judge import Finding, judge
from verifier.lineage import (
    Anchor,
    Step,
    Trusted,
    after_header,
    check_next,
    follow,
    read_anchor,
    read_steps,
    source_of,
    story_of,
)
from verifier.pins import Pin, check_asked, check_contradiction
from verifier.trust import (
    VIEW_MAX,
    Certificate,
    Header,
    Keys,
    is_signed,
    read_certificate,
    read_header,
    read_keys,
)
from verifier.values import INTEGER_MAX, array_of, bytes_of, unpack
from verifier.verdict import Invalid, Verdict, invalid

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
STATEMENT_BYTES_MAX: Final = 128
NOTHING: Final = -1
"""The claimed view of who claims nothing."""

_VOTES: Final = {
    "pre-prepare": "a proposal of block",
    "prepare": "a prepare for block",
    "commit": "a commit to block",
}
_KINDS: Final = {
    "E1": "two proposals of one view for different blocks",
    "E2": "two prepares of one view for different blocks",
    "E3": "two commits of one view to different blocks",
    "E4": "two view changes for one view with different claims",
    "E5": "a commit, and a view change for a later view that claims less",
    "E6": "a prepare and a commit of one view for different blocks",
}


@final
@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody signed: `block` and `claimed` are the claim of a view change."""

    data: bytes
    signature: bytes
    name: str
    chain: bytes
    height: int
    view: int
    claimed: int
    block: bytes

    def text(self) -> str:
        """In words."""
        if self.name in _VOTES:
            return f"{_VOTES[self.name]} {self.block.hex()} in view {self.view}"
        if self.claimed == NOTHING:
            return f"a request for view {self.view} that claims nothing"
        return (
            f"a request for view {self.view} that claims block {self.block.hex()} "
            f"of view {self.claimed}"
        )


@final
@dataclass(frozen=True, slots=True)
class Last:
    """The header below the contested height; `next` where it names others than signed it."""

    header: Header
    certificate: Certificate
    signers: Keys | None
    next: Keys | None


@final
@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """Everything that stands in an evidence file."""

    anchor: Anchor
    steps: tuple[Step, ...]
    last: Last | None
    signer: bytes
    first: Statement
    second: Statement


def is_evidence(data: bytes) -> bool:
    """Whether a file says of itself that it is evidence."""
    return data[1:17] == b"\xafmithaq.evidence"


def verify_evidence(data: bytes, pin: Pin | None) -> Verdict:
    """Judge an evidence file for who asks about the chain of `pin`, if about any."""
    pins = () if pin is None else (pin,)

    def check_first(file: EvidenceFile) -> None:
        if pin is not None:
            check_asked(file.anchor, pin)

    return _verify(data, pins, check_first)


def verify_evidence_under(data: bytes, pins: Sequence[Pin]) -> Verdict:
    """Judge an evidence file for who trusts these chains and checkpoints."""
    return _verify(data, pins, lambda _: None)


def _verify(
    data: bytes, pins: Sequence[Pin], check_first: Callable[[EvidenceFile], None]
) -> Verdict:
    try:
        file = _read_file(data)
        check_first(file)
        check_contradiction(file.anchor, pins)
        kind = _check_pair(file)
        voters = _check_lineage(file)
        _check_signer(file, voters.keys)
    except Invalid as reason:
        return invalid(reason)
    finding = Finding(
        file.anchor,
        voters.judged,
        file.first.height,
        None,
        f"In chain {file.anchor.chain.hex()[:16]}…, at height {file.first.height}, the validator "
        f"with the key {file.signer.hex()[:16]}… signed two statements that no honest validator "
        f"signs: {_KINDS[kind]} ({kind}).",
        _details(file, kind, voters),
    )
    return judge(finding, pins, None)


def _read_file(data: bytes) -> EvidenceFile:
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"the file has {len(data)} bytes, at most {FILE_BYTES_MAX} are allowed")
    outer = unpack(data, "the file")
    if not isinstance(outer, list) or outer[:1] != ["mithaq.evidence"]:
        raise Invalid("this is not a Mithaq evidence file")
    version = outer[1] if len(outer) > 1 else None
    if isinstance(version, bool) or version != 2:
        raise Invalid(
            f"this is an evidence file of version {version!r}; this verifier knows version 2"
        )
    _, _, anchor, steps, last, signer, first, second = array_of(outer, 8, "the file")
    return EvidenceFile(
        anchor=read_anchor(anchor),
        steps=read_steps(steps),
        last=None if last is None else _read_last(last),
        signer=bytes_of(signer, 32, "signer"),
        first=_read_statement(first, "first statement"),
        second=_read_statement(second, "second statement"),
    )


def _read_last(value: object) -> Last:
    header, certificate, signers, after = array_of(value, 4, "last header")
    return Last(
        read_header(header, "last header"),
        read_certificate(certificate),
        None if signers is None else read_keys(signers, "signers"),
        None if after is None else read_keys(after, "next validators"),
    )


def _read_statement(value: object, what: str) -> Statement:
    signed, signature = array_of(value, 2, what)
    data = bytes_of(signed, None, what)
    if len(data) > STATEMENT_BYTES_MAX:
        raise Invalid(f"{what}: {len(data)} bytes, at most {STATEMENT_BYTES_MAX} are allowed")
    for name in (*_VOTES, "view-change"):
        if data.startswith(tag(name)):
            break
    else:
        raise Invalid(f"{what}: it begins with no tag of a validator's statement")
    fields = data[len(tag(name)) :]
    layout = ">32sQI32s" if name in _VOTES else ">32sQIi32s"
    if len(fields) != struct.calcsize(layout):
        raise Invalid(
            f"{what}: {len(fields)} bytes behind the tag, expected {struct.calcsize(layout)}"
        )
    chain, height, view, *claim, block = struct.unpack(layout, fields)
    claimed = claim[0] if claim else NOTHING
    if not 1 <= height <= INTEGER_MAX:
        raise Invalid(f"{what}: height {height}, expected 1 to {INTEGER_MAX}")
    if not (0 if name in _VOTES else 1) <= view <= VIEW_MAX:
        raise Invalid(f"{what}: there is no {name} of view {view}")
    if name not in _VOTES:
        if not NOTHING <= claimed < view:
            raise Invalid(f"{what}: a claim of view {claimed} in a request for view {view}")
        if (claimed == NOTHING) != (block == bytes(32)):
            raise Invalid(f"{what}: it names a claimed view without a block, or the reverse")
    signature = bytes_of(signature, 64, f"{what}, signature")
    return Statement(data, signature, name, chain, height, view, claimed, block)


def _check_pair(file: EvidenceFile) -> str:
    """The kind of the contradiction."""
    first, second, chain = file.first, file.second, file.anchor.chain
    for statement in (first, second):
        if statement.chain != chain:
            raise Invalid(f"a statement is of chain {statement.chain.hex()}")
    if first.data >= second.data:
        raise Invalid("the statements are the same, or the one with the smaller bytes is second")
    kind = _kind(first, second) if first.height == second.height else None
    if kind is None:
        raise Invalid("an honest validator may sign both statements")
    return kind


def _kind(first: Statement, second: Statement) -> str | None:
    match first.name, second.name:
        case "commit", "view-change" if second.view > first.view:
            return "E5" if second.claimed < first.view else None
        case "view-change", "view-change":
            return "E4" if first.view == second.view else None
        case ("pre-prepare", "pre-prepare") | ("prepare", "prepare") | ("commit", "commit"):
            kinds = {"pre-prepare": "E1", "prepare": "E2", "commit": "E3"}
            kind = kinds[first.name]
        case "commit", "prepare":
            kind = "E6"
        case _:
            return None
    return kind if first.view == second.view and first.block != second.block else None


def _check_lineage(file: EvidenceFile) -> Trusted:
    """The validators of the statements' height, from the anchor on."""
    height, last = file.first.height, file.last
    trusted = follow(file.anchor, file.steps)
    if last is None:
        # The anchor itself says who votes there: genesis at height 1, a checkpoint at its own.
        if file.steps or height != trusted.lowest:
            raise Invalid(f"the header of height {height - 1} is missing")
        return trusted
    header = last.header
    if header.height != height - 1:
        raise Invalid(f"the last header is of height {header.height}, expected {height - 1}")
    signed = after_header(trusted, header, last.certificate, last.signers, file.anchor.chain)
    # Who trusts those who signed it needs nothing older to know whom it names.
    judged = (*signed.judged, (signed.hash, header.height))
    if last.next is None:
        if header.next_validators_hash != signed.hash:
            raise Invalid(f"the validators of height {height} are not listed")
        return replace(signed, judged=judged)
    named = check_next(header, last.next)
    if named == signed.hash:
        raise Invalid(f"the validators of height {height} are listed, but they are known already")
    told = (*signed.story, f"named at {header.height}")
    return Trusted(last.next, named, height, told, judged)


def _check_signer(file: EvidenceFile, keys: tuple[bytes, ...]) -> None:
    if file.signer not in keys:
        raise Invalid(f"the signer is no validator of height {file.first.height}")
    for what, statement in (("first", file.first), ("second", file.second)):
        if not is_signed(file.signer, statement.data, statement.signature):
            raise Invalid(f"the signature of the {what} statement does not verify")


def _details(file: EvidenceFile, kind: str, voters: Trusted) -> tuple[tuple[str, str], ...]:
    height, view = file.first.height, file.first.view
    named = b"\x94\xa2" + kind.encode() + b"\xc4\x20" + file.signer + _packed(height, view)
    return (
        ("chain", file.anchor.chain.hex()),
        ("kind", f"{kind}, {_KINDS[kind]}"),
        ("signer", file.signer.hex()),
        ("height", f"{height}, decided by {len(voters.keys)} validators"),
        ("first", file.first.text()),
        ("second", file.second.text()),
        ("trusted from", source_of(file.anchor)),
        ("lineage", story_of(voters)),
        ("case", tagged_hash("evidence", named).hex()),
    )


def _packed(*numbers: int) -> bytes:
    return b"".join(msgpack.packb(number) for number in numbers)
