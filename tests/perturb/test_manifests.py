"""Manifests of perturbations: what can be said, and how what cannot is answered."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from kit.perturb.__main__ import main, run
from kit.perturb.generate import generate
from kit.perturb.manifest import (
    KINDS,
    PRIMARY,
    Manifest,
    ManifestFault,
    Perturbation,
    load_manifest,
    manifest_text,
    read_manifest,
)
from kit.perturb.record import Record
from kit.tree import ROOT

FILES = sorted((ROOT / "tests/perturb").rglob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_manifest_of_the_suite_can_be_read(path: object) -> None:
    """Those that were found by a seed too."""
    manifest = load_manifest(ROOT / str(path))

    assert manifest.perturbations
    assert read_manifest(manifest_text(manifest), "again") == manifest


def test_the_suite_has_every_kind() -> None:
    """Nothing can be written in a manifest that no manifest tries."""
    tried = {one.kind for path in FILES for one in load_manifest(path).perturbations}

    assert tried == set(KINDS)


def test_every_fault_is_told_at_once() -> None:
    """With what was expected and what was found."""
    text = """
        titel = "x"
        [network]
        validators = 17
        far_ms = { node9 = "far" }
        [load]
        payments_per_s = "few"
        [expect]
        block_s = 0
        [[perturbations]]
        kind = "explode"
        [[perturbations]]
        kind = "kill"
        nodes = ["node0", "node0"]
        at_s = -1
        seconds = 3
        why = { node77 = ["x"], others = "idle" }
        [[perturbations]]
        kind = "partition"
        sides = [["node0"], ["node0", "node1"]]
        at_s = 3
        for_s = 1
        """

    with pytest.raises(ManifestFault) as caught:
        read_manifest(text, "m.toml")

    begins = [fault.partition(", found")[0] for fault in caught.value.faults]
    nodes = "node0"
    assert begins == [
        "titel: unknown here, expected title, network, load, expect, perturbations",
        "title: expected a sentence",
        "network.validators: expected a number from 1 to 16",
        f"perturbations[0].kind: expected one of {', '.join(KINDS)}",
        "perturbations[1].seconds: unknown here, expected kind, at_s, nodes, for_s, why",
        "perturbations[1].at_s: expected a number from 0 to 36000",
        "perturbations[1].for_s: expected a number from 0 to 36000",
        "perturbations[1].nodes: expected each node once",
        f"perturbations[1].why: expected one of {nodes}, others",
        "perturbations[1].why.others: expected a list of codes",
        f"perturbations[2].sides[1]: expected one of {nodes}",
        "perturbations[2].sides: expected two or more lists of nodes, each node in one at most",
        f"network.far_ms: expected one of {nodes}",
        "network.far_ms.node9: expected a number from 0 to 1000",
        "load.payments_per_s: expected 0 to 100000, or most",
        "expect.block_s: expected a number from 0.1 to 36000",
    ]
    assert str(caught.value).startswith("m.toml has 16 faults:\n  titel: ")


def test_what_is_not_toml_is_said() -> None:
    """With the parser's own words."""
    with pytest.raises(ManifestFault, match=r"m\.toml has one fault:\n  it is not TOML: "):
        read_manifest("title =", "m.toml")


def test_a_seed_makes_one_manifest_and_its_file_says_the_same() -> None:
    """A failing one is kept as a file, and must be the same there."""
    for seed in range(200):
        manifest = generate(seed)
        assert generate(seed) == manifest
        assert read_manifest(manifest_text(manifest), f"seed {seed}") == manifest


def test_seeds_reach_every_kind() -> None:
    """Alone and together with others, the primary as such, and a newcomer in either way."""
    ones = [one for seed in range(200) for one in generate(seed).perturbations]

    assert {one.kind for one in ones} == set(KINDS)
    assert {one.by for one in ones if one.kind == "join"} == {"blocks", "snapshot"}
    assert any(PRIMARY in one.nodes for one in ones)
    assert any(_overlap(generate(seed).perturbations) for seed in range(50))


