"""SIGKILL of every node at once, again and again: nothing final is lost, nobody forks."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest

from kit.localnet import Localnet

KILLS = 20
SEED = 20_261_122


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    try:
        yield made
    finally:
        made.stop()


class Client:
    """An agency that submits until the nodes die, and remembers what it was told is final."""

    def __init__(self, net: Localnet, index: int, payments: list[bytes]) -> None:
        self.final: list[str] = []
        self._net, self._index, self._payments = net, index, payments
        self._stopped = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for payment in self._payments:
            status, answer = self._net.submit(self._index, payment, wait_s=10)
            if self._stopped.is_set():
                return
            if status == 200:
                assert answer["status"] == "final"
                self.final.append(str(answer["id"]))


def test_what_was_final_survives_twenty_losses_of_power_of_all_nodes(net: Localnet) -> None:
    """R23, R35, R39: kill everybody at random moments of a seeded schedule, under load."""
    chance = Random(SEED)
    final: list[str] = []
    validators = range(net.validators)
    for _ in range(KILLS):
        net.start()
        net.wait(lambda: sum(net.height(index) >= 0 for index in validators) == net.validators)
        batches = [[net.payment() for _ in range(40)] for _ in range(2)]
        with Client(net, 0, batches[0]) as one, Client(net, 2, batches[1]) as two:
            Event().wait(chance.uniform(0.0, 1.0))  # the random moment itself
            net.kill()
        final += one.final + two.final

    net.start()
    everybody = range(net.validators + net.observers)
    net.wait(lambda: min(net.height(index) for index in everybody) >= 0)
    status, answer = net.submit(1, net.payment(), wait_s=30)
    assert (status, answer["status"]) == (200, "final"), answer
    top = int(answer["height"])
    net.wait(lambda: min(net.height(index) for index in everybody) >= top)

    assert final, "the schedule left time for no payment"
    for index in everybody:
        for identifier in final:
            status, answer = net.get(index, f"/v1/transactions/{identifier}")
            assert (status, answer["status"]) == (200, "final"), (index, identifier, answer)
    for height in range(1, top + 1):
        ids = {net.get(index, f"/v1/blocks/{height}")[1]["id"] for index in everybody}
        assert len(ids) == 1, f"{len(ids)} different blocks at height {height}"
