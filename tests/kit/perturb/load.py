"""Those who pay while the network is in trouble: `python -m kit.perturb.load`, on its own host.

Payments are handed over in batches, at a rate or as many as the network takes, through whichever
node answers; one that is not in a block after a while is handed over again, as any client would.
Blocks are read back from one node after another. A line of JSON for each block says which of ours
are final, and when that was seen:

    {"at": 1780000001.25, "height": 17, "id": "ab…", "time_ms": …, "final": ["cd…", …]}
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from client.wallet import Wallet, id_of, line
from ledger.accounts import account_of_key
from ledger.genesis import genesis_block
from node.folder import load_genesis
from node.keys import Purpose, read_key
from primitives.codec import encode

TURN_S: Final = 0.1
"""So often payments are handed over."""
BATCH_MAX: Final = 100
UNDER_WAY_MAX: Final = 1_000
"""Payments that wait at a time when there are to be as many as possible."""
WAITING_S_MAX: Final = 30
"""Seconds' worth of a rate that may wait; what comes on top is not made."""
AGAIN_S: Final = 15.0
"""A payment that is in no block for so long is handed over again, elsewhere."""
PATIENCE_S: Final = 3.0
"""A node that does not answer for so long is left alone, for a moment."""
QUIET_S: Final = 2.0
"""A node without a new block for so long may not know the newest."""
POLL_S: Final = 0.1


@dataclass
class Payment:
    """One that is not final yet."""

    id: str
    data: bytes
    handed_s: float


class Door:
    """A node's API, over one connection."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._line: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status 0 where nobody answers."""
        headers = {} if body is None else {"Content-Type": "application/msgpack"}
        try:
            if self._line is None:
                self._line = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
            self._line.request(method, path, body, headers)
            answer = self._line.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            if self._line is not None:
                self._line.close()
                self._line = None
            return 0, None


class Load:
    """The payments and the threads that carry them."""

    def __init__(self, home: Path, doors: Sequence[str], rate: int | None) -> None:
        chain = genesis_block(load_genesis(home / "genesis.json")).chain
        self._wallet = Wallet.open(home / "keys" / "treasury.key", chain=chain)
        payee = read_key(home / "keys" / "agency-1.key", Purpose.ACCOUNT).public
        self._payee = account_of_key(payee)
        self._doors, self._rate = doors, rate
        self._lock = threading.Lock()
        self._given: deque[list[Payment]] = deque()
        """Batches that no door has taken yet."""
        self._waiting: dict[str, Payment] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        """Until told to stop."""
        threads = [threading.Thread(target=self._hand_over, args=(one,)) for one in self._doors]
        threads.append(threading.Thread(target=self._follow))
        for thread in threads:
            thread.start()
        self._make()
        for thread in threads:
            thread.join()

    def _make(self) -> None:
        owed = 0.0
        while not self.stopped.wait(TURN_S):
            with self._lock:
                waiting = len(self._waiting)
            if self._rate is None:
                count = UNDER_WAY_MAX - waiting
            else:
                owed = min(owed + self._rate * TURN_S, float(self._rate))
                count = int(owed) if waiting < self._rate * WAITING_S_MAX else 0
                owed -= count
            while count > 0:
                self._give([self._one() for _ in range(min(count, BATCH_MAX))])
                count -= BATCH_MAX
            self._give_again()

    def _one(self) -> Payment:
        paid = line(to=self._payee, amount=1, reference=os.urandom(12).hex())
        transaction = self._wallet.transfer("GBP", paid)
        return Payment(id_of(transaction).hex(), encode(transaction), time.monotonic())

    def _give(self, batch: list[Payment]) -> None:
        with self._lock:
            self._given.append(batch)
            self._waiting |= {payment.id: payment for payment in batch}

    def _give_again(self) -> None:
        now_s = time.monotonic()
        with self._lock:
            late = [one for one in self._waiting.values() if now_s - one.handed_s > AGAIN_S]
            for payment in late:
                payment.handed_s = now_s
            for begin in range(0, len(late), BATCH_MAX):
                self._given.append(late[begin : begin + BATCH_MAX])

    def _hand_over(self, address: str) -> None:
        door = Door(address)
        while not self.stopped.is_set():
            with self._lock:
                batch = self._given.popleft() if self._given else None
            if batch is None:
                self.stopped.wait(TURN_S / 2)
                continue
            data = encode(tuple(payment.data for payment in batch))
            status, answers = door.ask("POST", "/v1/transactions/batch", data)
            left = batch
            if status == 200:
                answered = zip(batch, answers, strict=True)
                left = [payment for payment, answer in answered if "error" in answer]
            if left:  # another door may take them; what this one took already does no harm
                with self._lock:
                    self._given.append(left)
                self.stopped.wait(PATIENCE_S if status == 0 else TURN_S)

    def _follow(self) -> None:
        turn, height = 0, 1
        door, heard_s = Door(self._doors[0]), time.monotonic()
        while not self.stopped.is_set():
            status, block = door.ask("GET", f"/v1/blocks/{height}")
            now_s = time.monotonic()
            if status == 200:
                self._note(block)
                height, heard_s = height + 1, now_s
            elif status == 0 or now_s - heard_s > QUIET_S:
                turn, heard_s = turn + 1, now_s
                door = Door(self._doors[turn % len(self._doors)])
            if status != 200:
                self.stopped.wait(POLL_S)

    def _note(self, block: Any) -> None:  # noqa: ANN401 - JSON
        with self._lock:
            ours = [name for name in block["transactions"] if self._waiting.pop(name, None)]
        seen = {
            "at": time.time(),
            "height": block["header"]["height"],
            "id": block["id"],
            "time_ms": block["header"]["time_ms"],
            "view": block["certificate"]["view"],
            "final": ours,
        }
        sys.stdout.write(json.dumps(seen) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Pay until SIGTERM."""
    parser = argparse.ArgumentParser(prog="kit.perturb.load", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rate", type=int, help="payments per second; as many as possible if none")
    parser.add_argument("doors", nargs="+", help="host:port of the APIs")
    asked = parser.parse_args()
    load = Load(asked.home, asked.doors, asked.rate)
    signal.signal(signal.SIGTERM, lambda *_: load.stopped.set())
    load.run()


if __name__ == "__main__":
    main()
