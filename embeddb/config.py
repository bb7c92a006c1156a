"""Settings; this is the only module that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from embeddb.errors import ConfigurationError

DEFAULT_SCHEMA = "embeddb"

# The embedded server of root runs as a system user of its own, who must be able to reach the
# data: a folder in root's home would mean opening that home.
ROOT_DATA_DIR = Path("/var/lib/embeddb")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the environment asks for; secrets stay out of the repr.

    Attributes:
        dsn: the server to use. Without it embeddb starts the embedded server.
        data_dir: where the embedded server keeps its data. By default the user's data folder, or
            `/var/lib/embeddb` for root.
        schema: the Postgres schema of embeddb's own tables; `embeddb` by default.
        device: what models compute on: `cpu`, `cuda` or `mps`. By default the fastest there is.
        dtype: what models compute in: `float32`, `bfloat16` or `float16`. By default what the
            machine computes fastest.
        openai_base_url: an endpoint that speaks OpenAI's embeddings API; OpenAI's own by default.
        openai_api_key: the key for that endpoint.
        python_models: modules, separated by commas, whose functions may serve as models
            (`python:module:function`). By default none may.
        test_dsn: the server on which the fixtures of the pytest plugin make databases; the embedded
            one by default.
        offline: `1` never asks the Hugging Face hub.
        debug: `1` shows the traceback of an error that a command reports.
    """

    dsn: str | None = field(default=None, repr=False)
    data_dir: Path = field(default_factory=lambda: default_data_dir())
    schema: str = DEFAULT_SCHEMA
    device: str | None = None
    dtype: str | None = None
    openai_base_url: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    python_models: tuple[str, ...] = ()
    test_dsn: str | None = field(default=None, repr=False)
    offline: bool = False
    debug: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; a variable that is set to nothing counts as unset."""
        env = os.environ if environ is None else environ
        data_dir = env.get("EMBEDDB_DATA_DIR")
        return cls(
            dsn=env.get("EMBEDDB_DSN") or None,
            data_dir=Path(data_dir).expanduser() if data_dir else default_data_dir(),
            schema=env.get("EMBEDDB_SCHEMA") or DEFAULT_SCHEMA,
            device=env.get("EMBEDDB_DEVICE") or None,
            dtype=env.get("EMBEDDB_DTYPE") or None,
            openai_base_url=env.get("EMBEDDB_OPENAI_BASE_URL")
            or env.get("OPENAI_BASE_URL")
            or None,
            openai_api_key=env.get("OPENAI_API_KEY") or None,
            python_models=_names(env.get("EMBEDDB_PYTHON_MODELS", "")),
            test_dsn=env.get("EMBEDDB_TEST_DSN") or None,
            offline=_flag(env, "HF_HUB_OFFLINE"),
            debug=_flag(env, "EMBEDDB_DEBUG"),
        )


def default_data_dir() -> Path:
    """Return the user's data folder, or a folder of the system's for root."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return ROOT_DATA_DIR
    return platformdirs.user_data_path("embeddb", appauthor=False)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise ConfigurationError(f"{name} must be 1 or 0, not {env[name]!r}.")
    return value in _TRUE
