"""The system user of root's server reaches its files; nobody else gains more than the way there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embeddb.db.embedded import account
from embeddb.db.embedded.account import Account, account_for
from embeddb.errors import ConfigurationError

STRANGER = Account(uid=12345, gid=12345)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_folders_above_can_be_passed_but_not_listed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    STRANGER.open_way(home / "data" / "pg18")
    assert _mode(home) == 0o701


def test_a_folder_that_is_open_enough_stays_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    owner = Account(uid=home.stat().st_uid, gid=home.stat().st_gid)
    owner.open_way(home / "data")
    assert _mode(home) == 0o700


def test_programs_closed_by_a_strict_umask_are_opened(tmp_path: Path) -> None:
    program, library = tmp_path / "bin" / "postgres", tmp_path / "lib.so"
    program.parent.mkdir(mode=0o700)
    program.touch(mode=0o700)
    library.touch(mode=0o600)
    STRANGER.open_programs(tmp_path)
    assert (_mode(program), _mode(library)) == (0o705, 0o604)


def test_settings_of_the_users_own_can_be_read(tmp_path: Path) -> None:
    conf = tmp_path / "user.conf"
    conf.touch(mode=0o600)
    STRANGER.open_file(conf)
    assert _mode(conf) == 0o604


def test_an_ordinary_user_needs_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert account_for(tmp_path) is None


def test_a_user_that_cannot_be_made_is_told_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "SYSTEM_USER", "no such user")
    monkeypatch.setattr(account, "USER_WAIT_SECONDS", 0)
    monkeypatch.setattr(account, "_add_user", lambda: "useradd: permission denied")
    with pytest.raises(ConfigurationError, match=r"permission denied[\s\S]*ordinary"):
        account_for(tmp_path / "pg18")
