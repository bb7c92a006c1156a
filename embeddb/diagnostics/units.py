"""Numbers as people read them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits it, such as `1.5 MB`."""
    amount = float(count)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} {_UNITS[-1]}"


def postgres_version(number: int) -> str:
    """Return `server_version_num` as people write it: 180006 is `18.6`."""
    return f"{number // 10000}.{number % 10000}"
