"""What systemd is told of a node: that it is ready, that it lives, that it stops.

The protocol of sd_notify(3) is one datagram per message to the socket that the environment names;
without one nothing is said. `READY=1` comes when both APIs listen and the links are open, so that
`systemctl start` returns when the node serves. `WATCHDOG=1` comes from the loop itself: systemd
ends a process that is silent for `WatchdogSec`, also where no thread of it runs any more.
"""

import os
import socket
from collections.abc import Mapping
from typing import final


@final
class Notifier:
    """Speaks to the supervisor that started this process, if there is one."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: socket.socket | None = None
        if name:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def ready(self) -> None:
        """The node serves."""
        self._say("READY=1")

    def alive(self) -> None:
        """Its loop turns."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends in order."""
        self._say("STOPPING=1")

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:  # a supervisor that does not listen is no reason to end; it may soon again
            return
