"""Pages of the web, from hosts that are allowed by name."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from embeddb.errors import (
    ConfigurationError,
    DocumentTooLargeError,
    EmbedDBError,
    EmptyDocumentError,
    SourceError,
    UnreadableDocumentError,
    UnsupportedFormatError,
)
from embeddb.records import Document, Failure
from embeddb.sources.addresses import AllowedHost, checked_address
from embeddb.sources.formats import NO_PARSER, recognize, recognize_as
from embeddb.sources.parsers import parse

MAX_BYTES = 16 * 1024 * 1024
SECONDS = 30.0
MAX_REDIRECTS = 5
READ_SECONDS = 10.0
"""The longest silence of a server, within the time of the page."""

_GZIP = ("gzip", "x-gzip")

_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Media types of servers that do not know what they send."""


class _Page(NamedTuple):
    url: httpx.URL
    data: bytes
    media_type: str
    charset: str | None


@dataclass(frozen=True)
class URLs:
    """Pages and files at `http://` and `https://` addresses; no link in them is followed.

    The parser is that of the media type that the server names. The id of a document is its URL,
    without the fragment.

    Args:
        urls: the addresses.
        allow: the hosts that may be asked, also by a redirect: `docs.example.org`, or
            `*.example.org` for those below one; with `host:8080` also at that port.
        max_bytes: the most bytes of one page.
        seconds: the most time for one page, redirects included.
        allow_private: whether a host may be on this machine or in a private network. Otherwise
            each name is resolved once, and the address that was checked is the one that is asked.

    Raises:
        ConfigurationError: no host is allowed, or one is no host.
    """

    urls: str | Sequence[str]
    allow: Sequence[str]
    max_bytes: int = MAX_BYTES
    seconds: float = SECONDS
    allow_private: bool = False
    _allowed: tuple[AllowedHost, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.allow, str) or not self.allow:
            raise ConfigurationError(
                "No host is allowed: name those that may be asked, as in "
                'allow=["docs.example.org"] (--allow-host).'
            )
        object.__setattr__(self, "_allowed", tuple(map(AllowedHost.parse, self.allow)))

    def documents(self) -> Iterator[Document | Failure]:
        """Yield the document of each URL, or the Failure of one that cannot be read."""
        for url in self._listed():
            try:
                yield self._document(url)
            except EmbedDBError as error:
                kind = type(error).__name__
                yield Failure(id=_id(url), error=kind, message=str(error), document=True)

    def count(self) -> int | None:
        """Return how many URLs there are."""
        return len(self._listed())

    def identity(self) -> str | None:
        """Return the URL if it is one alone: several are one source only under a name."""
        urls = self._listed()
        return _id(urls[0]) if len(urls) == 1 else None

    def _listed(self) -> list[str]:
        return [self.urls] if isinstance(self.urls, str) else list(self.urls)

    def _document(self, given: str) -> Document:
        page = self._fetched(given)
        encoding = page.charset or "utf-8"
        if page.media_type in _UNTOLD:
            media_type = recognize(page.url.path, page.data, encoding)
        else:
            media_type = recognize_as(page.media_type, page.data, encoding)
        if media_type in NO_PARSER or media_type.startswith(("image/", "audio/", "video/")):
            raise UnsupportedFormatError(f"no parser reads {media_type}")
        parsed = parse(page.data, media_type, encoding)
        if not parsed.text.strip():
            raise EmptyDocumentError("the page has no text")
        return Document(
            id=_id(given),
            content=parsed.text,
            metadata=parsed.about(),
            uri=str(page.url),
            media_type=media_type,
        )

    def _fetched(self, given: str) -> _Page:
        """Return what is at a URL, after its redirects, within the time of a page.

        A server that sends a byte now and then never meets a limit on reads, so the time is that
        of a thread, which ends once its connections are closed.

        Raises:
            SourceError: it may not be asked, or does not answer with a page.
            DocumentTooLargeError: the page has more than `max_bytes`.
        """
        # neither proxies nor passwords of the environment, which would see or be sent the request
        client = httpx.Client(trust_env=False, follow_redirects=False)
        answer: Future[_Page] = Future()

        def fetch() -> None:
            try:
                answer.set_result(self._fetch(client, given))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=fetch, name="embeddb-page", daemon=True).start()
        try:
            return answer.result(timeout=self.seconds)
        except TimeoutError:
            raise self._late() from None
        finally:
            client.close()

    def _fetch(self, client: httpx.Client, given: str) -> _Page:
        ends = time.monotonic() + self.seconds
        url = _parsed(given)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                with closing(self._answer(client, url, ends)) as response:
                    if not response.has_redirect_location:
                        return self._page(url, response)
                    following = _parsed(str(url.join(response.headers["location"])))
            except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
                what = str(error) or type(error).__name__
                raise SourceError(f"{url} cannot be read: {what}") from error
            if url.scheme == "https" and following.scheme != "https":
                raise SourceError(f"{url} leads from https to http, which is not followed")
            url = following
        raise SourceError(f"more than {MAX_REDIRECTS} redirects, the last one to {url}")

    def _answer(self, client: httpx.Client, url: httpx.URL, ends: float) -> httpx.Response:
        """Send a request to the checked address of a host; the certificate is the host's."""
        if not any(one.holds(url) for one in self._allowed):
            raise SourceError(
                f"the host of {url} is not among those that are allowed: add it to allow=[…] "
                "(--allow-host) if it may be asked"
            )
        address = checked_address(url, allow_private=self.allow_private)
        client.cookies.clear()
        wait = min(READ_SECONDS, ends - time.monotonic())
        if wait <= 0:
            raise self._late()
        request = client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": "embeddb",
                "Accept-Encoding": "identity",
            },
            timeout=wait,
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        return client.send(request, stream=True)

    def _page(self, url: httpx.URL, response: httpx.Response) -> _Page:
        if response.status_code != httpx.codes.OK:
            raise SourceError(
                f"{url} answers with {response.status_code} {response.reason_phrase}".rstrip()
            )
        data = self._read(url, response)
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return _Page(url, data, media_type, response.charset_encoding)

    def _read(self, url: httpx.URL, response: httpx.Response) -> bytes:
        """Return the bytes of an answer; the limit is on those sent, and on what they become."""
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("identity", "", *_GZIP):
            raise SourceError(f"{url} is packed with {packing}, though nothing asked for that")
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if packing in _GZIP else None
        data, sent = bytearray(), 0
        for part in response.iter_raw():
            sent += len(part)
            room = self.max_bytes + 1 - len(data)
            data += part if unpacker is None else unpacker.decompress(part, room)
            if max(sent, len(data)) > self.max_bytes:
                raise DocumentTooLargeError(f"{url} has more than {self.max_bytes:,} bytes")
        if unpacker is not None and not unpacker.eof:
            raise SourceError(f"{url} cannot be read: its gzip data are cut")
        return bytes(data)

    def _late(self) -> SourceError:
        return SourceError(f"the page was not there within {self.seconds:g} seconds")


def _parsed(given: str) -> httpx.URL:
    """Return a URL that may be asked for, without its fragment.

    Raises:
        UnreadableDocumentError: it is none.
        SourceError: it is of another kind, or carries a password.
    """
    try:
        url = httpx.URL(given).copy_with(fragment=None)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise UnreadableDocumentError(f"not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SourceError("only http:// and https:// URLs are read")
    if url.userinfo:
        raise SourceError("the URL holds a user's name or password: leave it out")
    return url


def _id(url: str) -> str:
    return url.partition("#")[0]
