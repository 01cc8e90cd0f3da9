"""multistream-select with the bounds that libp2p leaves out.

Two sides agree on a protocol by sending each other lines of text. The library reads a line of any
length that the other side announces, and any number of them: before the handshake a stranger could
make us hold what its line carries in five seconds. Here a line and their number are bounded.
"""

from collections.abc import Sequence
from typing import Any

from libp2p.abc import IMultiselectCommunicator
from libp2p.custom_types import StreamHandlerFn, TProtocol
from libp2p.exceptions import ParseError
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import IOException
from libp2p.protocol_muxer.exceptions import MultiselectCommunicatorError
from libp2p.protocol_muxer.generic_selector import GenericMultistreamSelector
from libp2p.protocol_muxer.multiselect import DEFAULT_NEGOTIATE_TIMEOUT, Multiselect
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.utils.varint import read_varint_prefixed_bytes_limited

from primitives import limits


class _Lines(MultiselectCommunicator):
    """The lines of one negotiation."""

    def __init__(self, stream: ReadWriteCloser) -> None:
        super().__init__(stream)
        self._left = limits.NEGOTIATION_LINES_MAX

    async def read(self) -> str:
        """The next line.

        Raises:
            MultiselectCommunicatorError: too long, one too many, or no line.
        """
        if not self._left:
            raise MultiselectCommunicatorError(
                f"more than {limits.NEGOTIATION_LINES_MAX} lines to agree on a protocol"
            )
        self._left -= 1
        try:
            line = await read_varint_prefixed_bytes_limited(
                self.read_writer, limits.NEGOTIATION_LINE_BYTES_MAX
            )
            if not line.endswith(b"\n"):
                raise ParseError("a line without an end")
            return line[:-1].decode()
        except (ParseError, IOException, UnicodeDecodeError) as error:
            raise MultiselectCommunicatorError(f"no line of multistream: {error}") from error


class Answering(Multiselect):
    """The side that is asked for a protocol."""

    async def negotiate(
        self,
        communicator: IMultiselectCommunicator,
        negotiate_timeout: int = DEFAULT_NEGOTIATE_TIMEOUT,
    ) -> tuple[TProtocol | None, StreamHandlerFn | None]:
        """As libp2p's, within the bounds."""
        return await super().negotiate(_bounded(communicator), negotiate_timeout)


class Asking(MultiselectClient):
    """The side that asks for a protocol."""

    async def select_one_of(
        self,
        protocols: Sequence[TProtocol],
        communicator: IMultiselectCommunicator,
        negotiate_timeout: int = DEFAULT_NEGOTIATE_TIMEOUT,
    ) -> TProtocol:
        """As libp2p's, within the bounds."""
        return await super().select_one_of(protocols, _bounded(communicator), negotiate_timeout)


def bound(selector: GenericMultistreamSelector[Any]) -> None:
    """Let a connection's negotiations, for Noise and for yamux, keep the bounds."""
    selector.multiselect = Answering(selector.multiselect.handlers)
    selector.multiselect_client = Asking()


def _bounded(communicator: IMultiselectCommunicator) -> _Lines:
    assert isinstance(communicator, MultiselectCommunicator), "the library knows no other"
    return _Lines(communicator.read_writer)
