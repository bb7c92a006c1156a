"""Which hosts may be asked, and at which of their addresses."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

import httpx

from embeddb.errors import ConfigurationError, SourceError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BELOW = "*."

_TRANSLATED = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""NAT64 (RFC 6052, RFC 8215), and IPv4-compatible addresses, deprecated by RFC 4291."""


@dataclass(frozen=True)
class AllowedHost:
    """A host that may be asked, or all below one.

    Attributes:
        name: in lower case, as the domain name system has it.
        below: whether the hosts below it are meant, and not the host itself.
        port: the port that may be asked, too; None: only the usual one.
    """

    name: str
    below: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> AllowedHost:
        """Read `docs.example.org`, `*.example.org` or `host:8080`.

        Raises:
            ConfigurationError: it is none of these.
        """
        below = text.startswith(_BELOW)
        try:
            url = httpx.URL("//" + (text.removeprefix(_BELOW) if below else text).strip())
            name = _name(url)
        except (httpx.InvalidURL, TypeError, ValueError):
            name = ""
        if not name or "*" in name or url.path not in ("", "/") or url.userinfo or url.query:
            raise ConfigurationError(
                f"{text!r} is no host: write docs.example.org, *.example.org or host:8080."
            )
        return cls(name=name, below=below, port=url.port)

    def holds(self, url: httpx.URL) -> bool:
        """Return whether a URL is of this host, at a port that may be asked."""
        name = _name(url)
        if name != self.name if not self.below else not name.endswith("." + self.name):
            return False
        port = url.port or _DEFAULT_PORTS.get(url.scheme)
        return port in (_DEFAULT_PORTS.get(url.scheme), self.port)


def checked_address(url: httpx.URL, *, allow_private: bool) -> str:
    """Return the address to ask for a URL: its host's name is resolved here, and not again.

    Raises:
        SourceError: the host has no address, or one that is not public.
    """
    host = url.host.rstrip(".")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"the host {host} has no address: {error}") from error
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise SourceError(
                    f"the host {host} is at {address}, in a private network or on this machine, "
                    "which is not asked"
                )
    return addresses[0]


def is_public(text: str) -> bool:
    """Return whether an address is one of the internet; one that stands for another is not."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and _stands_for_another(address):
        return False
    return address.is_global and not address.is_multicast


def _stands_for_another(address: IPv6Address) -> bool:
    """Return whether an IPv6 address leads to an IPv4 one, which may be a private one."""
    if address.ipv4_mapped or address.sixtofour or address.teredo:
        return True
    return any(address in network for network in _TRANSLATED)


def _name(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").rstrip(".").lower()
