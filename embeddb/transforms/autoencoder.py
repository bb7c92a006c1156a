"""A small network that shortens vectors and keeps their neighbours. Imports torch when it trains.

It starts as PCA and is trained towards three aims at once: to give the vector back
(Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006), to keep
the similarity of every pair in a batch, and to keep which others a vector is most similar to
(van der Maaten and Hinton, Visualizing Data using t-SNE, 2008). The last is what a search asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embeddb.forks import keep_torch_alive
from embeddb.records import Vector
from embeddb.schema.transforms import Word
from embeddb.transforms.fitting import Fitting, Matrix, mean_of, principal_axes, sample
from embeddb.transforms.steps import Affine, Normalize, Step

if TYPE_CHECKING:
    from torch import Tensor

# Half of the hidden units begin as the principal axes, the others are there to correct them.
HIDDEN_PER_DIM = 2

# Where tanh is given numbers of this spread it is all but linear, so that the start is PCA.
LINEAR_SPREAD = 0.25

EPOCHS = 15
BATCH_ROWS = 1_024
# Few rows make short epochs: this many batches each, so that the network learns all the same.
LEAST_BATCHES = 16
LEARNING_RATE = 1e-3

# Bounds the time of a fit, which grows with the rows.
MOST_ROWS = 40_000
HELD_OUT = 10
MOST_HELD_OUT_ROWS = 2_000

# How near a vector must be to count as a neighbour: for unit vectors, a similarity within about
# this much of the nearest.
TEMPERATURE = 0.03
# Brings the squared error of a similarity to the size of the other two aims.
PAIR_WEIGHT = 100.0


def encode_with_network(word: Word, rows: Vector, fitting: Fitting) -> list[Step]:
    """Return the steps of a fitted encoder with one hidden layer; under cosine they normalize."""
    assert word.dim is not None
    rows = sample(rows, MOST_ROWS, fitting.seed)
    # Lengths of about 1 suit the constants above; the scale goes back into the matrices.
    scale = float(np.sqrt(np.mean(np.square(rows, dtype=np.float64).sum(axis=1)))) or 1.0
    network = _train(_begin(rows / np.float32(scale), word.dim, fitting), rows / scale, fitting)
    steps: list[Step] = [
        Affine(weights=network["w1"] / scale, bias=network["b1"], activation="tanh"),
        Affine(weights=network["w2"] * scale, bias=network["b2"] * scale),
    ]
    if fitting.distance != "cosine":
        return steps
    # tanh sees the length of a vector, which the cosine distance does not.
    return [*([] if fitting.unit else [Normalize()]), *steps, Normalize()]


def _begin(rows: Vector, dim: int, fitting: Fitting) -> dict[str, Matrix]:
    """Return the weights of an encoder (1, 2) and a decoder (3, 4) that together are PCA."""
    wide = rows.shape[1]
    mean = mean_of(rows) if fitting.centred else np.zeros(wide)
    axes, squares = principal_axes(rows, mean if fitting.centred else None)
    axes, spread = axes[:dim], np.sqrt(np.maximum(squares[:dim], 1e-9))
    shrink = LINEAR_SPREAD / spread
    hidden = HIDDEN_PER_DIM * dim
    rng = np.random.default_rng([fitting.seed, dim])

    def spare(columns: int) -> Matrix:
        return np.asarray(rng.uniform(-1, 1, (hidden - dim, columns)) / np.sqrt(columns))

    unused = np.zeros((dim, hidden - dim))
    return {
        "w1": np.vstack([shrink[:, None] * axes, spare(wide)]),
        "b1": np.concatenate([-shrink * (axes @ mean), np.zeros(hidden - dim)]),
        "w2": np.hstack([np.diag(1 / shrink), unused]),
        "b2": np.zeros(dim),
        "w3": np.vstack([np.diag(shrink), spare(dim)]),
        "b3": np.zeros(hidden),
        "w4": np.hstack([axes.T / shrink, np.zeros((wide, hidden - dim))]),
        "b4": mean,
    }


def _train(start: dict[str, Matrix], rows: Vector, fitting: Fitting) -> dict[str, Vector]:
    """Train on nine tenths of the rows, and return what did best on the tenth held out.

    The rate falls to nothing over the epochs and the last ones gain the most, so none is left out;
    PCA itself, before the first, is among those that can win.
    """
    import torch

    keep_torch_alive()
    rng = np.random.default_rng([fitting.seed, len(rows)])
    shuffled = torch.from_numpy(rows[rng.permutation(len(rows))].astype(np.float32))
    held_out = shuffled[: len(rows) // HELD_OUT]
    training = shuffled[len(held_out) :]
    held_out = held_out[:MOST_HELD_OUT_ROWS]
    network = {
        name: torch.tensor(values, dtype=torch.float32, requires_grad=True)
        for name, values in start.items()
    }
    batches = max(len(training) // BATCH_ROWS, LEAST_BATCHES)
    optimizer = torch.optim.Adam(network.values(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=0.1
    )
    best = _copy(network)
    with torch.no_grad():
        least = float(_loss(network, held_out, fitting))
    for epoch in range(1, EPOCHS + 1):
        for _ in range(batches):
            size = min(BATCH_ROWS, len(training))
            batch = training[torch.from_numpy(rng.choice(len(training), size, replace=False))]
            optimizer.zero_grad()
            _loss(network, batch, fitting).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            loss = float(_loss(network, held_out, fitting))
        if loss < least:
            least, best = loss, _copy(network)
        if fitting.progress is not None:
            fitting.progress(epoch, EPOCHS)
    return best


def _loss(network: dict[str, Tensor], batch: Tensor, fitting: Fitting) -> Tensor:
    """Return the sum of the three aims for a batch of shape (n, dim)."""
    import torch
    from torch.nn.functional import kl_div, log_softmax, normalize

    short = _layers(network, batch, "1", "2")
    lost = (_layers(network, short, "3", "4") - batch).square().sum(1).mean()
    compared = normalize(short) if fitting.distance == "cosine" else short
    wanted = _similarities(batch, fitting)
    given = _similarities(compared, fitting)
    moved = (wanted - given).square().mean()
    itself = torch.eye(len(batch), dtype=torch.bool)
    near = log_softmax((wanted / TEMPERATURE).masked_fill(itself, -1e9), dim=1)
    still_near = log_softmax((given / TEMPERATURE).masked_fill(itself, -1e9), dim=1)
    forgotten = kl_div(still_near, near, reduction="batchmean", log_target=True)
    return lost + PAIR_WEIGHT * moved + forgotten


def _layers(network: dict[str, Tensor], rows: Tensor, first: str, second: str) -> Tensor:
    """Return rows after two layers with tanh between them."""
    hidden = (rows @ network["w" + first].T + network["b" + first]).tanh()
    return hidden @ network["w" + second].T + network["b" + second]


def _similarities(rows: Tensor, fitting: Fitting) -> Tensor:
    """Return how similar each row is to each other one, larger is nearer: shape (n, n)."""
    dots = rows @ rows.T
    if fitting.distance != "l2":
        return dots
    halves = rows.square().sum(1) / 2
    return dots - halves[:, None] - halves[None, :]


def _copy(network: dict[str, Tensor]) -> dict[str, Vector]:
    return {name: values.detach().numpy().copy() for name, values in network.items()}
