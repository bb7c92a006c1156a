"""Which source a document belongs to: what is refused, what is pruned, what costs nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import embeddb
from embeddb.errors import IngestAbortedError, PruneRefusedError
from embeddb.records import Document, Failure, IngestReport
from embeddb.sources import Query
from tests.support.encoders import HashEncoder
from tests.support.postgres import check_chunks, rows


@pytest.fixture
def docs(store: embeddb.Store) -> embeddb.Collection:
    return store.create_collection("docs", model=HashEncoder())


def _folder(root: Path, **texts: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (root / f"{name}.md").write_text(text)
    return root


def _counts(report: IngestReport) -> tuple[int, int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.deleted, report.failed


def _owners(store: embeddb.Store) -> dict[str, str | None]:
    found = rows(
        store.url,
        "SELECT d.id, s.name FROM embeddb.docs d LEFT JOIN embeddb.sources s ON s.id = d.source_id",
    )
    return dict(found)


def test_an_id_that_another_folder_brought_is_refused(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    api = _folder(tmp_path / "api", README="the api", own="only here")
    web = _folder(tmp_path / "web", README="the web", other="only there")
    docs.ingest(api)
    report = docs.ingest(web)
    assert _counts(report) == (1, 0, 0, 0, 1)
    (failure,) = report.failures
    assert (failure.id, failure.error) == ("README.md", "SourceConflictError")
    assert "--id-prefix" in failure.message and f"source_name={str(api)!r}" in failure.message
    assert docs.get("README.md")[0].content == "the api"
    with pytest.raises(IngestAbortedError, match=r"README\.md"):
        docs.ingest(web, strict=True)
    # both ways out
    assert _counts(docs.ingest(web, id_prefix="web/")) == (2, 0, 0, 0, 0)
    assert docs.get("web/README.md")[0].content == "the web"
    report = docs.ingest(_folder(tmp_path / "more", README="the more"), source_name=str(api))
    assert _counts(report) == (0, 1, 0, 0, 0)
    check_chunks(docs._database.url, "docs")


def test_rows_of_two_files_do_not_overwrite_each_other(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    customers, products = tmp_path / "customers.csv", tmp_path / "products.csv"
    customers.write_text("id,content\n1,Ada\n2,Grace\n")
    products.write_text("id,content\n1,a lamp\n3,a table\n")
    docs.ingest(customers)
    report = docs.ingest(products)
    assert _counts(report) == (1, 0, 0, 0, 1)
    assert docs.get("1")[0].content == "Ada"
    assert _counts(docs.ingest(customers)) == (0, 0, 2, 0, 0)


def test_tables_and_queries_are_sources(
    store: embeddb.Store, docs: embeddb.Collection, database: str
) -> None:
    rows(store.url, "CREATE TABLE public.articles (id int, content text)")
    rows(store.url, "INSERT INTO public.articles VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    table = Query(store.url, "public.articles")
    assert docs.ingest(table).added == 3
    other = Query(store.url, "SELECT 1 AS id, 'another one' AS content")
    assert _counts(docs.ingest(other)) == (0, 0, 0, 0, 1)
    rows(store.url, "DELETE FROM public.articles WHERE id = 3")
    assert _counts(docs.ingest(table, prune=True)) == (0, 0, 2, 1, 0)


def test_a_folder_is_the_same_however_its_path_is_written(
    docs: embeddb.Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two", c="three")
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    docs.ingest(folder)
    for path in ("notes", "./notes/", "notes/../notes", Path("notes"), "link", str(folder) + "/"):
        report = docs.ingest(path)
        assert report.failed == 0, path
        assert report.encoded == 0, path
    monkeypatch.chdir(folder)
    (folder / "c.md").unlink()
    assert docs.ingest(".", prune=True).deleted == 1
    assert len(rows(docs._database.url, "SELECT FROM embeddb.sources")) == 1


def test_one_file_is_the_same_document_alone_and_in_its_folder(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two", c="three")
    docs.ingest(folder / "a.md")
    assert _counts(docs.ingest(folder)) == (2, 0, 1, 0, 0)
    (folder / "b.md").write_text("changed")
    assert _counts(docs.ingest(folder / "b.md")) == (0, 1, 0, 0, 0)
    assert docs.ingest(str(folder / "*.md")).failed == 0
    docs.ingest(folder)
    assert set(_owners(store).values()) == {str(folder)}
    (folder / "a.md").unlink()
    assert docs.ingest(folder, prune=True).deleted == 1


def test_prune_removes_what_left_this_source_alone(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    one = _folder(tmp_path / "one", a="1", b="2", c="3")
    two = _folder(tmp_path / "two", d="4", e="5", f="6")
    docs.add([("added", "by hand"), ("more", "by hand, too")])
    docs.ingest(one)
    docs.ingest(two)
    (one / "a.md").unlink()
    assert _counts(docs.ingest(one, prune=True)) == (0, 0, 2, 1, 0)
    assert _counts(docs.ingest(two, prune=True)) == (0, 0, 3, 0, 0)
    assert docs.count() == 7
    # what has no source is a group of its own
    report = docs.ingest([("added", "by hand")], prune=True)
    assert _counts(report) == (0, 0, 1, 1, 0)
    assert docs.count() == 6


def test_prune_of_a_named_source_spans_its_folders(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    old = _folder(tmp_path / "2024", a="1", b="2", c="3")
    new = _folder(tmp_path / "2025", a="1", b="2 changed")
    docs.ingest(old, source_name="notes")
    report = docs.ingest(new, source_name="notes", prune=True)
    # another folder is another uri, so that a counts as updated; its text is not encoded again
    assert (report.updated, report.deleted, report.encoded) == (2, 1, 1)


def test_documents_without_a_source_become_those_of_the_first_that_brings_them(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two", c="three")
    docs.ingest(folder)
    rows(store.url, "UPDATE embeddb.docs SET source_id = NULL")  # as before sources were known
    (folder / "c.md").unlink()
    report = docs.ingest(folder, prune=True)
    assert _counts(report) == (0, 0, 2, 0, 0)
    assert _owners(store) == {"a.md": str(folder), "b.md": str(folder), "c.md": None}
    (folder / "b.md").unlink()
    assert docs.ingest(folder, prune=True).deleted == 1
    # a document that is replaced by hand stays in its source
    docs.add([("a.md", "by hand")])
    assert _owners(store)["a.md"] == str(folder)


def _jsonl(broken: bool) -> str:
    good = [f'{{"id": "d{i}", "content": "text {i}"}}\n' for i in range(8)]
    good[3] = '{"id": "d3", "content": \n' if broken else good[3]
    return "".join(good)


def _csv(broken: bool) -> str:
    good = ["id,content\n", *(f"d{i},text {i}\n" for i in range(8))]
    good[4] = "d3,text 3,too many\n" if broken else good[4]
    return "".join(good)


@pytest.mark.parametrize(("name", "write"), [("d.jsonl", _jsonl), ("d.csv", _csv)])
def test_nothing_is_pruned_where_a_row_could_not_be_read(
    docs: embeddb.Collection, tmp_path: Path, name: str, write: Callable[[bool], str]
) -> None:
    path = tmp_path / name
    path.write_text(write(False))
    docs.ingest(path)
    path.write_text(write(True).replace("text 5", "changed 5").replace("d6", "d9"))
    for force in (False, True):
        with pytest.raises(PruneRefusedError, match=r"line \d+ could not be read") as caught:
            docs.ingest(path, prune=True, force=force)
        assert caught.value.report.failed == 1
    assert {found.id for found in docs.get(["d3", "d6", "d9"])} == {"d3", "d6", "d9"}
    assert docs.get("d5")[0].content == "changed 5"
    path.write_text(write(False).replace("d6", "d9"))
    assert docs.ingest(path, prune=True).deleted == 1


def test_a_failure_of_a_source_of_ones_own_names_no_document_unless_it_says_so(
    docs: embeddb.Collection,
) -> None:
    docs.ingest([("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")])
    place = Failure(id="b", error="SourceError", message="gone")
    with pytest.raises(PruneRefusedError, match="b could not be read"):
        docs.ingest([("a", "one"), ("d", "four"), place], prune=True)
    named = Failure(id="b", error="SourceError", message="gone", document=True)
    report = docs.ingest([("a", "one"), ("d", "four"), named], prune=True)
    assert report.deleted == 1
    assert [found.id for found in docs.get(["a", "b", "c", "d"])] == ["a", "b", "d"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_keeps_its_document(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two", c="three")
    docs.ingest(folder)
    (folder / "a.md").chmod(0)
    (folder / "b.md").unlink()
    report = docs.ingest(folder, prune=True)
    assert (report.deleted, report.failed) == (1, 1)
    assert docs.get("a.md")


def test_a_file_that_is_not_text_any_more_keeps_its_document(
    docs: embeddb.Collection, tmp_path: Path
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two", c="three")
    docs.ingest(folder)
    (folder / "a.md").write_bytes(b"Caf\xe9 cr\xe8me")
    (folder / "b.md").unlink()
    report = docs.ingest(folder, prune=True)
    assert (report.deleted, report.failed) == (1, 1)
    assert docs.get("a.md")


def test_more_than_half_goes_only_by_force(docs: embeddb.Collection, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "notes", a="1", b="2", c="3", d="4", e="5")
    docs.ingest(folder)
    for name in "abc":
        (folder / f"{name}.md").unlink()
    with pytest.raises(PruneRefusedError, match=r"3 of the 5 documents .*notes.*--force"):
        docs.ingest(folder, prune=True)
    assert docs.count() == 5
    assert docs.ingest(folder, prune=True, force=True).deleted == 3
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(PruneRefusedError, match="no documents at all: 2 of the 2"):
        docs.ingest(folder, prune=True)
    assert docs.ingest(folder, prune=True, force=True).deleted == 2


def test_who_is_asked_decides(docs: embeddb.Collection) -> None:
    asked: list[Sequence[str]] = []

    def answer(value: bool) -> Callable[[Sequence[str]], bool]:
        def confirm(ids: Sequence[str]) -> bool:
            asked.append(ids)
            return value

        return confirm

    docs.ingest([("a", "one"), ("b", "two"), ("c", "three")])
    left = [("a", "one"), ("b", "two")]
    assert docs.ingest(left, prune=True, confirm=answer(False)).deleted == 0
    assert docs.ingest(left, prune=True, confirm=answer(True)).deleted == 1
    assert docs.ingest(left, prune=True, confirm=answer(True)).deleted == 0
    assert asked == [["c"], ["c"]]


def test_a_renamed_folder_costs_nothing(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    root = tmp_path / "notes"
    _folder(root / "old", a="one", b="two", c="three\n\n# And\n\nfour")
    _folder(root, d="five", e="six", f="seven")
    before = docs.ingest(root)
    (root / "old").rename(root / "new")
    report = docs.ingest(root, prune=True)
    assert _counts(report) == (3, 0, 3, 3, 0)
    assert (report.encoded, before.encoded >= 6) == (0, True)
    assert docs.search("two", 1)[0].id == "new/b.md"
    check_chunks(store.url, "docs")
    other = store.create_collection("other", model=HashEncoder())
    other.ingest(root)
    vectors = "SELECT id, chunk_no, embedding::text FROM embeddb.{}_g1 ORDER BY 1, 2"
    assert rows(store.url, vectors.format("docs")) == rows(store.url, vectors.format("other"))


def test_a_moved_folder_keeps_its_documents(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    old = _folder(tmp_path / "old", a="one", b="two", c="three")
    docs.ingest(old)
    new = old.rename(tmp_path / "new")
    report = docs.ingest(new)
    assert (report.failed, report.encoded, report.updated) == (0, 0, 3)
    assert set(_owners(store).values()) == {str(new)}
    # what is there in both places is refused, even where it is the same
    copy = _folder(tmp_path / "copy", a="one")
    assert docs.ingest(copy).failed == 1


def test_a_source_that_is_given_a_name_later_is_the_same(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    folder = _folder(tmp_path / "notes", a="one", b="two")
    docs.ingest(folder)
    assert docs.ingest(folder, source_name="notes").unchanged == 2
    assert docs.ingest(folder).unchanged == 2
    moved = folder.rename(tmp_path / "elsewhere")
    report = docs.ingest(moved, source_name="notes")
    assert (report.updated, report.encoded, report.failed) == (2, 0, 0)
    assert rows(store.url, "SELECT name, uri FROM embeddb.sources") == [
        ("notes", f"file://{moved}")
    ]
    store.drop_collection("docs")
    assert rows(store.url, "SELECT FROM embeddb.sources") == []


def test_an_iterable_may_have_a_name(docs: embeddb.Collection, tmp_path: Path) -> None:
    docs.ingest([("a", "one"), ("b", "two")], source_name="crawler")
    assert docs.ingest([("a", "another")], source_name="importer").failed == 1
    assert docs.ingest([("a", "by the program itself")]).updated == 1
    assert docs.ingest([("b", "two")], source_name="crawler", prune=True).deleted == 1
    assert docs.count() == 1


def test_metadata_that_differs_by_its_type_alone_is_a_change(docs: embeddb.Collection) -> None:
    values = [1, True, 1.0, "1", [1], [True], {"x": 0}, {"x": False}, {"x": [0.0, {"y": 2}]}]
    for value in [*values, {"x": [0.0, {"y": 2.0}]}, 1e300, 1e16, -0.0, 0.1, None, 2**70]:
        document = {"id": "a", "content": "text", "metadata": {"value": value}}
        assert docs.ingest([document]).unchanged == 0, value
        assert docs.ingest([document]).unchanged == 1, value
        stored = docs.get("a")[0].metadata["value"]
        assert (float(stored) if isinstance(value, float) else stored) == value


class Typed:
    """A source whose column is what it was before, or else a whole number."""

    def __init__(self, path: Path, known: Mapping[str, str]) -> None:
        self.path = path
        self.known = dict(known)

    def documents(self) -> Iterator[Document]:
        kind = self.types()["year"]
        yield Document(id="a", content="text", metadata={"kind": kind})

    def count(self) -> int | None:
        return 1

    def typed(self, known: Mapping[str, str]) -> Typed:
        return Typed(self.path, known)

    def types(self) -> Mapping[str, str]:
        return {"year": "int"} | self.known


def test_the_types_of_a_source_are_remembered(
    docs: embeddb.Collection, store: embeddb.Store, tmp_path: Path
) -> None:
    report = docs.ingest(Typed(tmp_path / "years.csv", {}))
    assert report.types == {"year": "int"}
    rows(store.url, 'UPDATE embeddb.sources SET types = \'{"year": "float"}\'')
    report = docs.ingest(Typed(tmp_path / "years.csv", {}))
    assert report.types == {"year": "float"}
    assert docs.get("a")[0].metadata == {"kind": "float"}
