"""Four nodes, the people who act on them, and the time of day in which they do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from client.client import Client, check_applied
from client.wallet import new_body
from kit.commandline import Done, mithaq, testnet
from kit.localnet import Localnet, free_base_port
from kit.story_clock import StoryClock
from ledger.accounts import AccountKind, WeightedKey, account_of_key
from ledger.charters import MEMBER, Charter, Procedure, Weighing
from ledger.genesis import genesis_block
from ledger.motions import Option
from ledger.operation import Event, Operation
from ledger.tallies import MotionId
from ledger.transaction import Call, sign_body
from node.folder import load_genesis
from node.keys import Purpose, StoredKey, create_key, read_key
from node.queries import FinalTransaction
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import AccountId, Digest, TimeMs
from services.assembly import MotionOpened, OpenMotion, Vote
from services.authority.accounts import OpenAccount
from services.authority.bodies import BodyFounded, FoundBody
from services.authority.roles import GrantRole
from services.registry.stamps import StampAct, StampDocument

TESTS: Final = Path(__file__).parents[2]
DEBATE: Final = timedelta(days=14)
"""How long parliament talks about a law at least."""
VALIDATORS: Final = 4
START_S: Final = 180.0
"""Four nodes at once on a machine that is busy with other things."""


class Country:
    """A network of four ministries, the keys of its people, and a calendar."""

    def __init__(self, home: Path, begins: datetime) -> None:
        self.home = home
        self.clock = StoryClock(home.parent / "clock")
        self.clock.set(begins)
        with self.clock.shown():  # the chain begins when the story does
            base = free_base_port(VALIDATORS)
            testnet(home, "--validators", str(VALIDATORS), "--base-port", str(base))
        chain = genesis_block(load_genesis(home / "genesis.json")).chain
        self.net = Localnet(home, base, VALIDATORS, 0, chain)
        for node in range(self.net.validators):
            self.net.programs[node] = ["kit.story_clock", str(home.parent / "clock")]
            self.net.environment[node] = {
                "PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS)))
            }
        self.client = Client([f"http://127.0.0.1:{self.net.base + 1000 + i}" for i in range(4)])
        governor = load_genesis(home / "genesis.json").governor
        assert governor is not None, "a founded network is governed"
        self.keyless = {"council": governor}

    @classmethod
    @contextmanager
    def founded(cls, home: Path, begins: datetime) -> Iterator[Country]:
        """Four nodes that run, until the end of the block."""
        made = cls(home, begins)
        try:
            made.net.start()
            made.net.wait(made.ready, timeout_s=START_S)
            with made.clock.shown():
                yield made
        finally:
            made.client.close()
            made.net.stop()

    def ready(self) -> bool:
        """Whether all nodes say that they are."""
        return all(self.net.get(node, "/v1/ready")[0] == 200 for node in self.net.processes)

    # people

    def key(self, name: str) -> SigningKey:
        """The key of a name; made where there is none."""
        return self._stored(name).signing()

    def __getitem__(self, name: str) -> AccountId:
        """The account of a name: of its key, or one without keys."""
        return self.keyless.get(name) or account_of_key(self._stored(name).public)

    def know(self, name: str, account: AccountId) -> None:
        """An account without keys has this name from now on."""
        self.keyless[name] = account

    @property
    def known(self) -> dict[str, AccountId]:
        """All accounts that have a name here."""
        keys = sorted((self.home / "keys").glob("*.key"))
        return {**{file.stem: self[file.stem] for file in keys}, **self.keyless}

    def _stored(self, name: str) -> StoredKey:
        path = self.home / "keys" / f"{name}.key"
        if path.exists():
            return read_key(path, Purpose.ACCOUNT)
        return create_key(path, name=name, purpose=Purpose.ACCOUNT)

    def open_accounts(self, kind: AccountKind, **names: str) -> None:
        """Accounts under names of ours; the second name is public, and empty for a person."""
        self.does("registrar", *(self._opening(each, kind, names[each]) for each in names))

    def _opening(self, name: str, kind: AccountKind, public: str) -> OpenAccount:
        return OpenAccount(
            account=None,
            kind=kind,
            threshold=1,
            signers=(WeightedKey(self._stored(name).public, 1),),
            name=public,
            keeper=None,
            floor=0,
        )

    def grant(self, role: str, scope: str | None, name: str) -> GrantRole:
        """An office for somebody, in the scope of an account or of all."""
        return GrantRole(role, None if scope is None else self[scope], self[name], None)

    def appoint(self, scope: str, *offices: tuple[str, str]) -> None:
        """Offices (role, name of an account) in the scope of an account."""
        self.does("registrar", *(self.grant(role, scope, name) for role, name in offices))

    def found_body(self, name: str, *members: str) -> None:
        """A body that decides by more than half of its members, after a debate."""
        procedure = Procedure(
            code="law",
            opener=None,
            electorate=MEMBER,
            weighing=Weighing.ONE,
            asset=None,
            quorum_bp=5_000,
            pass_bp=5_000,
            veto_bp=None,
            least_ms=int(DEBATE.total_seconds()) * 1_000,
            timelock_ms=0,
            guardian=None,
            operations=None,
        )
        founding = FoundBody(None, name.capitalize(), Charter((procedure,)))
        events = self.does("registrar", founding)
        self.know(name, next(each.body for each in events if isinstance(each, BodyFounded)))
        self.does("registrar", *(self.grant(MEMBER, name, each) for each in members))

    # what they do

    def does(self, actor: str, *operations: Operation, with_: Sequence[str] = ()) -> list[Event]:
        """What became true when somebody did this."""
        return list(self._done([(actor, each) for each in operations], with_).receipt.events)

    def tries(self, actor: str, operation: Operation, *, with_: Sequence[str] = ()) -> Rejected:
        """Why somebody may not do this; that he may not is asserted."""
        try:
            self._done([(actor, operation)], with_)
        except Rejected as refusal:
            return refusal
        raise AssertionError(f"{actor} did {operation}")

    def _done(
        self, calls: Sequence[tuple[str, Operation]], with_: Sequence[str]
    ) -> FinalTransaction:
        body = new_body(self.net.chain, [Call(self[name], each) for name, each in calls])
        signers = {name for name, _ in calls if name not in self.keyless} | {*with_}
        found = self.client.settle(sign_body(body, [self.key(name) for name in signers]))
        check_applied(found)
        return found

    def decides(
        self, body: str, text: Digest, members: Sequence[str], *operations: Operation
    ) -> MotionId:
        """A motion of a body: opened, debated, voted on by these members, and carried out."""
        calls = encode(tuple(Call(self[body], each) for each in operations))
        closes = TimeMs(
            self.clock.time_ns() // 1_000_000 + int(DEBATE.total_seconds() * 1_000) + 60_000
        )
        opening = OpenMotion(self[body], "law", text, (Option("yes", calls),), closes)
        events = self.does(members[0], opening)
        (motion,) = [each.motion for each in events if isinstance(each, MotionOpened)]
        for member in members:
            self.does(member, Vote(motion, "yes"))
        self.wait_until(self.clock.now() + DEBATE + timedelta(minutes=2))
        return motion

    def wait_until(self, moment: datetime) -> None:
        """So late it is now, and all that fell due until then has been done.

        The nodes sleep until something is due by a clock that nobody sets, so somebody wakes them:
        two days' gazettes are stamped, and what was due is done before the second.
        """
        self.clock.set(moment)
        for number in range(2):
            text = digest(Domain.COMMITMENT, f"gazette {number} of {moment}".encode())
            self.does("registrar", StampDocument(text, StampAct.TIMESTAMP))

    # what anybody asks

    def run(self, *words: str | Path, code: int = 0) -> Done:
        """A command of `mithaq` on this network, as a program reads it."""
        done = mithaq(*words, "--home", self.home, "--json")
        assert done.code == code, f"{words}: {done.code}\n{done.out}\n{done.err}"
        return done

    def rows(self, query: str, **parameters: object) -> list[Any]:
        """All rows of a query."""
        return list(self.client.rows(query, **parameters))
