"""How much a network of four takes, and what a payment costs: the load comes from a process apart.

Four validators and the load share this machine. A payment is a transaction of one line with its
own signature. The load is closed: so many are under way at a time, and the next is handed over when
one is final; more are put under way until that no longer makes it faster. `bench.page` writes
docs/benchmarks.md from it.

Stages are measured apart, each alone in a process, and subtracted from what the nodes really spent;
what remains is gossip, agreement, and everything that nobody measures by itself.
"""

import json
import multiprocessing
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Final

import msgspec
import trio

from bench import api, ledger, network, storage
from bench.report import Report
from client.client import Client
from client.wallet import Wallet, line
from ledger.accounts import account_of_key
from ledger.genesis import genesis_block
from ledger.transaction import check_transaction
from node.folder import load_genesis
from node.keys import Purpose, read_key
from primitives.block import block_id
from primitives.codec import encode
from primitives.ids import ChainId
from services.table import TRANSACTION
from storage.opening import create_database

BEFORE: Final = "signed before"
ON_THE_WAY: Final = "signed on the way"
BATCH: Final = 250
GOAL_RATE: Final = 1_500
SUSTAINED_S: Final = 10.0
SINGLES_S: Final = 8.0
RUNS: Final = 3
BATCHES_UNDER_WAY: Final = (2, 4, 8)
SINGLES_UNDER_WAY: Final = (64, 128)
KINDS: Final = ((BEFORE, BATCH), (ON_THE_WAY, BATCH), (BEFORE, 1))
PER_BLOCK: Final = 500
"""Payments in a block under such a load, about."""
GUESS: Final = 3_000
"""Payments per second that are signed in advance: more than this machine takes."""
PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Task:
    """What the load's process is told."""

    home: str
    urls: tuple[str, ...]
    mode: str
    batch: int
    """Payments handed over together; 1 for each by itself."""
    under_way: int
    """Hand-overs that are under way at a time."""
    seconds: float
    prepared: str = ""
    """A file of transactions that somebody signed before, if not payments are put."""


@dataclass
class Outcome:
    """What came of a load."""

    payments: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    """Of the process that made the load, signing included."""
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Final payments per second, from the first hand-over to the last block."""
        return self.payments / self.seconds

    def percentile(self, part: int) -> float:
        """Milliseconds from handing over to final."""
        return statistics.quantiles(self.latencies_ms, n=100)[part - 1]


# the load, in its own process


class _Payments:
    """Signed payments of the treasury to an agency, a part at a time."""

    def __init__(self, task: Task) -> None:
        home = Path(task.home)
        chain = genesis_block(load_genesis(home / "genesis.json")).chain
        key = read_key(home / "keys" / "treasury.key", Purpose.ACCOUNT).signing()
        self._wallet = Wallet.of_key(key, chain=chain)
        payee = read_key(home / "keys" / "agency-1.key", Purpose.ACCOUNT).public
        self._payee = account_of_key(payee)
        self._batch = task.batch

    def part(self) -> list[bytes]:
        """As many as are handed over together, in canonical form."""
        return [self._one() for _ in range(self._batch)]

    def _one(self) -> bytes:
        paid = line(to=self._payee, amount=1, reference=os.urandom(12).hex())
        return encode(self._wallet.transfer("GBP", paid))


class _Prepared:
    """Transactions of any kind out of a file, a part at a time."""

    def __init__(self, task: Task) -> None:
        self._left: list[bytes] = msgspec.msgpack.decode(Path(task.prepared).read_bytes())
        self._batch = task.batch
        self.parts = len(self._left) // task.batch

    def part(self) -> list[bytes]:
        """As many as are handed over together, in canonical form; in the order of the file."""
        part, self._left = self._left[: self._batch], self._left[self._batch :]
        return part


def _generate(task: Task, answer: "multiprocessing.SimpleQueue[Outcome]") -> None:
    outcome = Outcome()
    payments: _Payments | _Prepared
    if task.prepared:
        payments = _Prepared(task)
        count = payments.parts
    else:
        payments = _Payments(task)
        count = int(GUESS * task.seconds / task.batch) if task.mode == BEFORE else 0
    ready: Queue[list[bytes]] = Queue()
    for _ in range(count):
        ready.put(payments.part())
    lock = threading.Lock()
    start = time.perf_counter()
    end = start + task.seconds

    def source() -> Iterator[list[bytes]]:
        while time.perf_counter() < end:
            if task.mode == BEFORE:
                try:
                    yield ready.get_nowait()
                except Empty:
                    return
            else:
                yield payments.part()

    def work(number: int) -> None:
        turn = number % len(task.urls)
        with Client(task.urls[turn:] + task.urls[:turn]) as client:
            for part in source():
                begun = time.perf_counter()
                if task.batch > 1:
                    [last] = client.submit_batch(part)[-1:]
                    assert not isinstance(last, Exception), last
                    client.wait(last.id, timeout_s=PATIENCE_S)
                else:
                    client.settle(part[0], timeout_s=PATIENCE_S)
                done = time.perf_counter()
                with lock:
                    outcome.payments += len(part)
                    outcome.latencies_ms.append((done - begun) * 1e3)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(task.under_way)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.seconds = time.perf_counter() - start
    outcome.cpu_s = time.process_time()
    answer.put(outcome)


def put(task: Task) -> Outcome:
    """Run a load in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=_generate, args=(task, answer))
    process.start()
    process.join()
    assert process.exitcode == 0, "the load ended with a traceback"
    outcome: Outcome = answer.get()
    return outcome


