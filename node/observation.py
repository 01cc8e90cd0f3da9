"""Reads the facts of a moment off a running node: the one place where a diagnosis looks.

Everything is read in the node's own thread, between two events, so that the facts are of one
moment. What others said is bounded by `node.about` and `node.lookout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final, final

import trio

from consensus.events import Verdict
from consensus.instance import Instance, judged_as
from consensus.messages import bitmap, seats_of
from ledger.membership import suspended
from ledger.validators import ValidatorRecord
from node.about import About, parameters_digest
from node.engine import Engine
from node.facts import Decision, Facts, Finality, Machine, Rules, Seats, Seen, Step, Trouble, Word
from node.folder import LoadedNode
from node.lookout import Contact, Lookout
from node.metrics import Metrics
from node.shell import Shell, now_ms, steady_ms
from node.standing import SigningStatus, in_one_word
from node.status import BEHIND_MAX, NodeRole
from node.wire import write
from p2p.frames import Lane
from p2p.links import LinkStatus
from p2p.network import Network
from p2p.peers import PeerId, peer_id_of
from primitives import limits
from primitives.ids import Digest, Height, NodeKey, Seat, ValidatorKey, View
from storage.chain import ChainStore
from storage.remedies import free_bytes

LOOK_S: Final = 0.5
"""How often a node looks whether there is something new to say of itself."""
DECISIONS_SHOWN: Final = 50
_TELLING: Final = (
    ("does not admit this node", Trouble.NOT_ADMITTED),
    ("connection refused", Trouble.DOWN),
    ("no handshake", Trouble.HUNG),
    ("no connection in", Trouble.SILENT),
    ("no route to host", Trouble.SILENT),
    ("unreachable", Trouble.SILENT),
    ("timed out", Trouble.SILENT),
)
"""Words of an attempt that has come to its end; of anything else it is only known that it broke."""


@final
@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at one node, for its own diagnosis and for what it tells others."""

    loaded: LoadedNode
    shell: Shell
    network: Network
    store: ChainStore
    metrics: Metrics
    version: str

    @property
    def _engine(self) -> Engine:
        return self.shell.engine

    @property
    def _lookout(self) -> Lookout:
        return self.shell.lookout

    @property
    def _seat(self) -> Seat | None:
        key = self.loaded.validator_key
        own = None if key is None else ValidatorKey(key.public)
        return None if own is None else self._engine.validators.seat(own)

    @property
    def _signing(self) -> SigningStatus | None:
        return None if self._seat is None else self._engine.signing

    # --- what it says of itself ---------------------------------------------------------------

    def about(self) -> About:
        """What is true now."""
        engine, moment = self._engine, steady_ms()
        own = NodeKey(self.loaded.node_key.public)
        reaches = {
            Seat(seat)
            for seat, record in enumerate(engine.parent.records)
            if record.node_key == own or self._lookout.is_live(peer_id_of(record.node_key), moment)
        }
        parent = engine.parent
        return About(
            version=self.version[: limits.VERSION_LENGTH_MAX],
            parameters=parameters_digest(parent.parameters),
            validators=parent.validators.hash,
            height=Height(parent.height - 1),
            view=engine.wish,
            standing=in_one_word(self._signing, engine.halted),
            disk_low=self._disk_free() < limits.DISK_FREE_BYTES_LEFT,
            waiting=len(engine.mempool),
            reaches=bitmap(reaches),
            clock_ms=now_ms(),
            up_ms=moment - self._lookout.began_ms,
        )

    async def keep_telling(self) -> None:
        """Tell every linked peer how we are: at once, every few seconds, and on a change."""
        last, due_ms = None, 0
        while True:
            said, moment = self.about(), steady_ms()
            late = self.shell.catchup.behind > BEHIND_MAX
            mark = (said.standing, said.disk_low, said.reaches, said.parameters, late)
            contacts = self._lookout.contacts
            if mark != last or moment >= due_ms:
                last, due_ms = mark, moment + limits.ABOUT_EVERY_MS
                links = [link for link, contact in contacts.items() if contact.linked]
            else:
                links = list(self._lookout.untold)
            self._lookout.untold.clear()
            payload = write(said)
            for link in links:
                self.network.send(PeerId(link), payload, Lane.VOTES)
            await trio.sleep(LOOK_S)

    # --- what it sees -------------------------------------------------------------------------

    def facts(self) -> Facts:
        """What is known now."""
        engine, head, moment = self._engine, self.store.head(), steady_ms()
        parameters, links = engine.parent.parameters, self.network.links()
        with self.store.state() as state:
            marked = suspended(state)
        newest = self._lookout.blocks[-1] if self._lookout.blocks else None
        return Facts(
            now_ms=now_ms(),
            name=self.loaded.config.name,
            network=self.loaded.document.network,
            chain=self.loaded.genesis.chain,
            role=NodeRole.OBSERVER if self._seat is None else NodeRole.VALIDATOR,
            seat=self._seat,
            height=head.height,
            block_id=head.block_id,
            block_time_ms=head.header.time_ms,
            block_ms=None if newest is None else moment - newest.at_ms,
            halted=engine.halted,
            signing=self._signing,
            rules=Rules(
                t0_ms=parameters.t0_ms,
                tmax_ms=parameters.tmax_ms,
                heartbeat_ms=parameters.heartbeat_ms,
                drift_ms=parameters.drift_ms,
            ),
            sync=self.shell.catchup.sync,
            step=_step(engine.instance, self._lookout, moment),
            validators=tuple(
                self._seen(Seat(seat), record, links, moment, suspended=record.key in marked)
                for seat, record in enumerate(engine.parent.records)
            ),
            decisions=tuple(
                Decision(
                    height=block.height,
                    view=block.view,
                    same_validators=block.validators == engine.validators.hash,
                    age_ms=moment - block.at_ms,
                )
                for block in list(self._lookout.blocks)[-DECISIONS_SHOWN:]
            ),
            finality=_finality(self._lookout),
            machine=Machine(
                version=self.version,
                up_ms=moment - self._lookout.began_ms,
                lag_ms=self.metrics.lag_ms,
                disk_free_bytes=self._disk_free(),
                mempool=len(engine.mempool),
                mempool_bytes=engine.mempool.bytes,
                clock_ahead_ms=self.shell.clock_ahead_ms,
            ),
        )

    def _disk_free(self) -> int:
        return free_bytes(self.loaded.folder.data)

    def _seen(
        self,
        seat: Seat,
        record: ValidatorRecord,
        links: Mapping[PeerId, LinkStatus],
        moment: int,
        *,
        suspended: bool,
    ) -> Seen:
        peer = peer_id_of(record.node_key)
        link, contact = links.get(peer), self._lookout.contacts.get(peer)
        signed = self._lookout.signed.get(record.key)
        linked = link is not None and link.connected
        is_self = bytes(record.node_key) == self.loaded.node_key.public
        return Seen(
            name=record.name,
            key=record.key,
            seat=seat,
            is_self=is_self,
            suspended=suspended,
            linked=linked,
            turned_ms=None if contact is None else moment - contact.turned_ms,
            heard_ms=_age(None if contact is None else contact.heard_ms, moment),
            trouble=Trouble.NONE if is_self else trouble_of(link),
            error=_error(link),
            signed_ms=None if signed is None else moment - signed[1],
            signs=self._engine.signs(record.key),
            certified=self._certified(seat),
            word=None if contact is None else self._word(contact, moment),
        )

    def _certified(self, seat: Seat) -> Height | None:
        own = self._engine.validators.hash
        for block in reversed(self._lookout.blocks):
            if block.validators == own and seat in block.seats:
                return block.height
        return None

    def _word(self, contact: Contact, moment: int) -> Word | None:
        said = contact.about
        if said is None:
            return None
        parent = self._engine.parent
        return Word(
            age_ms=moment - contact.about_ms,
            version=said.version,
            same_parameters=contact.same_parameters,
            height=said.height,
            behind=contact.behind,
            view=said.view,
            standing=said.standing,
            disk_low=said.disk_low,
            waiting=said.waiting,
            reaches=_reaches(said, parent.validators.hash, parent.validators.size),
            clock_ahead_ms=contact.clock_ahead_ms,
            up_ms=said.up_ms,
        )


