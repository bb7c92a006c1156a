"""Applications whose migrations are run by Flask-Migrate, or share a revision with alembic_utils.

Both register themselves with Alembic for the whole process, so each application is a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import embeddb
from embeddb.worker import Worker, WorkerOptions

_FLASK = """\
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from pgvector.sqlalchemy import VECTOR
from embeddb.sqlalchemy import Embedding

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["APPLICATION_URL"]
db = SQLAlchemy(app)
Migrate(app, db)


class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column({title})
    {columns}
    embedding = Embedding(
        {text}, model="python:tests.support.encoders:encode", index=None, name="posts"
    )
"""

_FIRST = _FLASK.format(
    title="db.String(50)", columns="old = db.Column(db.Text)", text="'title', 'old'"
)
_SECOND = _FLASK.format(
    title="db.Text",
    columns="""new = db.Column(db.Text)
    v = db.Column(VECTOR(8))
    __table_args__ = (
        db.Index("vi", "v", postgresql_using="hnsw", postgresql_ops={"v": "vector_l2_ops"}),
    )""",
    text="'title', 'new'",
)

_ENV = """\
import os
import sqlalchemy as sa
from alembic import context
from alembic_utils.pg_function import PGFunction
from alembic_utils.pg_trigger import PGTrigger
from alembic_utils.pg_view import PGView
from alembic_utils.replaceable_entity import register_entities
from embeddb.sqlalchemy import Embedding, declare

metadata = sa.MetaData()
posts = sa.Table(
    "posts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("loud", sa.Text),
)
declare(posts, Embedding("title", model="python:tests.support.encoders:encode", index=None))
register_entities([
    PGView("public", "titles", "SELECT posts.title FROM posts"),
    PGFunction(
        "public",
        "shout()",
        "RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN NEW.loud := upper(NEW.title); RETURN NEW; END $$",
    ),
    PGTrigger(
        "public",
        "shouts",
        "BEFORE INSERT ON public.posts FOR EACH ROW EXECUTE FUNCTION public.shout()",
        on_entity="public.posts",
    ),
])
with sa.create_engine(os.environ["APPLICATION_URL"]).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, include_schemas=True)
    with context.begin_transaction():
        context.run_migrations()
"""

_MAKO = """\
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
"""


class Tool:
    """A command that runs migrations, in an application's folder."""

    def __init__(self, folder: Path, url: str, *words: str) -> None:
        self._folder = folder
        self._words = words
        self._environment = os.environ | {
            "APPLICATION_URL": url.replace("postgresql://", "postgresql+psycopg://"),
            "EMBEDDB_PYTHON_MODELS": "tests.support.encoders",
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        }

    def __call__(self, *words: str) -> str:
        """Run a command of it, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *self._words, *words],
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=self._environment,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def texts(url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is embedded once a worker has encoded all that waits."""
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
    with embeddb.connect(url) as store:
        Worker(store, WorkerOptions(once=True)).run()
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT content FROM embeddb.posts_chunks ORDER BY id")
        return [row[0] for row in rows]


def write(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_flask_migrate(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flask_migrate")
    models = tmp_path / "app.py"
    models.write_text(_FIRST)
    flask = Tool(tmp_path, database, "flask", "--app", "app", "db")
    flask("init")
    flask("migrate")
    flask("upgrade")
    write(database, "INSERT INTO post (id, title, old) VALUES (1, 'tea', 'green')")
    assert texts(database, monkeypatch) == ["tea\n\ngreen"]
    models.write_text(_SECOND)
    flask("migrate", "--rev-id", "second")
    (path,) = (tmp_path / "migrations" / "versions").glob("second*.py")
    script = path.read_text()
    assert "with op.batch_alter_table('post'" in script
    assert "\n    op.create_vector_index(" in script
    flask("upgrade")
    flask("check")
    write(database, "UPDATE post SET new = 'black'")
    assert texts(database, monkeypatch) == ["tea\n\nblack"]
    flask("downgrade")
    write(database, "UPDATE post SET old = 'white'")
    assert texts(database, monkeypatch) == ["tea\n\nwhite"]
    flask("upgrade")
    flask("check")
    assert texts(database, monkeypatch) == ["tea"]


def test_alembic_utils_neither_sees_nor_drops_what_is_ours(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("alembic_utils")
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(_ENV)
    (folder / "script.py.mako").write_text(_MAKO)
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
    alembic = Tool(tmp_path, database, "alembic")
    # tables first: alembic_utils has a database understand each view, and reads what it made of it
    write(database, "CREATE TABLE posts (id serial PRIMARY KEY, title text, loud text)")
    alembic("revision", "--autogenerate", "--rev-id", "first", "-m", "first")
    (path,) = (folder / "versions").glob("first*.py")
    script = path.read_text()
    assert script.count("op.create_entity(") == 3
    assert "op.drop_entity(" not in script.split("def downgrade")[0]
    alembic("upgrade", "head")
    alembic("check")
    write(database, "INSERT INTO posts (title) VALUES ('tea')")
    assert texts(database, monkeypatch) == ["tea"]
    alembic("downgrade", "base")
    alembic("upgrade", "head")
    alembic("check")
    assert texts(database, monkeypatch) == ["tea"]
