"""What our own records of a height are worth after a restart (rule R39).

There is no mode for it: the records give an instance the state that they were written from, and
what they promised in view `wish` is said again, byte for byte. The replica calls this and nobody
else; it writes the instance on the replica's behalf.
"""

from typing import assert_never

from consensus import effects as do
from consensus.effects import Effect
from consensus.instance import Instance
from consensus.messages import Claim, LogEntry, PrePrepare, Proposal
from primitives.certificate import Certificate


def restore(now: Instance) -> None:
    """Where we stood when the last record was written."""
    for entry in now.log:
        assert entry.height == now.height, f"record of {entry.height} at {now.height}"
        now.wish = max(now.wish, entry.view)
        if not isinstance(entry, Claim):
            now.bodies.add(entry.block_id)
    for entry in now.log:
        match entry:
            case Proposal():
                now.proposed = max(now.proposed, entry.view)
            case PrePrepare():
                now.voted[entry.view] = entry.block_id
                if entry.view == now.wish:
                    now.accepted = now.proposals[entry.view] = entry
            case Certificate():
                if now.prepared is None or entry.view > now.prepared.view:
                    now.prepared = entry
                if entry.view == now.wish:
                    now.sent_commit = True
            case Claim():
                pass  # its view is in `wish`; the message comes back when it is said again
            case _:
                assert_never(entry)


def repeats(now: Instance) -> list[Effect]:
    """What we had said in view `wish`, in the order of the signer (R36)."""
    return [
        _repeat(entry)
        for kind in (Claim, Proposal, PrePrepare, Certificate)
        for entry in now.log
        if isinstance(entry, kind) and entry.view == now.wish
    ]


def _repeat(entry: LogEntry) -> Effect:
    match entry:
        case Claim():
            return do.CastViewChange(entry)
        case Proposal():
            return do.CastPrePrepare(entry)
        case PrePrepare():
            return do.CastPrepare(entry.height, entry.view, entry.block_id)
        case Certificate():
            return do.CastCommit(entry.height, entry.view, entry.block_id)
        case _:
            assert_never(entry)
