"""All runs of a corpus: which were tested on the same folds, and a figure of their UAR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.report.figures.drawing import (
    INK,
    LINE,
    SOFT,
    WIDTH_IN,
    draw_watermark,
    is_narrow,
    is_print,
    new_figure,
    set_title,
)
from speechbrain_ext.utils.text import percent

ROW_IN = 0.42


@dataclass(frozen=True)
class FoldGroup:
    """Runs that were tested on the same utterances in the same folds.

    Arguments
    ---------
    title : str
        The protocol, the folds, how many utterances and classes.
    numbers : tuple of int
        Places of the runs in the list that was grouped.
    """

    title: str
    numbers: tuple[int, ...]


def fold_groups(results: Sequence[Results]) -> list[FoldGroup]:
    """Group results by what they were tested on.

    Arguments
    ---------
    results : sequence of Results

    Returns
    -------
    groups : list of FoldGroup
        In the order of their first runs; no two have the same title.
    """
    found: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(results):
        found.setdefault(_tested_on(one), []).append(number)
    titles = [_title(results[numbers[0]]) for numbers in found.values()]
    groups: list[FoldGroup] = []
    for title, numbers in zip(titles, found.values(), strict=True):
        if titles.count(title) > 1:
            title += f", fold file {(results[numbers[0]].folds_sha256 or '')[:8]}"
        if any(group.title == title for group in groups):
            title += f", group {len(groups) + 1}"
        groups.append(FoldGroup(title, tuple(numbers)))
    return groups


def groups_warning(groups: Sequence[FoldGroup]) -> str:
    """Warn where runs were tested on different folds; empty where they were not.

    Example
    -------
    >>> groups_warning([FoldGroup("random5", (0, 1))])
    ''
    """
    if len(groups) < 2:
        return ""
    return (
        f"Runs on {len(groups)} different sets of folds are shown, each set in a group of its own: "
        "compare runs within a group, never across groups."
    )


def build_forest(results: Sequence[Results]) -> Figure:
    """Build the pooled UAR of each run with its 95 % interval: a heading for each group of the same folds."""
    groups = fold_groups(results)
    rows = len(results) + len(groups)
    figure = new_figure(WIDTH_IN, ROW_IN * rows + (1.0 if is_print() else 1.5), in_rows=True)
    axes = figure.add_subplot()
    place, most = 0.0, 40 if is_narrow() else 78
    for group in groups:
        # At the edge of the axes, whatever the scale of the scores is.
        axes.text(
            0,
            place + 0.3,
            _shortened(group.title, most),
            transform=axes.get_yaxis_transform(),
            fontweight="bold",
        )
        axes.axhline(place + 0.5, color=SOFT, linewidth=0.6)
        for number in group.numbers:
            place += 1
            _draw_run(axes, results[number], place)
        place += 1
    axes.set_ylim(place, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.margins(x=0.06)
    interval = ", with 95 % interval over speakers" if any(one.pooled["uar"].interval for one in results) else ""
    separator = ",\n" if is_narrow() else ", "
    axes.set_xlabel(f"UAR in per cent, all folds pooled{interval.replace(', ', separator, 1)}")
    warning = f"\n{len(groups)} different sets of folds: compare within a group only" if len(groups) > 1 else ""
    set_title(figure, "; ".join(sorted({one.corpus_name for one in results})) + warning)
    draw_watermark(figure, results[0].source, is_behind=True)
    return figure


def _draw_run(axes: Axes, results: Results, place: float) -> None:
    uar = results.pooled["uar"]
    edge: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 9, "color": INK, "va": "center"}
    most = 42 if is_narrow() else 52
    axes.text(0, place - 0.18, _shortened(f"{results.run_name}, seed {results.seed}", most), **edge)
    # A column of a paper has no room for both: there the line alone shows the interval.
    if not is_narrow():
        axes.text(1, place - 0.18, uar.text(percent), ha="right", **edge)
    if uar.interval:
        axes.plot(
            [100 * end for end in uar.interval], [place + 0.16] * 2, color=LINE, linewidth=2, solid_capstyle="butt"
        )
    axes.plot(100 * uar.value, place + 0.16, "s", color=LINE, markersize=6)


def _tested_on(results: Results) -> tuple[object, ...]:
    keys = ("corpus", "source", "edition", "protocol", "dev", "fold_seed", "manifest_sha256", "folds_sha256", "target")
    folds = tuple(fold.name for fold in results.folds)
    return (*(getattr(results, key) for key in keys), folds, results.is_partial)


def _title(results: Results) -> str:
    count = len(results.folds)
    folds = f"{count} of {results.folds_of_protocol} folds" if results.is_partial else f"{count} folds"
    parts = [results.protocol_name, "1 fold" if folds == "1 folds" else folds]
    parts += [f"fold seed {results.fold_seed}"] if results.fold_seed else []
    parts += [f"development set: {results.dev}"] if results.dev != "none" else []
    names = results.target.names
    targets = ", ".join(names) if results.has_dimensions else f"{len(names)} classes"
    return ", ".join([*parts, f"{results.pooled.n} utterances", targets])


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
