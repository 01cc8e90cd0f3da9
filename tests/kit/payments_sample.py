"""Makes configs/samples/payments-sample.csv: invented payments with every trap of a real file.

`python -m kit.payments_sample` (from tests/) writes it anew; a test compares.
"""

import csv
import io
import random
import sys
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

ROWS: Final = 200
_FIRST: Final = (
    "Northgate",
    "Harbour",
    "Meridian",
    "Oakfield",
    "Silverline",
    "Brookside",
    "Summit",
)
_LAST: Final = ("Paving", "Catering", "Légal & Co", "Signs, Lamps and Posts", '"Quick" Repairs')
_PURPOSES: Final = ("Road repair", "Catering", "Legal fees", "Street lighting", "Office supplies")


def sample(rows: int = ROWS) -> bytes:
    """The file; the same bytes each time."""
    chance = random.Random("payments-sample")
    vendors = [f"{first} {last}" for first in _FIRST for last in _LAST]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Vendor", "AccountDescription", "Amount", "Date", "Source"])
    day, paid = date(2023, 1, 3), dict.fromkeys(vendors, 0)
    previous: list[str] = []
    for number in range(1, rows + 1):
        day += timedelta(days=chance.choice((1, 3, 5, 8)))
        vendor = chance.choice(vendors[1:])
        pence = chance.randint(5_00, 9_000_00)
        if number == 120:  # the only rows of this vendor: it ends below zero
            vendor, pence = vendors[0], -450_00
        elif number % 17 == 0 and paid[vendor] > 100_00:
            pence = -chance.randint(1_00, 100_00)
        row = [vendor, chance.choice(_PURPOSES), _decimal(pence), day.isoformat()]
        if number % 25 == 0:  # alike in all but the reference: two payments
            row, day = previous, date.fromisoformat(previous[3])
            vendor, pence = row[0], _pence(row[2])
        paid[vendor] += pence
        writer.writerow([*row, f"{number}-{day:%Y-%m}"])
        previous = row
    return text.getvalue().encode()


def _pence(text: str) -> int:
    return int(Decimal(text) * 100)


def _decimal(pence: int) -> str:
    whole, part = divmod(abs(pence), 100)
    sign = "-" if pence < 0 else ""
    return f"{sign}{whole}.{part:02d}" if part else f"{sign}{whole}"


if __name__ == "__main__":
    sys.stdout.buffer.write(sample())
