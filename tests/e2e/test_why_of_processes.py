"""Two of four validators are killed: the others, an observer and the command line say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq
from kit.localnet import Localnet

OBSERVER = 4


@pytest.fixture
def localnet(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", 4, 1)
    try:
        yield made
    finally:
        made.stop()


def test_it_names_who_is_missing_and_what_would_decide_the_block(localnet: Localnet) -> None:
    """From a validator and from an observer; once one is back the chain is well again."""
    localnet.start()
    everybody = range(5)
    localnet.wait(lambda: all(why(localnet, index)["verdict"] == "healthy" for index in everybody))
    names = [localnet.get(index, "/v1/status")[1]["name"] for index in everybody]
    killed = {names[2], names[3]}

    localnet.kill(2, 3)
    localnet.submit(0, localnet.payment(), wait_s=0)
    left = (0, 1, OBSERVER)
    localnet.wait(lambda: all(is_known(findings(localnet, index)) for index in left))

    for index in left:
        said, found = why(localnet, index), findings(localnet, index)
        assert said["verdict"] == "halted"
        assert set(found["quorum.missing"]["validators"]) == killed
        assert set(found["validator.missing"]["validators"]) == killed
        assert killed <= set(found["phase.waiting"]["validators"])
        assert "1 more ends this phase" in found["phase.waiting"]["words"]
        assert 0 < said["facts"]["now_ms"] - found["validator.missing"]["since_ms"] < 60_000

    told = mithaq("why", "--home", localnet.home, "--json")
    assert told.code == ExitCode.REFUSED
    assert told.result["verdict"] == "halted"
    silent = {one["name"] for one in told.result["nodes"] if one["why"] is None}
    assert silent == killed

    localnet.start(2)
    localnet.wait(lambda: localnet.height(0) > said["height"])
    localnet.wait(lambda: why(localnet, 0)["verdict"] == "slow")
    assert findings(localnet, 0)["validator.missing"]["validators"] == [names[3]]


def is_known(found: dict[str, dict[str, Any]]) -> bool:
    """The phase waits, and new links were tried to the end."""
    missing = found.get("validator.missing", {"words": ""})
    return "phase.waiting" in found and "no node runs there" in missing["words"]


def why(localnet: Localnet, index: int) -> dict[str, Any]:
    """What a node says; an unknown verdict where it does not answer."""
    status, said = localnet.get(index, "/v1/why", timeout_s=5)
    return said if status == 200 else {"verdict": "unknown", "findings": []}


def findings(localnet: Localnet, index: int) -> dict[str, dict[str, Any]]:
    """By code."""
    return {one["code"]: one for one in why(localnet, index)["findings"]}
