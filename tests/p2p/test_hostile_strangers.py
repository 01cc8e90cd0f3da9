"""Strangers at a node's port: whatever they say before they are known, it costs the node little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress

import pytest
import trio
from Crypto.PublicKey import RSA

from kit.hostile import (
    ED25519,
    MULTISTREAM,
    NOISE,
    SECP256K1,
    YAMUX,
    Gone,
    Line,
    field,
    greeted,
    identity,
    introduced,
    line_to,
    negotiated,
    noise_of,
    secured,
    signed_payload,
    spoken,
    static_of,
    varint,
)
from kit.hostile import (
    RSA as RSA_KIND,
)
from kit.hostile_victim import Victim, unharmed, victim
from kit.nets import in_own_time, in_trio, node, peer, seed_of, until
from p2p.doorway import Doorway, origin_of
from p2p.noise import claimed
from p2p.peers import node_key_of
from primitives import limits
from primitives.errors import Malformed

STRANGER = bytes([200]) * 32
KNOWN = 1


@pytest.fixture(scope="module")
def target() -> Iterator[Victim]:
    with victim(peers=8) as started:
        yield started


async def refused(target: Victim, reason: str, before: dict[str, int]) -> None:
    """Until the node has counted one more refusal for this reason."""
    while (await target.facts())["refusals"].get(reason, 0) <= before.get(reason, 0):
        await trio.lowlevel.checkpoint()


async def refusals(target: Victim) -> dict[str, int]:
    found: dict[str, int] = (await target.facts())["refusals"]
    return found


async def linked(target: Victim, number: int) -> None:
    """An honest peer comes in."""
    async with node(number, peer(0, target.address)) as honest:
        await until(lambda: all(link.connected for link in honest.links().values()))


@in_trio
async def test_an_endless_line_before_the_handshake_is_not_kept(target: Victim) -> None:
    """A stranger announces 2^62 bytes of multistream; nobody waits for them."""
    async with unharmed(target), line_to(target.address) as line:
        await line.send(varint(2**62))
        with suppress(Gone):
            for _ in range(64):
                await line.send(bytes(1 << 20))
        await line.ended()


@in_trio
async def test_garbage_is_a_counted_refusal(target: Victim) -> None:
    """Zeros, text of another protocol, bytes of every value."""
    for garbage in (bytes(4096), b"GET / HTTP/1.1\r\n\r\n" * 200, bytes(range(256)) * 16):
        before = await refusals(target)
        async with unharmed(target), line_to(target.address) as line:
            with suppress(Gone):
                await line.send(garbage)
            await line.ended()
            await refused(target, "handshake", before)


@in_trio
async def test_only_noise_is_spoken(target: Victim) -> None:
    """Plaintext, TLS and whatever else is offered meets "na", eight lines long."""
    async with unharmed(target), line_to(target.address) as line:
        offers = ["/plaintext/2.0.0", "/tls/1.0.0", "/quic"] * limits.NEGOTIATION_LINES_MAX
        with suppress(Gone):
            await line.send(spoken(MULTISTREAM, *offers))
        expected = spoken(MULTISTREAM, *["na"] * (limits.NEGOTIATION_LINES_MAX - 1))
        assert await line.read(len(expected)) == expected
        await line.ended()


@in_trio
async def test_a_line_at_the_bound_is_read_and_one_byte_more_is_not(target: Victim) -> None:
    """The name of a protocol may have NEGOTIATION_LINE_BYTES_MAX bytes with its end."""
    word = "/" + "x" * (limits.NEGOTIATION_LINE_BYTES_MAX - 2)
    async with line_to(target.address) as line:
        await line.send(spoken(MULTISTREAM, word))
        expected = spoken(MULTISTREAM, "na")
        assert await line.read(len(expected)) == expected
    async with line_to(target.address) as line:
        await line.send(spoken(MULTISTREAM, word + "x"))
        assert await line.read(len(spoken(MULTISTREAM))) == spoken(MULTISTREAM)
        await line.ended()


@in_trio
async def test_a_stranger_with_a_perfect_handshake_is_refused(target: Victim) -> None:
    """It is not listed: no multiplexer, no protocol."""
    before = await refusals(target)
    async with unharmed(target), line_to(target.address) as line:
        with pytest.raises(Gone):
            await negotiated(await secured(line, STRANGER), YAMUX)
        await refused(target, "stranger", before)


@in_trio
async def test_a_known_name_under_another_key_is_refused(target: Victim) -> None:
    """A listed key is claimed, and signed for with one's own."""
    before = await refusals(target)
    async with unharmed(target), line_to(target.address) as line:
        noise = await greeted(line)
        public = node_key_of(seed_of(KNOWN))
        await introduced(line, noise, signed_payload(STRANGER, static_of(noise), claims=public))
        await line.ended()
        await refused(target, "handshake", before)


@in_trio
async def test_a_signature_of_another_handshake_is_refused(target: Victim) -> None:
    """What a listed node signed for its key of Noise is worthless for another key of Noise."""
    before = await refusals(target)
    async with unharmed(target), line_to(target.address) as line:
        noise = await greeted(line)
        overheard = signed_payload(seed_of(KNOWN), static_of(noise_of(bytes(range(2, 34)))))
        await introduced(line, noise, overheard)
        await line.ended()
        await refused(target, "handshake", before)


