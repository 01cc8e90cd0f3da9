"""Agencies that pay while nodes die under them, and remember what they were told is final."""

from collections.abc import Sequence
from threading import Event, Thread

from kit.localnet import Localnet


class Client:
    """Submits payments at one node, one after the other; a node that is gone answers nothing."""

    def __init__(self, net: Localnet, index: int, payments: Sequence[bytes]) -> None:
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


def check_final(net: Localnet, final: Sequence[str]) -> None:
    """On every node each is there once, and the chains are the same, block by block."""
    nodes = range(net.validators + net.observers)
    status, answer = net.submit(1, net.payment())
    assert (status, answer["status"]) == (200, "final"), answer
    top = int(answer["height"])
    net.wait(lambda: min(net.height(index) for index in nodes) >= top)
    chains = [_blocks(net, index, top) for index in nodes]
    for index, blocks in enumerate(chains):
        assert [one["id"] for one in blocks] == [one["id"] for one in chains[0]], f"node {index}"
    contained = [name for block in chains[0] for name in block["transactions"]]
    assert len(contained) == len(set(contained)), "a transaction is in two blocks"
    assert set(final) <= set(contained), f"lost: {set(final) - set(contained)}"
    for identifier in final:
        for index in nodes:
            status, answer = net.get(index, f"/v1/transactions/{identifier}")
            assert (status, answer["status"]) == (200, "final"), (index, identifier, answer)


def _blocks(net: Localnet, index: int, top: int) -> list[dict[str, list[str]]]:
    return [net.get(index, f"/v1/blocks/{height}")[1] for height in range(1, top + 1)]
