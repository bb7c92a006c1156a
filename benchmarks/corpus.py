"""Real vectors for the benchmarks: the glosses of WordNet 3.0, encoded once and kept.

WordNet (https://wordnet.princeton.edu) has 117,659 glosses, 117,033 of them distinct. Its files
come with Debian's package `wordnet-base` or from the project's site; `--wordnet` says where they
are. The vectors are kept in the user's cache, 180 MB for all of them.

    python -m benchmarks.corpus        encodes them now: 5 to 30 minutes on two cores
"""

from __future__ import annotations

import argparse
import random
import re
from pathlib import Path

import numpy as np
import platformdirs
from rich.progress import Progress

from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.records import Vector

WORDNET = Path("/usr/share/wordnet")
MODEL = "all-MiniLM-L6-v2"
WINDOW = 2048


def glosses(folder: Path = WORDNET) -> list[str]:
    """Read the distinct glosses in a fixed order that has nothing to do with their meaning."""
    found: dict[str, None] = {}
    for part in ("noun", "verb", "adj", "adv"):
        path = folder / ("data." + part)
        if not path.is_file():
            raise SystemExit(f"There is no {path}: apt-get install wordnet-base, or --wordnet.")
        for line in path.read_text("utf-8").splitlines():
            if not line.startswith("  "):
                found[line.partition(" | ")[2].strip()] = None
    texts = list(found)
    random.Random(0).shuffle(texts)
    return texts


def entries(folder: Path = WORDNET) -> dict[str, list[str]]:
    """Read the words that each gloss explains."""
    found: dict[str, dict[str, None]] = {}
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / ("data." + part)).read_text("utf-8").splitlines():
            if line.startswith("  "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split()
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            plain = (re.sub(r"\(.*\)$", "", word).replace("_", " ") for word in words)
            found.setdefault(gloss.strip(), {}).update(dict.fromkeys(plain))
    return {gloss: list(words) for gloss, words in found.items()}


def vectors(folder: Path = WORDNET) -> Vector:
    """Return the vector of each gloss, shape (117033, 384), from the cache where it is there."""
    path = Path(platformdirs.user_cache_dir("embeddb")) / "benchmarks" / "wordnet-minilm.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, encode(glosses(folder)))
        partial.rename(path)
    found: Vector = np.load(path)
    return found


def encode(texts: list[str]) -> Vector:
    """Encode texts with MiniLM, long beside long."""
    encoder = load_encoder(MODEL, settings=EncoderSettings())
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    result = np.empty((len(texts), encoder.info.dim), dtype=np.float32)
    with Progress() as bar:
        task = bar.add_task("Encoding WordNet", total=len(texts))
        for start in range(0, len(order), WINDOW):
            rows = order[start : start + WINDOW]
            result[rows] = encoder.encode([texts[row] for row in rows])
            bar.advance(task, len(rows))
    return result


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--wordnet", type=Path, default=WORDNET)
    print(vectors(options.parse_args().wordnet).shape)