def _age(at_ms: int | None, moment: int) -> int | None:
    return None if at_ms is None else moment - at_ms


def trouble_of(link: LinkStatus | None) -> Trouble:
    """Why there is no link, from what the last attempt or its end said."""
    if link is None:
        return Trouble.UNKNOWN
    if link.connected:
        return Trouble.NONE
    if link.paused_s > 0:
        return Trouble.PAUSED
    said = link.last_error.lower()
    return next((trouble for words, trouble in _TELLING if words in said), Trouble.LOST)


def _error(link: LinkStatus | None) -> str:
    if link is None or link.connected:
        return ""
    if link.paused_s > 0 and link.penalties:
        return f"{link.penalties[0].reason}; for {link.paused_s:.0f} s more"
    return link.last_error


def _reaches(said: About, validators: Digest, count: int) -> Seats | None:
    if said.validators != validators:
        return None
    return tuple(sorted(seat for seat in seats_of(said.reaches) if seat < count))


def _finality(lookout: Lookout) -> Finality | None:
    times = lookout.finality
    if not times:
        return None
    return Finality(count=len(times), median_ms=int(median(times)), longest_ms=max(times))


def _step(now: Instance, lookout: Lookout, moment: int) -> Step:
    proposal = now.proposals.get(now.wish)
    views = [View(0)] * now.validators
    for seat, change in now.view_changes.items():
        views[seat] = change.view
    return Step(
        wish=now.wish,
        entered=now.entered,
        has_proposal=proposal is not None,
        has_body=proposal is not None and proposal.block_id in now.bodies,
        refused=proposal is not None and now.verdicts.get(judged_as(proposal)) is Verdict.BAD,
        accepted=now.accepted is not None,
        prepares=tuple(sorted(now.prepares.seats(now.wish))),
        commits=tuple(sorted(now.commits.seats(now.wish))),
        views=tuple(views),
        for_ms=moment - lookout.step_ms,
        work_ms=_age(lookout.work_ms, moment),
        timeout_ms=now.timeout_ms(now.wish),
    )
