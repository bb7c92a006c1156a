"""A loaded sentence-transformers model, and how texts run through it. Imports torch at use."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from embeddb.encoders.batching import (
    CPU_TOKENS,
    CPU_TOKENS_PER_THREAD,
    GPU_TOKENS,
    Rows,
    batches,
    blocks,
)
from embeddb.encoders.hardware import best_dtype
from embeddb.encoders.quiet import quiet_loading
from embeddb.errors import ModelError
from embeddb.forks import ProcessLock, keep_torch_alive, renewed_in_child
from embeddb.records import Role, Vector


@dataclass(kw_only=True, eq=False)
class TorchModel:
    """A model in memory; its tokenizer takes one thread at a time, its weights take many.

    Attributes:
        tokens: the padded tokens of one batch.
        lost: whether it is in the memory of a GPU that a parent of this process opened.
    """

    model: Any
    device: str
    dtype: str
    tokens: int
    tokenizing: ProcessLock = field(default_factory=ProcessLock)
    lost: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        renewed_in_child(self, TorchModel._renew)

    def encode(self, texts: list[str], prompt: str, role: Role) -> Vector:
        """Encode texts in batches of similar length: float32, shape (len(texts), width).

        Raises:
            ModelError: this process was forked after the model was loaded onto a GPU.
        """
        import torch

        if self.lost:
            raise ModelError(
                f"The model was loaded onto {self.device} before this process was forked, and a "
                "forked process cannot use it: start processes with spawn or forkserver, or load "
                "the model after the fork."
            )
        keep_torch_alive()
        vectors: Vector | None = None
        with torch.inference_mode():
            for block in blocks(texts):
                part = self._block([texts[index] for index in block], prompt, role)
                if vectors is None:
                    vectors = np.empty((len(texts), part.shape[1]), dtype=np.float32)
                vectors[block] = part
        return np.empty((0, 0), dtype=np.float32) if vectors is None else vectors

    def _block(self, texts: list[str], prompt: str, role: Role) -> Vector:
        """Encode a block of texts: tokenize it once, then run slices of it."""
        features = self._tokenize(texts, prompt, role)
        if not _can_slice(features, len(texts)):
            return self._unsliced(texts, features, prompt, role)
        mask = features["attention_mask"]
        lengths = mask.sum(1).numpy()
        left_padded = bool(lengths.size) and not bool(mask[:, 0].all())
        parts = []
        order = []
        for rows in batches(lengths, self.tokens):
            width = max(1, int(lengths[rows[0]]))
            columns = slice(mask.shape[1] - width, None) if left_padded else slice(width)
            parts.append(self._sliced(features, rows, columns, role))
            order.append(rows)
        return np.concatenate(parts)[np.argsort(np.concatenate(order))]

    def _sliced(self, features: dict[str, Any], rows: Rows, columns: slice, role: Role) -> Vector:
        """Encode some rows of tokenized texts, in halves where memory is short."""
        import torch

        index = torch.from_numpy(rows)
        batch = {
            name: value[index, columns] if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        try:
            return self._forward(batch, role)
        except RuntimeError as error:
            if not _out_of_memory(error) or len(rows) == 1:
                raise
        self._shrink()
        middle = len(rows) // 2
        halves = (rows[:middle], rows[middle:])
        return np.concatenate([self._sliced(features, half, columns, role) for half in halves])

    def _unsliced(
        self, texts: list[str], features: dict[str, Any], prompt: str, role: Role
    ) -> Vector:
        """Encode texts whose features do not have one row each, in halves where memory is short."""
        try:
            return self._forward(features, role)
        except RuntimeError as error:
            if not _out_of_memory(error) or len(texts) == 1:
                raise
        self._shrink()
        middle = len(texts) // 2
        halves = (texts[:middle], texts[middle:])
        return np.concatenate(
            [self._unsliced(h, self._tokenize(h, prompt, role), prompt, role) for h in halves]
        )

    def _tokenize(self, texts: list[str], prompt: str, role: Role) -> dict[str, Any]:
        # The tokenizer's truncation is a setting of the shared object: two threads at once fail
        # with "Already borrowed".
        with self.tokenizing:
            return dict(self.model.preprocess(texts, prompt=prompt or None, task=role))

    def _forward(self, features: dict[str, Any], role: Role) -> Vector:
        import torch

        moved = {
            name: value.to(self.device) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        output = self.model(moved, task=role)["sentence_embedding"]
        vectors: Vector = output.to(device="cpu", dtype=torch.float32).numpy()
        return vectors

    def _renew(self) -> None:
        self.lost = self.device != "cpu"

    def _shrink(self) -> None:
        """Halve the batches to come, and return the freed memory to the GPU."""
        import torch

        self.tokens = max(1, self.tokens // 2)
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()


_loaded: WeakValueDictionary[tuple[str, str, str], TorchModel] = WeakValueDictionary()
_loading = ProcessLock()


def load_torch_model(
    folder: Path, *, device: str | None, dtype: str | None, model_type: str, max_tokens: int | None
) -> TorchModel:
    """Return a loaded model, shared with other encoders of this process."""
    import torch

    keep_torch_alive()
    device = device or _torch_device()
    dtype = dtype or best_dtype(device, model_type)
    key = (str(folder), device, dtype)
    with _loading:
        if (shared := _loaded.get(key)) is not None:
            return shared
        model = _load(folder, device, getattr(torch, dtype))
        if max_tokens is not None and (model.max_seq_length or max_tokens + 1) > max_tokens:
            # Some tokenizers carry no limit; what is longer than the model would crash it.
            with suppress(AttributeError):
                model.max_seq_length = max_tokens
        loaded = TorchModel(model=model, device=device, dtype=dtype, tokens=_tokens(device))
        _loaded[key] = loaded
        return loaded


def of_loaded(model: Any) -> TorchModel:  # noqa: ANN401  (untyped library)
    """Return a model that somebody else has loaded, on the device that it is on."""
    device = str(model.device)
    dtype = next((str(one.dtype).removeprefix("torch.") for one in model.parameters()), "float32")
    return TorchModel(model=model.eval(), device=device, dtype=dtype, tokens=_tokens(device))


def _load(folder: Path, device: str, dtype: object) -> Any:  # noqa: ANN401  (untyped library)
    with quiet_loading():
        from sentence_transformers import SentenceTransformer

        # Without a dtype, transformers takes the file's, which can be slow on this machine.
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype},
        )
        return model.eval()


def _torch_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _tokens(device: str) -> int:
    import torch

    if device != "cpu":
        return GPU_TOKENS
    return max(CPU_TOKENS, CPU_TOKENS_PER_THREAD * int(torch.get_num_threads()))


def _can_slice(features: dict[str, Any], count: int) -> bool:
    """Return whether every tensor has one row for each text and one column for each token."""
    import torch

    mask = features.get("attention_mask")
    if not isinstance(mask, torch.Tensor) or mask.ndim != 2:
        return False
    tensors = [value for value in features.values() if isinstance(value, torch.Tensor)]
    return all(tensor.shape == (count, mask.shape[1]) for tensor in tensors)


def _out_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()
