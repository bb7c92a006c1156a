"""Install into the environment of the Python that runs this.

    .venv/bin/python .ci/install.py --constraint .ci/constraints.txt --editable '.[embedded]'

The arguments are those of `pip install`. uv does the work: the version that constraints.txt names
if pip can fetch it, else the one on the PATH. Where there is none, or uv fails, pip does the work.

PyTorch is its build for the CPU if one can be had: on Linux, PyPI's own build brings gigabytes of
CUDA.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}
"""pip's settings, and the variables that tell uv the same: it reads none of pip's."""

CUDA_NOTICE = f"""\
No CPU build of PyTorch for this Python is where pip looks, or at {CPU_INDEX}.
PyPI's build is installed instead. It brings NVIDIA's libraries: about 3 GB to download.
"""


def main(arguments: Sequence[str]) -> int:
    """Install what the arguments of `pip install` name, and return the exit code."""
    torch, index = _torch()
    arguments = [*arguments, *torch]
    if uv := _uv():
        command = [uv, "pip", "install", "--python", sys.executable]
        # compiled now, once: not by each process that may not write here
        command += ["--compile-bytecode"]
        command += ["--torch-backend", "cpu"] if index else []
        command += [] if sys.stderr.isatty() else ["--quiet"]
        if _run([*command, *arguments], **_uv_settings()) == 0:
            return 0
        sys.stderr.write("uv failed; now pip tries.\n")
    # dependency groups came with pip 25.1
    if code := _run([*PIP, "install", "--quiet", "--upgrade", "pip>=25.1"]):
        return code
    command = [*PIP, "install", "--quiet"]
    command += ["--extra-index-url", index] if index else []
    # setuptools warns of every editable installation
    return _run([*command, *arguments], PYTHONWARNINGS="ignore::UserWarning")


def _run(command: Sequence[str], **environment: str) -> int:
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return str(done.stdout) if done.returncode == 0 else ""


def _pinned(package: str) -> str:
    """Return the version of a package that constraints.txt names."""
    found = re.findall(rf"^{package}==(\S+)$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
    return str(found[0])


def _uv() -> str | None:
    """Return the path of uv, fetched into this environment if possible; None if there is none."""
    fetch = [*PIP, "install", "--retries", "1", f"uv=={_pinned('uv')}"]
    return str(Path(sys.executable).with_name("uv")) if _output(fetch) else shutil.which("uv")


def _torch() -> tuple[list[str], str | None]:
    """Return the requirement of the CPU build, if any, and the index to ask for it, if any.

    Print a notice if there is no CPU build for this Python.
    """
    if sys.platform != "linux":
        return [], None  # PyPI's own is for the CPU there
    build = _pinned("torch") + "+cpu"
    if _is_installed(build) or build in _torch_versions():
        return [f"torch=={build}"], None
    if build in _torch_versions("--extra-index-url", CPU_INDEX):
        return [f"torch=={build}"], CPU_INDEX
    if not _is_installed(_pinned("torch")):
        sys.stderr.write(CUDA_NOTICE)
    return [], None


def _is_installed(build: str) -> bool:
    try:
        return version("torch") == build
    except PackageNotFoundError:
        return False


def _torch_versions(*options: str) -> list[str]:
    """Return the versions of PyTorch that pip could install for this Python."""
    command = [*PIP, "index", "versions", "torch", "--retries", "1", "--timeout", "15", *options]
    return re.findall(r"[^\s,]+", _output(command).partition("Available versions:")[2])


def _uv_settings() -> dict[str, str]:
    """Return the variables that tell uv what pip is told by its variables and its files."""
    settings: dict[str, str] = {}
    lines = re.findall(r"^(\S+)\.([\w-]+)=(.+)$", _output([*PIP, "config", "list"]), re.MULTILINE)
    for scope in ("global", "install", ":env:"):
        for found, name, value in lines:
            if found == scope and name in UV_NAMES:
                separator = "," if name in ("find-links", "trusted-host") else " "
                settings[UV_NAMES[name]] = separator.join(ast.literal_eval(value).split())
    if "UV_INDEX" in settings:
        # all indexes count alike, as for pip
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in settings.items() if name not in os.environ}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
