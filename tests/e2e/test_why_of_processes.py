"""Two of four validators are killed: the others, an observer and the command line say why."""

from __future__ import annotations

import time
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

    killed_s = time.monotonic()
    localnet.kill(2, 3)
    localnet.submit(0, localnet.payment(), wait_s=0)
    left = (0, 1, OBSERVER)
    told_by: dict[int, dict[str, Any]] = {}
    for index in left:

        def is_told(index: int = index) -> bool:
            told_by[index] = why(localnet, index)
            is_halted = bool(told_by[index]["verdict"] == "halted")
            return is_halted and is_known(by_code(told_by[index]))

        localnet.wait(is_told)
    passed_ms = (60 + time.monotonic() - killed_s) * 1_000

    for said in told_by.values():
        found = by_code(said)
        assert set(found["quorum.missing"]["validators"]) == killed
        assert set(found["validator.missing"]["validators"]) == killed
        assert killed <= set(found["phase.waiting"]["validators"])
        assert 0 < said["facts"]["now_ms"] - found["validator.missing"]["since_ms"] <= passed_ms

    def silent() -> set[str]:
        told = mithaq("why", "--home", localnet.home, "--json")
        assert told.code == ExitCode.REFUSED
        assert told.result["verdict"] == "halted"
        return {one["name"] for one in told.result["nodes"] if one["why"] is None}

    localnet.wait(lambda: silent() == killed)  # who answers late is silent, too

    localnet.start(2)
    localnet.wait(lambda: localnet.height(0) > said["height"])

    def is_slow() -> bool:
        said = why(localnet, 0)
        missing = by_code(said).get("validator.missing", {"validators": []})
        return (said["verdict"], missing["validators"]) == ("slow", [names[3]])

    localnet.wait(is_slow)


def is_known(found: dict[str, dict[str, Any]]) -> bool:
    """The phase waits for one more, and new links were tried to the end."""
    waiting = found.get("phase.waiting", {"words": ""})
    missing = found.get("validator.missing", {"words": ""})
    is_tried = "no node runs there" in missing["words"]
    return "1 more ends this phase" in waiting["words"] and is_tried


def why(localnet: Localnet, index: int) -> dict[str, Any]:
    """What a node says; an unknown verdict where it does not answer."""
    status, said = localnet.get(index, "/v1/why")
    return said if status == 200 else {"verdict": "unknown", "findings": []}


def by_code(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings."""
    return {one["code"]: one for one in said["findings"]}
