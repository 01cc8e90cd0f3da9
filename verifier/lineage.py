"""From a set of validators that the reader trusts to those of a later height.

    anchor (genesis, or a pinned checkpoint) ─► step ─► step ─► … ─► the validators of a header

A step is *named*: who is trusted so far certified a header that names the next validators. Or it
*skips*: others certified it, with more than a third of who is trusted so far among the signers. Of
more than a third one is honest, and an honest validator signs no header that names the wrong ones.
Written from docs/proof-format.md §4.
"""

from dataclasses import dataclass
from typing import Final, final

from verifier.hashes import empty_list_root, tagged_hash
from verifier.trust import (
    Certificate,
    Header,
    Keys,
    check_certificate,
    hash_of,
    read_certificate,
    read_header,
    read_keys,
)
from verifier.values import INTEGER_MAX, array_of, bytes_of, list_of, natural
from verifier.verdict import Invalid

STEPS_MAX: Final = 4_096


@final
@dataclass(frozen=True, slots=True)
class Anchor:
    """Where trust begins: the validators of a height; at height 0 with the header of genesis."""

    chain: bytes
    height: int
    validators: Keys
    hash: bytes
    genesis: Header | None


@final
@dataclass(frozen=True, slots=True)
class Step:
    """A certified header, and whom the reader trusts after it."""

    header: Header
    certificate: Certificate
    keys: Keys


@final
@dataclass(frozen=True, slots=True)
class Trusted:
    """Who is trusted, about heights from `lowest` on, and how that came to be.

    `judged` are the headers on the way: by whom (the hash of the set), and of which height.
    """

    keys: Keys
    hash: bytes
    lowest: int
    story: tuple[str, ...]
    judged: tuple[tuple[bytes, int], ...]


def read_anchor(value: object) -> Anchor:
    """Of either kind."""
    match value:
        case ["genesis", *_]:
            _, header, keys = array_of(value, 3, "anchor")
            genesis = read_header(header, "genesis header")
            validators = read_keys(keys, "validators of genesis")
            chain = tagged_hash("block", genesis.data)
            return Anchor(chain, 0, validators, hash_of(validators), genesis)
        case ["checkpoint", *_]:
            _, chain, height, keys = array_of(value, 4, "anchor")
            chain = bytes_of(chain, 32, "checkpoint, chain")
            at = natural(height, INTEGER_MAX, "checkpoint, height")
            if at == 0:
                raise Invalid("a checkpoint of height 0: there the anchor is genesis")
            validators = read_keys(keys, "validators of the checkpoint")
            return Anchor(chain, at, validators, hash_of(validators), None)
        case _:
            raise Invalid("the anchor is neither genesis nor a checkpoint")


def read_steps(value: object) -> tuple[Step, ...]:
    """Any number of them."""
    return tuple(_read_step(step) for step in list_of(value, 0, STEPS_MAX, "steps"))


def _read_step(value: object) -> Step:
    header, certificate, keys = array_of(value, 3, "step")
    return Step(
        read_header(header, "header of a step"),
        read_certificate(certificate),
        read_keys(keys, "keys of a step"),
    )


def begin(anchor: Anchor) -> Trusted:
    """Trust as the anchor gives it."""
    if anchor.genesis is not None:
        _check_genesis(anchor.genesis, anchor.hash)
    return Trusted(anchor.validators, anchor.hash, max(1, anchor.height), (), ())


def _check_genesis(genesis: Header, validators: bytes) -> None:
    if genesis.height != 0:
        raise Invalid(f"the genesis header has height {genesis.height}, expected 0")
    if not genesis.chain == genesis.parent == genesis.proposer == bytes(32):
        raise Invalid("the genesis header names a chain, a parent or a proposer")
    if not genesis.transactions_root == genesis.receipts_root == empty_list_root():
        raise Invalid("the genesis header has transactions or receipts")
    if genesis.validators_hash != genesis.next_validators_hash:
        raise Invalid("the genesis header names two sets of validators")
    if genesis.validators_hash != validators:
        raise Invalid("the validators listed are not those that the genesis header names")


def follow(anchor: Anchor, steps: tuple[Step, ...]) -> Trusted:
    """Who is trusted after the last step."""
    trusted = begin(anchor)
    for step in steps:
        trusted = _after(trusted, step, anchor.chain)
    return trusted


def _after(trusted: Trusted, step: Step, chain: bytes) -> Trusted:
    header = step.header
    if trusted.hash != header.validators_hash:
        return after_header(trusted, header, step.certificate, step.keys, chain)
    named = after_header(trusted, header, step.certificate, None, chain)
    after = check_next(header, step.keys)
    if after == trusted.hash:
        raise Invalid(f"the step of height {header.height} changes nothing")
    told = (*named.story, f"named at {header.height}")
    return Trusted(step.keys, after, named.lowest, told, named.judged)


def check_next(header: Header, keys: Keys) -> bytes:
    """The hash of these keys, which are those that a header names for the next height."""
    named = hash_of(keys)
    if named != header.next_validators_hash:
        raise Invalid(
            f"the keys listed are not those that the header of height {header.height} names "
            "for the next"
        )
    return named


def after_header(
    trusted: Trusted,
    header: Header,
    certificate: Certificate,
    signers: Keys | None,
    chain: bytes,
) -> Trusted:
    """Who is trusted after a header: those who signed it, `signers` where these are new."""
    if header.chain != chain:
        raise Invalid(
            f"the header of height {header.height} is of chain {header.chain.hex()}, "
            f"expected {chain.hex()}"
        )
    if header.height < trusted.lowest:
        raise Invalid(
            f"a header of height {header.height}, expected {trusted.lowest} or above: "
            "heights ascend from the anchor on"
        )
    judged = (*trusted.judged, (trusted.hash, header.height))
    if signers is None:
        if trusted.hash != header.validators_hash:
            raise Invalid(
                f"the validators that are trusted are not those that the header of height "
                f"{header.height} names, and no others are listed"
            )
        check_certificate(header, certificate, trusted.keys, chain)
        return Trusted(trusted.keys, trusted.hash, header.height + 1, trusted.story, judged)
    if trusted.hash == header.validators_hash:
        raise Invalid(
            f"the signers of height {header.height} are listed, but they are trusted already"
        )
    told = _skip(trusted, header, certificate, signers, chain)
    return Trusted(signers, hash_of(signers), header.height + 1, (*trusted.story, told), judged)


def _skip(
    trusted: Trusted, header: Header, certificate: Certificate, signers: Keys, chain: bytes
) -> str:
    """How a set that the trusted ones vouch for came in; with it the header is proved."""
    if hash_of(signers) != header.validators_hash:
        raise Invalid(
            f"the keys listed are not those that the header of height {header.height} names"
        )
    check_certificate(header, certificate, signers, chain)
    known = set(trusted.keys)
    count = sum(signers[seat] in known for seat, _ in certificate.seals)
    size = len(trusted.keys)
    if 3 * count <= size:
        raise Invalid(
            f"{count} of {size} trusted validators signed at height {header.height}, "
            "expected more than a third of them"
        )
    return f"skipped to {header.height} ({count} of {size} trusted signed)"


def story_of(trusted: Trusted) -> str:
    """The way from the anchor to the signers, for people."""
    return ", ".join(trusted.story) or "none needed"


def source_of(anchor: Anchor) -> str:
    """Where trust begins, for people."""
    if anchor.genesis is not None:
        return "the validators of genesis"
    return f"the validators of height {anchor.height}, checkpoint {anchor.hash.hex()}"
