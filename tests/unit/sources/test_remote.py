"""Folders of object stores are read as those of a disk are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from embeddb.errors import MissingDependencyError, SourceError, UnsupportedFormatError
from embeddb.sources import Files, open_source
from tests.support.sources import pdf, put, read, skipped


@pytest.fixture
def store() -> Iterator[None]:
    """Fill a store in memory, and empty it."""
    system = fsspec.filesystem("memory")
    files = {
        "docs/a.md": b"# Title\n\nText.",
        "docs/sub/b.txt": b"Text.",
        "docs/sub/c.pdf": pdf("Page."),
        "docs/.gitignore": b"*.log\n",
        "docs/d.log": b"Text.",
        "docs/drafts/e.md": b"Text.",
        "docs/f.bin": b"\0\1",
        "other.txt": b"Text.",
    }
    for name, data in files.items():
        system.pipe_file(f"/bucket/{name}", data)
    yield
    system.rm("/bucket", recursive=True)


@pytest.mark.usefixtures("store")
def test_a_folder_of_a_store_is_read_as_one_of_a_disk() -> None:
    source = open_source("memory://bucket/docs")
    assert isinstance(source, Files)
    documents, failures = read(source)
    assert failures == []
    assert list(documents) == ["a.md", "drafts/e.md", "sub/b.txt", "sub/c.pdf"]
    assert documents["a.md"].metadata == {"path": "a.md", "title": "Title"}
    assert documents["sub/b.txt"].uri == "memory:///bucket/docs/sub/b.txt"
    assert skipped(source) == {".gitignore": "hidden", "d.log": "ignored", "f.bin": "binary"}
    assert source.count() == 5


@pytest.mark.usefixtures("store")
def test_include_and_exclude_hold_for_stores() -> None:
    source = Files("memory://bucket/docs/", include=["*.md"], exclude=["drafts/"])
    assert list(read(source)[0]) == ["a.md"]


@pytest.mark.usefixtures("store")
def test_one_file_of_a_store_is_read() -> None:
    assert list(read(Files("memory://bucket/docs/a.md"))[0]) == ["a.md"]
    with pytest.raises(UnsupportedFormatError):
        list(Files("memory://bucket/docs/f.bin").documents())


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    put(tmp_path / "a b" / "c.txt", "Text.")
    assert list(read(Files((tmp_path / "a b").as_uri()))[0]) == ["c.txt"]
    (document,) = read(Files((tmp_path / "a b" / "c.txt").as_uri()))[0].values()
    assert document.uri == (tmp_path / "a b" / "c.txt").as_uri()


@pytest.mark.parametrize("address", ["memory://nowhere/docs", "memory://nowhere/a.md"])
def test_an_address_with_nothing_at_it_is_named(address: str) -> None:
    with pytest.raises(SourceError, match=f"There is nothing at {address.replace('//', '///')}"):
        Files(address)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/a.md", "https://x.org/a.md", "postgresql://u:secret@h/d"]
)
def test_other_addresses_are_refused_without_their_passwords(address: str) -> None:
    with pytest.raises(SourceError, match=r"are (not )?read from") as caught:
        Files(address)
    assert "secret" not in str(caught.value)


def test_a_protocol_whose_package_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingDependencyError, match=r"embeddb\[remote\]"):
        Files("s3://bucket/docs")
