"""What keeps votes ahead of everything else: the pace of a chain while one node's API is flooded.

Four validators as processes, a steady load at one of them; the one that will be flooded has a core
of its own. Then clients in a process of their own ask it as fast as it answers, over many
connections: where it stands, blocks, accounts, rows of a query. The pace is that of the times in
the blocks' headers, before and during the flood, on the same network in the same run. And what the
mempool's own questions cost at 50,000 waiting.
"""

import json
import os
import shutil
import statistics
import time
import urllib.request
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

import trio

from bench import network
from bench.report import Report
from ledger.accounts import account_of_key
from ledger.books import Line
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from node.mempool import Mempool
from primitives import limits
from primitives.block import transaction_hash
from primitives.ids import AccountId, ChainId, TimeMs
from services.money import Transfer

CONNECTIONS: Final = 64
WINDOW_S: Final = 10.0
FLOODED: Final = 0
LOADED: Final = 1
PATHS: Final = (
    "/v1/blocks/latest",
    "/v1/status",
    "/v1/accounts/{account}",
    "/v1/queries/money.totals?account={account}&by=payee",
    "/v1/evidence",
)
QUESTIONS: Final = 10_000


def _flood(port: int, account: str, over: Event, answered: "Synchronized[int]") -> None:
    """Ask as fast as answers come, until it is over."""
    os.sched_setaffinity(0, _cores()[0])
    os.nice(19)  # beside the node that it floods, and never before it

    async def ask(number: int) -> None:
        while not over.is_set():
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                async with stream:
                    while not over.is_set():
                        path = PATHS[number % len(PATHS)].format(account=account)
                        number += 1
                        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
                        await stream.send_all(head.encode())
                        await network.answered(stream)
                        answered.value += 1
            except (OSError, trio.BrokenResourceError):
                await trio.sleep(0.01)

    async def all_ask() -> None:
        async with trio.open_nursery() as clients:
            for number in range(CONNECTIONS):
                clients.start_soon(ask, number)

    trio.run(all_ask)


def _cores() -> tuple[set[int], set[int]]:
    """One for the flooded node and its flood, the others for everybody else: a flood comes from
    other machines and hits one, and must not take the processor of the nodes that it does not."""
    first, *others = sorted(os.sched_getaffinity(os.getppid()))
    return {first}, set(others) or {first}


def _apart(home: Path) -> None:
    flooded, others = _cores()
    os.sched_setaffinity(0, others)
    for number, folder in enumerate(sorted((home / "nodes").iterdir())):
        pid = json.loads((folder / "node.pid").read_text())["pid"]
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), flooded if number == FLOODED else others)


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        data: bytes = answer.read()
    return data


def _height(port: int) -> int:
    return int(json.loads(_get(port, "/v1/status"))["height"])


def _metric(port: int, name: str) -> float:
    page = _get(port, "/metrics").decode()
    return sum(
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith((f"{name} ", f"{name}{{"))
    )


def intervals_ms(net: network.Network, duration_s: float, refused_max: int = 0) -> list[float]:
    """Between blocks, while a steady load is put on one node; its API may give way so often."""
    port = net.api_port(LOADED)
    first = _height(port)
    load = trio.run(network.put_load, net, [LOADED], duration_s)
    assert len(load.failed) <= refused_max, f"{len(load.failed)} payments failed: {load.failed[:3]}"
    heights = range(first, _height(port) + 1)
    times = [
        int(json.loads(_get(port, f"/v1/blocks/{height}"))["header"]["time_ms"])
        for height in heights
    ]
    return [float(after - before) for before, after in pairwise(times)][1:]  # it was idle before


def flood(report: Report) -> None:
    """The pace without and with a flood of one node's API."""
    net = network.start(23_900)
    _apart(net.home)
    spawn = get_context("spawn")
    over = spawn.Event()
    port = net.api_port(FLOODED)
    account = account_of_key(net.treasury.public).hex()
    answered = spawn.Value("q", 0)
    client = spawn.Process(target=_flood, args=(port, account, over, answered), daemon=True)
    try:
        calm = intervals_ms(net, WINDOW_S)
        client.start()
        time.sleep(2)
        cpu_s, began = _metric(port, "process_cpu_seconds_total"), time.perf_counter()
        before_it = answered.value
        flooded = intervals_ms(net, WINDOW_S)
        spent_s = _metric(port, "process_cpu_seconds_total") - cpu_s
        rate = (answered.value - before_it) / (time.perf_counter() - began)
        report.fact("guards.flood", rate, "requests per second")
        shed = _metric(port, "mithaq_requests_shed_total")
        report.fact(
            "guards.flooded node's processor", 100 * spent_s / (time.perf_counter() - began), "%"
        )
        report.fact("guards.requests shed", shed, "")
    finally:
        over.set()
        client.join(10)
        net.mithaq("localnet", "down")
        shutil.rmtree(net.home)
    before, during = statistics.mean(calm), statistics.mean(flooded)
    report.fact("guards.block interval", before, "ms")
    report.fact("guards.block interval/API flooded", during, "ms")
    report.fact("guards.longest interval", max(calm), "ms")
    report.fact("guards.longest interval/API flooded", max(flooded), "ms")
    report.goal("guards.interval flooded ÷ calm", during / before, "", at_most=1.5)


def _waiting(number: int) -> CheckedTransaction:
    name = number.to_bytes(16, "big")
    line = Line(AccountId(bytes(32)), 1, "a reference", "", None, None)
    account = AccountId((number // limits.MEMPOOL_ACCOUNT_TRANSACTIONS_MAX).to_bytes(32, "big"))
    body = Body(
        chain=ChainId(bytes(32)),
        valid_until=TimeMs(1_000_000 + number % 7_200_000),
        salt=name,
        calls=(Call(account, Transfer("GBP", (line,))),),
    )
    return CheckedTransaction(
        data=bytes(300),
        hash=transaction_hash(name),
        id=transaction_id(name),
        transaction=Transaction(body, ()),
        signers=frozenset(),
    )


def mempool(report: Report) -> None:
    """A full one: asked whether there is work, cleared of what expired, and of a full block."""
    waiting = [_waiting(number) for number in range(limits.MEMPOOL_TRANSACTIONS_MAX)]
    full = Mempool()
    for tx in waiting:
        full.add(tx)
    began = time.perf_counter()
    for _ in range(QUESTIONS):
        full.has_ripe(TimeMs(0), TimeMs(999_999))
    asked_s = (time.perf_counter() - began) / QUESTIONS
    began = time.perf_counter()
    for _ in range(QUESTIONS):
        full.expire(TimeMs(999_999))
    expired_s = (time.perf_counter() - began) / QUESTIONS
    began = time.perf_counter()
    full.decide(waiting[: limits.BLOCK_TRANSACTIONS_MAX], TimeMs(1_000_000))
    decided_s = time.perf_counter() - began
    report.goal("guards.has_ripe/50,000 waiting", 1e6 * asked_s, "µs", at_most=20)
    report.goal("guards.expire/50,000 waiting, none due", 1e6 * expired_s, "µs", at_most=20)
    report.goal("guards.decide/5,000 of 50,000", 1e3 * decided_s, "ms", at_most=50)


def run(report: Report) -> None:
    """Both."""
    mempool(report)
    flood(report)


if __name__ == "__main__":
    run(Report())
