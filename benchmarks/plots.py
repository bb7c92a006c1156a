"""Pictures of what the benchmarks measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def storage(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw recall against time, one line a form, and bytes against recall."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6), layout="constrained")
    colours = plt.get_cmap("tab20")
    for number, row in enumerate(rows):
        colour = colours(number % 20)
        _, recalls, p50s, _ = zip(*row["curve"], strict=True)
        left.plot(p50s, recalls, marker="o", markersize=3, color=colour, label=row["way"])
        right.scatter(row["bytes"] / 1e6, row["recall"], color=colour, label=row["way"])
        right.annotate(
            f"{number + 1}",
            (row["bytes"] / 1e6, row["recall"]),
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=8,
        )
    left.set(xscale="log", xlabel="p50 of one search, ms", ylabel="recall@10", ylim=(0.8, 1.005))
    right.set(
        xlabel="MB of table and index", ylabel="recall@10 at the first setting that reaches it"
    )
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
    handles, labels = left.get_legend_handles_labels()
    numbered = [f"{number}  {label}" for number, label in enumerate(labels, start=1)]
    figure.legend(handles, numbered, loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)
