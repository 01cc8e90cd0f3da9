"""Delay lines: the wire of a host that is far away. `python -m kit.hosts.delay SWITCH LINE…`

The kernel here has no netem, so a far host's eth0 and its port of the switch are two TAP devices,
and this process carries every frame from one to the other after the line's delay, in order. What
finds a full line is lost, as on any wire. The devices live exactly as long as this process.

    LINE  namespace:port:milliseconds
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kit.hosts.system import enter

_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
FRAME_BYTES_MAX: Final = 2_048
FRAMES_MAX: Final = 4_096
"""On the way in one direction: 6 MB, more than any window of TCP here."""
_FRAMES_AT_ONCE: Final = 64


@dataclass
class Wire:
    """One direction of a line."""

    source: int
    target: int
    delay_s: float
    under_way: deque[tuple[float, bytes]] = field(default_factory=deque)
    """When each frame arrives."""

    def take(self, now_s: float) -> None:
        """Read what was sent."""
        for _ in range(_FRAMES_AT_ONCE):
            try:
                frame = os.read(self.source, FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if len(self.under_way) < FRAMES_MAX:
                self.under_way.append((now_s + self.delay_s, frame))

    def give(self, now_s: float) -> None:
        """Write what has arrived."""
        while self.under_way and self.under_way[0][0] <= now_s:
            try:
                os.write(self.target, self.under_way.popleft()[1])
            except OSError:  # the device is down, or its host takes no more: the frame is lost
                continue


def open_tap(namespace: str, name: str) -> int:
    """A TAP device in a namespace; gone when the descriptor is closed."""
    enter(namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
    fcntl.ioctl(device, _TUNSETIFF, request)
    return device


def carry(wires: Sequence[Wire]) -> None:
    """For ever."""
    ready = select.epoll()
    by_source = {wire.source: wire for wire in wires}
    for wire in wires:
        ready.register(wire.source, select.EPOLLIN)
    while True:
        due = [wire.under_way[0][0] for wire in wires if wire.under_way]
        patience = max(0.0, min(due) - time.monotonic()) if due else -1.0
        arrived = ready.poll(patience)
        now_s = time.monotonic()
        for source, _ in arrived:
            if source in by_source:
                by_source[source].take(now_s)
        for wire in wires:
            wire.give(now_s)


def main(arguments: Sequence[str]) -> None:
    """Make the devices, say so, carry."""
    switch, *lines = arguments
    wires = []
    for line in lines:
        namespace, port, milliseconds = line.rsplit(":", 2)
        far, near = open_tap(namespace, "eth0"), open_tap(switch, port)
        delay_s = int(milliseconds) / 1000
        wires += [Wire(far, near, delay_s), Wire(near, far, delay_s)]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(wires)


if __name__ == "__main__":
    main(sys.argv[1:])
