"""A snapshot after the validators changed: what leads from genesis to those who signed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.engines import Network, begun
from kit.ledger import pay
from kit.membership import change, proposal, ready_of
from ledger.parameters import PARAMETERS
from node.queries import Queries
from node.snapshot_check import Checkpoint, Source, check_manifest, open_snapshot, verify
from node.snapshot_create import create
from node.snapshot_format import MANIFEST, Manifest
from node.snapshot_restore import restore
from node.work import finish
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.errors import Malformed, RemoteFault
from primitives.ids import ChainId, Height, ValidatorKey
from primitives.validators import ValidatorSet
from storage.opening import open_database
from verifier import Outcome, Pin
from verifier import verify as verify_proof


def grown() -> tuple[Network, int]:
    """Four validators that became five, and some blocks; the height from which on they are."""
    network = begun(4, waiting=1)
    newcomer = network.nodes["validator 4"]
    tx = proposal(network, change(add=[ready_of(network, newcomer, 4)]), range(4))
    assert network.submit(network.nodes["validator 0"], tx) == [None]
    network.run(network.is_final(tx))
    place = network.nodes["validator 0"].store.find_transaction(tx.id)
    assert place is not None
    since = place.height + 2
    for number in range(4):
        payment = network.transaction("treasury", pay("health", 1, f"payment {number}"))
        assert network.submit(network.nodes["validator 0"], payment) == [None]
        network.run(network.is_final(payment))
    return network, since


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, int]:
    network, since = grown()
    folder = tmp_path_factory.mktemp("grown") / "s"
    store = network.nodes["validator 0"].store
    with store.state() as state:
        finish(create(store, state, folder), lambda _: None)
    return open_snapshot(folder, store.chain), since


def test_each_change_is_a_step_and_a_restored_node_has_its_header(
    source: tuple[Source, int], tmp_path: Path
) -> None:
    """So that it can lead others from genesis to what it has."""
    opened, since = source
    manifest = opened.manifest
    finish(verify(opened), lambda _: None)
    restore(opened, tmp_path / "data", lambda _: None)

    assert [step.header.height for step in manifest.steps] == [since - 1]
    assert since <= manifest.height
    with open_database(tmp_path / "data", manifest.chain) as store:
        step = manifest.steps[0]
        assert store.header(Height(since - 1)) == step.header
        assert store.certificate(Height(since - 1)) == step.certificate


def test_a_restored_node_proves_its_state_to_who_trusts_genesis(
    source: tuple[Source, int], tmp_path: Path
) -> None:
    """Entries that are there and that are not, with the lineage that it was given."""
    restore(source[0], tmp_path / "data", lambda _: None)
    pin = Pin(source[0].manifest.chain)

    with open_database(tmp_path / "data", source[0].manifest.chain) as store:
        queries = Queries(store)
        for key in (b"\0", b"\1"):
            proof = queries.state_proof(PARAMETERS.number, key)
            assert proof is not None
            verdict = verify_proof(proof, pin)
            assert verdict.outcome is Outcome.VALID, verdict.sentence
            assert not dict(verdict.details)["lineage"].startswith("none")


def checkpoint(manifest: Manifest, height: int, keys: tuple[ValidatorKey, ...]) -> None:
    said = Checkpoint(Height(height), ValidatorSet(keys).hash)
    check_manifest(manifest, manifest.chain, checkpoints=[said])


def test_a_checkpoint_that_was_pinned_counts(source: tuple[Source, int]) -> None:
    """At any height of either set; above the snapshot's height it says nothing of it."""
    manifest, since = source[0].manifest, source[1]
    old, new = manifest.validators, manifest.steps[0].keys

    for height in (1, since - 1):
        checkpoint(manifest, height, old)
        with pytest.raises(Malformed, match=f"of height {height} are .*, you have pinned"):
            checkpoint(manifest, height, new)
    for height in (since, manifest.height):
        checkpoint(manifest, height, new)
        with pytest.raises(Malformed, match="you have pinned"):
            checkpoint(manifest, height, old)
    checkpoint(manifest, manifest.height + 1, old)


def without_steps(manifest: Manifest) -> Manifest:
    return replace(manifest, steps=())


def with_a_step_twice(manifest: Manifest) -> Manifest:
    return replace(manifest, steps=manifest.steps * 2)


def with_other_validators(manifest: Manifest) -> Manifest:
    step = replace(manifest.steps[0], keys=manifest.validators)
    return replace(manifest, steps=(step,))


def with_a_step_unsigned(manifest: Manifest) -> Manifest:
    old: Certificate = manifest.steps[0].certificate
    step = replace(manifest.steps[0], certificate=replace(old, seals=old.seals[1:]))
    return replace(manifest, steps=(step,))


@pytest.mark.parametrize(
    ("change_of", "why"),
    [
        (without_steps, "names its validators"),
        (with_a_step_twice, "a step of height"),
        (with_other_validators, "names the next validators"),
        (with_a_step_unsigned, "a quorum of 4 validators is 3"),
    ],
)
def test_a_lineage_that_does_not_lead_there_is_refused(
    source: tuple[Source, int], tmp_path: Path, change_of: object, why: str
) -> None:
    """Nothing of the state is read then."""
    changed = change_of(source[0].manifest)  # type: ignore[operator]  # one of the four above
    (tmp_path / MANIFEST).write_bytes(encode(changed))

    with pytest.raises(Malformed, match=why):
        open_snapshot(tmp_path, source[0].manifest.chain)


def test_a_signature_of_a_step_counts(source: tuple[Source, int], tmp_path: Path) -> None:
    """Every one is checked, also those that no quorum needs."""
    manifest, chain = source[0].manifest, ChainId(source[0].manifest.chain)
    step = manifest.steps[0]
    first, second, *rest = step.certificate.seals
    swapped = (replace(first, signature=second.signature), second, *rest)
    spoilt = replace(step, certificate=replace(step.certificate, seals=swapped))
    (tmp_path / MANIFEST).write_bytes(encode(replace(manifest, steps=(spoilt,))))

    with pytest.raises(RemoteFault, match="signature"):
        open_snapshot(tmp_path, chain)
