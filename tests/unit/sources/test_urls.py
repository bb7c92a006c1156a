"""Pages of the web: which hosts are asked, and what a server may do to a run."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from embeddb.errors import ConfigurationError, SourceError
from embeddb.records import Document, Failure
from embeddb.sources import URLs, open_source
from embeddb.sources.addresses import AllowedHost, checked_address, is_public

HTML = b"<html><head><title>Hours</title></head><body><p>Open at nine.</p></body></html>"
Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A web server whose answers a test chooses, by the path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.held: set[str] = set()
        self.let_go = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, self.headers["Host"]))
                status, headers, body = site.answers[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if self.path in site.held:
                    site.let_go.wait(60)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"localhost:{self.server.server_port}"

    def page(self, path: str, body: bytes, media_type: str = "text/html", **headers: str) -> str:
        self.answers[path] = (200, {"Content-Type": media_type, **headers}, body)
        return f"http://{self.host}{path}"

    def redirect(self, path: str, to: str) -> str:
        self.answers[path] = (302, {"Location": to}, b"")
        return f"http://{self.host}{path}"

    def read(self, *urls: str, **options: float) -> list[Document | Failure]:
        source = URLs(urls, allow=[self.host], allow_private=True)
        for name, value in options.items():
            object.__setattr__(source, name, value)
        return list(source.documents())


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_page_is_a_document_by_its_media_type(site: Site) -> None:
    page = site.page("/hours?day=1", HTML, "text/html; charset=utf-8")
    plain = site.page("/notes", "Käse".encode("latin-1"), "text/plain; charset=iso-8859-1")
    untold = site.page("/read.md", b"# Title\n\nText.", "application/octet-stream")
    first, second, third = site.read(page + "#part", plain, untold)
    assert isinstance(first, Document) and isinstance(second, Document)
    assert isinstance(third, Document)
    assert (first.id, first.uri, first.media_type) == (page, page, "text/html")
    assert (first.content, first.metadata) == ("Open at nine.", {"title": "Hours"})
    assert second.content == "Käse"
    assert (third.media_type, third.metadata["title"]) == ("text/markdown", "Title")
    assert site.asked[0] == ("/hours?day=1", site.host)


def test_a_redirect_is_followed_to_hosts_that_are_allowed(site: Site) -> None:
    site.page("/new", HTML)
    moved = site.redirect("/old", "/new")
    away = site.redirect("/away", "http://other.example/")
    circle = site.redirect("/circle", "/circle")
    inward = site.redirect("/inward", "file:///etc/passwd")
    document, *failures = site.read(moved, away, circle, inward)
    assert isinstance(document, Document)
    assert (document.id, document.uri) == (moved, f"http://{site.host}/new")
    assert [failure.id for failure in failures] == [away, circle, inward]
    told = [failure.message for failure in failures if isinstance(failure, Failure)]
    assert "other.example" in told[0] and "--allow-host" in told[0]
    assert "more than 5 redirects" in told[1]
    assert "only http:// and https://" in told[2]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((404, {}, b"gone"), "SourceError", "404 Not Found"),
        ((200, {"Content-Type": "text/html"}, b""), "EmptyDocumentError", "no text"),
        ((200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n"), "UnsupportedFormatError", ""),
        ((200, {"Content-Type": "text/html"}, b"x" * 3000), "DocumentTooLargeError", "2,000 bytes"),
        (
            (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 9_000_000)),
            "DocumentTooLargeError",
            "2,000 bytes",
        ),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "SourceError", "cannot be read"),
        ((200, {"Content-Length": "50"}, b"short"), "SourceError", "cannot be read"),
        ((200, {"Content-Type": "text/plain; charset=x-no"}, b"text"), "Unreadable", ""),
    ],
)
def test_what_cannot_be_taken_fails_its_own_page(
    site: Site, answer: Answer, error: str, message: str
) -> None:
    site.answers["/odd"] = answer
    good = site.page("/good", b"fine", "text/plain")
    failure, document = site.read(f"http://{site.host}/odd", good, max_bytes=2_000)
    assert isinstance(failure, Failure) and isinstance(document, Document)
    assert failure.document and error in failure.error and message in failure.message


def test_a_page_that_never_ends_is_given_up(site: Site) -> None:
    site.answers["/slow"] = (200, {"Content-Type": "text/plain", "Content-Length": "9"}, b"begun")
    site.held.add("/slow")
    good = site.page("/good", b"fine", "text/plain")
    failure, document = site.read(f"http://{site.host}/slow", good, seconds=2.0)
    site.let_go.set()
    assert isinstance(failure, Failure) and "within 2 seconds" in failure.message
    assert isinstance(document, Document)


def test_packed_bytes_that_become_nothing_are_counted(site: Site) -> None:
    empty = zlib.compressobj(wbits=31)
    blocks = b"".join(empty.flush(zlib.Z_FULL_FLUSH) or b"\0\0\0\xff\xff" for _ in range(2_000))
    site.answers["/empty"] = (200, {"Content-Encoding": "gzip"}, empty.compress(b"") + blocks)
    site.answers["/br"] = (200, {"Content-Encoding": "br"}, b"x")
    told = site.read(*(f"http://{site.host}/{name}" for name in ("empty", "br")), max_bytes=1_000)
    assert [failure.error for failure in told if isinstance(failure, Failure)] == [
        "DocumentTooLargeError",
        "SourceError",
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://localhost/a", "only http"),
        ("http:///a", "only http"),
        ("http://user:secret@localhost/", "leave it out"),
        ("http://[::1/", "not a URL"),
        ("http://elsewhere/", "not among those"),
        ("http://localhost.evil.example/", "not among those"),
        ("http://localhost:22/", "not among those"),
    ],
)
def test_what_may_not_be_asked_is_a_failure(url: str, message: str) -> None:
    (failure,) = URLs([url], allow=["localhost"], allow_private=True).documents()
    assert isinstance(failure, Failure) and message in failure.message
    assert "secret" not in failure.message


def test_a_private_address_is_not_asked(site: Site) -> None:
    url = site.page("/", HTML)
    (failure,) = URLs(url, allow=[site.host]).documents()
    assert isinstance(failure, Failure) and "private network" in failure.message
    assert site.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    known: Callable[..., Any] = socket.getaddrinfo

    def rebinding(host: object, *rest: object, **options: object) -> Any:  # noqa: ANN401
        if host != "rebind.example":
            return known(host, *rest, **options)
        asked.append(host)
        return known("127.0.0.1" if len(asked) == 1 else "192.0.2.1", None)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    site.page("/", HTML)
    port = site.server.server_port
    url = f"http://rebind.example:{port}/"
    (document,) = URLs(url, allow=[f"rebind.example:{port}"], allow_private=True).documents()
    assert isinstance(document, Document)
    assert (len(asked), site.asked) == (1, [("/", f"rebind.example:{port}")])


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "::1", "::"),
        *("fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::1", "::ffff:10.0.0.1"),
        *("::ffff:1.1.1.1", "64:ff9b::101:101", "64:ff9b:1:a00:0:100:101:101"),
    ],
)
def test_an_address_that_is_not_of_the_internet_is_seen(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111"])
def test_an_address_of_the_internet_is_seen(address: str) -> None:
    assert is_public(address)


def test_one_private_address_of_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", ("1.1.1.1", 0)), (0, 0, 0, "", ("10.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    url = httpx.URL("https://docs.example.org/")
    with pytest.raises(SourceError, match=r"10\.0\.0\.1"):
        checked_address(url, allow_private=False)
    assert checked_address(url, allow_private=True) == "1.1.1.1"


@pytest.mark.parametrize(
    ("host", "url", "held"),
    [
        ("docs.example.org", "https://docs.example.org/a", True),
        ("docs.example.org", "https://DOCS.example.org./a", True),
        ("docs.example.org", "https://a.docs.example.org/", False),
        ("docs.example.org", "https://docs.example.org:8443/", False),
        ("docs.example.org:8443", "https://docs.example.org:8443/", True),
        ("*.example.org", "https://a.b.example.org/", True),
        ("*.example.org", "https://example.org/", False),
        ("*.example.org", "https://badexample.org/", False),
        ("bücher.example", "https://xn--bcher-kva.example/", True),
    ],
)
def test_a_host_is_held_by_its_whole_name(host: str, url: str, *, held: bool) -> None:
    assert AllowedHost.parse(host).holds(httpx.URL(url)) is held


@pytest.mark.parametrize("host", ["", "*", "*.", "a/b", "u@a", "a.*.org", "a:b"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="is no host"):
        URLs(["https://a/"], allow=[host])


def test_hosts_are_named_by_the_caller() -> None:
    with pytest.raises(ConfigurationError, match="No host is allowed"):
        URLs(["https://a/"], allow=[])
    with pytest.raises(SourceError, match=r"sources\.URLs.*--allow-host"):
        open_source("https://docs.example.org/a")


def test_one_url_is_known_by_itself() -> None:
    assert URLs("https://a/x#y", allow=["a"]).identity() == "https://a/x"
    assert URLs(["https://a/x", "https://a/y"], allow=["a"]).identity() is None
