"""What commands write to streams of any encoding, to readers that leave, and to a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import embeddb
from tests.conftest import _database

TEXT = "dash \N{EN DASH} quotes “x” 東京 \N{GRINNING FACE}"
COMMANDS = (
    ("get", "konsole 東京", "ü1"),
    ("search", "konsole 東京", "--vector", "[1, 0]"),
    ("search", "konsole 東京", "--vector", "[1, 0]", "--full", "--plan"),
    ("collection", "list"),
    ("collection", "show", "konsole 東京"),
    ("status",),
    ("doctor",),
    ("index", "list", "konsole 東京"),
    ("--help",),
    ("search", "--help"),
)
REFUSED = (
    ("get", "konsole 東京", "nö"),
    ("search", "東", "x"),
    ("ingest", "konsole 東京", "/tmp/東"),
)


@pytest.fixture(scope="module")
def url(server_url: str, template: str) -> Iterator[str]:
    """A database with a collection that no console of Windows shows."""
    with _database(server_url, template) as url:
        with embeddb.connect(url) as store:
            docs = store.create_collection("konsole 東京", model=None, dim=2)
            docs.add(
                [{"id": "ü1", "content": TEXT, "embedding": [1, 0], "metadata": {"ort": "東京"}}]
            )
        yield url


def _run(
    url: str, *arguments: str | bytes, encoding: str = "utf-8", **others: str
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ,
        "EMBEDDB_DSN": url,
        "PYTHONIOENCODING": encoding,
        "PYTHONUTF8": "0",
        **others,
    }
    command = [sys.executable, "-m", "embeddb", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8:strict"])
def test_no_character_ends_a_command(url: str, encoding: str) -> None:
    for command in COMMANDS:
        ran = _run(url, *command, encoding=encoding)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False), (command, ran.stderr)
        ran.stdout.decode(encoding.partition(":")[0])
    for command in REFUSED:
        ran = _run(url, *command, encoding=encoding)
        assert (ran.returncode, b"Traceback" in ran.stderr) == (1, False), (command, ran.stderr)


def test_what_is_replaced_can_be_read(url: str) -> None:
    found = _run(url, "get", "konsole 東京", "ü1", encoding="ascii").stdout.decode("ascii")
    assert 'dash - quotes "x" \\u6771\\u4eac \\U0001f600' in found


def test_json_is_the_same_in_every_encoding(url: str) -> None:
    command = ("get", "konsole 東京", "ü1", "--json")
    found = [
        json.loads(_run(url, *command, encoding=encoding).stdout)
        for encoding in ("ascii", "cp1252", "utf-8")
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][0]["content"] == TEXT


@pytest.mark.skipif(os.name == "nt", reason="arguments are bytes elsewhere only")
def test_bytes_that_are_no_text_are_named(url: str) -> None:
    for command, said in (
        (("get", "konsole 東京", b"\xff"), b"There is no document '\\udcff'"),
        (("collection", "show", b"\xfe\xff"), b"holds bytes that are no text"),
    ):
        ran = _run(url, *command)
        assert ran.returncode == 1
        assert said in ran.stderr


def test_json_on_stdin_is_utf_8_whatever_the_locale_says(url: str, tmp_path: Path) -> None:
    filter = tmp_path / "filter.json"
    filter.write_text('{"ort": "東京"}', "utf-8")
    command = ("search", "konsole 東京", "--vector", "[1, 0]", "--json", "--filter", f"@{filter}")
    ran = _run(url, *command, encoding="cp1252")
    assert [hit["id"] for hit in json.loads(ran.stdout)["hits"]] == ["ü1"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
@pytest.mark.parametrize(
    "command", [("collection", "list"), ("collection", "list", "--json"), ("--help",), ("status",)]
)
def test_a_reader_that_leaves_is_met_in_silence(url: str, command: tuple[str, ...]) -> None:
    environment = {**os.environ, "EMBEDDB_DSN": url}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "embeddb", *command],
            env=environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=120,
        )
    finally:
        os.close(writing)
    assert ran.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_disk_is_an_error_in_a_sentence(url: str, options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "embeddb", "collection", "list", *options],
            env={**os.environ, "EMBEDDB_DSN": url},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 1
    assert "No space left" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
