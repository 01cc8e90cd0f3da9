"""The offline check of an evidence file, written from docs/evidence-format.md alone.

pinned id ═ hash(genesis header) ─► validators ─► header and certificate, again and again
    ─► validators of height h ─► the signer ─► two signed statements that exclude each other
"""

import struct
from dataclasses import dataclass
from typing import Final, final

import msgpack

from verifier.hashes import tag, tagged_hash
from verifier.trust import (
    VIEW_MAX,
    Header,
    Link,
    check_genesis,
    check_keys,
    check_links,
    is_signed,
    read_header,
    read_keys,
    read_links,
)
from verifier.values import INTEGER_MAX, array_of, bytes_of, natural, unpack
from verifier.verdict import Invalid, Outcome, Verdict

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
class EvidenceFile:
    """Everything that stands in an evidence file."""

    genesis: Header
    validators: tuple[bytes, ...]
    links: tuple[Link, ...]
    signer: bytes
    first: Statement
    second: Statement


def is_evidence(data: bytes) -> bool:
    """Whether a file says of itself that it is evidence."""
    return data[1:17] == b"\xafmithaq.evidence"


def verify_evidence(data: bytes, pinned_chain: bytes | None) -> Verdict:
    """Judge an evidence file; `pinned_chain` is the id of the chain that the reader trusts."""
    try:
        file = _read_file(data)
        chain = check_genesis(file.genesis, pinned_chain)
        kind = _check_pair(file, chain)
        keys = _check_lineage(file, chain)
        _check_signer(file, keys)
    except Invalid as reason:
        return Verdict(Outcome.INVALID, f"This file proves nothing: {reason}.")
    return Verdict(
        Outcome.NOT_PINNED if pinned_chain is None else Outcome.VALID,
        f"In chain {chain.hex()[:16]}…, at height {file.first.height}, the validator with the key "
        f"{file.signer.hex()[:16]}… signed two statements that no honest validator signs: "
        f"{_KINDS[kind]} ({kind}).",
        _details(file, chain, kind, len(keys)),
        chain,
    )


def _read_file(data: bytes) -> EvidenceFile:
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(f"the file has {len(data)} bytes, at most {FILE_BYTES_MAX} are allowed")
    outer = unpack(data, "the file")
    if not isinstance(outer, list) or outer[:1] != ["mithaq.evidence"]:
        raise Invalid("this is not a Mithaq evidence file")
    if len(outer) > 1 and outer[1] != 1:
        raise Invalid(
            f"this is an evidence file of version {outer[1]!r}; this verifier knows version 1"
        )
    _, version, genesis, validators, links, signer, first, second = array_of(outer, 8, "the file")
    natural(version, 1, "version")
    return EvidenceFile(
        genesis=read_header(genesis, "genesis header"),
        validators=read_keys(validators, "validators"),
        links=read_links(links, 0),
        signer=bytes_of(signer, 32, "signer"),
        first=_read_statement(first, "first statement"),
        second=_read_statement(second, "second statement"),
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


def _check_pair(file: EvidenceFile, chain: bytes) -> str:
    """The kind of the contradiction."""
    first, second = file.first, file.second
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


def _check_lineage(file: EvidenceFile, chain: bytes) -> tuple[bytes, ...]:
    """The validators of the statements' height, from those of genesis on."""
    height = file.first.height
    check_keys(file.validators, file.genesis.validators_hash, "the genesis header")
    keys, at = check_links(file.validators, file.links, chain, below=height)
    if at != height - 1:
        raise Invalid(f"the links end at height {at}, expected {height - 1}")
    return keys


def _check_signer(file: EvidenceFile, keys: tuple[bytes, ...]) -> None:
    if file.signer not in keys:
        raise Invalid(f"the signer is no validator of height {file.first.height}")
    for what, statement in (("first", file.first), ("second", file.second)):
        if not is_signed(file.signer, statement.data, statement.signature):
            raise Invalid(f"the signature of the {what} statement does not verify")


def _details(
    file: EvidenceFile, chain: bytes, kind: str, count: int
) -> tuple[tuple[str, str], ...]:
    height, view = file.first.height, file.first.view
    named = b"\x94\xa2" + kind.encode() + b"\xc4\x20" + file.signer + _packed(height, view)
    return (
        ("chain", chain.hex()),
        ("kind", f"{kind}, {_KINDS[kind]}"),
        ("signer", file.signer.hex()),
        ("height", f"{height}, decided by {count} validators"),
        ("first", file.first.text()),
        ("second", file.second.text()),
        ("validators", f"those of genesis{_more(len(file.links))}"),
        ("case", tagged_hash("evidence", named).hex()),
    )


def _more(links: int) -> str:
    if links == 0:
        return ""
    return f", and {links} certified header{'s' if links > 1 else ''} after it"


def _packed(*numbers: int) -> bytes:
    return b"".join(msgpack.packb(number) for number in numbers)
