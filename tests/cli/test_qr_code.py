"""A proof as a QR code: what a camera reads is the file, byte for byte."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import click
import pytest
import zxingcpp

from cli.qr import check_picture, write_qr
from kit.proofs import small_chain
from node.proof import write_proof
from primitives import limits
from primitives.errors import Rejected
from verifier import Outcome, verify

CHAIN = small_chain(validators=7)
PROOF = write_proof(CHAIN.receipt_proof())


def pixels_of_png(data: bytes) -> memoryview:
    """The picture of a PNG with one bit per pixel, without any library for pictures."""
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    assert (depth, colours) == (1, 0), "one bit of grey"
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    raw, row, rows = zlib.decompress(packed), (width + 7) // 8, b""
    before = bytes(row)
    for line in range(height):
        start = line * (row + 1)
        kind, data_of_row = raw[start], raw[start + 1 : start + 1 + row]
        assert kind in (0, 2), "no filter, or the row above"
        if kind == 2:
            data_of_row = bytes((a + b) & 255 for a, b in zip(data_of_row, before, strict=True))
        before = data_of_row
        bits = "".join(f"{byte:08b}" for byte in data_of_row)[:width]
        rows += bytes(255 if bit == "1" else 0 for bit in bits)
    return memoryview(rows).cast("B", (height, width))


def pixels_of_svg(text: str) -> memoryview:
    """The same of the strokes of an SVG, of which each is one module high."""
    size = re.search(r'width="(\d+)" height="(\d+)"', text)
    scale = re.search(r"scale\((\d+)\)", text)
    path = re.search(r' d="([^"]+)"', text)
    assert size is not None
    assert scale is not None
    assert path is not None
    factor, width = int(scale[1]), int(size[1])
    picture = [bytearray(b"\xff" * width) for _ in range(width)]
    x, y = 0.0, 0.0
    for kind, numbers in re.findall(r"([Mmh])([-\d. ]+)", path[1]):
        given = [float(number) for number in numbers.split()]
        if kind == "h":
            for line in range(round((y - 0.5) * factor), round((y + 0.5) * factor)):
                for column in range(round(x * factor), round((x + given[0]) * factor)):
                    picture[line][column] = 0
            x += given[0]
        else:
            x, y = (given[0], given[1]) if kind == "M" else (x + given[0], y + given[1])
    return memoryview(b"".join(picture)).cast("B", (width, width))


def read(picture: memoryview) -> bytes:
    (code,) = zxingcpp.read_barcodes(picture)
    return bytes(code.bytes)


@pytest.mark.parametrize("size", [1, 1_000, limits.QR_BYTES_MAX])
def test_a_camera_reads_what_was_drawn(tmp_path: Path, size: int) -> None:
    """Up to the largest code that there is."""
    data = (PROOF * 2)[:size]

    write_qr(tmp_path / "a.png", data)

    assert read(pixels_of_png((tmp_path / "a.png").read_bytes())) == data


def test_a_proof_with_seven_validators_is_read_from_either_picture(tmp_path: Path) -> None:
    """And what was read is valid."""
    write_qr(tmp_path / "a.png", PROOF)
    write_qr(tmp_path / "a.svg", PROOF)

    seen = read(pixels_of_png((tmp_path / "a.png").read_bytes()))

    assert read(pixels_of_svg((tmp_path / "a.svg").read_text())) == seen == PROOF
    assert verify(seen, CHAIN.pin).outcome is Outcome.VALID


def test_one_byte_too_many_is_refused_with_both_numbers(tmp_path: Path) -> None:
    """limits.QR_BYTES_MAX; nothing is written."""
    with pytest.raises(Rejected, match="2954 bytes, a QR code holds at most 2953") as refusal:
        write_qr(tmp_path / "a.png", bytes(limits.QR_BYTES_MAX + 1))

    assert refusal.value.code == "proof.too_large_for_qr"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.jpg", "png", "a", "a.png.gz"])
def test_another_kind_of_picture_is_a_usage_error(name: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(click.UsageError, match=r"ends in \.svg or \.png"):
        check_picture(Path(name))
