"""What a peer says to gossipsub, read within bounds.

An RPC of gossipsub is a protobuf of lists, and nothing bounds how many entries they have: 1.8 MB
hold 20,000 messages of four bytes, which kept libp2p's router away from the loop for two minutes.
So the bytes are walked before the parser makes objects of them, and an RPC with more fields than an
honest one has is the sender's fault.

What gossipsub could also be asked is left out: records of addresses, peers to connect to, topics
that are not ours. Of a message only the payload and the topic are taken, and so passed on: whatever
else a peer puts beside them would travel under the name of each honest node that it reaches, whose
own RPC around it might then break a bound, or under a false origin, to whom nobody would send it.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError
from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlMessage

from primitives import limits
from primitives.errors import Malformed

_Shape: TypeAlias = Mapping[int, "_Shape"]
"""Which fields of a message are messages, and their shapes."""

_PRUNE: Final[_Shape] = {2: {}}
_CONTROL: Final[_Shape] = {1: {}, 2: {}, 3: {}, 4: _PRUNE, 5: {}}
_RPC: Final[_Shape] = {1: {}, 2: {}, 3: _CONTROL}

_VARINT_BYTES_MAX: Final = 10


def read_rpc(data: bytes, topic: str) -> RPC:
    """What an RPC says about this topic.

    Raises:
        Malformed: not an RPC, or one with more entries than an honest one.
    """
    _Walk(data).fields(0, len(data), _RPC)
    try:
        rpc = RPC.FromString(data)
    except DecodeError as error:
        raise Malformed(f"not an RPC of gossipsub: {error}") from error
    said = RPC()
    said.subscriptions.extend(each for each in rpc.subscriptions if each.topicid == topic)
    for each in rpc.publish:
        if each.topicIDs == [topic]:
            said.publish.add(data=each.data, topicIDs=[topic])
    if rpc.HasField("control"):
        _copy_control(rpc.control, said.control, topic)
    return said


def _copy_control(theirs: ControlMessage, ours: ControlMessage, topic: str) -> None:
    ours.ihave.extend(each for each in theirs.ihave if each.topicID == topic)
    ours.graft.extend(each for each in theirs.graft if each.topicID == topic)
    ours.prune.extend(each for each in theirs.prune if each.topicID == topic)
    for prune in ours.prune:
        del prune.peers[:]
    ours.iwant.extend(theirs.iwant)
    ours.idontwant.extend(theirs.idontwant)
    for entries in (ours.ihave, ours.iwant, ours.idontwant):
        for entry in entries:
            _check_names(entry.messageIDs)


def _check_names(names: Iterable[bytes]) -> None:
    for name in names:
        if len(name) > limits.GOSSIP_ID_BYTES_MAX:
            raise Malformed(
                f"gossip of a name with {len(name)} bytes, at most {limits.GOSSIP_ID_BYTES_MAX}"
            )


class _Walk:
    """Counts the fields of a protobuf, in all its messages together."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0

    def fields(self, at: int, end: int, shape: _Shape) -> None:
        """Walk over one message.

        Raises:
            Malformed: one field too many, or no protobuf.
        """
        while at < end:
            self._count += 1
            if self._count > limits.GOSSIP_FIELDS_MAX:
                raise Malformed(f"gossip of more than {limits.GOSSIP_FIELDS_MAX} fields")
            key, at = self._varint(at, end)
            match key & 7:
                case 0:
                    _, at = self._varint(at, end)
                case 1:
                    at += 8
                case 5:
                    at += 4
                case 2:
                    length, start = self._varint(at, end)
                    at = start + length
                    if at <= end and (inner := shape.get(key >> 3)) is not None:
                        self.fields(start, at, inner)
                case kind:
                    raise Malformed(f"gossip with a field of kind {kind}")
        if at > end:
            raise Malformed("gossip with a field that is longer than its message")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for place, byte in enumerate(self._data[at : min(end, at + _VARINT_BYTES_MAX)]):
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value, at + place + 1
        raise Malformed("gossip with a number that does not end")
