"""Transactions among real nodes: past a censor, once to everybody, and gone when they expire."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from kit.censor import HATED
from kit.localnet import ANSWER_S, START_S, Localnet
from kit.tree import ROOT

PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
CENSOR: Final = 0
HONEST: Final = (1, 2, 3)
OBSERVER: Final = 4
PAYMENTS: Final = 12


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Localnet, str]]:
    """Four validators, the first of which censors, and an observer that was there before them.

    A client of the observer submitted while nobody else ran.
    """
    made = Localnet.create(tmp_path_factory.mktemp("mempool") / "net", observers=1)
    made.programs[CENSOR] = ["kit.censor"]
    made.environment[CENSOR] = {"PYTHONPATH": PATH}
    try:
        made.start(OBSERVER)
        made.wait(lambda: made.get(OBSERVER, "/v1/health")[0] == 200)
        code, early = made.submit(OBSERVER, made.payment(), wait_s=0)
        assert code == 202, early
        made.start(CENSOR, *HONEST)
        made.wait(lambda: all(made.get(index, "/v1/ready")[0] == 200 for index in range(5)))
        yield made, early["id"]
    finally:
        made.stop()


@pytest.fixture
def net(scene: tuple[Localnet, str]) -> Localnet:
    return scene[0]


def metric(net: Localnet, index: int, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", net.base + 1000 + index, timeout=ANSWER_S)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    (value,) = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(name)]
    return float(value)


def waiting(net: Localnet, index: int) -> int:
    count: int = net.get(index, "/v1/status")[1]["mempool"]["count"]
    return count


def test_an_observer_holds_what_it_took_while_it_was_alone(scene: tuple[Localnet, str]) -> None:
    """Its links were down; it offers the payment when they come up, and nothing waits any more."""
    net, early = scene
    net.wait(lambda: net.get(OBSERVER, f"/v1/transactions/{early}")[1]["status"] == "final")

    assert waiting(net, OBSERVER) == 0


def test_a_censor_delays_a_payment_by_a_height(net: Localnet) -> None:
    """R66: it is proposed by another, whoever's turn comes first; the censor votes for it."""
    key = net.get(CENSOR, "/v1/status")[1]["key"]
    proposers = []

    for number in range(6):
        door = 1 + number % 3
        at = max(net.height(index) for index in HONEST)
        code, answer = net.submit(door, net.payment(name=HATED))
        assert code == 200, answer
        header = net.get(door, f"/v1/blocks/{answer['height']}")[1]["header"]
        proposers.append(header["proposer"])
        assert answer["height"] - at <= 3

    assert key not in proposers
    code, answer = net.submit(1, net.payment())
    net.wait(lambda: net.height(CENSOR) >= answer["height"])


def test_what_is_submitted_everywhere_at_once_is_executed_once(net: Localnet) -> None:
    """Four clients bring the same payments to four nodes; copies are known by their hash."""
    payments = [net.payment() for _ in range(PAYMENTS)]
    answers: dict[int, list[tuple[int, Any]]] = {}

    def bring(index: int) -> None:
        answers[index] = [net.submit(index, data) for data in payments]

    clients = [threading.Thread(target=bring, args=(index,)) for index in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    heights = [[answer["height"] for _, answer in answers[index]] for index in range(4)]
    assert all(code == 200 for index in range(4) for code, _ in answers[index])
    assert heights[0] == heights[1] == heights[2] == heights[3], "one block each, at every node"
    for index in HONEST:
        assert metric(net, index, 'mithaq_peer_faults_total{peer="finance"}') == 0
        new = metric(net, index, 'mithaq_transactions_relayed_total{what="new"}')
        assert new <= PAYMENTS + 6 + 1, "what came from a client or another peer first is no news"


def test_a_payment_that_expires_leaves_every_node_without_a_block(net: Localnet) -> None:
    """R67: two of four are down, no block comes, and still nobody keeps what no block may hold."""
    net.kill(2, 3, OBSERVER)
    height = net.height(1)

    code, _ = net.submit(1, net.payment(valid_ms=10_000), wait_s=0)
    assert code == 202
    net.wait(lambda: waiting(net, 1) == waiting(net, CENSOR) == 1)
    end = time.monotonic() + START_S
    while waiting(net, 1) + waiting(net, CENSOR):
        assert time.monotonic() < end, "it still waits"

    assert net.height(1) == height
