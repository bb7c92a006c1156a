"""The sample application: from before it had embeddings, through its life with them, to without."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg import conninfo
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.support.attaching import facts
from tests.support.knowledge_base import KnowledgeBase, searched
from tests.support.postgres import Row, rows

IMPORT = "\nfrom embeddb.sqlalchemy import Embedding\n"
LINE = """\
    embedding = Embedding("title", "body", model="all-MiniLM-L6-v2", where="status = 'published'")
"""
TESTED = LINE.replace("all-MiniLM-L6-v2", "python:tests.support.encoders:encode")
CHANGED = TESTED.replace('"body", ', '"summary", "body", metadata=["summary"], ')
BODY = "    body: Mapped[str] = mapped_column(sa.Text)\n"
SUMMARY = "    summary: Mapped[str | None] = mapped_column(sa.Text)\n"

FIRST = """\
    op.attach_collection(
        'articles',
        'articles',
        text=['title', 'body'],
        model='python:tests.support.encoders:encode',
        where="status = 'published'",
        key=['id'],
        types={'id': 'bigint', 'title': 'text', 'body': 'text', 'status': 'text'},
    )
"""
SECOND = """\
    op.add_column('articles', sa.Column('summary', sa.Text(), nullable=True))
    op.alter_collection(
        'articles',
        'articles',
        text=['title', 'summary', 'body'],
        metadata=['summary'],
        where="status = 'published'",
    )
"""

BY_SQL = """
    SELECT a.slug, pg_typeof(s.id)::text, s.encoder
      FROM embeddb.articles_search(%s, 20) s JOIN public.articles a USING (id)
     ORDER BY s.distance
"""
BY_METADATA = """
    SELECT a.slug, s.metadata->>'summary'
      FROM embeddb.articles_search(%s, 20, %s) s JOIN public.articles a USING (id)
"""
READING = """
    SELECT DISTINCT a.slug
      FROM embeddb.articles_g1 c JOIN public.articles a ON a.id = c.key_id
     WHERE c.content LIKE '%%' || %s || '%%'
"""
LEFTOVERS = """
    SELECT 'table', relname::text FROM pg_class
     WHERE relnamespace = 'embeddb'::regnamespace AND relname LIKE 'articles%'
    UNION ALL
    SELECT 'function', proname FROM pg_proc
     WHERE pronamespace = 'embeddb'::regnamespace AND proname LIKE 'articles%'
    UNION ALL
    SELECT 'collection', name FROM embeddb.collections
    UNION ALL
    SELECT 'job', key FROM embeddb.jobs
    UNION ALL
    SELECT 'trigger', tgname FROM pg_trigger
     WHERE tgrelid = 'public.articles'::regclass AND NOT tgisinternal
