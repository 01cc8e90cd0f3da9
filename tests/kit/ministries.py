"""A home with a running network, and what its operators and public bodies do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from cli.faults import ExitCode
from kit.commandline import Done, mithaq

PATIENCE_S: Final = 180.0
"""For what takes a second on an idle machine."""


class Ministries:
    """A home with a running network, and what its operators and bodies do."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.payments = 0

    def run(self, *words: str | Path, code: int = ExitCode.OK) -> Done:
        done = mithaq(*words, "--home", self.home, "--json")
        assert done.code == code, f"{words}: {done.code}\n{done.out}\n{done.err}"
        return done

    def run_until_it_works(self, *words: str | Path) -> Done:
        deadline = time.monotonic() + PATIENCE_S
        while (done := mithaq(*words, "--home", self.home, "--json")).code != ExitCode.OK:
            assert time.monotonic() < deadline, done.err
        return done

    def pay(self) -> int:
        """A final payment; returns its height."""
        self.payments += 1
        line = f"to=agency-1,amount=1.00GBP,reference=INV-{self.payments}"
        words = ("tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP")
        return int(self.run(*words, "--line", line, "--wait").result["height"])

    def pay_until(self, height: int) -> None:
        """Until the block of a height is final."""
        while self.pay() < height:
            pass

    def restart(self, node: str) -> None:
        self.run("localnet", "kill", node)
        self.run("localnet", "start", node)

    def ready(self, folder: str, *more: str) -> Path:
        """A node without a key makes one, is started again with it, and says READY."""
        said = self.home / f"{folder}.json"
        words: list[str | Path] = ["validator", "ready", self.home / "nodes" / folder, *more]
        words += ["-o", said]
        refused = self.run(*words, code=ExitCode.LOCAL_FAULT)
        assert "stop it and start it again" in refused.error["message"]
        self.restart(folder.replace("observer", "observer-"))
        self.run_until_it_works(*words)  # it listens and catches up first
        return said

    def decide(self, *words: str | Path, bodies: tuple[str, ...]) -> int:
        """Propose, sign by all these bodies in turn, submit; returns from when on it holds."""
        file = self.home / "change.json"
        self.run("validator", "propose", *words, "-o", file, "--actor", bodies[0])
        for body in bodies:
            self.run("tx", "sign", file, "--key", body)
        done = self.run("tx", "submit", file, "--wait").result
        return int(done["height"]) + 2

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.run("status").result
        return found

    def wait_for_validators(self, names: set[str]) -> None:
        """Until these nodes and no others vote: one that comes back catches up first."""
        deadline = time.monotonic() + PATIENCE_S
        while (voting := {name for name, role in self.roles().items() if role == "validator"}) != (
            names
        ):
            assert time.monotonic() < deadline, f"{voting} vote, expected {names}"

    def wait_for_role(self, name: str, role: str) -> None:
        """As this node says itself, which may hear of a block later than who was paid."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.roles()[name]) != role:
            assert time.monotonic() < deadline, f"{name} is {found}, expected {role}"

    def wait_for_present(self, names: set[str]) -> None:
        """Until these validators answer and vote, and no others."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := set(self.status()["present"])) != names:
            assert time.monotonic() < deadline, f"{found} are present, expected {names}"

    def roles(self) -> dict[str, str]:
        """By name; who does not answer has none."""
        said = {node["name"]: node["status"] for node in self.status()["nodes"]}
        return {name: status["role"] if status else "" for name, status in said.items()}
