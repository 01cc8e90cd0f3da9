"""Four validators as processes on this machine: time to final, time to start, time to recover.

Every node checks every signature, writes its votes durably and keeps the state root. The load is
open: a payment is due every 10 ms whether or not earlier ones are final.
"""

import json
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from bench import commandline
from bench.report import Report
from ledger.accounts import account_of_key
from ledger.books import Line
from ledger.genesis import genesis_block
from ledger.transaction import Body, Call, sign_body
from node.folder import load_genesis
from node.keys import Purpose, read_key
from primitives.codec import encode
from primitives.crypto import SigningKey, check_signature
from primitives.ids import ChainId, TimeMs
from services.money import Transfer

RATE: Final = 100
LOAD_S: Final = 10.0
RUNS: Final = 3
VALIDATORS: Final = 4
KILL_LOAD_S: Final = 12.0


@dataclass
class Network:
    """A localnet in a folder of its own, on ports of its own."""

    home: Path
    base_port: int
    chain: ChainId
    treasury: SigningKey
    payee: SigningKey
    first_block_s: float

    def api_port(self, index: int) -> int:
        """Where node `index` serves its API."""
        return self.base_port + 1000 + index

    def mithaq(self, *words: str) -> str:
        """Run a command on this home."""
        done = subprocess.run(
            [Path(sys.executable).parent / "mithaq", *words, "--home", str(self.home)],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def payment(self) -> bytes:
        """A signed payment of one line."""
        line = Line(
            to=account_of_key(self.payee.public),
            amount=1,
            reference=secrets.token_hex(16),
            description="",
            value_date=None,
            lot=None,
        )
        body = Body(
            chain=self.chain,
            valid_until=TimeMs(time.time_ns() // 1_000_000 + 3_600_000),
            salt=secrets.token_bytes(16),
            calls=(Call(account_of_key(self.treasury.public), Transfer("GBP", (line,))),),
        )
        return encode(sign_body(body, [self.treasury]))


def start(base_port: int, observers: int = 0) -> Network:
    """Start a new network; the time to its first block counts the command's own start."""
    home = Path(tempfile.mkdtemp(prefix="mithaq-bench-"))
    began = time.perf_counter()
    command = [str(Path(sys.executable).parent / "mithaq"), "localnet", "up"]
    subprocess.run(
        [
            *command,
            "--observers",
            str(observers),
            "--home",
            str(home),
            "--base-port",
            str(base_port),
        ],
        check=True,
        capture_output=True,
    )
    first_block_s = time.perf_counter() - began
    return Network(
        home=home,
        base_port=base_port,
        chain=genesis_block(load_genesis(home / "genesis.json")).chain,
        treasury=read_key(home / "keys" / "treasury.key", Purpose.ACCOUNT).signing(),
        payee=read_key(home / "keys" / "agency-1.key", Purpose.ACCOUNT).signing(),
        first_block_s=first_block_s,
    )


@dataclass
class Load:
    """What came of a load."""

    latencies_ms: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def put_load(network: Network, nodes: list[int], duration_s: float) -> Load:
    """Submit payments at RATE to these nodes in turn, each waiting until it is final."""
    payments = [network.payment() for _ in range(int(RATE * duration_s))]
    load = Load()
    idle: dict[int, list[trio.SocketStream]] = {node: [] for node in nodes}
    began = trio.current_time()
    async with trio.open_nursery() as tasks:
        for number, payment in enumerate(payments):
            await trio.sleep_until(began + number / RATE)
            node = nodes[number % len(nodes)]
            tasks.start_soon(_submit, network.api_port(node), payment, idle[node], load)
    for streams in idle.values():
        for stream in streams:
            await stream.aclose()
    return load


async def _submit(port: int, payment: bytes, idle: list[trio.SocketStream], load: Load) -> None:
    began = trio.current_time()
    try:
        with trio.fail_after(30):
            stream = idle.pop() if idle else await trio.open_tcp_stream("127.0.0.1", port)
            head = (
                f"POST /v1/transactions?wait_s=25 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: application/msgpack\r\nContent-Length: {len(payment)}\r\n\r\n"
            )
            await stream.send_all(head.encode() + payment)
            status = await answered(stream)
    except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
        load.failed.append(repr(error))
        return
    idle.append(stream)
    if status == 200:
        load.latencies_ms.append((trio.current_time() - began) * 1000)
    else:
        load.failed.append(f"status {status}")


async def answered(stream: trio.SocketStream) -> int:
    """Read one answer to its end; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = await stream.receive_some(65_536)
        if not part:
            raise trio.BrokenResourceError("the connection ended")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    missing = int(fields[b"content-length"]) - len(body)
    while missing > 0:
        part = await stream.receive_some(min(missing, 65_536))
        if not part:
            raise trio.BrokenResourceError("the connection ended")
        missing -= len(part)
    return int(head.split(b" ", 2)[1])


async def _height(port: int) -> int:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        request = f"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        await stream.send_all(request.encode())
        data = b""
        while part := await stream.receive_some(65_536):
            data += part
    return int(json.loads(data.partition(b"\r\n\r\n")[2])["height"])


async def worst_pause_s(network: Network, victim: int) -> float:
    """Kill a validator under load; the longest time between two blocks while its turns come."""
    others = [node for node in range(VALIDATORS) if node != victim]
    worst = 0.0
    async with trio.open_nursery() as tasks:
        tasks.start_soon(put_load, network, others, KILL_LOAD_S)
        await trio.sleep(2)
        await trio.to_thread.run_sync(network.mithaq, "localnet", "kill", str(victim))
        last, since = await _height(network.api_port(others[0])), trio.current_time()
        end = since + KILL_LOAD_S - 4
        while trio.current_time() < end:
            await trio.sleep(0.02)
            height, now = await _height(network.api_port(others[0])), trio.current_time()
            worst = max(worst, now - since)  # a pause that never ends counts as well
            if height > last:
                last, since = height, now
    return worst


def signature_checks_per_second() -> float:
    """This machine's speed, beside the figures."""
    key = SigningKey(bytes(32))
    message = b"bench\0" + bytes(200)
    signature = key.sign(message)
    began = time.perf_counter()
    for _ in range(2_000):
        check_signature(key.public, message, signature)
    return 2_000 / (time.perf_counter() - began)


def run(report: Report) -> None:
    """Time to final, first block, and recovery; medians of RUNS."""
    report.fact("machine/signature checks", signature_checks_per_second(), "per second")
    p50s, p99s, starts, pauses = [], [], [], []
    for number in range(RUNS):
        network = start(23_000 + 10 * number)
        try:
            starts.append(network.first_block_s)
            if number == 0:
                commandline.run(report, network.home)
            load = trio.run(put_load, network, list(range(VALIDATORS)), LOAD_S)
            assert not load.failed, f"{len(load.failed)} payments failed: {load.failed[:3]}"
            cuts = statistics.quantiles(load.latencies_ms, n=100)
            p50s.append(cuts[49])
            p99s.append(cuts[98])
            pauses.append(trio.run(worst_pause_s, network, VALIDATORS - 1))
        finally:
            network.mithaq("localnet", "down")
            shutil.rmtree(network.home)
    report.goal("network.final/100tx/s p50", statistics.median(p50s), "ms", at_most=200)
    report.goal("network.final/100tx/s p99", statistics.median(p99s), "ms", at_most=600)
    report.goal("localnet.first block", statistics.median(starts), "s", at_most=15)
    report.goal("network.pause/primary killed", statistics.median(pauses), "s", at_most=3)
