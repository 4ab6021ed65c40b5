"""The tables of RESULTS.md for kept results on classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from speechbrain_ext.evaluation.cards import epochs_name, has_epochs, row_name, selection_name
from speechbrain_ext.evaluation.comparability import paper_name, why_not_comparable
from speechbrain_ext.evaluation.deviations import marked
from speechbrain_ext.evaluation.results import make_summary
from speechbrain_ext.utils.text import DASH, percent, with_interval, with_std

HEAD = [
    "",
    "System",
    "Row",
    "WA, pooled [95 %]",
    "UAR, pooled [95 %]",
    "WA, mean of folds ± std",
    "UAR, mean of folds ± std",
    "Seeds",
    "Selection",
    "Epochs",
    "Commit",
]
RULE = "|" + " --- |" * 3 + " ---: |" * 4 + " --- |" * 4


def class_table(kept: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Lay out the rows of a protocol's kept results on classes, each a list of cells; the first is the head.

    Arguments
    ---------
    kept : sequence of dict
        The content of each results.json, by system, row and seed.

    Returns
    -------
    rows : list of lists of str
        Cells as plain text; the paper's stands above the rows that it may stand beside.
    """
    rows = [HEAD]
    for _, group in groupby(kept, key=lambda results: (results["system"], row_name(results))):
        seeds = list(group)
        if not why_not_comparable(seeds[0]):
            rows.append(_paper(seeds[0]))
        rows += [_here(results) for results in seeds]
        if len(seeds) > 1:
            rows.append(_all_seeds(seeds))
    return rows


def _paper(results: dict[str, Any]) -> list[str]:
    paper = results["paper"]
    scores = [DASH, DASH, percent(paper["wa"]), percent(paper["uar"])]
    return ["Paper", results["system"], paper_name(paper), *scores, DASH, DASH, DASH, DASH]


def _here(results: dict[str, Any]) -> list[str]:
    pooled, mean = results["pooled"], results["mean"]
    return [
        "Here",
        results["system"],
        marked(row_name(results), results),
        with_interval(pooled["wa"], pooled["wa_ci95"]),
        with_interval(pooled["uar"], pooled["uar_ci95"]),
        with_std(mean["wa"], mean["wa_std"]),
        with_std(mean["uar"], mean["uar_std"]),
        str(results["seed"]),
        selection_name(results) if has_epochs(results) else DASH,
        epochs_name([results]),
        results["commit"][:12],
    ]


def _all_seeds(kept: Sequence[dict[str, Any]]) -> list[str]:
    summary = make_summary(kept)
    spread = [summary[part][score] for part in ("pooled", "mean") for score in ("wa", "uar")]
    scores = [with_std(one["mean"], one["std"]) for one in spread]
    selection = selection_name(kept[0]) if has_epochs(kept[0]) else DASH
    seeds = "mean ± std of " + ", ".join(str(seed) for seed in summary["seeds"])
    commits = ", ".join(sorted({results["commit"][:12] for results in kept}))
    row = marked(row_name(kept[0]), kept[0])
    return ["Here", kept[0]["system"], row, *scores, seeds, selection, epochs_name(kept), commits]
