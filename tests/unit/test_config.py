"""Settings come from the environment, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from embeddb import config
from embeddb.config import Settings
from embeddb.errors import ConfigurationError


def test_nothing_set_means_the_embedded_server_and_the_default_schema() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.dsn, settings.schema, settings.offline) == (None, "embeddb", False)


def test_each_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "EMBEDDB_DSN": "postgresql://somewhere",
            "EMBEDDB_DATA_DIR": "/data",
            "EMBEDDB_SCHEMA": "search",
            "EMBEDDB_DEVICE": "cuda",
            "EMBEDDB_DTYPE": "bfloat16",
            "EMBEDDB_OPENAI_BASE_URL": "http://localhost/v1",
            "OPENAI_BASE_URL": "http://elsewhere/v1",
            "OPENAI_API_KEY": "key",
            "EMBEDDB_PYTHON_MODELS": "encoders, company.encoders,",
            "HF_HUB_OFFLINE": "1",
        }
    )
    assert settings == Settings(
        dsn="postgresql://somewhere",
        data_dir=Path("/data"),
        schema="search",
        device="cuda",
        dtype="bfloat16",
        openai_base_url="http://localhost/v1",
        openai_api_key="key",
        python_models=("encoders", "company.encoders"),
        offline=True,
    )


def test_a_variable_that_is_set_to_nothing_counts_as_unset() -> None:
    names = ("EMBEDDB_DSN", "EMBEDDB_DATA_DIR", "EMBEDDB_SCHEMA", "OPENAI_API_KEY")
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings()


def test_the_usual_variable_of_openai_is_understood() -> None:
    settings = Settings.from_environment({"OPENAI_BASE_URL": "http://elsewhere/v1"})
    assert settings.openai_base_url == "http://elsewhere/v1"


def test_secrets_are_not_shown() -> None:
    settings = Settings(openai_api_key="sk-1", dsn="postgresql://user:sk-2@host/db")
    assert "sk-" not in repr(settings)


def test_a_flag_is_one_or_zero() -> None:
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE"):
        Settings.from_environment({"HF_HUB_OFFLINE": "maybe"})


def test_roots_data_lies_outside_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert config.default_data_dir() == Path("/var/lib/embeddb")


def test_a_users_data_lies_in_his_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert config.default_data_dir().is_relative_to(tmp_path)
