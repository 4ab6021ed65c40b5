"""The figure of a filled table: our numbers with their intervals, and the paper's."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from speechbrain_ext.report.figures.drawing import (
    DEV_LINE,
    LINE,
    SOFT,
    draw_watermark,
    is_narrow,
    is_print,
    new_figure,
    set_title,
)
from speechbrain_ext.report.tables.tables import SCORES, FilledTable

# Means over folds lie a little above the pooled score, so that equal numbers are both seen.
MEAN_SHIFT = -0.18


def build_table_figure(table: FilledTable) -> Figure:
    """Build WA and UAR of every row: the pooled score with its interval, above it both means over folds."""
    figure = new_figure(8.2, 0.42 * len(table.lines) + (1.6 if is_print() else 2.0), in_rows=True)
    panels = figure.subplots(1, len(SCORES), sharey=True)
    for axes, score in zip(panels, SCORES, strict=True):
        _panel(axes, table, score)
    panels[0].set_yticks(range(len(table.lines)), [line.marked_name for line in table.lines])
    panels[0].set_ylim(len(table.lines) - 0.4, -0.6)
    set_title(figure, table.title)
    columns = 1 if is_narrow() else 2 if is_print() else 3
    figure.legend(handles=_legend(table), loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
    draw_watermark(figure, "mini" if table.is_mini else "real")
    return figure


def _panel(axes: Axes, table: FilledTable, score: str) -> None:
    for number, line in enumerate(table.lines):
        if interval := line.pooled[score].interval:
            axes.plot([100 * end for end in interval], [number, number], color=LINE, linewidth=1.6, alpha=0.5)
        axes.plot(100 * line.pooled[score].value, number, "o", color=LINE, markersize=6)
        axes.plot(100 * line.mean[score].value, number + MEAN_SHIFT, "x", color=LINE, markersize=6)
        paper = line.paper[score]
        if paper is not None:
            face = "none" if line.mark else DEV_LINE
            axes.plot(
                100 * paper, number + MEAN_SHIFT, "D", markeredgecolor=DEV_LINE, markerfacecolor=face, markersize=5
            )
    axes.set_xlabel(f"{score.upper()} in per cent")
    axes.grid(axis="x", alpha=0.25)
    axes.tick_params(axis="y", length=0)
    if is_narrow():
        axes.locator_params(axis="x", nbins=3)


def _legend(table: FilledTable) -> list[Line2D]:
    has_interval = any(line.has_interval for line in table.lines)
    pooled = "ours, pooled, with 95 % interval" if has_interval else "ours, pooled"
    handles = [
        Line2D([], [], color=LINE, marker="o", alpha=0.9, linestyle="-" if has_interval else "", label=pooled),
        Line2D([], [], color=LINE, marker="x", linestyle="", label="ours, mean of folds"),
    ]
    has_number = [line for line in table.lines if line.has_paper]
    for mark in dict.fromkeys(line.mark for line in has_number):
        face = "none" if mark else DEV_LINE
        label = f"{mark} (not comparable)" if mark else "paper, mean of folds"
        handles.append(
            Line2D([], [], linestyle="", marker="D", markeredgecolor=DEV_LINE, markerfacecolor=face, label=label)
        )
    if not has_number:
        handles.append(Line2D([], [], linestyle="", color=SOFT, label="the paper prints no number"))
    return handles
