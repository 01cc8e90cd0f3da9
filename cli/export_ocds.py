"""`mithaq export ocds` and `seal`: a contracting process, from the plan to the payments.

What the procurement office says is in documents, which stay with it. On the chain stands a stamp of
each: a salted commitment, which says nothing to anybody without the document and its salt. `seal`
gives documents their salts; `export ocds` publishes those alone that were stamped by whoever the
books name.
"""

import json
import re
import secrets
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.export_treasury import (
    FOLDER,
    NAMES,
    PERIOD,
    TREASURY,
    TreasuryReader,
    names_in,
    write_folder,
)
from cli.home import client_of, home_of
from cli.session import Session, asking_command, command, program, table

if TYPE_CHECKING:
    from client.client import Client
    from exchange.treasury_data import TreasuryData
    from primitives.ids import AccountId

_SALT: Final = ".salt"
_SALT_BYTES: Final = 32
_ADDRESS: Final = re.compile(r"https?://[!-~]+")
_OWNER_ONLY: Final = 0o600


def _address(ctx: click.Context, parameter: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's
    if not _ADDRESS.fullmatch(value):
        raise click.BadParameter(
            f"expected an address such as https://example.org/, found {value!r}"
        )
    return value.rstrip("/") + "/"


@command("seal")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
def seal(session: Session, files: tuple[Path, ...]) -> None:
    """Give each FILE a salt, once, and say the commitment that is to be stamped.

    The salt stands beside the document, in FILE.salt. Whoever has both can show that this document
    was stamped; whoever has neither learns nothing from the stamp.
    """
    from cli.files import replace_file
    from primitives.crypto import commitment

    listed = []
    for path in files:
        beside = _beside(path)
        if not beside.exists():
            salt = secrets.token_hex(_SALT_BYTES) + "\n"
            replace_file(beside, salt.encode("ascii"), mode=_OWNER_ONLY)
        listed.append((str(path), commitment(_salt_of(path), _content(path)).hex()))
    session.show(
        [{"file": file, "commitment": found} for file, found in listed],
        table(("file", "commitment"), listed),
    )
    session.remark(
        f"let the agency stamp each: {program()} tx send registry.stamp_document "
        "--commitment COMMITMENT --act timestamp"
    )


@asking_command("ocds")
@TREASURY
@click.option(
    "--process", "ocid", required=True, metavar="OCID", help="The id of the contracting process."
)
@click.option(
    "--documents",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the releases of the procurement office: files .json, each beside its .salt.",
)
@click.option("--publisher", required=True, metavar="NAME", help="Who publishes the files.")
@click.option(
    "--uri",
    required=True,
    metavar="URI",
    callback=_address,
    help="Where they will be published, such as https://example.org/ocds/.",
)
@click.option(
    "--party",
    "parties",
    multiple=True,
    metavar="ACCOUNT=ID",
    help="Whom the documents call by another name: an account and its party there. Repeatable.",
)
@PERIOD
@NAMES
@FOLDER
def ocds(
    session: Session,
    treasury: str,
    ocid: str,
    documents: Path | None,
    publisher: str,
    uri: str,
    parties: tuple[str, ...],
    period: str | None,
    names_file: Path | None,
    output: Path,
) -> None:
    """Write the releases and the record of a contracting process (OCDS 1.1).

    The documents of the procurement office are published as they were stamped; a release out of the
    books of the TREASURY follows, with what was awarded, delivered and paid. A document that nobody
    of the TREASURY stamped is refused, and so is one that tells of a payment that was not made.
    """
    from cli.query import names_of
    from exchange.ocds import Process, Publisher, ocds_files
    from primitives.ids import AccountId

    home = home_of(session)
    people = names_of(home, None)
    known = {people.account(account): party for account, party in map(_party, parties)}
    names = names_in(session, names_file)
    with client_of(session) as client:
        data = TreasuryReader(session, client, treasury).at(period)
        releases = [
            release
            for path in ([] if documents is None else sorted(documents.glob("*.json")))
            for release in _stamped(client, path, _who_may_stamp(data, ocid))
        ]
    files = ocds_files(
        data,
        Process(
            ocid=ocid,
            documents=releases,
            parties={AccountId(bytes.fromhex(each)): party for each, party in known.items()},
        ),
        Publisher(name=publisher, uri=uri),
        names,
    )
    contents = {"releases.json": files.releases, "record.json": files.record}
    write_folder(session, output, contents, data)


def _party(text: str) -> tuple[str, str]:
    account, equals, party = text.partition("=")
    if not equals or not account or not party:
        raise click.BadParameter(f"expected ACCOUNT=ID, found {text!r}", param_hint="--party")
    return account, party


def _who_may_stamp(data: "TreasuryData", ocid: str) -> set["AccountId"]:
    """The ministry, and the agencies that have an award of the process."""
    agencies = {award.agency for award in data.awards if award.process == ocid}
    return {data.treasury.treasury, *agencies}


def _stamped(client: "Client", path: Path, stampers: set["AccountId"]) -> list[dict[str, Any]]:
    """The releases of a document, if it was stamped by one of these.

    Raises:
        OperatorFault: it was not, or it cannot be read.
        Malformed: it is no release.
    """
    from exchange.ocds import releases_in
    from primitives.crypto import commitment
    from primitives.errors import Malformed, OperatorFault

    content = _content(path)
    sealed = commitment(_salt_of(path), content)
    stamps = client.rows("registry.stamps", commitment=sealed)
    if not any(stamp.by in stampers for stamp in stamps):
        accounts = ", ".join(sorted(account.hex() for account in stampers))
        raise OperatorFault(f"{path} was stamped by none of {accounts}: {sealed.hex()}")
    try:
        found = json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path} is no JSON: {error}") from error
    try:
        return releases_in(found)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _SALT)


def _salt_of(path: Path) -> bytes:
    from primitives.errors import OperatorFault

    beside = _beside(path)
    try:
        salt = bytes.fromhex(beside.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise OperatorFault(
            f"{beside} has no salt: make one with `{program()} export seal`"
        ) from error
    if len(salt) != _SALT_BYTES:
        raise OperatorFault(f"{beside} has {len(salt)} bytes of salt, expected {_SALT_BYTES}")
    return salt


def _content(path: Path) -> bytes:
    from cli.files import read_file
    from exchange import limits
    from primitives.errors import Malformed

    data = read_file(path, limits.IMPORT_FILE_BYTES_MAX)
    if len(data) > limits.IMPORT_FILE_BYTES_MAX:
        raise Malformed(f"{path}: expected at most {limits.IMPORT_FILE_BYTES_MAX} bytes")
    return data
