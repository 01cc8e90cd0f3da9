"""Validators added and removed while the network runs, by the commands of its bodies."""

import time
from typing import Any, Final

from kit.perturb.manifest import Perturbation
from kit.perturb.network import Net

PATIENCE_S: Final = 60.0
"""Until a node that has just been started says READY."""


def add_validator(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    """An observer's node makes a key, is started again with it, says READY and is decided about."""
    for name in names:
        body, ready = _account_of(name), net.home / f"{name}.ready"
        words = ("validator", "ready", str(net.folder(name)), "--name", name, "--account", body)
        _, refusal = net.try_mithaq(*words, "-o", str(ready))
        assert "stop it and start it again" in refusal, refusal
        net.stop([name])
        net.start([name])
        deadline = time.monotonic() + PATIENCE_S
        while (said := net.try_mithaq(*words, "-o", str(ready)))[0] != 0:
            assert time.monotonic() < deadline, said[1]
        _decide(net, "--add", str(ready))
        net.names[name] = name


def remove_validator(net: Net, _one: Perturbation, names: tuple[str, ...]) -> None:
    """The bodies decide that one leaves: nobody speaks to its node any more, and it is ended."""
    for name in names:
        _decide(net, "--remove", net.names[name])
    net.stop(names)


def _decide(net: Net, *change: str) -> None:
    listed: list[Any] = net.mithaq("validator", "list")["validators"]
    bodies = [_key_of(net, one["name"]) for one in listed]
    file = str(net.home / "change.json")
    net.mithaq("validator", "propose", *change, "-o", file, "--actor", bodies[0])
    for body in bodies[: len(bodies) - (len(bodies) - 1) // 3]:
        net.mithaq("tx", "sign", file, "--key", body)
    net.mithaq("tx", "submit", file, "--wait")


def _account_of(observer: str) -> str:
    """`mithaq testnet` gives its observers to the two agencies in turn."""
    return f"agency-{int(observer.removeprefix('observer')) % 2 + 1}"


def _key_of(net: Net, validator: str) -> str:
    own = net.home / "keys" / f"{validator}.key"
    return validator if own.exists() else _account_of(validator)
