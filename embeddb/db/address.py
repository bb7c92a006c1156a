"""Where a database is: addresses as users write them, made into what libpq reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_plus

import psycopg
from psycopg import conninfo

from embeddb.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+._-]*)://(?:(?P<user>[^@/]*)@)?(?P<place>[^?]*)(?:\?(?P<query>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEME = re.compile(r"postgres(?:ql)?(?P<driver>\+\w+)?", re.IGNORECASE)

_OF_DRIVERS = frozenset(
    {
        *("prepared_statement_cache_size", "prepared_statement_name_func"),
        *("statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size"),
        *("command_timeout", "async_fallback", "prepare_threshold"),
        *("pgbouncer", "connection_limit", "pool_timeout", "supa"),
    }
)
"""What a URL tells one driver of how to go about its work, and nothing about the database."""

_FOREIGN = _OF_DRIVERS | {"ssl", "timeout"}
"""What libpq does not know; the last two are asyncpg's for `sslmode` and `connect_timeout`."""

_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
"""Values of `ssl`; the others are those of `sslmode`."""

_UNKNOWN = re.compile(r'URI query parameter:? "(\w+)"')


def libpq_address(address: str | URL) -> str:
    """Return an address as libpq reads it: a URL, or `host=… dbname=…`.

    A URL of SQLAlchemy's means the same database: the driver in it (`+psycopg`, `+asyncpg`, …) is
    left out, and so is what only that driver reads.

    Raises:
        ConfigurationError: it is malformed; the message shows nothing that may be a password.
    """
    text = address if isinstance(address, str) else address.render_as_string(hide_password=False)
    text = text.strip()
    found = _URL.fullmatch(text)
    if found is not None:
        text = _url(found)
    try:
        fields = conninfo.conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        # without the error itself, which quotes the address
        raise _malformed(_reason(str(error)) if found else "") from None
    if found is not None:
        _check(found["place"], str(fields.get("port") or ""))
    return text


def place_of(address: str) -> str:
    """Return where an address points, without user and password."""
    try:
        fields = conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        return "(malformed connection string)"
    place = fields.get("host") or fields.get("hostaddr") or "local socket"
    return f"{place}/{fields.get('dbname') or fields.get('user') or ''}"


def _url(found: re.Match[str]) -> str:
    scheme = _SCHEME.fullmatch(found["scheme"])
    if scheme is None:
        raise _malformed(f"{found['scheme']}:// is no database of Postgres")
    pairs = [pair.partition("=")[::2] for pair in (found["query"] or "").split("&") if pair]
    names = [name for name, _ in pairs]
    if not scheme["driver"] and names.count("host") < 2 and _FOREIGN.isdisjoint(names):
        return found.group()
    decode = unquote_plus if scheme["driver"] else unquote  # SQLAlchemy writes a space as a plus
    parameters = list(_parameters([(name, decode(value)) for name, value in pairs]))
    query = "&".join(f"{name}={quote(value)}" for name, value in _joined(parameters).items())
    # SQLAlchemy leaves a space in a password as it is, and libpq takes none
    user = "" if found["user"] is None else found["user"].replace(" ", "%20") + "@"
    return f"postgresql://{user}{found['place']}" + (f"?{query}" if query else "")


def _parameters(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a URL that say something of the database, as libpq calls them."""
    has_sslmode = "sslmode" in dict(pairs)
    for name, value in pairs:
        if name == "ssl":
            if not has_sslmode:
                yield "sslmode", _SSL.get(value.lower(), value.lower())
        elif name == "timeout":
            yield "connect_timeout", value
        elif name not in _OF_DRIVERS:
            yield name, value


def _joined(parameters: list[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters with several hosts, each with its port, as libpq lists them."""
    joined = dict(parameters)
    hosts = [value for name, value in parameters if name == "host"]
    if len(hosts) > 1:
        parts = [host.partition(":") for host in hosts]
        joined["host"] = ",".join(host for host, _, _ in parts)
        if any(port for _, _, port in parts):
            joined["port"] = ",".join(port for _, _, port in parts)
    return joined


def _check(place: str, port: str) -> None:
    """Check that no part of a password was read as something else.

    Raises:
        ConfigurationError: it was, because a character in it is not percent-encoded.
    """
    if "@" in place or not re.fullmatch(r"[\d,]*", port):
        raise _malformed(
            "host, port and database cannot be told from user and password. In those, write the "
            "characters @ : / ? # % as %40 %3A %2F %3F %23 %25"
        )


def _reason(said: str) -> str:
    unknown = _UNKNOWN.search(said)
    return f"it has the parameter {unknown[1]!r}, which libpq does not know" if unknown else ""


def _malformed(reason: str) -> ConfigurationError:
    return ConfigurationError(
        "The connection string is malformed"
        + (f": {reason}" if reason else "")
        + ". Write postgresql://USER@HOST:PORT/DATABASE?sslmode=require, with USER:PASSWORD where "
        "there is one, or host=HOST dbname=DATABASE user=USER."
    )