"""

BY_NODE = """
const { Client } = require('pg');
(async () => {
  const client = new Client();
  await client.connect();
  const found = await client.query(
    `SELECT id, a.slug, s.distance, s.metadata, s.encoder
       FROM embeddb.articles_search($1, $2) s JOIN public.articles a USING (id)
      ORDER BY s.distance`, [process.argv[2], 3]);
  const vector = (await client.query(
    "SELECT embeddb.encode('articles', $1)::text AS v", [process.argv[2]])).rows[0].v;
  const same = await client.query(
    'SELECT id FROM embeddb.articles_search($1::vector, 3) ORDER BY distance', [vector]);
  const similar = await client.query(
    'SELECT id FROM embeddb.articles_similar($1, 3)', [found.rows[0].id]);
  const named = await client.query(
    'SELECT id, distance FROM embeddb.search($1, $2, 3) ORDER BY distance',
    ['articles', process.argv[2]]);
  const status = await client.query('SELECT name, pending, failed FROM embeddb.status');
  await client.query('BEGIN');
  await client.query('DELETE FROM public.articles WHERE id = $1', [found.rows[0].id]);
  const without = await client.query(
    'SELECT id FROM embeddb.articles_search($1, 3)', [process.argv[2]]);
  await client.query('ROLLBACK');
  console.log(JSON.stringify({ found: found.rows, same: same.rows, similar: similar.rows,
    named: named.rows, status: status.rows, without: without.rows }));
  await client.end();
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture
def application(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KnowledgeBase:
    """The application with its tables and 40 articles, before it has heard of embeddb."""
    application = KnowledgeBase(tmp_path / "application", empty_database, monkeypatch)
    application.edit((IMPORT, ""), (LINE, ""))
    application.upgrade()
    said = application.run("python", "-m", "knowledge_base.seed", "--limit", "40")
    assert said == "40 articles\n"
    return application


def test_a_life_with_an_embedding(application: KnowledgeBase) -> None:
    before = table(application)

    # one line in the model, one revision, and the rows that were there are searched
    application.edit((LINE, TESTED))
    application.run("embeddb", "migrate")
    assert body(application.revision("embed articles")) == FIRST
    application.upgrade()
    application.run("embeddb", "worker", "--once")
    assert rows(application.url, "SELECT pending, failed FROM embeddb.status") == [(0, 0)]

    with application.worker():
        every_door_finds_the_same(application)
        searches_follow_writes(application)

        # another column, which the embedding reads from now on, while a worker runs
        first = table(application)
        application.edit((LINE, CHANGED), (BODY, BODY + SUMMARY))
        assert body(application.revision("read summaries")) == SECOND
        application.upgrade()
        a_summary_is_found(application)
        application.run("alembic", "downgrade", "-1")
        assert table(application) == first
        application.settle()
        assert reading(application, "elephants") == []
        application.upgrade()
        application.settle()
        assert len(reading(application, "")) == 40

        # without the line, and without the column, the table is what it was
        application.edit((IMPORT, ""), (LINE, ""))
        last = body(application.revision("no embeddings"))
        assert last.index("op.detach_collection('articles'") < last.index("op.drop_column(")
        application.upgrade()
        assert table(application) == before
        assert leftovers(application) == []

        # and all the way back, by way of each of them
        application.run("alembic", "downgrade", "first")
        assert table(application) == before
        assert leftovers(application) == []


def test_the_model_itself_and_node(application: KnowledgeBase, subtests: pytest.Subtests) -> None:
    application.edit()
    application.run("embeddb", "migrate")
    application.revision("embed articles")
    application.upgrade()
    asked = "wait for a coroutine"
    with application.worker():
        application.settle()
        assert by_sql(application, asked)[0] == "await"
        with application.web() as get:
            assert searched(get, asked)[0] == "await"
        with subtests.test("node-postgres"):
            install_node_postgres(application.folder)
            node_finds_the_same(application, asked)


def node_finds_the_same(application: KnowledgeBase, asked: str) -> None:
    """Search, and delete in a transaction, from node."""
    found = by_node(application, asked)
    assert [row["slug"] for row in found["found"]] == by_sql(application, asked)[:3]
    assert {row["encoder"] for row in found["found"]} == {"worker"}
    ids = [row["id"] for row in found["found"]]
    assert [row["id"] for row in found["same"]] == ids
    assert [row["id"] for row in found["named"]] == ids
    assert ids[0] not in {row["id"] for row in found["similar"]}
    assert ids[0] not in {row["id"] for row in found["without"]}
    assert found["status"] == [{"name": "articles", "pending": "0", "failed": "0"}]


def every_door_finds_the_same(application: KnowledgeBase) -> None:
    """Search by SQL, by SQLAlchemy, by an async session, and by the application's pages."""
    text = "the nearest enclosing loop"
    slugs = by_sql(application, text)[:5]
    with application.imported() as module, sessions(module) as session:
        articles, models = module("articles"), module("models")
        found = articles.search(session, text, limit=5)
        assert [row.Article.slug for row in found] == slugs
        assert [row.distance for row in found] == sorted(row.distance for row in found)
        nearest = sa.select(models.Article).order_by(models.Article.embedding.nearest(text))
        assert asyncio.run(asked_asynchronously(module, nearest.limit(5))) == slugs
        tag, tagged = next(iter(by_tag(session, module)))
        some = articles.search(session, text, tag=tag, limit=40)
        assert {row.Article.slug for row in some} == tagged
        first = found[0].Article
        assert first.slug not in [other.slug for other in articles.related(session, first)]
    with application.web() as get:
        assert searched(get, text)[:5] == slugs
        assert set(searched(get, text, tag=tag)) <= tagged
        assert f"/articles/{slugs[0]}" in get("/?q=the+nearest+enclosing+loop")
        assert "Related" in get(f"/articles/{slugs[0]}")
        assert get("/articles/nowhere").startswith("404")
        assert get("/search.json").startswith("400")


def searches_follow_writes(application: KnowledgeBase) -> None:
    """Change, hide, delete and truncate in the application's transactions."""
    text = "zebras have stripes"
    with application.imported() as module, sessions(module) as session, application.web() as get:
        articles = module("articles")
        article = articles.by_slug(session, "break")
        article.title, article.body = "Zebras", "Zebras have stripes."
        session.commit()
        application.settle()
        assert by_sql(application, text)[0] == searched(get, text)[0] == "break"

        article.status = "draft"
        session.commit()
        assert "break" not in by_sql(application, text)
        article.status = "published"
        session.commit()
        application.settle()
        assert "break" in by_sql(application, text)

        # searches in a transaction see what it did, others do not
        session.delete(article)
        session.flush()
        assert "break" not in [row.Article.slug for row in articles.search(session, text)]
        assert searched(get, text)[0] == "break"
        session.rollback()
        assert articles.search(session, text)[0].Article.slug == "break"
        session.delete(articles.by_slug(session, "break"))
        session.commit()
        assert "break" not in by_sql(application, text)
        assert len(reading(application, "")) == 39

        session.execute(sa.text("TRUNCATE articles CASCADE"))
        assert articles.search(session, text) == []
        session.commit()
        assert by_sql(application, text) == searched(get, text) == []
        module("seed").fill(session, 40)
        session.commit()
        application.settle()
        assert len(reading(application, "")) == 40


def a_summary_is_found(application: KnowledgeBase) -> None:
    """Return an article a summary, and find it by that."""
    with application.imported() as module, sessions(module) as session:
        article = module("articles").by_slug(session, "pass")
        article.summary = "elephants never forget"
        session.commit()
        application.settle()
        found = module("articles").search(session, "elephants never forget", limit=1)
        assert found[0].Article is article
    assert reading(application, "elephants") == ["pass"]
    metadata = rows(application.url, BY_METADATA, ["elephants", '{"summary": {"$ne": null}}'])
    assert metadata == [("pass", "elephants never forget")]


@contextmanager
def sessions(module: Callable[[str], Any]) -> Iterator[Session]:
    """Open a session of the application's."""
    engine = module("database").engine()
    with Session(engine) as session:
        yield session
    engine.dispose()


async def asked_asynchronously(
    module: Callable[[str], Any], statement: sa.Select[tuple[Any]]
) -> list[str]:
    """Select articles by an async session, and give their slugs."""
    engine = create_async_engine(module("database").url())
    async with AsyncSession(engine) as session:
        found = [article.slug for article in await session.scalars(statement)]
    await engine.dispose()
    return found


def by_tag(session: Session, module: Callable[[str], Any]) -> list[tuple[str, set[str]]]:
    """Return tags with the slugs of their articles, the tag of most of them first."""
    article = module("models").Article
    tagged: dict[str, set[str]] = {}
    for one in session.scalars(sa.select(article)):
        for tag in one.tags:
            tagged.setdefault(tag.name, set()).add(one.slug)
    return sorted(tagged.items(), key=lambda item: -len(item[1]))


def by_sql(application: KnowledgeBase, text: str) -> list[str]:
    """Search by a text in SQL, joined by the typed key; give the slugs, the nearest first."""
    found = rows(application.url, BY_SQL, [text])
    assert {row[1:] for row in found} <= {("bigint", "worker")}
    return list(dict.fromkeys(row[0] for row in found))


def reading(application: KnowledgeBase, word: str) -> list[str]:
    """Return the slugs of the articles with a chunk that has a word."""
    return [row[0] for row in rows(application.url, READING, [word])]


def install_node_postgres(folder: Path) -> None:
    """Install node's client from npm, if it can be reached."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node or npm is missing")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "pg"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer")
    if done.returncode:
        pytest.skip(f"npm cannot install pg: {done.stderr[-300:]}")


def by_node(application: KnowledgeBase, text: str) -> Any:  # noqa: ANN401  # JSON
    """Run the queries of BY_NODE."""
    (application.folder / "search.js").write_text(BY_NODE)
    parts = conninfo.conninfo_to_dict(application.url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    place = {names[name]: str(value) for name, value in parts.items() if name in names}
    done = subprocess.run(
        ["node", "search.js", text],
        cwd=application.folder,
        env=os.environ | place | {"PGPASSWORD": str(parts.get("password", ""))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def body(revision: str) -> str:
    """Return what a revision's `upgrade` does."""
    upgrade = revision.split("def upgrade() -> None:\n")[1].split("\n\n\ndef downgrade")[0]
    lines = upgrade.splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


def table(application: KnowledgeBase) -> list[Row]:
    """Return what the catalogs say of the source table; columns that were dropped are no part."""
    return [row for row in facts(application.url, "articles") if "pg.dropped" not in row[1]]


def leftovers(application: KnowledgeBase) -> list[Row]:
    """Return what is left in embeddb's schema of the collection."""
    return rows(application.url, LEFTOVERS)
