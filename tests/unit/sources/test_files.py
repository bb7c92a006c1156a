"""Which files are read, and as what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from embeddb.errors import SourceError, UnsupportedFormatError
from embeddb.sources import Files
from tests.support.sources import put, read


def ids(
    folder: Path | str, include: Sequence[str] = ("**/*",), exclude: Sequence[str] = ()
) -> list[str]:
    documents, failures = read(Files(folder, include=include, exclude=exclude))
    assert failures == []
    return list(documents)


def test_a_file_becomes_a_document(tmp_path: Path) -> None:
    path = put(tmp_path / "docs" / "guide.md", "# The Guide #\n\nText.\n")
    documents, _ = read(Files(tmp_path))
    document = documents["docs/guide.md"]
    assert document.content == "# The Guide #\n\nText.\n"
    assert document.metadata == {"path": "docs/guide.md", "title": "The Guide"}
    assert document.media_type == "text/markdown"
    assert document.uri == path.as_uri()


def test_one_file_has_its_name_as_id(tmp_path: Path) -> None:
    path = put(tmp_path / "docs" / "a.txt", "Text.")
    assert ids(path) == ["a.txt"]
    assert Files(path).count() == 1


def test_files_come_in_the_same_order_every_time(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "c/a.txt", "a/b/c.txt"):
        put(tmp_path / name, "Text.")
    assert ids(tmp_path) == ["a/b/c.txt", "a/z.txt", "b.txt", "c/a.txt"]
    assert Files(tmp_path).count() == 4


def test_hidden_generated_empty_and_binary_files_are_left_out(tmp_path: Path) -> None:
    for name in (".env", ".git/config", "node_modules/a.js", "__pycache__/a.py"):
        put(tmp_path / name, "Text.")
    put(tmp_path / "__init__.py", "")
    put(tmp_path / "blank.md", " \n")
    put(tmp_path / "photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF")
    put(tmp_path / "LICENSE", "Do as you like.")
    assert ids(tmp_path) == ["LICENSE"]


def test_ignore_files_are_honoured_at_every_depth(tmp_path: Path) -> None:
    put(tmp_path / ".gitignore", "*.log\nbuild/\n/top.txt\n")
    put(tmp_path / "sub" / ".gitignore", "!keep.log\nlocal.txt\n")
    put(tmp_path / "sub" / ".ignore", "quiet.txt\n")
    for name in ("a.log", "build/a.txt", "top.txt", "a.txt"):
        put(tmp_path / name, "Text.")
        put(tmp_path / "sub" / name, "Text.")
    for name in ("keep.log", "local.txt", "quiet.txt"):
        put(tmp_path / "sub" / name, "Text.")
    assert ids(tmp_path) == ["a.txt", "sub/a.txt", "sub/keep.log", "sub/top.txt"]


def test_ignore_files_of_the_repository_above_count(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    put(tmp_path / ".gitignore", "docs/private\n")
    put(tmp_path / "docs" / "a.txt", "Text.")
    put(tmp_path / "docs" / "private" / "b.txt", "Text.")
    assert ids(tmp_path / "docs") == ["a.txt"]


def test_include_and_exclude_take_patterns(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "sub/c.md", "drafts/d.md"):
        put(tmp_path / name, "Text.")
    assert ids(tmp_path, include=["*.md"], exclude=["drafts/"]) == ["a.md", "sub/c.md"]


def test_a_glob_finds_what_a_shell_would(tmp_path: Path) -> None:
    for name in ("docs/a.md", "docs/b.txt", "docs/sub/c.md", "docs/sub/deep/d.md", "e.md"):
        put(tmp_path / name, "Text.")
    assert ids(f"{tmp_path}/docs/*.md") == ["a.md"]
    assert ids(f"{tmp_path}/docs/*") == ["a.md", "b.txt"]
    assert ids(f"{tmp_path}/docs/**/*.md") == ["a.md", "sub/c.md", "sub/deep/d.md"]
    assert ids(f"{tmp_path}/d*/sub/*.md") == ["docs/sub/c.md"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b.txt", "Text.")
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    (tmp_path / "a" / "nowhere.txt").symlink_to(tmp_path / "missing")
    assert ids(tmp_path) == ["a/b.txt"]


def test_a_path_that_is_not_there_is_named() -> None:
    for path in ("/no/such/file.txt", "/no/such/*.txt"):
        with pytest.raises(SourceError, match="There is no file or folder /no/such"):
            Files(path)


def test_one_file_of_an_unknown_binary_kind_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.bin", b"\0\1\2")
    with pytest.raises(UnsupportedFormatError, match=r"a\.bin is a binary file of unknown kind"):
        Files(path)


def test_a_file_in_another_encoding_fails_alone(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", "Käse".encode("latin-1"))
    put(tmp_path / "b.txt", "Käse")
    documents, (failure,) = read(Files(tmp_path))
    assert list(documents) == ["b.txt"]
    assert (failure.id, failure.error) == ("a.txt", "UnreadableDocumentError")
    assert "encoding=" in failure.message
    documents, _ = read(Files(tmp_path / "a.txt", encoding="latin-1"))
    assert documents["a.txt"].content == "Käse"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    put(tmp_path / "notes", "Käse".encode(encoding))
    documents, _ = read(Files(tmp_path))
    assert documents["notes"].content == "Käse"


def test_an_empty_file_named_by_itself_is_a_failure(tmp_path: Path) -> None:
    _, (failure,) = read(Files(put(tmp_path / "a.txt", "\n")))
    assert (failure.id, failure.error) == ("a.txt", "EmptyDocumentError")


def test_an_enormous_file_fails_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        os.truncate(file.fileno(), 10**12)
    _, (failure,) = read(Files(tmp_path))
    assert (failure.id, failure.error) == ("a.txt", "DocumentTooLargeError")
