"""Everybody who looks: a thread for each node asks it how high it is and what it finds, and reads
from /proc what its process takes."""

import os
import threading
import time
from pathlib import Path
from typing import Final

from kit.perturb.network import Console, Net
from kit.perturb.record import Sight, Weight, Why

SIGHT_S: Final = 0.25
WHY_S: Final = 1.0
WEIGHT_S: Final = 2.0
PATIENCE_S: Final = 2.0
MISSING: Final = "validator.missing"
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Watch:
    """From `__enter__` to `__exit__`."""

    def __init__(self, net: Net, *, sight_s: float = SIGHT_S) -> None:
        names = net.manifest.nodes
        self.sights: dict[str, list[Sight]] = {name: [] for name in names}
        self.whys: dict[str, list[Why]] = {name: [] for name in names}
        self.weights: dict[str, list[Weight]] = {name: [] for name in names}
        self._net, self._sight_s = net, sight_s
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._look, args=(name,)) for name in names]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _look(self, name: str) -> None:
        console = self._net.console(name)
        why_due = weight_due = time.monotonic()
        while not self._stopped.wait(self._sight_s):
            now = time.monotonic()
            sight = _sight(console)
            self.sights[name].append(sight)
            if now >= why_due:
                why_due = now + WHY_S
                if (why := self._why(console)) is not None:
                    self.whys[name].append(why)
            process = self._net.processes.get(name)
            if process is not None and now >= weight_due:
                weight_due = now + WEIGHT_S
                try:
                    blocks = _blocks(console) if sight.height >= 0 else None
                    self.weights[name].append(weigh(process.pid, blocks))
                except (FileNotFoundError, ProcessLookupError):  # it has just ended
                    continue
        console.close()

    def _why(self, console: Console) -> Why | None:
        status, answer = console.get("/v1/why", timeout_s=PATIENCE_S)
        if status != 200:
            return None
        found = answer["findings"]
        codes, words = ([one[part] for one in found] for part in ("code", "words"))
        blamed = [name for one in found if one["code"] == MISSING for name in one["validators"]]
        own = {said: name for name, said in self._net.names.items()}
        missing = tuple(own[name] for name in blamed)
        return Why(time.time(), answer["verdict"], tuple(codes), tuple(words), missing)


def _sight(console: Console) -> Sight:
    status, answer = console.get("/v1/status", timeout_s=PATIENCE_S)
    if status != 200:
        return Sight(time.time(), -1, "")
    return Sight(time.time(), answer["height"], answer["block_id"], answer["halted"])


def _blocks(console: Console) -> int | None:
    status, page = console.read("/metrics", timeout_s=PATIENCE_S)
    said = page.partition(b"\nmithaq_python_blocks ")[2].split(maxsplit=1)
    return int(float(said[0])) if status == 200 and said else None


def weigh(pid: int, blocks: int | None) -> Weight:
    """What a process takes now; `blocks` as it said itself."""
    process = Path(f"/proc/{pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    own_kb = (process / "status").read_text().partition("RssAnon:")[2].split()
    if not own_kb:  # a zombie has no memory
        raise ProcessLookupError(pid)
    return Weight(
        time.time(),
        pid,
        int(own_kb[0]) / 1024,
        len(os.listdir(process / "fd")),
        (int(fields[11]) + int(fields[12])) / _TICKS,
        blocks,
    )
