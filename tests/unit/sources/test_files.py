"""Which files are read, and as what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from embeddb.errors import ConfigurationError, SourceError, UnsupportedFormatError
from embeddb.sources import Files
from embeddb.sources.tree import Disk, Entry
from tests.support.sources import put, read, skipped


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


def test_everything_in_a_folder_is_read_or_left_out_with_its_reason(tmp_path: Path) -> None:
    left_out = {
        ".env": "hidden",
        ".git/": "hidden",
        "node_modules/": "generated",
        "sub/__pycache__/": "generated",
        "blank.md": "empty",
        "sub/__init__.py": "empty",
        "page.html": "empty",
        "photo.JPG": "image",
        "logo.svg": "image",
        "old.doc": "no parser",
        "song.mp3": "no parser",
        "mail.msg": "no parser",
        "poetry.lock": "lock file",
        "sub/package-lock.json": "lock file",
        "~$report.docx": "lock file",
        "jquery.min.js": "minified",
        "app.js.map": "minified",
        "core": "binary",
        "secret.txt": "excluded",
        "drafts/": "excluded",
        "build/": "ignored",
        "a.log": "ignored",
        "circle": "symbolic link",
        "nowhere.txt": "symbolic link",
        "pipe": "not a file",
    }
    for name in (".env", ".git/config", "node_modules/a.js", "sub/__pycache__/a.py", "secret.txt"):
        put(tmp_path / name, "Text.")
    for name in ("photo.JPG", "logo.svg", "song.mp3", "mail.msg", "poetry.lock", "jquery.min.js"):
        put(tmp_path / name, "<svg>Text.</svg>")
    for name in ("sub/package-lock.json", "~$report.docx", "app.js.map", "drafts/b.md", "a.log"):
        put(tmp_path / name, "Text.")
    put(tmp_path / "sub" / "__init__.py", "")
    put(tmp_path / "blank.md", " \n")
    put(tmp_path / "page.html", "<script>1</script>")
    put(tmp_path / "old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))
    put(tmp_path / "core", b"\0\1\2")
    put(tmp_path / ".gitignore", "*.log\nbuild/\n")
    left_out[".gitignore"] = "hidden"
    put(tmp_path / "build" / "a.txt", "Text.")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path / "LICENSE", "Do as you like.")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "LICENSE")
    source = Files(tmp_path, exclude=["drafts/", "secret.*"])
    documents, failures = read(source)
    assert list(documents) == ["LICENSE", "linked.txt"]
    assert failures == []
    assert skipped(source) == left_out


def test_what_include_does_not_match_is_left_out_with_a_reason(tmp_path: Path) -> None:
    for name in ("a.md", "sub/b.txt"):
        put(tmp_path / name, "Text.")
    assert skipped(Files(tmp_path, include=["*.md"])) == {"sub/b.txt": "excluded"}


def test_what_a_glob_does_not_match_is_not_mentioned(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", ".hidden.md", ".cache/c.md", "sub/d.md"):
        put(tmp_path / name, "Text.")
    assert skipped(Files(f"{tmp_path}/*.md")) == {".hidden.md": "hidden"}
    assert ids(f"{tmp_path}/*.md") == ["a.md"]


@pytest.mark.parametrize("name", ["poetry.lock", "jquery.min.js", "logo.svg", "go.sum"])
def test_a_file_that_is_named_is_read_though_a_folder_leaves_it_out(
    tmp_path: Path, name: str
) -> None:
    assert ids(put(tmp_path / name, "Text.")) == [name]


class Locked(Disk):
    """A disk with a folder and a file that may not be read."""

    def entries(self, folder: str) -> list[Entry]:
        if folder == "locked":
            raise PermissionError(13, "Permission denied", folder)
        return super().entries(folder)

    def read(self, name: str, limit: int) -> bytes:
        if name == "c.txt":
            raise PermissionError(13, "Permission denied", name)
        return super().read(name, limit)


def test_a_folder_or_file_that_may_not_be_read_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "c.txt", "locked/b.txt", "z.txt"):
        put(tmp_path / name, "Text.")
    monkeypatch.setattr("embeddb.sources.files.Disk", Locked)
    documents, failures = read(Files(tmp_path))
    assert list(documents) == ["a.txt", "z.txt"]
    assert [failure.id for failure in failures] == ["c.txt", "locked/"]
    assert {failure.error for failure in failures} == {"UnreadableDocumentError"}
    assert all("Permission denied" in failure.message for failure in failures)


def test_a_name_that_is_not_utf8_becomes_an_id_that_postgres_can_store(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    try:
        Path(os.fsdecode(folder + b"/K\xe4se.txt")).write_text("Text.")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    documents, failures = read(Files(tmp_path))
    assert failures == []
    assert list(documents) == ["K\\xe4se.txt"]
    assert documents["K\\xe4se.txt"].metadata["path"] == "K\\xe4se.txt"
    assert (documents["K\\xe4se.txt"].uri or "").endswith("/K%E4se.txt")


class Deep(Disk):
    """A disk with thousands of folders, each in the one before, and a file in the last."""

    def entries(self, folder: str) -> list[Entry]:
        return [Entry("d", "folder") if len(folder) < 4_000 else Entry("a.txt", "file")]

    def read(self, name: str, limit: int) -> bytes:
        return b"Text."


def test_folders_nested_deeper_than_python_calls_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddb.sources.files.Disk", Deep)
    (name,) = ids(tmp_path)
    assert name == "d/" * 2_001 + "a.txt"


def test_a_line_of_an_ignore_file_that_is_no_pattern_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path / ".gitignore", b"!\n*.log\n\\\n\xff\n")
    put(tmp_path / "a.log", "Text.")
    put(tmp_path / "a.txt", "Text.")
    assert ids(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_an_option_that_is_no_pattern_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} holds '!', which is no pattern"):
        Files(tmp_path, **{option: ["!"]})  # type: ignore[arg-type]


def test_a_pipe_that_is_named_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="not a regular file"):
        Files(tmp_path / "pipe")


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    for name in ("notes", "notes.md"):
        put(tmp_path / name, "Käse".encode(encoding))
        documents, _ = read(Files(tmp_path))
        assert documents[name].content == "Käse"


def test_utf16_without_a_byte_order_mark_is_read_only_by_its_name(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "Some text.".encode("utf-16-le"))
    _, (failure,) = read(Files(tmp_path))
    assert failure.error == "UnreadableDocumentError"
    assert "UTF-16" in failure.message and "--encoding" in failure.message
    for source in (Files(path, encoding="utf-16-le"), Files(tmp_path, encoding="utf-16-le")):
        assert read(source)[0]["a.txt"].content == "Some text."


def test_an_encoding_that_python_does_not_know_is_named(tmp_path: Path) -> None:
    _, (failure,) = read(Files(put(tmp_path / "a.txt", "Text."), encoding="klingon"))
    assert "there is no encoding 'klingon'" in failure.message


def test_bytes_that_are_no_text_fail_in_any_encoding(tmp_path: Path) -> None:
    put(tmp_path / "a.md", bytes(range(256)) * 10)
    for encoding in ("utf-8", "latin-1"):
        documents, (failure,) = read(Files(tmp_path, encoding=encoding))
        assert (documents, failure.error) == ({}, "UnreadableDocumentError")


def test_an_empty_file_named_by_itself_is_a_failure(tmp_path: Path) -> None:
    _, (failure,) = read(Files(put(tmp_path / "a.txt", "\n")))
    assert (failure.id, failure.error) == ("a.txt", "EmptyDocumentError")


def test_an_enormous_file_fails_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        os.truncate(file.fileno(), 10**12)
    _, (failure,) = read(Files(tmp_path))
    assert (failure.id, failure.error) == ("a.txt", "DocumentTooLargeError")
