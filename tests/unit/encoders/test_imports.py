"""Naming a model, reading its record and counting its tokens loads no heavy library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "transformers", "sentence_transformers", "httpx", "tenacity", "huggingface_hub")

PROGRAM = f"""
import sys
import embeddb.encoders as e
encoder = e.load_encoder(sys.argv[1], settings=e.EncoderSettings(offline=True))
assert encoder.info.dim == 32
assert encoder.tokenizer().encode("the red house").ids
e.load_encoder("openai:text-embedding-3-small", settings=e.EncoderSettings()).info
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_record_and_tokenizer_need_no_heavy_import(tiny_original: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tiny_original)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
