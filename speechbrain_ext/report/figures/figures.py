"""Figures of a run: the confusion matrix, true against predicted values, and the curves of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.report.figures.drawing import (
    DEV_LINE,
    INK,
    LINE,
    SOFT,
    draw_watermark,
    is_narrow,
    is_print,
    labelled,
    new_figure,
    set_title,
)
from speechbrain_ext.utils.json_values import JsonValue

# Per fold a list of {"epoch", "phase_name", and numbers such as "train_loss", "dev_loss", "dev_uar"}.
History = Mapping[str, Sequence[Mapping[str, Any]]]
NOT_CURVES = ("epoch", "phase_name")
PANEL_IN = 3.1
# Votes are few values, so that many points lie on each other: shifted by up to this share of the range.
JITTER = 0.008


def build_confusion(results: Results) -> Figure:
    """Build the pooled confusion matrix: counts, per cent of each true class, WA and UAR."""
    counts = np.array(results.pooled.confusion)  # [true class, predicted class]
    totals = counts.sum(axis=1, keepdims=True)  # [true class, 1]
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)  # [true class, predicted class]
    size = max(5.2, 0.78 * len(counts) + 1.2)
    figure = new_figure(size, size * 0.86 + (0.0 if is_print() else 0.5))
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if share[row, column] > 0.55 else INK
        weight = "bold" if row == column else "normal"
        cell = f"{count}\n{100 * share[row, column]:.1f} %" if totals[row] else "–"
        if is_narrow():
            # One number fits a cell; the bar says that it is per cent.
            cell = f"{100 * share[row, column]:.0f}" if totals[row] else "–"
        axes.text(column, row, cell, ha="center", va="center", color=colour, fontsize=9, fontweight=weight)
    classes = results.target.names
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", rotation_mode="anchor")
    named = [name if is_narrow() else f"{name}\n(n = {n})" for name, n in zip(classes, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(classes)), named)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("true emotion")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, format=lambda value, _: f"{100 * value:.0f} %", fraction=0.035, pad=0.02)
    bar.set_label("per cent of the true class" if is_narrow() else "share of the true class")
    bar.outline.set_visible(False)
    wa, uar = (results.pooled[score].text(results.target.number) for score in ("wa", "uar"))
    set_title(figure, f"{results.run_title}\nWA {wa} %   UAR {uar} %")
    draw_watermark(figure, results.source)
    return figure


def build_scatter(results: Results, rows: Sequence[Prediction]) -> Figure:
    """Build the true against the predicted value of each tested utterance, a panel for each dimension."""
    names, rows = results.target.names, sorted(rows)
    truth = np.array([row.values for row in rows])  # [utterance, dimension]
    found = np.array([row.predicted for row in rows])  # [utterance, dimension]
    figure = new_figure(PANEL_IN * max(len(names), 2), PANEL_IN + (0.9 if is_print() else 1.2))
    for number, axes in enumerate(figure.subplots(1, len(names), squeeze=False)[0]):
        name = names[number]
        _panel(axes, truth[:, number], found[:, number])
        ccc, write = results.pooled[f"ccc.{name}"], results.target.number
        # A column of a paper has no room for the interval above three panels.
        axes.set_title(f"{name}\nCCC {write(ccc.value) if is_narrow() else ccc.text(write)}", fontsize=9)
        axes.set_xlabel(f"true {name}")
    figure.axes[0].set_ylabel("predicted")
    set_title(figure, results.run_title)
    draw_watermark(figure, results.source)
    return figure


def _panel(axes: Axes, truth: np.ndarray, found: np.ndarray) -> None:
    """Points and the line of equality, on one scale: the distance to the line is the error in the corpus's units."""
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


def build_curves(history: History, title: str, source: str) -> Figure:
    """Build the curves of training: a thin line per fold and a bold one for their mean, a column per phase."""
    records = [record for fold in history.values() for record in fold]
    phases = list(dict.fromkeys(record["phase_name"] for record in records)) or ["training"]
    keys = list(dict.fromkeys(key for record in records for key in record if key not in NOT_CURVES))
    keys = [key for key in keys if any(isinstance(record.get(key), int | float) for record in records)]
    losses = [key for key in keys if "loss" in key]
    scores = [key for key in keys if key.endswith(("_uar", "_wa"))]
    concordances = [key for key in keys if key.endswith("_ccc")]
    panels = [("loss", losses), ("per cent", scores), ("CCC", concordances)]
    panels = [panel for panel in panels if panel[1]]
    if not panels:
        raise ValueError("curves: expected a loss or a score of some epoch, found none")
    figure = new_figure(max(6.4, 2.7 * len(phases)), 2.9 * len(panels) + (1.6 if is_print() else 0.5))
    grid = figure.subplots(len(panels), len(phases), squeeze=False, sharey="row", sharex="col")
    for row, (label, drawn) in enumerate(panels):
        for column, phase in enumerate(phases):
            axes = grid[row][column]
            for key in drawn:
                scale = 100 if label == "per cent" else 1
                _lines(axes, history, phase, key, scale)
            axes.grid(alpha=0.25)
            axes.margins(x=0.02)
            if row == 0:
                axes.set_title(phase, fontsize=10)
            if row == len(panels) - 1:
                axes.set_xlabel("epoch")
        grid[row][0].set_ylabel(label)
        with_label = [axes for axes in grid[row] if axes.get_legend_handles_labels()[1]]
        if with_label and not is_print():
            with_label[-1].legend(frameon=False, fontsize=9)
    if is_print():
        named = labelled(grid.flat)
        columns = 2 if is_narrow() else 4
        figure.legend(named.values(), named, loc="outside lower center", ncols=columns, frameon=False)
        for axes in grid.flat:
            axes.locator_params(axis="x", nbins=3, integer=True)
    folds = "1 fold" if len(history) == 1 else f"{len(history)} folds (thin) and their mean (bold)"
    set_title(figure, f"{title}\n{folds}" if title else folds)
    draw_watermark(figure, source, is_behind=True)
    return figure


def _lines(axes: Axes, history: History, phase: str, key: str, scale: float) -> None:
    """Draw one quantity of one phase; the mean is over the folds that reached the epoch."""
    colour = DEV_LINE if key.startswith("dev") else LINE
    style = "--" if key.endswith("_wa") else "-"
    by_epoch: dict[int, list[float]] = {}
    for fold in history.values():
        points = [
            (one["epoch"], scale * one[key]) for one in fold if one["phase_name"] == phase and _is_number(one, key)
        ]
        for epoch, value in points:
            by_epoch.setdefault(epoch, []).append(value)
        if len(history) > 1 and points:
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=style, linewidth=0.7, alpha=0.3)
    if by_epoch:
        epochs = sorted(by_epoch)
        means = [float(np.mean(by_epoch[epoch])) for epoch in epochs]
        # A single epoch has no line: a marker shows it.
        marker = "o" if len(epochs) == 1 else ""
        axes.plot(epochs, means, color=colour, linestyle=style, linewidth=2, marker=marker, label=key.replace("_", " "))


def _is_number(record: Mapping[str, JsonValue], key: str) -> bool:
    return isinstance(record.get(key), int | float)
