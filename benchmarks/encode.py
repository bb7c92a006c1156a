"""Texts per second of our encoder against `SentenceTransformer.encode` with its defaults.

Both encode the same real texts with the same weights on the same device, in turns within one
run, so that a change of the machine's load meets both. On a machine that others use as well,
`--threads 1` and the ratio of CPU seconds tell more than the clock: a thread that waits for
another one's core then costs nothing.
"""

from __future__ import annotations

import argparse
import ast
import json
import platform
import random
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np

from embeddb.encoders import EncoderSettings, SentenceTransformerEncoder, load_encoder
from embeddb.encoders.hardware import best_dtype, cpu_flags
from embeddb.encoders.quiet import quiet_loading
from embeddb.records import Vector

SHORTEST_CHARACTERS = 20

Encode = Callable[[list[str]], Vector]


def main() -> int:
    options = _options()
    texts = real_texts(options.texts, options.seed)
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    result = measure(options.model, texts, options.rounds, options.device)
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


def real_texts(count: int, seed: int) -> list[str]:
    """Pick paragraphs of Python's manual and docstrings of its library, in a fixed order."""
    paragraphs = [part.strip() for topic in topics.values() for part in topic.split("\n\n")]
    candidates = dict.fromkeys([*paragraphs, *_docstrings()])
    long_enough = [text for text in candidates if len(text) >= SHORTEST_CHARACTERS]
    return random.Random(seed).sample(long_enough, min(count, len(long_enough)))


def measure(model: str, texts: list[str], rounds: int, device: str | None) -> dict[str, Any]:
    """Time each way `rounds` times, in turns."""
    ways = {"sentence-transformers float32": _reference(model, device)}
    device = device or _device()
    for dtype in dict.fromkeys(["float32", best_dtype(device)]):
        ways[f"embeddb {dtype}"] = _ours(model, device, dtype)
    for encode in ways.values():
        encode(texts[:32])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in ways}
    vectors: dict[str, Vector] = {}
    for _ in range(rounds):
        for name, encode in ways.items():
            started, started_cpu = time.perf_counter(), time.process_time()
            vectors[name] = encode(texts)
            seconds[name].append(time.perf_counter() - started)
            cpu_seconds[name].append(time.process_time() - started_cpu)
    return {
        "machine": machine(device),
        "model": model,
        "texts": len(texts),
        "rounds": rounds,
        "ways": _summary(seconds, cpu_seconds, vectors),
    }


def machine(device: str) -> dict[str, Any]:
    """Name what was measured on."""
    import torch

    return {
        "cpu": _cpu_name(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "native_bf16": bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"}),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def table(result: dict[str, Any]) -> str:
    """Lay the result out for people."""
    facts = result["machine"]
    lines = [
        f"{result['model']}: {result['texts']} texts, median of {result['rounds']} rounds",
        f"{facts['cpu']}, {facts['threads']} threads, {facts['device']}, torch {facts['torch']}",
        f"{'':32}{'texts/s':>9}{'ratio':>8}{'CPU ratio':>11}{'cosine min':>13}{'mean':>10}",
    ]
    for name, way in result["ways"].items():
        lines.append(
            f"{name:32}{way['texts_per_second']:>9.1f}{way['ratio']:>8.2f}"
            f"{way['cpu_ratio']:>11.2f}{way['cosine_min']:>13.6f}{way['cosine_mean']:>10.6f}"
        )
    return "\n".join(lines)


def _summary(
    seconds: dict[str, list[float]],
    cpu_seconds: dict[str, list[float]],
    vectors: dict[str, Vector],
) -> dict[str, Any]:
    names = list(seconds)
    base = statistics.median(seconds[names[0]])
    base_cpu = statistics.median(cpu_seconds[names[0]])
    expected = _unit(vectors[names[0]])
    summary = {}
    for name in names:
        median = statistics.median(seconds[name])
        cosines = (_unit(vectors[name]) * expected).sum(axis=1)
        summary[name] = {
            "texts_per_second": len(expected) / median,
            "ratio": base / median,
            "cpu_ratio": base_cpu / statistics.median(cpu_seconds[name]),
            "seconds": seconds[name],
            "cpu_seconds": cpu_seconds[name],
            "cosine_min": float(cosines.min()),
            "cosine_mean": float(cosines.mean()),
        }
    return summary


def _unit(vectors: Vector) -> np.ndarray[Any, np.dtype[np.float64]]:
    wide = vectors.astype(np.float64)
    unit: np.ndarray[Any, np.dtype[np.float64]] = wide / np.linalg.norm(wide, axis=1)[:, None]
    return unit


def _reference(model: str, device: str | None) -> Encode:
    folder = str(_encoder(model, device, "float32").folder)
    with quiet_loading():
        from sentence_transformers import SentenceTransformer

        loaded = SentenceTransformer(
            folder, device=device, local_files_only=True, model_kwargs={"dtype": "float32"}
        )

    def encode(texts: list[str]) -> Vector:
        vectors: Vector = loaded.encode(texts)
        return vectors

    return encode


def _ours(model: str, device: str, dtype: str) -> Encode:
    return _encoder(model, device, dtype).encode


def _encoder(model: str, device: str | None, dtype: str) -> SentenceTransformerEncoder:
    settings = EncoderSettings(device=device, dtype=dtype, offline=True)
    encoder = load_encoder(model, settings=settings)
    if not isinstance(encoder, SentenceTransformerEncoder):
        raise SystemExit(f"{model} is not a sentence-transformers model")
    return encoder


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _docstrings() -> list[str]:
    found = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                found.append(ast.get_docstring(node) or "")
    return found


def _cpu_name() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode", description=__doc__)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default=None, help="cpu, cuda, mps")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
