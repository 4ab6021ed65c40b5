"""All runs of a corpus at once: which were tested on the same folds, and a figure of their UAR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from speechbrain_ext.evaluation.cards import corpus_name, is_partial, protocol_name
from speechbrain_ext.evaluation.results import targets_of
from speechbrain_ext.report.figures.drawing import (
    INK,
    LINE,
    SOFT,
    WIDTH_IN,
    draw_file,
    draw_watermark,
    is_narrow,
    is_print,
    new_figure,
    run_name,
    set_title,
)
from speechbrain_ext.utils.text import with_interval

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


def fold_groups(results: Sequence[dict[str, Any]]) -> list[FoldGroup]:
    """Group results by what they were tested on.

    Arguments
    ---------
    results : sequence of dict
        The content of each results.json.

    Returns
    -------
    groups : list of FoldGroup
        In the order of their first runs; no two have the same title.
    """
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, one in enumerate(results):
        found.setdefault(_tested_on(one), []).append(number)
    titles = [_title(results[numbers[0]]) for numbers in found.values()]
    groups = []
    for title, numbers in zip(titles, found.values(), strict=True):
        if titles.count(title) > 1:
            title += f", fold file {results[numbers[0]]['folds_sha256'][:8]}"
        if any(group.title == title for group in groups):
            title += f", group {len(groups) + 1}"
        groups.append(FoldGroup(title, tuple(numbers)))
    return groups


def groups_warning(groups: Sequence[FoldGroup]) -> str:
    """Warn where runs of different folds stand together; empty where they do not.

    Example
    -------
    >>> groups_warning([FoldGroup("random5", (0, 1))])
    ''
    """
    if len(groups) < 2:
        return ""
    return (
        f"Runs on {len(groups)} different sets of folds stand here, each set in a group of its own: "
        "compare runs within a group, never across groups."
    )


def forest_figure(results: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Draw the pooled UAR of each run with its 95 % interval, in groups of the same folds.

    Arguments
    ---------
    results : sequence of dict
        The content of each results.json.
    path : str or Path
        The file, .png or .pdf.
    """
    draw_file(path, build_forest, results)


def build_forest(results: Sequence[dict[str, Any]]) -> Figure:
    """Build the figure: a heading for each group, and per run its name above its interval."""
    groups = fold_groups(results)
    rows = len(results) + len(groups)
    figure = new_figure(WIDTH_IN, ROW_IN * rows + (1.0 if is_print() else 1.5), in_rows=True)
    axes = figure.add_subplot()
    place, most = 0.0, 40 if is_narrow() else 78
    for group in groups:
        # Names stand at the edge of the axes whatever the scale of the scores is.
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
    interval = ", with 95 % interval over speakers" if any(one["pooled"]["uar_ci95"] for one in results) else ""
    separator = ",\n" if is_narrow() else ", "
    axes.set_xlabel(f"UAR in per cent, all folds pooled{interval.replace(', ', separator, 1)}")
    warning = f"\n{len(groups)} different sets of folds: compare within a group only" if len(groups) > 1 else ""
    set_title(figure, "; ".join(sorted({corpus_name(one) for one in results})) + warning)
    draw_watermark(figure, results[0]["source"], is_behind=True)
    return figure


def _draw_run(axes: Any, results: dict[str, Any], place: float) -> None:
    uar, interval = results["pooled"]["uar"], results["pooled"]["uar_ci95"]
    edge = {"transform": axes.get_yaxis_transform(), "fontsize": 9, "color": INK, "va": "center"}
    most = 42 if is_narrow() else 52
    axes.text(0, place - 0.18, _shortened(f"{run_name(results)}, seed {results['seed']}", most), **edge)
    # A column of a paper has no room for both: there the line alone shows the interval.
    if not is_narrow():
        axes.text(1, place - 0.18, with_interval(uar, interval), ha="right", **edge)
    if interval:
        axes.plot([100 * end for end in interval], [place + 0.16] * 2, color=LINE, linewidth=2, solid_capstyle="butt")
    axes.plot(100 * uar, place + 0.16, "s", color=LINE, markersize=6)


def _tested_on(results: dict[str, Any]) -> tuple[Any, ...]:
    folds = tuple(fold["name"] for fold in results["folds"])
    keys = ("corpus", "source", "edition", "protocol", "dev", "fold_seed", "manifest_sha256", "folds_sha256")
    return (*(results[key] for key in keys), tuple(targets_of(results)), folds, is_partial(results))


def _title(results: dict[str, Any]) -> str:
    count = len(results["folds"])
    folds = f"{count} of {results['folds_of_protocol']} folds" if is_partial(results) else f"{count} folds"
    parts = [protocol_name(results), "1 fold" if folds == "1 folds" else folds]
    parts += [f"fold seed {results['fold_seed']}"] if results["fold_seed"] else []
    parts += [f"development part: {results['dev']}"] if results["dev"] != "none" else []
    return ", ".join([*parts, f"{results['pooled']['n']} utterances", _counted(results)])


def _counted(results: dict[str, Any]) -> str:
    return ", ".join(results["dimensions"]) if "dimensions" in results else f"{len(results['classes'])} classes"


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
