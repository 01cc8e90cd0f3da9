"""A small file as a QR code: one picture that a camera reads back to the same bytes."""

from io import BytesIO
from pathlib import Path
from typing import Final

import click

from cli.files import replace_file
from primitives import limits
from primitives.errors import Rejected

TOO_LARGE: Final = "proof.too_large_for_qr"

_SCALE: Final = 4
"""Pixels of a module: a code of version 40 is then 740 pixels wide."""
_KINDS: Final = (".svg", ".png")


def check_picture(file: Path) -> None:
    """Raises:
    UsageError: no kind of picture that is drawn here.
    """
    if file.suffix.lower() not in _KINDS:
        raise click.UsageError(f"--qr: expected a file that ends in .svg or .png, found {file}")


def write_qr(file: Path, data: bytes) -> None:
    """Draw `data` in byte mode with the least correction: the most bytes that a code holds.

    Raises:
        Rejected: they do not fit one code.
    """
    import segno

    if len(data) > limits.QR_BYTES_MAX:
        raise Rejected(
            TOO_LARGE,
            f"the proof has {len(data)} bytes, a QR code holds at most {limits.QR_BYTES_MAX}: a "
            "file that begins at a checkpoint is shorter (--from HEIGHT)",
            {"expected": f"at most {limits.QR_BYTES_MAX} bytes", "actual": len(data)},
        )
    picture = BytesIO()
    code = segno.make(data, error="l", mode="byte", micro=False, boost_error=False)
    code.save(picture, kind=file.suffix.lower()[1:], scale=_SCALE)
    replace_file(file, picture.getvalue())
