"""The figures of a run on dimensions: truth against prediction, and the curves of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.cards import has_epochs
from speechbrain_ext.evaluation.predicted_values import PredictedValues
from speechbrain_ext.evaluation.results_files import read_listed
from speechbrain_ext.report.figures.drawing import (
    LINE,
    SOFT,
    draw_file,
    draw_watermark,
    is_narrow,
    is_print,
    new_figure,
    png_bytes,
    run_title,
    set_title,
)
from speechbrain_ext.report.figures.run_figures import draw_curves
from speechbrain_ext.utils import text

PANEL_IN = 3.1
# Votes are few values, so that many points lie on each other: shifted by up to this share of the range.
JITTER = 0.008


def scatter_figure(results: dict[str, Any], rows: Sequence[PredictedValues], path: str | Path) -> None:
    """Draw the true against the predicted value of each tested utterance, a panel for each dimension.

    Arguments
    ---------
    results : dict
        The content of results.json.
    rows : sequence of PredictedValues
        Every tested utterance.
    path : str or Path
        The file, .png or .pdf.
    """
    draw_file(path, build_scatter, results, rows)


def write_value_figures(
    results: dict[str, Any],
    rows: Sequence[PredictedValues],
    history: dict[str, Sequence[dict[str, Any]]],
    folder: str | Path,
) -> list[str]:
    """Write scatter and curves, each as .png and .pdf; returns the files' names.

    Arguments
    ---------
    results : dict
        The content of results.json.
    rows : sequence of PredictedValues
        Every tested utterance.
    history : dict
        As `figures.curves_figure` takes it.
    folder : str or Path
        The folder of results.json.
    """
    folder = Path(folder)
    title = f"{results['corpus']}, {results['system']} {results['row']}, {results['protocol']}"
    for suffix in ("png", "pdf"):
        scatter_figure(results, rows, folder / f"scatter.{suffix}")
        draw_curves(history, folder / f"curves.{suffix}", title, results)
    names = [f"{name}.{suffix}" for name in ("scatter", "curves") for suffix in ("png", "pdf")]
    return [name for name in names if (folder / name).exists()]


def value_pngs(results: dict[str, Any], rows: Sequence[PredictedValues], folder: Path) -> dict[str, bytes]:
    """Give the figures of a run as PNG: the files of stage 3; the scatter is drawn again where it is not sound.

    Arguments
    ---------
    results : dict
        The content of results.json.
    rows : sequence of PredictedValues
        Every tested utterance; empty where the predictions are not there.
    folder : Path
        The folder of results.json.

    Returns
    -------
    pngs : dict
        Name to bytes, only where there is something to show.
    """
    names = ("scatter", "curves") if has_epochs(results) else ("scatter",)
    found = {name: read_listed(results, folder / f"{name}.png") for name in names}
    pngs = {name: data for name, data in found.items() if data is not None}
    if rows and "scatter" not in pngs:
        pngs["scatter"] = png_bytes(build_scatter, results, rows)
    return pngs


def build_scatter(results: dict[str, Any], rows: Sequence[PredictedValues]) -> Figure:
    """Build the figure of truth against prediction."""
    names, pooled = results["dimensions"], results["pooled"]
    rows = sorted(rows)
    truth = np.array([row.values for row in rows])  # [utterance, dimension]
    found = np.array([row.predicted for row in rows])  # [utterance, dimension]
    figure = new_figure(PANEL_IN * max(len(names), 2), PANEL_IN + (0.9 if is_print() else 1.2))
    for number, axes in enumerate(figure.subplots(1, len(names), squeeze=False)[0]):
        name = names[number]
        _panel(axes, truth[:, number], found[:, number])
        ccc = text.decimal_with_interval(pooled["ccc"][name], pooled["ccc_ci95"][name])
        # A column of a paper has no room for the interval above three panels.
        axes.set_title(f"{name}\nCCC {text.decimal(pooled['ccc'][name]) if is_narrow() else ccc}", fontsize=9)
        axes.set_xlabel(f"true {name}")
    figure.axes[0].set_ylabel("predicted")
    set_title(figure, run_title(results))
    draw_watermark(figure, results["source"])
    return figure


def _panel(axes: Axes, truth: np.ndarray, found: np.ndarray) -> None:
    """Points and the line on which all would lie, on one scale: off the line is off in the corpus's units."""
    low, high = min(truth.min(), found.min()), max(truth.max(), found.max())
    margin = 0.05 * (high - low or 1.0)
    shift = np.random.default_rng(0).uniform(-JITTER, JITTER, len(truth)) * (high - low)
    axes.plot([low - margin, high + margin], [low - margin, high + margin], color=SOFT, linewidth=1, linestyle="--")
    opacity = float(np.clip(60 / len(truth), 0.08, 0.6))
    axes.plot(truth + shift, found, "o", color=LINE, markersize=4, alpha=opacity, markeredgewidth=0)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(low - margin, high + margin)
    axes.set_aspect("equal")
    axes.grid(alpha=0.25)