@in_trio
async def test_a_key_that_is_dear_to_check_is_not_checked(target: Victim) -> None:
    """RSA with an exponent of 4,096 bits costs twenty times a node's key; it can be nobody's."""
    modulus = (1 << 4095) | 1
    dear = RSA.construct((modulus, modulus - 2), consistency_check=False).export_key("DER")
    before = await refusals(target)
    async with unharmed(target), line_to(target.address) as line:
        noise = await greeted(line)
        payload = field(1, identity(RSA_KIND, dear)) + field(2, bytes(512))
        await introduced(line, noise, payload)
        await line.ended()
        await refused(target, "handshake", before)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff" * 40,
        field(1, identity(SECP256K1, bytes(33))) + field(2, bytes(64)),
        field(1, identity(ED25519, bytes(31))) + field(2, bytes(64)),
        field(1, identity(ED25519, bytes(32)))
        + field(2, bytes(limits.HANDSHAKE_PAYLOAD_BYTES_MAX)),
    ],
    ids=["nothing", "no protobuf", "another kind", "a short key", "too long"],
)
def test_who_somebody_says_it_is_has_one_form(payload: bytes) -> None:
    """Ed25519, and not more than HANDSHAKE_PAYLOAD_BYTES_MAX bytes of it."""
    with pytest.raises(Malformed):
        claimed(payload)


def test_a_payload_at_the_bound_is_read() -> None:
    """The signature is judged afterwards."""
    key = field(1, identity(ED25519, bytes(32)))
    room = limits.HANDSHAKE_PAYLOAD_BYTES_MAX - len(key) - len(field(2, bytes(128))) + 128
    payload = key + field(2, bytes(room))
    assert len(payload) == limits.HANDSHAKE_PAYLOAD_BYTES_MAX

    assert claimed(payload).id_sig == bytes(room)


@pytest.mark.parametrize("said", ["nothing", "a length", "half of multistream", "half of Noise"])
def test_who_stays_silent_in_the_handshake_loses_its_place(target: Victim, said: str) -> None:
    """More sockets than there are places, each stuck at one step: an honest peer comes in."""

    @in_trio
    async def attack() -> None:
        async with unharmed(target), AsyncExitStack() as lines:
            for _ in range(limits.HANDSHAKES_MAX):
                line = await lines.enter_async_context(line_to(target.address))
                with suppress(Gone):
                    await stuck(line, said)
            await linked(target, 2)

    attack()


@in_own_time
async def test_the_silent_do_not_keep_an_honest_peer_waiting() -> None:
    """It comes in long before those who fill every place are given up."""
    async with node(0, peer(1)) as ours, AsyncExitStack() as lines:
        for _ in range(limits.HANDSHAKES_MAX):
            await lines.enter_async_context(line_to(ours.address))
        with trio.fail_after(4):
            async with node(1, peer(0, ours.address)) as honest:
                await until(lambda: all(link.connected for link in honest.links().values()))


async def stuck(line: Line, said: str) -> None:
    match said:
        case "a length":
            await line.send(b"\x13")
        case "half of multistream":
            await line.send(spoken(MULTISTREAM)[:9])
        case "half of Noise":
            await line.send(spoken(MULTISTREAM, NOISE) + (32).to_bytes(2) + bytes(5))


@in_trio
async def test_a_thousand_connections_cost_little(target: Victim) -> None:
    """They are refused one after the other; descriptors and tasks are given back."""
    async with unharmed(target), AsyncExitStack() as lines:
        for _ in range(1_000):
            await lines.enter_async_context(line_to(target.address))
        held = (await target.facts())["tasks"]
        assert target.descriptors <= 2 * limits.HANDSHAKES_MAX, held


@in_trio
async def test_a_storm_of_handshakes_is_slowed_down(target: Victim) -> None:
    """Strangers who do everything right but their name, as fast as they can, for two seconds."""

    async def storm() -> None:
        while True:
            with suppress(Gone, OSError):
                async with line_to(target.address) as line:
                    await secured(line, STRANGER)
                    await line.ended()

    async with unharmed(target, cpu=0.5):
        with trio.move_on_after(2):
            async with trio.open_nursery() as tasks:
                for _ in range(8):
                    tasks.start_soon(storm)


def test_an_origin_begins_so_many_handshakes_and_no_more() -> None:
    """HANDSHAKES_MAX at once, then HANDSHAKES_PER_SECOND; another origin has its own share."""
    door, here, there = Doorway[int](), origin_of("192.0.2.1"), origin_of("192.0.2.2")
    burst = [door.may_begin(here, 0.0) for _ in range(limits.HANDSHAKES_MAX + 1)]
    assert burst == [True] * limits.HANDSHAKES_MAX + [False]
    assert door.may_begin(there, 0.0)
    later = [door.may_begin(here, 1.0) for _ in range(limits.HANDSHAKES_PER_SECOND + 1)]
    assert later == [True] * limits.HANDSHAKES_PER_SECOND + [False]


def test_the_oldest_of_whoever_holds_most_makes_room() -> None:
    """One origin cannot displace another that holds less."""
    door, many, one = Doorway[int](), origin_of("192.0.2.1"), origin_of("192.0.2.2")
    assert door.enter(-1, one) is None
    for number in range(limits.HANDSHAKES_MAX - 1):
        assert door.enter(number, many) is None
    assert len(door) == limits.HANDSHAKES_MAX

    assert door.enter(1000, many) == 0
    assert door.enter(1001, one) == 1
    door.leave(-1)
    door.leave(-1)
    assert len(door) == limits.HANDSHAKES_MAX - 1
    assert door.enter(1002, one) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_origin_is_what_one_machine_may_have_for_itself(
    one: str, other: str, *, same: bool
) -> None:
    """An address of version 4, a network of version 6."""
    assert (origin_of(one) == origin_of(other)) is same


def test_origins_that_are_remembered_are_bounded() -> None:
    """A forged source per connection fills no table."""
    door = Doorway[int]()
    for number in range(10_000):
        door.may_begin(origin_of(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"), 0)
    assert len(door._rates) <= 4_096
