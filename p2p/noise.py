"""The handshake of Noise, for keys that can be a node's.

libp2p's lets a stranger choose the kind of its key, and then checks the signature: RSA with a long
exponent costs 18 ms, and nobody is listed under such a key. Here the message that names the key has
a small bound, the key is Ed25519, and whoever dials us under a name that is not listed is refused
before the signature is looked at.
"""

from collections.abc import Callable
from typing import Final, final

from google.protobuf.message import DecodeError
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.crypto.ed25519 import Ed25519PublicKey
from libp2p.crypto.keys import KeyPair, KeyType, PrivateKey, PublicKey
from libp2p.peer.id import ID
from libp2p.security.noise.exceptions import InvalidSignature, PeerIDMismatchesPubkey
from libp2p.security.noise.io import NoiseHandshakeReadWriter, NoiseTransportReadWriter
from libp2p.security.noise.messages import (
    NoiseHandshakePayload,
    verify_handshake_payload_sig,
)
from libp2p.security.noise.patterns import PatternXX
from libp2p.security.noise.pb import noise_pb2
from libp2p.security.secure_session import SecureSession
from noise.connection import NoiseConnection  # type: ignore[import-untyped]  # no type hints
from noise.state import HandshakeState  # type: ignore[import-untyped]  # as above

from primitives import limits
from primitives.errors import Malformed

_ED25519_BYTES: Final = 32


def claimed(payload: bytes) -> NoiseHandshakePayload:
    """Who the other side says it is, and the signature that is to prove it.

    Raises:
        Malformed: too long, not a payload of libp2p, or a key that cannot be a node's.
    """
    if len(payload) > limits.HANDSHAKE_PAYLOAD_BYTES_MAX:
        raise Malformed(
            f"a handshake of {len(payload)} bytes, at most {limits.HANDSHAKE_PAYLOAD_BYTES_MAX}"
        )
    try:
        message = noise_pb2.NoiseHandshakePayload.FromString(payload)
        key = PublicKey.deserialize_from_protobuf(message.identity_key)
    except DecodeError as error:
        raise Malformed(f"not a handshake of libp2p: {error}") from error
    if key.key_type != KeyType.Ed25519.value or len(key.data) != _ED25519_BYTES:
        raise Malformed(f"a key of kind {key.key_type} and {len(key.data)} bytes, expected Ed25519")
    return NoiseHandshakePayload(Ed25519PublicKey.from_bytes(key.data), message.identity_sig)


@final
class Handshake(PatternXX):
    """One handshake; `admit` raises if the one who dials us may not come in."""

    def __init__(
        self, key_pair: KeyPair, noise_key: PrivateKey, admit: Callable[[ID], None]
    ) -> None:
        super().__init__(ID.from_pubkey(key_pair.public_key), key_pair.private_key, noise_key)
        self._admit = admit

    async def handshake_inbound(self, conn: IRawConnection) -> ISecureConn:
        """We are dialled."""
        state = self.create_noise_state()
        state.set_as_responder()
        state.start_handshake()
        secrets = state.noise_protocol.handshake_state  # the library forgets it at the end
        messages = NoiseHandshakeReadWriter(conn, state)
        await messages.read_msg()
        await messages.write_msg(self.make_handshake_payload().serialize())
        payload = claimed(await messages.read_msg())
        self._admit(ID.from_pubkey(payload.id_pubkey))
        self._check(payload, secrets)
        return self._session(conn, state, payload, is_dialler=False)

    async def handshake_outbound(self, conn: IRawConnection, remote_peer: ID | None) -> ISecureConn:
        """We dial; whoever it is that answers hears who we are only if it is the one we dial."""
        state = self.create_noise_state()
        state.set_as_initiator()
        state.start_handshake()
        secrets = state.noise_protocol.handshake_state  # the library forgets it at the end
        messages = NoiseHandshakeReadWriter(conn, state)
        await messages.write_msg(b"")
        payload = claimed(await messages.read_msg())
        if ID.from_pubkey(payload.id_pubkey) != remote_peer:
            raise PeerIDMismatchesPubkey
        self._check(payload, secrets)
        await messages.write_msg(self.make_handshake_payload().serialize())
        return self._session(conn, state, payload, is_dialler=True)

    def _check(self, payload: NoiseHandshakePayload, secrets: HandshakeState) -> None:
        if not verify_handshake_payload_sig(
            payload, self._get_pubkey_from_noise_keypair(secrets.rs)
        ):
            raise InvalidSignature

    def _session(
        self,
        conn: IRawConnection,
        state: NoiseConnection,
        payload: NoiseHandshakePayload,
        *,
        is_dialler: bool,
    ) -> ISecureConn:
        assert state.handshake_finished, "the third message is the last"
        return SecureSession(
            local_peer=self.local_peer,
            local_private_key=self.libp2p_privkey,
            remote_peer=ID.from_pubkey(payload.id_pubkey),
            remote_permanent_pubkey=payload.id_pubkey,
            is_initiator=is_dialler,
            conn=NoiseTransportReadWriter(conn, state),
        )
