"""What the messages of ISO 20022 have in common: codes, amounts, parties, identifiers.

Their identifiers are short: 35 characters for most things, 34 for an account that has no IBAN. A
transaction of ours is known there by the first 32 of its 64 hexadecimal digits (128 bits, which
nobody makes collide by chance), and in full in a field for text. A **UETR** must look like a random
UUID; ours is made of the digest of what it names, so that it is the same whenever it is asked for.

Names and bank accounts of payees come from the vendor book of the agency, and are in these files
alone; no ledger has them.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from hashlib import sha256
from typing import Final, final
from uuid import UUID

from exchange.treasury_data import whole_units
from exchange.xml import Element, element
from primitives.errors import Malformed

TEXT_35: Final = 35
TEXT_105: Final = 105
TEXT_140: Final = 140
TEXT_500: Final = 500
DIGITS_MAX: Final = 18
"""Digits of an amount, those behind the point included (`ActiveCurrencyAndAmount`)."""
EXPONENT_MAX: Final = 5
"""Of these so many may stand behind the point."""
NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}")
_NUMBER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ./-]{0,32}[A-Za-z0-9])?")
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_DECIMAL: Final = re.compile(r"\+?(?P<whole>[0-9]{0,18})(?:\.(?P<part>[0-9]{0,18}))?")


@unique
class Status(Enum):
    """How an instruction stands (external code sets, ExternalPaymentTransactionStatus1Code)."""

    ACCEPTED = "ACCP"
    SETTLED = "ACSC"
    PENDING = "PDNG"
    REJECTED = "RJCT"


@unique
class Reason(Enum):
    """Why an instruction is rejected (external code sets, ExternalStatusReason1Code)."""

    ACCOUNT_WRONG = "AC01"
    CREDITOR_ACCOUNT_INVALID = "AC03"
    BANK_WRONG = "AGNT"
    FORBIDDEN = "AG01"
    ZERO_AMOUNT = "AM01"
    AMOUNT_NOT_ALLOWED = "AM02"
    CURRENCY_NOT_ALLOWED = "AM03"
    DUPLICATE = "AM05"
    CONTROL_SUM_WRONG = "AM10"
    AMOUNT_INVALID = "AM12"
    COUNT_WRONG = "AM18"
    CREDITOR_INCONSISTENT = "BE01"
    CREDITOR_NAME_MISSING = "BE22"
    CANCELLED = "DS02"
    DATE_INVALID = "DT01"
    PAYMENT_TYPE_INVALID = "FF03"
    NARRATIVE = "NARR"
    REMITTANCE_INVALID = "RR07"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """Where a party is paid: an IBAN or what its bank calls the account, and the bank."""

    number: str
    bic: str | None

    @property
    def is_iban(self) -> bool:
        """Whether the number is an IBAN with its check digits."""
        return is_iban(self.number)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A name as its bank knows it, and its account there."""

    name: str
    account: BankAccount


def is_iban(text: str) -> bool:
    """Whether a text is an IBAN and its check digits hold (ISO 13616, ISO 7064 mod 97-10)."""
    if not _IBAN.fullmatch(text):
        return False
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1


def is_account_number(text: str) -> bool:
    """Whether a text may be an account's number; what looks like an IBAN must be one."""
    return is_iban(text) if _IBAN.fullmatch(text) else _NUMBER.fullmatch(text) is not None


def is_bic(text: str) -> bool:
    """Whether a text has the form of a BIC (ISO 9362)."""
    return _BIC.fullmatch(text) is not None


def currency(asset: str, exponent: int) -> str:
    """The asset as these messages name it.

    Raises:
        Malformed: it is no currency to them.
    """
    if not _CURRENCY.fullmatch(asset) or exponent > EXPONENT_MAX:
        raise Malformed(
            f"ISO 20022 knows currencies of three letters with at most {EXPONENT_MAX} decimal "
            f"places, found {asset} with {exponent}"
        )
    return asset


def minor_units(text: str | None, exponent: int) -> int | None:
    """A decimal number (xs:decimal) in minor units; None if it is none or has smaller parts."""
    found = _DECIMAL.fullmatch(text or "")
    if found is None or not (found["whole"] or found["part"]):
        return None
    part = found["part"] or ""
    if part[exponent:].strip("0"):
        return None
    return int((found["whole"] or "0") + part[:exponent].ljust(exponent, "0"))


def amount(tag: str, minor: int, exponent: int, code: str) -> Element:
    """An element that holds an amount of a currency.

    Raises:
        Malformed: it has more digits than these messages carry.
    """
    if len(str(minor)) > DIGITS_MAX:
        raise Malformed(f"expected an amount of at most {DIGITS_MAX} digits, found {minor}")
    return element(tag, whole_units(minor, exponent), Ccy=code)


def moment(time_ms: int) -> str:
    """A time, as ISODateTime."""
    exact = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return exact.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03}Z"


def utc_day(time_ms: int) -> str:
    """The day of a time."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d")


def short(text: str, length: int = TEXT_35) -> str:
    """The text if it fits, else its beginning and a piece of its digest: never two for one."""
    if len(text) <= length:
        return text
    mark = sha256(text.encode("utf-8")).hexdigest()[:10]
    return f"{text[: length - len(mark) - 1]}~{mark}"


def reference(identifier: bytes) -> str:
    """How a transaction or an account is known where 35 characters must do."""
    return identifier.hex()[:32]


def uetr(*parts: bytes) -> str:
    """The unique end-to-end transaction reference of what the parts name together."""
    hashed = sha256(b"".join(sha256(part).digest() for part in parts)).digest()
    return str(UUID(bytes=hashed[:16], version=4))


def name(text: str) -> Element:
    """A party's name."""
    return element("Nm", text[:TEXT_140])


def account(tag: str, where: BankAccount) -> Element:
    """A party's account: an IBAN, or whatever its bank calls it."""
    if where.is_iban:
        return element(tag, element("Id", element("IBAN", where.number)))
    other = element("Othr", element("Id", where.number))
    return element(tag, element("Id", other))


def agent(tag: str, where: BankAccount) -> Element:
    """A party's bank; whoever has no BIC is said to have none."""
    if where.bic is not None:
        known = element("BICFI", where.bic)
    else:
        known = element("Othr", element("Id", "NOTPROVIDED"))
    return element(tag, element("FinInstnId", known))


def document_reference(code: str, number: str) -> Element:
    """A document that a payment refers to, of a kind such as CINV or PUOR."""
    kind = element("Tp", element("CdOrPrtry", element("Cd", code)))
    return element("RfrdDocInf", kind, element("Nb", short(number)))
