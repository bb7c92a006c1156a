"""A plot of advice: bytes for each vector against recall, coloured by the time of a search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embeddb.errors import ConfigurationError, MissingDependencyError
from embeddb.evaluation.compression.advice import Advice, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

INCHES = (10.0, 6.5)
DOTS_PER_INCH = 150
MARGIN = 0.12
"""Share of each axis that is left free around the points, for their labels."""

LEAST_RANGE = 0.005
LEAST_TICKS = 3
ROUND_NUMBERS = (1, 1.5, 2, 3, 4, 5, 7)
RADII = (11, 20, 32, 46, 62, 80, 100, 125, 150, 180, 215, 255, 300)
"""Points from a mark to its label: the first that is free."""

ANGLES = (20, 160, -20, -160, 90, -90, 50, 130, -50, -130, 0, 180)
LONG_LINE = 25
CLEARANCE = 3.0
"""Pixels between labels, marks and the frame."""


def check_plot(path: str | Path) -> None:
    """Check that a plot can be drawn, before there is anything to draw.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        ConfigurationError: the file would not be a PNG, or its folder is not there.
    """
    file = Path(path)
    if file.suffix.lower() != ".png":
        raise ConfigurationError(f"The plot is a PNG: name it *.png, not {file.name!r}.")
    if not file.absolute().parent.is_dir():
        raise ConfigurationError(
            f"There is no folder {str(file.parent)!r} for the plot: create it first."
        )
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"A plot needs a package that is not installed ({error.name}): "
            "run pip install 'embeddb[plots]'."
        ) from error


def save_plot(advice: Advice, path: str | Path) -> None:
    """Write the plot as a PNG.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        ConfigurationError: nothing was measured, or the file cannot be written.
    """
    check_plot(path)
    figure, _ = draw(advice)
    try:
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as error:
        raise ConfigurationError(f"The plot could not be written: {error}.") from error


def draw(advice: Advice) -> tuple[Figure, list[Annotation]]:
    """Return the plot and its labels, drawn without a window or any global state of matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not advice.forms:
        raise ConfigurationError("No form could be measured, so there is nothing to plot.")
    figure = Figure(figsize=INCHES, layout="constrained", dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    _draw_points(figure, axes, advice)
    _draw_frame(axes, advice)
    canvas.draw()  # type: ignore[no-untyped-call]  # only now is it known where everything is
    return figure, _draw_labels(axes, advice)


def _draw_points(figure: Figure, axes: Axes, advice: Advice) -> None:
    """Draw a mark for each form: a star for the best, a square for the current one."""
    from matplotlib.colors import LogNorm

    times = [max(form.p50_ms, 0.01) for form in advice.forms]
    norm = LogNorm(min(times), max(max(times), min(times) * 1.1))
    for form, time in zip(advice.forms, times, strict=True):
        marks = axes.scatter(
            [form.bytes_per_vector],
            [form.recall],
            c=[time],
            norm=norm,
            cmap="viridis_r",
            marker=_marker(form, advice),
            s=190 if form is advice.best else 70,
            edgecolors="black",
            linewidths=0.4 if form.dominated else 1.2,
            zorder=3,
        )
    bar = figure.colorbar(marks, ax=axes)
    bar.set_label("median time of a search, ms")
    _number(bar.ax.yaxis, norm.vmin or 1, norm.vmax or 1)


def _number(axis: Axis, low: float, high: float) -> None:
    """Put round numbers on a logarithmic axis, as people write them."""
    from matplotlib.ticker import NullLocator

    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**decade for decade in decades for step in ROUND_NUMBERS]
    ticks = [tick for tick in every if low <= tick <= high]
    if len(ticks) < LEAST_TICKS:
        between = (low * (high / low) ** (place / LEAST_TICKS) for place in range(LEAST_TICKS + 1))
        ticks = sorted({float(f"{tick:.3g}") for tick in between})
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(ticks, labels=[f"{tick:,.12g}" for tick in ticks])


def _marker(form: Measured, advice: Advice) -> str:
    if form is advice.best:
        return "*"
    return "s" if form.is_current else "o"


def _draw_frame(axes: Axes, advice: Advice) -> None:
    axes.axhline(advice.target, color="grey", linestyle="--", linewidth=1, zorder=1)
    frontier = [form for form in advice.forms if not form.dominated]
    axes.plot(
        [form.bytes_per_vector for form in frontier],
        [form.recall for form in frontier],
        color="grey",
        linewidth=0.8,
        zorder=2,
    )
    axes.set_xscale("log")
    sizes = _widened([math.log(form.bytes_per_vector) for form in advice.forms])
    axes.set_xlim(math.exp(sizes[0]), math.exp(sizes[1]))
    _number(axes.xaxis, *axes.get_xlim())
    recalls = [*(form.recall for form in advice.forms), advice.target]
    axes.set_ylim(*_widened(recalls))
    axes.set_xlabel("bytes for each vector, table and index")
    axes.set_ylabel(f"recall@{advice.limit} (dashed: {advice.target:g})")
    axes.set_title(
        f"{advice.collection}: {advice.rows:,} of {advice.total_rows:,} chunks, "
        f"{advice.queries:,} queries, {advice.distance} · star: recommended, square: now"
    )
    axes.grid(visible=True, which="both", color="#eeeeee", linewidth=0.6, zorder=0)


def _widened(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    free = MARGIN * max(high - low, LEAST_RANGE)
    return low - free, high + free


def _draw_labels(axes: Axes, advice: Advice) -> list[Annotation]:
    """Write each form's name at the first free place around its mark, and return the labels."""
    taken = [_around(axes, form) for form in advice.forms]
    labels = []
    for form in advice.forms:
        label, box = _place(axes, form, taken)
        taken.append(box)
        labels.append(label)
    return labels


def _place(axes: Axes, form: Measured, taken: Sequence[Bbox]) -> tuple[Annotation, Bbox]:
    """Write one label; where nothing is free, it goes to the farthest place that was tried."""
    from matplotlib.text import Text

    frame = axes.get_window_extent()
    for x, y in _offsets():
        label = axes.annotate(
            f"{form.label}\n{form.p50_ms:.1f} ms",
            (form.bytes_per_vector, form.recall),
            xytext=(x, y),
            textcoords="offset points",
            ha="left" if x >= 0 else "right",
            va="center",
            fontsize=7.5,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            arrowprops={"arrowstyle": "-", "color": "grey", "linewidth": 0.5}
            if math.hypot(x, y) > LONG_LINE
            else None,
        )
        label.get_window_extent()  # moves it to its place
        box = Text.get_window_extent(label).padded(CLEARANCE)  # without the line to the mark
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
        inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if inside and not any(box.overlaps(other) for other in taken):
            break
        label.remove()
    else:
        axes.add_artist(label)
    return label, box


def _offsets() -> Iterator[tuple[float, float]]:
    for radius in RADII:
        for angle in ANGLES:
            yield radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))


def _around(axes: Axes, form: Measured) -> Bbox:
    """Return the pixels that a mark takes."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform((form.bytes_per_vector, form.recall))
    return Bbox.from_bounds(x - 8, y - 8, 16, 16)
