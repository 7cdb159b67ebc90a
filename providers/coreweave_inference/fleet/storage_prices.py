"""List prices of object storage, by how recently an object was read. Dated data, not anybody's contract."""

from __future__ import annotations

from decimal import Decimal

GB = 10**9
CURRENCY = "USD"
PER_GB_MONTH = {
    "hot": Decimal("0.06"),
    "warm": Decimal("0.03"),
    "cold": Decimal("0.015"),
    "archive": Decimal("0.0125"),
}
"""What one GB costs for a month in each class; nothing is paid for what leaves the storage."""
DEAREST = "hot"


def per_month(size: int) -> Decimal:
    """What so many bytes cost in a month at most: a listing does not tell the class of an object."""
    return (PER_GB_MONTH[DEAREST] * size / GB).quantize(Decimal("0.01"))


def money(size: int) -> str:
    """`up to 0.96 USD a month`."""
    return f"up to {per_month(size):,} {CURRENCY} a month"