# the nodes, from outside


@dataclass(frozen=True)
class Spent:
    """What the nodes have used so far, per node."""

    cpu_s: tuple[float, ...]
    memory_mb: tuple[float, ...]
    busy_s: float
    """Of all cores, by whatever."""
    at_s: float


def spent(home: Path) -> Spent:
    """Read from /proc and from the nodes' folders."""
    folders = sorted((home / "nodes").iterdir())
    pids = [json.loads((folder / "node.pid").read_text())["pid"] for folder in folders]
    return Spent(
        cpu_s=tuple(map(_cpu_s, pids)),
        memory_mb=tuple(map(_memory_mb, pids)),
        busy_s=_busy_s(),
        at_s=time.perf_counter(),
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _busy_s() -> float:
    user, nice, system, _idle, _wait, *interrupts = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _disk_bytes(home: Path) -> int:
    """All that the nodes keep, but what they say."""
    files = (home / "nodes").rglob("*")
    return sum(_bytes(path) for path in files if path.name != "node.log")


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # the database has just replaced it
        return 0


# the stages, each alone


def stages() -> dict[str, float]:
    """Microseconds of CPU for a payment at one node, by stage."""
    data = encode(api._payment(api.Nothing().chain))
    request = api._request(
        "/v1/transactions/batch", "application/msgpack", encode((data,) * api.BATCH)
    )
    _, cpu_ms = trio.run(api._measure, request, api.BATCHES)
    # As the load has it: one payer, one payee, and full blocks.
    apply_s, finish_s = ledger.payments(ledger.genesis(2), accounts=2, per_block=PER_BLOCK)
    return {
        "API (a batch; one node of four is asked)": cpu_ms * 1e3 / api.BATCH / network.VALIDATORS,
        "decoding and signature": _check_us(),
        "execution": apply_s * 1e6,
        "state tree and roots": finish_s * 1e6,
        "storage (body and decision)": _storage_us(),
    }


def _check_us() -> float:
    chain = api.Nothing().chain
    data = encode(api._payment(chain))
    return _cpu_us(lambda: check_transaction(data, chain, TRANSACTION), 2_000)


def _cpu_us(act: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        act()
    return (time.process_time() - began) / count * 1e6


def _storage_us() -> float:
    chance, begun = random.Random(1), storage._genesis()
    chain = ChainId(block_id(begun.header))
    with (
        tempfile.TemporaryDirectory(prefix="mithaq-bench-") as name,
        create_database(Path(name) / "chain", begun) as store,
    ):
        total = 0.0
        for _ in range(storage.BLOCKS):
            decision = storage._decision(store.head(), chain, chance)
            began = time.process_time()
            storage._vote_and_commit(store, decision)
            total += time.process_time() - began
    return total / storage.BLOCKS / storage.TRANSACTIONS * 1e6


# all of it


@dataclass(frozen=True)
class Run:
    """One load on one network, and what it cost."""

    task: Task
    outcome: Outcome
    cpu_us: float
    """Per payment and node."""
    memory_mb: float
    """The largest node's, after it."""
    others: float
    """The share of all cores that was taken by what is neither a node nor the load."""


@dataclass(frozen=True)
class Round:
    """All loads on one network."""

    runs: tuple[Run, ...]
    disk_bytes: float
    """Per payment and node, when all nodes had stopped."""


def measure(
    net: network.Network,
    mode: str,
    batch: int,
    under_way: int,
    seconds: float,
    prepared: str = "",
) -> Run:
    """Put a load on a network: payments, or what is prepared in a file."""
    urls = tuple(f"http://127.0.0.1:{net.api_port(n)}" for n in range(network.VALIDATORS))
    task = Task(str(net.home), urls, mode, batch, under_way, seconds, prepared)
    before = spent(net.home)
    outcome = put(task)
    after = spent(net.home)
    each = outcome.payments * network.VALIDATORS
    return Run(
        task=task,
        outcome=outcome,
        cpu_us=(sum(after.cpu_s) - sum(before.cpu_s)) / each * 1e6,
        memory_mb=max(after.memory_mb),
        others=_others(before, after, outcome),
    )


def _others(before: Spent, after: Spent, outcome: Outcome) -> float:
    ours = sum(after.cpu_s) - sum(before.cpu_s) + outcome.cpu_s
    whole = (after.at_s - before.at_s) * (os.cpu_count() or 1)
    return max(0.0, (after.busy_s - before.busy_s - ours) / whole)


def ceilings(base_port: int) -> Round:
    """Loads of every kind on one new network, each with more under way until it is no faster."""
    net = network.start(base_port)
    empty = _disk_bytes(net.home)
    runs: list[Run] = []
    try:
        for mode, batch, levels, seconds in (
            (BEFORE, BATCH, BATCHES_UNDER_WAY, SUSTAINED_S),
            (ON_THE_WAY, BATCH, (4,), SINGLES_S),
            (BEFORE, 1, SINGLES_UNDER_WAY, SINGLES_S),
        ):
            best = 0.0
            for level in levels:
                run_ = measure(net, mode, batch, level, seconds)
                runs.append(run_)
                if run_.outcome.rate < 1.05 * best:
                    break
                best = run_.outcome.rate
    finally:
        net.mithaq("localnet", "down")
    payments = sum(run.outcome.payments for run in runs) * network.VALIDATORS
    return Round(tuple(runs), (_disk_bytes(net.home) - empty) / payments)


def best_of(tried: Round, mode: str, batch: int) -> Run:
    """The fastest of its kind."""
    kind = [run for run in tried.runs if run.task.mode == mode and run.task.batch == batch]
    return max(kind, key=lambda run: run.outcome.rate)


def median_of(best: Sequence[Run]) -> Run:
    """The run in the middle."""
    return sorted(best, key=lambda run: run.outcome.rate)[len(best) // 2]


def run(report: Report) -> None:
    """The ceiling of batches, medians of RUNS networks; and what a payment costs."""
    rounds = [ceilings(24_000 + 10 * number) for number in range(RUNS)]
    for mode, batch in KINDS:
        found = median_of([best_of(tried, mode, batch) for tried in rounds])
        name = f"load.{'batches' if batch > 1 else 'singles'}, {mode}"
        if (mode, batch) == (BEFORE, BATCH):
            report.goal_at_least(name, found.outcome.rate, "per second", at_least=GOAL_RATE)
        else:
            report.fact(name, found.outcome.rate, "per second")
        report.fact(f"{name}, p50", found.outcome.percentile(50), "ms to final")
        report.fact(f"{name}, p99", found.outcome.percentile(99), "ms to final")
        report.fact(f"{name}, CPU", found.cpu_us, "us per payment and node")
        report.fact(f"{name}, others", 100 * found.others, "% of the cores used by other work")
        report.fact(f"{name}, memory", found.memory_mb, "MB at the largest node")
    disk = statistics.median(tried.disk_bytes for tried in rounds)
    report.fact("load.disk", disk, "bytes per payment and node")
