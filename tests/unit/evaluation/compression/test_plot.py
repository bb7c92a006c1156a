"""The plot of advice: labels that can be read, and errors before anything is drawn.

matplotlib is imported where a test needs it, so that collecting the tests does not load it.
"""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddb.errors import ConfigurationError, MissingDependencyError
from embeddb.evaluation.compression import plot
from embeddb.evaluation.compression.advice import Advice
from tests.support.advice import advice_on, measured


def _many(count: int, *, spread: float) -> Advice:
    chance = np.random.default_rng(0)
    return advice_on(
        *(
            measured(
                ("vector", "halfvec", "int8")[n % 3],
                1000 * (1 + spread * float(chance.random())),
                0.99 - 0.1 * spread * float(chance.random()),
                p50_ms=float(1 + 10 * chance.random()),
                is_current=n == 0,
            )
            for n in range(count)
        )
    )


@pytest.mark.parametrize(("count", "spread"), [(1, 0.0), (11, 2.0), (11, 0.05), (14, 0.001)])
def test_labels_lie_beside_each_other_and_inside(count: int, spread: float) -> None:
    from matplotlib.text import Text

    figure, labels = plot.draw(_many(count, spread=spread))
    boxes = [Text.get_window_extent(label) for label in labels]
    assert len(boxes) == count
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    axis = figure.axes[0].xaxis
    low, high = figure.axes[0].get_xlim()
    assert sum(low <= tick <= high for tick in axis.get_ticklocs()) >= 2


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plot.save_plot(_many(5, spread=1), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_drawn_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"\.png"):
        plot.check_plot(tmp_path / "a.svg")
    with pytest.raises(ConfigurationError, match="no folder"):
        plot.check_plot(tmp_path / "b" / "a.png")
    with pytest.raises(ConfigurationError, match="nothing to plot"):
        plot.save_plot(advice_on(), tmp_path / "a.png")
    load = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:  # noqa: ANN401
        if name.startswith("matplotlib"):
            raise ImportError(name=name)
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependencyError, match=r"embeddb\[plots\]"):
        plot.check_plot(tmp_path / "a.png")
