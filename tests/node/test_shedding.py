"""A loop that is late gives up questions first, then submissions, and its standing never."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kit.api import ChainOfOne, serving
from kit.ledger import pay
from kit.nets import in_trio
from node.api.shedding import STANDING
from node.lag import RECENT_S, SMOOTHING_S, Lag, Load
from node.status import NodeStatus
from primitives import limits

SPAN_S: Final = 0.1


def lag_after(samples: Sequence[tuple[float, float]]) -> Lag:
    """Of so many seconds with such a lag each."""
    lag, now_s = Lag(), 0.0
    for lag_s, duration_s in samples:
        for _ in range(round(duration_s / (SPAN_S + lag_s)) or 1):
            now_s += SPAN_S + lag_s
            lag.sampled(lag_s, SPAN_S + lag_s, now_s)
    return lag


@pytest.mark.parametrize(
    ("samples", "load"),
    [
        ([(0.0, 60)], Load.CALM),
        ([(limits.LAG_QUERIES_S, 60)], Load.CALM),
        ([(limits.LAG_QUERIES_S + 0.01, 60)], Load.BUSY),
        ([(limits.LAG_SUBMISSIONS_S, 60)], Load.BUSY),
        ([(limits.LAG_SUBMISSIONS_S + 0.01, 60)], Load.PRESSED),
    ],
)
def test_a_bound_is_one_above_which_the_loop_is_on_average(
    samples: list[tuple[float, float]], load: Load
) -> None:
    """At the bound nothing is refused yet."""
    assert lag_after(samples).load is load


def test_one_long_step_is_no_reason() -> None:
    """A full block is executed in one step; so is the next one."""
    assert lag_after([(0.0, 5), (0.8, 0.8), (0.0, 1), (0.8, 0.8)]).load is Load.CALM


def test_what_was_given_up_comes_back_at_half_of_its_bound() -> None:
    """So that the API does not open and close with every sample."""
    late = (limits.LAG_SUBMISSIONS_S + 0.5, 60.0)

    assert lag_after([late, (limits.LAG_SUBMISSIONS_S * 0.6, 60)]).load is Load.PRESSED
    assert lag_after([late, (limits.LAG_SUBMISSIONS_S * 0.45, 60)]).load is Load.BUSY
    assert lag_after([late, (limits.LAG_QUERIES_S * 0.6, 60)]).load is Load.BUSY
    assert lag_after([late, (limits.LAG_QUERIES_S * 0.4, 60)]).load is Load.CALM
    assert lag_after([(0.7, 60), (limits.LAG_QUERIES_S * 0.6, 60)]).load is Load.BUSY
    assert lag_after([late, (0.0, 4 * SMOOTHING_S)]).load is Load.CALM, "and soon"


def test_people_are_told_the_worst_of_the_last_seconds() -> None:
    """And what is longer ago is forgotten."""
    assert Lag().recent_ms == 0
    assert lag_after([(0.3, 0.4), (0.0, RECENT_S - 1)]).recent_ms == 300
    assert lag_after([(0.3, 0.4), (0.0, RECENT_S + 1)]).recent_ms == 0


MSGPACK: Final = {"content-type": "application/msgpack"}
QUESTIONS: Final = ("/v1/genesis", "/v1/blocks/latest", "/v1/evidence", "/docs", "/v1/nowhere")


async def answers(client: httpx.AsyncClient, paths: Sequence[str]) -> dict[str, int]:
    return {path: (await client.get(path)).status_code for path in paths}


@in_trio
async def test_questions_go_first() -> None:
    """Whatever they are about; a transaction is still taken, and its fate still told."""
    chain = ChainOfOne()
    tx = chain.signed("treasury", pay("health", 1, "A"))
    async with serving(chain) as client:
        chain.load = Load.BUSY
        refused = await client.get("/v1/blocks/latest")
        asked = await answers(client, QUESTIONS)
        proof = await client.get(f"/v1/transactions/{'0' * 64}/proof")
        taken = await client.post("/v1/transactions", content=tx, headers=MSGPACK)
        fate = await client.get(f"/v1/transactions/{taken.json()['id']}")
        chain.load = Load.CALM
        later = await client.get("/v1/blocks/latest")

    assert (refused.status_code, refused.json()["code"]) == (503, "node.busy")
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["facts"] == {"expected": "calm", "actual": "busy"}
    assert set(asked.values()) == {503}
    assert proof.status_code == 503
    assert (taken.status_code, fate.status_code, later.status_code) == (202, 200, 200)
    assert set(chain.refused_by_load) == {"query"}


@in_trio
async def test_submissions_go_next_and_the_standing_never() -> None:
    """Health, readiness, status, why and metrics are answered by a node that is late."""
    chain = ChainOfOne()
    tx = chain.signed("treasury", pay("health", 1, "A"))
    async with serving(chain) as client:
        calm = await answers(client, sorted(STANDING))
        chain.load = Load.PRESSED
        pressed = await answers(client, sorted(STANDING))
        refused = await client.post("/v1/transactions", content=tx, headers=MSGPACK)
        fate = await client.get(f"/v1/transactions/{'0' * 64}")

    assert pressed == calm
    assert (refused.status_code, fate.status_code) == (503, 503)
    assert refused.json()["facts"]["actual"] == "pressed"
    assert chain.refused_by_load == ["submission", "submission"]
    assert not chain.waiting, "a refused transaction does not wait"


class Counting(ChainOfOne):
    """Knows how often it was asked where it stands."""

    asked = 0

    def status(self) -> NodeStatus:
        self.asked += 1
        return super().status()


@in_trio
async def test_between_two_requests_the_loop_has_a_round_for_everything_else() -> None:
    """However many arrive at once: who else runs on the loop is never further than some away."""
    chain, clients = Counting(), [socket.socket() for _ in range(64)]
    async with serving(chain) as client:
        address = (client.base_url.host, client.base_url.port)
        for each in clients:
            each.connect(address)
        await wait_all_tasks_blocked()
        for each in clients:
            each.sendall(b"GET /v1/status HTTP/1.1\r\nHost: node\r\n\r\n")
        counts = [0]
        while counts[-1] < len(clients):
            await trio.lowlevel.checkpoint()
            counts.append(chain.asked)
        for each in clients:
            each.close()

    assert max(after - before for before, after in pairwise(counts)) <= 2
