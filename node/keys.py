"""Key files: a 32-byte secret seed beside what may be known about it.

    {"format": "mithaq.key", "version": 1, "purpose": "validator", "name": "finance",
     "public": "<64 hexadecimal digits>", "secret": "<64 hexadecimal digits>"}

- A file says what its key is for; a validator's key is never used as a node's, nor as an account's.
- A file is made once, with mode 0600, and never overwritten.
- A file that its group or the world can read is refused: the key must be taken for known.
- The public half must follow from the secret one, so that a file put together by hand cannot sign
  under a name that is not its own.
- No secret stands in an error, a `repr` or a log.
"""

import os
import secrets
import stat
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Annotated, Final, Literal, final

import msgspec
from msgspec import Meta, Struct

from primitives import limits
from primitives.crypto import SigningKey
from primitives.errors import OperatorFault
from primitives.ids import PublicKey
from storage.new_file import make_file

FORMAT: Final = "mithaq.key"
VERSION: Final = 1

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
_FILE_BYTES_MAX: Final = 4096

_Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


@unique
class Purpose(Enum):
    """What a key is for."""

    ACCOUNT = "account"
    """Signs transactions."""
    VALIDATOR = "validator"
    """Signs votes; only the signer uses it."""
    NODE = "node"
    """Authenticates connections between nodes."""


class _KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file, as it stands on disk."""

    format: Literal["mithaq.key"]
    version: Literal[1]
    purpose: Purpose
    name: Annotated[str, Meta(max_length=limits.NAME_LENGTH_MAX)]
    public: _Hex32
    secret: _Hex32


@final
@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with its secret; made by `create_key` and `read_key` only."""

    name: str
    purpose: Purpose
    public: PublicKey
    seed: bytes = field(repr=False)

    def signing(self) -> SigningKey:
        """The key, ready to sign."""
        return SigningKey(self.seed)


def create_key(path: Path, *, name: str, purpose: Purpose) -> StoredKey:
    """Make a new key and its file.

    Raises:
        OperatorFault: there is a file already, or the folder cannot be written.
    """
    seed = secrets.token_bytes(32)
    key = StoredKey(name, purpose, SigningKey(seed).public, seed)
    stored = _KeyFile(FORMAT, VERSION, purpose, name, key.public.hex(), seed.hex())
    data = msgspec.json.format(msgspec.json.encode(stored), indent=2) + b"\n"
    try:
        make_file(path, data, mode=_OWNER_ONLY)
    except FileExistsError as error:
        raise OperatorFault(f"{path} exists already; a key is never overwritten") from error
    except OSError as error:
        raise OperatorFault(f"{path} cannot be made: {error.strerror}") from error
    return key


def read_key(path: Path, purpose: Purpose) -> StoredKey:
    """The key of a file, for the purpose that the file must state.

    Raises:
        OperatorFault: the file is missing, can be read by others, is no key file, is for another
            purpose, or its two halves do not belong together.
    """
    stored = _read(path)
    if stored.purpose is not purpose:
        raise OperatorFault(
            f"{path} holds a key of purpose {stored.purpose.value}, expected {purpose.value}"
        )
    seed = bytes.fromhex(stored.secret)
    public = SigningKey(seed).public
    if public.hex() != stored.public:
        raise OperatorFault(
            f"{path}: the secret's public half is {public.hex()}, the file says {stored.public}"
        )
    return StoredKey(stored.name, purpose, public, seed)


def public_of(path: Path) -> PublicKey:
    """The public half that a key file states; for showing, not for signing.

    Raises:
        OperatorFault: as `read_key`, but for its purpose and whether the halves belong together.
    """
    return PublicKey(bytes.fromhex(_read(path).public))


def _read(path: Path) -> _KeyFile:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise OperatorFault(
                    f"{path} can be used by others (mode {mode:04o}, expected 0600): "
                    f"replace the key if anybody may have read it, else chmod 600 {path}"
                )
            data = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise OperatorFault(f"{path} is missing") from error
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _FILE_BYTES_MAX:
        raise OperatorFault(f"{path} is no key file: more than {_FILE_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(data, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec names the field and what it expects, never the value.
        raise OperatorFault(f"{path} is no key file of version {VERSION}: {error}") from error