def test_no_seed_asks_for_what_cannot_be() -> None:
    """At no moment do blocks hang on who is hindered; who comes or goes has the time for it."""
    for seed in range(1_000):
        manifest = generate(seed)
        voters = {name for name in manifest.nodes if name.startswith("node")}
        for one in manifest.perturbations:
            now = [o for o in manifest.perturbations if o.at_s <= one.at_s < o.until_s or o is one]
            if {o.kind for o in now} & {"slow", "lossy", "clock"}:
                assert len(_away(now, voters)) <= (len(voters) - 1) // 3, (seed, one)
            if one.kind in {"join", "wipe", "flood", "add_validator", "remove_validator"}:
                assert now == [one], (seed, one)
            assert sum(o.kind in {"cut", "partition"} for o in now) <= 1, (seed, one)
            voters |= set(one.nodes) if one.kind == "add_validator" else set()
            voters -= set(one.nodes) if one.kind == "remove_validator" else set()
        assert len(voters) >= 4


def _away(now: list[Perturbation], voters: set[str]) -> set[str]:
    """Voters on whom nothing may hang: of a partition all but the most."""
    away: set[str] = set()
    for one in now:
        sides = sorted((voters & set(side) for side in one.sides), key=len)
        away |= set().union(*sides[:-1]) | (voters & set(one.nodes))
        away |= voters if PRIMARY in one.nodes else set()
    return away


def test_a_manifest_that_cannot_be_played_is_refused() -> None:
    """Before a network is made of it, not half-way."""
    text = """
        title = "x"
        [network]
        observers = 1
        [[perturbations]]
        kind = "disk_full"
        nodes = ["primary"]
        at_s = 1
        for_s = 3
        [[perturbations]]
        kind = "add_validator"
        nodes = ["node1"]
        at_s = 1
        [[perturbations]]
        kind = "kill"
        nodes = ["node2", "node3"]
        at_s = 10
        for_s = 5
        [[perturbations]]
        kind = "pause"
        nodes = ["node3"]
        at_s = 14
        for_s = 5
        [[perturbations]]
        kind = "pause"
        nodes = ["node2"]
        at_s = 15
        for_s = 5
        """

    with pytest.raises(ManifestFault) as caught:
        read_manifest(text, "m.toml")

    assert [fault.partition(", found")[0] for fault in caught.value.faults] == [
        "perturbations[0].nodes: expected one of node0, node1, node2, node3, observer0",
        "perturbations[1].nodes: expected observers",
        "perturbations[3]: expected nothing that befalls node3 during perturbations[2]",
    ]


def _overlap(ones: tuple[Perturbation, ...]) -> bool:
    return any(a is not b and a.at_s < b.at_s < a.until_s for a in ones for b in ones)


def test_what_breaks_on_the_way_ends_one_manifest_and_not_the_suite(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A node that does not end in time, say: of a seed the manifest must still be kept."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def hangs(_manifest: Manifest, _home: Path, _say: object) -> Record:
        raise subprocess.TimeoutExpired("mithaq", 30)

    assert not run(generate(1), hangs)
    assert "WRONG: Command 'mithaq' timed out" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["run"], ["run", "--seeds", "2..1"]])
def test_playing_nothing_is_no_success(words: list[str]) -> None:
    """A pattern that matches no file, seeds the wrong way round."""
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2


def test_a_late_node_is_not_there_in_the_beginning() -> None:
    """Everybody else is."""
    manifest = Manifest(
        title="late",
        observers=2,
        perturbations=(Perturbation(kind="join", nodes=("observer1",), at_s=3),),
    )

    assert manifest.late == {"observer1"}
    assert manifest.nodes == ("node0", "node1", "node2", "node3", "observer0", "observer1")
