"""What each kind of perturbation does to the network, and how it is taken back."""

import os
from collections.abc import Callable, Mapping
from typing import Final

from kit.perturb.manifest import Perturbation
from kit.perturb.membership import add_validator, remove_validator
from kit.perturb.network import Net
from primitives import limits

Act = Callable[[Net, Perturbation, tuple[str, ...]], None]
"""The nodes are named apart: whoever was the primary has a name by then."""
_ENDS_S: Final = 60.0


def _kill(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.kill(names)


def _start(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.start(names)


def _stop(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.stop(names)


def _upgrade(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.stop(names)
    net.upgraded |= set(names)


def _wipe(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.kill(names)
    for name in names:
        net.wipe(name)
    net.start(names)


def _pause(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.pause(names)


def _resume(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.resume(names)


def _unplug(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.unplug(name)


def _plug(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.plug(name)


def _divide(net: Net, one: Perturbation, _names: tuple[str, ...]) -> None:
    net.hosts.cut(_across(one))


def _unite(net: Net, one: Perturbation, _names: tuple[str, ...]) -> None:
    net.hosts.join(_across(one))


def _across(one: Perturbation) -> set[tuple[str, str]]:
    return {
        (name, other)
        for side in one.sides
        for opposite in one.sides
        if side != opposite
        for name in side
        for other in opposite
    }


def _silence(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.hosts.cut(_from(net, names))


def _hear(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.hosts.join(_from(net, names))


def _from(net: Net, names: tuple[str, ...]) -> set[tuple[str, str]]:
    """What these nodes send to other nodes; clients hear them."""
    others = set(net.manifest.nodes) - set(names)
    return {(name, other) for name in names for other in others}


def _lose(net: Net, one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.lose(name, per_thousand=one.per_thousand)


def _lose_nothing(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.lose(name, per_thousand=0)


def _slow(net: Net, one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.slow(name, kbit_s=one.kbit_s)


def _hasten(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.hosts.hasten(name)


def _fill(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    """The node ends in order when it sees that."""
    for name in names:
        data = net.folder(name) / "data"
        disk = os.statvfs(data)
        free = disk.f_bavail * disk.f_frsize
        (data / "hog").write_bytes(bytes(free - limits.DISK_FREE_BYTES_MIN // 2))
        net.processes.pop(name).wait(_ENDS_S)


def _make_room(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        (net.folder(name) / "data" / "hog").unlink()
    net.start(names)


def _join(net: Net, one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        if one.by == "snapshot":
            net.join(name)
        else:
            net.start([name])


def _flood(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.stop(names)
    for name in names:
        net.attack(name)


def _flood_no_more(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    net.kill(names)
    net.start(names)


def _set_clock(net: Net, one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.set_clock(name, one.seconds)


def _set_clock_right(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    for name in names:
        net.set_clock(name, 0)


def _nothing(_net: Net, _one: Perturbation, _names: tuple[str, ...]) -> None:
    """What is done stays done."""


ACTS: Final[Mapping[str, tuple[Act, Act]]] = {
    "kill": (_kill, _start),
    "pause": (_pause, _resume),
    "restart": (_stop, _start),
    "upgrade": (_upgrade, _start),
    "wipe": (_wipe, _nothing),
    "disconnect": (_unplug, _plug),
    "partition": (_divide, _unite),
    "cut": (_silence, _hear),
    "lossy": (_lose, _lose_nothing),
    "slow": (_slow, _hasten),
    "disk_full": (_fill, _make_room),
    "clock": (_set_clock, _set_clock_right),
    "flood": (_flood, _flood_no_more),
    "join": (_join, _nothing),
    "add_validator": (add_validator, _nothing),
    "remove_validator": (remove_validator, _nothing),
}
"""How it begins, how it ends."""
